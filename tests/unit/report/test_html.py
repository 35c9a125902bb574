"""The page as text: its policy lets nothing in, what came from outside is only ever text, and it says all without script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from tests.golden import cases
from tests.golden.cases import CASES

from imagegate.report.html import SCRIPTS, STYLES, render
from imagegate.report.language import LANGUAGES
from imagegate.report.language import words as spoken
from imagegate.report.past import Context, PastRun
from imagegate.report.stored import Document, document_of
from imagegate.result import ExitCode, Story

PAGE = files("imagegate.report.html").joinpath("page")
VOID = {"meta", "wbr", "link", "rect", "path", "circle", "line", "br", "img", "input"}


class Page(HTMLParser):
    """The elements of a page, in order: (name, attributes, text within), and whether all were closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, dict(attrs), [])
        assert len(element[1]) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, texts in self.open:
            texts.append(data)

    def all(self, name: str, **wanted: str) -> list[tuple[dict[str, str | None], str]]:
        """Attributes and text of the elements of this name that have these attributes."""
        return [
            (attributes, "".join(texts))
            for tag, attributes, texts in self.elements
            if tag == name and wanted.items() <= attributes.items()
        ]

    def data(self, place: str) -> str:
        """What a script element of JSON holds."""
        return self.all("script", id=place)[0][1]

    @property
    def text(self) -> str:
        """What can be read without the script."""
        hidden = {"script", "style"}
        return " ".join(
            "".join(texts) for tag, _, texts in self.elements if tag in {"header", "main", "footer"} - hidden
        )


def page(document: Document, language: str = "en", past: tuple[PastRun, ...] = ()) -> Page:
    return Page("".join(render(document, Context(language=language, past=past))))


