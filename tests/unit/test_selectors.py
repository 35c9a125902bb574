"""Selectors: what they select, what they leave open, and what is refused."""

import pytest

from imagegate.model import Kind, Target
from imagegate.selectors import Outcome, Selector, parse_selector
from imagegate.strict_yaml import parse


def selector(text):
    found = parse_selector(parse(text, "f"))
    assert isinstance(found, Selector), found
    return found


def target(kind, *, unseen=(), **attributes):
    values = {name: frozenset([value] if isinstance(value, str) else value) for name, value in attributes.items()}
    return Target(kind=Kind(kind), id="1", name="n", attributes=values, unseen=frozenset(unseen))


WEB = {
    "name": "golden-web-1",
    "id": "abc",
    "owner": {"self", "p1"},
    "visibility": "shared",
    "status": "active",
    "tag": {"web", "prod*"},
    "region": "KR1",
    "property.os_type": "linux",
}
BUILD = {
    "name": "build-1",
    "flavor": "m2.c1m2",
    "os": "linux",
    "status": "ACTIVE",
    "region": "kr2",
    "metadata.team": "Web",
}


@pytest.mark.parametrize(
    "conditions, outcome",
    [
        ("{}", "yes"),
        ('{name: "golden-*"}', "yes"),
        ("{name: golden-web-1}", "yes"),
        ('{name: "golden-[a-z]*-?"}', "yes"),
        ('{name: "golden-[!0-9]*"}', "yes"),
        ('{name: "golden-[0-9]*"}', "no"),
        ('{name: "golden"}', "no"),
        ('{name: "Golden-*"}', "no"),
        ('{name: "web-*"}', "no"),
        ('{name: ["web-*", "golden-web-1"]}', "yes"),
        ("{name: [a, b]}", "no"),
        ("{id: abc}", "yes"),
        ("{id: ABC}", "no"),
        ("{owner: self}", "yes"),
        ("{owner: p1}", "yes"),
        ("{owner: [p2, p3]}", "no"),
        ("{visibility: [private, SHARED]}", "yes"),
        ("{status: ACTIVE}", "yes"),
        ("{tag: web}", "yes"),
        ("{tag: 'prod*'}", "yes"),
        ("{tag: 'we*'}", "no"),
        ("{region: kr1}", "yes"),
        ("{region: KR2}", "no"),
        ("{property.os_type: linux}", "yes"),
        ("{property.os_type: Linux}", "no"),
        ("{property.other: linux}", "no"),
        ('{name: "golden-*", owner: self, region: KR1}', "yes"),
        ('{name: "golden-*", owner: p9}', "no"),
    ],
)
def test_images(conditions, outcome):
    assert selector(f"image: {conditions}").match(target("image", **WEB)).outcome is Outcome(outcome)
    assert selector(f"image: {conditions}").match(target("instance", **WEB)).outcome is Outcome.NO


@pytest.mark.parametrize(
    "conditions, outcome",
    [
        ("{}", "yes"),
        ("{os: Linux}", "yes"),
        ("{os: windows}", "no"),
        ("{os: [windows, linux]}", "yes"),
        ("{flavor: m2.c1m2}", "yes"),
        ("{status: shutoff}", "no"),
        ("{metadata.team: Web}", "yes"),
        ("{metadata.team: web}", "no"),
        ("{region: KR2}", "yes"),
    ],
)
def test_instances(conditions, outcome):
    assert selector(f"instance: {conditions}").match(target("instance", **BUILD)).outcome is Outcome(outcome)


