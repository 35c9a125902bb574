"""The machine id is reset before the image is captured.

Why it matters
--------------
Every clone of an image takes over the id that the image holds: equal DHCP leases, equal keys in monitoring and
licensing. Emptying /etc/machine-id alone is not enough: systemd fills an empty file from a regular
/var/lib/dbus/machine-id before it thinks of anything random, and every clone gets the old id back.

Passes when
-----------
/etc/machine-id is an empty regular file (or holds ``uninitialized``, or is missing, where ``accept`` says so),
/var/lib/dbus/machine-id is absent or a link to it, and the kernel command line does not set systemd.machine_id.

Fix
---
Replace the D-Bus file by a link, then empty /etc/machine-id: both atomically, mode and owner kept, never through a
link. Running daemons keep the old id: stop the instance for the capture, or reboot it.

References
----------
machine-id(5); systemd src/shared/machine-id-setup.c; NHN Cloud image guide, "Linux: initialise the machine-id".
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.probes import FileKind

ETC = probes.File(path="/etc/machine-id", read=64, classify="machine-id")
DBUS = probes.File(path="/var/lib/dbus/machine-id", read=64, classify="machine-id")
OPTION = probes.KernelOption(name="systemd.machine_id")
SYSTEMD = (probes.File(path="/usr/lib/systemd/systemd"), probes.File(path="/lib/systemd/systemd"))
WISHED = "an empty file"
LINKED = "absent, or a link to /etc/machine-id"


class Wanted(Params):
    """What the policy can say."""

    accept: list[Literal["empty", "uninitialized", "missing"]] = Field(
        default=["empty", "uninitialized"], min_length=1,
        description="States of /etc/machine-id that pass; `missing` may keep a host with a read-only root from booting",
    )  # fmt: skip


def state(file: probes.FileFact) -> str:
    """The state of an id file in one word, never its content."""
    if file.mount_point:
        return "a mount point"
    if file.kind is FileKind.ABSENT:
        return "missing"
    if file.kind is FileKind.LINK:
        return f"a link to {file.link_to}"
    if file.kind is not FileKind.REGULAR:
        return f"a {file.kind}"
    return file.content or "not classified"


def dbus_is_harmless(seen: Facts) -> bool:
    """Whether the D-Bus file cannot bring an id back."""
    dbus = seen[DBUS]
    if dbus.mount_point:
        return False
    return dbus.kind is FileKind.ABSENT or (dbus.kind is FileKind.LINK and dbus.resolved == ETC.path)


def dbus_state(seen: Facts) -> str:
    """The state of the D-Bus file, where it matters that it is a file of its own."""
    return f"a regular file: {state(seen[DBUS])}" if seen[DBUS].kind is FileKind.REGULAR else state(seen[DBUS])


def hint_for(file: probes.FileFact) -> str | None:
    """What to do about a file that is no plain file."""
    if file.mount_point:
        return "look at the file below the mount"
    plain = file.kind in {FileKind.REGULAR, FileKind.ABSENT}
    return None if plain else "look at who made it so; imagegate never follows it"


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the two files and the kernel command line."""
    etc = state(seen[ETC])
    if etc not in want.accept:
        wished = WISHED if "empty" in want.accept else " or ".join(want.accept)
        yield Violation(subject=ETC.path, expected=wished, actual=etc, hint=hint_for(seen[ETC]))
    elif etc == "uninitialized":
        yield Note(text="`uninitialized` counts as a first boot: presets and ConditionFirstBoot units will run")
    if not dbus_is_harmless(seen):
        hint = "systemd takes an id from here when /etc/machine-id is empty"
        yield Violation(subject=DBUS.path, expected=LINKED, actual=dbus_state(seen), hint=hint)
    option = seen[OPTION].state
    if option == "present":
        yield Violation(subject="kernel command line", expected="no systemd.machine_id", actual="sets it")
    elif option == "not-booted":
        yield Note(text="not booted: the kernel command line was not looked at")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Mend the D-Bus file first: an emptied id beside a regular copy would only look clean."""
    etc, dbus = seen[ETC], seen[DBUS]
    if all(seen[path].kind is FileKind.ABSENT for path in SYSTEMD):
        reason = "the host has no systemd: nothing would fill an empty id, D-Bus may not start"
        yield Refusal(subject=ETC.path, reason=reason, hint=f"remove {DBUS.path} as the last act before the capture")
        return
    for probe, file in ((ETC, etc), (DBUS, dbus)):
        odd = file.kind not in {FileKind.REGULAR, FileKind.ABSENT, *([FileKind.LINK] if probe is DBUS else [])}
        if file.mount_point or odd:
            hint = "find out who made it so; imagegate never follows it"
            yield Refusal(subject=probe.path, reason=f"{probe.path} is {state(file)}", hint=hint)
            return
    if state(etc) not in want.accept and "empty" not in want.accept:
        reason = "the fix makes an empty file, which the policy does not accept"
        yield Refusal(subject=ETC.path, reason=reason, hint="add empty to accept")
        return
    if seen[OPTION].state == "present":
        yield steps.Manual(
            subject="kernel command line", why="it overrides the file",
            summary="remove systemd.machine_id= from the boot loader's configuration and reboot",
        )  # fmt: skip
    live = seen[OPTION].state != "not-booted"
    then = "stop the instance before it is captured, or reboot it: it then gets a new id" if live else None
    if not dbus_is_harmless(seen):
        yield steps.LinkFile(
            file=DBUS, to=ETC.path, subject=DBUS.path, summary=f"replace {DBUS.path} by a link to {ETC.path}",
            level=Level.DISRUPTIVE, phase=Phase.IDENTITY, why="a regular file brings the old id back on every clone",
        )  # fmt: skip
    if state(etc) not in want.accept:
        yield steps.EmptyFile(
            file=ETC, subject=ETC.path, summary=f"empty {ETC.path}", level=Level.DISRUPTIVE, phase=Phase.IDENTITY,
            why="every clone would take over the id", then=then,
        )  # fmt: skip


CHECK = Check(
    id="linux-machine-id-reset",
    title="The machine id is reset",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(ETC, DBUS, OPTION),
    uses=SYSTEMD,
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
