"""What a verdict becomes in pytest, what is selected, and what a run leaves behind."""

import re
from xml.etree import ElementTree as ET

import pytest
from tests.plugin.recordings import ALL, CHECK, FILE, image

from imagegate.pytest_items import label_targets

ESC = chr(27)


def ids(result):
    return re.findall(r"checks/\S+::\S+\[.*\]", result.stdout.str())


def test_each_verdict_has_its_status(bench):
    result = bench.run("-v")
    result.assert_outcomes(passed=2, failed=1, errors=1, skipped=1, xfailed=1)
    lines = ("good] PASSED", "bad] FAILED", "lost] ERROR", "leaving] SKIPPED", "waived-web] WAIVED")
    for name in lines:
        result.stdout.fnmatch_lines([f"{FILE}::{CHECK}?{name.replace(']', '?')}*"])
    assert result.ret == 1


def test_a_fail_is_told_once_and_without_a_traceback(bench):
    result = bench.run()
    text = result.stdout.str()
    assert text.count("protected: false, expected true") == 2  # the fail and the waived fail
    assert "FAILURES" not in text
    assert "short test summary" not in text
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(["*2 pass, 2 fail (1 waived, 0 fixed), 1 unknown, 1 not applicable*", "*exit code 1*"])


@pytest.mark.parametrize(
    ("words", "locale", "said"),
    [((), "ko_KR.UTF-8", "감사"), (("--lang", "ja"), "ko_KR.UTF-8", "監査"), ((), "C", "Audit")],
)
def test_the_page_is_written_in_the_language_that_is_asked_for(bench, monkeypatch, words, locale, said):
    monkeypatch.setenv("LC_ALL", locale)
    assert bench.run("--format", "html", *words).ret == 1
    page = (bench.path / "reports" / "latest" / "report.html").read_text(encoding="utf-8")
    assert f">{said}</span>" in page
    assert "waived-web" in page


def test_a_language_that_is_not_spoken_is_a_mistake(bench):
    result = bench.run("--format", "html", "--lang", "tlh")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--lang*invalid choice: 'tlh'*"])


def test_the_short_summary_of_others_is_left_alone(bench):
    bench.pytester.makepyfile(test_mine="def test_mine(): assert 0")
    result = bench.run("test_mine.py")
    result.stdout.fnmatch_lines(["*FAILURES*", "*test_mine*", "FAILED test_mine.py::test_mine*"])
    assert "FAILED checks" not in result.stdout.str()


@pytest.mark.parametrize(
    ("images", "options", "code"),
    [
        ([image("good")], (), 0),
        ([image("waived-1", protected=False)], (), 0),
        ([image("good"), image("leaving", status="deleted", number=1)], (), 0),
        ([image("bad", protected=False)], (), 1),
        ([image("bad", protected=False)], ("--fail-on", "critical"), 0),
        ([image("lost", unseen="gone")], (), 10),
        ([image("lost", unseen="gone")], ("--max-unknown", "1"), 0),
        ([image("bad", protected=False), image("lost", unseen="gone", number=1)], (), 1),
        ([], (), 5),
        ([image("good")], ("-k", "nothing"), 5),
        ([image("good")], ("--check", "no-such-check"), 4),
        ([image("good")], ("--instance", "web-01"), 4),
        ([image("good")], ("--fix-level", "safe"), 4),
        ([image("bad", protected=False)], ("--fix",), 4),
    ],
)
def test_exit_codes(bench, images, options, code):
    bench.record(*images)
    assert bench.run(*options).ret == code


def test_a_lost_catalog_is_unknown_even_if_nothing_was_selected(bench):
    bench.record(complete=False)
    assert bench.run().ret == 10


def test_ordinary_tests_that_fail_make_1(bench):
    bench.record(image("lost", unseen="gone"))
    bench.pytester.makepyfile(test_mine="def test_mine(): assert 0")
    assert bench.run().ret == 10
    assert bench.run("test_mine.py").ret == 1


