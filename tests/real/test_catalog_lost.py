"""What an audit does not get to see is unknown: exit code 10, and the report says what it was."""

import pytest
from ruamel.yaml import YAML
from tests.real import recipe
from tests.real.support import MEMBERS, PROTECTED, Proxy, User, imagegate, rerouted, validate, write_policy

from imagegate import sandbox

pytestmark = pytest.mark.real

LISTS = 3
"""Answers that make up the catalog of KR1: two pages, and the hidden images."""


@pytest.fixture
def audit(loaded, tmp_path):
    """Audit the images called good-*: all of them are as they should be."""

    def run(*argv, clouds=loaded.clouds_yaml, regions=("KR1", "KR2"), checks=(PROTECTED, MEMBERS)):
        wanted = {PROTECTED: None, MEMBERS: {"require": [{"project": loaded.projects["web-prod"]}]}}
        good = ({"name": "good-*", "owner": "self"}, {check: wanted[check] for check in checks})
        policy = write_policy(tmp_path / "policy.yaml", good, scope={"clouds": {"sandbox": list(regions)}})
        ran = imagegate("audit", "--policy", policy, *argv, cwd=tmp_path, clouds=clouds)
        validate(ran.report)
        return ran

    return run


def verdicts(ran, check, region="KR1"):
    found = [f["verdict"] for f in ran.findings(check, region).values()]
    return {verdict: found.count(verdict) for verdict in found}


@pytest.fixture
def struck(loaded):
    """A proxy before the Glance of KR1 that stops the real Glance, and itself, before the n-th answer."""

    def make(number):
        def strike(proxy, answered):
            if answered == number:
                sandbox.stop_service(loaded.root, "glance-KR1")
                proxy.die()

        return Proxy(loaded.ports["glance-KR1"], strike)

    yield make
    sandbox.start_service(loaded.root, "glance-KR1")


def test_nothing_is_lost_without_a_strike(loaded, audit):
    """The negative of all that follows: the same audit through the same proxy is green."""
    with Proxy(loaded.ports["glance-KR1"]) as proxy, rerouted(loaded, "glance-KR1", proxy.port):
        ran = audit()
    assert ran.code == 0, ran.stdout
    assert ran.report["run"]["complete"] is True
    assert verdicts(ran, MEMBERS) == {"pass": 60}
    assert verdicts(ran, MEMBERS, "KR2") == {"pass": 20}
    assert [path.split("?")[0] for _, path, _ in proxy.answers[:LISTS]] == ["/v2/images"] * LISTS


def test_glance_stopped_half_way_through_the_members(loaded, audit, struck):
    with struck(LISTS + 44) as proxy, rerouted(loaded, "glance-KR1", proxy.port):
        ran = audit()
    assert ran.code == 10, ran.stdout[-3000:]
    assert verdicts(ran, MEMBERS) == {"pass": 44, "unknown": 16}, "what was answered is judged, the rest is unknown"
    assert verdicts(ran, PROTECTED) == {"pass": 60}, "the list told"
    assert verdicts(ran, MEMBERS, "KR2") == {"pass": 20}, "the other region is not touched by it"
    unseen = [f for f in ran.findings(MEMBERS).values() if f["verdict"] == "unknown"]
    assert {f["owner"] for f in unseen} == {"target"}
    reasons = {f["reason"] for f in unseen}
    assert all("no connection" in reason or "refused" in reason for reason in reasons), reasons
    text = (ran.folder / "report.txt").read_text()
    assert all(f["target"]["name"] in text for f in unseen)


def test_glance_stopped_between_two_pages(loaded, audit, struck):
    with struck(1) as proxy, rerouted(loaded, "glance-KR1", proxy.port):
        ran = audit(checks=(PROTECTED,))
    assert ran.code == 10, ran.stdout[-3000:]
    lost = ran.catalogs()["KR1"]
    assert (lost["complete"], lost["images"], lost["pages"]) == (False, 1000, 1)
    assert lost["reason"].startswith("page 2: ")
    assert ran.catalogs()["KR2"]["complete"] is True
    assert ran.report["run"]["complete"] is False
    counts = ran.report["counts"]
    assert (counts["fail"], counts["unknown"]) == (0, 0), "all that the first page held is as it should be, and yet"
    assert 60 < counts["pass"] <= 80
    assert lost["reason"] in ran.stdout


