"""The policies that come along are valid, and select what their comments promise."""

import re
from datetime import date
from pathlib import Path

import pytest

from imagegate.catalogue import load_catalogue
from imagegate.model import Kind, Level, Scope, Target
from imagegate.policy import load_policy, select

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 22)
READY = sorted((ROOT / "policies").glob("*.yaml"))
CHECKS = load_catalogue([ROOT / "checks"]).checks
POLICIES = {path.stem: load_policy(path, CHECKS, today=TODAY) for path in READY}
OURS = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def image(name, visibility="private", owner=OURS):
    """An image as a catalog lists it."""
    words = {"name": name, "visibility": visibility, "status": "active", "region": "KR1"}
    owners = frozenset({owner, "self"} if owner == OURS else {owner})
    return Target(
        kind=Kind.IMAGE, id=f"id-of-{name}-{visibility}", name=name, cloud="nhn", region="KR1", owner=owner,
        attributes={"owner": owners, **{key: frozenset({word}) for key, word in words.items()}},
    )  # fmt: skip


def instance(name, os="linux", status="ACTIVE"):
    """An instance whose operating system is known, or not."""
    words = {"name": name, "status": status, "region": "KR1", "flavor": "m2.c2m4", **({"os": os} if os else {})}
    return Target(
        kind=Kind.INSTANCE, id=f"id-of-{name}-{os}", name=name, cloud="nhn", region="KR1",
        attributes={key: frozenset({word}) for key, word in words.items()}, unseen=frozenset() if os else frozenset({"os"}),
    )  # fmt: skip


GOLDEN, SHARED, OTHER = image("golden-web-20260510"), image("golden-web-20260510", "shared"), image("scratch")
RECEIVED = image("golden-base", "shared", owner="11112222333344445555666677778888")
PUBLIC = image("Ubuntu Server 24.04.3 LTS (2026.03.10)", "public", owner="c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0")
BUILD, WIN, PROD = instance("build-web"), instance("win-01", "windows"), instance("prod-web-01")
MISNAMED, WHO_KNOWS = instance("build-iis", "windows"), instance("build-web", None)
EVERYTHING = (GOLDEN, SHARED, OTHER, RECEIVED, PUBLIC, BUILD, WIN, PROD, MISNAMED, WHO_KNOWS)


def ids(*prefixes, but=()):
    """The checks of some prefixes."""
    return {name for name in CHECKS if name.startswith(prefixes)} - set(but)


RECORD = ids("catalog-", but={"catalog-servers-current", "catalog-members-accepted", "catalog-copies-complete"})
ACCEPTED, COPIES, CURRENT = {"catalog-members-accepted"}, {"catalog-copies-complete"}, {"catalog-servers-current"}
BEFORE = ids("capture-", but={"capture-windows-supported"})
CALM = {"capture-instance-stopped", "capture-task-idle"}
NHN_ONLY = {
    "capture-flavor-type-known", "capture-image-creation-allowed", "capture-instance-protection-conforms",
    "capture-windows-supported", "windows-cloudbase-init-on-demand", "windows-password-initialised",
    "windows-renew-task-present", "windows-sysprep-tool-present",
}  # fmt: skip
"""What asks for flavors, properties, fields, dates, tools or a console of NHN Cloud's."""

GOLDEN_SET = RECORD - {"catalog-properties-conform", "catalog-age-allowed"} | ACCEPTED
SELECTED = [
    ("gate-linux", BUILD, {"linux-machine-id-reset", "capture-instance-stopped"}),
    ("gate-linux", PROD, {"linux-machine-id-reset", "capture-instance-stopped"}),
    ("gate-linux", WIN, set()),
    ("gate-linux", GOLDEN, set()),
    ("golden", GOLDEN, GOLDEN_SET),
    ("golden", OTHER, set()),
    ("golden", RECEIVED, set()),
    ("golden", BUILD, ids("linux-") | CALM),
    ("golden", MISNAMED, set()),
    ("golden", PROD, set()),
    ("windows-golden", WIN, ids("windows-") | {"capture-windows-supported", "capture-instance-stopped"}),
    ("windows-golden", BUILD, set()),
    ("windows-golden", GOLDEN, set()),
    ("nhn-image-guide", GOLDEN, RECORD | COPIES),
    ("nhn-image-guide", SHARED, RECORD | COPIES | ACCEPTED),
    ("nhn-image-guide", OTHER, RECORD),
    ("nhn-image-guide", RECEIVED, ACCEPTED),
    ("nhn-image-guide", PUBLIC, set()),
    ("nhn-image-guide", BUILD, ids("linux-") | BEFORE | CURRENT),
    ("nhn-image-guide", WIN, ids("windows-", "capture-") | CURRENT),
    ("nhn-image-guide", MISNAMED, CURRENT),
    ("nhn-image-guide", PROD, CURRENT),
    ("regulated", GOLDEN, RECORD | COPIES),
    ("regulated", SHARED, RECORD | COPIES | ACCEPTED),
    ("regulated", OTHER, RECORD | COPIES),
    ("regulated", RECEIVED, ACCEPTED),
    ("regulated", PUBLIC, set()),
    ("regulated", BUILD, ids("linux-") | BEFORE | CURRENT),
    ("regulated", WIN, ids("windows-", "capture-") | CURRENT),
    ("regulated", MISNAMED, BEFORE | CURRENT),
    ("regulated", PROD, CURRENT),
    ("openstack", GOLDEN, RECORD),
    ("openstack", SHARED, RECORD | ACCEPTED),
    ("openstack", OTHER, set()),
    ("openstack", RECEIVED, ACCEPTED),
    ("openstack", BUILD, ids("linux-") | CALM | CURRENT),
    ("openstack", WIN, ids("windows-", but=NHN_ONLY) | CALM | CURRENT),
    ("openstack", PROD, CURRENT),
]


