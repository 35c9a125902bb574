r"""The tool that generalises Windows is there.

Why it matters
--------------
An image of Windows is generalised before it is captured, or all clones share one SID. The cloud's images of 2020-08-18
and later bring ToastSysprep, which does it all; older ones are generalised with Windows' own sysprep.exe.

Passes when
-----------
PowerShell knows the command ToastSysprep; or the origin image is older than ``toast_from``, and
``C:\Windows\System32\Sysprep\sysprep.exe`` is a file. Without the command, an unknown release date is unknown: state
it with ``released``.

Fix
---
By hand: what an image lacks that should have it, nobody can say from here.

References
----------
NHN Cloud image guide, "Windows Sysprep" (its English edition says 2018.08.18, a misprint); Microsoft, "How Sysprep
Works".
"""

from collections.abc import Iterator

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.origin import SinceToast, released
from imagegate.probes import ORIGIN

TOAST = probes.ShellCommand(name="ToastSysprep")
SYSPREP = probes.WindowsFile(path=r"C:\Windows\System32\Sysprep\sysprep.exe")


def evaluate(seen: Facts, want: SinceToast) -> Iterator[Violation | Note]:
    """Judge by presence; where there is no ToastSysprep, the origin image tells whether there should be."""
    if seen[TOAST].present:
        return
    origin = released(seen, want.released)
    yield Note(text=str(origin))
    if origin.day >= want.toast_from:
        yield Violation(subject=TOAST.name, expected="a command of PowerShell", actual="PowerShell does not know it")
    elif seen[SYSPREP].kind != "regular" or seen[SYSPREP].size == 0:
        actual = "an empty file" if seen[SYSPREP].kind == "regular" else seen[SYSPREP].kind
        yield Violation(subject=SYSPREP.path, expected="a program", actual=actual)


def plan(seen: Facts, want: SinceToast) -> Iterator[Step | Refusal]:
    """Tell a person where the tool comes from."""
    for item in evaluate(seen, want):
        if isinstance(item, Violation) and item.subject == TOAST.name:
            yield steps.Manual(
                subject=TOAST.name, why="the cloud's images of that day have it, and somebody took it away",
                summary="start again from an image of the cloud; or generalise as older images are, "
                f"and state toast_from after {released(seen, want.released).day}",
            )  # fmt: skip
        elif isinstance(item, Violation):
            yield steps.Manual(
                subject=SYSPREP.path, why="without it nothing generalises this Windows",
                summary="bring it back with sfc /scannow, or start again from an image of the cloud",
            )  # fmt: skip


CHECK = Check(
    id="windows-sysprep-tool-present",
    title="The tool that generalises Windows is there",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(TOAST,),
    uses=(ORIGIN, SYSPREP),
    params=SinceToast,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
