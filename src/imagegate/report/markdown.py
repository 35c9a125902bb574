"""A report for the summary of a CI job (``GITHUB_STEP_SUMMARY``) or a comment on a merge request.

The scope comes first, then the counts, then what stands, the worst first; details are folded. The text never exceeds
``LIMIT`` bytes, which is below what GitHub takes for a step (1 MiB) and GitLab for a comment (1,000,000 characters):
what does not fit is left out whole, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegate.report.marking import code, inert_text
from imagegate.report.past import Context
from imagegate.report.records import (
    Record,
    attestation_words,
    attested,
    fixed,
    gaps,
    place,
    saying,
    stands,
    waived,
    waiver_words,
    worst,
)
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.stored import Document
from imagegate.report.words import plural, rules_named

LIMIT = 1_000_000
"""Bytes of UTF-8."""

ROWS = 500
"""Standing findings in the table."""

DETAILS = 100
"""Standing findings whose details are told."""

LISTED = 50
"""Lines of one kind in the scope."""

_RESERVE = 1_000


@dataclass(slots=True)
class _Kept:
    """The worst findings of one pass, and how many there were."""

    standing: int = 0
    worst: list[Record] = field(default_factory=list)
    excused: list[Record] = field(default_factory=list)
    excused_count: int = 0

    def add(self, finding: Record) -> None:
        if stands(finding):
            self.standing += 1
            self.worst.append(finding)
            if len(self.worst) >= 4 * ROWS:
                self.worst = worst(self.worst, ROWS)
        elif waived(finding) or fixed(finding) or attested(finding):
            self.excused_count += 1
            if len(self.excused) < LISTED:
                self.excused.append(finding)


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - the words for CI jobs are English
    """The text in chunks, each a block of Markdown."""
    kept, room = _Kept(), _Room()
    for finding in document.findings:
        kept.add(finding)
    yield from _blocks(document.head, kept, room)


@dataclass(slots=True)
class _Room:
    """How many bytes are left."""

    left: int = LIMIT - _RESERVE

    def fit(self, lines: Iterable[str], instead: str | None = None) -> Iterator[str]:
        """The lines as one block if all of it fits; else ``instead``."""
        block = "\n".join(lines) + "\n"
        if len(block.encode("utf-8")) > self.left:
            if instead is None:
                return
            block = f"\n{instead}\n"
        self.left -= len(block.encode("utf-8"))
        yield block


def _blocks(head: Mapping[str, Any], kept: _Kept, room: _Room) -> Iterator[str]:
    yield from room.fit(_heading(head, kept.standing))
    yield from room.fit(_scope(head), "The scope is too long for this place: see `report.txt`.")
    yield from room.fit(_counts(head))
    shown = worst(kept.worst, ROWS)
    if shown:
        short = f"{plural(kept.standing, 'finding')} stand, too many for this place: see `report.txt`."
        yield from room.fit(_table(shown, kept.standing), short)
    short = f"{plural(kept.excused_count, 'finding')} waived, fixed or attested: see `report.txt`."
    if kept.excused:
        yield from room.fit(_excused(kept), short)
    if permissions := list(_permissions(head)):
        yield from room.fit(permissions, "The policy's waivers are too many for this place: see `report.json`.")
    yield from _details(shown[:DETAILS], kept.standing, room)


def _heading(head: Mapping[str, Any], standing: int) -> Iterator[str]:
    run, policy = head["run"], head["policy"]
    green = run["exit_code"] == 0 and run["complete"] and not standing
    mark = "✅" if green else "❌"
    yield f"## {mark} imagegate {run['command']}: exit code {run['exit_code']}"
    yield ""
    meaning = inert_text(run.get("meaning") or "", TEXT_LIMIT)
    if meaning:
        yield f"**{meaning}**"
        yield ""
    yield f"Policy {code(policy['name'])} version {policy['version']}, run {code(run['id'])}, {code(run['finished'])}"


def _scope(head: Mapping[str, Any]) -> Iterator[str]:
    scope = head["scope"]
    yield ""
    yield "### Scope"
    yield ""
    targets = scope["targets"]
    yield f"- {plural(targets['selected'], 'target')} selected by the policy, {targets['seen']:,} seen"
    yield from _few([f"**not seen**: {inert_text(gap.text, TEXT_LIMIT)}" for gap in gaps(head)])
    lost = [
        f"**not reached**: {code(e['target'])}: {inert_text(e['reason'], TEXT_LIMIT)}" for e in scope["unreachable"]
    ]
    yield from _few(lost)
    yield from _few([_catalog(each) for each in scope["catalog"] if each["complete"]])
    if scope["deselected"]:
        yield f"- **not complete**: {plural(scope['deselected'], 'pair')} deselected"
    if scope["rules_without_targets"]:
        places = [rule["lines"] for rule in head["policy"].get("rules", ())]
        yield f"- rules without targets: {rules_named(scope['rules_without_targets'], places)}"
    yield from _few(
        [f"**verification turned off**: {inert_text(text, TEXT_LIMIT)}" for text in scope.get("relaxed", ())]
    )
    yield from _few([f"warning: {inert_text(text, TEXT_LIMIT)}" for text in scope.get("warnings", ())])


def _few(lines: list[str]) -> Iterator[str]:
    yield from (f"- {line}" for line in lines[:LISTED])
    if len(lines) > LISTED:
        yield f"- … and {len(lines) - LISTED:,} more like this"


def _catalog(catalog: Record) -> str:
    what = catalog.get("what", "images")
    where = code(f"{catalog['cloud']}/{catalog['region']}")
    return f"{what} of {where}: {catalog.get(what, 0):,} on {plural(catalog['pages'], 'page')}, complete"


def _counts(head: Mapping[str, Any]) -> Iterator[str]:
    counts = head["counts"]
    yield ""
    yield "### Result"
    yield ""
    yield "| pass | fail | of them waived | fixed | unknown | of them attested | not applicable |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    names = ("pass", "fail", "waived", "fixed", "unknown", "attested", "not-applicable")
    yield f"| {' | '.join(f'{counts[name]:,}' for name in names)} |"
    baseline = head.get("baseline")
    if baseline is not None:
        told = ", ".join(f"{number:,} {name}" for name, number in baseline["counts"].items())
        yield ""
        with_what = (
            f"run {code(baseline['run'])}" if baseline.get("run") else "no run, since there is no complete one before"
        )
        yield f"Compared with {with_what}: {inert_text(told)}"


def _table(shown: list[Record], standing: int) -> Iterator[str]:
    yield ""
    yield f"### {plural(standing, 'finding')} {'stands' if standing == 1 else 'stand'}"
    yield ""
    change = any(finding.get("change") for finding in shown)
    yield f"| severity | verdict | check | target | where | what |{' change |' if change else ''}"
    yield f"|---|---|---|---|---|---|{'---|' if change else ''}"
    for finding in shown:
        target = finding["target"]
        where = place(target)
        cells = (
            *(finding["severity"], finding["verdict"], code(finding["check"]), code(target["name"])),
            code(where) if where else "",
            inert_text(saying(finding), 300),
            *([finding.get("change") or ""] if change else []),
        )
        yield f"| {' | '.join(cells)} |"
    if standing > len(shown):
        yield ""
        yield f"… and {plural(standing - len(shown), 'more finding')} that stand, none of them worse: see `report.txt`."


def _details(shown: list[Record], standing: int, room: _Room) -> Iterator[str]:
    """Last of all, for there is no end to them."""
    told = 0
    for finding in shown:
        blocks = list(room.fit(_detail(finding)))
        if not blocks:
            break
        told += 1
        yield from blocks
    if standing > told:
        yield f"\nDetails of {told:,} of {plural(standing, 'finding')} are told here: see `report.txt` for all.\n"


def _detail(finding: Record) -> Iterator[str]:
    target, remedy = finding["target"], finding["remedy"]
    summary = f"{finding['severity']} {finding['check']}: {target['kind']} {_text(target['name'])}"
    yield ""
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield f"- {inert_text(finding['title'])}; id {code(target['id'])}, fingerprint {code(finding['fingerprint'])}"
    for each in finding["violations"]:
        yield f"- {code(each['subject'])}: {code(each['actual'], 500)}, expected {code(each['expected'], 500)}"
        if each["hint"]:
            yield f"  - hint: {inert_text(each['hint'], 500)}"
    if finding["verdict"] == "unknown":
        yield f"- {inert_text(finding['reason'] or 'no reason given', TEXT_LIMIT)}"
    if finding["note"]:
        yield f"- note: {inert_text(finding['note'], TEXT_LIMIT)}"
    if remedy["reason"]:
        yield f"- fix {remedy['state']}: {inert_text(remedy['reason'], 500)}"
    for step in remedy["steps"]:
        undo = f", to undo: {inert_text(step['undo'], 500)}" if step["undo"] else ""
        yield f"- {step['level']}: {inert_text(step['summary'], 500)}{undo}"
    yield ""
    yield "</details>"


def _excused(kept: _Kept) -> Iterator[str]:
    yield ""
    yield f"<details><summary>{plural(kept.excused_count, 'finding')} waived, fixed or attested</summary>"
    yield ""
    for finding in kept.excused:
        if waived(finding):
            words = waiver_words(finding["waiver"])
        else:
            words = attestation_words(finding["attestation"]) if attested(finding) else "fixed and verified"
        yield f"- {code(finding['check'])} {code(finding['target']['name'])}: {inert_text(words, TEXT_LIMIT)}"
    if kept.excused_count > len(kept.excused):
        yield f"- … and {kept.excused_count - len(kept.excused):,} more"
    yield ""
    yield "</details>"


def _permissions(head: Mapping[str, Any]) -> Iterator[str]:
    """Those that need a look first. Of a gate, those that are about what it judged, and those to do something about."""
    calm = {"in force", "ending soon"} if head["run"]["command"] == "gate" else set()
    for what in ("waivers", "attestations"):
        shown = [each for each in head.get(what, ()) if each.get("matches") or each["state"] not in calm]
        if shown:
            found = sorted(shown, key=lambda each: bool(each["state"] == "in force"))
            yield ""
            yield f"### {what.capitalize()} of the policy"
            yield ""
            yield from _few([_permission(each) for each in found])


def _permission(given: Record) -> str:
    state = given["state"] if given["state"] == "in force" else f"**{given['state']}**"
    line = f", line {given['line']}" if given.get("line") else ""
    matches = f", {plural(given['matches'], 'target')}" if given.get("matches") is not None else ""
    about = f"{code(given['check'])} for {code(given['for'])}{matches}"
    who = inert_text(given["approved_by"] if "approved_by" in given else given["by"])
    ticket = f" ({inert_text(given['ticket'])})" if given.get("ticket") else ""
    why = inert_text(given["reason"] if "reason" in given else given["statement"], TEXT_LIMIT)
    return f"{state}{line}: {about}, until {given['until']} by {who}{ticket}: {why}"


def _text(text: str) -> str:
    """Inside an element of HTML, where Markdown is not read: a code element, so that nothing is made a link."""
    shown = visible(text).strip() or "(empty)"
    return f"<code>{shown.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</code>"
