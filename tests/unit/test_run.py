"""A run from options to result, without pytest, on recorded facts."""

import subprocess
import sys
from dataclasses import replace

import pytest
from tests.checks.world import NOW

from imagegate.errors import UsageError
from imagegate.model import Facts, Kind, Level, Seen, Target, Unseen, Verdict
from imagegate.probes import IMAGE, MEMBER_PROJECTS, MEMBERS, ImageFact, Member, MemberProjectsFact, MembersFact
from imagegate.recording import write_recording
from imagegate.result import ExitCode
from imagegate.run import Options, Run
from imagegate.transports import CatalogScope, Discovery

POLICY = """
policy: golden
version: 1
rules:
  - for: {image: {name: "golden-*"}}
    require:
      catalog-image-protected:
      catalog-members-allowed:
        allow:
          - {project: p-prod}
"""


def image(name, *, protected=True, members=()):
    """An image of ours and what is seen of it."""
    target = Target(
        kind=Kind.IMAGE, id=f"id-{name}", name=name, cloud="nhn", region="KR1",
        attributes={"name": frozenset({name})},
    )  # fmt: skip
    fact = ImageFact(
        id=target.id, name=name, owner="p-owner", mine=True, status="active", visibility="shared", protected=protected
    )
    listed = MembersFact(members=tuple(Member(project=p, status="accepted") for p in members))
    values = {IMAGE: fact, MEMBERS: listed, MEMBER_PROJECTS: MemberProjectsFact(missing=())}
    return target, Facts({probe: Seen(value=value, at=NOW) for probe, value in values.items()}, NOW)


@pytest.fixture
def run(tmp_path):
    """Run a policy over recorded images; returns the result."""

    def go(*images, policy=POLICY, catalogs=(), select=None, **options):
        (tmp_path / "p.yaml").write_text(policy, encoding="utf-8")
        targets = [target for target, _ in images]
        facts = {target.key: seen for target, seen in images}
        write_recording(tmp_path / "facts", Discovery(targets=tuple(targets), catalogs=catalogs), targets, facts)
        said = Options(command="audit", policy=tmp_path / "p.yaml", facts=tmp_path / "facts")
        machine = Run(replace(said, **options))
        pairs = machine.discover()
        result = machine.execute(pairs if select is None else [pair for pair in pairs if select(pair)])
        machine.close()
        return result

    return go


def test_a_run_needs_no_pytest():
    code = "import sys, imagegate.run, imagegate.engine; print([m for m in sys.modules if 'pytest' in m])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == "[]"


def test_everything_as_required_is_compliant(run):
    result = run(image("golden-web", members=("p-prod",)))
    assert result.exit_code is ExitCode.COMPLIANT
    assert (result.counts.passed, result.complete, result.interrupted) == (2, True, False)


def test_a_fail_stands_and_its_mending_is_planned(run):
    result = run(image("golden-web", protected=False))
    assert result.exit_code is ExitCode.FAIL
    [plan] = result.plans
    assert [planned.step.summary for planned in plan.steps] == ["protect the image against deletion"]
    assert plan.granted == ()


def test_an_unknown_without_a_fail_is_10_and_with_one_is_1(run):
    target, seen = image("golden-web")
    blind = (target, Facts({**dict(seen.items()), MEMBERS: Unseen(reason="403", at=NOW)}, NOW))
    assert run(blind).exit_code is ExitCode.UNKNOWN
    assert run(blind, max_unknown=1).exit_code is ExitCode.COMPLIANT
    assert run(blind, image("golden-db", protected=False)).exit_code is ExitCode.FAIL


def test_nothing_selected_is_5(run):
    result = run(image("silver-web"))
    assert result.exit_code is ExitCode.NOTHING
    assert result.scope.rules_without_targets == (0,)


