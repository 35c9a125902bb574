"""The findings in tables: nothing is lost, what repeats stands once, and no text can leave the place it was put in."""

from __future__ import annotations

import json
from base64 import b64decode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.golden import cases

from imagegate.report.html.data import CLASSES, encode
from imagegate.report.html.plots import by_check, coverage, share, trend
from imagegate.report.html.safe_json import paragraphs, script_json, script_words, shown
from imagegate.report.past import PastRun
from imagegate.report.safe import visible
from imagegate.report.stored import ReportError, document_of

TEXT = st.text(max_size=12) | st.sampled_from(
    ["</script>", "<!--", "\u2028", "\udc80", "&amp;", "a\nb", "\u202e", "😀"]
)
DIGEST = st.binary(min_size=32, max_size=32).map(lambda raw: "sha256:" + raw.hex()) | st.just("md5:other")
VIOLATION = st.fixed_dictionaries({"subject": TEXT, "expected": TEXT, "actual": TEXT, "hint": st.none() | TEXT})
PERMISSION = st.none() | st.fixed_dictionaries({"reason": TEXT, "approved_by": TEXT, "until": st.just("2026-12-31")})


@st.composite
def findings(draw: st.DrawFn) -> list[dict[str, Any]]:
    targets = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "id": TEXT, "name": TEXT, "kind": st.sampled_from(["image", "instance"]), "cloud": st.none() | TEXT,
                    "region": st.none() | TEXT, "owner": st.none() | TEXT, "seen_from": st.lists(TEXT, max_size=2),
                }
            ),
            min_size=1, max_size=4,
        )
    )  # fmt: skip
    found = []
    for number in range(draw(st.integers(0, 12))):
        verdict = draw(st.sampled_from(["pass", "fail", "unknown", "not-applicable"]))
        check = draw(st.sampled_from(["a-b-c", "a-b-d"]))
        state = draw(st.sampled_from(["none", "planned", "verified"])) if verdict == "fail" else "none"
        found.append(
            {
                "check": check, "title": f"Title of {check}", "severity": {"a-b-c": "low", "a-b-d": "critical"}[check],
                "fingerprint": f"{number:016x}", "target": draw(st.sampled_from(targets)),
                "rule": draw(st.none() | st.integers(0, 3)), "parameters": draw(st.dictionaries(TEXT, TEXT, max_size=2)),
                "observed_at": draw(st.sampled_from(["2026-11-22T10:15:00.000Z", "2026-11-22T10:15:01.000Z"])),
                "evidence": draw(st.lists(DIGEST, max_size=3)), "verdict": verdict,
                "violations": draw(st.lists(VIOLATION, min_size=1, max_size=2)) if verdict == "fail" else [],
                "reason": draw(TEXT), "owner": draw(st.sampled_from([None, "user", "target", "tool"])),
                "note": draw(st.none() | TEXT), "waiver": draw(PERMISSION) if verdict == "fail" else None,
                "attestation": draw(PERMISSION) if verdict == "unknown" else None,
                "remedy": {"state": state, "steps": [], "reason": None},
                **draw(st.sampled_from([{}, {"change": "new", "first_seen": "2026-11-01T00:00:00Z"}])),
            }
        )  # fmt: skip
    return found


