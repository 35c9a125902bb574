"""Metrics, read by Prometheus' own client library and held to its rules of naming."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from prometheus_client.parser import text_string_to_metric_families as parse
from tests.unit.report.forms.documents import DOCUMENTS, any_document, finding, render
from tests.unit.report.forms.documents import document as made_of

from imagegate.report.past import Context, PastRun
from imagegate.report.stored import Document

UNITS = ("_seconds", "_info", "_total")


def samples(document: Document, context: Context | None = None) -> dict[tuple[str, ...], float]:
    text = render("prometheus", document, context)
    found: dict[tuple[str, ...], float] = {}
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for family in parse(text):
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert re.fullmatch(r"imagegate(_[a-z]+)+", sample.name)
            assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in sample.labels)
            assert {"policy", "command"} <= sample.labels.keys()
            assert sample.timestamp is None, "the textfile collector refuses those"
            rest = {name: value for name, value in sample.labels.items() if name not in {"policy", "command"}}
            key = (sample.name.removeprefix("imagegate_"), *(f"{n}={v}" for n, v in sorted(rest.items())))
            assert key not in found, "two of one name are refused"
            found[key] = sample.value
    assert len(found) == len(lines), "every line was read"
    assert text.endswith("\n")
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_is_read_strictly(name: str) -> None:
    assert samples(DOCUMENTS[name]())


@given(any_document())
def test_is_read_whatever_things_are_called(document: Document) -> None:
    found = samples(document)
    assert found["run_exit_code",] == document.head["run"]["exit_code"]


@given(any_document())
def test_series_do_not_depend_on_what_the_run_found(document: Document) -> None:
    """But for the checks and the regions of the policy, every run has the same series."""
    always = {key for key in samples(made_of([])) if key[0] not in {"run_info", "last_complete_run_timestamp_seconds"}}
    assert always <= samples(document).keys()


def test_counts() -> None:
    found = samples(DOCUMENTS["every verdict"]())
    assert found["findings", "severity=medium", "verdict=fail"] == 3
    assert found["findings", "severity=critical", "verdict=unknown"] == 1
    assert found["findings", "severity=low", "verdict=pass"] == 0
    assert found["findings_excused", "by=waived"] == found["findings_excused", "by=attested"] == 1
    standing = {key: value for key, value in found.items() if key[0] == "findings_standing" and value}
    assert sum(standing.values()) == 5
    assert found["findings_standing", "check=windows-password-initialised", "severity=critical", "verdict=unknown"] == 0


def test_what_was_not_seen() -> None:
    found = samples(DOCUMENTS["a lost region"]())
    assert found["catalog_complete", "cloud=nhn", "region=KR2", "what=images"] == 0
    assert found["targets_missing",] == 20
    assert found["run_complete",] == 0


def past(day: int, *, complete: bool, command: str = "audit") -> PastRun:
    finished = datetime(2026, 11, day, tzinfo=UTC)
    return PastRun(
        run_id=str(day), command=command, finished=finished, complete=complete, exit_code=0, selected=1, seen=1,
        counts={}, standing={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("complete", "before", "day"),
    [
        (True, (past(1, complete=True),), 22),
        (False, (past(1, complete=True), past(3, complete=True), past(5, complete=False)), 3),
        (False, (past(1, complete=False),), None),
        (False, (past(9, complete=True, command="gate"),), None),
        (False, (), None),
    ],
)
def test_the_age_counts_from_the_last_complete_run_of_this_command(complete, before, day) -> None:
    found = samples(made_of([finding()], run={"complete": complete}), Context(past=before))
    at = found.get(("last_complete_run_timestamp_seconds",))
    assert (None if at is None else datetime.fromtimestamp(at, UTC).day) == day


def test_waivers_and_the_baseline() -> None:
    found = samples(DOCUMENTS["a baseline"]())
    assert {key: value for key, value in found.items() if key[0] == "waivers"} == {
        ("waivers", f"state={state}"): 1 for state in ("in force", "ending soon", "expired", "unused", "over-broad")
    }
    end = datetime.fromtimestamp(found["waivers_next_end_timestamp_seconds",], UTC)
    assert end.isoformat() == "2026-11-25T23:59:59+00:00"
    assert ("attestations_next_end_timestamp_seconds",) not in found
    assert found["findings_change", "change=resolved"] == 1
    assert not any(key[0] in {"waivers", "findings_change"} for key in samples(DOCUMENTS["every verdict"]()))
