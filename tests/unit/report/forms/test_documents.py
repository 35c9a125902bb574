"""What the tests of forms render is what a run could have written."""

from __future__ import annotations

from collections.abc import Callable

import jsonschema
import pytest
from hypothesis import given, settings
from tests.unit.report.forms.documents import DOCUMENTS, any_document, as_json

from imagegate.report.document import report_schema
from imagegate.report.records import gaps, stands
from imagegate.report.stored import Document

SCHEMA = jsonschema.Draft202012Validator(report_schema())


@pytest.mark.parametrize("made", [pytest.param(made, id=name) for name, made in DOCUMENTS.items() if name[:2] != "10"])
def test_keeps_the_contract(made: Callable[[], Document]) -> None:
    SCHEMA.validate(as_json(made()))


@given(any_document())
@settings(max_examples=30)
def test_any_of_hypothesis_keeps_it_too(made: Document) -> None:
    SCHEMA.validate(as_json(made))


@given(any_document())
def test_a_run_that_did_not_end_with_0_has_a_gap_or_something_that_stands(made: Document) -> None:
    """No form shows green then: all forms tell both."""
    scope, run = made.head["scope"], made.head["run"]
    lost = any(not each["complete"] for each in scope["catalog"]) or scope["missing"] or scope["unselected"]
    found = [*gaps(made.head)]
    if lost or scope["limit"] is not None or run["exit_code"] == 2:
        assert found
    if run["exit_code"] != 0:
        assert found or any(map(stands, made.findings))


def test_what_stands() -> None:
    standing = [finding["fingerprint"][-1] for finding in DOCUMENTS["every verdict"]().findings if stands(finding)]
    assert standing == ["1", "3", "4", "8", "9"]


def test_a_gap_has_a_name_of_its_own() -> None:
    document = DOCUMENTS["a lost region"]()
    document.head["scope"]["catalog"] *= 2
    names = [gap.fingerprint for gap in gaps(document.head)]
    assert len(names) == len(set(names)) == 21
