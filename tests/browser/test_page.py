"""A mixed fleet, languages, colours, paper, small windows, viewers without scripts, attackers, and many findings."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.golden import cases
from tests.golden.cases import CASES

from imagegate.report.html import render
from imagegate.report.past import Context
from imagegate.report.stored import Document, document_of
from imagegate.result import ScopeInfo

from . import fleet
from .browser import Browser
from .conftest import write

pytestmark = pytest.mark.real


def put(path: Path, document: Document, language: str = "en") -> Path:
    path.write_text("".join(render(document, Context(language=language))), encoding="utf-8")
    return path


def test_a_mixed_fleet(browser: Browser, mixed: Path) -> None:
    browser.open(mixed)
    main = browser.one("main").text
    for said in (
        "82 of 84 targets seen",
        "nhn/JP1",
        "503 Service Unavailable, asked three times",
        "build-03",
        "exit code 1",
    ):
        assert said in main
    assert browser.all(".plot.checks .bars li")
    assert len(browser.all(".plot.trend g.run")) == 12
    assert len(browser.all(".plot.coverage .bars li")) == 4
    assert browser.all(".plot.share path.edge.against")
    assert "and 9 more images" in browser.one(".plot.share").text
    browser.one(".menu > button", "Kind").click()
    browser.one(".panel label", "Instance").click()
    assert all(name.startswith(("build-", "win-")) for name in browser.texts("#list .group .name"))


@pytest.mark.parametrize("name", CASES)
def test_every_case_opens(name: str, browser: Browser, tmp_path: Path) -> None:
    browser.open(put(tmp_path / "report.html", document_of(CASES[name]())))
    assert browser.run("return document.querySelectorAll('#plain, [data-static]').length") == 0
    assert browser.one(".told").text
    for button in browser.all("#list .finding > button"):
        browser.run("arguments[0].click()", button)
    assert len(browser.all("#list .finding.open")) == len(browser.all("#list .finding"))


def test_plots_can_be_read_as_tables(browser: Browser, mixed: Path) -> None:
    browser.open(mixed)
    for name, rows in (("trend", 12), ("share", 20)):
        assert browser.all(f".plot.{name} tbody tr") == []
        browser.one(f".plot.{name} summary").click()
        browser.wait(
            "return document.querySelectorAll(arguments[0]).length >= arguments[1]", f".plot.{name} tbody tr", rows
        )
        drawing = browser.one(f".plot.{name} svg[role=img]")
        assert drawing.accessible_name
        assert browser.run("return arguments[0].querySelector('desc').textContent", drawing)


# languages


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "ja",
            [
                "対象 84 件のうち 82 件を確認",
                "検出結果",
                "未解消",
                "マシン ID がリセットされている",
                "高",
                "修正可能",
                "チェック別の未解消",
            ],
        ),
        (
            "ko",
            [
                "대상 84개 중 82개 확인",
                "점검 결과",
                "미해결",
                "머신 ID가 초기화됨",
                "높음",
                "자동 조치 가능",
                "점검 항목별 미해결 현황",
            ],
        ),
    ],
)
def test_the_language_is_switched_in_the_page(code: str, said: list[str], browser: Browser, mixed: Path) -> None:
    browser.open(mixed)
    count = browser.one(".pill.standing .n").text
    browser.one(f"#tools [lang={code}]").click()
    assert browser.run("return document.documentElement.lang") == code
    assert browser.run("return document.activeElement.lang") == code, "the focus stays"
    text = browser.one("body").text
    assert [each for each in said if each not in text] == []
    assert browser.one(".pill.standing .n").text == count
    assert "503 Service Unavailable, asked three times" in text, "what was seen stays as it is"
    browser.run("document.querySelector('#list .finding > button').click()")
    detail = browser.one(".finding.open .detail").text
    english = [
        word
        for word in ("Why it matters", "Expected", "Found", "Fingerprint", "Evidence", "To undo", "Seen at")
        if word in detail
    ]
    assert english == []
    browser.wait("return location.hash.includes('lang=' + arguments[0])", code)
    browser.one("#tools [lang=en]").click()
    assert "82 of 84 targets seen" in browser.one("body").text


def test_a_page_in_korean_has_no_english_of_ours(browser: Browser, tmp_path: Path) -> None:
    made = fleet.mixed_fleet(tmp_path)
    browser.open(write(tmp_path / "report.html", made, "ko"))
    words = browser.run(
        """const found = [];
           const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
           while (walk.nextNode()) {
             const at = walk.currentNode.parentElement;
             if (!at.closest('bdi, .mono, .id, pre, code, script, style, [lang=en], #tools, h1, .gaps dd, .catalogs, .about, kbd, .brand, svg, .title, td'))
               found.push(walk.currentNode.textContent);
           }
           return found;"""
    )
    left = {word for text in words for word in re.findall(r"[A-Za-z]{4,}", text)}
    assert left <= {"auditor", "reader", "member", "imagegate", "Enter", "Home", "Windows"}


# colours


@pytest.mark.parametrize("how", ["the system's", "the button"])
def test_dark(how: str, browser: Browser, mixed: Path) -> None:
    browser.open(mixed)
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    light = browser.run(ground)
    if how == "the button":
        browser.one("#tools button", "Dark").click()
    else:
        browser.media(prefers_color_scheme="dark")
    assert light == "rgb(252, 252, 251)"
    assert browser.run(ground) == "rgb(21, 24, 27)"
    if how == "the button":
        browser.wait("return location.hash.includes('theme=dark')")
        browser.one("#tools button", "Light").click()
        browser.media(prefers_color_scheme="dark")
        assert browser.run(ground) == light, "what was chosen wins"


def test_nothing_moves_for_those_who_asked_for_it(browser: Browser, mixed: Path) -> None:
    browser.media(prefers_reduced_motion="reduce")
    browser.open(mixed)
    moving = "return [...document.querySelectorAll('*')].filter((one) => getComputedStyle(one).transitionDuration !== '0s').length"
    assert browser.run(moving) == 0
    browser.media(prefers_reduced_motion="no-preference")
    assert browser.run(moving) > 0


# accessibility

AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then((found) => done(found.violations.map(
  (each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" ")}`)));
"""


