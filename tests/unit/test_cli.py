"""The command line: what it understands, what it says, what it returns."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.plugin.recordings import ALL, CHECK, FILE, POLICY, WAIVERS, image, record

from imagegate import cli
from imagegate.commands import judge


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a policy, a recording, and settings of pytest that must not matter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    tmp_path.joinpath("policy.yaml").write_text(POLICY)
    tmp_path.joinpath("pytest.ini").write_text("[pytest]\naddopts = --also-none\ntestpaths = tests\n")
    tmp_path.joinpath("conftest.py").write_text("raise RuntimeError('not mine')\n")
    record(tmp_path / "facts.jsonl", *ALL)
    return tmp_path


FACTS = ("--policy", "policy.yaml", "--facts", "facts.jsonl")


def run(*words, code=None, **how):
    command = [sys.executable, "-m", "imagegate", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    return done


def test_version_is_quick_and_imports_nothing_heavy():
    code = "import sys; from imagegate.cli import main; main(['--version']); print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("imagegate 0.")
    for heavy in ("pytest", "rich", "pydantic", "ruamel", "keystoneauth1", "imagegate.model"):
        assert f"'{heavy}'" not in out


def test_help_teaches(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for part in ("gate ", "audit ", "checks ", "policy ", "examples:", "10  no fail stands", "--fix-level disruptive"):
        assert part in text


def test_no_command_is_a_usage_error(capsys):
    assert cli.main([]) == 4
    assert "usage: imagegate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["audti"], "did you mean audit?"),
        (["checks", "catalog-image-protectd"], f"did you mean {CHECK}?"),
        (["audit", "--polcy=x"], "did you mean --policy?"),
        (["audit"], "--policy FILE"),
        (["audit", "web-01", "--policy", "p"], "imagegate gate web-01"),
        (["gate", "--policy", "p"], "at least one instance"),
        (["gate", "web-01", "--policy"], "--policy needs a value"),
        (["gate", "web-01", "--policy", "p", "--fix=x"], "--fix takes no value"),
        (["audit", "--policy", "p", "--fail-on=hihg"], "--fail-on hihg: must be low, medium, high or critical"),
        (["gate", "w", "--policy", "p", "--fix-level", "all"], "must be safe, disruptive or destructive"),
        (["audit", "--policy", "p", "--max-unknown", "few"], "--max-unknown few: must be a whole number"),
        (["audit", "--policy", "p", "--look-timeout=1m"], "--look-timeout 1m: must be a number"),
        (["policy"], "required"),
        (["policy", "check"], "FILE"),
        (["sandbox", "sideways"], "sideways"),
        (["x\x1b[31m"], r"\x1b"),
    ],
)
def test_slips_of_the_pen(words, part, capsys):
    assert cli.main(words) == 4
    captured = capsys.readouterr()
    assert part in captured.err
    assert captured.out == ""


def test_words_of_pytest_are_not_taken_for_instances():
    given = judge._sort(["web-01", "-k", "a and b", "-xvv", "web-02", "--junitxml", "o.xml", "--lf", "--", "-n0", "z"])
    assert given.names == ["web-01", "web-02"]
    assert given.rest == ["-k", "a and b", "-xvv", "--junitxml", "o.xml", "--lf", "-n0", "z"]
    assert given.problems == []


@pytest.mark.parametrize("command", ["gate", "audit"])
def test_help_of_a_command_explains_all_options(command, capsys):
    assert cli.main([command, "--help"]) == 0
    text = capsys.readouterr().out
    for name in ("--policy FILE", "--cloud NAME", "--fix-level", "--max-unknown N", "--look-timeout", "-k ", "--lf"):
        assert name in text


@pytest.mark.parametrize(
    "words",
    [
        ["capture", "web-01", "--name", "golden", "--policy", "policy.yaml", "--report-dir", "policy.yaml"],
        ["demo", "--folder", "policy.yaml/demo"],
        ["sandbox", "status"],
    ],
)
def test_a_folder_that_cannot_be_made_is_told_without_a_traceback(words, place):
    done = run(*words, code=4, env={**os.environ, "IMAGEGATE_CACHE_DIR": str(place / "policy.yaml" / "cache")})
    *_, last = done.stderr.splitlines()
    assert last.startswith("ERROR: ")
    assert "Not a directory" in last
    assert "policy.yaml/" in last


def test_checks_lists_and_explains(capsys):
    assert cli.main(["checks"]) == 0
    assert re.search(rf"^{CHECK} +high +sometimes +The image is protected", capsys.readouterr().out, re.MULTILINE)
    assert cli.main(["checks", CHECK]) == 0
    assert "Why it matters" in capsys.readouterr().out


def test_policy_check(place, capsys):
    assert cli.main(["policy", "check", "policy.yaml"]) == 0
    assert "policy.yaml: OK: policy golden version 3: 1 rule, 1 check, 0 waivers" in capsys.readouterr().out
    place.joinpath("bad.yaml").write_text("policy: x\nversion: 1\nrulez: []\nextra: 1\nrules: []\n")
    assert cli.main(["policy", "check", "bad.yaml", "policy.yaml"]) == 4
    captured = capsys.readouterr()
    assert re.search(r"^bad\.yaml:3:1: ", captured.err, re.MULTILINE)
    assert re.search(r"^bad\.yaml:4:1: ", captured.err, re.MULTILINE)
    assert "policy.yaml: OK" in captured.out


def test_policy_schema(capsys):
    assert cli.main(["policy", "schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_an_audit_reads_well_and_ignores_the_settings_of_pytest(place):
    done = run("audit", *FACTS, code=1)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("imagegate ")
    assert "policy golden version 3, nhn" in lines[0]
    for noise in ("test session", "rootdir", "passed", "failed in", "=====", "warnings"):
        assert noise not in done.stdout
    assert "protected: false, expected true" in done.stdout
    assert any(line.startswith("report reports/") for line in lines)
    assert place.joinpath("reports/latest/report.json").exists()
    assert not place.joinpath(".pytest_cache").exists()
    assert json.loads(place.joinpath("reports/latest/report.json").read_text())["run"]["command"] == "audit"


def test_an_audit_that_is_green(place):
    record(place / "facts.jsonl", image("good"))
    assert "exit code 0" in run("audit", *FACTS, code=0).stdout


def test_lf_k_collect_only_and_junitxml(place):
    run("audit", *FACTS, "--junitxml", "out.xml", code=1)
    assert place.joinpath("out.xml").exists()
    done = run("audit", *FACTS, "--lf", "--collect-only", code=0)
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert found == [f"{FILE}::{CHECK}[{name}]" for name in ("bad", "lost", "waived-web")]
    done = run("audit", *FACTS, "-k", "good", code=0)
    assert "not complete" in done.stdout
    assert "1 pass, 0 fail" in run("audit", *FACTS, f"{FILE}::{CHECK}[good]", code=0).stdout
    assert "waived" in WAIVERS  # not in force here: the policy of this test has none


def test_vv_shows_pytests_lines(place):
    assert "PASSED" in run("audit", *FACTS, "-vv", code=1).stdout


def test_options_of_pytest_that_do_not_exist(place):
    done = run("audit", *FACTS, "--frobnicate", code=4)
    assert "--frobnicate" in done.stderr


def test_a_policy_that_is_not_there(place):
    done = run("audit", "--policy", "nowhere.yaml", code=4)
    assert "nowhere.yaml" in done.stderr
    assert done.stdout.strip() == ""


def test_gate_of_an_instance_that_is_not_there(place):
    done = run("gate", "web-01", *FACTS, code=4)
    assert "no instance is called web-01" in done.stderr


def test_without_autoloading_of_plugins(place):
    run("audit", *FACTS, code=1, env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def test_a_reader_that_has_seen_enough(place):
    for words in (["audit", *FACTS, "-v"], ["--help"], ["policy", "schema"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "imagegate", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        process.stdout.close()
        error = process.stderr.read().decode()
        process.stderr.close()
        process.wait(60)
        assert "Traceback" not in error
        assert "BrokenPipe" not in error
    assert place.joinpath("reports/latest/report.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("words", "code"),
    [(["--version"], 4), (["--help"], 4), (["checks"], 4), (["policy", "schema"], 4), (["audit", *FACTS, "-v"], 1)],
)
@pytest.mark.parametrize("program", [["-m", "imagegate"], ["-c", "from imagegate.console import main; main()"]])
def test_an_output_that_cannot_be_written_is_told_without_a_traceback(place, words, code, program):
    """A run goes on: its reports and its exit code say what came of it."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, *program, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == code
    told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert told == ["ERROR: the output could not be written: No space left on device"]
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert place.joinpath("reports/latest/report.json").exists() is (words[0] == "audit")


def test_version_within_a_moment():
    times = []
    for _ in range(3):
        start = time.monotonic()
        run("--version", code=0)
        times.append(time.monotonic() - start)
    assert min(times) < 1.0  # 0.3 s on a machine that does nothing else


def test_requests_that_are_sent_again_print_nothing() -> None:
    code = "import logging; from imagegate.cli import main; main(['checks']); logging.getLogger('stamina').warning('again')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
