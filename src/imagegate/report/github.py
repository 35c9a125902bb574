r"""Annotations of a GitHub workflow run: the workflow commands ``::error::``, ``::warning::`` and ``::notice::``.

They take effect where a step prints this file. GitHub shows ten errors, ten warnings and ten notices of a step: the
worst come first, and where there are more the last one says how many. Fails are errors, those that
``--fail-on`` and ``--fail-on-new`` let pass notices, unknowns warnings; what was not seen as a whole is an error.

Whatever a target is called, it cannot add a command: everything is made visible on one line, and escaped as
``actions/toolkit`` does it (``%``, CR and LF in data, ``:`` and ``,`` in properties too), which the runner undoes after
it has taken the command apart. The old form ``##[command]`` is broken up as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegate.report.past import Context
from imagegate.report.records import Record, gaps, place, policy_place, rank, saying, stands, worst
from imagegate.report.safe import inert, visible
from imagegate.report.stored import Document
from imagegate.report.words import plural

SHOWN = 10
"""So many annotations of each kind does GitHub show for one step."""

MESSAGE_LIMIT = 4000
"""Characters; the runner cuts a message at 4,096."""

_KINDS = {"error": "fail", "warning": "unknown", "notice": "fail that does not count"}


@dataclass(slots=True)
class _Kept:
    """The worst findings of one kind so far, and how many there were."""

    count: int = 0
    worst: list[Record] = field(default_factory=list)

    def add(self, finding: Record) -> None:
        self.count += 1
        self.worst.append(finding)
        if len(self.worst) >= 8 * SHOWN:
            self.worst = worst(self.worst, SHOWN)


def render(document: Document, context: Context) -> Iterator[str]:  # noqa: ARG001 - machines speak one language
    """The commands, one a line; the last one is the sum of it all."""
    head = document.head
    kept = {kind: _Kept() for kind in _KINDS}
    least = rank(head["run"].get("fail_on", "low"))
    only_new = bool(head["run"].get("fail_on_new"))
    for finding in document.findings:
        if stands(finding):
            kept[_kind(finding, least, only_new=only_new)].add(finding)
    lost = [gap.text for gap in gaps(head)]
    for text in _gap_lines(lost):
        yield _command("error", "imagegate: not seen", text, *policy_place(head))
    taken = {"error": min(len(lost), SHOWN // 2), "notice": 1}
    for kind, found in kept.items():
        yield from _lines(head, kind, found, SHOWN - taken.get(kind, 0))
    yield _command("notice", f"imagegate {head['run']['command']}", _sum(head), *policy_place(head))


def _kind(finding: Record, least: int, *, only_new: bool) -> str:
    if finding["verdict"] == "unknown":
        return "warning"
    counts = rank(finding["severity"]) >= least and not (only_new and finding.get("change") == "same")
    return "error" if counts else "notice"


def _gap_lines(texts: list[str]) -> Iterator[str]:
    most = SHOWN // 2
    if len(texts) <= most:
        yield from texts
        return
    yield from texts[: most - 1]
    yield f"and {len(texts) - most + 1:,} more things that could not be seen: {'; '.join(texts[most - 1 :])}"


def _lines(head: Mapping[str, Any], kind: str, found: _Kept, room: int) -> Iterator[str]:
    shown = worst(found.worst, room if found.count <= room else room - 1)
    for finding in shown:
        target = finding["target"]
        where = place(target)
        title = f"{finding['severity']} {finding['check']}: {visible(target['name'])}"
        text = f"{target['kind']} {visible(target['name'])} {visible(f'({where})') if where else ''}".rstrip()
        yield _command(kind, title, f"{text}: {saying(finding)}", *policy_place(head, finding))
    if found.count > len(shown):
        more = found.count - len(shown)
        text = f"and {plural(more, f'more {_KINDS[kind]}')}, none of them worse: see the report"
        yield _command(kind, "imagegate: more", text, *policy_place(head))


def _sum(head: Mapping[str, Any]) -> str:
    run, counts, targets = head["run"], head["counts"], head["scope"]["targets"]
    told = ", ".join(f"{counts[name]:,} {name}" for name in ("pass", "fail", "unknown", "not-applicable"))
    beside = ", ".join(f"{counts[name]:,} {name}" for name in ("waived", "fixed", "attested"))
    seen = f"{targets['seen']:,} of {targets['selected']:,} targets seen"
    return f"exit code {run['exit_code']}: {run.get('meaning', '')}; {seen}; {told} ({beside}); run {run['id']}"


def _command(kind: str, title: str, text: str, path: str, line: int) -> str:
    properties = {"file": visible(path), "line": str(line), "title": visible(title)}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {told}::{_data(visible(text, MESSAGE_LIMIT))}\n"


def _data(text: str) -> str:
    return inert(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
