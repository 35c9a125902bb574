"""Endpoints that fail, lie or are not what they should be: the right verdict and owner, and nobody else is affected."""

from types import SimpleNamespace

import pytest
from tests.real.windows import RELEASED, Gate, Site, actual, entry, finding, verdicts, write_policy

from imagegate.sandbox import windows

pytestmark = pytest.mark.real

SPACE, SERVICE, TOOL = "windows-space-available", "windows-cloudbase-init-on-demand", "windows-sysprep-tool-present"
CHECKS = {SPACE: None, SERVICE: {"released": RELEASED}, TOOL: {"released": RELEASED}}
GENERALIZED = "windows-generalized"
LOOK_S = 8

HEALTHY = {
    "plain": {},
    "basic": {"auth": ("basic",)},
    "http": {"scheme": "http"},
    "closed-once": {},
    "localized": {"liars": ("localized",)},
    "insecure": {},
}
LOST = {
    "closed": ({"liars": ("connection-closed",)}, "target", "closed the connection half way"),
    "changed": ({}, "user", "the login of Administrator was rejected"),
    "refusing": ({"liars": ("unauthorized",)}, "user", "the login of Administrator was rejected"),
    "hanging": ({"liars": ("never-ends",)}, "target", f"within {LOOK_S} s"),
    "babbling": ({"liars": ("endless-output",)}, "target", None),
    "narrow": ({"liars": ("envelope-too-small",)}, "target", "its MaxEnvelopeSizekb is too small"),
    "garbled": ({"liars": ("garbage",)}, "target", "this is no WinRM endpoint"),
    "bomb": ({"liars": ("entity-bomb",)}, "target", None),
    "proxy": ({"liars": ("html-page",)}, "target", None),
    "silent": ({"liars": ("silent-success",)}, None, None),
    "full": ({"max_shells": 0}, "target", "a quota of its WinRM is used up"),
    "stranger": ({}, "target", "is not trusted"),
    "off": ({}, "target", "connection refused"),
    "no-tls": ({"scheme": "http"}, "target", "does not speak TLS"),
    "kept-secret": ({}, "user", "PASSWORD_OF_NOBODY"),
    "not-elevated": ({"faults": ("not-elevated",)}, "user", "elevated"),
    "ntlm-only": ({"auth": ("negotiate",)}, "user", "does not take auth: basic"),
}
"""Each peer: what it is, whose fault the unknown is, and a part of the reason (None: any)."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("trouble"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def looked(site, tmp_path_factory):
    """One look at all of them."""
    folder = tmp_path_factory.mktemp("look")
    site.start_all(HEALTHY | {name: spec for name, (spec, _, _) in LOST.items()})
    elsewhere = Site(tmp_path_factory.mktemp("elsewhere"))
    other = elsewhere.start("other")
    try:
        environment = site.environment
        windows.tell(site.peers["closed-once"].folder, lie={"connection-closed": 1})
        windows.tell(site.peers["changed"].folder, password="another-Passw0rd")
        windows.power_off(site.peers["off"].folder)
        peers = site.peers
        plain = {"scheme": "http", "ca_file": None}
        special = {
            "basic": entry(peers["basic"], auth="basic"),
            "http": {k: v for k, v in (entry(peers["http"]) | plain).items() if v is not None},
            "insecure": {
                k: v for k, v in entry(peers["insecure"], certificate_checking=False).items() if k != "ca_file"
            },
            "stranger": entry(peers["stranger"], ca_file=str(other.ca_file)),
            "no-tls": {**entry(peers["no-tls"]), "ca_file": str(other.ca_file)},
            "kept-secret": entry(peers["kept-secret"], password_env="PASSWORD_OF_NOBODY"),
            "ntlm-only": entry(peers["ntlm-only"], auth="basic"),
        }
        inventory = site.inventory(folder / "inventory.yaml", **special)
        policy = write_policy(folder / "policy.yaml", CHECKS)
        ran = Gate(folder, policy, inventory, environment)("--look-timeout", LOOK_S, command="audit")
        yield SimpleNamespace(report=ran.report, stdout=ran.stdout, code=ran.code)
    finally:
        elsewhere.close()


@pytest.mark.parametrize("name", HEALTHY)
def test_whoever_can_be_seen_is_seen(looked, name):
    assert verdicts(looked, name) == dict.fromkeys(CHECKS, "pass")


@pytest.mark.parametrize("name", LOST)
def test_whoever_cannot_be_seen_is_unknown(looked, name):
    _, owner, reason = LOST[name]
    found = {check: finding(looked, name, check) for check in CHECKS}
    assert {check: one["verdict"] for check, one in found.items()} == dict.fromkeys(CHECKS, "unknown")
    for one in found.values():
        assert reason is None or reason in one["reason"]
        assert owner is None or one["owner"] == owner
        assert one["owner"] != "tool"
        assert "\n" not in one["reason"]
        assert len(one["reason"]) < 600


def test_one_report_one_line_each_and_the_exit_code(looked):
    assert looked.code == 10
    assert {one["target"] for one in looked.report["scope"]["unreachable"]} == set(LOST)
    assert looked.report["scope"]["targets"] == {"selected": len(HEALTHY) + len(LOST), "seen": len(HEALTHY)}


def test_what_protects_a_connection_and_was_turned_off_is_told(looked):
    assert "its TLS certificate is not verified" in looked.stdout
    assert "reached over HTTP" in looked.stdout


def test_powershell_that_fails_costs_what_it_would_have_told(site, tmp_path):
    """The registry and services are seen all the same."""
    peer = site.start("clixml", liars=("clixml",))
    policy = write_policy(
        tmp_path / "policy.yaml", {SPACE: None, "windows-rearm-available": None, "windows-reboot-not-pending": None}
    )
    inventory = site.inventory(tmp_path / "inventory.yaml")
    ran = Gate(tmp_path, policy, inventory, site.environment)(peer.name)
    assert ran.code == 10
    assert verdicts(ran, peer.name) == {
        SPACE: "unknown", "windows-rearm-available": "unknown", "windows-reboot-not-pending": "pass",
    }  # fmt: skip


LIARS = {
    "sysprep-fails": ("failed", "Microsoft.Windows.Photos"),
    "sysprep-hangs": ("failed", "sysprep has written nothing for"),
    "sysprep-undeployable": ("failed", "IMAGE_STATE_UNDEPLOYABLE"),
    "sysprep-does-nothing": ("failed", ""),
}


def test_sysprep_that_does_not_do_it(site, tmp_path):
    """It never hangs for ever, and says what stopped it; the one that does its work is not held up."""
    good = "generalizes"
    site.start_all({good: {}, **{liar: {"liars": (liar,)} for liar in LIARS}})
    policy = write_policy(tmp_path / "policy.yaml", {GENERALIZED: {"timeout_s": 6}})
    inventory = site.inventory(tmp_path / "inventory.yaml")
    gate = Gate(tmp_path, policy, inventory, site.environment)
    before = gate(*LIARS, good)
    assert before.code == 1
    ran = gate(*LIARS, good, "--fix", "--fix-level", "destructive", "--check", GENERALIZED)
    assert ran.code == 11, ran.stdout
    assert finding(ran, good, GENERALIZED)["remedy"]["state"] == "verified"
    for liar, (state, reason) in LIARS.items():
        remedy = finding(ran, liar, GENERALIZED)["remedy"]
        assert (liar, remedy["state"]) == (liar, state), remedy
        assert reason in remedy["reason"], remedy
    again = gate(*LIARS, good)
    assert again.code == 1
    assert {name: verdicts(again, name)[GENERALIZED] for name in [*LIARS, good]} == {
        **dict.fromkeys(LIARS, "fail"), good: "pass",
    }  # fmt: skip
    assert "UNDEPLOYABLE" in actual(finding(again, "sysprep-fails", GENERALIZED))
