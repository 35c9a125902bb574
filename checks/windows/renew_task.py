r"""A task renews the DHCP lease when a clone of a running capture starts.

Why it matters
--------------
A clone of a disk that was copied while Windows ran wakes up with the lease of the original, and may keep its address.
Windows images of 2019-05-28 and later see to that by themselves; older ones need a task.

Passes when
-----------
An enabled task has a boot trigger that is active now, runs ``ipconfig /renew`` as SYSTEM, and waits neither for a
network nor for mains power nor until the machine is idle; its name is free. Highest privileges mean nothing for SYSTEM:
a task without them passes with a note. Not judged when the instance is off (then it is not captured while it runs), or
when the origin image is of ``renew_before`` or later. An unknown release date is unknown: state it with ``released``.

Fix
---
Register such a task as ``name``. It is undone by deleting it. A name that is taken is never overwritten.

References
----------
NHN Cloud image guide, "Windows: register a startup task"; Task Scheduler schema; schtasks create.
"""

from collections.abc import Iterator
from datetime import date, datetime

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.boot_tasks import MAINS_ONLY, obstacles, remarks
from imagegate.errors import Unobserved
from imagegate.ipconfig import IPCONFIG, RENEW, lease_obstacles, names_sysnative
from imagegate.origin import OfOrigin, released
from imagegate.probes import ORIGIN, SERVER, WINDOWS, ScheduledTask

TASKS = probes.TasksOf(program="ipconfig")
WISHED = "runs ipconfig /renew as SYSTEM at every boot"


class Wanted(OfOrigin):
    """What the policy can say."""

    renew_before: date = Field(
        default=date(2019, 5, 28),
        description="Origin images released before this day need the task.",
    )  # fmt: skip
    name: str = Field(
        default="imagegate-renew-dhcp", pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9 _.-]{0,98}[A-Za-z0-9])?$",
        description="The name that the fix gives to the task.",
    )  # fmt: skip
    allow_mains_only: bool = Field(
        default=False,
        description="Let a task pass that starts on mains power only, as the dialog of Windows makes it: "
        "instances of a cloud have no battery.",
    )


def faults(task: ScheduledTask, now: datetime, want: Wanted) -> list[str]:
    """All that keeps a task from renewing the lease at every boot."""
    return [*lease_obstacles(task.actions), *obstacles(task, now, mains_only=want.allow_mains_only)]


def notes(task: ScheduledTask, now: datetime) -> list[str]:
    """What a reader should know about a good task."""
    hidden = ["names Sysnative, which only 32-bit programs see"] if any(map(names_sysnative, task.actions)) else []
    return [*remarks(task, now), *hidden]


def applies(seen: Facts, want: Wanted) -> str | None:
    """Leave alone what is captured while it is off, and what newer images were made into."""
    if SERVER in seen and seen[SERVER].is_off:
        return "the instance is off: only what is captured while it runs needs the task"
    origin = released(seen, want.released)
    return f"{origin}; those of {want.renew_before} and later need no task" if origin.day >= want.renew_before else None


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Look for one good task; tell how near the others come, the nearest first."""
    found, now = seen[TASKS], seen[WINDOWS].now if WINDOWS in seen else seen.at
    looks = [(faults(task, now, want), task) for task in found.tasks]
    if good := [task for wrong, task in looks if not wrong]:
        best = min(good, key=lambda task: len(notes(task, now)))
        yield Note(text=str(released(seen, want.released)))
        yield from (Note(text=f"{best.name} {note}") for note in notes(best, now))
        return
    if found.unreadable:
        names = ", ".join(found.unreadable)
        raise Unobserved(TASKS.key, f"no task that was read renews the lease, and some could not be read: {names}")
    yield Note(text=str(released(seen, want.released)))
    if not looks:
        yield Violation(subject="startup task", expected=WISHED, actual=f"none of {found.total} tasks runs ipconfig")
    for wrong, task in sorted(looks, key=lambda look: len(look[0])):
        hint = "instances of a cloud have no battery: allow_mains_only lets it pass" if wrong == [MAINS_ONLY] else None
        yield Violation(subject=f"task {task.name}", expected=WISHED, actual="; ".join(wrong), hint=hint)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Register a task of our own beside the others."""
    if not any(isinstance(item, Violation) for item in evaluate(seen, want)):
        return
    path = f"\\{want.name}"
    if any(task.name.lower() == path.lower() for task in seen[TASKS].tasks):
        reason, hint = f"a task {path} is there already, not as required", "delete it, or state another `name`"
        yield Refusal(subject=f"task {path}", reason=reason, hint=hint)
        return
    yield steps.RegisterTask(
        tasks=TASKS, name=path, description="Renews the DHCP lease when a clone of this machine starts (imagegate)",
        command=IPCONFIG, arguments=RENEW, subject=f"task {path}", level=Level.SAFE, phase=Phase.CONTENT,
        summary=f"register the task {path}: ipconfig /renew as SYSTEM at every boot", undo=steps.delete_task(path),
        why="a clone would wake up with the lease of this instance",
    )  # fmt: skip


CHECK = Check(
    id="windows-renew-task-present",
    title="A task renews the DHCP lease at boot",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(),
    uses=(ORIGIN, TASKS, SERVER, WINDOWS),
    params=Wanted,
    applies=applies,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.SAFE,
    since="0.1",
)
