"""What makes an image a copy: the index against the plain rule, and laws of the choice between candidates."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st
from tests.strategies import contents, copies, images, patient

from imagegate.copies import MARKER, Terms, blueprint, finished, how_found, ours, pick, proved, replayed, unlike
from imagegate.probes import Content, CopiesProbe, ImageFact
from imagegate.transports.openstack.copies import Index
from imagegate.transports.openstack.paging import Listing

US = "p-owner"
ids = st.sampled_from(("i-1", "i-2", "i-3"))
names = st.sampled_from(("web", "web-kr2", "Web", ""))
sums = st.sampled_from(("aa", "bb", None))
SOURCE = ImageFact(
    id="i-1", name="web", owner=US, mine=True, status="active", visibility="private", protected=False, checksum="aa"
)


@st.composite
def records(draw):
    """A record as the image API lists it; properties flat or nested."""
    said = draw(
        st.dictionaries(
            st.sampled_from(("source_image_id", "copied_from", MARKER, "instance_uuid", "os_type")), ids, max_size=3
        )
    )
    flat = draw(st.booleans())
    return {
        "id": draw(st.sampled_from(("c-1", "c-2", "c-3", "i-1"))), "owner": draw(st.sampled_from((US, US, "p-other"))),
        "name": draw(names), "status": draw(st.sampled_from(("active", "queued", "deleted", "pending_delete"))),
        "visibility": "private", "protected": False, "checksum": draw(sums), **(said if flat else {"properties": said}),
    }  # fmt: skip


probes = st.builds(
    CopiesProbe, region=st.just("KR2"), link=st.sampled_from(("source_image_id", "copied_from")), linked=st.booleans(),
    checksum=st.booleans(), named=st.booleans(), name=st.sampled_from((None, "{name}-kr2")),
    declared=st.lists(st.tuples(ids, st.sampled_from(("c-1", "c-2"))), max_size=2).map(tuple),
)  # fmt: skip


@patient
@given(rows=st.lists(records(), max_size=6, unique_by=lambda row: row["id"]), probe=probes, checksum=sums)
def test_the_index_finds_what_the_rule_says_and_nothing_else(rows, probe, checksum):
    source = Content(checksum=checksum)
    listing = Listing(records={row["id"]: row for row in rows}, pages=1)
    fact = Index(listing, "KR2", US).fact(SOURCE, "KR1", source, probe)
    flat = {row["id"]: {**row, **row.get("properties", {})} for row in rows if row["owner"] == US}
    wanted = {ident: how_found(SOURCE, source, probe, row) for ident, row in flat.items()}
    found = {copy.image.id: copy.how for copy in fact.images}
    event(f"{len(found)} found")
    assert found == {ident: how for ident, how in wanted.items() if how is not None}
    assert all(flat[ident]["status"] not in {"deleted", "pending_delete"} for ident in found)


@patient
@given(rows=st.lists(records(), min_size=1, max_size=4, unique_by=lambda row: row["id"]), probe=probes)
def test_no_image_is_a_copy_by_accident(rows, probe):
    """What says it is a copy of another image is one of ours only if a person declared it."""
    for row in rows:
        flat = {**row, **row.get("properties", {})}
        how = how_found(SOURCE, Content(checksum="aa"), probe, flat)
        if probe.linked and flat.get(probe.link) not in {None, SOURCE.id}:
            assert how in {None, "declared"}
        if flat.get(MARKER) and flat.get(probe.link) != SOURCE.id:
            assert how in {None, "declared"}, "unfinished work for another image"


@patient
@given(fact=copies)
def test_the_best_candidate_is_judged(fact):
    best = pick(fact)
    assert (best is None) is (fact.images == ())
    if best is None:
        return
    assert finished(best.image) or not any(finished(one.image) for one in fact.images)
    mirrored = replace(fact, images=fact.images[::-1])
    assert finished(pick(mirrored).image) is finished(best.image), "the order of a list decides nothing"
    assert pick(mirrored).how == best.how
    if proved(fact):
        assert fact.source.same(best.content)
        assert not ours(best.image)


@patient
@given(one=contents, other=contents)
def test_data_are_the_same_both_ways(one, other):
    assert one.same(other) is other.same(one)
    if one.known and one.hash_algo is None:
        assert one.same(one) is True
    if one.same(other) is True:
        assert None in {one.size, other.size} or one.size == other.size


@patient
@given(image=images, ignore=st.lists(st.sampled_from(("os_type", "tier")), max_size=2).map(tuple))
def test_no_secret_and_nothing_of_the_clouds_own_is_replayed(image, ignore):
    secret = ("password", "(withheld)")
    own = (("base_image_ref", "i-0"), ("os_glance_x", "1"), (MARKER, "w"), ("source_image_id", "i-9"), ("os_type", "linux"))
    full = replace(image, properties=(*image.properties, secret, *own))
    terms = Terms(region="KR2", link="source_image_id", ignore=ignore)
    found = replayed(full, terms)
    assert {"password", "base_image_ref", "os_glance_x", MARKER, "source_image_id", *ignore} & found.keys() == set()
    assert "(withheld)" not in found.values()
    assert ("os_type" in found) is ("os_type" not in ignore)


@patient
@given(fact=copies, image=images)
def test_what_a_blueprint_makes_is_like_it(fact, image):
    """A copy that is exactly as the blueprint says has nothing that is unlike."""
    terms = Terms(region="KR2", link="source_image_id", description="{name} of {region}")
    plan = blueprint(image, fact.home, terms)
    for copy in fact.images:
        if plan is not None:
            there = replace(
                copy.image, name=plan.name, min_disk=plan.min_disk, min_ram=plan.min_ram, properties=plan.properties,
                protected=plan.protected,
            )  # fmt: skip
            same = replace(copy, image=there, content=fact.source)
            left = [what for what, _, _ in unlike(same, image, fact, plan, terms)]
            assert left in ([], ["age"])
            assert left == [] or not fact.source.known


def test_unfinished_work_is_found_by_its_link_alone():
    """Whatever rules the policy has: what was begun for this image is found, for another one never."""
    any_rule = CopiesProbe(region="KR2", link="source_image_id", checksum=True, named=True)
    begun = {"id": "c-1", "status": "queued", "name": "web", "checksum": "aa", MARKER: "w0"}
    for linked in (True, False):
        probe, data = replace(any_rule, linked=linked), Content(checksum="aa")
        assert how_found(SOURCE, data, probe, {**begun, "source_image_id": "i-1"}) == "link"
        assert how_found(SOURCE, data, probe, {**begun, "source_image_id": "i-2"}) is None
        assert how_found(SOURCE, data, probe, begun) is None
    assert how_found(SOURCE, Content(checksum="aa"), any_rule, {**begun, MARKER: None}) == "checksum"
