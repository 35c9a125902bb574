"""Reading policies: every kind of mistake, and what a good one means."""

from datetime import date, timedelta
from typing import Annotated

import pytest
from pydantic import AfterValidator

from imagegate.errors import InputErrors
from imagegate.model import Check, Fix, Kind, Level, Scope, Severity, Target
from imagegate.params import Id, NoParams, Params
from imagegate.policy import Required, load_policy, select

TODAY = date(2026, 11, 22)


class Grant(Params):
    project: Id
    until: date | None = None


class Allow(Params):
    allow: tuple[Grant, ...] = ()
    exact: bool = False


def not_u2(flavor: str) -> str:
    if flavor == "u2":
        raise ValueError("u2 cannot be in may_run")
    return flavor


class MayRun(Params):
    may_run: tuple[Annotated[str, AfterValidator(not_u2)], ...] = ()


class Needed(Params):
    size: int


class Soon(Params):
    ending_soon_days: int = 14


def check(name, kind, params=NoParams, scope=Scope.TARGET, *, attestable=False):
    return Check(
        id=name, title=f"Title of {name}", severity=Severity.HIGH, kind=kind, needs=(), params=params,
        evaluate=lambda seen, want: (), plan=lambda seen, want: (), fix=Fix.NEVER, effort=Level.SAFE, since="0.1",
        scope=scope, attestable=attestable,
    )  # fmt: skip


CHECKS = {
    one.id: one
    for one in (
        check("catalog-image-protected", Kind.IMAGE),
        check("catalog-members-allowed", Kind.IMAGE, Allow),
        check("linux-machine-id-reset", Kind.INSTANCE),
        check("capture-instance-stopped", Kind.INSTANCE, MayRun),
        check("linux-disk-small", Kind.INSTANCE, Needed),
        check("windows-password-initialised", Kind.INSTANCE, attestable=True),
        check("policy-waivers-current", Kind.POLICY, Soon, Scope.FLEET),
    )
}
HEAD = "policy: golden\nversion: 3\n"
RULES = "rules:\n  - for: {image: {}}\n    require: {catalog-image-protected: }\n"


@pytest.fixture
def load(tmp_path):
    def load(text, today=TODAY):
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        return load_policy(path, CHECKS, today=today)

    return load


def rule(require, selector="image: {}"):
    return f"{HEAD}rules:\n  - for: {{{selector}}}\n    require: {require}\n"


def waiver(**changes):
    fields = {
        "check": "catalog-members-allowed", "for": "{image: {}}", "reason": "why", "approved_by": "me",
        "until": "2026-12-31", **changes,
    }  # fmt: skip
    lines = [f"{key}: {value}" for key, value in fields.items() if value is not None]
    return HEAD + RULES + "waivers:\n  - " + "\n    ".join(lines) + "\n"


def attestation(**changes):
    fields = {
        "check": "windows-password-initialised", "for": "{instance: {}}", "statement": "ticked", "by": "me",
        "on": "2026-11-20", "until": "2027-05-20", **changes,
    }  # fmt: skip
    lines = [f"{key}: {value}" for key, value in fields.items() if value is not None]
    return HEAD + RULES + "attestations:\n  - " + "\n    ".join(lines) + "\n"


EXAMPLE = """\
policy: golden
version: 3
title: Golden images of the web platform
scope:
  clouds: {nhn: [KR1, KR2], other: }
rules:
  - for: {image: {name: "golden-*", owner: self}}
    require:
      catalog-image-protected:
      catalog-members-allowed:
        allow:
          - {project: 0123e45, until: 2027-03-31}
          - {project: 11112222333344445555666677778888}
        exact: true
  - for: {instance: {name: "build-*", os: linux}}
    require:
      linux-machine-id-reset:
      capture-instance-stopped: {may_run: [m2, c2]}
audit:
  policy-waivers-current: {ending_soon_days: 30}
waivers:
  - check: catalog-members-allowed
    for: {image: {name: "golden-legacy-*"}}
    reason: migrating to the new project
    ticket: 1234
    approved_by: platform-security
    until: 2026-12-31
attestations:
  - check: windows-password-initialised
    for: {instance: {name: "win-*"}}
    statement: ticked when the image was created
    by: release-engineering
    on: 2026-11-20
    until: 2027-05-20
limits: {changed_targets: 5, waiver_days: 100}
fix: {ceiling: disruptive, never: [linux-disk-small]}
strict_rules: true
"""