def test_a_catalog_that_was_lost_is_10_even_if_nothing_was_selected(run):
    lost = CatalogScope(
        what="images", cloud="nhn", region="KR1", project=None, pages=0, count=0, complete=False, reason="503"
    )
    result = run(catalogs=(lost,))
    assert result.exit_code is ExitCode.UNKNOWN
    assert not result.complete


def test_a_part_of_the_pairs_is_no_complete_run(run):
    result = run(image("golden-web"), select=lambda pair: pair.check.id == "catalog-image-protected")
    assert not result.complete
    assert result.scope.deselected == 1
    assert len(result.findings) == 1


def test_the_named_checks_only_are_judged(run):
    result = run(image("golden-web", protected=False), check_ids=("catalog-members-allowed",))
    assert [finding.check.id for finding in result.findings] == ["catalog-members-allowed"]
    assert not result.complete


def test_a_check_that_does_not_exist_is_a_usage_error(run):
    with pytest.raises(UsageError, match="no such check"):
        run(image("golden-web"), check_ids=("catalog-image-protect",))


def test_recorded_facts_cannot_be_fixed(run):
    with pytest.raises(UsageError, match="cannot change recorded facts"):
        run(image("golden-web"), fix_level=Level.SAFE)


WAIVED = (
    POLICY
    + """
waivers:
  - check: catalog-image-protected
    for: {image: {name: "golden-*"}}
    reason: r
    approved_by: a
    until: "%s"
"""
)


def until(days):
    """A day so far from today, as the run sees it."""
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_a_waived_fail_is_compliant_and_an_audit_judges_its_waivers(run):
    result = run(image("golden-web", protected=False), policy=WAIVED % until(100))
    assert result.exit_code is ExitCode.COMPLIANT
    assert result.counts.waived == 1
    assert {finding.check.id: finding.verdict for finding in result.findings}["policy-waivers-current"] is Verdict.PASS


def test_an_expired_waiver_lets_the_fail_stand_and_is_itself_a_finding(run):
    result = run(image("golden-web", protected=False), policy=WAIVED % until(-2))
    assert result.exit_code is ExitCode.FAIL
    by_check = {finding.check.id: finding for finding in result.findings}
    assert "expired" in by_check["catalog-image-protected"].note
    assert by_check["policy-waivers-current"].verdict is Verdict.FAIL


def test_an_unused_waiver_is_a_finding_of_a_whole_audit_only(run):
    policy, web = WAIVED % until(100), image("golden-web")
    whole = run(web, policy=policy)
    part = run(web, policy=policy, select=lambda pair: pair.check.id != "catalog-members-allowed")
    verdicts = [
        {finding.check.id: finding.verdict for finding in result.findings}["policy-waivers-current"]
        for result in (whole, part)
    ]
    assert verdicts == [Verdict.FAIL, Verdict.PASS]


def test_a_recording_of_a_recording_gives_the_same_findings(run, tmp_path):
    first = run(image("golden-web", protected=False), record_facts=tmp_path / "again")
    machine = Run(Options(command="audit", policy=tmp_path / "p.yaml", facts=tmp_path / "again"))
    second = machine.execute(machine.discover())
    assert [(f.check.id, f.verdict, f.violations) for f in second.findings] == [
        (f.check.id, f.verdict, f.violations) for f in first.findings
    ]


def test_closing_before_anything_was_discovered_is_no_error(tmp_path):
    Run(Options(command="audit", policy=tmp_path / "p.yaml")).close()


def test_an_audit_narrowed_to_an_image_judges_that_one_only(run):
    result = run(image("golden-web"), image("golden-db", protected=False), images=("id-golden-web",))
    assert {finding.target.name for finding in result.findings} == {"golden-web"}
    assert result.exit_code is ExitCode.COMPLIANT
    assert result.complete


def test_an_image_that_is_gone_is_unknown_not_nothing(run):
    result = run(image("golden-web"), images=("id-golden-web", "id-gone"))
    assert result.scope.missing == ("id-gone",)
    assert result.exit_code is ExitCode.UNKNOWN
