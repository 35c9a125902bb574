"""The licensing state: the setting that skips its reset, and how many resets are left."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Fixes, Passes, Refuses, Table, given, wrong

from imagegate.model import Level, Phase
from imagegate.probes import REARM, RearmFact, Registry, RegistryFact
from imagegate.steps import SetRegistryNumber

SKIP = Registry(path=r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform", name="SkipRearm")
ABSENT = RegistryFact(present=False)
TEXT = RegistryFact(present=True, type="REG_SZ", text="0")
CLEAR = ("set SkipRearm to 0", Level.SAFE)
AGAIN = ("build the image again from a fresh instance of the vendor's image", Level.MANUAL)


def dword(number: int, kind: str = "REG_DWORD") -> RegistryFact:
    """A number in the registry."""
    return RegistryFact(present=True, type=kind, number=number)


def facts(skip: RegistryFact = ABSENT, left: int = 1001):
    """The setting and the count."""
    return given({SKIP: skip, REARM: RearmFact(remaining=left)})


def skips(actual: str):
    """The violation of the setting."""
    return wrong("SkipRearm", "0, or absent", actual)


def used_up(asked: int, left: int):
    """The violation of the count."""
    return wrong("resets", f"at least {asked} left", f"{left} left")


TABLE = Table(
    "windows-rearm-available",
    (
        Passes(name="no setting", seen=facts()),
        Passes(name="the setting is 0", seen=facts(dword(0))),
        Passes(name="the last reset", seen=facts(left=1)),
        Passes(name="none left, and none is asked for", seen=facts(left=0), want={"remaining": 0}),
        Fails(name="the setting is 1", seen=facts(dword(1)), violations=(skips("1"),)),
        Fails(name="the setting is 2", seen=facts(dword(2)), violations=(skips("2"),)),
        Fails(name="a QWORD", seen=facts(dword(1, "REG_QWORD")), violations=(skips("1"),)),
        Fails(name="a text of 0 is no number", seen=facts(TEXT), violations=(skips("a value of type REG_SZ"),)),
        Fails(name="none left", seen=facts(left=0), violations=(used_up(1, 0),)),
        Fails(name="fewer than asked for", seen=facts(left=2), want={"remaining": 3}, violations=(used_up(3, 2),)),
        Fails(name="both", seen=facts(dword(1), 0), violations=(skips("1"), used_up(1, 0))),
        Fixes(name="the setting is 1", seen=facts(dword(1)), steps=(CLEAR,)),
        Fixes(name="a QWORD", seen=facts(dword(1, "REG_QWORD")), steps=(CLEAR,)),
        ByHand(name="none left", seen=facts(left=0), steps=(AGAIN,), left=("resets",)),
        ByHand(name="both", seen=facts(dword(1), 0), steps=(CLEAR, AGAIN), left=("resets",)),
        Refuses(name="a text", seen=facts(TEXT), reasons=("it is a value of type REG_SZ, not a number",)),
        Refuses(
            name="a text, and none left", seen=facts(TEXT, 0), reasons=("it is a value of type REG_SZ, not a number",)
        ),
        BadParams(name="less than none", want={"remaining": -1}, message="greater than or equal to 0"),
    ),
    wants=st.fixed_dictionaries({}, optional={"remaining": st.integers(0, 3)}),
)

test_case, test_table_is_complete = TABLE.tests()


def test_the_undo_puts_back_what_was_there():
    [step] = TABLE.subject.plan(facts(dword(7)), TABLE.subject.params())
    assert isinstance(step, SetRegistryNumber)
    assert step.undo == "set it to 7"
    assert step.phase is Phase.CONTENT
