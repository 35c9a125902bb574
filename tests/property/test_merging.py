"""Whatever several entries of clouds.yaml list: each image is there once, none is lost, and order does not matter."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from imagegate.model import Kind, Seen, Target
from imagegate.probes import IMAGE, ImageFact
from imagegate.transports.openstack.merging import SELF_UNSEEN, Blind, Viewer, merge

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OWNERS = ("p-a", "p-b", "p-c", "p-vendor", None)
IDS = ("i-1", "i-2", "i-3")


def seen_by(viewer, ident, owner, created):
    """One image as one entry lists it; ``created`` None: a record that could not be read."""
    attributes = {"owner": frozenset({owner, "self"} if owner == viewer.project else {owner}) - {None}}
    target = Target(
        kind=Kind.IMAGE, id=ident, name=ident, cloud=viewer.cloud, region="KR1", owner=owner, deployment="d",
        seen_from=(viewer.cloud,), attributes=attributes,
    )  # fmt: skip
    if created is None or owner is None:
        return target, {}
    fact = ImageFact(
        id=ident, name=ident, owner=owner, mine=owner == viewer.project, status="active", visibility="shared",
        protected=False, created_at=created,
    )  # fmt: skip
    return target, {IMAGE: Seen(value=fact, at=NOW)}


@st.composite
def catalogs(draw, contradictions=True):
    """Some entries, what each lists, and a shuffled copy of it."""
    projects = draw(st.lists(st.sampled_from(("p-a", "p-b", "p-c", "p-d")), min_size=1, max_size=4))
    viewers = [Viewer(cloud=f"c-{number}", project=project) for number, project in enumerate(projects)]
    found = []
    for ident in IDS:
        owner = draw(st.sampled_from(OWNERS))
        created = draw(st.sampled_from(("monday", "tuesday", None)))
        for viewer in viewers:
            if draw(st.booleans()):
                told = draw(st.sampled_from(("monday", "tuesday"))) if contradictions and draw(st.booleans()) else created
                found.append(seen_by(viewer, ident, owner, told))
    return viewers, found, draw(st.permutations(found))


def as_told(found):
    """All that a merged catalog says, without its order."""
    return {
        t.key: (t.cloud, t.seen_from, t.owner, t.attributes["owner"], t.unseen, tuple(facts.items())) for t, facts in found
    }


blinds = st.builds(Blind, projects=st.frozensets(st.sampled_from(("p-c", "p-vendor"))), strangers=st.booleans())


@given(catalogs(), blinds)
def test_order_does_not_matter(case, blind):
    viewers, found, shuffled = case
    assert as_told(merge(shuffled, viewers, blind)) == as_told(merge(found, viewers, blind))


@given(catalogs(), blinds)
def test_merging_again_changes_nothing(case, blind):
    viewers, found, _ = case
    once = merge(found, viewers, blind)
    assert as_told(merge(once, viewers, blind)) == as_told(once)


@given(catalogs())
def test_no_view_is_lost_and_none_is_told_twice(case):
    viewers, found, _ = case
    merged = merge(found, viewers)
    assert len({target.key for target, _ in merged}) == len(merged)
    told = [(cloud, target.id) for target, _ in merged for cloud in target.seen_from]
    assert sorted(told) == sorted((target.cloud, target.id) for target, _ in found)


@given(catalogs(contradictions=False))
def test_one_target_per_image_through_its_owner_else_through_the_first(case):
    viewers, found, _ = case
    merged = merge(found, viewers)
    assert sorted(target.id for target, _ in merged) == sorted({target.id for target, _ in found})
    order = [viewer.cloud for viewer in viewers]
    for target, facts in merged:
        assert target.key == f"image:d/KR1/{target.id}", "whoever saw it"
        assert list(target.seen_from) == sorted(target.seen_from, key=order.index)
        of_owner = [viewer.cloud for viewer in viewers if viewer.project == target.owner]
        assert target.cloud == (of_owner or target.seen_from)[0]
        assert ("self" in target.attributes["owner"]) is bool(of_owner)
        own = [seen for view, seen in found if (view.cloud, view.id) == (target.cloud, target.id)]
        assert facts == (own[0] if own else {}), "what is known is what its own entry was told, and nobody else"


@given(catalogs())
def test_what_contradicts_itself_is_never_one_thing(case):
    viewers, found, _ = case
    for target, _ in merge(found, viewers):
        views = [seen for view, seen in found if view.id == target.id and view.cloud in target.seen_from]
        born = {(s[IMAGE].value.owner, s[IMAGE].value.created_at) for s in views if s}
        assert len(born) <= 1


@given(catalogs(), blinds)
def test_what_lost_entries_might_own_is_ours_or_in_doubt(case, blind):
    viewers, found, _ = case
    ours = {viewer.project for viewer in viewers}
    for target, _ in merge(found, viewers, blind):
        if target.deployment is not None and target.owner in ours | blind.projects:
            assert "self" in target.attributes["owner"]
        if "self" not in target.attributes["owner"]:
            assert (SELF_UNSEEN in target.unseen) is blind.strangers
