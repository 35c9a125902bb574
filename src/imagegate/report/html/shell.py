"""The page without its script: the templates, filled from the head of a report in one language.

Whatever is said in words carries its key and values (``data-t``), so that the page's script can say it in another
language; machine values are made visible and escaped by jinja2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from imagegate.report.html.data import ATTESTED, CLASSES, UNKNOWN, Encoded, Row, weight
from imagegate.report.html.stories import capture_story, prove_story
from imagegate.report.language import Words, check_words, words
from imagegate.report.records import SEVERITIES
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.words import EXIT_WORDS, INCOMPLETE, OF_OLD_FAILS, TOLERATED

FIRST = 50
"""So many findings are in the page itself, for viewers that run no scripts."""

ROWS = 200
"""So many rows of waivers, attestations and what was resolved are shown at first; the rest is folded."""

PLACES = 16
"""So many lists of images and servers are shown at first, those that are not complete before the others."""

_GAPS = 8
_NOTHING = "-"
_TONES = {0: "good", 1: "bad", 10: "unseen", 11: "bad"}
_MEANINGS = {text: f"exit.{int(code)}" for code, text in EXIT_WORDS.items()}
_MEANINGS |= {TOLERATED: "exit.tolerated", INCOMPLETE: "exit.partial"}
_OPTIONAL = ("baseline", "capture", "prove", "waivers", "attestations")


def environment(language: str) -> Environment:
    """The templates, with words in ``language``."""
    made = Environment(
        loader=PackageLoader("imagegate.report.html", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    say = Say(words(language))
    made.filters.update(v=_visible, n=_number, time=shown_time, slug=_slug)
    made.globals.update(t=say, known=say.known, span=say.span, cap=ROWS)
    return made


class Say:
    """``say("scope.pages", n=3)`` is an element with these words, and with what they are made of."""

    def __init__(self, spoken: Words) -> None:
        self.words = spoken

    def __call__(self, key: str, **values: Any) -> Markup:
        """The words under ``key``, as an element."""
        shown = {
            name: visible(value, TEXT_LIMIT) if isinstance(value, str) else value for name, value in values.items()
        }
        about = Markup(' data-a="{}"').format(json.dumps(shown)) if shown else ""
        return Markup('<span data-t="{}"{}>{}</span>').format(key, about, self.words.text(key, **shown))

    def known(self, section: str, value: object) -> Markup | str:
        """The words for ``value``, or the value itself where this version has none."""
        key = f"{section}.{str(value).replace(' ', '-')}"
        return self(key) if key in self.words else _visible(value)

    def span(self, seconds: float | None) -> Markup | str:
        """A length of time in its largest unit."""
        if seconds is None:
            return _NOTHING
        for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds >= size:
                return self(f"baseline.{unit}", n=int(seconds // size))
        return self("baseline.moment")


def context(head: Mapping[str, Any], made: Encoded, language: str) -> dict[str, Any]:
    """What the templates are filled with, but for the scripts and what goes into them."""
    say = Say(words(language))
    whole = _whole(head)
    run = whole["run"]
    targets = whole["scope"]["targets"]
    attention, first = _first(made, whole, language)
    return {
        "language": language,
        "title": f"{visible(whole['policy'].get('title') or whole['policy']['name'])} · imagegate",
        "head": whole,
        "command": say.known("command", run["command"]),
        "selected": targets["selected"],
        "seen": targets["seen"],
        "places": _by_need(whole["scope"]["catalog"]),
        "places_cap": PLACES,
        "gap_groups": list(_gaps(whole, made, say)),
        "tone": _TONES.get(run["exit_code"], "caution") if run["complete"] or run["exit_code"] else "caution",
        "meaning": meaning(run, say),
        "notes": list(_notes(run, say)),
        "strip": strip(made.rows),
        "about": list(_about(whole, say)),
        "stories": {
            name: tell(whole[name], say)
            for name, tell in (("capture", capture_story), ("prove", prove_story))
            if whole[name]
        },
        "first": first,
        "attention": attention,
    }


def _whole(head: Mapping[str, Any]) -> dict[str, Any]:
    """The head with None for what its version of the schema did not have yet: templates are strict."""
    catalogs = [
        {"what": "images" if "images" in one else "servers", "reason": None, "pages": None, **one}
        for one in head["scope"]["catalog"]
    ]
    whole = {**dict.fromkeys(_OPTIONAL), **head, "auditor": head.get("auditor") or []}
    whole |= {"policy": {"title": None, **head["policy"]}, "scope": {**head["scope"], "catalog": catalogs}}
    for name in ("waivers", "attestations"):
        whole[name] = [{"ticket": None, "line": None, "matches": None, **one} for one in whole[name] or ()]
    if whole["baseline"]:
        whole["baseline"] = {"not_resolved": [], **whole["baseline"]}
    return whole


def _by_need(catalogs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they are where all are shown; else what is not complete first, so that it is never folded."""
    return sorted(catalogs, key=lambda one: bool(one["complete"])) if len(catalogs) > PLACES else catalogs


