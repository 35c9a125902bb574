"""The installation is generalised, and was not started since.

Why it matters
--------------
Clones of an installation that was not generalised share its SID, its activation and its device settings. That the
instance is off proves nothing: a plain shutdown looks the same. One start uses the generalisation up.

Passes when
-----------
ImageState is IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE, sysprep's success tag is newer than the last boot, and sysprep
logged no error since then. While the instance is off only evidence that imagegate took right before it stopped it can
tell; otherwise this is unknown, and an attestation of the policy may stand beside it.

Fix
---
With ``method: sysprep``: run the documented command with /quit in place of /shutdown, wait until the state proves it,
keep the evidence, stop the instance. With ``method: toast``: run ToastSysprep, answer its question, wait until the
compute API says that the instance is off; as it powers off by itself, the state stays unknown until it is attested or
proven from a clone. DESTRUCTIVE: the SID, restore points and event logs are lost, the administrator's password becomes
blank, programs may break.

References
----------
NHN Cloud image guide, "Windows Sysprep"; Microsoft, "Windows Setup States", "Sysprep (Generalize) a Windows
installation", "Sysprep Process Overview" (log files).
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.errors import Owner
from imagegate.model import Unseen
from imagegate.probes import SERVER, WINDOWS
from imagegate.probes.sysprep import (
    ANSWER_FILE, COMPLETE, GENERALIZED, IMAGE_STATE, OTHER_ANSWER_FILE, SERVICING_REBOOT, SETUP_ERRORS, SUCCESS_TAG,
    UPDATE_REBOOT,
)  # fmt: skip
from imagegate.steps.sysprep import error_since, is_newer

STATUS = r"HKLM\SYSTEM\Setup\Status\SysprepStatus"
HINTS = (
    probes.Registry(path=STATUS, name="GeneralizationState"),
    probes.Registry(path=STATUS, name="CleanupState"),
)
TOAST = probes.ShellCommand(name="ToastSysprep")
NEEDS = (IMAGE_STATE, SUCCESS_TAG, SETUP_ERRORS, WINDOWS)
STATES = {
    COMPLETE: "in use: never generalised, or started since",
    "IMAGE_STATE_UNDEPLOYABLE": "a phase of Setup is under way, or did not end",
    "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT": "generalised, but clones would start in audit mode",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE": "in the middle of the first start of a clone",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT": "in the middle of the first start of a clone, into audit mode",
}
WHY = (
    "clones would share its SID, activation and devices. LOST for good: the SID, restore points, event logs; the "
    "administrator's password becomes blank, and nobody can log in to a clone unless the console's box is ticked when "
    "the image is made; programs may break"
)
STOP_S = 300.0
KEEP_OFF = "do not start it before the capture: one start uses the generalisation up"
BY_HAND = steps.Manual(
    subject="image state", why="it can only be read while the instance is on, and starting it would use it up",
    summary="prove it from a clone, or attest in the policy that it was generalised and not started since",
)  # fmt: skip


class Wanted(Params):
    """What the policy can say."""

    method: Literal["sysprep", "toast"] = Field(
        default="sysprep", description="`toast` runs ToastSysprep (images since 2020-08-18), which leaves no evidence."
    )
    timeout_s: float = Field(
        default=1800.0, gt=0, le=14400,
        description="How long the fix waits for sysprep, and then until the instance is off, in seconds.",
    )  # fmt: skip


def state(seen: Facts) -> str:
    """The image state, and what it means."""
    found = seen[IMAGE_STATE]
    if found.text is None:
        return f"a value of type {found.type}" if found.present else "absent"
    return f"{found.text} ({STATES.get(found.text, 'a state that is not documented')})"


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the state, and whether its witnesses are newer than the last boot."""
    tag, booted = seen[SUCCESS_TAG], seen[WINDOWS].booted_at
    if seen[IMAGE_STATE].text != GENERALIZED:
        yield Violation(subject="image state", expected=GENERALIZED, actual=state(seen))
    if not is_newer(tag, booted):
        old = "older than the last boot" if tag.modified is not None else "of an unknown age"
        actual = old if tag.kind == "regular" else "absent" if tag.kind == "absent" else f"a {tag.kind}"
        yield Violation(subject="success tag", expected="written since the last boot", actual=actual)
    if (line := error_since(seen[SETUP_ERRORS], booted)) is not None:
        yield Violation(subject=SETUP_ERRORS.path, expected="no error since the last boot", actual=line)
    hints = [(hint.name, seen[hint].number) for hint in HINTS if hint in seen]
    if shown := [f"{name} {number}" for name, number in hints if number is not None]:
        yield Note(text=f"supporting evidence, undocumented: {', '.join(shown)}")


