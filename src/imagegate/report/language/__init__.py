"""Words for people in English, Japanese and Korean.

One TOML file a language (``en.toml`` is the one that the others are translated from), and one for the words of our own
checks (``checks.ja.toml``). A check's translation names, by digest, the English that it was made from: where a report
says something else (an older version's words, or a user's own check of that name), the report's own words stand.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from imagegate.report.past import DEFAULT_LANGUAGE

LANGUAGES = {"en": "English", "ja": "日本語", "ko": "한국어"}
"""By code, each called as its speakers call it."""

Forms = str | Mapping[str, str]
"""A text with placeholders in braces, or its forms ``one`` and ``other`` by the number ``n``."""

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def from_locale(environment: Mapping[str, str]) -> str:
    """The language that the environment asks for: the first of LC_ALL, LC_MESSAGES and LANG that says anything.

    English where it is one that we do not speak.
    """
    said = next((value for name in _VARIABLES if (value := environment.get(name))), "")
    code = said.replace("-", "_").partition("_")[0].partition(".")[0].casefold()
    return code if code in LANGUAGES else DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts of one language by key (``scope.targets``)."""

    language: str
    texts: Mapping[str, Forms]

    def text(self, key: str, **values: Any) -> str:
        """The text under ``key`` with its placeholders filled. KeyError if there is none."""
        forms = self.texts[key]
        if not isinstance(forms, str):
            forms = forms["one" if values["n"] == 1 and "one" in forms else "other"]
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return forms.format_map(shown) if shown else forms

    def __contains__(self, key: object) -> bool:
        return key in self.texts


@cache
def words(language: str) -> Words:
    """The texts of ``language``, one of ``LANGUAGES``."""
    return Words(language=language, texts=dict(_flat("", _load(f"{language}.toml"))))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWords:
    """What one check says of itself, in another language: its title, and why it matters."""

    title: str
    why: str


def check_words(language: str, check: str, title: str, why: str) -> CheckWords | None:
    """The translation of a check whose English words are ``title`` and ``why``; None where there is none of these."""
    entry = _checks(language).get(check)
    if entry is None or entry["of"] != digest_of(title, why):
        return None
    return CheckWords(title=entry["title"], why=joined(entry["why"]))


def digest_of(title: str, why: str) -> str:
    """A short name of the English words that a translation was made from; how they are wrapped does not matter."""
    return hashlib.sha256(f"{title}\n{joined(why)}".encode("utf-8", "backslashreplace")).hexdigest()[:12]


def joined(text: str) -> str:
    """Paragraphs on one line each."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


@cache
def _checks(language: str) -> Mapping[str, Mapping[str, str]]:
    return {} if language == DEFAULT_LANGUAGE else _load(f"checks.{language}.toml")


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _flat(prefix: str, tree: Mapping[str, Any]) -> list[tuple[str, Forms]]:
    found: list[tuple[str, Forms]] = []
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, str) or "other" in value:
            found.append((key, value))
        else:
            found.extend(_flat(f"{key}.", value))
    return found
