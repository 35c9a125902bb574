"""One result for a whole capture: the gate's findings, the image's, and the story between them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from imagegate.capture_state import State
from imagegate.model import Facts
from imagegate.permissions import together
from imagegate.result import ExitCode, PolicyInfo, Result, ScopeInfo, Story

if TYPE_CHECKING:
    from imagegate.capture import Capture

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
        run_id=capture.state.run,
        command="capture",
        started=capture.started,
        finished=datetime.now(UTC),
        complete=all(result.complete for result in results) and capture.state.stage == "done",
        interrupted=capture.interrupted or any(result.interrupted for result in results),
        policy=PolicyInfo(
            name=policy.name, version=policy.version, title=policy.title, digest=policy.digest, path=policy.path
        ),
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
    state, image, stop = capture.state, capture.image, capture.stop
    record: dict[str, Any] = {
        "instance": {"id": state.server, "name": state.instance},
        "name": state.name,
        "stage": "planned" if capture.plan else state.stage,
        "way": state.way,
        "asked_at": state.asked_at,
        "image": None if state.image is None else {"id": state.image, "name": image.name if image else state.name},
        "size": None if image is None else image.size,
        "root_gb": capture.source_gb or (image.min_disk if image else None),
        "bound": dict(capture.bound),
        "gate": state.gate,
        "planned": list(capture.planned),
        "stopped": None if stop is None else stop.reason,
    }
    code, meaning = _code(capture)
    return Story(key="capture", record=record, lines=tuple(_lines(capture)), code=code, meaning=meaning)


def _code(capture: Capture) -> tuple[ExitCode | None, str | None]:
    """A capture that went all its way is judged by its findings; one that did not says why."""
    if capture.stop is not None:
        stage = "captured, but" if capture.state.image is not None else "not captured:"
        return capture.stop.code, f"{stage} {capture.stop.reason}"
    if capture.interrupted:
        return ExitCode.INTERRUPTED, None
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
        root = capture.source_gb or image.min_disk
        disk = f", of a root disk of {root} GB" if root else ""
        yield f"size {size_of(image.size)}{disk} (an image may be larger than what is used of the disk)"
    if capture.stop is not None:
        yield f"stopped: {capture.stop.reason}"
    if state.stage != "done" and not capture.plan:
        yield from how_to_go_on(state, interrupted=capture.interrupted)


def how_to_go_on(state: State, *, interrupted: bool) -> Iterator[str]:
    """What exists, and how to go on or clean up."""
    if state.stage == "asking":
        yield "the image was asked for; whether it was made is not known yet"
    elif state.stage in {"made", "active"}:
        yield f"image {state.image} exists"
    elif interrupted:
        yield "no image was asked for"
    else:
        return
    yield f"go on: imagegate capture --resume {state.run}"
    if state.image is not None:
        yield f"or clean up: openstack image delete {state.image}"