def test_a_test_that_cannot_be_collected_stops_everything(bench):
    bench.pytester.makepyfile(test_mine="import nowhere")
    assert bench.run("test_mine.py").ret == 2
    assert not bench.path.joinpath("reports").exists()


def test_k_selects_and_the_report_says_that_it_is_not_complete(bench):
    result = bench.run("-k", "good")
    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=5)
    report = bench.report()
    assert report["run"]["complete"] is False
    assert report["scope"]["deselected"] == 5
    assert [finding["target"]["name"] for finding in report["findings"]] == ["good"]


def test_a_node_id_selects(bench):
    result = bench.run(checks=f"{FILE}::{CHECK}[bad]")
    result.assert_outcomes(failed=1)
    assert bench.report()["scope"]["deselected"] == 5


def test_a_single_file_selects(bench):
    assert bench.run(checks="checks/linux/machine_id.py").ret == 5
    bench.run(checks=FILE).assert_outcomes(passed=1, failed=1, errors=1, skipped=1, xfailed=1)
    assert bench.report()["scope"]["deselected"] == 1


def test_check_selects(bench):
    bench.run("--check", "linux-machine-id-reset").assert_outcomes(deselected=6)
    bench.run("--check", CHECK).assert_outcomes(passed=1, failed=1, errors=1, skipped=1, xfailed=1, deselected=1)


def test_x_stops_after_the_first_fail(bench):
    result = bench.run("-x")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    report = bench.report()
    assert report["run"]["complete"] is False
    assert report["scope"]["deselected"] == 4
    assert len(report["findings"]) == 2


def test_lf_runs_only_what_failed(bench):
    bench.run()
    result = bench.run("--lf", "--collect-only", "-q")
    assert [re.search(r"\[(.*)\]", each)[1] for each in ids(result)] == ["bad", "lost"]
    bench.record(image("good", number=1), image("bad", number=2), image("lost", number=3))
    result = bench.run("--lf")
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert bench.report()["scope"]["deselected"] == 1


def test_collect_only_lists_and_looks_at_nothing(cloud):
    result = cloud.live("--collect-only", "-q")
    assert result.ret == 0
    assert len(ids(result)) == 6
    assert not cloud.path.joinpath("looked").exists()
    assert not cloud.path.joinpath("reports").exists()


def test_junitxml_of_pytest_is_whole(bench):
    bench.run("--junitxml=out.xml")
    root = ET.parse(bench.path / "out.xml").getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    suite = root.find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "6",
        "1",
        "1",
        "2",
    )
    bad = cases[f"{CHECK}[bad]"]
    assert bad.get("classname") == "checks.catalog.image_protected"
    assert "expected true" in bad.find("failure").text
    found = {each.get("name"): each.get("value") for each in bad.iter("property")}
    assert found["severity"] == "high"
    assert found["target"].startswith("00000002")
    assert "503 from the image API" in cases[f"{CHECK}[lost]"].find("error").text
    assert "moving house" in cases[f"{CHECK}[waived-web]"].find("skipped").get("message")
    assert "the image is deleted" in cases[f"{CHECK}[leaving]"].find("skipped").get("message")


def test_hostile_names_are_visible_and_unique(bench):
    nasty = f"a{ESC}[31m\nb::()]c"
    bench.record(image(nasty, number=1), image("two", number=2), image("two", number=3), image("", number=4))
    bench.run("--junitxml=out.xml", "-v", "-rA").assert_outcomes(passed=4)
    result = bench.run("--collect-only", "-q")
    found = [each.partition("[")[2].removesuffix("]") for each in ids(result)]
    assert len(set(found)) == 4
    assert ESC not in result.stdout.str()
    assert r"\x1b" in found[0]
    assert found[1:] == [
        "two@00000002-0000-4000-8000-000000000000", "two@00000003-0000-4000-8000-000000000000",
        "00000004-0000-4000-8000-000000000000",
    ]  # fmt: skip
    for name in found:
        bench.run(checks=f"{FILE}::{CHECK}[{name}]").assert_outcomes(passed=1)


