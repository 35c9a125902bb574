"""Types of flavors: known, unknown, and names that have none."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import FLAVOR, FlavorFact

KNOWN = "one of t2, m2, c2, r2, x1, u2"


def flavor(name: str, kind: str | None) -> Facts:
    """An instance of a flavor."""
    return given({FLAVOR: FlavorFact(id="f-1", name=name, type=kind)})


GPU = flavor("g2.c8m90", "g2")
FIND_OUT = (
    "learn how instances of flavor g2.c8m90 are captured, and add its type to the policy", Level.MANUAL,
)  # fmt: skip
TABLE = Table(
    "capture-flavor-type-known",
    (
        *(Passes(name=kind, seen=flavor(f"{kind}.c2m4", kind)) for kind in ("t2", "m2", "c2", "r2", "x1", "u2")),
        Passes(name="one that the policy knows", seen=GPU, want={"types": ["u2", "g2"]}),
        Fails(name="a new type", seen=GPU, violations=(wrong("flavor", KNOWN, "g2.c8m90"),)),
        Fails(name="no type", seen=flavor("m1.small", None), violations=(wrong("flavor", KNOWN, "m1.small"),)),
        Fails(name="no name", seen=flavor("", None), violations=(wrong("flavor", KNOWN, "(no name)"),)),
        Fails(
            name="the policy knows another", seen=flavor("m2.c1m2", "m2"), want={"types": ["u2"]},
            violations=(wrong("flavor", "one of u2", "m2.c1m2"),),
        ),
        ByHand(name="a new type", seen=GPU, steps=(FIND_OUT,), left=("flavor",)),
        BadParams(name="no type at all", want={"types": []}, message="at least 1 item"),
        BadParams(name="an empty type", want={"types": [""]}, message="at least 1 character"),
    ),
    wants=st.fixed_dictionaries({"types": st.lists(st.sampled_from(("m2", "u2", "g2")), min_size=1, max_size=2)}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