def test_the_example(load):
    policy = load(EXAMPLE)
    assert (policy.name, policy.version, policy.title) == ("golden", 3, "Golden images of the web platform")
    assert policy.scope.clouds == {"nhn": ("KR1", "KR2"), "other": None}
    assert [(r.index, r.line, str(r.selector)) for r in policy.rules] == [
        (0, 7, "image name=golden-*, owner=self"),
        (1, 15, "instance name=build-*, os=linux"),
    ]
    members = policy.rules[0].required[1]
    assert (members.check.id, members.line, members.column) == ("catalog-members-allowed", 10, 7)
    assert members.params == Allow(
        allow=(
            Grant(project="0123e45", until=date(2027, 3, 31)),
            Grant(project="11112222333344445555666677778888"),
        ),
        exact=True,
    )
    assert policy.rules[0].required[0].params == NoParams()
    assert policy.fleet == (
        Required(check=CHECKS["policy-waivers-current"], params=Soon(ending_soon_days=30), line=20, column=3),
    )
    (waived,) = policy.waivers
    assert (waived.line, waived.ticket, waived.until) == (22, "1234", date(2026, 12, 31))
    (word,) = policy.attestations
    assert (word.line, word.by, word.on) == (29, "release-engineering", date(2026, 11, 20))
    assert (policy.limits.changed_targets, policy.limits.waiver_days) == (5, 100)
    assert policy.fix.ceiling is Level.DISRUPTIVE
    assert policy.fix.never == {"linux-disk-small"}
    assert policy.strict_rules
    assert policy.digest.startswith("sha256:")
    assert policy.digest == load(EXAMPLE).digest != load(EXAMPLE + "\n").digest


def test_defaults(load):
    policy = load(HEAD + RULES + "waivers:\nattestations:\nscope:\nlimits:\nfix:\naudit:\n")
    assert policy.title is None
    assert policy.scope.clouds is None
    assert policy.waivers == policy.attestations == ()
    assert (policy.limits.changed_targets, policy.limits.waiver_days) == (50, 366)
    assert policy.fix.ceiling is Level.DESTRUCTIVE
    assert policy.fix.never == frozenset()
    assert not policy.strict_rules
    assert [required.params for required in policy.fleet] == [Soon()]


def test_a_list_of_clouds_means_all_their_regions(load):
    assert load(HEAD + RULES + "scope: {clouds: [a, b]}").scope.clouds == {"a": None, "b": None}


