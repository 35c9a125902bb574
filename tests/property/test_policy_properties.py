"""Properties: whatever a file holds, there is a clear answer; ids survive; selectors mean what they say."""

import fnmatch
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagegate.errors import InputErrors
from imagegate.model import Check, Fix, Kind, Level, Severity, Target
from imagegate.params import Id, Params
from imagegate.policy import load_policy, select
from imagegate.policy_schema import PolicyFile
from imagegate.selectors import Condition, Outcome, Selector, parse_selector
from imagegate.strict_yaml import examine, parse, plain, read_text, validate

TODAY = date(2026, 11, 22)


class Grant(Params):
    project: Id


class Allow(Params):
    allow: tuple[Grant, ...] = ()


CHECK = Check(
    id="catalog-members-allowed", title="t", severity=Severity.HIGH, kind=Kind.IMAGE, needs=(), params=Allow,
    evaluate=lambda seen, want: (), plan=lambda seen, want: (), fix=Fix.NEVER, effort=Level.SAFE, since="0.1",
)  # fmt: skip

FRAGMENTS = st.sampled_from(
    ["a", "b: ", "- ", "? ", ": ", "[", "]", "{", "}", ", ", "&x ", "*x ", "!t ", "!!str ", "<<", "|\n", ">-\n", "'",
     '"', "\n", "\n  ", "\n    ", "\t", "# c\n", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "\\x", "\\U0011FFFF",
     "\x85", "0123e45", "true", "~", "2027-01-01", "policy: p", "rules:", "for: ", "image: ", "\ufeff", "é"]
)  # fmt: skip


def tree_or_mistakes(text):
    try:
        return parse(text, "f"), ()
    except InputErrors as error:
        return None, error.mistakes


@given(st.text() | st.lists(FRAGMENTS, max_size=30).map("".join))
@example("a: !!binary x")
@example("a\r: b\u2028c: d")
@example("!<!> x")
@example("? ")
@example("*")
@example("%YAML 1.99999999999999999999\n---\na")
@example("[?,]")
@example("&a &b x")
def test_any_text_has_a_tree_or_mistakes(text):
    tree, mistakes = tree_or_mistakes(text)
    if tree is None:
        assert mistakes
        assert all(mistake.message for mistake in mistakes)
        assert all(0 <= mistake.line <= len(text.splitlines()) + 2 for mistake in mistakes)
    else:
        plain(tree)
        found = examine(tree, PolicyFile)
        assert isinstance(found, PolicyFile) or found
        assert parse_selector(tree)


@example(b"\xef\xbb\xbf")
@given(st.binary(max_size=300))
def test_any_bytes_have_a_text_or_a_mistake(data):
    try:
        text = read_text("f", data)
    except InputErrors as error:
        text = str(error)
    assert text


IDS = st.one_of(
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.from_regex(r"[0-9]{1,45}", fullmatch=True),
    st.from_regex(r"[0-9]{1,20}[eE][+-]?[0-9]{1,20}", fullmatch=True),
    st.from_regex(r"0[xo][0-7]{1,20}", fullmatch=True),
    st.from_regex(r"[0-9]{1,9}\.[0-9]{0,9}", fullmatch=True),
    st.sampled_from(["true", "False", "yes", "on", "off", "2027-03-31", "1_000", "12:30", ".5", "0b1", ".inf"]),
)


@given(st.lists(IDS, min_size=1, max_size=5), st.sampled_from(["", "'", '"']))
def test_ids_survive_whatever_they_look_like(ids, quote):
    lines = "".join(f"  - {{project: {quote}{one}{quote}}}\n" for one in ids)
    found = validate(parse(f"allow:\n{lines}", "f"), Allow, "f")
    assert [grant.project for grant in found.allow] == ids
    selector = parse_selector(parse(f"image: {{owner: [{', '.join(ids)}]}}", "f"))
    assert selector.conditions[0].alternatives == tuple(ids)


WORDS = st.sampled_from(["a", "A", "ab", "b", "kr1", "KR1", "linux"])
PATTERNS = WORDS | st.sampled_from(["*", "a*", "?", "[ab]", "[!a]*", "[", "*b"])
NAMES = st.sampled_from(["name", "id", "region", "status", "metadata.x", "metadata.y"])
FOLDED = {"region", "status"}


def naive(conditions, attributes, unseen):
    """What the contract says, word by word."""
    doubt = False
    for attribute, wanted in conditions.items():
        values = attributes.get(attribute, ())
        if attribute == "name":
            met = any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in wanted)
        elif attribute in FOLDED:
            met = any(value.lower() == one.lower() for value in values for one in wanted)
        else:
            met = any(value == one for value in values for one in wanted)
        if met:
            continue
        if attribute in unseen or attribute.split(".")[0] in unseen:
            doubt = True
        else:
            return Outcome.NO
    return Outcome.UNSEEN if doubt else Outcome.YES


@given(
    st.dictionaries(NAMES, st.lists(PATTERNS, min_size=1, max_size=3), max_size=4),
    st.dictionaries(NAMES, st.frozensets(WORDS, min_size=1, max_size=2)),
    st.frozensets(NAMES | st.just("metadata"), max_size=3),
)
def test_selectors_are_what_the_contract_says(conditions, attributes, unseen):
    selector = Selector(
        kind=Kind.INSTANCE,
        conditions=tuple(Condition(attribute=name, alternatives=tuple(words)) for name, words in conditions.items()),
    )
    target = Target(kind=Kind.INSTANCE, id="1", name="n", attributes=attributes, unseen=unseen)
    match = selector.match(target)
    assert match.outcome is naive(conditions, attributes, unseen)
    assert bool(match.unseen) == (match.outcome is Outcome.UNSEEN)
    assert selector.selects(target) is (match.outcome is Outcome.YES)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "p.yaml"
    path.write_text(
        "policy: p\nversion: 1\nrules:\n"
        "  - {for: {image: {tag: [a, b]}}, require: {catalog-members-allowed: }}\n"
        "  - {for: {image: {name: 'a*'}}, require: {catalog-members-allowed: {}}}\n"
        "waivers:\n"
        "  - {check: catalog-members-allowed, for: {image: {tag: a}}, reason: r, approved_by: m, until: 2026-12-01}\n"
    )
    return load_policy(path, {CHECK.id: CHECK}, today=TODAY)


@given(
    st.lists(
        st.tuples(st.frozensets(st.sampled_from("abc"), max_size=2), st.booleans(), st.sampled_from(["a", "x"])),
        max_size=6,
    )
)
def test_what_is_unseen_widens_rules_and_never_waivers(policy, made):
    def target(number, tags, hidden, name):
        attributes = {"name": frozenset({name}), "tag": frozenset() if hidden else tags}
        unseen = frozenset({"tag"} if hidden else ())
        return Target(kind=Kind.IMAGE, id=str(number), name=name, attributes=attributes, unseen=unseen)

    shown = [target(number, tags, False, name) for number, (tags, _, name) in enumerate(made)]
    partly = [target(number, *one) for number, one in enumerate(made)]
    all_, some = ({pair.target.id: pair for pair in select(policy, targets).pairs} for targets in (shown, partly))
    assert all_.keys() <= some.keys()
    assert all(pair.unseen is None for pair in all_.values())
    for before, after in zip(shown, partly, strict=True):
        waived = policy.waivers_matching(CHECK.id, after)
        assert set(map(id, waived)) <= set(map(id, policy.waivers_matching(CHECK.id, before)))
        if after.id in some and after.id not in all_:
            assert some[after.id].unseen
