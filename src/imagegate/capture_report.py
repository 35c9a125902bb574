"""One result for a whole capture: the gate's findings, the image's, and the story between them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from imagegate.capture_left import again, how_to_go_on
from imagegate.model import Facts
from imagegate.permissions import together
from imagegate.policy_info import policy_info
from imagegate.result import ExitCode, Result, ScopeInfo, Story

if TYPE_CHECKING:
    from imagegate.capture import Capture

NOT_LOOKED = "the guest was not looked at"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_of(size: int | None) -> str:
    """A size in bytes for people: ``8.1 MiB``."""
    if size is None:
        return "size unknown"
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[0]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def tell(capture: Capture) -> Result:
    """What came of it. Findings of the instance come before those of the image."""
    results, policy = capture.results, capture.policy
    facts: dict[str, Facts] = {}
    before: dict[str, Facts] = {}
    for result in results:
        facts.update(result.facts)
        before.update(result.facts_before)
    return Result(
        run_id=capture.report_id,
        command="capture",
        started=capture.started,
        finished=datetime.now(UTC),
        complete=all(result.complete for result in results) and capture.state.stage == "done" and not capture.plan,
        interrupted=capture.interrupted or any(result.interrupted for result in results),
        policy=policy_info(policy),
        checks_digest=capture.catalogue.digest,
        scope=_scope([result.scope for result in results]),
        auditors=tuple(dict.fromkeys(auditor for result in results for auditor in result.auditors)),
        findings=[finding for result in results for finding in result.findings],
        plans=tuple(plan for result in results for plan in result.plans),
        facts=facts,
        facts_before=before,
        limit=next((result.limit for result in results if result.limit is not None), None),
        problems=tuple(problem for result in results for problem in result.problems),
        story=_story(capture),
        explanations={name: about for result in results for name, about in result.explanations.items()},
        granted=together(result.granted for result in results),
    )


def _scope(scopes: Sequence[ScopeInfo]) -> ScopeInfo:
    if not scopes:
        return ScopeInfo(selected=0, seen=0)

    def every(name: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(one for scope in scopes for one in getattr(scope, name)))

    return replace(
        scopes[0],
        selected=sum(scope.selected for scope in scopes),
        seen=sum(scope.seen for scope in scopes),
        deselected=sum(scope.deselected for scope in scopes),
        requests=sum(scope.requests for scope in scopes),
        unreachable=every("unreachable"),
        catalogs=every("catalogs"),
        missing=every("missing"),
        unselected=every("unselected"),
        relaxed=every("relaxed"),
        warnings=every("warnings"),
    )


def _story(capture: Capture) -> Story:
    state, image, stop, root = capture.state, capture.image, capture.stop, capture.state.root
    record: dict[str, Any] = {
        "instance": {"id": state.server, "name": state.instance},
        "name": state.name,
        "stage": "planned" if capture.plan and not capture.resumed else state.stage,
        "way": state.way,
        "asked_at": state.asked_at,
        "image": None if state.image is None else {"id": state.image, "name": image.name if image else state.name},
        "size": None if image is None else image.size,
        "min_disk": None if image is None else image.min_disk,
        "root_gb": capture.source_gb,
        "root": None if root is None or "unseen" in root else dict(root),
        "root_unseen": (root or {"unseen": NOT_LOOKED}).get("unseen"),
        "bound": dict(capture.bound),
        "gate": state.gate,
        "planned": list(capture.planned),
        "stopped": None if stop is None else stop.reason,
        "left": capture.left.record if capture.unfinished else None,
    }
    code, meaning = _code(capture)
    return Story(key="capture", record=record, lines=tuple(_lines(capture)), code=code, meaning=meaning)


def used_of(root: Mapping[str, Any] | None) -> str:
    """How much of the root disk was used, as ``df`` shows it; or why that is not known."""
    if root is None or "unseen" in root:
        return f"used of the root disk: not seen ({(root or {}).get('unseen', NOT_LOOKED)})"
    return f"used of the root disk: {size_of(root['used'])} of {size_of(root['size'])}, seen {root['at']}"


def _code(capture: Capture) -> tuple[ExitCode | None, str | None]:
    """A capture that went all its way is judged by its findings; one that did not says why."""
    if capture.stop is not None:
        stage = "captured, but" if capture.state.image is not None else "not captured:"
        return capture.stop.code, f"{stage} {capture.stop.reason}"
    if capture.interrupted:
        return ExitCode.INTERRUPTED, None
    if capture.unfinished and capture.plan:
        return ExitCode.FIX_FAILED, "a plan: nothing was done, and the capture has not come to its end"
    if capture.plan:
        return None, "a plan: nothing was done"
    return None, None


def _lines(capture: Capture) -> Iterator[str]:
    state, image = capture.state, capture.image
    if capture.plan:
        yield from (f"{number}. {text}" for number, text in enumerate(capture.planned, start=1))
    if state.gate is not None and state.asked_at is not None:
        yield f"the gate: exit code {state.gate['exit_code']}, report {state.gate['report']}"
    if capture.bound:
        yield (
            f"bound to server {capture.bound['server']}, last changed {capture.bound['updated']}"
            + (", and to the boot that the gate saw" if capture.bound["boot"] else "")
        )
    if state.way is not None:
        yield f"asked at {state.asked_at} through the {state.way}"
    if image is not None:
        yield f"image {image.id}: {image.name}, {image.status}, {image.visibility}, " + (
            "protected" if image.protected else "not protected"
        )
        least = "min_disk not said" if image.min_disk is None else f"min_disk {image.min_disk} GB"
        volume = f", of a root volume of {capture.source_gb} GB" if capture.source_gb else ""
        yield f"size {size_of(image.size)}, {least}{volume} (an image may be larger than what is used of the disk)"
        yield used_of(state.root)
    if capture.stop is not None:
        yield f"stopped: {capture.stop.reason}"
    if state.stage == "done" and capture.results and capture.results[-1].exit_code is not ExitCode.COMPLIANT:
        command = again(state, capture.report_dir)
        yield f"captured, but not compliant: put right what stands, then this tries and looks again: {command}"
    if capture.unfinished:
        yield from how_to_go_on(state, capture.left, image, capture.report_dir)
