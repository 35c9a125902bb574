r"""Metrics of the last run, for the textfile collector of Prometheus' node exporter (text format 0.0.4).

Copy the file into the collector's folder by a rename, so that it is never read half. Names follow Prometheus'
conventions; labels are stable from run to run (no run ids, no targets), so that a series lives as long as its check.
A metric is left out where its value is not known, never reported as 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from imagegate.report.past import Context
from imagegate.report.records import SEVERITIES, VERDICTS, attested, fixed, moment, stands, waived
from imagegate.report.safe import visible
from imagegate.report.stored import Document

Value = int | float
Sample = tuple[dict[str, str], Value]
Metric = tuple[str, str, Sequence[Sample]]

_STATES = ("in force", "ending soon", "expired", "unused", "over-broad")
_CHANGES = ("new", "changed", "same", "resolved")


@dataclass(slots=True)
class _Tally:
    """What is counted in one pass over the findings."""

    found: Counter[tuple[str, str]]
    standing: Counter[tuple[str, str, str]]
    excused: Counter[str]


def render(document: Document, context: Context) -> Iterator[str]:
    """The metrics, a chunk each."""
    head = document.head
    tally = _Tally(found=Counter(), standing=Counter(), excused=Counter())
    for finding in document.findings:
        severity, verdict = finding["severity"], finding["verdict"]
        tally.found[verdict, severity] += 1
        if stands(finding):
            tally.standing[finding["check"], severity, verdict] += 1
        for name, holds in (("waived", waived), ("fixed", fixed), ("attested", attested)):
            tally.excused[name] += holds(finding)
    shared = {"policy": visible(head["policy"]["name"]), "command": head["run"]["command"]}
    for name, text, samples in _metrics(head, tally, context):
        if samples:
            yield _metric(name, text, shared, samples)


def _metrics(head: Mapping[str, Any], tally: _Tally, context: Context) -> Iterator[Metric]:
    yield from _run_metrics(head, context)
    found = [
        ({"verdict": verdict, "severity": severity}, tally.found[verdict, severity])
        for verdict in VERDICTS
        for severity in SEVERITIES
    ]
    yield "findings", "Findings of the last run by verdict and severity.", found
    excused = [({"by": name}, tally.excused[name]) for name in ("waived", "fixed", "attested")]
    yield "findings_excused", "Fails that are waived or were fixed, and unknowns that are attested.", excused
    yield "findings_standing", "Fails and unknowns that stand, by check.", list(_standing(head, tally))
    baseline = head.get("baseline")
    if baseline is not None:
        counts = [({"change": name}, baseline["counts"].get(name, 0)) for name in _CHANGES]
        yield "findings_change", "Findings that stand, or stood, compared with the baseline.", counts
    yield from _scope_metrics(head["scope"])
    for what in ("waivers", "attestations"):
        if (listed := head.get(what)) is not None:
            yield from _permission_metrics(what, listed)


def _run_metrics(head: Mapping[str, Any], context: Context) -> Iterator[Metric]:
    run, tool, policy = head["run"], head["tool"], head["policy"]
    started, finished = moment(run["started"]), moment(run["finished"])
    info = {"version": tool["version"], "policy_version": str(policy["version"])}
    yield "run_info", "What made the last run; always 1.", [(info, 1)]
    yield (
        "run_exit_code",
        "Exit code of the last run: 0 compliant, 1 a fail stands, 10 unknown.",
        [({}, run["exit_code"])],
    )
    yield (
        "run_complete",
        "Whether the last run judged everything that the policy selects.",
        [({}, int(run["complete"]))],
    )
    yield "run_end_timestamp_seconds", "When the last run ended.", [({}, finished.timestamp())]
    yield "run_duration_seconds", "How long the last run took.", [({}, max(0.0, (finished - started).total_seconds()))]
    whole = [past.finished for past in context.past if past.complete and past.command == run["command"]]
    if run["complete"]:
        whole.append(finished)
    latest: list[Sample] = [({}, max(whole).timestamp())] if whole else []
    yield "last_complete_run_timestamp_seconds", "When the last run ended that was complete.", latest


def _standing(head: Mapping[str, Any], tally: _Tally) -> Iterator[Sample]:
    """Every check of the report, so that a series falls to 0 instead of ending, then what only findings name."""
    known = [(name, check["severity"]) for name, check in head.get("checks", {}).items()]
    known += [(check, severity) for check, severity, _ in sorted(tally.standing)]
    for check, severity in dict.fromkeys(known):
        for verdict in ("fail", "unknown"):
            labels = {"check": check, "severity": severity, "verdict": verdict}
            yield labels, tally.standing[check, severity, verdict]


def _scope_metrics(scope: Mapping[str, Any]) -> Iterator[Metric]:
    targets = scope["targets"]
    yield "targets_selected", "Targets that rules of the policy select.", [({}, targets["selected"])]
    yield "targets_seen", "Targets with a verdict other than unknown.", [({}, targets["seen"])]
    yield "targets_unreachable", "Targets whose guest could not be looked at.", [({}, len(scope["unreachable"]))]
    missing = len(scope.get("missing", ()))
    yield "targets_missing", "Instances that were named and could not be looked for.", [({}, missing)]
    catalogs: dict[tuple[str, str, str], bool] = {}
    for each in scope["catalog"]:
        key = (visible(each["cloud"]), visible(each["region"]), each.get("what", "images"))
        catalogs[key] = catalogs.get(key, True) and each["complete"]
    listed = [
        ({"cloud": cloud, "region": region, "what": what}, int(complete))
        for (cloud, region, what), complete in catalogs.items()
    ]
    yield "catalog_complete", "Whether the images or servers of a region could all be listed.", listed


def _permission_metrics(what: str, listed: list[Mapping[str, Any]]) -> Iterator[Metric]:
    states = Counter(each["state"] for each in listed)
    names = [*_STATES, *sorted(states.keys() - set(_STATES))]
    yield what, f"The policy's {what} by state.", [({"state": state}, states[state]) for state in names]
    ends = [_end(each["until"]) for each in listed if each["state"] not in {"expired", "unused"}]
    text = f"When the first of the policy's {what} in use ends."
    yield f"{what}_next_end_timestamp_seconds", text, [({}, min(ends))] if ends else []


def _end(day: str) -> float:
    """The last second of a day, in UTC: permissions hold through it."""
    return datetime.combine(datetime.fromisoformat(day), time(23, 59, 59), UTC).timestamp()


def _metric(name: str, text: str, shared: Mapping[str, str], samples: Sequence[Sample]) -> str:
    full = f"imagegate_{name}"
    lines = [f"# HELP {full} {_help(text)}", f"# TYPE {full} gauge"]
    for labels, value in samples:
        told = ",".join(f'{key}="{_label(item)}"' for key, item in {**shared, **labels}.items())
        lines.append(f"{full}{{{told}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value: Value) -> str:
    return repr(value) if isinstance(value, int) or not value.is_integer() else repr(int(value))


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _label(text: str) -> str:
    return visible(text).replace("\\", r"\\").replace('"', r"\"")
