"""``--notify`` on the whole command: the hook is told, and a hook that fails changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from tests.plugin import recordings
from tests.unit.notify.receiver import SECRET_PATH, receiver, status

from imagegate.commands.report import main as report

MAIN = "from imagegate.console import main; main()"
LOST = "could not be seen lost: 503 from the image API\n"


@pytest.fixture
def audit(tmp_path):
    def run(*words, **environment):
        recordings.record(tmp_path / "facts.json", *recordings.ALL)
        (tmp_path / "p.yaml").write_text(recordings.POLICY)
        left = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "audit", "--policy", "p.yaml", "--facts", "facts.json", *words],
            cwd=tmp_path, env={**left, **environment}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        written = "".join(p.read_text("utf-8", "replace") for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".sqlite")
        for text in (done.stdout, done.stderr, written):
            assert "SECRET" not in text
            assert "hunter2" not in text
        return done

    return run


def test_the_hook_is_told_after_the_reports_are_written(audit):
    with receiver() as there:
        done = audit("--notify", "json:env:HOOK", "--notify-secret", "env:KEY", HOOK=there.url, KEY="hunter2")
    assert done.returncode == 1
    assert done.stderr == LOST
    told = json.loads(there.requests[0].body)
    assert told["run"]["exit_code"] == 1
    assert told["run"]["id"] == re.search(r"^report reports/(\S+)", done.stdout, re.MULTILINE)[1]
    assert there.requests[0].headers["x-imagegate-signature"].startswith("sha256=")


@pytest.mark.parametrize("words", [(), ("-v", "--log-level=DEBUG"), ("-vv", "-o", "log_cli=true", "--log-level=DEBUG")])
def test_a_hook_that_fails_is_told_and_changes_nothing(words, audit):
    silent = audit("--fail-on", "critical", "--max-unknown", "9", *words)
    with receiver(status(404)) as there:
        done = audit(
            *("--fail-on", "critical", "--max-unknown", "9", "--notify", "slack:env:HOOK", "--notify-on", "always"),
            *words,
            HOOK=there.url,
        )
    assert done.returncode == silent.returncode == 0
    assert "--notify slack:env:HOOK: the hook was not told of run " in done.stderr
    assert done.stderr.rstrip().endswith(": HTTP 404")
    assert len(there.requests) == 1


def test_what_may_pass_is_tried_again_without_noise(audit):
    with receiver(status(503), status(200)) as there:
        done = audit("--notify", "json:env:HOOK", HOOK=there.url)
    assert (done.returncode, done.stderr) == (1, LOST)
    assert len(there.requests) == 2


def test_a_url_on_the_command_line_is_refused_and_not_repeated(audit, tmp_path):
    done = audit("--notify", f"https://hooks.example{SECRET_PATH}")
    assert done.returncode == 4
    assert "has no place on a command line" in done.stderr
    assert not (tmp_path / "reports").exists()


def test_an_empty_variable_is_no_mistake(audit):
    done = audit("--notify", "slack:env:HOOK", HOOK="")
    assert done.returncode == 1
    assert "--notify slack:env:HOOK: its variable is empty, so that nobody was told" in done.stderr


def test_nobody_is_told_by_a_look_at_what_there_is(audit):
    with receiver() as there:
        audit("--notify", "json:env:HOOK", "--notify-on", "always", "--collect-only", HOOK=there.url)
    assert there.requests == []


def test_a_stored_run_can_be_told_again(audit, tmp_path, capsys, monkeypatch):
    audit()
    with receiver() as there:
        monkeypatch.setenv("HOOK", there.url)
        assert report(["--report-dir", str(tmp_path / "reports"), "--notify", "json:env:HOOK"]) == 0
    told = json.loads(there.requests[0].body)
    assert told["run"]["id"] == (tmp_path / "reports" / "latest").resolve().name
    assert "SECRET" not in "".join(capsys.readouterr())
