"""Which flavors can run Windows: the known types, u2, and those that nobody knows."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import FLAVOR, FlavorFact

KNOWN = "a known type: t2, m2, c2, r2, x1"
INPUT = "the platform refuses this: an input is wrong (the flavor, or `os` in the inventory or the rule)"
LOOK = "find out which is wrong: the instance, its flavor, `os` in the inventory, or the policy's rule"


def flavor(name: str, type_: str | None) -> Facts:
    """An instance of a flavor."""
    return given({FLAVOR: FlavorFact(id="f", name=name, type=type_)})


def is_u2(name: str):
    """The violation of a u2 flavor."""
    return wrong("flavor type", "one that can run Windows", f"u2 ({name})", INPUT)


TABLE = Table(
    "capture-windows-supported",
    (
        *(Passes(name=type_, seen=flavor(f"{type_}.c2m4", type_)) for type_ in ("t2", "m2", "c2", "r2", "x1")),
        Passes(name="a type that the policy adds", seen=flavor("g2.c8m90", "g2"), want={"types": ["m2", "g2"]}),
        Fails(name="u2", seen=flavor("u2.c1m2", "u2"), violations=(is_u2("u2.c1m2"),)),
        Fails(name="u2 in capitals", seen=flavor("U2.c1m2", "U2"), violations=(is_u2("U2.c1m2"),)),
        Fails(
            name="a type that nobody knows", seen=flavor("m3.c2m4", "m3"),
            violations=(wrong("flavor type", KNOWN, "m3.c2m4"),),
        ),
        Fails(name="no type", seen=flavor("custom", None), violations=(wrong("flavor type", KNOWN, "custom"),)),
        Fails(
            name="a type that the policy takes away", seen=flavor("t2.c2m4", "t2"), want={"types": ["m2"]},
            violations=(wrong("flavor type", "a known type: m2", "t2.c2m4"),),
        ),
        ByHand(name="u2", seen=flavor("u2.c1m2", "u2"), steps=((LOOK, Level.MANUAL),), left=("flavor type",)),
        ByHand(
            name="no type", seen=flavor("custom", None), left=("flavor type",),
            steps=(("if custom can run Windows, add its type to types", Level.MANUAL),),
        ),
        *(
            BadParams(name=f"{word} in types", want={"types": ["m2", word]}, message="u2 cannot run Windows")
            for word in ("u2", "U2")
        ),
        BadParams(name="no types", want={"types": []}, message="at least 1 item"),
    ),
    wants=st.fixed_dictionaries({"types": st.lists(st.sampled_from(("m2", "c2", "x")), min_size=1, max_size=2)}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