def meaning(run: Mapping[str, Any], say: Say) -> Markup | str:
    """The exit code in words. What a command says in words of its own stays as it is."""
    said = run.get("meaning")
    if said is None:
        return say(f"exit.{run['exit_code']}")
    if said in _MEANINGS:
        return say(_MEANINGS[said])
    for code, text in OF_OLD_FAILS.items():
        if found := re.fullmatch(re.escape(text).replace(r"\{old\}", r"([\d,]+) old fails? stands?"), said):
            return say(f"exit.old-{int(code)}", n=int(found[1].replace(",", "")))
    return _visible(said)


def _notes(run: Mapping[str, Any], say: Say) -> Iterator[Markup]:
    if run.get("interrupted"):
        yield say("result.interrupted")
    if not run["complete"] and run.get("meaning") != INCOMPLETE:
        yield say("result.incomplete")
    if run.get("fail_on", "low") != "low":
        yield say("result.fail-on", severity=run["fail_on"])
    if run.get("fail_on_new"):
        yield say("result.fail-on-new")
    if run.get("max_unknown"):
        yield say("result.max-unknown", n=run["max_unknown"])


def _blank(whole: Mapping[str, Any], made: Encoded) -> list[tuple[Any, Any]]:
    """Targets that have no verdict but unknown, with the reason: ``seen`` leaves them out. Not those not reached."""
    told = {visible(one["target"]) for one in whole["scope"]["unreachable"]}
    judged = {row.target for row in made.rows if row.cls not in {UNKNOWN, ATTESTED}}
    found: dict[int, tuple[Any, Any]] = {}
    for row in (made.rows[place] for place in made.order):
        if row.target not in judged and row.target not in found:
            _, name, kind, cloud, region, *_ = json.loads(made.targets.lines[row.target])
            if kind != "policy" and name not in told:
                where = "/".join(part for part in (cloud, region) if part)
                reason = json.loads(made.details.lines[row.detail]).get("reason") or ""
                found[row.target] = (name, ": ".join(part for part in (where, reason) if part))
    return list(found.values())


def _gaps(whole: Mapping[str, Any], made: Encoded, say: Say) -> Iterator[dict[str, Any]]:
    """What was not seen, and why: a label and lines of (name, text)."""
    scope = whole["scope"]
    lost = [
        (f"{one['cloud']}/{one['region']}", one.get("reason") or "") for one in scope["catalog"] if not one["complete"]
    ]
    left = scope["deselected"]
    rules = whole["policy"].get("rules") or ()

    def place(number: int) -> Markup:
        lines = rules[number]["lines"].values() if number < len(rules) else ()
        line = [say("detail.rule-line", n=min(lines))] if lines else []
        return Markup(", ").join([*line, *([say("scope.strict-rules")] if scope.get("strict_rules") else [])])

    groups: list[tuple[str, str, list[tuple[Any, Any]]]] = [
        ("lost", "unseen", lost),
        ("unreachable", "unseen", [(one["target"], one["reason"]) for one in scope["unreachable"]]),
        ("blank", "unseen", _blank(whole, made)),
        ("missing", "unseen", [(name, "") for name in scope.get("missing") or ()]),
        ("unselected", "unseen", [(name, "") for name in scope.get("unselected") or ()]),
        ("deselected", "unseen", [("", say("scope.pairs", n=left))] if left else []),
        ("limit", "unseen", [("", scope["limit"])] if scope.get("limit") else []),
        ("owed", "unseen", [("", text) for text in scope.get("owed") or ()]),
        ("relaxed", "note", [("", text) for text in scope.get("relaxed") or ()]),
        ("warnings", "note", [("", text) for text in scope.get("warnings") or ()]),
        ("rules", "note", [(say("scope.rule", n=number), place(number)) for number in scope["rules_without_targets"]]),
    ]
    for name, tone, lines in groups:
        if lines:
            yield {
                "label": say(f"scope.{name}"),
                "tone": tone,
                "entries": lines[:ROWS],
                "cap": _GAPS,
                "more": len(lines) - _GAPS,
                "rest": len(lines) - ROWS,
            }


