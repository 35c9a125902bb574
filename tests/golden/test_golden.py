"""Every renderer against committed files. ``IMAGEGATE_UPDATE_GOLDEN=1 pytest tests/golden`` writes them anew."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from imagegate.report import advice, document, junit, terminal, words
from imagegate.result import Result

from .cases import CASES

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "reports" / "example"
UPDATE = os.environ.get("IMAGEGATE_UPDATE_GOLDEN") == "1"
NAMES = {"json": "report.json", "xml": "junit.xml", "txt": "report.txt"}


def render(made: Result, form: str) -> str:
    if form == "json":
        return "".join(document.render(made))
    if form == "xml":
        return "".join(junit.render(made))
    following = advice.advise(made, "imagegate audit --policy golden.yaml")
    return "".join(terminal.render(made, next_command=following))


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = document.report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@cache
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(HERE / "junit.xsd")


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "version", lambda name: "0.0.0")


def agree(path: Path, text: str) -> None:
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    assert path.read_bytes().decode("utf-8") == text, "if this change is meant: IMAGEGATE_UPDATE_GOLDEN=1"


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_is_as_committed(case: str, form: str) -> None:
    agree(HERE / f"{case}.{form}", render(CASES[case](), form))


@pytest.mark.parametrize("form", NAMES)
def test_the_example_is_the_audit(form: str) -> None:
    agree(EXAMPLE / NAMES[form], render(CASES["audit"](), form))


@pytest.mark.parametrize("case", CASES)
def test_json_keeps_the_contract(case: str) -> None:
    made = CASES[case]()
    report = json.loads(render(made, "json"))
    validator().validate(report)
    counts = report["counts"]
    assert sum(counts[name] for name in ("pass", "fail", "unknown", "not-applicable")) == len(report["findings"])
    assert report["run"]["exit_code"] == made.exit_code


@pytest.mark.parametrize("case", CASES)
def test_junit_is_valid_and_counts(case: str) -> None:
    made = CASES[case]()
    root = ET.fromstring(render(made, "xml"))
    junit_schema().validate(root)
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))
        assert len({(each.attrib["classname"], each.attrib["name"]) for each in cases}) == len(cases)
    checks = root[1]
    assert len(checks.findall("testcase")) == len(made.findings)
    red = root.findall("testsuite/testcase/failure") + root.findall("testsuite/testcase/error")
    assert bool(red) == (made.exit_code != 0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", NAMES)
def test_nothing_that_steers_a_terminal(case: str, form: str) -> None:
    text = render(CASES[case](), form)
    assert all(char.isprintable() or char == "\n" for char in text)


def broken(report: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    place: Any = report
    for name in parents:
        place = place[int(name) if name.isdigit() else name]
    if value is None:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize(
    "path, value",
    [
        ("schema_version", 2),
        ("run.exit_code", 7),
        ("run.started", "2026-11-22 10:15"),
        ("run.complete", "yes"),
        ("scope.targets.selected", -1),
        ("scope.catalog.0.images", None),
        ("counts.attested", None),
        ("findings.0.verdict", "passed"),
        ("findings.0.severity", 3),
        ("findings.0.fingerprint", "x"),
        ("findings.0.violations", []),
        ("findings.0.target.owner", None),
        ("findings.0.remedy.state", "fixed"),
        ("findings.0.waiver", {"reason": "x"}),
        ("findings.0.evidence", ["md5:1"]),
        ("findings.0.parameters", []),
    ],
)
def test_the_schema_catches(path: str, value: object) -> None:
    report = json.loads(render(CASES["audit"](), "json"))
    validator().validate(report)
    broken(report, path, value)
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(report)


def test_readers_ignore_unknown_keys() -> None:
    report = json.loads(render(CASES["audit"](), "json"))
    report["new"] = report["run"]["new"] = report["findings"][0]["new"] = 1
    validator().validate(report)