@pytest.mark.parametrize("fragment", ["", "group=check&theme=dark&lang=ja&verdict=all"])
def test_axe_finds_nothing(fragment: str, browser: Browser, mixed: Path) -> None:
    browser.open(mixed, fragment)
    browser.run("document.querySelectorAll('#list .finding > button')[1].click()")
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    browser.run("document.querySelector('.menu > button').click()")
    browser.run(AXE)
    assert browser.driver.execute_async_script(RUN_AXE) == []


def test_the_list_tells_its_length_and_places(browser: Browser, mixed: Path) -> None:
    browser.open(mixed)
    lines = browser.run(
        "return [...document.querySelectorAll('#list > li')].map((one) => [one.ariaSetSize, one.ariaPosInSet])"
    )
    assert {size for size, _ in lines} == {lines[0][0]}
    assert [int(place) for _, place in lines] == [*range(1, len(lines) + 1)], "in the order of the document"
    assert browser.one(".told").get_attribute("role") == "status"


# paper


def test_paper_has_all_filtered_findings_and_no_controls(browser: Browser, mixed: Path) -> None:
    browser.open(mixed, "theme=dark&verdict=standing")
    browser.run(
        "addEventListener('afterprint', () => { window.after = document.querySelectorAll('#paper li').length; })"
    )
    browser.run("addEventListener('beforeprint', () => { window.printed = document.querySelector('#paper').textContent; "
                "window.lines = document.querySelectorAll('#paper .finding').length; })")  # fmt: skip
    data = browser.pdf()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") + data.count(b"/Type /Page/") > 2
    standing = int(browser.one(".pill.standing .n").text)
    assert browser.run("return window.lines") == standing
    printed = browser.run("return window.printed")
    assert f"{standing} findings are printed, as filtered." in printed
    assert "an empty file" in printed
    assert browser.run("return window.after") == 0


