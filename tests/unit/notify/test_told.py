"""What hooks are told: by the schema, without a word of what hosts and clouds said, and inert in Slack."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from tests.unit.report.forms.documents import DOCUMENTS, any_document, finding, many, shows
from tests.unit.report.forms.documents import document as made_of

from imagegate.notify.payload import SHOWN, notification_schema, payload
from imagegate.notify.run import due
from imagegate.notify.slack import SECTION, message
from imagegate.report.document import encode
from imagegate.report.records import gaps, stands
from imagegate.report.stored import Document

SCHEMA = jsonschema.Draft202012Validator(notification_schema())


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(notification_schema())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_keeps_its_schema_and_counts(name: str) -> None:
    document = DOCUMENTS[name]()
    told = payload(document)
    SCHEMA.validate(told)
    assert told["findings"]["count"] == sum(map(stands, document.findings)) == sum(told["standing"].values())
    assert told["gaps"]["count"] == len([*gaps(document.head)])
    assert len(encode(told)) < 64 * 1024


@given(any_document())
def test_names_are_one_line_whatever_they_are(document: Document) -> None:
    told = payload(document)
    SCHEMA.validate(told)
    assert all(map(shows, strings(told)))


def test_nothing_that_a_host_or_a_cloud_said_is_told() -> None:
    secret = "password=hunter2"
    wrong = {"subject": secret, "expected": secret, "actual": secret, "hint": secret}
    step = {"subject": secret, "summary": secret, "level": "safe", "why": secret, "undo": secret, "then": secret, "done": False}
    found = [
        finding(violations=[wrong], note=secret, parameters={"x": secret}, remedy={"state": "failed", "steps": [step], "reason": secret}),
        finding("unknown", 1, reason=secret),
    ]
    catalog = {
        "cloud": "nhn", "region": "KR2", "project": secret, "what": "images", "pages": 0, "images": 0, "complete": False,
        "reason": secret, "owner": None,
    }  # fmt: skip
    scope = {
        "unreachable": [{"target": "web", "reason": secret}], "catalog": [catalog], "warnings": [secret], "limit": secret,
        "relaxed": [secret],
    }  # fmt: skip
    told = payload(made_of(found, scope=scope))
    assert told["gaps"]["count"] == 2
    assert secret not in json.dumps(told)
    assert secret not in json.dumps(message(told))


def test_the_worst_are_named() -> None:
    told = payload(many(10_000))
    assert [each["severity"] for each in told["findings"]["worst"]] == ["critical"] * SHOWN
    assert {each["verdict"] for each in told["findings"]["worst"]} == {"fail"}


# ---- Slack


def texts(told: dict[str, Any]) -> list[str]:
    made = message(told)
    assert made.keys() == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert made["unfurl_links"] is made["unfurl_media"] is False
    assert 1 <= len(made["blocks"]) <= 50
    for block in made["blocks"]:
        assert block["type"] == "section"
        assert block["text"]["type"] == "mrkdwn"
        assert block["text"]["verbatim"] is True
        assert 0 < len(block["text"]["text"]) <= SECTION
    return [made["text"], *(block["text"]["text"] for block in made["blocks"])]


def check(text: str) -> None:
    assert not re.search(r"[<>]", text), "a mention, a channel or a link begins with <"
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    for line in text.split("\n"):
        assert line.count("`") % 2 == 0, "every code span ends on its line"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_slack_takes_it(name: str) -> None:
    for text in texts(payload(DOCUMENTS[name]())):
        check(text)


@given(any_document())
def test_a_name_does_nothing_in_slack(document: Document) -> None:
    told = payload(document)
    for text in texts(told):
        check(text)
        bare = re.sub(r"`[^`]*`", "", text)
        assert not re.search(r"[@#]|:\w+:|://|www\.", bare)


def test_what_people_read() -> None:
    first, _, counts, worst = texts(payload(DOCUMENTS["every verdict"]()))
    assert first == "❌ *imagegate audit* of `golden`, exit code 1: a fail stands"
    assert "9 of 10 targets seen" in counts or "8 of 10 targets seen" in counts
    assert "standing: 1 critical, 0 high, 2 medium, 1 low, 1 unknown" in counts
    assert worst.splitlines()[0] == "• critical fail `catalog-image-protected`: instance `web-01` in `nhn/KR1`"
    green = texts(payload(made_of([finding("pass")])))
    assert green[0].startswith("✅ *imagegate audit*")
    lost = texts(payload(DOCUMENTS["a lost region"]()))
    assert "*not seen*: `images of nhn/KR2`, `instance web-0`" in lost[2]
    assert "and 11 more" in lost[2]


def test_hostile_names_in_slack() -> None:
    bad = finding()
    bad["target"]["name"] = "<!channel> `x` *b* :tada: <http://evil.example|ok> &amp;"
    line = texts(payload(made_of([bad])))[3]
    assert line == (
        "• medium fail `catalog-image-protected`: image "
        "`&lt;!channel&gt; \u02cbx\u02cb *b* :tada: &lt;http://evil.example|ok&gt; &amp;amp;` in `nhn/KR1`"
    )


def test_the_longest_names_leave_room_for_something_of_everything() -> None:
    found = [finding(number=number) for number in range(20)]
    for each in found:
        each["target"].update(name="&" * 500, cloud="<" * 500, region="`" * 500)
    scope = {"missing": ["&" * 500] * 20}
    made = made_of(found, policy={"name": "&" * 500}, scope=scope, run={"meaning": "&" * 2000})
    title, first, counts, worst = texts(payload(made))
    assert title == first
    assert title.startswith("❌ *imagegate audit* of `&amp;")
    assert "0 pass, 20 fail" in counts
    assert "*not seen*: `instance &amp;" in counts
    assert worst.startswith("• medium fail")
    for text in (title, counts, worst):
        check(text)


# ---- when


@pytest.mark.parametrize(
    ("code", "new", "baseline", "told"),
    [
        (0, 0, None, {"always"}),
        (1, 0, None, {"always", "problem", "new"}),
        (10, 0, None, {"always", "problem", "new"}),
        (0, 0, {}, {"always"}),
        (1, 0, {}, {"always", "problem"}),
        (1, 2, {}, {"always", "problem", "new"}),
        (0, 1, {}, {"always", "new"}),
        (10, 0, {}, {"always", "problem", "new"}),
        (11, 0, {}, {"always", "problem", "new"}),
        (2, 0, {}, {"always", "problem", "new"}),
    ],
)
def test_when_somebody_is_told(code: int, new: int, baseline: Any, told: set[str]) -> None:
    made = {"run": {"exit_code": code}, "baseline": baseline, "findings": {"new": new}}
    assert {when for when in ("always", "problem", "new") if due(made, when)} == told
