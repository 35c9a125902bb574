"""The findings as the page reads them: what repeats stands once, in tables; what is read late is parsed late.

Three parts, each JSON of its own:

``index``     what the list, the filters and the groups need: columns of numbers, and the tables that they point into
``details``   a line per distinct detail (violations, reasons, remedy …), parsed when a finding is opened or searched
``evidence``  a line per distinct set of digests, in base64

Rows are in the order in which they are read: targets by the worst that stands, then names; in a target the worst first.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from imagegate.report.build import Record
from imagegate.report.html.safe_json import script_json, shown
from imagegate.report.records import SEVERITIES, attested, fixed, waived
from imagegate.report.safe import visible
from imagegate.report.stored import ReportError

CLASSES = ("standing", "unknown", "waived", "attested", "fixed", "pass", "not-applicable")
"""What a finding comes to, the worst first: each is in exactly one. standing + waived + fixed = fail."""

STANDING, UNKNOWN, ATTESTED = 0, 1, 3
BLAMES = ("user", "target", "tool")
CHANGES = ("new", "changed", "same")

_DETAIL = ("violations", "reason", "owner", "note", "waiver", "attestation", "first_seen")
_HEX = len("sha256:") + 64
_FINGERPRINT = re.compile("[0-9a-f]{16}")
_TARGET = ("id", "name", "kind", "cloud", "region", "owner")


def class_of(finding: Record) -> int:
    """The index of its class in ``CLASSES``."""
    verdict = finding["verdict"]
    if verdict == "fail":
        return CLASSES.index("waived") if waived(finding) else CLASSES.index("fixed") if fixed(finding) else STANDING
    if verdict == "unknown":
        return ATTESTED if attested(finding) else UNKNOWN
    return CLASSES.index(verdict)


@dataclass(slots=True)
class Table:
    """Distinct values, each with a number. ``make`` turns a value that is new into what the page gets."""

    make: Callable[[Any], str]
    lines: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, value: Any) -> int:
        """The number of ``value``, a JSON value."""
        key = _key(value)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.lines)
            self.lines.append(self.make(value))
        return known


_key = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finding in numbers: all but the flags are indexes into tables."""

    cls: int
    severity: int
    check: int
    target: int
    detail: int
    evidence: int
    parameters: int
    rule: int
    time: int
    blame: int
    change: int
    fingerprint: str


@dataclass(slots=True)
class Encoded:
    """All findings, in tables. ``order`` holds the indexes of ``rows`` as they are read."""

    rows: list[Row] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    checks: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    targets: Table = field(default_factory=lambda: Table(_target))
    details: Table = field(default_factory=lambda: Table(_shown_json))
    evidence: Table = field(default_factory=lambda: Table(_digests))
    parameters: Table = field(default_factory=lambda: Table(_shown_json))
    times: Table = field(default_factory=lambda: Table(_shown_json))
    names: dict[str, str] = field(default_factory=dict)
    """Names of projects by id, as far as parameters tell them."""

    @property
    def check_ids(self) -> list[str]:
        """By number."""
        return list(self.checks)

    def index(self) -> Iterator[str]:
        """The part ``index``, in chunks."""
        rows = [self.rows[place] for place in self.order]
        columns = {
            "target": [row.target for row in rows],
            "check": [row.check for row in rows],
            "detail": [row.detail for row in rows],
            "evidence": [row.evidence for row in rows],
            "parameters": [row.parameters for row in rows],
            "rule": [row.rule for row in rows],
            "time": [row.time for row in rows],
        }
        yield '{"classes":"' + "".join(str(row.cls) for row in rows) + '",\n'
        yield '"severities":"' + "".join(str(row.severity) for row in rows) + '",\n'
        yield '"blames":"' + "".join(str(row.blame) for row in rows) + '",\n'
        yield '"changes":"' + "".join(str(row.change) for row in rows) + '",\n'
        yield '"fingerprints":"' + "".join(row.fingerprint for row in rows) + '",\n'
        for name, column in columns.items():
            yield f'"{name}":{script_json(column)},\n'
        checks = [[visible(name), visible(title), severity] for name, (_, title, severity) in self.checks.items()]
        yield f'"checks":{script_json(checks)},\n'
        yield f'"names":{script_json(shown(self.names))},\n'
        for name in ("parameters", "times"):
            yield f'"{name}_table":[' + ",".join(getattr(self, name).lines) + "],\n"
        yield '"targets":[' + ",\n".join(self.targets.lines) + "]}"


