"""GitLab Code Quality against the form that GitLab documents.

GitLab publishes no schema of it; this is its page "Code Quality report format": an array of objects with these names.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from tests.unit.report.forms.documents import DOCUMENTS, any_document, render, shows

from imagegate.report.records import SCOPE, gaps, stands
from imagegate.report.stored import Document

SCHEMA = jsonschema.Draft202012Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "additionalProperties": False,
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "minLength": 1},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "additionalProperties": False,
                    "properties": {
                        "path": {"type": "string", "pattern": "^(?!\\./)[^/]"},
                        "lines": {
                            "type": "object",
                            "required": ["begin"],
                            "additionalProperties": False,
                            "properties": {"begin": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    }
)


def entries(document: Document) -> list[dict[str, Any]]:
    text = render("codequality", document)
    assert text.isascii()
    assert not text.startswith("\ufeff"), "GitLab refuses a byte order mark"
    made: list[dict[str, Any]] = json.loads(text)
    return made


@pytest.mark.parametrize("name", DOCUMENTS)
def test_is_valid_and_holds_what_stands(name: str) -> None:
    document = DOCUMENTS[name]()
    made = entries(document)
    if name != "case hostile":  # its policy's file has no name that a repository could have
        SCHEMA.validate(made)
    lost = [gap.fingerprint for gap in gaps(document.head)]
    assert [each["fingerprint"] for each in made] == [*lost, *(f["fingerprint"] for f in document.findings if stands(f))]
    assert len({each["fingerprint"] for each in made}) == len(made), "GitLab keeps one of each fingerprint"


@given(any_document())
def test_whatever_things_are_called(document: Document) -> None:
    document.head["policy"]["file"] = "policies/golden.yaml"
    made = entries(document)
    SCHEMA.validate(made)
    assert all(shows(each["description"]) for each in made)


def test_severities_and_places() -> None:
    made = entries(DOCUMENTS["every verdict"]())
    assert [each["severity"] for each in made] == ["major", "major", "info", "blocker", "minor"]
    assert made[0]["location"] == {"path": "policies/golden.yaml", "lines": {"begin": 12}}
    assert made[0]["description"] == (
        "image golden-1 (nhn/KR1/image/id-of-golden-1): protected: false, expected true"
    )
    assert "unknown: HTTP 403" in made[2]["description"]


def test_what_was_not_looked_at_is_not_green() -> None:
    made = entries(DOCUMENTS["a lost region"]())
    assert {each["check_name"] for each in made} == {SCOPE}
    assert made[0]["severity"] == "critical"