MISTAKES = [
    # the shape
    ("- 1", 1, 1, "must be a mapping"),
    ("version: 1\n" + RULES, 1, 1, '"policy" is missing'),
    (HEAD, 1, 1, '"rules" is missing'),
    (HEAD + "rules: []", 3, 8, "must not be empty"),
    (HEAD + "rules:", 3, 7, "must be a list, but is empty"),
    (HEAD + RULES + "waiver: []", 6, 1, 'unknown key "waiver": did you mean "waivers"?'),
    ("policy: Golden Images\nversion: 3\n" + RULES, 1, 9, '"Golden Images" does not have the form'),
    ("policy: golden\nversion: three\n" + RULES, 2, 10, 'must be a whole number, not "three"'),
    ("policy: golden\nversion: '3'\n" + RULES, 2, 10, "must be a whole number"),
    ("policy: golden\nversion: true\n" + RULES, 2, 10, "must be a whole number"),
    (HEAD + RULES + "title:  ''", 6, 9, "must not be empty"),
    (HEAD + RULES + "strict_rules: 'yes'", 6, 15, "must be true or false"),
    (HEAD + RULES + "scope: {cluods: [a]}", 6, 9, 'did you mean "clouds"?'),
    (HEAD + RULES + "scope: {clouds: nhn}", 6, 17, 'must be a mapping (key: value) or a list, not "nhn"'),
    (HEAD + RULES + "scope: {clouds: {nhn: KR1}}", 6, 23, 'must be a list, not "KR1"'),
    (HEAD + RULES + "scope: {clouds: {nhn: []}}", 6, 23, "must not be empty"),
    (HEAD + RULES + "limits: {waiver_days: -1}", 6, 23, "must be at least 0"),
    (HEAD + RULES + "limits: {changed: 1}", 6, 10, 'unknown key "changed": did you mean "changed_targets"?'),
    (HEAD + RULES + "fix: {ceiling: manual}", 6, 16, '"manual" is not valid here'),
    (HEAD + RULES + "fix: {ceiling: destructiv}", 6, 16, 'did you mean "destructive"?'),
    (HEAD + RULES + "fix: {never: [linux-disk-smal]}", 6, 15, 'unknown check "linux-disk-smal": did you mean'),
    (HEAD + "rules: [{require: {catalog-image-protected: }}]", 3, 9, '"for" is missing'),
    (HEAD + "rules: [{for: {image: {}}}]", 3, 9, '"require" is missing'),
    (HEAD + "rules: [{for: , require: {catalog-image-protected: }}]", 3, 14, "must be a mapping like"),
    (HEAD + "rules: [3]", 3, 9, "must be a mapping"),
    # rules
    (rule("{}"), 5, 14, "must not be empty"),
    (rule("[catalog-image-protected]"), 5, 14, "must be a mapping (key: value), not a list"),
    (rule("{catalog-image-protect: }"), 5, 15, 'did you mean "catalog-image-protected"?'),
    (rule("{zzz: }"), 5, 15, 'unknown check "zzz"; valid checks: capture-instance-stopped, catalog-image-protected'),
    (rule("{linux-machine-id-reset: }"), 5, 15, "is a check of instances, but the selector here is about images"),
    (
        rule("{catalog-image-protected: }", "instance: {}"),
        5,
        15,
        "a check of images, but the selector here is about inst",
    ),
    (rule("{policy-waivers-current: }"), 5, 15, "is judged once per audit"),
    (rule("{catalog-image-protected: }", "image: {nmae: x}"), 4, 19, 'unknown selector "nmae" of image'),
    # parameters
    (rule("{catalog-image-protected: {x: 1}}"), 5, 41, 'unknown key "x"'),
    (rule("{catalog-image-protected: yes}"), 5, 40, 'must be a mapping (key: value), not "yes"'),
    (rule("{catalog-members-allowed: {alow: []}}"), 5, 41, 'unknown key "alow": did you mean "allow"?'),
    (rule("{catalog-members-allowed: {allow: [{}]}}"), 5, 49, '"project" is missing'),
    (rule("{catalog-members-allowed: {allow: [{project: a, until: x}]}}"), 5, 69, "must be a date"),
    (rule("{capture-instance-stopped: {may_run: [m2, u2]}}", "instance: {}"), 5, 56, "u2 cannot be in may_run"),
    (rule("{linux-disk-small: }", "instance: {}"), 5, 15, '"size" is missing'),
    (rule("{linux-disk-small: {}}", "instance: {}"), 5, 33, '"size" is missing'),
    # checks of the audit
    (HEAD + RULES + "audit: {policy-waivers-currnt: }", 6, 9, 'did you mean "policy-waivers-current"?'),
    (HEAD + RULES + "audit: {catalog-image-protected: }", 6, 9, "is judged per target: a rule must require it"),
    (HEAD + RULES + "audit: {policy-waivers-current: {days: 1}}", 6, 34, 'unknown key "days"'),
    (HEAD + RULES + "audit: []", 6, 8, "must be a mapping"),
    # waivers
    (waiver(reason=None), 7, 5, '"reason" is missing'),
    (waiver(approved_by=None), 7, 5, '"approved_by" is missing'),
    (waiver(until=None), 7, 5, '"until" is missing'),
    (waiver(reason=""), 9, 12, "must be text, but is empty"),
    (waiver(reason="'  '"), 9, 13, "does not have the form"),
    (waiver(until="forever"), 11, 12, 'must be a date such as 2027-03-31, not "forever"'),
    (waiver(until="2026-02-30"), 11, 12, '"2026-02-30" is no day of the calendar'),
    (waiver(until="2027-11-24"), 11, 12, "2027-11-24 is 367 days ahead; limits.waiver_days allows 366: 2027-11-23 at"),
    (waiver(check="catalog-members-alowed"), 7, 12, 'did you mean "catalog-members-allowed"?'),
    (waiver(check="policy-waivers-current"), 7, 12, "is judged once per audit"),
    (waiver(check="linux-machine-id-reset"), 7, 12, "the selector here is about images"),
    (waiver(**{"for": "{image: {nmae: x}}"}), 8, 19, 'unknown selector "nmae"'),
    (waiver(**{"for": None}), 7, 5, '"for" is missing'),
    (waiver(**{"for": None, "fingerprint": "1641e4dbdeb2ef5"}), 11, 18, "does not have the form"),
    (waiver(**{"for": None, "fingerprint": "1641E4DBDEB2EF5D"}), 11, 18, "does not have the form"),
    (waiver(**{"for": None, "fingerprint": "''"}), 11, 18, "does not have the form"),
    (attestation(fingerprint="1641e4dbdeb2ef5d"), 13, 5, 'unknown key "fingerprint"'),
    (waiver(aproved_by="x"), 12, 5, 'unknown key "aproved_by": did you mean "approved_by"?'),
    # attestations
    (attestation(statement=None), 7, 5, '"statement" is missing'),
    (attestation(check="linux-disk-small"), 7, 12, "linux-disk-small can be looked at: nobody can attest it"),
    (attestation(by=None), 7, 5, '"by" is missing'),
    (attestation(on=None), 7, 5, '"on" is missing'),
    (attestation(until=None), 7, 5, '"until" is missing'),
    (attestation(on="2026-11-24", until="2026-12-24"), 11, 9, "2026-11-24 is still to come"),
    (attestation(until="2026-11-19"), 12, 12, "2026-11-19 is before the day of the attestation"),
]


