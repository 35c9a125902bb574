"""What changed between two runs, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from imagegate.report.lines import BLANK, Line, Piece, line
from imagegate.report.safe import visible
from imagegate.report.words import plural
from imagegate.runs.compare import Gap
from imagegate.runs.history import Difference, Entry, resolved_after_s
from imagegate.runs.index import Row

SCHEMA_VERSION = 1
SHOWN = 200
"""So many problems of a class are shown to a person; all with ``verbose``."""

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_NEW = {
    Gap.IN_ORDER: "it was in order",
    Gap.NOT_SEEN: "it was not seen before",
    Gap.TARGET_GONE: "the target was not there before",
    Gap.NOT_REQUIRED: "nothing required it before",
}
_LEFT = {
    Gap.IN_ORDER: ("resolved", "resolved"),
    Gap.NOT_SEEN: ("not seen", "not_seen"),
    Gap.TARGET_GONE: ("target gone (deleted, renamed, not shared any more, or no rule is about it)", "target_gone"),
    Gap.NOT_REQUIRED: ("no longer required", "not_required"),
}


def difference_lines(found: Difference, *, verbose: bool = False) -> Iterator[Line]:
    """All classes, and what the exit code means. ``found`` has its ``same`` where they are to be shown."""
    limit = None if verbose else SHOWN
    yield line(0, "from ", *_run(found.before))
    yield line(0, "to   ", *_run(found.after))
    if found.before.head.policy != found.after.head.policy:
        yield line(0, ("warning", "yellow"), " two policies: what one of them does not require is no longer required")
    yield BLANK
    yield from _class("new", "bold red", found.new, found, limit)
    yield from _class("changed", "bold yellow", found.changed, found, limit)
    for gap, (title, _) in _LEFT.items():
        entries = [entry for entry in found.left if entry.gap is gap]
        yield from _class(title, "bold green" if gap is Gap.IN_ORDER else "magenta", entries, found, limit)
    if found.same:
        yield from _class("still there", "bold", found.same, found, limit)
    elif found.same_count:
        yield line(0, ("still there", "bold"), f" {found.same_count:,} (-v lists them)")
    if found.unseen:
        yield line(0, f"{plural(found.unseen, 'pair')} of check and target could be judged before and are unknown now")
    if found.seen:
        yield line(0, f"{plural(found.seen, 'pair')} of check and target were unknown and could be judged now")
    code = 1 if found.worse else 0
    meaning = "something stands that did not" if code else "nothing new stands"
    yield line(0, (f"exit code {code}", "bold red" if code else "bold green"), f": {meaning}")


def _run(row: Row) -> Iterator[Piece]:
    head = row.head
    yield head.id, "bold"
    policy = f"policy {visible(head.policy)} version {head.policy_version}"
    yield f" {head.command}, {policy}, {head.finished:%Y-%m-%d %H:%M}"
    yield "" if head.complete else ", not complete", "yellow"


def _class(title: str, style: str, entries: Sequence[Entry], found: Difference, limit: int | None) -> Iterator[Line]:
    if not entries:
        return
    yield line(0, (title, style), f" {len(entries):,}")
    for entry in islice(entries, limit):
        yield from _entry(entry, found, new=entries is found.new)
    if limit is not None and len(entries) > limit:
        yield line(2, f"… and {len(entries) - limit:,} more (-v lists all)")
    yield BLANK


def _entry(entry: Entry, found: Difference, *, new: bool) -> Iterator[Line]:
    problem, target = entry.problem, entry.problem.target
    where = f" {visible(target.cloud)}/{visible(target.region or '-')}" if target.cloud else ""
    severity = entry.fail.severity
    yield line(
        2, (severity, _STYLES[severity]), f" {problem.check}, {target.kind} ", (visible(target.name), "bold"),
        (f"{where} {visible(target.id)}  {problem.fingerprint}", "dim"),
    )  # fmt: skip
    changed = entry.changed
    if changed is None:
        for subject in problem.subjects:
            yield line(4, visible(subject))
    elif entry.former is not None:
        before, after = set(entry.former.subjects), set(problem.subjects)
        for subject in sorted(before | after):
            sign = " " if subject in before and subject in after else "+" if subject in after else "-"
            yield line(4, f"{sign} {visible(subject)}")
        if "severity" in changed.what:
            yield line(4, f"severity {changed.before.severity} before, {changed.after.severity} now")
        if "waiver" in changed.what:
            yield line(4, "waived now" if changed.after.waived else "waived before, and no more")
    if told := ", ".join(_times(entry, found, new=new)):
        yield line(4, (told, "dim"))


def _times(entry: Entry, found: Difference, *, new: bool) -> Iterator[str]:
    if new and entry.gap is not None:
        yield _NEW[entry.gap]
        return
    if entry.span is not None:
        yield f"first seen {entry.span.since[:10]}"
    if (seconds := resolved_after_s(entry, found.after.head.finished)) is not None:
        yield f"fixed after {duration(seconds)}"


def duration(seconds: float) -> str:
    """A time for people, in two units at most: ``3 d 4 h``, ``40 s``."""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number:,} {unit}")
    return " ".join(parts[:2])


def difference_record(found: Difference) -> dict[str, Any]:
    """All of it as JSON."""
    by = found.after.head.finished
    classes: dict[str, list[dict[str, Any]]] = {
        "new": [{**_record(entry), "because": str(entry.gap)} for entry in found.new],
        "changed": [_changed(entry) for entry in found.changed],
        **{key: [] for _, key in _LEFT.values()},
        "same": [_record(entry) for entry in found.same],
    }
    for entry in found.left:
        if entry.gap is not None:
            more = {"resolved_after_s": resolved_after_s(entry, by)} if entry.gap is Gap.IN_ORDER else {}
            classes[_LEFT[entry.gap][1]].append({**_record(entry), **more})
    return {
        "schema_version": SCHEMA_VERSION,
        "before": _head(found.before),
        "after": _head(found.after),
        "counts": {
            **{name: len(entries) for name, entries in classes.items()},
            "same": found.same_count,
            "pairs_unknown_now": found.unseen,
            "pairs_known_now": found.seen,
        },
        "worse": found.worse,
        **classes,
    }


def _head(row: Row) -> dict[str, Any]:
    head = row.head
    return {
        "run": head.id, "command": head.command, "policy": head.policy, "policy_version": head.policy_version,
        "finished": head.finished.isoformat().replace("+00:00", "Z"), "complete": head.complete,
        "exit_code": head.exit_code,
    }  # fmt: skip


def _record(entry: Entry) -> dict[str, Any]:
    problem = entry.problem
    return {
        "check": problem.check,
        "title": problem.title,
        "severity": entry.fail.severity,
        "fingerprint": problem.fingerprint,
        "target": problem.target.record,
        "subjects": list(problem.subjects),
        "first_seen": None if entry.span is None else entry.span.since,
    }


def _changed(entry: Entry) -> dict[str, Any]:
    changed, former = entry.changed, entry.former
    if changed is None or former is None:
        raise ValueError("nothing changed in this entry")
    return {
        **_record(entry),
        "waived": changed.after.waived,
        "what": list(changed.what),
        "worse": entry.worse,
        "before": {
            "severity": changed.before.severity, "fingerprint": former.fingerprint,
            "subjects": list(former.subjects), "waived": changed.before.waived,
        },
    }  # fmt: skip
