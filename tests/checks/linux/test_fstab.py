"""Lines of /etc/fstab: which are volumes of their own, and how they are put out of force."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import BadParams, Fails, Fixes, Passes, Refuses, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import FSTAB, FileKind, FstabEntry, FstabFact

ONLY = "the root disk only"


def line(number: int, mount_point: str, device: str = "disk", **more) -> FstabEntry:
    """A line of a block device."""
    return FstabEntry(line=number, device=device, mount_point=mount_point, **more)


def fstab(*entries: FstabEntry, kind: FileKind = FileKind.REGULAR, **more) -> Facts:
    """A guest with these lines below that of its root."""
    lines = (line(1, "/"), *entries) if kind is FileKind.REGULAR else ()
    return given({FSTAB: FstabFact(kind=kind, entries=lines, **more)})


DATA, SWAP = line(7, "/data"), line(8, "none", swap=True)
LAZY, IDLE = line(7, "/data", nofail=True), line(8, "/old", noauto=True)


def mounts(number: int, what: str):
    """The violation of a line."""
    return wrong(f"/etc/fstab line {number}", ONLY, f"mounts {what}")


def comment(lines: str) -> tuple[str, Level]:
    """The fix."""
    return (f"comment out line {lines} of /etc/fstab", Level.DISRUPTIVE)


TABLE = Table(
    "linux-fstab-root-only",
    (
        Passes(name="the root alone", seen=fstab()),
        Passes(name="no file", seen=fstab(kind=FileKind.ABSENT)),
        Passes(name="the partitions of a root disk", seen=fstab(line(2, "/boot"), line(3, "/boot/efi"))),
        *(
            Passes(name=device, seen=fstab(line(2, "/x", device)))
            for device in ("removable", "file", "bind", "network", "pseudo")
        ),
        Passes(name="parked", seen=fstab(parked=(DATA,))),
        Passes(name="a place on the root disk", seen=fstab(DATA), want={"allow": ["/", "/data"]}),
        Passes(name="swap on the root disk", seen=fstab(SWAP), want={"allow": ["/", "swap"]}),
        Passes(name="a start goes on without", seen=fstab(LAZY, IDLE), want={"nofail": True}),
        Fails(name="a volume", seen=fstab(DATA), violations=(mounts(7, "/data"),)),
        Fails(name="swap", seen=fstab(SWAP), violations=(mounts(8, "swap"),)),
        Fails(name="a pool", seen=fstab(line(3, "/x", "other")), violations=(mounts(3, "/x"),)),
        Fails(
            name="nofail and noauto", seen=fstab(LAZY, IDLE),
            violations=(mounts(7, "/data, nofail"), mounts(8, "/old, noauto")),
        ),
        Fails(name="the policy allows less", seen=fstab(), want={"allow": ["/boot"]}, violations=(mounts(1, "/"),)),
        Unknown(
            name="a link", seen=fstab(kind=FileKind.LINK), reason="/etc/fstab is a link: its lines were not read",
        ),
        Unknown(
            name="a folder", seen=fstab(kind=FileKind.DIRECTORY),
            reason="/etc/fstab is a directory: its lines were not read",
        ),
        Fixes(name="a volume", seen=fstab(DATA), steps=(comment("7"),)),
        Fixes(
            name="two, beside one that is parked", seen=fstab(DATA, SWAP, parked=(line(2, "/y"),)),
            steps=(comment("7, 8"),),
        ),
        Fixes(name="one may stay", seen=fstab(DATA, IDLE), want={"nofail": True}, steps=(comment("7"),)),
        Refuses(
            name="a mount", seen=fstab(DATA, mounted_over=True), reasons=("something is mounted on /etc/fstab",),
        ),
        Refuses(
            name="half a line", seen=fstab(DATA, line(9, "")),
            reasons=("a line names a device but no mount point",),
        ),
        BadParams(name="a misspelt parameter", want={"allowed": ["/"]}, message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries({}, optional={"nofail": st.booleans(), "allow": st.just(["/", "swap"])}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_the_step_has_a_way_back():
    seen = fstab(DATA, line(8, "/x", "network"), parked=(line(2, "/y"),))
    [step] = TABLE.subject.plan(seen, TABLE.subject.params())
    back = replace(step, commented=False)
    there = step.simulate(seen)
    assert not back.done(there)
    assert back.simulate(there) == seen
    assert back.done(seen)
