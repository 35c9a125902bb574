"""The console's tick box: never seen, told to a person, attested; judged only where facts are written by hand."""

from tests.checks.harness import ByHand, Fails, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import ConsoleBox, ConsoleFact

BOX = ConsoleBox(name="initialise-password")
TICK = (
    "in the console, when the image is made of this instance, tick "
    '"initialise the password of Windows created from this image"'
)
ATTEST = "write an attestation for windows-password-initialised into the policy: who ticked it, and when"


def box(ticked: bool) -> Facts:
    """What nobody can look at."""
    return given({BOX: ConsoleFact(ticked=ticked)})


TABLE = Table(
    "windows-password-initialised",
    (
        Passes(name="ticked", seen=box(ticked=True)),
        Fails(
            name="not ticked", seen=box(ticked=False),
            violations=(wrong("password initialisation", "ticked", "not ticked"),),
        ),
        Unknown(
            name="nobody but a person can see it", seen=box(ticked=True).without(BOX, "no API tells"),
            reason="no API tells", by_hand=(TICK, ATTEST),
        ),
        ByHand(
            name="not ticked", seen=box(ticked=False), steps=((TICK, Level.MANUAL), (ATTEST, Level.MANUAL)),
            left=("password initialisation",),
        ),
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_the_plan_tells_why_and_where_the_new_password_appears():
    tick, _ = TABLE.subject.plan(box(ticked=False), TABLE.subject.params())
    assert "blank password" in tick.why
    assert "access tab" in tick.then
    assert "key pair" in tick.then


def test_it_can_be_attested():
    assert TABLE.subject.attestable
