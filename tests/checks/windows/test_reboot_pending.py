"""Signs that Windows waits for a restart, one by one and together; and no restart after a restart."""

from datetime import timedelta

from hypothesis import strategies as st
from tests.checks.harness import NOW, BadParams, Fails, Fixes, Passes, Refuses, Table, given, wrong

from imagegate.model import Level, Phase
from imagegate.probes import WINDOWS, Registry, RegistryFact, WindowsFact

CURRENT = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
SERVICING = Registry(path=rf"{CURRENT}\Component Based Servicing\RebootPending")
UPDATE = Registry(path=rf"{CURRENT}\WindowsUpdate\Auto Update\RebootRequired")
RENAMES = Registry(path=r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", name="PendingFileRenameOperations")
THERE = {
    SERVICING: RegistryFact(present=True),
    UPDATE: RegistryFact(present=True),
    RENAMES: RegistryFact(present=True, type="REG_MULTI_SZ"),
}
SAID = {
    SERVICING: ("servicing", "updates or features wait for a restart (RebootPending)"),
    UPDATE: ("Windows Update", "an update waits for a restart (RebootRequired)"),
    RENAMES: ("file operations", "files are to be renamed or deleted at a restart (PendingFileRenameOperations)"),
}
RESTART = ("restart the instance", Level.DISRUPTIVE)
UNCOUNTED = {"file_renames": False}
NOT_COUNTED = f"not counted by the policy: {SAID[RENAMES][1]}"


def signs(*present: Registry, up_s: float = 86_400):
    """Windows, up for so long, with these signs."""
    windows = WindowsFact(version="10.0.17763", product="Windows", booted_at=NOW - timedelta(seconds=up_s), now=NOW)
    known = {sign: THERE[sign] if sign in present else RegistryFact(present=False) for sign in THERE}
    return given({WINDOWS: windows, **known})


def waits(sign: Registry):
    """The violation of a sign."""
    subject, actual = SAID[sign]
    return wrong(subject, "nothing waits for a restart", actual)


def just_up(seconds: int):
    """Why it is not restarted."""
    return (f"it booted {seconds} s ago, and something is pending still or again",)


TABLE = Table(
    "windows-reboot-not-pending",
    (
        Passes(name="no sign", seen=signs()),
        Passes(name="no sign, just booted", seen=signs(up_s=1)),
        Passes(name="file operations, which do not count", seen=signs(RENAMES), want=UNCOUNTED, note=NOT_COUNTED),
        *(Fails(name=SAID[sign][0], seen=signs(sign), violations=(waits(sign),)) for sign in THERE),
        Fails(name="all signs", seen=signs(*THERE), violations=tuple(map(waits, THERE))),
        Fails(
            name="all signs, and file operations do not count", seen=signs(*THERE), want=UNCOUNTED,
            violations=(waits(SERVICING), waits(UPDATE)), note=NOT_COUNTED,
        ),
        *(Fixes(name=SAID[sign][0], seen=signs(sign), steps=(RESTART,)) for sign in THERE),
        Fixes(name="all signs", seen=signs(*THERE), steps=(RESTART,)),
        Fixes(name="up for just long enough", seen=signs(UPDATE, up_s=600), steps=(RESTART,)),
        Fixes(name="just booted, and the policy does not mind", seen=signs(UPDATE, up_s=5), want={"settle_s": 0},
              steps=(RESTART,)),
        Fixes(name="a clock that was set back since the boot", seen=signs(UPDATE, up_s=-3600), steps=(RESTART,)),
        Fixes(name="a longer wait", seen=signs(SERVICING), want={"timeout_s": 7200}, steps=(RESTART,)),
        Refuses(name="just restarted", seen=signs(UPDATE, up_s=599), reasons=just_up(599)),
        Refuses(name="up for less than the policy asks", seen=signs(UPDATE, up_s=3599), want={"settle_s": 3600},
                reasons=just_up(3599)),
        BadParams(name="no time to boot", want={"timeout_s": 0}, message="greater than 0"),
        BadParams(name="a wait of days", want={"timeout_s": 7201}, message="less than or equal to 7200"),
        BadParams(name="a boot in the future", want={"settle_s": -1}, message="greater than or equal to 0"),
    ),
    wants=st.fixed_dictionaries(
        {}, optional={"file_renames": st.booleans(), "settle_s": st.sampled_from((0, 600)), "timeout_s": st.just(60)}
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_it_restarts_before_it_is_generalised_and_waits_as_long_as_the_policy_says():
    [step] = TABLE.subject.plan(signs(UPDATE), TABLE.subject.params(timeout_s=77))
    assert step.phase is Phase.RESTART < Phase.GENERALIZE
    assert step.disconnects
    assert (step.patience_s, step.since) == (77, NOW)
