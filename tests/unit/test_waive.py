"""imagegate waive: which findings it takes, what it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.golden import cases

from imagegate.cli import main
from imagegate.commands import waive as command
from imagegate.errors import UsageError
from imagegate.model import Facts, Kind, Seen, Target, Unseen
from imagegate.options import Options
from imagegate.probes import IMAGE
from imagegate.recording import write_recording
from imagegate.report.stored import document_of
from imagegate.report.write import write_reports
from imagegate.run import Run
from imagegate.transports import CatalogScope, Discovery
from imagegate.waive import Edit, Wanted, item_of, pick

NOW = datetime.now(UTC)
SOON, OVER, FAR = (f"{NOW.date() + timedelta(days=days)}" for days in (30, -1, 400))
POLICY = """\
policy: golden    # ours
version: 3
rules:
  - for: {image: {name: "*"}}
    require: { catalog-image-protected:  }

waivers:
  - check: catalog-image-protected
    for: {image: {name: "waived-*"}}   # both of them
    reason: moving house
    approved_by: security
    until: %s

# how far
limits: {waiver_days: 90}
""" % (NOW.date() + timedelta(days=60))
ALL_DIGITS = "12345678901234567890123456789012"
IMAGES = {"bad": (ALL_DIGITS, False), "good": ("2", True), "lost": ("3", None), "waived-1": ("4", False),
          "worse": ("5", False)}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy, and a run that it judged, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    judge(tmp_path)
    return tmp_path


def judge(folder: Path) -> dict[str, dict[str, Any]]:
    """A run on recorded images; its findings by the name of the image."""
    targets, facts = [], {}
    for name, (ident, protected) in IMAGES.items():
        target = Target(kind=Kind.IMAGE, id=ident, name=name, cloud="nhn", region="KR1", owner="p1", attributes={
            "name": frozenset({name}), "id": frozenset({ident}), "region": frozenset({"KR1"})})  # fmt: skip
        fact = cases.image_facts(target, protected=bool(protected))[IMAGE]
        look = Unseen(reason="503", at=NOW) if protected is None else Seen(value=fact, at=NOW)
        targets.append(target)
        facts[target.key] = Facts({IMAGE: look}, NOW)
    scope = CatalogScope(what="images", cloud="nhn", region="KR1", project="p1", pages=1, count=5, complete=True)
    write_recording(folder / "facts.jsonl", Discovery(catalogs=(scope,)), targets, facts)
    options = Options(command="audit", policy=folder / "policy.yaml", facts=folder / "facts.jsonl",
                      report_dir=folder / "reports")  # fmt: skip
    run = Run(options)
    result = run.execute(run.discover())
    run.close()
    write_reports(result, folder / "reports", say=pytest.fail)
    return {finding["target"]["name"]: finding for finding in document_of(result).findings}


def prints(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "reports/latest/report.json").read_text())
    return {finding["target"]["name"]: finding["fingerprint"] for finding in report["findings"]}


def waive(*words: str, by: bool = True, until: str = SOON) -> int:
    more = ("--approved-by", "security") if by else ()
    return main(["waive", "latest", *words, "--reason", "moving: house", "--until", until, *more])


def test_it_writes_the_narrowest_waiver_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_ = prints(folder)["bad"]
    assert waive(print_[:6], "--ticket", "OPS-1", "--yes") == 0
    new = f"""\
  - check: catalog-image-protected
    for: {{image: {{id: "{ALL_DIGITS}", region: "KR1"}}}}
    fingerprint: {print_ if print_[0].isalpha() else f'"{print_}"'}
    reason: "moving: house"
    ticket: OPS-1
    approved_by: security
    until: {SOON}
