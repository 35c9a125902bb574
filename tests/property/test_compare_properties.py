"""Laws of comparing runs, for whatever they saw."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagegate.runs.brief import SEVERITIES
from imagegate.runs.compare import Changed, Fail, Gap, Place, Scope, View, compare

Key = tuple[str, int]

TARGETS = 5
KEYS = [(check, target) for check in "abc" for target in range(TARGETS)]
fails = st.builds(Fail, st.sampled_from("pqr"), st.sampled_from(SEVERITIES), st.booleans())
scopes = st.builds(
    Scope,
    whole_fleet=st.booleans(),
    partial=st.booleans(),
    catalogs=st.dictionaries(
        st.sampled_from([("images", "nhn", "kr1"), ("servers", "nhn", "kr1"), ("images", "nhn", "kr2")]), st.booleans()
    ),
)


def place(key: Key) -> Place:
    """Targets of every sort: two regions, an instance, one that no catalog lists, the policy."""
    target = key[1]
    kind = "instance" if target == 2 else "policy" if target == 4 else "image"
    region = None if target >= 3 else "KR2" if target == 1 else "KR1"
    return Place(target, kind, None if region is None else "nhn", region)


@st.composite
def views(draw: st.DrawFn) -> View[Key]:
    words = draw(st.lists(st.sampled_from(("absent", "good", "blind")) | fails, min_size=len(KEYS), max_size=len(KEYS)))
    seen = dict(zip(KEYS, words, strict=True))
    return View(
        scope=draw(scopes),
        fails={key: word for key, word in seen.items() if isinstance(word, Fail)},
        good={key for key, word in seen.items() if word == "good"},
        blind={key for key, word in seen.items() if word == "blind"},
    )


def standing(view: View[Key]) -> set[Key]:
    return {key for key, fail in view.fails.items() if not fail.waived}


@given(views())
def test_a_run_does_not_differ_from_itself(one: View[Key]) -> None:
    found = compare(one, one, place)
    assert set(found.same) == standing(one)
    assert not any((found.new, found.left, found.changed, found.unseen, found.seen))


@given(views(), views())
def test_the_other_way_round_is_the_mirror(one: View[Key], two: View[Key]) -> None:
    there, back = compare(one, two, place), compare(two, one, place)
    assert set(there.same) == set(back.same)
    assert there.new == back.left
    assert there.left == back.new
    assert there.changed == {key: Changed(before=c.after, after=c.before) for key, c in back.changed.items()}
    assert (set(there.unseen), set(there.seen)) == (set(back.seen), set(back.unseen))


@given(views(), views())
def test_every_problem_lands_in_exactly_one_class(one: View[Key], two: View[Key]) -> None:
    found = compare(one, two, place)
    assert len(found.same) == len(set(found.same))
    for view, side in ((one, found.left), (two, found.new)):
        classes = [set(found.same), set(found.changed), set(side)]
        for key in standing(view):
            assert sum(key in each for each in classes) == 1
        assert set(side) <= standing(view)
    assert set(found.same) <= standing(one) & standing(two)
    assert set(found.changed) <= standing(one) | standing(two)


@given(views(), views())
def test_only_what_was_judged_and_in_order_is_resolved(one: View[Key], two: View[Key]) -> None:
    found = compare(one, two, place)
    assert set(found.resolved) == standing(one) & set(two.good)
    for key, gap in found.left.items():
        if gap is Gap.TARGET_GONE:
            assert not two.scope.partial
            assert two.scope.whole_fleet
            assert key[1] not in {target for _, target in two.pairs()}


@given(views(), views())
def test_what_became_better_is_not_worse_and_one_way_at_least_is(one: View[Key], two: View[Key]) -> None:
    subjects = {"p": {"1"}, "q": {"1", "2"}, "r": {"3"}}
    for changed in compare(one, two, place).changed.values():
        back = Changed(before=changed.after, after=changed.before)
        assert changed.what
        assert changed.worse(subjects.__getitem__) or back.worse(subjects.__getitem__)
