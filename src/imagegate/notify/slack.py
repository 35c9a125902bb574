"""The same for people, as a message of Slack's incoming webhooks.

Slack asks for ``&``, ``<`` and ``>`` to be escaped; everything it does beside (mentions, channels, links) begins with
``<``. Names stand in code spans, where it makes nothing bold and no emoji, and ``verbatim`` keeps it from looking for
links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imagegate.report.marking import is_harmless
from imagegate.report.safe import visible
from imagegate.report.words import plural

SECTION = 3000
"""Characters that a section may have."""

_NAME, _SENTENCE = 60, 300
"""Characters of a name and of a sentence; five times as many when they are escaped, so that a line fits a section."""


def message(told: Mapping[str, Any]) -> dict[str, Any]:
    """A notification as Slack's message: ``text`` for what shows no blocks, and blocks."""
    title = _title(told)
    parts = ["\n".join(_summary(told)), "\n".join(_worst(told))]
    sections = [_cut(part) for part in (title, *parts) if part]
    return {
        "text": _cut(title),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": each, "verbatim": True}} for each in sections
        ],
    }


def _title(told: Mapping[str, Any]) -> str:
    run, policy = told["run"], told["policy"]
    good = run["exit_code"] == 0 and run["complete"] and not told["findings"]["count"] and not told["gaps"]["count"]
    meaning = f": {_words(run['meaning'])}" if run["meaning"] else ""
    return (
        f"{'✅' if good else '❌'} *imagegate {run['command']}* of {_code(policy['name'])}, "
        f"exit code {run['exit_code']}{meaning}"
    )


def _summary(told: Mapping[str, Any]) -> Iterator[str]:
    counts, targets, standing = told["counts"], told["targets"], told["standing"]
    yield f"{targets['seen']:,} of {plural(targets['selected'], 'target')} seen"
    yield (
        f"{counts['pass']:,} pass, {counts['fail']:,} fail ({counts['waived']:,} waived, {counts['fixed']:,} fixed), "
        f"{counts['unknown']:,} unknown ({counts['attested']:,} attested)"
    )
    if told["findings"]["count"]:
        severe = ", ".join(f"{standing[name]:,} {name}" for name in ("critical", "high", "medium", "low"))
        yield f"standing: {severe}, {standing['unknown']:,} unknown"
    if (baseline := told["baseline"]) is not None:
        yield "since the baseline: " + ", ".join(
            f"{count:,} {_plain(name)}" for name, count in baseline["counts"].items()
        )
    lost = told["gaps"]
    if lost["count"]:
        more = f" and {lost['count'] - len(lost['first']):,} more" if lost["count"] > len(lost["first"]) else ""
        yield f"*not seen*: {', '.join(_code(name, 40) for name in lost['first'])}{more}"
    yield f"run {_code(told['run']['id'])}"


def _worst(told: Mapping[str, Any]) -> Iterator[str]:
    shown = told["findings"]["worst"]
    for finding in shown:
        target = finding["target"]
        where = "/".join(part for part in (target["cloud"], target["region"]) if part)
        place = f" in {_code(where)}" if where else ""
        new = " (new)" if finding["change"] == "new" else ""
        what = f"{finding['severity']} {finding['verdict']}"
        yield f"• {what}{new} {_code(finding['check'])}: {target['kind']} {_code(target['name'])}{place}"
    if told["findings"]["count"] > len(shown):
        yield f"… and {told['findings']['count'] - len(shown):,} more"


def _words(text: str) -> str:
    return _plain(visible(text, _SENTENCE)) if is_harmless(text) else _code(text, _SENTENCE)


def _code(text: str, limit: int = _NAME) -> str:
    return f"`{_plain(visible(text, limit)) or '(empty)'}`"


_PRIME = "\u02cb"
"""Stands for a backtick: Slack has no way to write one that begins no code span and ends none."""


def _plain(text: str) -> str:
    text = text.replace("`", _PRIME)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    """By whole lines, so that no escape and no code span is cut in two; the first line is short."""
    kept: list[str] = []
    for line in text.split("\n"):
        if sum(map(len, kept)) + len(kept) + len(line) > SECTION - 2:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join(kept)