def required(name, check):
    """What a policy wants of a check, wherever it does."""
    return [one.params for rule in POLICIES[name].rules for one in rule.required if one.check.id == check]


@pytest.mark.parametrize(
    "name, target, checks", SELECTED, ids=[f"{name}: {target.name}, {target.kind}" for name, target, _ in SELECTED]
)
def test_a_policy_selects_what_its_comments_promise(name, target, checks):
    found = select(POLICIES[name], [target]).pairs
    assert {pair.check.id for pair in found} == checks
    assert not [pair for pair in found if pair.unseen]


def test_every_policy_is_in_the_table():
    assert {name for name, _, _ in SELECTED} == POLICIES.keys()


@pytest.mark.parametrize("name", POLICIES)
def test_no_two_rules_of_a_policy_contradict_each_other_and_all_select_something(name):
    assert select(POLICIES[name], EVERYTHING).rules_without_targets == ()


@pytest.mark.parametrize("name", ["nhn-image-guide", "regulated", "openstack"])
def test_where_nobody_knows_the_os_nothing_is_left_out_silently(name):
    pairs = select(POLICIES[name], [WHO_KNOWS]).pairs
    assert {pair.check.id for pair in pairs if pair.unseen} >= ids("linux-")


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_what_is_commented_out_is_valid_too(path, tmp_path):
    """Sections at the margin: scope, waivers, attestations, rules."""
    text = path.read_text("utf-8")
    block = re.compile(r"^# (?:scope|waivers|attestations|audit):.*\n(?:#   .*\n)*", re.MULTILINE)
    whole = block.sub(lambda match: re.sub(r"^# ", "", match[0], flags=re.MULTILINE), text)
    (tmp_path / path.name).write_text(whole, "utf-8")
    policy = load_policy(tmp_path / path.name, CHECKS, today=TODAY)
    assert len(block.findall(text)) == bool(policy.scope.clouds) + bool(policy.waivers) + bool(policy.attestations)


@pytest.mark.parametrize("name", ["nhn-image-guide", "regulated"])
def test_every_check_of_the_catalogue_is_required_somewhere(name):
    everywhere = {one.check.id for rule in POLICIES[name].rules for one in rule.required}
    assert everywhere == {check.id for check in CHECKS.values() if check.scope is not Scope.FLEET}


def test_the_guides_figures_are_the_guides():
    [properties] = required("nhn-image-guide", "catalog-properties-conform")
    assert (properties.min_disk, properties.min_ram) == ({"linux": 20, "windows": 50}, {"linux": 1024, "windows": 2048})
    assert [want.min_kb for want in required("nhn-image-guide", "linux-disk-space-available")] == [100]
    assert [want.free_kb for want in required("nhn-image-guide", "windows-space-available")] == [100]
    assert [want.renew_before for want in required("nhn-image-guide", "windows-renew-task-present")] == [
        date(2019, 5, 28)
    ]
    for check in ("windows-sysprep-tool-present", "windows-cloudbase-init-on-demand"):
        assert [want.toast_from for want in required("nhn-image-guide", check)] == [date(2020, 8, 18)]
    assert all(want.may_run == [] for want in required("nhn-image-guide", "capture-instance-stopped"))


def test_every_check_of_the_guides_policy_stands_below_a_sentence():
    """A comment that names a document, above it or above its neighbour."""
    source, check = None, re.compile(r"^ {6}([a-z]+(?:-[a-z]+)+):")
    without = []
    for line in (ROOT / "policies" / "nhn-image-guide.yaml").read_text("utf-8").splitlines():
        if "# ===" in line:
            source = None
        elif re.match(r" +# (?:\[|Release notes|What sysprep|As for Linux)", line):
            source = line
        if (found := check.match(line)) and source is None:
            without.append(found[1])
    assert without == []


def test_the_strict_policy_is_strict():
    policy = POLICIES["regulated"]
    assert policy.fix.ceiling is Level.SAFE
    assert policy.strict_rules
    others = [other for name, other in POLICIES.items() if name != "regulated"]
    assert all(policy.limits.changed_targets <= other.limits.changed_targets for other in others)
    assert all(policy.limits.waiver_days < other.limits.waiver_days for other in others)
    assert policy.waivers == policy.attestations == ()
    [members] = required("regulated", "catalog-members-allowed")
    assert (members.exact, members.allow) == (True, [])
    [name] = required("regulated", "catalog-name-conforms")
    assert name.pattern
    assert name.dated
    assert name.unique
    assert not name.vendor_like
    [properties] = required("regulated", "catalog-properties-conform")
    assert properties.properties["nhncloud_allow_download"] == "false"
    [copies] = required("regulated", "catalog-copies-complete")
    assert not copies.copy_missing
    assert required("regulated", "windows-password-initialised")
    assert all(want.may_run == [] for want in required("regulated", "capture-instance-stopped"))
    assert all(want.accept_from == [] for want in required("regulated", "catalog-members-accepted"))


def test_the_policy_of_plain_openstack_knows_no_vendor():
    assert not NHN_ONLY & {one.check.id for rule in POLICIES["openstack"].rules for one in rule.required}
    text = (ROOT / "policies" / "openstack.yaml").read_text("utf-8").casefold()
    assert [word for word in ("nhn", "toast", "u2", "console", "kr1") if word in text] == []
