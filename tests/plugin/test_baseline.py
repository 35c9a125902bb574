"""Runs that know of the run before: --baseline, --fail-on-new, --keep-runs, and the trend for renderers."""

import json

import pytest
from tests.plugin.recordings import image

from imagegate.cli import main
from imagegate.report import formats, spreadsheet

GOOD, BAD = image("good", number=1), image("good", number=1, protected=False)
OTHER = image("other", number=2, protected=False)
WHOLE = image("other", number=2)
LOST = image("good", number=1, unseen="503")


@pytest.fixture
def run(bench):
    """One run on what is recorded; the exit code and what was printed."""

    def call(images, *options):
        bench.record(*images)
        result = bench.run(*options)
        return int(result.ret), result.stdout.str() + result.stderr.str()

    return call


def test_fail_on_new_lets_pass_what_stood_before_and_says_so(run, bench):
    assert run([BAD, WHOLE])[0] == 1
    code, text = run([BAD, WHOLE], "--fail-on-new")
    assert code == 0
    assert "nothing new fails (--fail-on-new); 1 old fail stands: it proves no compliance" in text
    assert "FAIL old high catalog-image-protected" in text
    report = bench.report()
    assert report["run"]["fail_on_new"] is True
    assert report["baseline"]["counts"] == {"new": 0, "resolved": 0, "changed": 0, "same": 1}
    code, text = run([BAD, OTHER], "--fail-on-new")
    assert code == 1
    assert "a new fail stands (--fail-on-new); 1 old fail stands as well" in text
    assert "FAIL new high" in text
    assert "1 new, 0 changed, 1 the same, 0 resolved" in text


def test_resolved_and_not_seen_are_told_apart(run, bench):
    run([BAD, OTHER])
    before = bench.report()["run"]
    code, text = run([LOST, WHOLE], "--baseline", "latest")
    assert code == 10
    assert f"since run {before['id']}: 0 new, 0 changed, 0 the same, 1 resolved, 1 not seen" in text
    baseline = bench.report()["baseline"]
    assert [each["target"]["name"] for each in baseline["resolved"]] == ["other"]
    assert baseline["resolved"][0]["first_seen"] == before["finished"]
    assert [(each["target"]["name"], each["why"]) for each in baseline["not_resolved"]] == [("good", "not-seen")]
    # what the baseline had not seen is new
    assert run([BAD, WHOLE], "--fail-on-new")[0] == 1


@pytest.mark.parametrize(
    ("images", "options", "code"),
    [
        ([BAD], ("--fail-on-new",), 0),
        ([LOST], ("--fail-on-new",), 10),
        ([LOST], ("--fail-on-new", "--max-unknown", "1"), 0),
        ([BAD, OTHER], ("--fail-on-new",), 1),
        ([BAD, OTHER], ("--fail-on-new", "--fail-on", "critical"), 0),
        ([BAD, OTHER], ("--baseline", "latest"), 1),
        ([BAD], ("--baseline", "latest"), 1),
        ([BAD], ("--baseline", "nope"), 4),
        ([BAD], ("--baseline", ""), 4),
        ([BAD], ("--baseline", "latest~3"), 4),
        ([BAD], ("--keep-runs", "0"), 4),
        ([BAD], ("--keep-days", "-1"), 4),
    ],
)
def test_exit_codes(run, images, options, code):
    run([BAD])
    assert run(images, *options)[0] == code


def test_without_a_run_before_all_is_new(run, bench):
    code, text = run([BAD], "--fail-on-new")
    assert code == 1
    assert "no complete run to compare with: all of it is new" in text
    assert bench.report()["baseline"]["run"] is None
    assert bench.report()["findings"][0]["change"] == "new"


def test_a_run_that_x_ended_is_compared_as_far_as_it_came(run, bench):
    run([BAD, OTHER])
    code, text = run([BAD, OTHER], "-x", "--baseline", "latest")
    assert code == 1
    report = bench.report()
    assert report["baseline"]["counts"]["same"] == 1
    assert [each["why"] for each in report["baseline"]["not_resolved"]] == ["not-seen"]
    assert run([BAD, OTHER], "--fail-on-new")[0] == 0, "a part of a run is no baseline"


def test_a_part_of_a_run_resolves_nothing(run, bench):
    run([BAD, OTHER])
    run([GOOD, WHOLE], "-k", "good", "--baseline", "latest")
    baseline = bench.report()["baseline"]
    assert (baseline["counts"]["resolved"], [each["why"] for each in baseline["not_resolved"]]) == (1, ["not-seen"])


def test_old_runs_go_when_that_is_asked_for(run, bench):
    runs = []
    for _ in range(3):
        run([BAD])
        runs.append(bench.report()["run"]["id"])
    _, text = run([BAD], "--keep-runs", "2")
    left = sorted(path.name for path in bench.path.joinpath("reports").glob("2*"))
    assert len(left) == 2
    assert bench.report()["run"]["id"] in left
    assert "2 old runs removed" in text
    assert run([BAD], "--keep-days", "1")[0] == 1
    assert len([*bench.path.joinpath("reports").glob("2*")]) == 3


def test_renderers_are_told_of_the_runs_before(run, bench, monkeypatch):
    seen = []

    def render(document, context):
        seen.append((document.head["run"]["id"], [(each.run_id, dict(each.standing)) for each in context.past]))
        yield "x"

    monkeypatch.setattr(spreadsheet, "render", render)
    assert formats.FORMATS["csv"].module == "imagegate.report.spreadsheet"
    ids = []
    for images in ([BAD, OTHER], [BAD, WHOLE], [GOOD, WHOLE]):
        run(images, "--format", "csv")
        ids.append(bench.report()["run"]["id"])
    none = {"critical": 0, "high": 0, "medium": 0, "low": 0}
    past = [(ids[0], {**none, "high": 2}), (ids[1], {**none, "high": 1})]
    assert seen == [(ids[0], []), (ids[1], past[:1]), (ids[2], past)]
    seen.clear()
    assert main(["report", ids[1], "--format", "csv", "--report-dir", str(bench.path / "reports")]) == 0
    assert seen == [(ids[1], past[:1])]


def test_history_and_diff_tell_of_these_runs(run, bench, capsys):
    for images in ([BAD, OTHER], [BAD, WHOLE]):
        run(images)
    capsys.readouterr()
    where = ("--report-dir", str(bench.path / "reports"))
    assert main(["history", "--json", *where]) == 0
    shown = json.loads(capsys.readouterr().out)["runs"]
    assert [each["standing"]["high"] for each in shown] == [1, 2]
    assert shown[0]["since"]["resolved"] == 1
    assert main(["diff", *where]) == 0
    assert "resolved 1" in capsys.readouterr().out


def test_waivers_of_the_policy_stand_in_the_report(bench):
    bench.record(image("waived-web", protected=False), image("waived-db", number=1))
    result = bench.run()
    assert result.ret == 0
    (waiver,) = bench.report()["waivers"]
    assert {name: waiver[name] for name in ("check", "for", "approved_by", "matches", "state")} == {
        "check": "catalog-image-protected", "for": "image name=waived*", "approved_by": "security", "matches": 2,
        "state": "in force",
    }  # fmt: skip
    result.stdout.fnmatch_lines(["waivers and attestations of the policy", "  in force, line *moving house"])
