"""The script of the GitLab job, run as a runner would run it, on facts recorded from real instances."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib import resources

import pytest
from tests.deploy.templates import GITLAB, load, script_of_gitlab

RECORDED = resources.files("imagegate.demo") / "recorded"


@pytest.fixture(params=["sh", "bash"])
def job(request, tmp_path):
    """Runs the job's script with variables; GitLab's default is bash, and sh where an image has no bash."""
    programs = tmp_path / "bin"
    work = tmp_path / "work"
    for each in (programs, work):
        each.mkdir()
    (programs / "imagegate").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imagegate "$@"\n')
    (programs / "imagegate").chmod(0o755)
    for name in ("before.jsonl", "after.jsonl", "policy.yaml"):
        (work / name).write_bytes((RECORDED / name).read_bytes())

    def run(**variables):
        defaults = load(GITLAB)["variables"]
        assert not variables.keys() - defaults.keys(), "no such variable"
        environ = {
            "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "CI": "true",
            **defaults, **variables,
        }  # fmt: skip
        options = ["-eo", "pipefail"] if request.param == "bash" else ["-e"]
        return subprocess.run(
            [request.param, *options, "-c", script_of_gitlab()],
            cwd=work, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    run.work = work
    return run


def test_a_red_gate_ends_with_1_and_leaves_what_gitlab_shows(job):
    done = job(IMAGEGATE_POLICY="policy.yaml", IMAGEGATE_INSTANCES="build-db", IMAGEGATE_ARGS="--facts=before.jsonl")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((job.work / "reports/latest/report.json").read_text())
    assert (report["run"]["command"], len(report["findings"])) == ("gate", 2)
    assert ET.parse(job.work / "imagegate-report/junit.xml").getroot().findall(".//failure")
    issues = json.loads((job.work / "imagegate-report/codequality.json").read_text())
    assert len(issues) == 2
    assert all({"description", "check_name", "fingerprint", "severity", "location"} <= issue.keys() for issue in issues)
    assert "<html" in (job.work / "imagegate-report/report.html").read_text()


def test_a_green_audit_ends_with_0(job):
    done = job(IMAGEGATE_POLICY="policy.yaml", IMAGEGATE_ARGS="--facts=after.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((job.work / "imagegate-report/codequality.json").read_text()) == []


def test_lists_have_an_entry_a_line(job):
    both = "build-db\nbuild-web\n"
    done = job(IMAGEGATE_POLICY="policy.yaml", IMAGEGATE_INSTANCES=both, IMAGEGATE_ARGS="--facts=after.jsonl\n-v")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((job.work / "reports/latest/report.json").read_text())
    assert {finding["target"]["name"] for finding in report["findings"]} == {"build-db", "build-web"}


HOSTILE = "a$(touch owned)`touch owned`'; touch owned; \"; touch owned; & touch owned | * ?"


@pytest.mark.parametrize("name", ["POLICY", "INSTANCES", "CLOUD", "INVENTORY", "ARGS"])
def test_no_variable_is_run_or_split(job, name):
    given = {"POLICY": "policy.yaml", "ARGS": "--facts=before.jsonl", "INSTANCES": "build-db"}
    given[name] = f"{given[name]}\n{HOSTILE}" if name == "ARGS" else HOSTILE
    done = job(**{f"IMAGEGATE_{key}": value for key, value in given.items()})
    assert not (job.work / "owned").exists()
    assert done.returncode == 4, done.stdout + done.stderr
    if name in {"INSTANCES", "POLICY"}:
        assert HOSTILE in done.stdout + done.stderr, "the word arrives whole"


def test_a_name_with_a_star_is_not_made_one_of_a_file(job):
    (job.work / "build-db").touch()
    done = job(IMAGEGATE_POLICY="policy.yaml", IMAGEGATE_INSTANCES="build-*", IMAGEGATE_ARGS="--facts=before.jsonl")
    assert done.returncode == 4
    assert "build-*" in done.stdout + done.stderr


def test_the_second_run_tells_what_is_new_since_the_first(job):
    given = {"IMAGEGATE_POLICY": "policy.yaml", "IMAGEGATE_ARGS": "--facts=before.jsonl\n--fail-on-new"}
    assert job(**given).returncode == 1
    again = job(**given)
    assert (again.returncode, "0 new" in again.stdout) == (0, True), again.stdout + again.stderr


def test_an_old_report_is_not_taken_for_that_of_a_run_that_never_was(job):
    assert job(IMAGEGATE_POLICY="policy.yaml", IMAGEGATE_ARGS="--facts=after.jsonl").returncode == 0
    assert (job.work / "imagegate-report").is_dir()
    assert job(IMAGEGATE_POLICY="no-such-policy.yaml").returncode == 4
    assert not (job.work / "imagegate-report").exists()


def test_a_run_that_never_was_leaves_nothing_to_show(job):
    done = job(IMAGEGATE_POLICY="no-such-policy.yaml")
    assert done.returncode == 4
    assert not list(job.work.glob("imagegate-*"))