def test_paper_looks(browser: Browser, mixed: Path) -> None:
    browser.open(mixed, "theme=dark&verdict=standing")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        seen = "return getComputedStyle(document.querySelector(arguments[0])).display"
        for hidden in (".toolbar", "#list", "#tools", ".skip"):
            assert browser.run(seen, hidden) == "none"
        assert browser.run(seen, "#paper") == "block"
        assert browser.run("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert browser.run("return getComputedStyle(document.querySelector('h1')).color") == "rgb(28, 32, 36)", (
            "never dark"
        )
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")


def test_paper_has_an_end_that_it_tells(browser: Browser, thousand: Path) -> None:
    browser.open(thousand, "verdict=all")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(browser.all("#paper .finding")) == 500
    total = browser.run("return document.querySelector('.told').textContent.match(/of ([\\d,]+)/)[1]")
    told = browser.run("return document.querySelector('#paper p').textContent")
    assert told == f"The first 500 of {total} findings are printed. Filter the list to print others."


def test_folded_groups_are_printed_all_the_same(browser: Browser, mixed: Path) -> None:
    browser.open(mixed, "verdict=standing")
    browser.one(".row.end button", "Collapse all groups").click()
    assert browser.all("#list .finding") == []
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(browser.all("#paper .finding")) == int(browser.one(".pill.standing .n").text)


# where less is possible


@pytest.mark.parametrize("width", [360, 768])
def test_small_windows_do_not_scroll_sideways(width: int, browser: Browser, mixed: Path) -> None:
    browser.size(width, 800, mobile=True)
    browser.open(mixed)
    browser.run("for (const one of [...document.querySelectorAll('#list .finding > button')].slice(0, 3)) one.click()")
    assert browser.run("return document.documentElement.scrollWidth") == width


def test_without_scripts_the_summary_is_there(browser: Browser, mixed: Path) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(mixed)
        tree = browser.command("DOMSnapshot.captureSnapshot", computedStyles=["display"])
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
    strings = tree["strings"]
    texts = {strings[at] for at in tree["documents"][0]["layout"]["text"] if at >= 0}
    for said in ("82 of 84 targets seen", " fail stands", "Findings that need attention", "50 of 66 are shown here."):
        assert said in texts
    assert any(text.startswith("This viewer runs no scripts") for text in texts)
    assert not any("Group by" in text for text in texts), "nothing that would not work"


@pytest.mark.parametrize("csp", ["script-src 'none'", "default-src 'none'; style-src 'self'"])
def test_a_viewer_with_a_stricter_policy_shows_the_summary(
    csp: str, browser: Browser, mixed: Path, tmp_path: Path
) -> None:
    """As CI servers show artefacts: a policy of theirs comes on top."""
    text = mixed.read_text(encoding="utf-8")
    strict = text.replace(
        '<meta charset="utf-8">',
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{csp}">',
        1,
    )
    (tmp_path / "strict.html").write_text(strict, encoding="utf-8")
    browser.open(tmp_path / "strict.html")
    text = browser.one("body").text
    assert "82 of 84 targets seen" in text
    assert "50 of 66 are shown here." in text
    browser.drain()  # the violations are those of the viewer's policy, on purpose


# attackers


def hostile() -> Document:
    names = [*fleet.hostile_page_names(), cases.HOSTILE]
    images = [
        replace(cases.image(name, number), region=name, cloud=name, owner=name) for number, name in enumerate(names)
    ]
    seen = {one.key: cases.image_facts(one, protected=False, members=(one.name,)) for one in images}
    pairs = [cases.pair(check, one) for one in images for check in (cases.PROTECTED, cases.MEMBERS_ALLOWED)]
    scope = ScopeInfo(selected=len(images), seen=0, missing=tuple(names), warnings=tuple(names), relaxed=tuple(names))
    document = document_of(cases.result(pairs, seen, scope=scope))
    return Document(head={**document.head, "checks": spoken(names)}, findings=document.findings)


