"""The report as one HTML file: no network, nothing from elsewhere, a content security policy that allows itself alone.

data      findings → tables of what repeats          plots    the numbers behind the plots
shell     the page without its script (jinja2)       stories  what capture and prove did
page/     templates, style and script, as they go into the file

The script is vanilla JavaScript in parts of one scope, joined here; it writes texts as text nodes and nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from imagegate.report.html import plots, shell
from imagegate.report.html.data import CLASSES, Encoded, encode
from imagegate.report.html.safe_json import paragraphs, script_json, script_words, shown
from imagegate.report.language import LANGUAGES, check_words, joined, words
from imagegate.report.past import Context
from imagegate.report.records import SEVERITIES
from imagegate.report.safe import visible
from imagegate.report.stored import Document

STYLES = ("palette.css", "base.css", "page.css", "toolbar.css", "findings.css", "plots.css", "print.css")
SCRIPTS = (
    *("dom.js", "words.js", "data.js", "search.js", "view.js", "list.js", "rows.js", "detail.js"),
    *("plots.js", "share.js", "controls.js", "print.js", "main.js"),
)

_LINES = 500
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<path fill="#2f6f8f" d="M2 15V6a6 6 0 0 1 12 0v9h-3V6a3 3 0 0 0-6 0v9z"/></svg>'
)


def render(document: Document, context: Context) -> Iterator[str]:
    """The page, in chunks."""
    made = encode(document.findings)
    language = context.language if context.language in LANGUAGES else "en"
    template = shell.environment(language).get_template("report.html.jinja")
    style, script = _joined(STYLES), _script()
    yield from template.generate(
        **shell.context(document.head, made, language),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=content_policy(style, script),
        icon="data:image/svg+xml," + quote(_ICON),
        words=_markup(script_words({name: words(name).texts for name in LANGUAGES})),
        facts_for_page=_markup(_head(document.head, made, context)),
        index=map(_markup, made.index()),
        details=_lines(made.details.lines),
        evidence=_lines(made.evidence.lines),
    )


def content_policy(style: str, script: str) -> str:
    """Nothing from anywhere but this file's own style, script (by their hashes) and icon."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


@cache
def _joined(names: tuple[str, ...]) -> str:
    folder = files(__name__).joinpath("page")
    return "\n" + "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _script() -> str:
    return f'\n"use strict";\n(() => {{{_joined(SCRIPTS)}}})();\n'


def _markup(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - made by script_json, which leaves no markup


def _lines(lines: Iterable[str]) -> Iterator[Markup]:
    yield _markup("\n")
    rest = iter(lines)
    while block := list(islice(rest, _LINES)):
        yield _markup("\n".join(block) + "\n")


def _head(head: Mapping[str, Any], made: Encoded, context: Context) -> str:
    """What the script needs beside the findings."""
    checks = {visible(name): _check(name, about) for name, about in (head.get("checks") or {}).items()}
    past = plots.trend(head, made, context.past)
    return script_words(
        {
            "run": {"id": visible(head["run"]["id"]), "command": visible(head["run"]["command"])},
            "policy": {"file": shown(head["policy"].get("file")), "rules": shown(head["policy"].get("rules") or [])},
            "languages": LANGUAGES,
            "classes": CLASSES,
            "severities": SEVERITIES,
            "checks": checks,
            "translated": {name: _translated(name, head) for name in LANGUAGES if name != "en"},
            "by_check": plots.by_check(made),
            "trend": past,
            "coverage": plots.coverage(head, made),
            "share": plots.share(head, made),
        }
    )


def _check(name: str, check: Mapping[str, Any]) -> dict[str, Any]:
    about = check.get("about") or {}
    return {
        "title": visible(check.get("title") or name),
        "why": paragraphs(joined(about.get("Why it matters", ""))),
        "references": paragraphs(joined(about.get("References", ""))),
    }


def _translated(language: str, head: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, check in (head.get("checks") or {}).items():
        about = check.get("about") or {}
        other = check_words(language, name, check.get("title") or "", about.get("Why it matters", ""))
        if other is not None:
            found[visible(name)] = {"title": other.title, "why": other.why}
    return found


__all__ = ("SCRIPTS", "STYLES", "content_policy", "render", "script_json", "shown")
