"""A run in short: who judged what when, and how each pair of check and target fared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

from imagegate.errors import UserError
from imagegate.model import Finding, Severity, Target, Verdict
from imagegate.report.build import Record, fingerprint
from imagegate.report.safe import without_lone_surrogates

SEVERITIES = tuple(map(str, sorted(Severity, reverse=True)))
"""The worst first."""

_MOST = (1 << 63) - 1
"""What SQLite can hold; the version of a policy may be more."""


class BriefError(UserError):
    """A report that lacks what it must have, or has it in another shape."""


class State(IntEnum):
    """How a pair fared. ``GOOD`` is a pass, one that does not apply, and one that was mended and verified."""

    GOOD = 0
    STANDS = 1
    WAIVED = 2
    UNKNOWN = 3
    ATTESTED = 4


FAILS = frozenset({State.STANDS, State.WAIVED})
BLIND = frozenset({State.UNKNOWN, State.ATTESTED})


class Spot(NamedTuple):
    """A target as reports name it; ``key`` is unique, and stable between runs."""

    key: str
    kind: str
    id: str
    name: str
    cloud: str | None
    region: str | None
    owner: str | None

    @property
    def record(self) -> Record:
        """As in ``report.json``."""
        return {name: value for name, value in self._asdict().items() if name != "key"}


class Brief(NamedTuple):
    """One finding. ``fingerprint`` and ``subjects`` are those of a fail, else empty."""

    check: str
    title: str
    severity: str
    target: Spot
    state: State
    fingerprint: str = ""
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """A listing that the run asked for: ``what`` is ``images`` or ``servers``."""

    what: str
    cloud: str
    region: str
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What ``report.json`` says of a run beside its findings."""

    id: str
    command: str
    policy: str
    policy_version: int
    policy_digest: str
    started: datetime
    finished: datetime
    complete: bool
    interrupted: bool
    exit_code: int
    selected: int
    seen: int
    deselected: int
    counts: Mapping[str, int]
    catalogs: tuple[Catalog, ...] = ()


def head_of(record: Mapping[str, Any]) -> RunHead:
    """The head of a stored report. Raises ``BriefError`` where it is none."""
    try:
        run, policy, scope = record["run"], record["policy"], record["scope"]
        return RunHead(
            id=_text(run["id"]),
            command=_text(run["command"]),
            policy=_text(policy["name"]),
            policy_version=_number(policy["version"]),
            policy_digest=_text(policy["digest"]),
            started=_moment(run["started"]),
            finished=_moment(run["finished"]),
            complete=run["complete"] is True,
            interrupted=run.get("interrupted") is True,
            exit_code=_number(run["exit_code"]),
            selected=_number(scope["targets"]["selected"]),
            seen=_number(scope["targets"]["seen"]),
            deselected=_number(scope["deselected"]),
            counts={_text(name): _number(value) for name, value in record["counts"].items()},
            catalogs=tuple(
                Catalog(
                    what=_text(one.get("what", "images")),
                    cloud=_text(one["cloud"]),
                    region=_text(one["region"]),
                    complete=one["complete"] is True,
                )
                for one in scope["catalog"]
            ),
        )
    except KeyError as error:
        raise BriefError(f"{error.args[0]} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise BriefError(str(error)) from error


def briefs_of_records(findings: Iterable[Record]) -> Iterator[Brief]:
    """The findings of a stored report in short. Raises ``BriefError`` where one is none."""
    spots: dict[str, Spot] = {}
    try:
        for record in findings:
            state = state_of_record(record)
            spot = _spot(record["target"])
            failed = state in FAILS
            yield Brief(
                check=_text(record["check"]),
                title=_text(record["title"]),
                severity=_severity(record["severity"]),
                target=spots.setdefault(spot.key, spot),
                state=state,
                fingerprint=_print(record["fingerprint"]) if failed else "",
                subjects=_subjects(record["violations"]) if failed else (),
            )
    except KeyError as error:
        raise BriefError(f"{error.args[0]} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise BriefError(str(error)) from error


def briefs_of(findings: Iterable[Finding]) -> Iterator[Brief]:
    """The findings of a run that has just ended in short: the same as those of its report, without making that."""
    spots: dict[str, Spot] = {}
    for finding in findings:
        check, target = finding.check, finding.target
        if (spot := spots.get(target.key)) is None:
            spot = spots[target.key] = spot_of(target)
        state = state_of(finding)
        failed = state in FAILS
        yield Brief(
            check=check.id,
            title=_shown(check.title),
            severity=str(check.severity),
            target=spot,
            state=state,
            fingerprint=fingerprint(finding) if failed else "",
            subjects=tuple(sorted({_shown(each.subject) for each in finding.violations})) if failed else (),
        )


def state_of(finding: Finding) -> State:
    """How the pair of a finding fared."""
    if finding.verdict is Verdict.UNKNOWN:
        return State.ATTESTED if finding.attested else State.UNKNOWN
    if finding.verdict is not Verdict.FAIL or finding.fixed:
        return State.GOOD
    return State.WAIVED if finding.waived else State.STANDS


def spot_of(target: Target) -> Spot:
    """A target as its report names it."""
    return _spot(
        {
            name: value if value is None else _shown(value)
            for name in ("kind", "id", "name", "cloud", "region", "owner", "key")
            for value in (getattr(target, name),)
        }
    )


def state_of_record(record: Record) -> State:
    """How the pair of a stored finding fared. Raises ``KeyError`` or ``ValueError`` where it is none."""
    verdict = record["verdict"]
    if verdict == Verdict.UNKNOWN:
        return State.UNKNOWN if record["attestation"] is None else State.ATTESTED
    if verdict in {Verdict.PASS, Verdict.NOT_APPLICABLE} or record["remedy"]["state"] == "verified":
        return State.GOOD
    if verdict != Verdict.FAIL:
        raise ValueError(f"there is no verdict {verdict!r}")
    return State.STANDS if record["waiver"] is None else State.WAIVED


def _spot(raw: Mapping[str, Any]) -> Spot:
    kind, identity, cloud, region = _text(raw["kind"]), _text(raw["id"]), _maybe(raw["cloud"]), _maybe(raw["region"])
    return Spot(
        key=_maybe(raw.get("key")) or f"{kind}:{cloud or '-'}/{region or '-'}/{identity}",
        kind=kind,
        id=identity,
        name=_text(raw["name"]),
        cloud=cloud,
        region=region,
        owner=_maybe(raw["owner"]),
    )


def _subjects(violations: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted({_text(each["subject"]) for each in violations}))


def _print(value: Any) -> str:
    text = _text(value)
    if len(bytes.fromhex(text)) != 8:
        raise ValueError(f"{text!r} is no fingerprint")
    return text.lower()


def _severity(value: Any) -> str:
    if value not in SEVERITIES:
        raise ValueError(f"there is no severity {value!r}")
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return _shown(value)


def _maybe(value: Any) -> str | None:
    return None if value is None else _text(value)


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return min(value, _MOST)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value}: a time without a zone")
    return moment


def _shown(text: str) -> str:
    return text if text.isascii() else str(without_lone_surrogates(text))
