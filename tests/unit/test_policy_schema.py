"""The JSON Schema for editors agrees with the reader, and the ready policies are valid."""

from datetime import date
from pathlib import Path

import jsonschema
import pytest

from imagegate.catalogue import load_catalogue
from imagegate.errors import InputErrors
from imagegate.policy import load_policy, policy_schema
from imagegate.policy_schema import DIALECT
from imagegate.strict_yaml import parse, plain

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 22)
READY = sorted((ROOT / "policies").glob("*.yaml"))

FULL = """\
policy: golden
version: 3
title: Golden images of the web platform
scope: {clouds: {nhn: [KR1, KR2], other: }}
rules:
  - for: {image: {name: "golden-*", owner: [self, 12345], property.os: linux}}
    require:
      catalog-image-protected:
      catalog-members-allowed:
        allow:
          - {project: 0123e45, name: web-prod}
          - {project: 11112222333344445555666677778888, name: web-stage, until: 2027-03-31}
        exact: true
  - for: {instance: {name: "build-*", os: linux, metadata.team: web}}
    require:
      linux-machine-id-reset: {accept: [empty]}
      capture-instance-stopped: {may_run: [m2, c2]}
audit: {policy-waivers-current: {ending_soon_days: 30}}
waivers:
  - check: catalog-members-allowed
    for: {image: {name: "golden-legacy-*"}}
    reason: migrating
    ticket: 1234
    approved_by: platform-security
    until: 2026-12-31
attestations:
  - check: windows-password-initialised
    for: {instance: {}}
    statement: ticked
    by: release-engineering
    on: 2026-11-20
    until: 2027-05-20
limits: {changed_targets: 50, waiver_days: 366}
fix: {ceiling: disruptive, never: [linux-machine-id-reset]}
strict_rules: false
"""


@pytest.fixture(scope="module")
def checks():
    return load_catalogue([ROOT / "checks"]).checks


@pytest.fixture(scope="module")
def validator(checks):
    schema = policy_schema(checks)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def accepted(tmp_path, checks, text):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    try:
        load_policy(path, checks, today=TODAY)
    except InputErrors:
        return False
    return True


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_the_ready_policies_are_valid(path, checks, validator):
    policy = load_policy(path, checks, today=TODAY)
    assert policy.name == path.stem
    validator.validate(plain(parse(path.read_text(), str(path))))


def test_there_are_ready_policies():
    assert {path.name for path in READY} >= {"gate-linux.yaml", "golden.yaml"}


@pytest.mark.parametrize(
    "number, old, new",
    [
        # the first four are fine
        (0, "", ""),
        (1, "title: Golden images of the web platform\n", ""),
        (2, "      catalog-image-protected:\n", "      catalog-image-protected: {}\n"),
        (3, "{nhn: [KR1, KR2], other: }", "[nhn, other]"),
        (4, "strict_rules: false", "limit: 3"),
        (5, "version: 3", "version: three"),
        (6, "policy: golden", "policy: Golden"),
        (7, "exact: true", "exakt: true"),
        (8, "ending_soon_days", "days"),
        (9, "catalog-image-protected:", "catalog-image-protect:"),
        (10, "catalog-image-protected:", "linux-machine-id-reset:"),
        (11, "catalog-image-protected:", "policy-waivers-current:"),
        (12, "{accept: [empty]}", "{accept: [full]}"),
        (13, "owner: [self, 12345]", "onwer: self"),
        (14, "owner: [self, 12345]", "metadata.x: self"),
        (15, "owner: [self, 12345]", "owner: []"),
        (16, "    reason: migrating\n", ""),
        (17, "check: catalog-members-allowed", "check: nothing"),
        (18, "    by: release-engineering\n", ""),
        (19, "ceiling: disruptive", "ceiling: manual"),
        (20, "never: [linux", "never: [linus"),
        (21, '{image: {name: "golden-legacy-*"}}', "{image: {}, instance: {}}"),
        (22, '{image: {name: "golden-legacy-*"}}', "{}"),
        (23, "{project: 0123e45, name: web-prod}", "{name: web-prod}"),
        (24, "changed_targets: 50", "changed_targets: -1"),
        (25, '    for: {image: {name: "golden-legacy-*"}}\n', ""),
        (26, "    ticket: 1234\n", "    fingerprint: 1641e4db\n"),
        (27, "waiver_days: 366", "waiver_targets: few"),
        (-1, '    for: {image: {name: "golden-legacy-*"}}\n', "    fingerprint: 1641e4dbdeb2ef5d\n"),
        (-2, "    ticket: 1234\n", "    fingerprint: 1641e4dbdeb2ef5d\n"),
        (-3, "waiver_days: 366", "waiver_targets: 5"),
    ],
)
def test_reader_and_schema_agree(tmp_path, *, checks, validator, number, old, new):
    text = FULL.replace(old, new)
    assert (text == FULL) == (old == new)
    good = accepted(tmp_path, checks, text)
    assert validator.is_valid(plain(parse(text, "p"))) is good
    assert good is (number < 4)


def test_the_schema_explains_itself(checks):
    schema = policy_schema(checks)
    assert schema["$schema"] == DIALECT
    require = schema["$defs"]["RuleFile"]["properties"]["require"]["properties"]
    for name, check in checks.items():
        if name != "policy-waivers-current":
            assert require[name]["description"] == check.title
            assert schema["$defs"][name]["title"] == check.title
    assert schema["$defs"]["catalog-members-allowed.Grant"]["properties"]["project"]["description"]
    assert schema == policy_schema(dict(reversed(checks.items())))
