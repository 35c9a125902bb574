"""Free space of the root disk."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import DiskSpace, DiskSpaceFact


def free(kb: int) -> Facts:
    """A guest with so much room."""
    return given({DiskSpace(path="/"): DiskSpaceFact(free_kb=kb)})


def make_room(kb: int) -> tuple[str, Level]:
    """What a person does."""
    words = f"free {kb} KiB or more on / (old logs, package caches, journals), or enlarge the disk"
    return (words, Level.MANUAL)


TABLE = Table(
    "linux-disk-space-available",
    (
        Passes(name="just enough", seen=free(100)),
        Passes(name="plenty", seen=free(10**9)),
        Passes(name="the policy asks for more", seen=free(1024), want={"min_kb": 1024}),
        Fails(name="full", seen=free(0), violations=(wrong("/", "100 KiB free or more", "0 KiB free"),)),
        Fails(name="nearly enough", seen=free(99), violations=(wrong("/", "100 KiB free or more", "99 KiB free"),)),
        Fails(
            name="not enough for the policy", seen=free(1023), want={"min_kb": 1024},
            violations=(wrong("/", "1024 KiB free or more", "1023 KiB free"),),
        ),
        ByHand(name="full", seen=free(0), steps=(make_room(100),), left=("/",)),
        BadParams(name="nothing", want={"min_kb": 0}, message="greater than or equal to 1"),
    ),
    wants=st.fixed_dictionaries({"min_kb": st.integers(1, 400)}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
