"""Whether a scheduled task runs at every boot of Windows as SYSTEM, told from its definition. Pure.

Source: Task Scheduler schema (triggerBaseType, settingsType, principalType) and its documentation, "RunLevel",
"DeleteExpiredTaskAfter".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from imagegate.probes.task import ScheduledTask, TaskTrigger

SYSTEM_NAMES = frozenset(
    {
        "s-1-5-18",
        "system",
        "localsystem",
        r"nt authority\system",
        r"nt authority\localsystem",
        r".\system",
        r".\localsystem",
    }
)
"""SYSTEM in small letters. Localised names of it are not guessed: the Task Scheduler itself keeps the SID."""

MAINS_ONLY = "starts on mains power only"

_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
"""The furthest time zones: a boundary without one is the guest's local time, whose zone is not known here."""


def is_system(task: ScheduledTask) -> bool:
    """Whether the task runs as SYSTEM."""
    return task.group is None and task.user is not None and task.user.strip().lower() in SYSTEM_NAMES


def obstacles(task: ScheduledTask, now: datetime, *, mains_only: bool = False) -> Iterator[str]:
    """Why the task does not run as SYSTEM at every boot, the weightiest first; nothing if it does.

    ``now`` is the guest's clock. ``mains_only`` lets pass what starts on mains power only.
    """
    if not task.enabled:
        yield "is disabled"
    if boot_trigger(task, now) is None:
        yield from dict.fromkeys(_boot_obstacles(task, now))
    if not is_system(task):
        who = task.user if task.user is not None else "no account" if task.group is None else f"group {task.group}"
        yield f"runs as {who}, not as SYSTEM"
    if task.needs_network:
        yield "waits for a network, which the clone has not got before it renews"
    if task.only_if_idle:
        yield "waits until the machine is idle"
    if task.on_ac_only and not mains_only:
        yield MAINS_ONLY
    if task.expires is not None and task.triggers and all(trigger.end is not None for trigger in task.triggers):
        yield f"deletes itself when its triggers have ended ({task.expires})"


def remarks(task: ScheduledTask, now: datetime) -> Iterator[str]:
    """What a reader should know about a task without obstacles."""
    trigger = boot_trigger(task, now)
    if trigger is not None and trigger.delay is not None:
        yield f"starts {trigger.delay} after the boot"
    if trigger is not None and trigger.end is not None:
        yield f"ends at {trigger.end}: what boots later does not run it"
    if task.run_level != "highest":
        yield "is not set to run with the highest privileges, which Windows ignores for SYSTEM"
    if task.on_ac_only:
        yield MAINS_ONLY


def boot_trigger(task: ScheduledTask, now: datetime) -> TaskTrigger | None:
    """The boot trigger that is active now, of several the one with the fewest limits."""
    active = [trigger for trigger in task.triggers if trigger.kind == "boot" and inactive(trigger, now) is None]
    return min(active, key=lambda trigger: (trigger.end is not None, trigger.delay is not None), default=None)


def inactive(trigger: TaskTrigger, now: datetime) -> str | None:
    """Why a trigger does nothing now; None if it is active."""
    if not trigger.enabled:
        return "is disabled"
    if trigger.start is not None and not _past(trigger.start, now):
        return f"is active from {trigger.start} only"
    if trigger.end is not None and not _ahead(trigger.end, now):
        return f"is active until {trigger.end} only"
    return None


def _boot_obstacles(task: ScheduledTask, now: datetime) -> Iterator[str]:
    boots = [trigger for trigger in task.triggers if trigger.kind == "boot"]
    for trigger in boots:
        yield f"its boot trigger {inactive(trigger, now)}"
    if not boots:
        kinds = ", ".join(dict.fromkeys(trigger.kind for trigger in task.triggers))
        yield f"its trigger is {kinds}, not boot" if kinds else "has no trigger"


def _past(boundary: str, now: datetime) -> bool:
    """Whether a boundary is over for sure."""
    at, local = _moment(boundary)
    return at is not None and now - at >= (_WEST if local else timedelta())


def _ahead(boundary: str, now: datetime) -> bool:
    """Whether a boundary is still to come for sure."""
    at, local = _moment(boundary)
    return at is not None and at - now > (_EAST if local else timedelta())


def _moment(boundary: str) -> tuple[datetime | None, bool]:
    try:
        at = datetime.fromisoformat(boundary)
    except ValueError:
        return None, False
    return (at.replace(tzinfo=UTC), True) if at.tzinfo is None else (at, False)
