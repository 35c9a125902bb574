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
from imagegate.probes.image import WITHHELD
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


# ---- the way back


@pytest.mark.parametrize(
    ("step", "was", "summary", "undo"),
    [
        (Rename(name="new", **SAID), {"name": "old"}, "rename the image to old", "rename it to new"),
        (
            SetProperty(key="os_type", value="linux", **SAID), {"properties": (("os_type", "Windows"),)},
            "set property os_type to Windows", "set property os_type to linux",
        ),
        (SetProperty(key="a", value="b", **SAID), {}, "remove property a", "set property a to b"),
        (SetProperty(key="a", value=None, **SAID), {"properties": (("a", ""),)}, "set property a to ", "remove property a"),
        (SetTag(tag="t", **SAID), {}, "remove tag t", "add tag t"),
        (SetTag(tag="t", there=False, **SAID), {"tags": ("t", "z")}, "add tag t", "remove tag t"),
        (SetMinimum(field="min_ram", value=512, **SAID), {"min_ram": 0}, "set min_ram to 0", "set min_ram to 512"),
    ],
)  # fmt: skip
def test_what_a_record_said_is_said_again(step, was, summary, undo):
    before = image(**was)
    back = step.inverse(before)
    assert (back.summary, back.undo, back.why) == (summary, undo, f"takes back: {step.summary}")
    assert back.simulate(step.simulate(before))[IMAGE] == before[IMAGE]
    assert back.inverse(step.simulate(before)).simulate(before)[IMAGE] == step.simulate(before)[IMAGE]
    assert back.basis(image(protected=True)) == back.basis(image()), "a protection may be lifted for it"


def test_a_minimum_that_was_not_set_is_zero():
    assert SetMinimum(field="min_disk", value=50, **SAID).inverse(image(min_disk=None)).value == 0


def test_an_undo_asks_who_has_the_old_name():
    back = Rename(name="new", then="tell them", **SAID).inverse(image(name="old"))
    assert NamesakesProbe(name="old") in back.reads
    assert (back.call(IMAGED).claim, back.then) == ("old", "tell them")


def test_what_was_withheld_cannot_come_back_and_is_not_made_up():
    step = SetProperty(key="admin_pass", value=None, **SAID)
    assert step.inverse(image(properties=(("admin_pass", WITHHELD),))) is None
    assert "never kept" in step.no_way_back


def test_a_journal_keeps_what_the_step_changes_and_no_more():
    full = image(properties=(("a", "1"), ("b", "hunter2")), tags=("t", "hunter2"))
    kept = {
        step: step.kept(full)[IMAGE]
        for step in (
            Rename(name="new", **SAID), SetProperty(key="a", value="2", **SAID), SetTag(tag="t", **SAID),
            SetMinimum(field="min_ram", value=1, **SAID),
        )
    }  # fmt: skip
    assert [(record.properties, record.tags) for record in kept.values()] == [
        ((), ()), ((("a", "1"),), ()), ((), ("t",)), ((), ()),
    ]  # fmt: skip


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