"""
    policy = folder / "policy.yaml"
    assert policy.read_text() == POLICY.replace("\n\n# how far", "\n" + new + "\n# how far")
    shown = capsys.readouterr().out
    assert f'+    for: {{image: {{id: "{ALL_DIGITS}", region: "KR1"}}}}' in shown
    assert f"{policy.name}: 1 waiver written, until {SOON}" in shown
    found = judge(folder)
    assert found["bad"]["waiver"]["reason"] == "moving: house"
    assert found["worse"]["waiver"] is None


def test_several_at_once_and_whatever_is_wrong(folder: Path) -> None:
    found = prints(folder)
    assert waive(found["bad"], found["worse"], found["bad"], "--any-subject", "--yes") == 0
    assert "fingerprint" not in (folder / "policy.yaml").read_text()
    assert all(judge(folder)[name]["waiver"] is not None for name in ("bad", "worse"))


REFUSED: dict[str, tuple[Callable[[dict[str, str]], list[str]], dict[str, Any], str]] = {
    "unknown": (lambda p: [p["lost"], "--yes"], {}, "is unknown: a waiver never covers what could not be seen (503)"),
    "passing": (lambda p: [p["good"], "--yes"], {}, "does not fail: there is nothing to waive (pass)"),
    "waived": (lambda p: [p["waived-1"], "--yes"], {}, "is waived until"),
    "nobody's": (lambda p: ["0123456789abcdef", "--yes"], {}, "no finding of this run has the fingerprint"),
    "too short": (lambda p: [p["bad"][:3], "--yes"], {}, "is no fingerprint: 16 hex digits, or at least the first 4"),
    "no hex": (lambda p: ["zzzzzz", "--yes"], {}, "is no fingerprint"),
    "one of several": (lambda p: [p["bad"], p["good"], "--yes"], {}, "does not fail"),
    "over": (lambda p: [p["bad"], "--yes"], {"until": OVER}, "a waiver that has expired covers nothing"),
    "too far": (lambda p: [p["bad"], "--yes"], {"until": FAR}, "limits.waiver_days allows 90"),
    "no day": (lambda p: [p["bad"], "--yes"], {"until": "soon"}, "is no day: write it as 2026-12-31"),
    "a day in another form": (lambda p: [p["bad"], "--yes"], {"until": "20261231"}, "write it as 2026-12-31"),
    "nobody's word": (lambda p: [p["bad"], "--yes"], {"by": False}, "needs somebody who approves it"),
    "not asked": (lambda p: [p["bad"]], {}, "there is no terminal to ask on, and nothing was written"),
    "a ticket of two lines": (lambda p: [p["bad"], "--ticket", "a\nb", "--yes"], {}, "printable text on one line"),
    "no such policy": (lambda p: [p["bad"], "--policy", "nowhere.yaml", "--yes"], {}, "there is no such file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, more, why = REFUSED[case]
    assert waive(*words(prints(folder)), **more) == 4
    assert why in " ".join(capsys.readouterr().err.split())
    assert (folder / "policy.yaml").read_text() == POLICY
    assert sorted(path.name for path in folder.iterdir()) == ["facts.jsonl", "policy.yaml", "reports"]


def test_a_policy_that_changed_since_must_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = folder / "policy.yaml"
    policy.write_text(POLICY + "# more\n")
    print_ = prints(folder)["bad"]
    assert waive(print_, "--yes") == 4
    assert "is not what it was in run" in capsys.readouterr().err
    assert policy.read_text() == POLICY + "# more\n"
    assert waive(print_, "--yes", "--policy", "policy.yaml") == 0
    assert "warning: policy.yaml is not the policy of run" in capsys.readouterr().err
    assert print_ in policy.read_text()


@pytest.mark.parametrize("words", [(), ("--any-subject",)])
def test_a_second_waiver_of_one_finding_is_refused(
    words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be unused, and fail the next audit."""
    policy, found = folder / "policy.yaml", prints(folder)
    assert waive(found["bad"], *words, "--yes") == 0
    once = policy.read_text()
    assert waive(found["bad"], *words, "--yes", "--policy", "policy.yaml") == 4
    said = " ".join(capsys.readouterr().err.split())
    line = 1 + once.splitlines().index(f'    for: {{image: {{id: "{ALL_DIGITS}", region: "KR1"}}}}')
    assert f"{found['bad']} is waived until {SOON} already, by line {line - 1} of policy.yaml: change that" in said
    assert policy.read_text() == once
    assert waive(found["worse"], *words, "--yes", "--policy", "policy.yaml") == 0, "another one may be"


def test_a_run_that_does_not_tell_where_its_policy_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "reports" / "latest" / "report.json"
    report = json.loads(path.read_text())
    del report["policy"]["file"]
    path.write_text(json.dumps(report))
    print_ = prints(folder)["bad"]
    assert waive(print_, "--yes") == 4
    assert "does not tell where its policy is: name it with --policy FILE" in capsys.readouterr().err
    assert waive(print_, "--yes", "--policy", "policy.yaml") == 0


def test_from_another_folder_the_policy_must_be_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_ = prints(folder)["bad"]
    monkeypatch.chdir(folder / "reports")
    assert waive(print_, "--yes", "--report-dir", str(folder / "reports")) == 4
    assert "is not here: name it with --policy FILE" in capsys.readouterr().err
    assert waive(print_, "--yes", "--report-dir", str(folder / "reports"), "--policy", "../policy.yaml") == 0
    assert print_ in (folder / "policy.yaml").read_text()