@pytest.mark.parametrize("text, line, column, words", MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(load, text, line, column, words):
    with pytest.raises(InputErrors) as caught:
        load(text)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (line, column), mistake
    assert words in mistake.message


def test_all_mistakes_at_once(load):
    text = """\
policy: Golden
versoin: 3
rules:
  - for: {image: {nmae: x}}
    require: {catalog-members-allowed: {alow: []}, zzz: }
  - 5
waivers:
  - {check: nothing, for: {image: {}}, until: never}
fix: {never: [zzz]}
"""
    with pytest.raises(InputErrors) as caught:
        load(text)
    assert [(m.line, m.column) for m in caught.value.mistakes] == [
        (1, 1), (1, 9), (2, 1), (4, 19), (5, 41), (5, 52), (6, 5), (8, 5), (8, 5), (8, 13), (8, 47), (9, 15),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "places"),
    [
        # days, beside a mistake of the shape
        (waiver(until="2027-11-24").replace("version: 3", "versoin: 3"), [(1, 1), (2, 1), (11, 12)]),
        (attestation(on="2026-11-24", until="2026-11-19", by=None), [(7, 5), (10, 9), (11, 12), ]),
        # limits that are themselves wrong stand for the usual ones
        (waiver(until="2027-11-24") + "limits: {waiver_days: many}\n", [(11, 12), (12, 23)]),
        # keys that are given twice, beside all other kinds of mistake: the first one counts
        (
            "policy: golden\npolicy: Golden\nversoin: 3\n" + waiver(until="2027-11-24", check="nothing")[len(HEAD):],
            [(1, 1), (2, 1), (3, 1), (8, 12), (12, 12)],
        ),
    ],
)  # fmt: skip
def test_no_mistake_hides_another(load, text, places):
    with pytest.raises(InputErrors) as caught:
        load(text)
    assert [(m.line, m.column) for m in caught.value.mistakes] == places


def test_days_at_their_limits(load):
    assert load(waiver(until="2027-11-23")).waivers
    assert load(waiver(until="2001-01-01")).waivers
    assert load(attestation(on="2026-11-23", until="2026-11-23")).attestations


# ---- waivers and attestations


def image(name="img", *, unseen=(), **attributes):
    values = {key: frozenset({value}) for key, value in {"name": name, **attributes}.items()}
    return Target(kind=Kind.IMAGE, id=f"id-{name}", name=name, attributes=values, unseen=frozenset(unseen))


def test_waivers_hold_through_their_last_day(load):
    policy = load(waiver())
    (waived,) = policy.waivers
    last = date(2026, 12, 31)
    assert waived.in_force(last)
    assert not waived.in_force(last + timedelta(days=1))
    assert policy.waivers_matching("catalog-members-allowed", image()) == (waived,)
    assert policy.waivers_matching("catalog-image-protected", image()) == ()


def test_a_waiver_never_rests_on_a_guess(load):
    policy = load(waiver(**{"for": "{image: {tag: old}}"}))
    assert policy.waivers_matching("catalog-members-allowed", image(tag="old"))
    assert policy.waivers_matching("catalog-members-allowed", image()) == ()
    assert policy.waivers_matching("catalog-members-allowed", image(unseen=["tag"])) == ()


@pytest.mark.parametrize("text", ["1641e4dbdeb2ef5d", "1234567812345678", "00012345e1234567", '"1234567812345678"'])
def test_a_waiver_may_name_one_finding_with_or_without_targets(load, text):
    plain = text.strip('"')
    (alone,) = load(waiver(**{"for": None, "fingerprint": text})).waivers
    assert (alone.selector, alone.fingerprint) == (None, plain)
    policy = load(waiver(**{"for": "{image: {name: img}}", "fingerprint": text}))
    assert policy.waivers[0].fingerprint == plain
    assert policy.waivers_matching("catalog-members-allowed", image()) == policy.waivers
    assert policy.waivers_matching("catalog-members-allowed", image("other")) == ()
    alone_policy = load(waiver(**{"for": None, "fingerprint": text}))
    assert alone_policy.waivers_matching("catalog-members-allowed", image("other", unseen=["tag"]))


