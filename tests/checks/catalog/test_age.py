"""Age: how old an image may be, and which generations are kept whatever their age."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, NotApplicable, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import GENERATIONS, IMAGE, GenerationsFact, GenerationsProbe, ImageFact

OURS = ImageFact(
    id="i-1", name="golden-web-20260510", owner="p-owner", mine=True, status="active", visibility="private",
    protected=True, created_at="2026-05-10T23:59:59Z",
)  # fmt: skip
NEWEST = "golden-web-20261101"
RULE = "-[0-9]{8}(-[0-9]+)?"
BY_RULE = GenerationsProbe(generation=RULE)


def image(newer: int = 0, **change) -> Facts:
    """Our image, 196 days old, and how many newer ones there are."""
    later = GenerationsFact(newer=newer, newest=NEWEST if newer else None)
    return given({IMAGE: replace(OURS, **change), GENERATIONS: later})


def by_rule(newer: int) -> Facts:
    """The same, where the policy says what a family is."""
    later = GenerationsFact(newer=newer, newest=NEWEST if newer else None)
    return given({IMAGE: OURS, BY_RULE: later})


def at_most(days: int, **more: object) -> dict[str, object]:
    """Parameters."""
    return {"max_days": days, **more}


def old(days: int, keep: int, newer: int):
    """The violation of an image that is neither young nor kept."""
    kept = f"at most {days} days, or one of the last {keep} of its family"
    return wrong("age", kept, f"196 days, {newer} newer, the newest {NEWEST}")


RETIRE = ("retire image i-1 if no server runs from it, or waive this", Level.MANUAL)

TABLE = Table(
    "catalog-age-allowed",
    (
        Passes(name="young", seen=image(newer=9), want=at_most(365)),
        Passes(name="on its last day", seen=image(newer=9), want=at_most(196)),
        Passes(
            name="young, others unseen", seen=image().without(GENERATIONS, "not ours"), want=at_most(365),
        ),
        Passes(
            name="old, and the last of its family", seen=image(), want=at_most(90),
            note="196 days old, and kept as one of the last of its family",
        ),
        Passes(
            name="old, and one of the last three", seen=image(newer=2), want=at_most(90, keep=3),
            note="196 days old, and kept as one of the last of its family",
        ),
        Passes(name="from the future", seen=image(created_at="2027-01-01T00:00:00Z"), want=at_most(1)),
        Fails(name="a day too old", seen=image(newer=1), want=at_most(195), violations=(old(195, 1, 1),)),
        Fails(name="the last three are others", seen=image(newer=3), want=at_most(90, keep=3),
              violations=(old(90, 3, 3),)),
        Fails(
            name="nothing is kept", seen=image(), want=at_most(90, keep=0),
            violations=(wrong("age", "at most 90 days", "196 days"),),
        ),
        Fails(
            name="nothing is kept, others unseen", seen=image().without(GENERATIONS, "not ours"),
            want=at_most(90, keep=0), violations=(wrong("age", "at most 90 days", "196 days"),),
        ),
        Passes(
            name="the policy has a rule for families", seen=by_rule(newer=0), want=at_most(90, generation=RULE),
            note="196 days old, and kept as one of the last of its family",
        ),
        Fails(
            name="too old by the policy's rule", seen=by_rule(newer=1), want=at_most(90, generation=RULE),
            violations=(old(90, 1, 1),),
        ),
        Unknown(
            name="unseen by the policy's rule", seen=by_rule(newer=1).without(BY_RULE, "not ours"),
            want=at_most(90, generation=RULE), reason="not ours",
        ),
        Unknown(
            name="old, others unseen", seen=image().without(GENERATIONS, "not ours"), want=at_most(90),
            reason="not ours",
        ),
        Unknown(
            name="nobody knows when it was made", seen=image(created_at=None), want=at_most(90),
            reason="it does not say when it was created",
        ),
        NotApplicable(name="deleted", seen=image(status="deleted"), want=at_most(1), reason="the image is deleted"),
        NotApplicable(
            name="on its way out", seen=image(status="pending_delete"), want=at_most(1),
            reason="the image is pending_delete",
        ),
        ByHand(name="a candidate", seen=image(newer=1), want=at_most(90), steps=(RETIRE,), left=("age",)),
        BadParams(name="no age", want={}, message="Field required"),
        BadParams(name="no day at all", want=at_most(0), message="greater than or equal to 1"),
        BadParams(name="a rule that is none", want=at_most(1, generation="-(v"), message="a ( without its )"),
        BadParams(name="fewer than none", want=at_most(1, keep=-1), message="greater than or equal to 0"),
        BadParams(name="a misspelt parameter", want=at_most(1, kept=1), message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries({"max_days": st.integers(1, 400), "keep": st.integers(0, 3), "generation": st.sampled_from((None, RULE))}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
