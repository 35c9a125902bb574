"""OCSF against the schema that its own definitions make, and against the models by which Prowler reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from tests.unit.report.forms.documents import DOCUMENTS, any_document, render

from imagegate.report.ocsf import VERSION
from imagegate.report.records import gaps
from imagegate.report.stored import Document


@cache
def definitions() -> Any:
    """OCSF's own, as ocsf-json-schema (MIT) brings them (Apache-2.0)."""
    return get_ocsf_schema(VERSION)


@cache
def validator(*profiles: str) -> jsonschema.Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(definitions()).get_class_schema("compliance_finding", list(profiles))
    return jsonschema.Draft202012Validator(schema)


def events_of(document: Document) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(render("ocsf", document))
    return events


def check(event: dict[str, Any]) -> None:
    validator(*event["metadata"]["profiles"]).validate(event)
    ComplianceFinding.model_validate(event)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("10")])
def test_is_valid(name: str) -> None:
    for event in events_of(DOCUMENTS[name]()):
        check(event)


def test_ten_thousand_are_valid() -> None:
    events = events_of(DOCUMENTS["10,000 findings"]())
    assert len(events) == 10_000
    for event in events[::97]:
        check(event)
    alike = {json.dumps(shape(event)) for event in events}
    assert len(alike) <= 8, "all the others have the form of one of these"


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


@given(any_document())
def test_is_valid_whatever_things_are_called(document: Document) -> None:
    text = render("ocsf", document)
    assert text.isascii()
    for event in json.loads(text):
        check(event)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_finding_and_every_gap_is_an_event_with_a_name_of_its_own(name: str) -> None:
    document = DOCUMENTS[name]()
    events = events_of(document)
    resolved = (document.head.get("baseline") or {}).get("resolved", [])
    assert len(events) == len([*document.findings]) + len([*gaps(document.head)]) + len(resolved)
    names = [event["metadata"]["uid"] for event in events]
    if not name.startswith("case hostile"):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_ids_and_their_captions_are_those_of_the_definitions(name: str) -> None:
    """An enum's word must be its caption, unless the id is 99 (other)."""
    attributes = definitions()["classes"]["compliance_finding"]["attributes"]
    status = definitions()["objects"]["compliance"]["attributes"]["status_id"]["enum"]
    for event in events_of(DOCUMENTS[name]())[:200]:
        for pair in (("activity_id", "activity_name"), ("severity_id", "severity"), ("status_id", "status")):
            number, word = (event[part] for part in pair)
            assert number == 99 or attributes[pair[0]]["enum"][str(number)]["caption"] == word
        told = event["compliance"]
        assert told["status_id"] == 99 or status[str(told["status_id"])]["caption"] == told["status"]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["type_name"] == f"Compliance Finding: {event['activity_name']}"


def test_verdicts_and_what_stands_beside_them() -> None:
    told = [
        (e["status_code"], e["compliance"]["status"], e["status"], e["severity"], e["activity_name"])
        for e in events_of(DOCUMENTS["every verdict"]())
    ]
    assert told == [
        ("PASS", "Pass", "Pass", "Informational", "Create"),
        ("FAIL", "Fail", "New", "Medium", "Create"),
        ("FAIL", "Fail", "Suppressed", "Medium", "Create"),
        ("FAIL", "Fail", "New", "Medium", "Create"),
        ("UNKNOWN", "Warning", "New", "Medium", "Create"),
        ("UNKNOWN", "Warning", "Suppressed", "Critical", "Create"),
        ("NOT-APPLICABLE", "Not applicable", "Not applicable", "Informational", "Create"),
        ("PASS", "Pass", "Pass", "Informational", "Create"),
        ("FAIL", "Fail", "New", "Critical", "Create"),
        ("FAIL", "Fail", "New", "Low", "Create"),
    ]


def test_a_finding_is_opened_updated_and_closed_under_one_id() -> None:
    events = events_of(DOCUMENTS["a baseline"]())
    assert [event["activity_name"] for event in events] == [
        *("Create", "Update", "Update", "Create", "Create", "Create", "Close")
    ]
    assert events[-1]["finding_info"]["uid"] == "f" * 16
    assert events[-1]["status"] == "Resolved"
    assert events[1]["finding_info"]["first_seen_time"] == 1793491200000
    fixes = [(event["activity_name"], event["status"]) for event in events_of(DOCUMENTS["a fix run"]())]
    assert fixes == [("Close", "Resolved"), ("Create", "New"), ("Create", "New")]


def test_a_target_of_no_cloud_has_no_cloud() -> None:
    event = events_of(DOCUMENTS["every verdict"]())[7]
    assert "cloud" not in event
    assert event["metadata"]["profiles"] == []
    assert event["resources"][0]["type"] == "policy"


def test_one_event_a_line() -> None:
    first, *lines, last = render("ocsf", DOCUMENTS["every verdict"]()).splitlines()
    assert (first, last) == ("[", "]")
    assert len([json.loads(line.removesuffix(",")) for line in lines]) == 10


@pytest.mark.parametrize("change", [
    lambda event: event.update(class_uid=2004),
    lambda event: event.update(severity_id=7),
    lambda event: event.pop("finding_info"),
    lambda event: event["metadata"].pop("product"),
    lambda event: event["compliance"].update(status_id=4),
    lambda event: event.update(unheard_of=1),
    lambda event: event.update(time="2026-11-22"),
])  # fmt: skip
def test_the_schema_catches(change: Callable[[Any], None]) -> None:
    event = events_of(DOCUMENTS["every verdict"]())[1]
    check(event)
    change(event)
    with pytest.raises(jsonschema.ValidationError):
        validator("cloud").validate(event)
