"""Other plugins and other people's suites are left alone."""

import sys

import pytest
from tests.plugin.recordings import image

MODULES = "assert not [m for m in sys.modules if m.startswith('imagegate') and m not in known], sorted(sys.modules)"


def test_without_a_policy_nothing_of_imagegate_is_imported(pytester):
    pytester.makepyfile(
        "import sys\ndef test_it():\n    known = {'imagegate', 'imagegate.pytest_plugin'}\n    " + MODULES
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "imagegate:" not in result.stdout.str()


def test_a_suite_with_a_policy_option_of_its_own(pytester):
    pytester.makeconftest(
        """
        def pytest_addoption(parser):
            for name in ("--policy", "--fix", "--cloud", "--check"):
                parser.addoption(name, default="theirs")
        """
    )
    pytester.makepyfile(
        "def test_it(pytestconfig):\n"
        "    found = [pytestconfig.getoption(n) for n in ('--policy', '--fix', '--cloud', '--check')]\n"
        "    assert found == ['mine', 'theirs', 'theirs', 'theirs']"
    )
    result = pytester.runpytest_inprocess("--policy", "mine")
    result.assert_outcomes(passed=1)
    assert result.ret == 0


OWNER = """
def pytest_addoption(parser):
    parser.addoption("--region", help="theirs")
"""


@pytest.mark.parametrize("early", [True, False], ids=["-p", "entry point order"])
def test_a_plugin_that_owns_region(bench, early):
    bench.record(image("good"))
    bench.pytester.makepyfile(owner=OWNER)
    bench.pytester.syspathinsert()
    load = ("-p", "owner") if early else ()
    if not early:
        bench.pytester.makeconftest("pytest_plugins = ['owner']")
    text = bench.run("--help", *load).stdout.str()
    assert "--ig-region" in text
    assert "--cloud" in text
    assert bench.run(*load, "--region", "x").ret == 0
    assert bench.run(*load, "--ig-fix-level=safe").ret == 4


def test_every_option_with_its_prefix(bench):
    bench.record(image("good"))
    options = ("--ig-policy=policy.yaml", "--ig-facts=facts.jsonl", "--ig-report-dir=out", "--ig-look-workers=3")
    assert bench.run(options=options).ret == 0
    assert bench.path.joinpath("out/latest/report.json").exists()


def test_abbreviations_are_nobodys(bench):
    assert bench.run("--fail", "high").ret == 4


def test_our_options_without_a_policy(pytester):
    result = pytester.runpytest_inprocess("--fix")
    assert result.ret == 4
    assert "--policy FILE" in result.stderr.str()


def test_the_usual_plugins_together(bench):
    pytest.importorskip("pytest_timeout")
    pytest.importorskip("pytest_html")
    pytest.importorskip("xdist")
    pytest.importorskip("testinfra")
    options = ("--timeout=50", "--html=out.html", "--self-contained-html", "--hosts=local://", "-n0")
    result = bench.subprocess(*options, "--junitxml=out.xml")
    result.assert_outcomes(passed=2, failed=1, errors=1, skipped=1, xfailed=1)
    assert result.ret == 1
    assert "bad" in bench.path.joinpath("out.html").read_text()


def test_xdist_is_a_usage_error(bench):
    pytest.importorskip("xdist")
    result = bench.subprocess("-n2")
    assert result.ret == 4
    assert "-n" in result.stderr.str()


def test_a_check_file_is_no_module_of_tests(bench):
    path = bench.path / "checks/catalog/image_protected.py"
    path.write_text(path.read_text() + "\n\ndef test_trap():\n    raise AssertionError\n")
    bench.record(image("good"))
    bench.run(checks=str(path)).assert_outcomes(passed=1)


def test_the_plugin_module_is_cheap():
    code = "import sys, pytest\nold = set(sys.modules)\nimport imagegate.pytest_plugin\nprint(set(sys.modules) - old)"
    import subprocess

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() in {
        "{'imagegate', 'imagegate.pytest_plugin'}", "{'imagegate.pytest_plugin', 'imagegate'}",
    }  # fmt: skip