def test_a_policy_that_is_broken_is_told_with_line_and_column(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "policy.yaml").write_text(POLICY + "strikt: true\n")
    assert waive(prints(folder)["bad"], "--yes", "--policy", "policy.yaml") == 4
    assert 'unknown key "strikt"' in capsys.readouterr().err


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def answers(*lines: str) -> None:
        left = list(lines)

        class Screen:
            """Standard input: a terminal where somebody answers."""

            def isatty(self) -> bool:
                return True

            def readline(self) -> str:
                return left.pop(0) + "\n"

        monkeypatch.setattr(command.sys, "stdin", Screen())
        monkeypatch.setattr(command.sys.stdout, "isatty", lambda: True, raising=False)

    return answers


def test_on_a_terminal_it_asks(folder: Path, terminal: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    print_ = prints(folder)["bad"]
    terminal("n")
    assert waive(print_) == 2
    assert "Write this to " in capsys.readouterr().out
    assert (folder / "policy.yaml").read_text() == POLICY
    terminal("platform team", "y")
    assert waive(print_, by=False) == 0
    assert "approved_by: platform team" in (folder / "policy.yaml").read_text()
    terminal("")
    assert waive(print_, by=False) == 4


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(folder: Path) -> None:
    policy, real = folder / "policy.yaml", folder / "real" / "golden.yaml"
    real.parent.mkdir()
    policy.rename(real)
    real.chmod(0o640)
    policy.symlink_to(real)
    inode = real.stat().st_ino
    assert waive(prints(folder)["bad"], "--yes") == 0
    assert policy.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.stat().st_ino != inode
    assert [path.name for path in real.parent.iterdir()] == ["golden.yaml"]


def test_a_file_that_changes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"new")
    with pytest.raises(UsageError, match="was changed meanwhile, and nothing was written"):
        Edit(path=path, before=b"old", after=b"mine").write()
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]


def test_a_disk_that_is_full_leaves_the_policy_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    assert waive(prints(folder)["bad"], "--yes") == 4
    assert (folder / "policy.yaml").read_text() == POLICY
    assert len([*folder.iterdir()]) == 3


def test_a_mark_of_byte_order_stays(folder: Path) -> None:
    policy = folder / "policy.yaml"
    policy.write_bytes(b"\xef\xbb\xbf" + POLICY.encode())
    judge(folder)
    assert waive(prints(folder)["bad"], "--yes") == 0
    assert policy.read_bytes().startswith(b"\xef\xbb\xbfpolicy: golden")
    assert policy.read_bytes().count(b"\xef\xbb\xbf") == 1


@pytest.mark.parametrize(
    ("target", "selector"),
    [
        ({"kind": "image", "id": "1e3", "cloud": "nhn", "region": "KR1"}, {"image": {"id": "1e3", "region": "KR1"}}),
        ({"kind": "instance", "id": "x", "cloud": "nhn", "region": None}, {"instance": {"id": "x"}}),
        ({"kind": "instance", "id": "web", "name": "web[1]*", "cloud": None, "region": None},
         {"instance": {"name": "web[[]1][*]"}}),
    ],
)  # fmt: skip
def test_selectors_are_the_narrowest(target: dict[str, Any], selector: dict[str, Any]) -> None:
    wanted = Wanted(reason="r", until=date(2026, 12, 31), approved_by="a")
    finding = {"check": "c", "fingerprint": "f" * 16, "target": {"name": "n", **target}}
    assert item_of(finding, wanted)["for"] == selector


def test_findings_that_cannot_be_waived_or_told_apart() -> None:
    records = [*document_of(cases.fixed()).findings]
    fixed = next(each for each in records if each["remedy"]["state"] == "verified")
    with pytest.raises(UsageError, match="was fixed in that run"):
        pick(records, [fixed["fingerprint"]])
    twins = [{**records[1], "fingerprint": "abcd" + "0" * 12}, {**records[2], "fingerprint": "abcd" + "1" * 12}]
    with pytest.raises(UsageError, match="abcd is the beginning of 2 fingerprints: abcd000000000000, abcd1111"):
        pick(twins, ["ABCD"])
    policy = {**records[1], "target": {**records[1]["target"], "kind": "policy"}}
    with pytest.raises(UsageError, match="is about the policy itself"):
        pick([policy], [policy["fingerprint"]])
