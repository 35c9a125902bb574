"""Words in three languages: none is missing, their placeholders agree, and none says what its English no longer says."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from imagegate.catalogue import load_catalogue, packaged_root
from imagegate.report import html, words
from imagegate.report.language import LANGUAGES, check_words, digest_of, from_locale
from imagegate.report.language import words as spoken

OTHERS = [language for language in LANGUAGES if language != "en"]
KANA, HANGUL = re.compile("[\u3040-\u30ff]"), re.compile("[\uac00-\ud7af]")
HAN = re.compile("[\u4e00-\u9fff]")


def forms(language: str, key: str) -> list[str]:
    text = spoken(language).texts[key]
    return [text] if isinstance(text, str) else list(text.values())


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_keys(language: str) -> None:
    assert spoken(language).texts.keys() == spoken("en").texts.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_agree_in_all_forms(language: str) -> None:
    for key in spoken("en").texts:
        wanted = placeholders(forms("en", key)[-1])
        assert [placeholders(text) for text in forms(language, key)] == [wanted] * len(forms(language, key)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_depends_on_a_number_does_so_in_every_language(language: str) -> None:
    for key, text in spoken("en").texts.items():
        other = spoken(language).texts[key]
        assert isinstance(text, str) == isinstance(other, str), key
        if not isinstance(other, str):
            assert set(other) == ({"one", "other"} if language == "en" else {"other"}), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_in_the_wrong_script(language: str) -> None:
    wrong = {"en": (KANA, HANGUL, HAN), "ja": (HANGUL,), "ko": (KANA, HAN)}[language]
    for key in spoken(language).texts:
        for text in forms(language, key):
            assert text.strip() == text != "", key
            assert not any(script.search(text) for script in wrong), key


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_was_left_in_english(language: str) -> None:
    same = {key for key in spoken("en").texts if forms(language, key)[-1] == forms("en", key)[-1]}
    assert same <= {"page.title", "detail.id", "findings.more"}


def sources() -> str:
    folder = Path(html.__file__).parent
    return "\n".join(
        path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in {".py", ".js", ".jinja"}
    )


def test_every_word_that_the_page_asks_for_is_there() -> None:
    asked = set(re.findall(r"""(?:\bt|\bpart|say|\bfigure|\basTable)\(\s*["']([a-z]+\.[a-z-]+)["']""", sources()))
    asked |= set(re.findall(r"""\[["'](detail\.[a-z-]+)["'],""", sources()))
    assert len(asked) > 80
    assert asked <= spoken("en").texts.keys()


VALUES = re.compile(
    r"(class|verdict|severity|kind|blame|change|remedy|level|exit|command)\..*|page\.theme-.*|plots\.share-.*|findings\.by-.*"
    r"|permissions\.(in-force|ending-soon|expired|unused|over-broad)|story\.stage-.*"
)
"""Keys that end in a value of the report: no source names them whole."""


def test_every_word_is_asked_for() -> None:
    text = sources()
    unasked = []
    for key in spoken("en").texts:
        section, name = key.split(".", 1)
        whole = f'"{key}"' in text
        joined = re.search(rf"""["'`]{section}\.(["'] ?~|[$]?\{{)""", text) and re.search(rf'["`]{name}["`]', text)
        if not (whole or joined or VALUES.fullmatch(key)):
            unasked.append(key)
    assert unasked == []


def test_meanings_of_exit_codes_are_those_of_the_other_forms() -> None:
    texts = spoken("en").texts
    assert {f"exit.{int(code)}": text for code, text in words.EXIT_WORDS.items()}.items() <= texts.items()
    for code, text in words.OF_OLD_FAILS.items():
        for n, old in ((1, "1 old fail stands"), (2000, "2,000 old fails stand")):
            assert spoken("en").text(f"exit.old-{int(code)}", n=n) == text.format(old=old)
    assert (texts["exit.tolerated"], texts["exit.partial"]) == (words.TOLERATED, words.INCOMPLETE)


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ko_KR"}, "ko"),
        ({"LANG": "ko"}, "ko"),
        ({"LANG": "ko.UTF-8"}, "ko"),
        ({"LANG": "KO-kr"}, "ko"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
        ({"LANG": "korean"}, "en"),
        ({"LANGUAGE": "ja"}, "en"),
    ],
)
def test_the_language_of_the_locale(said: dict[str, str], language: str) -> None:
    assert from_locale(said) == language


@pytest.mark.parametrize(("n", "text"), [(0, "0 pages"), (1, "1 page"), (2, "2 pages"), (1234, "1,234 pages")])
def test_numbers(n: int, text: str) -> None:
    assert spoken("en").text("scope.pages", n=n) == f"on {text}"


def test_values_are_no_patterns() -> None:
    assert spoken("en").text("scope.project", project="{n}{0.__class__}") == "project {n}{0.__class__}"


# our own checks


def translations(language: str) -> dict[str, dict[str, str]]:
    text = files("imagegate.report.language").joinpath(f"checks.{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


CATALOGUE = load_catalogue([packaged_root()])


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", CATALOGUE.entries)
def test_every_check_of_ours_is_translated(name: str, language: str) -> None:
    entry = CATALOGUE.entries[name]
    why = entry.sections["Why it matters"]
    found = check_words(language, name, entry.check.title, why)
    assert found is not None, (
        f"checks.{language}.toml: the English of {name} has changed or is new: translate it, "
        f'then write of = "{digest_of(entry.check.title, why)}"'
    )
    assert not found.title.endswith((".", "。"))
    assert found.title != entry.check.title
    assert (HANGUL if language == "ko" else re.compile(f"{KANA.pattern}|{HAN.pattern}")).search(found.why)
    assert not (KANA if language == "ko" else HANGUL).search(found.why)
    assert found.why.count("``") == entry.sections["Why it matters"].count("``"), "the same names stand in quotes"


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_of_a_check_that_is_gone(language: str) -> None:
    assert translations(language).keys() <= CATALOGUE.entries.keys()


@pytest.mark.parametrize("change", ["title", "why"])
def test_other_english_has_no_translation(change: str) -> None:
    """An older version's words, or a user's own check of that name, stay as the report has them."""
    entry = CATALOGUE.entries["catalog-image-protected"]
    said: dict[str, Any] = {"title": entry.check.title, "why": entry.sections["Why it matters"]}
    assert check_words("ko", entry.check.id, **said) is not None
    said[change] += " But not so."
    assert check_words("ko", entry.check.id, **said) is None


def test_how_english_is_wrapped_does_not_matter() -> None:
    entry = CATALOGUE.entries["catalog-image-protected"]
    why = entry.sections["Why it matters"].replace("\n", " ")
    assert check_words("ja", entry.check.id, entry.check.title, why) is not None


def test_english_has_no_translation() -> None:
    entry = CATALOGUE.entries["catalog-image-protected"]
    assert check_words("en", entry.check.id, entry.check.title, entry.sections["Why it matters"]) is None