def test_how_many_targets_a_waiver_may_match(load):
    assert load(waiver()).limits.waiver_targets == 20
    assert load(waiver() + "limits: {waiver_targets: 3}\n").limits.waiver_targets == 3


def test_attestations_hold_from_their_day_on(load):
    policy = load(attestation())
    target = Target(kind=Kind.INSTANCE, id="1", name="win-1")
    held = [
        any(one.in_force(day) for one in policy.attestations_matching("windows-password-initialised", target))
        for day in (date(2026, 11, 19), date(2026, 11, 20), date(2027, 5, 20), date(2027, 5, 21))
    ]
    assert held == [False, True, True, False]


# ---- pairs


def rules(*rules_):
    lines = [f"  - for: {{{selector}}}\n    require: {{{require}}}" for selector, require in rules_]
    return HEAD + "rules:\n" + "\n".join(lines) + "\n"


def found(selection):
    return [(p.target.name, p.check.id.split("-")[1], p.rule, p.unseen) for p in selection.pairs]


def test_pairs_come_in_the_order_of_targets_then_rules(load):
    policy = load(
        rules(
            ("image: {name: 'b*'}", "catalog-image-protected: "),
            ("image: {}", "catalog-members-allowed: , catalog-image-protected: {}"),
            ("image: {name: zzz}", "catalog-image-protected: "),
        )
    )
    selection = select(policy, [image("b"), image("a")])
    assert found(selection) == [
        ("b", "image", 0, None),
        ("b", "members", 1, None),
        ("a", "members", 1, None),
        ("a", "image", 1, None),
    ]
    assert [idle.index for idle in selection.rules_without_targets] == [2]


def test_different_parameters_for_one_target_are_a_mistake_that_names_both_rules(load):
    policy = load(
        rules(
            ("image: {}", "catalog-members-allowed: {exact: true}"),
            ("image: {name: 'b*'}", "catalog-members-allowed: {exact: false}"),
        )
    )
    assert len(select(policy, [image("a")]).pairs) == 1
    with pytest.raises(InputErrors) as caught:
        select(policy, [image("a"), image("b1"), image("b2")])
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (7, 15)
    assert mistake.message == (
        "catalog-members-allowed is required with different parameters by rule 0 (line 4) and rule 1 (line 6), "
        "and both select b1 (id-b1) and 1 more"
    )


TAG = "tag could not be seen, by which rule {} (line {}) selects"


@pytest.mark.parametrize(
    "first, second, expected",
    [
        (("image: {tag: x}", "{}"), None, [(0, TAG.format(0, 4))]),
        (("image: {tag: x}", "{}"), ("image: {}", "{}"), [(1, None)]),
        (("image: {}", "{}"), ("image: {tag: x}", "{}"), [(0, None)]),
        (("image: {tag: x}", "{exact: true}"), ("image: {}", "{}"), [(1, TAG.format(0, 4))]),
        (("image: {}", "{}"), ("image: {tag: x}", "{exact: true}"), [(0, TAG.format(1, 6))]),
        (("image: {tag: x}", "{}"), ("image: {tag: y}", "{exact: true}"), [(0, TAG.format(0, 4))]),
        (("image: {tag: x, name: zzz}", "{}"), None, []),
    ],
)
def test_an_attribute_that_could_not_be_seen_never_unselects(load, first, second, expected):
    lines = [(selector, f"catalog-members-allowed: {params}") for selector, params in filter(None, (first, second))]
    selection = select(load(rules(*lines)), [image("a", unseen=["tag"])])
    assert [(pair.rule, pair.unseen) for pair in selection.pairs] == expected


def test_a_doubtful_rule_between_two_certain_ones_hides_no_conflict(load):
    members = "catalog-members-allowed: "
    policy = load(
        rules(
            ("image: {}", members + "{}"), ("image: {tag: x}", members + "{exact: true}"),
            ("image: {}", members + "{allow: [{project: a}]}"),
        )
    )  # fmt: skip
    with pytest.raises(InputErrors, match=r"by rule 0 .* and rule 2 "):
        select(policy, [image("a", unseen=["tag"])])
