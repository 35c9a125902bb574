"""Much of everything beside the findings: places, gaps, waivers, long words. Nothing is left out without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.golden.cases import CASES

from imagegate.report.html import render
from imagegate.report.past import Context
from imagegate.report.stored import Document, document_of

from .browser import Browser

pytestmark = pytest.mark.real

PLACES = 60
WAIVERS = 230
LONG = "イメージ" * 20


def crowded() -> Document:
    """An audit of many regions, some of which were lost, with many waivers and long names."""
    document = document_of(CASES["audit"]())
    head, records = document.head, list(document.findings)
    places = [(f"cloud-{number % 6}", f"AP-NORTHEAST-AVAILABILITY-ZONE-{number:02}") for number in range(PLACES)]
    catalogs = [
        {"what": "images", "cloud": cloud, "region": region, "project": "a" * 32, "pages": 1, "images": 5,
         "complete": number != PLACES - 1, "reason": "503 Service Unavailable, asked three times " * 4 if number == PLACES - 1 else None}
        for number, (cloud, region) in enumerate(places)
    ]  # fmt: skip
    pattern = next(one for one in records if one["check"] == "catalog-members-allowed")
    findings = [
        {**pattern, "fingerprint": f"{number:016x}",
         "target": {**pattern["target"], "name": "golden-" + "with-a-long-name-" * 14 + str(number), "id": f"{number:032x}", "cloud": cloud, "region": region}}
        for number, (cloud, region) in enumerate(places)
    ]  # fmt: skip
    waivers = [
        {**head["waivers"][0], "until": f"{2100 + number}-01-01", "reason": "moving house " * 30, "for": "image name golden-* " * 20}
        for number in range(WAIVERS)
    ]  # fmt: skip
    access = [
        {"id": f"{number:032x}", "name": LONG if number else "golden", "cloud": "nhn", "region": "KR1",
         "owner": "b" * 32, "visibility": "shared", "members": [{"project": "c" * 32, "status": "accepted"}]}
        for number in range(3)
    ]  # fmt: skip
    access.append({**access[0], "id": "d" * 32, "region": "KR2"})
    warnings = [f"warning number {number}" for number in range(12)]
    scope = {**head["scope"], "catalog": catalogs, "warnings": warnings}
    more = {"scope": scope, "waivers": waivers, "access": access, "baseline": resolved(findings)}
    return Document(head={**head, **more}, findings=findings)


def resolved(findings: list[Any]) -> dict[str, Any]:
    """What stood at an earlier run, and was mended after two seconds."""
    names = ("check", "severity", "fingerprint", "target")
    parts = {"first_seen": "2026-11-22T09:00:00.000Z", "resolved_after_s": 2.5}
    return {
        "run": "20261101T000000Z-aaaa",
        "finished": "2026-11-01T00:00:00.000Z",
        "counts": {"new": 0, "changed": 0, "same": 0, "resolved": len(findings)},
        "resolved": [{**{name: one[name] for name in names}, **parts} for one in findings],
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crowded") / "report.html"
    path.write_text("".join(render(crowded(), Context(language="en"))), encoding="utf-8")
    return path


TORN = """
const torn = [];
for (const cell of document.querySelectorAll(arguments[0])) {
  const text = document.createRange();
  const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (walk.nextNode())
    for (const word of walk.currentNode.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
      text.setStart(walk.currentNode, word.index);
      text.setEnd(walk.currentNode, word.index + word[0].length);
      if (new Set([...text.getClientRects()].map((one) => Math.round(one.top))).size > 1) torn.push(word[0]);
    }
}
return torn;
"""


def shown(browser: Browser, css: str) -> list[str]:
    every: Any = browser.run(
        "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility()).map((one) => one.textContent)",
        css,
    )
    return [str(text) for text in every]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("table", [".catalogs", ".permissions", ".changes"])
def test_no_column_is_so_narrow_that_words_are_torn(width: int, table: str, browser: Browser, page: Path) -> None:
    browser.size(width, 900, mobile=width < 500)
    browser.open(page)
    assert browser.all(f"{table} th")
    assert browser.run(TORN, f"{table} th, {table} td") == []
    assert browser.run("return document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 1280])
def test_tables_behind_plots_tear_no_words(width: int, browser: Browser, mixed: Path) -> None:
    browser.size(width, 900, mobile=width < 500)
    browser.open(mixed)
    browser.run("for (const one of document.querySelectorAll('#plots details')) one.open = true")
    browser.wait(
        "return document.querySelectorAll('.plot.trend td').length && document.querySelectorAll('.plot.share td').length"
    )
    assert browser.run(TORN, ".plot.trend th, .plot.trend td, .plot.share th") == []
    narrow = "return [...document.querySelectorAll('.plot.share td')].filter((one) => one.getBoundingClientRect().width < 80).length"
    assert browser.run(narrow) == 0


def test_many_places_are_folded_and_those_that_were_lost_come_first(browser: Browser, page: Path) -> None:
    browser.open(page)
    rows = shown(browser, ".catalogs tbody tr")
    assert len(rows) < PLACES / 2
    assert "not complete" in rows[0]
    browser.one(".scope summary", "more").click()
    assert len(shown(browser, ".catalogs tbody tr")) == PLACES


def test_the_coverage_plot_leaves_no_place_out(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert "AP-NORTHEAST-AVAILABILITY-ZONE-59" in shown(browser, ".plot.coverage .bars li")[0]
    browser.one(".plot.coverage summary").click()
    assert len(shown(browser, ".plot.coverage .bars li")) == PLACES


def test_places_in_the_coverage_plot_are_named_whole(browser: Browser, page: Path) -> None:
    browser.size(390, 900, mobile=True)
    browser.open(page)
    cut = "return [...document.querySelectorAll('.plot.coverage .name')].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"
    assert browser.run(cut) == []


def test_what_was_mended_at_once_took_less_than_a_minute(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert set(shown(browser, ".changes td:last-child")) == {"less than a minute"}


def test_every_waiver_is_in_the_page(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.one("section[aria-labelledby=waivers] summary").click()
    text = browser.one("section[aria-labelledby=waivers]").text
    assert [year for year in range(2100, 2100 + WAIVERS) if f"{year}-01-01" not in text] == []


def test_paper_has_what_the_page_folds(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert len(shown(browser, ".catalogs tbody tr")) == PLACES
        text = browser.one("main").text
        assert "warning number 11" in text
        assert f"{2100 + WAIVERS - 1}-01-01" in text
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(shown(browser, ".catalogs tbody tr")) < PLACES / 2, "folded again"


def test_a_long_name_leaves_room_for_the_place_and_the_id(browser: Browser, page: Path) -> None:
    browser.open(page)
    cut = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.scrollWidth > one.clientWidth + 1).length"
    assert browser.all("#list .group .id")
    assert browser.run(cut, "#list .group .place, #list .group .id") == 0
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.all("#paper .group .name")
        assert browser.run(cut, "#paper .group .name, #paper .group .place, #paper .group .id") == 0
        tall = "return [...document.querySelectorAll('#paper .line > span.id')].filter((one) => one.getClientRects()[0].height > 24).length"
        assert browser.run(tall) == 0, "a fingerprint is one word, to be pasted"
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")
    browser.run("dispatchEvent(new Event('afterprint'))")


def test_the_share_graph_cuts_long_names_and_tells_namesakes_apart(browser: Browser, page: Path) -> None:
    browser.open(page)
    left = browser.run("return document.querySelector('.plot.share svg[role=img]').getBoundingClientRect().left")
    labels = browser.run(
        "return [...document.querySelectorAll('.plot.share .node text')].map((one) => [one.getBoundingClientRect().left, one.textContent])"
    )
    assert [text for at, text in labels if at < left] == [], "nothing begins outside the drawing"
    assert any(text.startswith("イメージ") and "…" in text for _, text in labels)
    names = [text for _, text in labels if text.startswith("golden")]
    assert len(names) == 2
    assert len(set(names)) == 2


def test_the_share_graph_draws_projects_that_can_use_the_images_it_draws(browser: Browser, tmp_path: Path) -> None:
    """Hundreds of images, each with projects of its own: a graph without a line would say that nobody has access."""
    made = crowded()
    access = [
        {"id": f"{number:032x}", "name": f"golden-{number:03}", "cloud": "nhn", "region": "KR1", "owner": "b" * 32,
         "visibility": "shared", "members": [{"project": f"{(999 - number) * 10 + each:032}", "status": "accepted"} for each in range(6 if number < 100 else 1)]}
        for number in range(300)
    ]  # fmt: skip
    busy = [{"project": f"{number % 20:032}", "status": "accepted"} for number in range(2)]
    for each in access[100:]:
        each["members"] += busy
    path = tmp_path / "report.html"
    document = Document(head={**made.head, "access": access}, findings=[])
    path.write_text("".join(render(document, Context(language="en"))), encoding="utf-8")
    browser.open(path)
    titles = browser.run(
        "return [...document.querySelectorAll('.plot.share path.edge title')].map((one) => one.textContent)"
    )
    assert len(titles) >= 14
    numbers = {title.split(" → ")[0]: int(title.split(" → ")[1].split(":")[0]) for title in titles}
    assert all(
        project < 100 or project // 10 == 999 - int(name.removeprefix("golden-")) for name, project in numbers.items()
    )


@pytest.mark.parametrize(("members", "drawn"), [([], False), (None, True)])
def test_a_share_graph_of_nothing_is_said_in_words(members: Any, drawn: bool, browser: Browser, tmp_path: Path) -> None:
    """Members that were not seen are something else than nobody."""
    made = crowded()
    access = [{**each, "members": members} for each in made.head["access"]]
    path = tmp_path / "report.html"
    document = Document(head={**made.head, "access": access}, findings=[])
    path.write_text("".join(render(document, Context(language="en"))), encoding="utf-8")
    browser.open(path)
    assert bool(browser.all(".plot.share svg[role=img]")) is drawn
    assert ("No image that was looked at is shared" in browser.one(".plot.share").text) is not drawn


def test_a_result_that_asks_for_caution_stands_beside_the_scope(browser: Browser, tmp_path: Path) -> None:
    """Its class is not that of a note: no bar, no margin."""
    made = document_of(CASES["compliant"]())
    made.head["run"]["complete"] = False
    path = tmp_path / "report.html"
    path.write_text("".join(render(made, Context(language="en"))), encoding="utf-8")
    browser.open(path)
    assert browser.one(".result").get_attribute("class") == "result caution"
    tops = browser.run(
        "return ['#scope', '#result'].map((one) => document.querySelector(one).getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1]