def test_a_fail_that_was_seen_outranks_what_was_not(loaded, tmp_path, struck):
    """Exit code 1 goes before 10, and the report tells of both."""
    policy = write_policy(tmp_path / "policy.yaml", recipe.rules(loaded)[0])
    with struck(LISTS + 70) as proxy, rerouted(loaded, "glance-KR1", proxy.port):
        where = ("--cloud", "sandbox", "--region", "KR1")
        ran = imagegate("audit", "--policy", policy, *where, cwd=tmp_path, clouds=loaded.clouds_yaml)
    assert ran.code == 1
    judged = [i for i in recipe.planted() if i.region == "KR1" and i.name.startswith(recipe.FIRST_RULE)]
    expected = {(image.name, check): verdict for image in judged for check, verdict in image.expected.items()}
    found = {(f["target"]["name"], f["check"]): f["verdict"] for f in ran.report["findings"]}
    assert found.keys() == expected.keys()
    wrong = {key for key, verdict in found.items() if verdict not in {expected[key], "unknown"}}
    assert wrong == set(), "half a look never makes a verdict of its own"
    assert ran.report["counts"]["unknown"] == recipe.member_requests(judged) - 70 == 10
    assert ran.report["counts"]["fail"] == 80 + 70


def test_a_region_removed_from_the_service_catalog(loaded, audit):
    admin = User(loaded, "admin")
    port = f":{loaded.ports['glance-KR2']}"
    endpoints = [e for e in admin.keystone("GET", "/v3/endpoints")["endpoints"] if port in e["url"]]
    for endpoint in endpoints:
        admin.keystone("DELETE", f"/v3/endpoints/{endpoint['id']}")
    try:
        ran = audit()
    finally:
        for endpoint in endpoints:
            body = {key: endpoint[key] for key in ("service_id", "region_id", "interface", "url")}
            admin.keystone("POST", "/v3/endpoints", {"endpoint": body})
    assert len(endpoints) == 3
    assert ran.code == 10
    lost = ran.catalogs()["KR2"]
    assert (lost["complete"], lost["images"]) == (False, 0)
    assert lost["reason"] == "the service catalog has no image service in region KR2 (it has one in KR1)"
    assert lost["reason"] in ran.stdout
    assert ran.findings(MEMBERS, "KR2") == {}, "nothing of KR1 is taken for KR2"
    assert verdicts(ran, MEMBERS) == {"pass": 60}


def test_a_region_that_never_was(audit):
    ran = audit(regions=("KR2", "KR3"))
    assert ran.code == 10
    lost = ran.catalogs()["KR3"]
    assert lost["complete"] is False
    assert lost["reason"] == "region KR3 is not in the service catalog (it has KR1, KR2)"
    assert ran.catalogs()["KR2"]["complete"] is True


@pytest.mark.parametrize("cloud", ["sandbox", "sandbox-v3"])
def test_refused_credentials(loaded, audit, tmp_path, cloud):
    yaml = YAML()
    config = yaml.load(loaded.clouds_yaml.read_text())
    config["clouds"][cloud]["auth"]["password"] = "not-the-password"
    clouds = tmp_path / "clouds.yaml"
    with clouds.open("w") as file:
        yaml.dump(config, file)
    ran = audit("--cloud", cloud, clouds=clouds)
    assert ran.code == 10
    assert ran.report["findings"] == []
    assert ran.report["run"]["complete"] is False
    lost = ran.report["scope"]["catalog"]
    assert lost
    for one in lost:
        assert one["complete"] is False
        assert f"check username, password and project of cloud {cloud}" in one["reason"], "it is the operator's to mend"
        assert one["reason"] in ran.stdout
    assert "not-the-password" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("service", ["glance-KR2", "keystone"])
def test_a_closed_port(loaded, audit, service):
    sandbox.stop_service(loaded.root, service)
    try:
        ran = audit()
    finally:
        sandbox.start_service(loaded.root, service)
    assert ran.code == 10
    regions = {region for region, one in ran.catalogs().items() if not one["complete"]}
    assert regions == ({"KR2"} if service == "glance-KR2" else {"KR1", "KR2"})
    assert "Connection refused" in ran.catalogs()["KR2"]["reason"]
    assert ran.report["counts"]["pass"] == (120 if service == "glance-KR2" else 0)


def test_a_token_revoked_half_way_is_renewed_once(loaded, audit):
    """Glance starts anew, so that it asks Keystone about the token again: the answer is 401, as for an expired one."""

    def strike(proxy, answered):
        if answered == 12:
            (token,) = proxy.tokens
            golden = User(loaded)
            golden.call("DELETE", "/v3/auth/tokens", service="keystone", **{"X-Subject-Token": token})
            sandbox.stop_service(loaded.root, "glance-KR2")
            sandbox.start_service(loaded.root, "glance-KR2")

    with Proxy(loaded.ports["glance-KR2"], strike) as proxy, rerouted(loaded, "glance-KR2", proxy.port):
        ran = audit(regions=("KR2",))
    assert ran.code == 0, ran.stdout
    assert verdicts(ran, MEMBERS, "KR2") == {"pass": 20}
    assert len(proxy.tokens) == 2
    assert 401 in {status for *_, status in proxy.answers}


def test_every_service_is_back(loaded):
    """The tests above have left the sandbox as it was."""
    states = {service.name: service.state for service in sandbox.status(loaded.root).services}
    assert set(states.values()) == {"running"}
