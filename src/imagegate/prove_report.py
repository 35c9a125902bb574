"""One result for a proof: what both clones share as findings of the image, and the story of their servers. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegate.clones import DIGEST, compare
from imagegate.model import Facts, Target, Unseen
from imagegate.report.words import plural
from imagegate.result import ExitCode, PolicyInfo, Result, ScopeInfo, Story
from imagegate.transports import Discovery

if TYPE_CHECKING:
    from imagegate.prove import Proof

_REPORTS = Path("reports")


def again(run: str, report_dir: Path) -> str:
    """The command that removes what a killed run has left."""
    where = [] if report_dir.absolute() == _REPORTS.absolute() else ["--report-dir", str(report_dir)]
    return shlex.join(["imagegate", "prove", "--clean", run, *where])


def tell(proof: Proof, discovery: Discovery, target: Target | None, *, interrupted: bool) -> Result:
    """What came of it."""
    finished = datetime.now(UTC)
    for clone in proof.clones:
        reason = f"clone {clone.letter}: {clone.problem or 'was not looked at'}"
        proof.seen.setdefault(proof.probe_of(clone), Unseen(reason=reason, at=finished, owner=clone.owner))
    facts = Facts(proof.seen, finished)
    region = (None, None) if target is None else (target.cloud, target.region)
    catalogs = tuple(c for c in discovery.catalogs if target is None or (c.cloud, c.region) == region)
    what = "TLS certificates" if proof.windows else "SSH host keys"
    relaxed = f"the clones: their {what} were taken as they came, nobody can know those of a new server"
    checked = proof.boots.check_host_keys or (proof.windows and proof.boots.ca_file is not None)
    return Result(
        run_id=proof.run_id,
        command="prove",
        started=proof.started,
        finished=finished,
        complete=not interrupted and target is not None,
        interrupted=interrupted,
        policy=proof.policy or PolicyInfo(name="prove", version=1, title=None, digest=DIGEST),
        checks_digest=DIGEST,
        scope=ScopeInfo(
            selected=int(target is not None),
            seen=int(proof.both_seen),
            catalogs=catalogs,
            relaxed=() if checked or target is None else (relaxed,),
            warnings=(*discovery.warnings, *proof.notes),
            requests=proof.openstack.requests,
        ),
        auditors=discovery.auditors,
        findings=[] if target is None else compare(target, facts, today=finished.date(), windows=proof.windows),
        plans=(),
        facts={} if target is None else {target.key: facts},
        story=_story(proof, target),
    )


def _story(proof: Proof, target: Target | None) -> Story:
    left = [*proof.left, *(one for cleaned in proof.cleaned for one in cleaned.left)]
    record: dict[str, Any] = {
        "image": None if target is None else {"id": target.id, "name": target.name},
        "flavor": proof.boots.flavor,
        "servers": [
            {
                "clone": clone.letter, "id": clone.id, "name": clone.name, "address": clone.address,
                "status": clone.status, "removed": clone.removed,
            }
            for clone in proof.clones
        ],
        "left": [{"id": one.id, "name": one.name, "reason": one.reason} for one in left],
        "cleaned": [
            {"run": cleaned.run, "id": ident, "name": name}
            for cleaned in proof.cleaned
            for ident, name in cleaned.removed
        ],
    }  # fmt: skip
    lines = tuple(_lines(proof))
    meaning = "something that was made could not be removed" if left else None
    return Story(key="prove", record=record, lines=lines, code=ExitCode.FIX_FAILED if left else None, meaning=meaning)


def _lines(proof: Proof) -> Iterator[str]:
    made = [clone for clone in proof.clones if clone.id is not None]
    for cleaned in proof.cleaned:
        yield from cleaned.lines
    yield from (f"clone {c.letter}: server {c.name} ({c.id}) at {c.address or 'no address'}" for c in made)
    yield from (f"clone {c.letter}: {c.problem}" for c in proof.clones if c.problem)
    yield from (f"NOT REMOVED: server {one.name} ({one.id or 'id unknown'}): {one.reason}" for one in proof.left)
    if proof.left and proof.report_dir is not None:
        yield f"remove it: {again(proof.run_id, proof.report_dir)}"
    yield from (f"or by hand: openstack server delete {one.id}" for one in proof.left if one.id)
    if made and not proof.left:
        yield f"{plural(len(made), 'server')} made and removed again"
