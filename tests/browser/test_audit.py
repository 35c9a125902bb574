"""An audit of 1,000 images in a real Chromium: filtered, searched, opened, by mouse and by keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from .browser import Browser

pytestmark = pytest.mark.real

TOLD = "return document.querySelector('.told').textContent"


def told(browser: Browser) -> str:
    said: str = browser.run(TOLD)
    return said


def shown(browser: Browser) -> int:
    """How many findings the list says it shows."""
    found = re.match(r"([\d,]+) of", told(browser))
    assert found is not None
    return int(found[1].replace(",", ""))


def search(browser: Browser, text: str) -> None:
    """Type into the search, and wait for what it finds."""
    browser.press("/")
    assert browser.run("return document.activeElement.id") == "query"
    browser.chord(Keys.CONTROL, "a")
    browser.press(Keys.BACKSPACE)
    browser.press(text)
    browser.wait("return new URLSearchParams(location.hash.slice(1)).get('q') === arguments[0]", text)


def pill(browser: Browser, name: str) -> None:
    """Press the button of a verdict or a severity."""
    browser.run("document.querySelector(`.pill.${arguments[0]}`).click()", name)


def count_of(browser: Browser, name: str) -> int:
    text: str = browser.run("return document.querySelector(`.pill.${arguments[0]} .n`).textContent", name)
    return int(text.replace(",", ""))


def test_what_needs_attention_is_shown_first(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    standing, unknown = count_of(browser, "standing"), count_of(browser, "unknown")
    assert shown(browser) == standing + unknown > 300
    assert f"of {len(findings(thousand)):,} findings" in told(browser)
    assert browser.one("#list .group .name").is_displayed()


def findings(path: Path) -> str:
    """The class of each finding, as the file holds them."""
    found = re.search(r'"classes":"(\d+)"', path.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def test_filters_narrow_and_their_counts_tell_the_truth(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    every = findings(thousand)
    assert count_of(browser, "standing") == every.count("0")
    assert count_of(browser, "pass") == every.count("5")
    pill(browser, "unknown")
    assert shown(browser) == every.count("0")
    high = count_of(browser, "high")
    pill(browser, "high")
    assert shown(browser) == high < every.count("0")
    browser.one(".row.end button", "Clear filters").click()
    assert shown(browser) == len(every)


def test_a_filter_of_many_values_is_a_list_to_tick(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    browser.one(".menu > button", "Region").click()
    boxes = browser.all(".panel:not([hidden]) label")
    assert [box.text.split("\n")[0] for box in boxes] == ["KR1", "KR2", "(none)"]
    wanted = int(boxes[1].find_element("css selector", ".n").text.replace(",", ""))
    boxes[1].click()
    assert shown(browser) == wanted
    browser.press(Keys.ESCAPE)
    assert browser.all(".panel:not([hidden])") == []
    assert "Region" in browser.run("return document.activeElement.textContent"), "the focus goes back"
    browser.wait("return location.hash.includes('region=KR2')")


def test_search_finds_names_ids_checks_and_what_was_seen(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    browser.one(".row.end button", "Clear filters").click()
    search(browser, "golden-web-edge")
    some = shown(browser)
    assert 0 < some < len(findings(thousand))
    assert all("golden-web-edge" in name for name in browser.texts("#list .group .name"))
    search(browser, "golden-web-edge catalog-image-protected")
    assert 0 < shown(browser) < some
    search(browser, "GOLDEN-Web-Edge")
    assert shown(browser) == some
    search(browser, "de305d5475b4431b")
    assert shown(browser) > 0
    search(browser, "nothing is called like this")
    assert shown(browser) == 0
    assert "No finding matches" in browser.one("#empty").text
    browser.press(Keys.ESCAPE)
    browser.wait("return !location.hash.includes('q=')")
    assert shown(browser) == len(findings(thousand))


def test_a_fingerprint_is_found(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    search(browser, fingerprints(thousand)[0])
    assert shown(browser) == 1


def fingerprints(path: Path) -> list[str]:
    found = re.search(r'"fingerprints":"([0-9a-f]+)"', path.read_text(encoding="utf-8"))
    assert found is not None
    return re.findall("." * 16, found[1])


def test_an_opened_finding_tells_everything(browser: Browser, thousand: Path) -> None:
    browser.open(thousand, "group=check&check=catalog-members-allowed&verdict=standing&q=no%20access")
    browser.wait(f"{TOLD}.startsWith('No') || !{TOLD.removeprefix('return ')}.includes('…')")
    browser.one("#list .finding > button").click()
    detail = browser.one(".finding.open .detail").text
    for said in (
        "What is wrong", "Found", "Expected", "no access", "Fix", "Can be fixed", "disruptive", "To undo",
        "Why it matters", "References", "Fingerprint", "Seen at", "UTC", "catalog-members-allowed",
        "rule 0 of the policy · policies/golden.yaml line", "Evidence (", "Parameters",
    ):  # fmt: skip
        assert said in detail, said
    browser.one(".finding.open summary", "Parameters").click()
    assert '"name": "web-prod"' in browser.one(".finding.open details[open] pre").text
    browser.one(".finding.open summary", "Evidence").click()
    assert re.search(r"sha256:[0-9a-f]{64}", browser.one(".finding.open .digest").text)
    browser.one(".finding.open summary", "To waive").click()
    line = browser.all(".finding.open details[open] pre")[-1].text
    assert re.match(
        r"imagegate waive 20261122T101500Z-3f2a [0-9a-f]{16} --reason 'REASON' --approved-by 'NAME' --until ", line
    )


def test_the_fingerprint_is_copied(browser: Browser, thousand: Path) -> None:
    browser.open(thousand, "verdict=standing")
    browser.one("#list .finding > button").click()
    wanted = browser.one(".finding.open .aside dd .mono:not(bdi)").text
    button = browser.one(".finding.open .aside dd button")
    button.click()
    browser.wait("return document.querySelector('#said').textContent !== ''")
    assert browser.run("return document.querySelector('#said').textContent") == "Copied"
    search(browser, "x")
    browser.chord(Keys.CONTROL, "a")
    browser.chord(Keys.CONTROL, "v")
    assert browser.run("return document.querySelector('#query').value") == wanted
    assert re.fullmatch("[0-9a-f]{16}", wanted)


def test_the_address_keeps_everything(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    browser.one(".choice button", "Check").click()
    pill(browser, "unknown")
    pill(browser, "high")
    search(browser, "golden-web")
    browser.run("document.querySelector('#list .finding > button').click()")
    browser.wait("return location.hash.includes('open=')")
    before, fragment = told(browser), browser.run("return location.hash.slice(1)")
    opened = browser.one(".finding.open").text
    browser.open(thousand, fragment)
    browser.wait("return !document.querySelector('.told').textContent.includes('…')")
    assert told(browser) == before
    assert browser.one(".finding.open").text == opened
    assert "Check" in [each.text for each in browser.all(".choice button[aria-pressed=true]")]


@pytest.mark.parametrize(
    "fragment",
    ["verdict=fail", "verdict=nonsense", "group=x&q=&region=%F0%9F&open=zz&lang=tlh&theme=x", "%%%", "findings"],
)
def test_an_address_that_somebody_wrote_does_no_harm(fragment: str, browser: Browser, thousand: Path) -> None:
    browser.open(thousand, fragment)
    every = findings(thousand)
    wanted = {"verdict=fail": sum(map(every.count, "024")), "verdict=nonsense": len(every)}
    assert shown(browser) == wanted.get(fragment, sum(map(every.count, "01")))


def test_the_numbers_of_the_result_lead_to_their_findings(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    every = findings(thousand)
    for name, kinds in (("fail", "024"), ("unknown", "13"), ("pass", "5")):
        link = browser.one(f".counts .{name} a")
        wanted = int(browser.run("return arguments[0].lastChild.textContent", link).replace(",", ""))
        link.click()
        browser.wait("return document.querySelector('#findings').getBoundingClientRect().top < 10")
        assert shown(browser) == wanted == sum(map(every.count, kinds))
        browser.run("scrollTo(0, 0)")
    browser.driver.back()
    browser.wait("return document.querySelector('.pill.unknown').ariaPressed === 'true'")
    assert shown(browser) == sum(map(every.count, "13")), "and back"


def test_the_whole_way_by_keyboard(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    browser.press(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "findings"
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.id") == "query"
    for _ in range(60):
        browser.press(Keys.TAB)
        if browser.run("return document.activeElement.closest('#list') !== null"):
            break
    at = "return Number(document.activeElement.closest('#list > li').dataset.place)"
    assert browser.run(at) == 0
    browser.press(Keys.ARROW_DOWN)
    browser.press(Keys.ARROW_DOWN)
    assert browser.run(at) == 2
    browser.press(Keys.ENTER)
    assert (browser.run(at), browser.run("return document.activeElement.ariaExpanded")) == (2, "false"), "a group folds"
    browser.press(Keys.ENTER)
    browser.press(Keys.ARROW_UP)
    assert browser.run(at) == 1
    browser.press(Keys.ENTER)
    assert browser.run("return document.activeElement.ariaExpanded") == "true"
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.closest('.detail') !== null"), "Tab goes into what was opened"
    browser.press(Keys.ESCAPE)
    assert browser.run("return document.activeElement.ariaExpanded") == "false"
    assert browser.run(at) == 1
    browser.press(Keys.END)
    last = browser.run(at)
    assert (
        last
        == browser.run("return Number(document.activeElement.closest('li').getAttribute('aria-setsize'))") - 1
        > 300
    )
    browser.press(Keys.ARROW_UP)
    assert browser.run(at) == last - 1
    visible = (
        "const box = document.activeElement.getBoundingClientRect(); return box.top > 0 && box.bottom < innerHeight"
    )
    assert browser.run(visible)
    browser.press(Keys.HOME)
    assert browser.run(at) == 0
    assert browser.run(visible)
    browser.press(Keys.ARROW_LEFT)
    assert browser.run("return document.activeElement.ariaExpanded") == "false"
    assert len(browser.run("return [...document.querySelectorAll('#list [tabindex=\"0\"]')].length.toString()")) == 1


def test_the_keyboards_place_can_be_seen(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    browser.press("/", Keys.ESCAPE, Keys.TAB)
    outline = "return getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth"
    assert browser.run(outline) == "solid2px"


def test_groups_fold_one_by_one_and_all_at_once(browser: Browser, thousand: Path) -> None:
    browser.open(thousand, "group=check")
    lines = "return Number(document.querySelector('#list > li').getAttribute('aria-setsize'))"
    before = browser.run(lines)
    browser.one("#list .group button").click()
    assert browser.run(lines) < before
    browser.one(".row.end button", "Expand all groups").click()
    assert browser.run(lines) == before
    browser.one(".row.end button", "Collapse all groups").click()
    assert browser.run(lines) == len(browser.all("#list .group"))


def test_a_bar_of_the_plot_leads_to_its_findings(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    bar = browser.one(".plot.checks button", "protected against deletion")
    wanted = int(bar.find_element("xpath", "..").find_element("css selector", ".n .standing").text.split()[-1])
    bar.click()
    assert browser.run("return document.activeElement.closest('#list') !== null")
    assert count_of(browser, "standing") == wanted
    browser.wait("return location.hash.includes('check=catalog-image-protected')")


def test_only_what_is_near_the_window_is_in_the_document(browser: Browser, thousand: Path) -> None:
    browser.open(thousand, "verdict=all")
    assert shown(browser) == len(findings(thousand)) > 5000
    nodes = "return document.querySelectorAll('#list *').length"
    assert browser.run(nodes) < 2000
    browser.run("scrollTo(0, document.documentElement.scrollHeight / 2)")
    middle = len(findings(thousand)) // 2
    browser.wait(
        "return [...document.querySelectorAll('#list > li')].some((line) => Math.abs(line.dataset.place - arguments[0]) < 1500)",
        middle,
    )
    assert browser.run(nodes) < 2000
    gaps = browser.run(
        """const lines = [...document.querySelectorAll('#list > li')].map((line) => line.getBoundingClientRect())
             .filter((box) => box.bottom > 0 && box.top < innerHeight).sort((a, b) => a.top - b.top);
           return lines.slice(1).map((box, place) => Math.round(box.top - lines[place].bottom));"""
    )
    assert set(gaps) == {0}, "line by line, without gaps and without overlaps"


def test_what_is_opened_stays_in_its_place(browser: Browser, thousand: Path) -> None:
    browser.open(thousand, "verdict=standing")
    browser.run("document.querySelector('#findings').scrollIntoView()")
    browser.wait("return document.querySelectorAll('#list .finding').length > 10")
    top = "return document.querySelectorAll('#list .finding')[5].getBoundingClientRect().top"
    before = browser.run(top)
    browser.run("document.querySelectorAll('#list .finding > button')[5].click()")
    assert browser.run(top) == pytest.approx(before, abs=1)
    box = "const box = document.querySelector('.finding.open').getBoundingClientRect(); return [box.bottom, box.height]"
    bottom, height = browser.run(box)
    assert height > 200
    following = "return [...document.querySelectorAll('#list > li')].map((one) => one.getBoundingClientRect().top)"
    assert any(abs(each - bottom) < 2 for each in browser.run(following)), "the next line begins where it ends"


def test_the_data_of_the_page_is_taken_out_of_the_document(browser: Browser, thousand: Path) -> None:
    browser.open(thousand)
    assert browser.all('script[type="application/json"]') == []
    assert (
        json.loads(browser.run("return JSON.stringify(document.title)"))
        == "Golden images of the web platform · imagegate"
    )