def case(name: str, language: str = "en") -> Page:
    return page(document_of(CASES[name]()), language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_it_is_well_formed_and_its_data_is_json(name: str, language: str) -> None:
    found = case(name, language)
    assert found.open == []
    assert found.all("html")[0][0]["lang"] == language
    ids = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for place in ("words", "head", "index"):
        json.loads(found.data(place))
    for place in ("details", "evidence"):
        first, *lines, last = found.data(place).split("\n")
        assert (first, last) == ("", "")
        assert all(isinstance(json.loads(line), dict if place == "details" else list) for line in lines)


@pytest.mark.parametrize("name", CASES)
def test_the_policy_lets_in_this_files_own_script_and_style_and_nothing_else(name: str) -> None:
    found = case(name)
    policy = found.all("meta", **{"http-equiv": "Content-Security-Policy"})[0][0]["content"]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["img-src"] == "data:"
    scripts = [text for attributes, text in found.all("script") if attributes.get("type") != "application/json"]
    [style] = [text for _, text in found.all("style")]
    for [text], rule in ((scripts, "script-src"), ([style], "style-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_fetched_and_nothing_acts_but_the_script(name: str) -> None:
    found = case(name)
    for tag, attributes, _ in found.elements:
        assert tag not in {"iframe", "object", "embed", "base", "form", "img", "audio", "video"}
        assert not any(attribute.startswith("on") or attribute == "style" for attribute in attributes), tag
        assert "src" not in attributes
        for attribute in ("href", "xlink:href"):
            assert (attributes.get(attribute) or "#").startswith(("#", "data:image/svg+xml,"))


def test_what_an_attacker_named_is_text() -> None:
    text = "".join(render(document_of(cases.hostile()), Context()))
    outside = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert cases.HOSTILE not in text
    assert "evil" in outside
    assert "<x y=" not in outside
    assert all(char.isprintable() or char == "\n" for char in text)
    data = "".join(Page(text).data(place) for place in ("words", "head", "index", "details", "evidence"))
    assert not set(data) & set("<>&")


@pytest.mark.parametrize(
    "name",
    ["</script><script>alert(1)</script>", "<!--", "<script>", "]]>", "{{ 7*7 }}{% raw %}", "&lt;b&gt;", "\"'><b>"],
)
def test_names_that_look_like_markup_are_shown_as_they_are(name: str) -> None:
    made = cases.audit()
    bad = cases.image(name, 1)
    seen = {bad.key: cases.image_facts(bad, protected=False)}
    document = document_of(
        cases.result([cases.pair(cases.PROTECTED, bad)], seen, policy=replace(made.policy, title=name))
    )
    found = page(document)
    assert found.all("h1")[0][1] == name
    assert [text for _, text in found.all("b")].count(name) == 1
    assert json.loads(found.data("index"))["targets"][0][1] == name


# the script and the styles


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_writes_texts_only(name: str) -> None:
    text = PAGE.joinpath(name).read_text(encoding="utf-8")
    forbidden = (
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment"),
        *("eval(", "new Function", "import(", "fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", 'setTimeout("'),
        *("http:", "localStorage", "sessionStorage", "document.cookie", '"style"', "srcdoc", "javascript:"),
    )
    text = text.replace('const SVG = "http://www.w3.org/2000/svg";', "")
    assert [word for word in forbidden if word in text] == []
    assert "</script" not in text.lower()
    assert "<!--" not in text
    assert len(text.splitlines()) < 500


@pytest.mark.parametrize("name", STYLES)
def test_the_styles_fetch_nothing(name: str) -> None:
    text = PAGE.joinpath(name).read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|@font-face|expression\(|</style", text)
    assert len(text.splitlines()) < 500


def test_every_part_of_the_page_is_in_the_file() -> None:
    there = {path.name for path in PAGE.iterdir() if path.name.endswith((".js", ".css"))}
    assert there == {*SCRIPTS, *STYLES}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_parses(name: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node; the browser parses the script in tests/browser")
    text = PAGE.joinpath(name).read_text(encoding="utf-8")
    done = subprocess.run(
        [node, "--check", "-"], input=f'"use strict";\n{text}', text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


# what it says without the script


def test_scope_and_result_are_said_without_the_script() -> None:
    text = case("audit").text
    for said in (
        "6 of 8 targets seen", "214 images", "not complete: not in the service catalog", "web-02",
        "ssh: connect to 192.0.2.11 port 22: timed out after 10 s", "web-09: host key not verified",
        "the inventory's web-03 is the name of several servers (a, b): name it by id", "rule 4", "auditor",
        "a fail stands", "exit code 1", "This run is not complete: it proves no compliance.", "Standing 5", "Waived 1",
        "golden · version 3", "2026-11-22 10:15:12 UTC",
    ):  # fmt: skip
        assert said in text, said


def test_the_first_findings_are_said_without_the_script() -> None:
    found = case("audit")
    articles = [text for _, text in found.all("article")]
    assert len(articles) == 7, "what stands and what is unknown, no more"
    assert "/etc/machine-id: an id (Expected: an empty file)" in articles[0]
    assert found.all("noscript")[0][1].startswith("This viewer runs no scripts")
    assert "7 of 7 are shown here." in found.text


def test_only_the_first_findings_are_in_the_page_twice() -> None:
    images = [cases.image(f"golden-{number}", number) for number in range(80)]
    seen = {image.key: cases.image_facts(image, protected=False) for image in images}
    found = page(document_of(cases.result([cases.pair(cases.PROTECTED, image) for image in images], seen)))
    assert len(found.all("article")) == 50
    assert "50 of 80 are shown here." in found.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "ja",
            ["対象 8 件のうち 6 件を確認", "未解消の不合格があります", "終了コード 1", "監査", "ルール 4", "不合格"],
        ),
        ("ko", ["대상 8개 중 6개 확인", "미해결 실패가 있습니다", "종료 코드 1", "감사", "규칙 4", "실패"]),
    ],
)
def test_other_languages_without_the_script(language: str, said: list[str]) -> None:
    text = case("audit", language).text
    assert [each for each in said if each not in text] == []
    assert "ssh: connect to 192.0.2.11 port 22: timed out after 10 s" in text, "what was seen stays as it is"


def test_an_unknown_language_is_english() -> None:
    assert case("audit", "tlh").all("html")[0][0]["lang"] == "en"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_words_carry_what_they_are_made_of(name: str, language: str) -> None:
    """So that the page can say them in another language: key and values give the same text again."""
    for attributes, text in case(name, language).all("span"):
        if (key := attributes.get("data-t")) is not None:
            values: dict[str, Any] = json.loads(attributes.get("data-a") or "{}")
            assert text == spoken(language).text(key, **values)


@pytest.mark.parametrize(
    ("meaning", "said"),
    [
        ("a fail stands", "미해결 실패가 있습니다"),
        (
            "a new fail stands (--fail-on-new); 1,234 old fails stand as well",
            "이전부터의 미해결 실패도 1,234건 있습니다",
        ),
        ("what a later version says", "what a later version says"),
    ],
)
def test_meanings_are_said_in_the_language_of_the_page(meaning: str, said: str) -> None:
    document = document_of(cases.audit())
    found = page(headed(run={**document.head["run"], "meaning": meaning}), "ko")
    assert said in found.all("span", **{"class": "verdict"})[0][1]


def test_a_compliant_run_says_so_in_green_and_an_incomplete_one_does_not() -> None:
    made = cases.compliant()
    assert 'class="result good"' in "".join(render(document_of(made), Context()))
    assert "Everything in the scope was listed and seen." in page(document_of(made)).text
    partial = replace(made, complete=False)
    assert 'class="result caution"' in "".join(render(document_of(partial), Context()))
    text = page(document_of(partial)).text
    assert "nothing that was judged failed, but this run is not complete" in text
    assert "This run is not complete: it proves no compliance." not in text, "it is said once"


def test_a_command_may_mean_something_of_its_own() -> None:
    story = Story(key="prove", record={"image": None, "flavor": "u2", "servers": [], "left": []}, code=ExitCode.FIX_FAILED,
                  meaning="something that was made could not be removed")  # fmt: skip
    assert (
        "something that was made could not be removed"
        in page(document_of(replace(cases.compliant(), story=story)), "ko").text
    )


def test_only_new_fails_counting_is_said() -> None:
    document = document_of(cases.audit())
    assert "(--fail-on-new)" in page(headed(run={**document.head["run"], "fail_on_new": True})).text
    assert "(--fail-on-new)" not in page(document).text


def test_an_interrupted_run_and_what_is_tolerated_are_said() -> None:
    document = document_of(replace(cases.audit(), interrupted=True, max_unknown=2))
    text = page(document).text
    assert "This run was interrupted." in text
    assert "2 unknown targets are tolerated (--max-unknown)." in text


# parts that only some runs have


def headed(**more: Any) -> Document:
    document = document_of(cases.audit())
    return Document(head={**document.head, **more}, findings=document.findings)


WAIVER = {"check": "catalog-members-allowed", "for": "image: name golden-legacy-*", "reason": "<moving>", "ticket": "OPS-1",
          "approved_by": "security", "until": "2026-12-31", "line": 31, "matches": 1, "state": "ending soon"}  # fmt: skip
STATES = ("in force", "ending soon", "expired", "unused", "over-broad")


@pytest.mark.parametrize("state", STATES)
def test_waivers_of_the_policy(state: str) -> None:
    found = page(headed(waivers=[{**WAIVER, "state": state}], attestations=[]))
    [row] = [text for attributes, text in found.all("section", **{"aria-labelledby": "waivers"})]
    for said in (
        "<moving>",
        "OPS-1",
        "security",
        "2026-12-31",
        "golden-legacy-*",
        spoken("en").text(f"permissions.{state.replace(' ', '-')}"),
    ):
        assert said in row
    assert not found.all("section", **{"aria-labelledby": "attestations"})


def test_attestations_of_the_policy() -> None:
    word = {"check": "windows-password-initialised", "for": "instance: name win-*", "statement": "ticked", "by": "release",
            "on": "2026-11-20", "until": "2027-05-20", "line": 40, "matches": 0, "state": "new in 2030", "ticket": None}  # fmt: skip
    [(_, text)] = page(headed(attestations=[word])).all("section", **{"aria-labelledby": "attestations"})
    assert "ticked" in text
    assert "new in 2030" in text, "a state that this version does not know is shown as it is"


def former(**more: Any) -> dict[str, Any]:
    return {"check": "catalog-image-protected", "severity": "medium", "fingerprint": "0" * 16, "first_seen": None,
            "target": {"name": "golden-x", "region": "KR1"}, "resolved_after_s": 90000, **more}  # fmt: skip


def test_what_changed_since_a_baseline() -> None:
    baseline = {"run": "20261101T000000Z-0001", "finished": "2026-11-01T00:00:00.000Z",
                "counts": {"new": 2, "resolved": 1, "changed": 0, "same": 3},
                "resolved": [former()], "not_resolved": [former(why="not selected now")]}  # fmt: skip
    [(_, text)] = page(headed(baseline=baseline)).all("section", **{"aria-labelledby": "baseline"})
    for said in ("20261101T000000Z-0001", "2026-11-01 00:00:00 UTC", "golden-x", "1 day", "not selected now"):
        assert said in text


def test_a_baseline_without_a_run_to_compare_with() -> None:
    baseline = {
        "run": None,
        "finished": None,
        "counts": {"new": 2, "resolved": 0, "changed": 0, "same": 0},
        "resolved": [],
    }
    [(_, text)] = page(headed(baseline=baseline)).all("section", **{"aria-labelledby": "baseline"})
    assert "There was no complete run to compare with." in text


def test_the_story_of_a_capture() -> None:
    story = {
        "instance": {"id": "i-1", "name": "web-02"}, "name": "golden-web-20261123", "stage": "active", "way": "compute API",
        "asked_at": "2026-11-23T08:15:07+00:00", "image": {"id": "g-1", "name": "golden-web-20261123"}, "size": 16 * 2**20,
        "root_gb": 20, "bound": {"server": "i-1", "boot": None}, "gate": {"run": "r-gate", "exit_code": 0, "report": "x"},
        "planned": ["<stop> the instance"], "stopped": None,
        "root": {"used": 2**30, "size": 4 * 2**30, "at": "2026-11-23T08:15:07Z"}, "root_unseen": None,
        "left": {"open": ["stop web-02"], "owed": [], "changed": ["r-gate"], "copies": ["KR2"]},
    }  # fmt: skip
    [(_, text)] = page(headed(capture=story)).all("section", **{"aria-labelledby": "story-capture"})
    for said in (
        "web-02 i-1",
        "the image is active",
        "16.0 MiB",
        "20 GB",
        "run r-gate, exit code 0",
        "<stop> the instance",
        "1,024.0 MiB used of 4,096.0 MiB",
        "Steps of which nobody knows whether they were donestop web-02",
        "Runs that changed the instancer-gate",
        "KR2",
    ):
        assert said in text.replace("\n", "")
    assert "Protections" not in text, "what is empty is not named"


def test_a_root_file_system_that_was_not_seen_says_why() -> None:
    story = {"instance": {"id": "i", "name": "n"}, "name": "x", "stage": "done", "root": None, "root_unseen": "no df there"}
    assert "no df there" in page(headed(capture=story)).text


def test_the_story_of_a_proof() -> None:
    story = {
        "image": {"id": "g-1", "name": "golden"}, "flavor": "u2.c1m2",
        "servers": [{"clone": "a", "id": "s-1", "name": "proof-a", "address": "192.0.2.1", "status": "ACTIVE", "removed": False}],
        "left": [{"id": "s-1", "name": "proof-a", "reason": "503"}],
        "cleaned": [{"run": "r-killed", "id": "s-0", "name": "proof-old"}],
    }  # fmt: skip
    [(_, text)] = page(headed(prove=story)).all("section", **{"aria-labelledby": "story-prove"})
    for said in ("golden g-1", "Clone A", "proof-a s-1 · 192.0.2.1 · ACTIVE · NOT REMOVED", "proof-a s-1: 503", "proof-old s-0 (r-killed)"):
        assert said in text


def test_owed_protections_limits_and_deselected_pairs_are_gaps() -> None:
    document = document_of(cases.audit())
    scope = {**document.head["scope"], "owed": ["golden-1 is not protected"], "limit": "more than 2", "deselected": 3}
    text = page(headed(scope=scope)).text
    for said in ("golden-1 is not protected", "more than 2", "3 checks of targets"):
        assert said in text


def test_long_lists_of_gaps_are_folded() -> None:
    document = document_of(cases.audit())
    lost = [{"target": f"host-{number}", "reason": "down"} for number in range(30)]
    found = page(headed(scope={**document.head["scope"], "unreachable": lost}))
    assert "and 22 more" in found.text
    assert "host-29" in found.text


def test_every_target_that_was_not_seen_is_named() -> None:
    """6 of 8 targets seen: which two were not?"""
    groups = {text.partition("\n")[0].strip(): text for _, text in case("audit").all("div", **{"class": "unseen"})}
    text = " ".join(groups.values())
    assert "web-02" in text, "not reached"
    assert "win-01" in text, "attested, and not seen all the same"
    assert "build-01" not in text
    assert text.count("web-02") == 1, "told once"


def test_a_thousand_targets_that_were_not_seen_do_not_fill_the_page() -> None:
    document = document_of(cases.audit())
    pattern = next(one for one in document.findings if one["verdict"] == "unknown" and one["attestation"] is None)
    findings = [
        {**pattern, "fingerprint": f"{number:016x}", "target": {**pattern["target"], "id": f"{number}", "name": f"gone-{number:04}"}}
        for number in range(1000)
    ]  # fmt: skip
    found = page(Document(head=document.head, findings=findings))
    text = " ".join(text for _, text in found.all("div", **{"class": "unseen"}))
    assert "gone-0199" in text
    assert "gone-0200" not in text
    assert "and 992 more" in text
    assert "and 800 more" in text


def test_a_report_of_an_older_version_renders() -> None:
    """Everything that the schema does not require may be missing."""
    head = dict(document_of(cases.audit()).head)
    for name in ("checks", "access"):
        del head[name]
    scope = {k: head["scope"][k] for k in ("targets", "unreachable", "catalog", "rules_without_targets", "deselected")}
    catalog = [
        {k: v for k, v in one.items() if k not in {"what", "reason", "owner", "pages"}} for one in scope["catalog"][:1]
    ]
    run = {
        k: v for k, v in head["run"].items() if k in {"id", "command", "started", "finished", "complete", "exit_code"}
    }
    policy = {k: v for k, v in head["policy"].items() if k in {"name", "version", "digest"}}
    head |= {"scope": {**scope, "catalog": catalog}, "run": run, "policy": policy}
    found = page(Document(head=head, findings=document_of(cases.audit()).findings))
    assert "a fail stands" in found.text
    assert found.all("h1")[0][1] == "golden"


def test_the_trend_needs_runs_before() -> None:
    one = PastRun(run_id="r", command="audit", finished=cases.NOW - timedelta(days=1), complete=True, exit_code=0, selected=1,
                  seen=1, counts={}, standing={"high": 2})  # fmt: skip
    document = document_of(cases.audit())
    assert json.loads(page(document).data("head"))["trend"] == []
    assert len(json.loads(page(document, past=(one,)).data("head"))["trend"]) == 2
