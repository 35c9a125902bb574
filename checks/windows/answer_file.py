r"""The answer file for sysprep is the vendor's, and whole.

Why it matters
--------------
The answer file decides what a clone does at its first start. Without it, or with one that sysprep cannot read, clones
stop at a screen that nobody sees; without its passes Cloudbase-Init does not run, and no password is ever set. A
password that stands in it ends up in every clone.

Passes when
-----------
Unattend.xml lies in Cloudbase-Init's folder below ``C:\Program Files\Cloudbase Solutions``, is a well-formed answer
file, has the ``passes``, holds no password in clear text and no SkipRearm other than 0, and has one of the digests
``sha256``, where the policy gives any. If it lies only below ``C:\Program Files\Cloud Solutions``, as one note of the
guide spells it, it passes with a warning.

Fix
---
By hand: put back the vendor's file, from a fresh instance of the same image.

References
----------
NHN Cloud image guide, "Windows Sysprep" (the command block says Cloudbase Solutions, the note Cloud Solutions);
Cloudbase-Init's own Unattend.xml; Microsoft, "Use Answer Files with Sysprep", "SkipRearm".
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.probes.sysprep import ANSWER_FILE, OTHER_ANSWER_FILE

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]


class Wanted(Params):
    """What the policy can say."""

    passes: list[str] = Field(
        default=["generalize", "oobeSystem", "specialize"],
        description="Configuration passes that the file must have; the default are those of Cloudbase-Init's own file.",
    )
    sha256: list[Digest] = Field(
        default=[], description="SHA-256 digests of the vendor's files, in hex; with none given, any file will do."
    )


def answers(seen: Facts) -> probes.AnswerFile:
    """The file that counts: the documented one, unless only the other is there."""
    if seen[ANSWER_FILE].state == "absent" and seen[OTHER_ANSWER_FILE].state != "absent":
        return OTHER_ANSWER_FILE
    return ANSWER_FILE


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge where the file is and what it would do."""
    probe = answers(seen)
    file = seen[probe]
    if probe == OTHER_ANSWER_FILE:
        yield Note(text=f"warning: only {probe.path} is there; the documented command is run in Cloudbase Solutions")
    if file.state == "absent":
        yield Violation(subject=probe.path, expected="an answer file", actual="absent")
        return
    if file.state == "malformed":
        yield Violation(
            subject=probe.path, expected="a well-formed answer file", actual=f"malformed: {file.problem or 'no reason'}"
        )
        return
    if lacking := [name for name in want.passes if name not in file.passes]:
        actual = f"without {', '.join(lacking)}"
        yield Violation(subject="passes", expected=f"with {', '.join(want.passes)}", actual=actual)
    if file.password:
        hint = "take it for known: change it wherever it is used"
        yield Violation(subject="password", expected="none in clear text", actual="one in clear text", hint=hint)
    if file.skip_rearm not in {None, 0}:
        yield Violation(subject="SkipRearm", expected="0, or absent", actual=str(file.skip_rearm))
    if want.sha256 and file.sha256 not in want.sha256:
        actual = file.sha256 or "not taken: the file holds a password"
        yield Violation(subject="digest", expected=f"one of the vendor's: {', '.join(want.sha256)}", actual=actual)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Tell a person where to get the file from."""
    if any(isinstance(item, Violation) for item in evaluate(seen, want)):
        yield steps.Manual(
            subject=ANSWER_FILE.path, why="it decides what every clone does at its first start",
            summary=f"put back {ANSWER_FILE.path} from a fresh instance of the same image",
        )  # fmt: skip
        if seen[answers(seen)].password:
            yield steps.Manual(
                subject="password", summary="change the password that stands in the answer file wherever it is used",
                why="whoever can read the disk of an instance knows it",
            )  # fmt: skip


CHECK = Check(
    id="windows-answer-file-valid",
    title="The answer file for sysprep is the vendor's and whole",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(ANSWER_FILE,),
    uses=(OTHER_ANSWER_FILE,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
