"""Cloudbase-Init starts on demand while Windows is generalised the older way.

Why it matters
--------------
A Cloudbase-Init that starts by itself may run on the clone before Windows has finished its own set-up there, and leave
it half initialised. The older procedure therefore sets it to demand first; the answer file starts it in time. Where
there is ToastSysprep, it sees to that.

Passes when
-----------
The service ``cloudbase-init`` is set to demand; disabled passes with a note. Not judged where PowerShell knows
ToastSysprep, or when the origin image is of ``toast_from`` or later.

Fix
---
``sc config cloudbase-init start= demand``; undone by setting the start type of before. A service that is not there is
for a person.

References
----------
NHN Cloud image guide, "Windows Sysprep" (in its Korean and English editions); sc config.
"""

from collections.abc import Iterator

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.origin import SinceToast, released
from imagegate.probes import ORIGIN

SERVICE = probes.Service(name="cloudbase-init")
TOAST = probes.ShellCommand(name="ToastSysprep")
SUBJECT = f"service {SERVICE.name}"


def applies(seen: Facts, want: SinceToast) -> str | None:
    """Leave alone what is generalised with ToastSysprep."""
    if TOAST in seen and seen[TOAST].present:
        return "ToastSysprep is there: it sees to Cloudbase-Init"
    origin = released(seen, want.released)
    if origin.day >= want.toast_from:
        return f"{origin}; those of {want.toast_from} and later have ToastSysprep"
    return None


def evaluate(seen: Facts, want: SinceToast) -> Iterator[Violation | Note]:
    """Judge the start type."""
    yield Note(text=str(released(seen, want.released)))
    service = seen[SERVICE]
    if service.start == "disabled":
        yield Note(text="Cloudbase-Init is disabled: something has to enable it, or clones are not initialised")
    elif service.start != "demand":
        yield Violation(subject=SUBJECT, expected="start type demand", actual=state(service))


def state(service: probes.ServiceFact) -> str:
    """The start type in words."""
    return f"start type {service.start}" if service.present else "not there"


def plan(seen: Facts, want: SinceToast) -> Iterator[Step | Refusal]:
    """Set the start type of a service that is there."""
    service = seen[SERVICE]
    if not service.present or service.start is None:
        yield steps.Manual(
            subject=SUBJECT, why="without Cloudbase-Init a clone gets neither its name nor a password",
            summary="install Cloudbase-Init again, or start again from an image of the cloud",
        )  # fmt: skip
    elif service.start not in {"demand", "disabled"}:
        yield steps.SetServiceStart(
            service=SERVICE, start="demand", subject=SUBJECT, level=Level.SAFE, phase=Phase.CONTENT,
            summary="set the start type of cloudbase-init to demand", undo=steps.set_start(SERVICE.name, service.start),
            why="on a clone it would run before Windows has finished its own set-up",
        )  # fmt: skip


CHECK = Check(
    id="windows-cloudbase-init-on-demand",
    title="Cloudbase-Init starts on demand",
    severity=Severity.LOW,
    kind=Kind.INSTANCE,
    needs=(SERVICE,),
    uses=(TOAST, ORIGIN),
    params=SinceToast,
    applies=applies,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.SAFE,
    since="0.1",
)