def spoken(names: list[str]) -> dict[str, Any]:
    """Checks that speak as attackers do."""
    about = {"Why it matters": "\n\n".join(names) + " ``code``", "References": names[0]}
    ids = (cases.PROTECTED.id, cases.MEMBERS_ALLOWED.id)
    return {name: {"title": names[1], "severity": "high", "fix": "always", "about": about} for name in ids}


@pytest.mark.parametrize("group", ["target", "check"])
def test_hostile_names_are_inert_everywhere(group: str, browser: Browser, tmp_path: Path) -> None:
    browser.open(put(tmp_path / "report.html", hostile()), f"group={group}")
    for button in browser.all("#list .finding > button"):
        browser.run("arguments[0].click()", button)
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    for menu in range(len(browser.all(".menu"))):
        browser.run("document.querySelectorAll('.menu > button')[arguments[0]].click()", menu)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return document.title") == "Golden images · imagegate"
    assert browser.all("main img, main script, main iframe, main [onerror], main a[href^=javascript]") == []
    text = browser.run("return document.body.textContent")
    assert "<script>document.title='owned'</script>" in text
    assert "</script><script>" in text
    assert r"\u202etxt.exe\u2066\u200b\x00\x1b[2J\u2028\u2029" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\x00\u200b]", text)
    assert "العربية" in text, "letters that people write are shown"
    sideways = browser.run("return document.documentElement.scrollWidth - innerWidth")
    assert sideways <= 0, "a long name breaks, or is cut"


def test_letters_from_right_to_left_stay_where_they_are(browser: Browser, tmp_path: Path) -> None:
    browser.open(put(tmp_path / "report.html", hostile()), "group=target")
    order = """
      const head = [...document.querySelectorAll('#list .group h3 button')].find((one) => one.textContent.includes('العربية'));
      return [...head.querySelectorAll('.name, .tally')].map((one) => one.getBoundingClientRect().left);"""
    name, tally = browser.run(order)
    assert name < tally


# many


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100,000 findings: a hundred times those of a small audit, as other targets."""
    small = document_of(fleet.audit_of_images(tmp_path_factory.mktemp("small"), 170))
    records = list(small.findings)
    findings = (
        {**record, "fingerprint": f"{number * 10_000 + place:016x}", "target": {**record["target"], "id": f"{number}-{record['target']['id']}"}}
        for number in range(99)
        for place, record in enumerate(records)
    )  # fmt: skip
    path = tmp_path_factory.mktemp("many") / "report.html"
    return put(path, Document(head=small.head, findings=findings))


def test_a_hundred_thousand_findings_are_usable(browser: Browser, many: Path) -> None:
    browser.open(many, "verdict=all")
    told = "return document.querySelector('.told').textContent"
    total = int(browser.run(told).split(" of ")[1].split(" ")[0].replace(",", ""))
    assert total > 99_000
    elements = "return document.querySelectorAll('*').length"
    assert browser.run(elements) < 4000
    for place in (0.1, 0.5, 0.999):
        browser.run("scrollTo(0, document.documentElement.scrollHeight * arguments[0])", place)
        wanted = browser.run("return Number(document.querySelector('#list > li').ariaSetSize)") * place
        browser.wait(
            "return [...document.querySelectorAll('#list > li')].some((one) => Math.abs(one.dataset.place - arguments[0]) < 6000)",
            wanted,
        )
        assert browser.run(elements) < 4000
    browser.run(
        "const box = document.querySelector('#query'); box.value = 'golden-bastion pending'; box.dispatchEvent(new Event('input'))"
    )
    browser.wait("return location.hash.includes('q=') && !document.querySelector('.told').textContent.includes('…')")
    assert 0 < int(browser.run(told).split(" of ")[0].replace(",", "")) < 10_000
    browser.one(".choice button", "Check").click()
    assert browser.run(elements) < 4000