def test_one_name_in_two_regions_is_told_apart_by_region():
    targets = [image("web", number=1)[0], image("web", number=2, region="KR2")[0]]
    assert list(label_targets(targets).values()) == ["web@nhn/KR1", "web@nhn/KR2"]


def test_labels_are_unique_whatever_the_names():
    targets = [image(name, number=n)[0] for n, name in enumerate(["a", "a", "a@00000000-0000-4000-8000-000000000000"])]
    assert len(set(label_targets(targets).values())) == 3


def test_the_packaged_checks_are_used_if_no_folder_of_checks_is_named(bench):
    bench.run(checks=None).assert_outcomes(passed=2, failed=1, errors=1, skipped=1, xfailed=1)
    assert not any(name.startswith("test_") for name in map(str, bench.path.glob("reports/*/test_*")))


def test_pyargs(bench):
    outcome = bench.run("--pyargs", checks="imagegate.checks")
    outcome.assert_outcomes(passed=2, failed=1, errors=1, skipped=1, xfailed=1)
    bench.run("--pyargs", checks="imagegate.checks.catalog.image_protected").assert_outcomes(
        passed=1, failed=1, errors=1, skipped=1, xfailed=1
    )


def test_lf_works_for_checks_outside_of_the_root_folder(bench):
    bench.run("--pyargs", checks="imagegate.checks")
    bench.run("--lf", "--pyargs", checks="imagegate.checks").assert_outcomes(failed=1, errors=1)


def test_a_folder_of_ones_own_is_added(bench):
    own = bench.path / "own" / "catalog"
    own.mkdir(parents=True)
    source = bench.path.joinpath(FILE).read_text().replace(CHECK, "catalog-image-kept")
    own.joinpath("kept.py").write_text(source)
    bench.record(image("good"))
    policy = bench.path / "policy.yaml"
    policy.write_text(policy.read_text().replace(f"      {CHECK}:\n", f"      {CHECK}:\n      catalog-image-kept:\n"))
    result = bench.run("-v", "--checks", "own")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["own/catalog/kept.py::catalog-image-kept?good? PASSED*"])
    assert bench.run().ret == 4  # without the folder, the policy asks for a check that is not there


def test_all_mistakes_of_a_policy_at_once(bench):
    bench.path.joinpath("policy.yaml").write_text("policy: x\nversion: 1\nrulez: []\nextra: 1\nrules: []\n")
    result = bench.run()
    assert result.ret == 4
    assert "policy.yaml:3:1: " in result.stderr.str()
    assert "policy.yaml:4:1: " in result.stderr.str()


def test_all_mistakes_of_the_command_line_at_once(bench):
    result = bench.run("--fix", "-x", "--fix-level", "destructive", "--look-workers", "0", "--look-timeout", "nan")
    assert result.ret == 4
    for part in ("-x", "name the targets", "name the checks", "--look-workers 0", "--look-timeout nan"):
        assert part in result.stderr.str()


def test_reports_that_cannot_be_written_are_an_error_and_the_result_is_shown(bench):
    bench.path.joinpath("reports").write_text("in the way")
    result = bench.run()
    assert result.ret == 4
    assert "reports" in result.stderr.str()
    result.stdout.fnmatch_lines(["*exit code 1*"])


def test_q_and_qq(bench):
    assert "test session starts" not in bench.run("-q").stdout.str()
    quiet = bench.run("-qq").stdout.str()
    assert "expected true" not in quiet
    assert "1 fail" in quiet or "2 fail" in quiet


def test_observed_gives_ordinary_tests_the_facts(bench):
    bench.pytester.makepyfile(
        test_mine="""
        import pytest
        from imagegate.probes import IMAGE
        def test_it(observed):
            assert observed("good")[IMAGE].protected
            with pytest.raises(LookupError, match="known are"):
                observed("nobody")
        """
    )
    bench.run("test_mine.py").assert_outcomes(passed=3, failed=1, errors=1, skipped=1, xfailed=1)


def test_all_names_are_in_the_report(bench):
    bench.run()
    assert len(bench.report()["findings"]) == len(ALL) + 1
    assert (bench.path / "reports/latest/junit.xml").exists()