def obstacle(seen: Facts) -> Refusal | None:
    """What forbids to generalise now, whatever the method."""
    found = seen[IMAGE_STATE].text
    if found == GENERALIZED:
        reason = "it says that it is generalised, but no run since the last boot proves it"
        return Refusal(subject="image state", reason=reason, hint="build the image again from a fresh instance")
    if found != COMPLETE:
        reason = f"sysprep starts from {COMPLETE} only, this is {state(seen)}"
        hint = f"look at {SETUP_ERRORS.path}; build the image again from a fresh instance"
        return Refusal(subject="image state", reason=reason, hint=hint)
    if (line := error_since(seen[SETUP_ERRORS], seen[WINDOWS].booted_at)) is not None:
        reason = f"sysprep failed since the last boot: {line}"
        return Refusal(subject="setuperr.log", reason=reason, hint="remove the cause and restart the instance first")
    if seen[SERVICING_REBOOT].present or seen[UPDATE_REBOOT].present:
        return Refusal(subject="restart", reason="a restart is pending: sysprep would fail", hint="restart it first")
    return None


def unstoppable(server: probes.ServerFact) -> Refusal | None:
    """Why the instance could not be stopped, or powered off and seen to be, after sysprep."""
    if server.is_off:
        return Refusal(subject="state", reason="the instance is off", hint="start it, then run again")
    if server.task_state is not None:
        reason = f"the task {server.task_state} is under way"
        return Refusal(subject="state", reason=reason, hint="wait until it is done, then run again")
    if server.locked:
        return Refusal(subject="state", reason="the instance is locked", hint="unlock it first")
    if server.status != "ACTIVE":
        return Refusal(subject="state", reason=f"the instance is {server.status}, not ACTIVE")
    return None


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Generalise from a state that allows it, and only where the power can be seen to."""
    if not all(probe in seen for probe in NEEDS):
        yield BY_HAND
        return
    if not any(isinstance(item, Violation) for item in evaluate(seen, want)):
        return
    look = seen.observation(SERVER)
    known = not (look is None or (isinstance(look, Unseen) and look.owner is Owner.USER))  # else no cloud lists it
    if want.method == "toast" and known and seen[SERVER].is_off:
        yield BY_HAND
        return
    if (refusal := obstacle(seen) or (unstoppable(seen[SERVER]) if known else None)) is not None:
        yield refusal
        return
    yield from by_toast(seen, want) if want.method == "toast" else by_sysprep(seen, want, stop=known)


def by_sysprep(seen: Facts, want: Wanted, *, stop: bool) -> Iterator[Step | Refusal]:
    """Generalise, and stop the instance where the compute API can."""
    answers = next((probe for probe in (ANSWER_FILE, OTHER_ANSWER_FILE) if seen[probe].state == "readable"), None)
    if answers is None:
        hint = "see windows-answer-file-valid"
        yield Refusal(subject="answer file", reason=f"{ANSWER_FILE.path} is {seen[ANSWER_FILE].state}", hint=hint)
        return
    by_hand = "no compute API shows this instance: shut it down yourself, and do not start it before the capture"
    yield steps.Generalize(
        answers=answers, since=max(seen[WINDOWS].now, seen[WINDOWS].booted_at), subject="image state",
        summary="generalise the installation with sysprep", level=Level.DESTRUCTIVE, phase=Phase.GENERALIZE, why=WHY,
        then=KEEP_OFF if stop else by_hand, patience_s=want.timeout_s,
    )  # fmt: skip
    if stop:
        yield steps.stop_server(seen[SERVER].name, patience_s=STOP_S)


def by_toast(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Let NHN Cloud's command do it."""
    if not seen[TOAST].present:
        reason = "this image has no ToastSysprep"
        yield Refusal(subject="ToastSysprep", reason=reason, hint="method: sysprep (images before 2020-08-18)")
        return
    yield steps.ToastSysprep(
        since=max(seen[WINDOWS].now, seen[WINDOWS].booted_at), subject="image state", why=WHY,
        summary=f"generalise the installation of {seen[SERVER].name} with ToastSysprep, which powers it off",
        level=Level.DESTRUCTIVE, phase=Phase.GENERALIZE, disconnects=True, patience_s=want.timeout_s,
        then=f"its state stays unknown until it is attested or proven from a clone; {KEEP_OFF}",
    )  # fmt: skip
    yield BY_HAND


CHECK = Check(
    id="windows-generalized",
    title="The installation is generalised",
    severity=Severity.CRITICAL,
    kind=Kind.INSTANCE,
    needs=NEEDS,
    uses=(*HINTS, ANSWER_FILE, OTHER_ANSWER_FILE, TOAST, SERVICING_REBOOT, UPDATE_REBOOT, SERVER),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DESTRUCTIVE,
    since="0.1",
    attestable=True,
)
