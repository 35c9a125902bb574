"""How runs are named, whatever the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.cli import main
from imagegate.errors import UsageError
from imagegate.prove_state import FILE
from imagegate.pytest_plugin import OPTIONS
from imagegate.runs.naming import FORMS, LATEST, Name, parse, resolve
from imagegate.runs.shelves import Begun, is_run


@dataclass
class Runs:
    """Some runs, the newest first."""

    known: Sequence[str]
    lost: Mapping[str, str] = field(default_factory=dict)
    where: str = "reports"
    nothing: str = "no run is kept there"

    def has(self, run: str) -> bool:
        return run in self.known

    def runs(self) -> Sequence[str]:
        return self.known

    def others(self) -> Mapping[str, str]:
        return self.lost

    def hint(self) -> str:
        return "; and more" if self.lost else ""

    def latest(self) -> str | None:
        return next(iter(self.known), None)

    def before(self, run: str, count: int) -> Sequence[str]:
        at = self.known.index(run) + 1
        return self.known[at : at + count]

    def line(self, run: str) -> str:
        return " of audit"


ids = st.builds(
    "202611{:02d}T1015{:02d}Z-{:04x}{}".format, st.integers(1, 30), st.integers(0, 59), st.integers(0, 0xFFFF),
    st.sampled_from(("", "-gate", "-image-2")),
)  # fmt: skip
shelves = st.lists(ids, unique=True, min_size=1, max_size=8).map(lambda found: sorted(found, reverse=True))


@given(st.text())
def test_every_text_is_a_name(text: str) -> None:
    name = parse(text)
    assert text in {name.stem, f"{name.stem}~{name.back}"} or text.startswith(f"{name.stem}~0")


@given(st.text(alphabet=st.characters(exclude_characters="~")), st.integers(0, 999_999))
def test_what_stands_behind_the_tilde_is_how_far_back(stem: str, back: int) -> None:
    assert parse(f"{stem}~{back}") == Name(stem=stem, back=back)


@given(shelves, st.data())
def test_a_run_is_meant_by_its_id_by_each_beginning_that_is_no_other_s_and_by_its_place(
    runs: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(runs) - 1))
    run = runs[place]
    assert resolve(Runs(runs), run) == run
    assert resolve(Runs(runs), f"{LATEST}~{place}") == run
    start = data.draw(st.integers(0, place))
    assert resolve(Runs(runs), f"{runs[start]}~{place - start}") == run
    stem = run[: data.draw(st.integers(1, len(run)))]
    meant = [each for each in runs if each.startswith(stem)]
    if len(meant) == 1 or stem == run:
        assert resolve(Runs(runs), stem) == run
    else:
        with pytest.raises(UsageError, match=f"is the beginning of {len(meant)} runs: {meant[0]}, "):
            resolve(Runs(runs), stem)
    with pytest.raises(UsageError, match=f"{run}~{len(runs)}: there (is|are) {len(runs) - place - 1} runs? of audit before"):
        resolve(Runs(runs), f"{run}~{len(runs)}")


@given(shelves, st.text())
def test_any_text_means_a_run_that_is_there_or_is_a_usage_error(runs: list[str], text: str) -> None:
    try:
        assert resolve(Runs(runs), text) in runs
    except UsageError as error:
        assert str(error)  # noqa: PT017 - both ends are right


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("b", r"there is no run b in reports \(the newest there: a9, a8, a7, a6, a5 and 4 more\); and more"),
        ("a", "a is the beginning of 9 runs: a9, a8, a7, a6, a5 and 4 more"),
        ("dead", "run dead in reports cannot be read: no report"),
        ("dea", "run dead in reports cannot be read: no report"),
        ("d", "there is no run d in reports"),
        ("reports/a9", "the name of a run, not a path"),
        ("a1~1", "a1~1: there are 0 runs of audit before a1"),
        ("a2~2", "a2~2: there is 1 run of audit before a2"),
    ],
)
def test_what_is_refused_says_what_there_is(name: str, why: str) -> None:
    runs = Runs([f"a{number}" for number in range(9, 0, -1)], {"dead": "cannot be read: no report", "deaf": "x", "doa": "y"})
    if name in {"dea", "d"}:
        runs.lost = {"dead": "cannot be read: no report", **({"doa": "y"} if name == "d" else {})}
    with pytest.raises(UsageError, match=why):
        resolve(runs, name)


def test_no_run_at_all_is_said_with_the_reason() -> None:
    with pytest.raises(UsageError, match="reports: there is no latest run: no run is kept there"):
        resolve(Runs([]), "latest")


# runs that are named by what lies in their folders

PROOFS = [f"2026110{day}T101500Z-{day}aaa" for day in (3, 2, 1)]
AUDIT = "20261104T101500Z-4aaa"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    for run in PROOFS:
        (tmp_path / run).mkdir()
        (tmp_path / run / FILE).write_text("{}")
    (tmp_path / AUDIT).mkdir()
    (tmp_path / "latest").symlink_to(AUDIT)
    (tmp_path / "20261105T101500Z-5aaa").symlink_to(PROOFS[0])
    (tmp_path / "notes").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"),
    [("latest", 0), ("latest~2", 2), (PROOFS[1], 1), ("20261102", 1), ("20261103T~1", 1)],
)
def test_latest_is_the_latest_that_left_what_is_needed(name: str, meant: int, reports: Path) -> None:
    assert resolve(Begun(reports, FILE, "proof"), name) == PROOFS[meant]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (AUDIT, f"run {AUDIT} in .* cannot be meant: no proof was begun there"),
        ("20261104", f"run {AUDIT} in .* cannot be meant"),
        ("202611", "is the beginning of 3 runs"),
        ("20261105", "there is no run 20261105 in .*; it must be that of a proof"),
        ("notes", "there is no run notes"),
        ("latest~3", "there are 2 runs with a proof before"),
    ],
)
def test_what_left_it_not_is_refused(name: str, why: str, reports: Path) -> None:
    with pytest.raises(UsageError, match=why):
        resolve(Begun(reports, FILE, "proof"), name)


@pytest.mark.parametrize("name", ["", ".", "..", "latest", "a/b", "/", "20261105T101500Z-5aaa", "none", "\0", "x" * 300])
def test_what_is_not_the_name_of_a_folder_is_no_run(name: str, reports: Path) -> None:
    assert not is_run(reports, name)
    assert is_run(reports, AUDIT)


# the command line

COMMANDS = {
    "report": ["report"], "undo": ["undo"], "diff": ["diff"], "waive": ["waive"], "capture": ["capture", "--resume"],
    "prove": ["prove", "--clean"],
}  # fmt: skip
MORE = {"undo": ["--yes"], "waive": ["1641", "--reason", "x", "--until", "2026-12-31", "--approved-by", "y"]}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["nope", "latest~1", "\udcff", "~1", "a\nb"])
def test_every_command_refuses_what_names_no_run(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*COMMANDS[command], name, *MORE.get(command, []), "--report-dir", str(tmp_path)]
    assert main(argv) == 4
    said = capsys.readouterr().err
    assert "there is no latest run" in said if name == "latest~1" else "there is no run" in said
    assert str(tmp_path) in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_the_same_about_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert FORMS in " ".join(capsys.readouterr().out.split())


def test_so_does_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    (baseline,) = (option.help for option in OPTIONS if option.name == "baseline")
    assert FORMS.replace(", or latest;", ", or latest (the last complete one of this policy and command);") in baseline