@pytest.mark.parametrize(
    "conditions, unseen, outcome, open_",
    [
        ("{os: linux}", ["os"], "unseen", ("os",)),
        ("{os: linux, flavor: a}", ["os", "flavor"], "unseen", ("os", "flavor")),
        ("{os: linux, name: 'b-*'}", ["os"], "unseen", ("os",)),
        ("{os: linux, name: 'x-*'}", ["os"], "no", ()),
        ("{name: 'x-*', os: linux}", ["os"], "no", ()),
        ("{metadata.a: x}", ["metadata"], "unseen", ("metadata.a",)),
        ("{metadata.a: x}", ["metadata.a"], "unseen", ("metadata.a",)),
        ("{metadata.a: x}", ["metadata.b"], "no", ()),
        ("{metadata.a: x}", [], "no", ()),
        ("{name: 'b-*'}", ["os"], "yes", ()),
        ("{}", ["name", "os"], "yes", ()),
    ],
)
def test_what_could_not_be_seen_stays_open(conditions, unseen, outcome, open_):
    found = selector(f"instance: {conditions}")
    seen = target("instance", name="b-1", unseen=unseen)
    match = found.match(seen)
    assert (match.outcome, match.unseen) == (Outcome(outcome), open_)
    assert found.selects(seen) is (outcome == "yes")


def test_values_that_were_seen_count_even_if_not_all_were():
    seen = target("image", tag={"web"}, unseen=["tag"])
    assert selector("image: {tag: web}").match(seen).outcome is Outcome.YES
    assert selector("image: {tag: db}").match(seen).outcome is Outcome.UNSEEN


def test_ids_and_owners_are_source_text():
    found = selector("image: {owner: [0123e45, 007], id: 1e5}")
    assert [condition.alternatives for condition in found.conditions] == [("0123e45", "007"), ("1e5",)]


def test_selectors_print_as_what_they_select():
    assert str(selector("image: {}")) == "every image"
    assert str(selector('image: {name: ["a-*", b], owner: self}')) == "image name=a-*|b, owner=self"


@pytest.mark.parametrize(
    "text, line, column, words",
    [
        ("x", 1, 1, 'must be a mapping like {image: {name: web-*}}, not "x"'),
        ("[]", 1, 1, "not a list"),
        ("{}", 1, 1, "not a mapping with nothing in it"),
        ("imge: {}", 1, 1, 'unknown kind of target "imge": did you mean "image"?'),
        ("policy: {}", 1, 1, 'unknown kind of target "policy"; valid kinds: image, instance'),
        ("image: {}\ninstance: {}", 2, 1, "a selector names one kind of target"),
        ("image:", 1, 7, "must be a mapping of attributes, but is empty; {} is every image"),
        ("image: golden", 1, 8, 'must be a mapping of attributes, not "golden"; {} is every image'),
        ("image: {nmae: x}", 1, 9, 'unknown selector "nmae" of image: did you mean "name"?'),
        (
            "image: {flavor: x}",
            1,
            9,
            'unknown selector "flavor" of image; valid selectors: id, name, owner, property.KEY',
        ),
        ("image: {metadata.x: x}", 1, 9, 'unknown selector "metadata.x" of image'),
        ("instance: {metdata.x: x}", 1, 12, 'unknown selector "metdata.x" of instance: did you mean "metadata.KEY"?'),
        ("instance: {metadata.: x}", 1, 12, 'unknown selector "metadata." of instance'),
        ("instance: {metadata: x}", 1, 12, 'unknown selector "metadata" of instance: did you mean "metadata.KEY"?'),
        ("image: {name: }", 1, 14, "must be text or a list of texts, but is empty"),
        ("image: {name: {}}", 1, 15, "must be text or a list of texts, not a mapping"),
        ("image: {name: [a, [b]]}", 1, 19, "must be text or a list of texts, not a list"),
        ("image: {name: []}", 1, 15, "an empty list selects nothing"),
        ("instance: {os: linus}", 1, 16, '"linus" is not valid here: did you mean "linux"?'),
        ("image: {visibility: all}", 1, 21, '"all" is not valid here; valid words: community, private, public, shared'),
        ("instance: {flavor: 'm2.*'}", 1, 20, 'globs are for names only: flavor must be an exact value, not "m2.*"'),
        ("image: {owner: '*'}", 1, 16, "globs are for names only"),
    ],
)
def test_refused(text, line, column, words):
    (mistake,) = parse_selector(parse(text, "f"))
    assert (mistake.line, mistake.column) == (line, column)
    assert words in mistake.message


def test_all_mistakes_at_once():
    found = parse_selector(parse("image: {nmae: x, os: y, region: [], visibility: [a, b]}", "f"))
    assert [mistake.column for mistake in found] == [9, 18, 33, 50, 53]
