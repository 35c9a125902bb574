"""The steps of the GitHub action, run as GitHub would run them, on facts recorded from real instances."""

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from tests.deploy.templates import ACTION, CLONE, EXPRESSION, load, steps

RECORDED = resources.files("imagegate.demo") / "recorded"


class Runner:
    """What GitHub does for a composite action: inputs, outputs, files of its own."""

    def __init__(self, folder):
        self.work = folder / "work"
        self.temp = folder / "temp"
        self.output, self.summary = folder / "output", folder / "summary"
        for each in (self.work, self.temp / "imagegate" / "bin"):
            each.mkdir(parents=True)
        for each in (self.output, self.summary):
            each.touch()
        for name in ("before.jsonl", "after.jsonl", "policy.yaml"):
            (self.work / name).write_bytes((RECORDED / name).read_bytes())
        program = self.temp / "imagegate" / "bin" / "imagegate"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imagegate "$@"\n')
        program.chmod(0o755)

    def step(self, name, **inputs):
        """Run one step of the action; its environment is made of its own ``env`` only."""
        [step] = [each for each in steps() if each["name"] == name]
        known = {key: value.get("default", "") for key, value in load(ACTION)["inputs"].items()}
        assert not inputs.keys() - known.keys(), "no such input"
        values = {f"inputs.{key}": value for key, value in {**known, **inputs}.items()}
        values["steps.python.outputs.python-path"] = sys.executable
        told = {key: EXPRESSION.sub(lambda found: values[found.group(1)], text) for key, text in step["env"].items()}
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "HOME", "PYTHONDONTWRITEBYTECODE") if key in os.environ}
        environ = {
            **kept, **told, "GITHUB_ACTION_PATH": str(CLONE), "RUNNER_TEMP": str(self.temp), "CI": "true",
            "GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_ACTIONS": "true",
        }  # fmt: skip
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.work, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    @property
    def outputs(self):
        """What the steps put out."""
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())

    @property
    def report(self):
        """The report of the run that the action names."""
        return json.loads((Path(self.outputs["report"]) / "report.json").read_text())


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


