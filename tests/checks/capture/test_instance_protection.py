"""Protection of an instance, wanted or not."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import SERVER, ServerFact


def server(protected: bool | None) -> Facts:
    """A server with or without protection."""
    served = ServerFact(
        id="s-1", name="build-1", status="ACTIVE", power_state=1, task_state=None, protected=protected,
    )  # fmt: skip
    return given({SERVER: served})


NOT_WANTED = {"protected": False}


def switch(way: str) -> tuple[str, Level]:
    """What a person does."""
    return (f"switch delete protection {way} for instance build-1 in the console", Level.MANUAL)


SUBJECT = "instance protection"
TABLE = Table(
    "capture-instance-protection-conforms",
    (
        Passes(name="protected", seen=server(True)),
        Passes(name="not protected, not wanted", seen=server(False), want=NOT_WANTED),
        Fails(name="not protected", seen=server(False), violations=(wrong(SUBJECT, "protected", "not protected"),)),
        Fails(
            name="protected, not wanted", seen=server(True), want=NOT_WANTED,
            violations=(wrong(SUBJECT, "not protected", "protected"),),
        ),
        Unknown(
            name="a cloud that does not say", seen=server(None),
            reason="the compute API does not tell of instance protection (NHN-EXT-ATTR:protect)",
        ),
        ByHand(name="not protected", seen=server(False), steps=(switch("on"),), left=(SUBJECT,)),
        ByHand(name="not wanted", seen=server(True), want=NOT_WANTED, steps=(switch("off"),), left=(SUBJECT,)),
        BadParams(name="no yes or no", want={"protected": "perhaps"}, message="valid boolean"),
    ),
    wants=st.fixed_dictionaries({"protected": st.booleans()}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
