"""The page's colours: every pair that is used has the contrast of WCAG 2.2 level AA, in light and in dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

COLOURS = dict[str, tuple[str, str]]


def palette() -> COLOURS:
    text = files("imagegate.report.html").joinpath("page/palette.css").read_text(encoding="utf-8")
    found = re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", text)
    assert len(found) == text.count("light-dark(#"), "a colour that this cannot read"
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


GROUNDS = ("ground", "raised", "sunk")
TEXTS = (
    *("ink", "ink-2", "ink-3", "accent", "critical", "high", "medium", "low"),
    *("standing", "unknown", "waived", "attested", "fixed", "pass", "not-applicable"),
)
MARKS = ("edge", "accent", "critical", "high", "medium", "low", "standing", "unknown", "waived", "fixed", "pass")


def test_the_formula_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_texts_can_be_read(text: str, ground: str, theme: int) -> None:
    colours = palette()
    assert contrast(colours[text][theme], colours[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_borders_and_bars_can_be_told_from_the_ground(mark: str, ground: str, theme: int) -> None:
    colours = palette()
    assert contrast(colours[mark][theme], colours[ground][theme]) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_on_the_accent_can_be_read(theme: int) -> None:
    colours = palette()
    assert contrast(colours["on-accent"][theme], colours["accent"][theme]) >= 4.5


def test_every_colour_of_the_page_is_one_of_these() -> None:
    """No style has a colour of its own, but for a shadow and the white of paper."""
    folder = files("imagegate.report.html").joinpath("page")
    for name in ("base", "page", "toolbar", "findings", "plots"):
        text = folder.joinpath(f"{name}.css").read_text(encoding="utf-8")
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!\s*\{|[,.:\w> ]*\{)", re.sub(r"#[a-z][a-z-]*", "", text)), name
        used = set(re.findall(r"var\(--([a-z0-9-]+)\)", text))
        assert used <= palette().keys(), name