def test_a_red_gate_ends_with_1_and_shows_its_findings_everywhere(runner):
    done = runner.step("Judge", policy="policy.yaml", instances="build-db\n", args="--facts=before.jsonl\n")
    assert done.returncode == 1, done.stdout + done.stderr
    assert runner.outputs["exit-code"] == "1"
    assert runner.report["run"]["command"] == "gate"
    assert {finding["target"]["name"] for finding in runner.report["findings"]} == {"build-db"}
    assert json.loads(Path(runner.outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert "<html" in (Path(runner.outputs["report"]) / "report.html").read_text(), "the artifact has a page for people"
    assert "linux-machine-id-reset" in runner.summary.read_text()
    assert any(line.startswith("::error") for line in done.stdout.splitlines()), "annotations are lines of the log"


def test_a_green_audit_ends_with_0(runner):
    done = runner.step("Judge", policy="policy.yaml", args="--facts=after.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (runner.outputs["exit-code"], runner.report["run"]["command"]) == ("0", "audit")
    assert not any(line.startswith("::error") for line in done.stdout.splitlines())
    assert runner.summary.read_text()


def test_lists_have_an_entry_a_line_and_lines_may_end_as_on_windows(runner):
    done = runner.step(
        "Judge", policy="policy.yaml", instances="\nbuild-db\r\n\nbuild-web\r\n", args="--facts=after.jsonl\r\n--max-unknown=0"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {finding["target"]["name"] for finding in runner.report["findings"]} == {"build-db", "build-web"}


HOSTILE = "a$(touch owned)`touch owned`'; touch owned; \"; touch owned; & touch owned | * ? \u202e"


@pytest.mark.parametrize("name", ["policy", "instances", "cloud", "inventory", "args", "report-dir"])
def test_no_input_is_run_or_split(runner, name):
    inputs = {"policy": "policy.yaml", "args": "--facts=before.jsonl", "instances": "build-db"}
    inputs[name] = f"{inputs[name]}\n{HOSTILE}" if name == "args" else HOSTILE
    before = {path.name for path in runner.work.iterdir()}
    done = runner.step("Judge", **inputs)
    assert done.returncode == (1 if name == "report-dir" else 4), done.stdout + done.stderr
    after = {path.name for path in runner.work.iterdir()} - before
    assert after <= ({HOSTILE} if name == "report-dir" else {"reports"})


def test_a_name_with_a_star_is_not_made_one_of_a_file(runner):
    (runner.work / "build-db").touch()
    done = runner.step("Judge", policy="policy.yaml", instances="build-*", args="--facts=before.jsonl")
    assert done.returncode == 4
    assert "build-*" in done.stdout + done.stderr


def test_no_name_is_taken_for_an_option(runner):
    done = runner.step("Judge", policy="policy.yaml", instances="--help", args="--facts=before.jsonl")
    assert done.returncode == 4
    assert "--help" in done.stdout + done.stderr
    assert "usage:" not in done.stdout


def test_a_report_dir_of_two_lines_cannot_write_outputs_of_its_own(runner):
    done = runner.step("Judge", policy="policy.yaml", args="--facts=before.jsonl", **{"report-dir": "a\nexit-code=0"})
    assert done.returncode == 4
    assert runner.outputs == {}


def test_a_run_that_never_was_is_told_and_an_old_report_is_not_taken_for_its(runner):
    assert runner.step("Judge", policy="policy.yaml", args="--facts=after.jsonl").returncode == 0
    runner.output.write_text("")
    runner.summary.write_text("")
    done = runner.step("Judge", policy="no-such-policy.yaml", args="--facts=after.jsonl")
    assert done.returncode == 4
    assert runner.outputs == {"exit-code": "4"}
    assert "ended with 4" in runner.summary.read_text()


def test_a_report_that_is_too_long_for_the_page_is_left_out(runner, monkeypatch):
    script = (CLONE / "deploy" / "github" / "run.sh").read_text()
    short = runner.temp / "run.sh"
    short.write_text(script.replace("summary_limit=1000000", "summary_limit=10"))
    environ = {
        "PATH": os.environ["PATH"], "RUNNER_TEMP": str(runner.temp), "GITHUB_OUTPUT": str(runner.output),
        "GITHUB_STEP_SUMMARY": str(runner.summary), "IMAGEGATE_POLICY": "policy.yaml",
        "IMAGEGATE_ARGS": "--facts=after.jsonl", "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }  # fmt: skip
    subprocess.run(["bash", short], cwd=runner.work, env=environ, check=True, capture_output=True)
    assert "too long for this page" in runner.summary.read_text()


# installing: without a network, with a Python that only notes what it is asked to do


@pytest.fixture
def notes(runner, monkeypatch):
    """A Python whose environments note each call of theirs."""
    log = runner.temp / "calls"
    fake = runner.temp / "python"
    fake.write_text(f"""#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 9
mkdir -p "$3/bin"
printf '#!/bin/sh\\nprintf "%%s\\\\n" "$*" >> {log}\\n' > "$3/bin/python"
chmod +x "$3/bin/python"
""")
    fake.chmod(0o755)

    def install(**inputs):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(fake))
            done = runner.step("Install imagegate", **inputs)
        return done, log.read_text().splitlines() if log.exists() else []

    return install


def test_it_installs_this_checkout_and_only_hashed_packages(notes):
    done, calls = notes()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("imagegate ")
    pip = "-m pip --disable-pip-version-check install --quiet"
    assert calls == [
        f"{pip} --require-hashes -r {CLONE}/tools/lock-deploy.txt",
        f"{pip} --no-deps --no-build-isolation {CLONE}",
    ]


def test_it_installs_a_version_that_was_asked_for(notes):
    done, calls = notes(version="0.1.0rc1")
    assert done.returncode == 0, done.stderr
    assert calls == ["-m pip --disable-pip-version-check install --quiet imagegate==0.1.0rc1"]


@pytest.mark.parametrize("version", ["0.1.0 --index-url=x", "latest", "0.1 ; touch owned", "-e .", "0.1.0\n"])
def test_what_is_no_version_is_refused(notes, version):
    done, calls = notes(version=version)
    assert (done.returncode, calls) == (4, [])
