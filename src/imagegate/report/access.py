"""Who can use which image: the part ``access`` of ``report.json``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagegate.model import Kind
from imagegate.probes import IMAGE, MEMBERS
from imagegate.result import Result


def access(result: Result) -> Iterator[dict[str, Any]]:
    """The images that were judged and that others than their owner may use, as last seen.

    ``members`` is null where they were not looked at or could not be seen: unknown, not nobody.
    """
    seen: set[str] = set()
    for finding in result.findings:
        target = finding.target
        if target.kind is not Kind.IMAGE or target.key in seen:
            continue
        seen.add(target.key)
        facts = result.facts.get(target.key)
        if facts is None or IMAGE not in facts or facts[IMAGE].visibility == "private":
            continue
        members = None
        if MEMBERS in facts:
            members = [{"project": one.project, "status": one.status} for one in facts[MEMBERS].members]
        yield {
            "id": target.id,
            "name": target.name,
            "cloud": target.cloud,
            "region": target.region,
            "owner": target.owner,
            "visibility": facts[IMAGE].visibility,
            "members": members,
        }
