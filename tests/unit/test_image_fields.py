"""Steps on an image's record: what they send, expect and simulate."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import foreign, images, patient
from tests.unit.test_steps import GOLDEN, IMAGED, SAID, members

from imagegate.errors import StepRefused, Unobserved
from imagegate.model import Facts
from imagegate.probes import IMAGE, MEMBERS, NAMESAKES, NamesakesFact, NamesakesProbe
from imagegate.steps import Rename, SetMinimum, SetProperty, SetTag, SetVisibility

TAKEN = NamesakesProbe(name="new")


def image(**change) -> Facts:
    """The image, with changes."""
    return IMAGED.with_fact(IMAGE, replace(GOLDEN, **change))


def sent(step, seen=IMAGED):
    """The edit that a step sends."""
    call = step.call(seen)
    assert (call.method, call.path, call.accepts) == ("PATCH", "/v2/images/a%2Fb%20c", {200})
    assert call.content_type == "application/openstack-images-v2.1-json-patch"
    (edit,) = call.body
    return edit


def test_renaming():
    step = Rename(name="new", **SAID)
    assert sent(step) == {"op": "replace", "path": "/name", "value": "new"}
    seen = IMAGED.with_fact(NAMESAKES, NamesakesFact(images=("i-2",)))
    after = step.simulate(seen)
    assert (after[IMAGE], after[NAMESAKES].images) == (replace(GOLDEN, name="new"), ())
    assert NAMESAKES not in step.simulate(IMAGED), "what was not looked at is not made up"
    assert step.basis(image(name="other")) != step.basis(IMAGED)
    assert step.basis(image(protected=True)) == step.basis(IMAGED)


def test_a_name_is_taken_only_if_it_is_free_right_before_the_write():
    step = Rename(name="new", **SAID)
    assert TAKEN in step.reads
    assert step.basis(IMAGED.with_fact(TAKEN, NamesakesFact())) == step.basis(IMAGED)
    with pytest.raises(StepRefused, match="the name new is taken by image i-2: nothing was written"):
        step.basis(IMAGED.with_fact(TAKEN, NamesakesFact(images=("i-2",))))
    with pytest.raises(Unobserved, match="no answer"):
        step.basis(IMAGED.without(TAKEN, "no answer"))


@pytest.mark.parametrize(
    ("key", "value", "there", "edit"),
    [
        ("os_type", "linux", (), {"op": "add", "path": "/os_type", "value": "linux"}),
        ("os_type", "linux", (("os_type", "Windows"),), {"op": "replace", "path": "/os_type", "value": "linux"}),
        ("os_type", None, (("os_type", "Windows"),), {"op": "remove", "path": "/os_type"}),
        ("a/b~1", "x", (), {"op": "add", "path": "/a~1b~01", "value": "x"}),
    ],
)
def test_setting_a_property(key, value, there, edit):
    step, seen = SetProperty(key=key, value=value, **SAID), image(properties=(*there, ("other", "o")))
    assert sent(step, seen) == edit
    after = step.simulate(seen)
    assert dict(after[IMAGE].properties) == {"other": "o"} | ({key: value} if value else {})
    assert (step.done(seen), step.done(after)) == (False, True)
    assert step.basis(seen) != step.basis(image(properties=((key, "changed meanwhile"),)))
    assert step.basis(seen) == step.basis(image(properties=there)), "another property may change"


def test_tags():
    step = SetTag(tag="a/b ü", **SAID)
    call = step.call(IMAGED)
    assert (call.method, call.path, call.body) == ("PUT", "/v2/images/a%2Fb%20c/tags/a%2Fb%20%C3%BC", None)
    after = step.simulate(image(tags=("z",)))
    assert after[IMAGE].tags == ("a/b ü", "z")
    off = SetTag(tag="z", there=False, **SAID)
    assert (off.call(IMAGED).method, off.call(IMAGED).already) == ("DELETE", {404})
    assert off.simulate(after)[IMAGE].tags == ("a/b ü",)
    assert (step.done(IMAGED), step.done(after), off.done(after)) == (False, True, False)
    assert step.basis(image(tags=("z",))) == step.basis(IMAGED) != step.basis(after), "other tags may come and go"


def test_minimums():
    step = SetMinimum(field="min_disk", value=50, **SAID)
    assert sent(step) == {"op": "replace", "path": "/min_disk", "value": 50}
    after = step.simulate(IMAGED)
    assert after[IMAGE] == replace(GOLDEN, min_disk=50)
    assert step.basis(after) != step.basis(IMAGED) == step.basis(image(min_ram=512))


def test_making_private_is_void_when_a_member_came_and_sharing_is_not():
    private, shared = (SetVisibility(visibility=to, **SAID) for to in ("private", "shared"))
    alone, joined = IMAGED.with_fact(MEMBERS, members()), IMAGED.with_fact(MEMBERS, members("p"))
    assert private.basis(alone) != private.basis(joined)
    assert shared.basis(alone) == shared.basis(joined)


@patient
@given(record=images, key=foreign, value=foreign, there=st.booleans())
def test_done_and_simulate_agree_on_any_record(record, key, value, there):
    seen = IMAGED.with_fact(IMAGE, record)
    for step in (
        Rename(name=value, **SAID),
        SetProperty(key=key, value=value if there else None, **SAID),
        SetTag(tag=key, there=there, **SAID),
        SetMinimum(field="min_ram", value=len(value), **SAID),
    ):
        after = step.simulate(seen)
        assert step.done(after)
        assert step.simulate(after) == after
        assert after[IMAGE].id == record.id
