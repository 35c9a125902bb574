"""An audit of 1,000 images in a real cloud finds exactly what is planted, over Identity v2.0 and v3."""

import re
from collections import Counter

import pytest
from tests.real import recipe
from tests.real.support import MEMBERS, imagegate, validate, write_policy

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=["sandbox", "sandbox-v3"])
def audit(request, loaded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    policy = write_policy(folder / "policy.yaml", *recipe.rules(loaded))
    ran = imagegate("audit", "--policy", policy, "--cloud", request.param, cwd=folder, clouds=loaded.clouds_yaml)
    return request.param, ran


def test_it_finds_exactly_the_planted_faults(audit):
    cloud, ran = audit
    assert ran.code == 1, ran.stdout[-3000:] + ran.stderr[-3000:]
    found = Counter(
        (f["target"]["region"], f["target"]["name"], f["check"], f["verdict"]) for f in ran.report["findings"]
    )
    expected = recipe.expected(recipe.planted())
    assert found - expected == Counter()
    assert expected - found == Counter()
    assert {f["target"]["cloud"] for f in ran.report["findings"]} == {cloud}
    counts = Counter(verdict for *_, verdict in expected.elements())
    assert {key: ran.report["counts"][key] for key in counts} == counts
    assert min(counts["pass"], counts["fail"]) > 300


def test_the_report_says_that_all_was_seen(audit, loaded):
    _, ran = audit
    report = ran.report
    validate(report)
    assert report["run"]["complete"] is True
    assert report["scope"]["rules_without_targets"] == []
    assert report["auditor"][0]["project"] == loaded.projects["golden"]
    seen = {region: (one["complete"], one["images"]) for region, one in ran.catalogs().items()}
    assert seen == {"KR1": (True, recipe.KR1_IMAGES), "KR2": (True, 40)}
    assert ran.catalogs()["KR1"]["pages"] >= 3, "two of 1,000 and the hidden images"


def test_it_asks_for_the_members_of_the_judged_images_alone(audit):
    _, ran = audit
    needed = recipe.member_requests(recipe.planted())
    assert needed > 300
    others = ran.report["scope"]["requests"] - needed
    assert 0 < others <= 12, "token, pages, and at most one question for a project"


def test_violations_name_the_project_and_its_status(audit, loaded):
    _, ran = audit
    findings = ran.findings(MEMBERS)
    stage, prod = loaded.projects["web-stage"], loaded.projects["web-prod"]
    for status in ("pending", "accepted", "rejected"):
        (violation,) = findings[f"extra-{status}-007"]["violations"]
        assert (violation["subject"], violation["actual"]) == (f"member {stage}", status)
    (violation,) = findings["ended-007"]["violations"]
    assert violation["expected"] == "no access after 2026-01-31"
    for name in ("lacking-007", "private-007"):
        (violation,) = findings[name]["violations"]
        assert (violation["subject"], violation["expected"]) == (f"member {prod}", "access")
    (violation,) = findings["digits-mistyped-007"]["violations"]
    assert violation["subject"] == f"member {recipe.MISTYPED}"
    foreign = findings["foreign-003"]
    assert foreign["owner"] == "target"
    assert prod in foreign["reason"]
    assert "only its owner" in foreign["reason"]


def test_hostile_names_steer_neither_terminal_nor_report(audit):
    _, ran = audit
    texts = {name: (ran.folder / name).read_text() for name in ("report.txt", "junit.xml")} | {"stdout": ran.stdout}
    for place, text in texts.items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u200b-\u200f\u2028-\u202e\ufeff]", text), place
        assert not re.search(r"^(PASSED|lines)", text, re.MULTILINE), place
    assert "<script>" not in texts["junit.xml"]
    assert "owned" in texts["report.txt"]


def test_both_clouds_say_the_same(loaded, tmp_path):
    """The protocol of the login is no part of a verdict: fingerprints differ in the name of the cloud alone."""
    policy = write_policy(tmp_path / "policy.yaml", *recipe.rules(loaded))
    found = []
    for cloud in ("sandbox", "sandbox-v3"):
        ran = imagegate(
            "audit", "--policy", policy, "--cloud", cloud, "--region", "KR2", cwd=tmp_path, clouds=loaded.clouds_yaml
        )
        parts = ("check", "verdict", "violations", "reason", "remedy")
        found.append(sorted((f["target"]["id"], str([f[part] for part in parts])) for f in ran.report["findings"]))
    assert found[0] == found[1]
    assert len(found[0]) == 80