def decoded(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page makes of it, by fingerprint."""
    made = encode(records)
    index = json.loads("".join(made.index()))
    details = [json.loads(line) for line in made.details.lines]
    evidence = [json.loads(line) for line in made.evidence.lines]
    found = []
    for place in range(len(index["target"])):
        target = index["targets"][index["target"][place]]
        check, title, severity = index["checks"][index["check"][place]]
        found.append(
            {
                "class": CLASSES[int(index["classes"][place])],
                "severity": ["low", "medium", "high", "critical"][int(index["severities"][place])],
                "check": check, "title": title, "of": severity,
                "fingerprint": index["fingerprints"][16 * place : 16 * place + 16],
                "target": dict(zip(("id", "name", "kind", "cloud", "region", "owner"), target[:6], strict=True)),
                "seen_from": target[6] if len(target) > 6 else None,
                "rule": index["rule"][place], "parameters": index["parameters_table"][index["parameters"][place]],
                "observed_at": index["times_table"][index["time"][place]],
                "detail": details[index["detail"][place]],
                "evidence": [undigested(text) for text in evidence[index["evidence"][place]]],
                "blame": [None, "user", "target", "tool"][int(index["blames"][place])],
                "change": [None, "new", "changed", "same"][int(index["changes"][place])],
            }
        )  # fmt: skip
    return found


def undigested(text: str) -> str:
    return text[1:] if text.startswith("!") else "sha256:" + b64decode(text + "=").hex()


@given(findings())
def test_nothing_is_lost(records: list[dict[str, Any]]) -> None:
    found = {each["fingerprint"]: each for each in decoded(records)}
    assert found.keys() == {each["fingerprint"] for each in records}
    for record in records:
        page = found[record["fingerprint"]]
        wanted = {
            name: shown(record[name])
            for name in ("violations", "reason", "owner", "note", "waiver", "attestation", "first_seen")
            if record.get(name)
        }
        if record["remedy"]["state"] != "none":
            wanted["remedy"] = {"state": record["remedy"]["state"]}
        assert page["detail"] == wanted
        assert page["evidence"] == record["evidence"]
        assert page["target"] == {name: shown(record["target"][name]) for name in page["target"]}
        assert page["seen_from"] == (shown(several) if len(several := record["target"]["seen_from"]) > 1 else None)
        assert page["rule"] == (-1 if record["rule"] is None else record["rule"])
        assert page["parameters"] == shown(record["parameters"])
        for name, value in (("check", "check"), ("title", "title"), ("severity", "severity"), ("of", "severity"),
                            ("observed_at", "observed_at"), ("blame", "owner")):  # fmt: skip
            assert page[name] == record[value]
        assert page["change"] == record.get("change")


@given(findings())
def test_rows_of_a_target_stand_together_the_worst_first(records: list[dict[str, Any]]) -> None:
    found = decoded(records)
    runs = [
        each["target"] for place, each in enumerate(found) if not place or each["target"] != found[place - 1]["target"]
    ]
    distinct = {json.dumps([t, s]) for t, s in ((each["target"], each["seen_from"]) for each in found)}
    assert len(runs) <= len(distinct)
    for one, other in pairwise(found):
        if one["target"] == other["target"] and one["seen_from"] == other["seen_from"]:
            assert CLASSES.index(one["class"]) <= CLASSES.index(other["class"])


def test_the_target_with_the_worst_fail_is_first() -> None:
    made = encode(document_of(cases.audit()).findings)
    index = json.loads("".join(made.index()))
    names = [index["targets"][place][1] for place in dict.fromkeys(index["target"])]
    assert names == [
        "build-01",
        "build-02",
        "golden-web",
        "golden-db",
        "web-02",
        "golden-legacy",
        "win-01",
        "golden-db",
    ]


@pytest.mark.parametrize("make", [script_json, script_words])
@given(value=st.recursive(TEXT | st.none() | st.integers(), lambda more: st.lists(more) | st.dictionaries(TEXT, more)))
def test_no_value_can_leave_its_script_element(make: Any, value: Any) -> None:
    text = make(value)
    assert not set(text) & set("<>&\u2028\u2029\n\r\x00")
    assert json.loads(text) == value


@given(st.text())
def test_what_is_shown_hides_nothing(text: str) -> None:
    assert shown({text: [text, None, 1]}) == {visible(text): [visible(text, 2000), None, 1]}
    assert all(visible(line, 2000) == line for line in paragraphs(text).split("\n"))


def test_equal_details_stand_once() -> None:
    records = list(document_of(cases.audit()).findings)
    many = [{**record, "fingerprint": f"{number:016x}"} for number in range(500) for record in records[:2]]
    made = encode(many)
    assert (len(made.rows), len(made.details.lines), len(made.targets.lines)) == (1000, 2, 2)
    assert sum(map(len, made.index())) < 1000 * 60


@pytest.mark.parametrize("fingerprint", ["", "xyz", None, "0" * 17, '"><script>'])
def test_a_fingerprint_that_is_none_is_damage(fingerprint: Any) -> None:
    record = {**next(iter(document_of(cases.audit()).findings)), "fingerprint": fingerprint}
    with pytest.raises(ReportError, match="16 hex digits"):
        encode([record])


# plots


def test_bars_of_checks_are_sorted_by_severity_then_by_what_stands() -> None:
    made = encode(document_of(cases.audit()).findings)
    ids = made.check_ids
    assert [(ids[bar["check"]], bar["severity"], bar["standing"], bar["unknown"]) for bar in by_check(made)] == [
        ("windows-password-initialised", "critical", 0, 1),
        ("linux-machine-id-reset", "high", 2, 1),
        ("catalog-members-allowed", "high", 1, 0),
        ("catalog-image-protected", "medium", 2, 0),
    ]


def test_coverage_counts_targets_and_names_what_was_lost() -> None:
    document = document_of(cases.audit())
    found = coverage(document.head, encode(document.findings))
    assert [(p["region"], p["kind"], p["seen"], p["not_seen"], p["lost"]) for p in found] == [
        ("KR1", "image", 4, 0, None),
        ("KR1", "instance", 2, 2, None),
        ("KR2", "image", 0, 0, "not in the service catalog"),
    ]


def past(number: int, run_id: str | None = None) -> PastRun:
    return PastRun(
        run_id=run_id or f"run-{number}", command="audit", finished=cases.NOW, complete=True, exit_code=1, selected=8,
        seen=8, counts={"unknown": 3, "attested": 1}, standing={"high": number},
    )  # fmt: skip


def test_the_trend_ends_with_this_run() -> None:
    document = document_of(cases.audit())
    made = encode(document.findings)
    found = trend(document.head, made, [past(7), past(9)])
    assert [run["standing"]["high"] for run in found] == [7, 9, 3]
    assert [run["unknown"] for run in found] == [2, 2, 2]
    assert found[-1]["run"] == document.head["run"]["id"]
    assert trend(document.head, made, []) == []


def test_a_stored_run_is_not_before_itself() -> None:
    document = document_of(cases.audit())
    found = trend(document.head, encode(document.findings), [past(7), past(9, document.head["run"]["id"])])
    assert [run["standing"]["high"] for run in found] == [7, 3]


def test_only_the_latest_runs_are_drawn() -> None:
    document = document_of(cases.audit())
    found = trend(document.head, encode(document.findings), [past(number) for number in range(90)])
    assert len(found) == 40
    assert found[-2]["standing"]["high"] == 89


def test_who_can_use_which_image() -> None:
    document = document_of(cases.audit())
    found = share(document.head, encode(document.findings))
    assert found is not None
    edges = {
        (found["images"][i]["name"], found["projects"][p]["id"], status, bad) for i, p, status, bad in found["edges"]
    }
    assert edges == {
        ("golden-web", cases.PROJECT, "pending", 0),
        ("golden-web", cases.STRANGER, "pending", 1),
        ("golden-legacy", cases.STRANGER, "pending", 0),
    }
    assert found["images"][0]["name"] == "golden-web", "those about which a fail stands come first"


def test_an_image_whose_members_were_not_seen_is_not_shared_with_nobody() -> None:
    image = {
        "id": "i",
        "name": "n",
        "cloud": None,
        "region": None,
        "owner": "o",
        "visibility": "shared",
        "members": None,
    }
    found = share({"access": [image, {**image, "id": "p", "visibility": "public"}]}, encode([]))
    assert found is not None
    assert [(one["id"], one["unseen"]) for one in found["images"]] == [("i", True), ("p", False)]
    assert [(found["projects"][edge[1]]["id"], edge[2]) for edge in found["edges"]] == [("*", "public")]


def test_what_is_shared_is_capped_and_the_rest_counted() -> None:
    images = [
        {"id": f"i{n}", "name": "n", "cloud": "c", "region": "r", "owner": "o", "visibility": "shared",
         "members": [{"project": f"p{n}", "status": "accepted"}]}
        for n in range(1000)
    ]  # fmt: skip
    found = share({"access": images}, encode([]))
    assert found is not None
    assert (len(found["images"]), found["more_images"], found["more_projects"]) == (400, 600, 600)
    assert all(edge[0] < 400 and edge[1] < 400 for edge in found["edges"])


def test_nothing_shared_is_no_plot() -> None:
    assert share({}, encode([])) is None


def test_projects_have_the_names_that_the_policy_gives_them() -> None:
    record = next(iter(document_of(cases.audit()).findings))
    made = encode(
        [{**record, "parameters": {"allow": [{"project": "p1", "name": "web"}, {"project": "p2", "name": None}]}}]
    )
    assert made.names == {"p1": "web"}