def encode(findings: Iterable[Record]) -> Encoded:
    """Read all findings once."""
    made = Encoded()
    add = made.rows.append
    for finding in findings:
        add(_row(made, finding))
    made.order = _order(made)
    return made


def _row(made: Encoded, finding: Record) -> Row:
    check = made.checks.setdefault(finding["check"], (len(made.checks), finding["title"], finding["severity"]))[0]
    remedy = finding["remedy"]
    detail = {name: value for name in _DETAIL if (value := finding.get(name))}
    if remedy["state"] != "none":
        detail["remedy"] = {name: value for name, value in remedy.items() if value}
    parameters = finding["parameters"]
    known = len(made.parameters.lines)
    number = made.parameters.number(parameters)
    if number == known:
        made.names.update(_project_names(parameters))
    rule = finding["rule"]
    return Row(
        cls=class_of(finding),
        severity=SEVERITIES.index(finding["severity"]),
        check=check,
        target=made.targets.number(_target_of(finding["target"])),
        detail=made.details.number(detail),
        evidence=made.evidence.number(finding["evidence"]),
        parameters=number,
        rule=-1 if rule is None else rule,
        time=made.times.number(finding["observed_at"]),
        blame=_place(BLAMES, finding.get("owner")),
        change=_place(CHANGES, finding.get("change")),
        fingerprint=_fingerprint(finding["fingerprint"]),
    )


def _target_of(target: Record) -> list[Any]:
    several = target.get("seen_from") or []
    return [target.get(name) for name in _TARGET] + ([several] if len(several) > 1 else [])


def _fingerprint(text: Any) -> str:
    if not isinstance(text, str) or _FINGERPRINT.fullmatch(text) is None:
        raise ReportError(f"a finding has the fingerprint {text!r}, which is none: 16 hex digits")
    return text


def _place(values: tuple[str, ...], value: str | None) -> int:
    """1 and up; 0 for nothing, or for what this version does not know."""
    return values.index(value) + 1 if value in values else 0


def weight(row: Row) -> int:
    """How much a finding matters for the order: what stands by severity, then what is unknown, then the rest."""
    if row.cls == STANDING:
        return 20 + row.severity
    if row.cls == UNKNOWN:
        return 10 + row.severity
    return len(CLASSES) - row.cls


def _order(made: Encoded) -> list[int]:
    worst: dict[int, int] = {}
    for row in made.rows:
        heavy = weight(row)
        if heavy > worst.get(row.target, -1):
            worst[row.target] = heavy
    names = {number: json.loads(made.targets.lines[number])[1].casefold() for number in worst}
    ranks = sorted(worst, key=lambda number: (-worst[number], names[number], number))
    rank = {number: place for place, number in enumerate(ranks)}
    ids = made.check_ids

    def key(place: int) -> tuple[int, int, int, str]:
        row = made.rows[place]
        return rank[row.target], row.cls, -row.severity, ids[row.check]

    return sorted(range(len(made.rows)), key=key)


def _project_names(value: Any) -> Iterator[tuple[str, str]]:
    """Wherever parameters have a project and its name side by side."""
    if isinstance(value, dict):
        project, name = value.get("project"), value.get("name")
        if isinstance(project, str) and isinstance(name, str) and name:
            yield project, name
        for item in value.values():
            yield from _project_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _project_names(item)


def _target(values: list[Any]) -> str:
    return script_json([visible(value) if isinstance(value, str) else shown(value) for value in values])


def _shown_json(value: Any) -> str:
    return script_json(shown(value))


def _digests(values: list[str]) -> str:
    return script_json([_digest(value) for value in values])


def _digest(text: str) -> str:
    """``sha256:`` and 64 hex digits as 43 characters of base64; anything else as it is, behind an exclamation mark."""
    if len(text) == _HEX and text.startswith("sha256:"):
        try:
            return b64encode(bytes.fromhex(text[7:])).decode().rstrip("=")
        except ValueError:
            pass
    return "!" + visible(text)