def strip(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The bar of all findings by class: where each part begins and how wide it is, in percent."""
    numbers = [0] * len(CLASSES)
    for row in rows:
        numbers[row.cls] += 1
    total, before, parts = sum(numbers), 0, []
    for name, number in zip(CLASSES, numbers, strict=True):
        if number:
            x, width = (round(100 * part / total, 3) for part in (before, number))
            parts.append({"name": name, "count": number, "x": x, "width": width})
            before += number
    return parts


def _about(head: Mapping[str, Any], say: Say) -> Iterator[tuple[Markup, Any]]:
    run, policy, tool = head["run"], head["policy"], head["tool"]
    yield say("about.command"), _mono(run["command"])
    yield say("about.started"), shown_time(run["started"])
    yield say("about.finished"), shown_time(run["finished"])
    if (took := seconds_between(run["started"], run["finished"])) is not None:
        yield say("about.duration"), say("about.seconds", n=f"{took:,.1f}")
    yield say("about.tool"), _visible(f"{tool['name']} {tool['version']}")
    yield say("about.policy"), _visible(f"{policy['name']} {policy['version']}")
    yield say("about.digest"), _mono(policy["digest"])
    yield say("about.checks-digest"), _mono(tool["checks_digest"])
    if head["scope"].get("requests"):
        yield say("scope.listed"), say("scope.requests", n=head["scope"]["requests"])


def _first(made: Encoded, head: Mapping[str, Any], language: str) -> tuple[int, list[dict[str, Any]]]:
    """How many findings need attention, and the first of them, for viewers without scripts."""
    places = [place for place in made.order if made.rows[place].cls <= UNKNOWN]
    worst = sorted(places, key=lambda place: -weight(made.rows[place]))[:FIRST]
    ids = made.check_ids
    found = []
    for row in (made.rows[place] for place in worst):
        check = ids[row.check]
        title = made.checks[check][1]
        about = (head.get("checks") or {}).get(check, {}).get("about", {})
        other = check_words(language, check, title, about.get("Why it matters", ""))
        detail = json.loads(made.details.lines[row.detail])
        found.append(
            {
                "check": check,
                "title": title if other is None else other.title,
                "severity": SEVERITIES[row.severity],
                "class": CLASSES[row.cls],
                "name": json.loads(made.targets.lines[row.target])[1],
                "violations": detail.get("violations", []),
                "reason": detail.get("reason"),
                "fingerprint": row.fingerprint,
            }
        )
    return len(places), found


def seconds_between(first: str, last: str) -> float | None:
    """How long it took; None where a time is none."""
    try:
        return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    except (TypeError, ValueError):
        return None


def shown_time(value: object) -> str:
    """``2026-11-22 10:15:00 UTC``; what is no time of ours stays as it is."""
    text = _visible(value)
    date, t, clock = text.partition("T")
    return f"{date} {clock.partition('.')[0].removesuffix('Z')} UTC" if t and text.endswith("Z") else text


def _visible(value: object) -> str:
    if isinstance(value, Markup):
        return value
    return _NOTHING if value is None else visible(str(value), TEXT_LIMIT)


def _mono(value: object) -> Markup:
    return Markup('<span class="mono">{}</span>').format(_visible(value))


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else _NOTHING


def _slug(value: object) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in str(value))[:40]
