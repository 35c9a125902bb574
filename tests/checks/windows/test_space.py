"""Space for the first start: around the documented floor, and what a policy asks more."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Level
from imagegate.probes import FreeSpace, FreeSpaceFact

DRIVE = FreeSpace(drive="C:")
KB = 1024
MB = {"free_kb": 1024}


def free(size: int):
    """So many bytes are free."""
    return given({DRIVE: FreeSpaceFact(free=size, size=50 * 2**30)})


def lacks(asked: int, there: int):
    """The violation."""
    return wrong("C:", f"at least {asked} KB free", f"{there} KB free")


def by_hand(kb: int):
    """The step for a person."""
    return (f"free another {kb} KB on C: (logs, Windows Update's cache)", Level.MANUAL)


TABLE = Table(
    "windows-space-available",
    (
        Passes(name="gigabytes", seen=free(30 * 2**30)),
        Passes(name="the documented floor", seen=free(100 * KB)),
        Passes(name="what the policy asks", seen=free(1024 * KB), want=MB),
        Fails(name="one byte below the floor", seen=free(100 * KB - 1), violations=(lacks(100, 99),)),
        Fails(name="nothing at all", seen=free(0), violations=(lacks(100, 0),)),
        Fails(name="the floor, but the policy asks more", seen=free(100 * KB), want=MB, violations=(lacks(1024, 100),)),
        ByHand(name="one byte is lacking", seen=free(100 * KB - 1), steps=(by_hand(1),), left=("C:",)),
        ByHand(name="half a policy's margin", seen=free(512 * KB), want=MB, steps=(by_hand(512),), left=("C:",)),
        BadParams(name="less than the floor", want={"free_kb": 99}, message="greater than or equal to 100"),
    ),
    wants=st.fixed_dictionaries({}, optional={"free_kb": st.sampled_from((100, 1024, 10**6))}),
)

test_case, test_table_is_complete = TABLE.tests()
