"""What the plots show, as numbers: the page draws them, and writes the same as tables. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imagegate.report.html.data import ATTESTED, STANDING, UNKNOWN, Encoded, Row
from imagegate.report.past import PastRun
from imagegate.report.records import SEVERITIES
from imagegate.report.safe import visible
from imagegate.report.words import utc

RUNS = 40
"""So many runs are drawn, the latest ones."""

SHARED = 400
"""So many images and projects go into the page; the plot draws fewer, the table all of these."""

_EVERYONE = ("public", "community")


def by_check(made: Encoded) -> list[dict[str, Any]]:
    """Checks with something that stands or is unknown, the most severe first, then by how much."""
    standing = Counter(row.check for row in made.rows if row.cls == STANDING)
    unknown = Counter(row.check for row in made.rows if row.cls == UNKNOWN)
    bars = [
        {"check": number, "severity": severity, "standing": standing[number], "unknown": unknown[number]}
        for number, _, severity in made.checks.values()
        if standing[number] or unknown[number]
    ]
    return sorted(
        bars, key=lambda bar: (-SEVERITIES.index(bar["severity"]), -bar["standing"], -bar["unknown"], bar["check"])
    )


def standing_by_severity(rows: Iterable[Row]) -> dict[str, int]:
    """How many fails stand of each severity."""
    found = Counter(row.severity for row in rows if row.cls == STANDING)
    return {name: found[place] for place, name in enumerate(SEVERITIES)}


def trend(head: Mapping[str, Any], made: Encoded, past: Sequence[PastRun]) -> list[dict[str, Any]]:
    """The runs before, oldest first, and this one as the last. Empty where there was none before."""
    if not past:
        return []
    before = [
        {
            "run": visible(one.run_id),
            "finished": utc(one.finished),
            "complete": one.complete,
            "exit": one.exit_code,
            "standing": {name: one.standing.get(name, 0) for name in SEVERITIES},
            "unknown": one.counts.get("unknown", 0) - one.counts.get("attested", 0),
        }
        for one in past
        if one.run_id != head["run"]["id"]
    ]
    run, counts = head["run"], head["counts"]
    now = {
        "run": visible(run["id"]),
        "finished": visible(run["finished"]),
        "complete": run["complete"],
        "exit": run["exit_code"],
        "standing": standing_by_severity(made.rows),
        "unknown": counts["unknown"] - counts["attested"],
    }
    return [*before, now][-RUNS:] if before else []


def coverage(head: Mapping[str, Any], made: Encoded) -> list[dict[str, Any]]:
    """For each cloud, region and kind: targets with a verdict, and those of which nothing could be seen.

    A catalog that was not seen whole is an entry with ``lost``: nobody knows how many targets it hides.
    """
    judged: dict[int, bool] = {}
    for row in made.rows:
        judged[row.target] = judged.get(row.target, False) or row.cls not in {UNKNOWN, ATTESTED}
    places: dict[tuple[str, str, str], list[int]] = {}
    for target, seen in judged.items():
        _, _, kind, cloud, region, *_ = json.loads(made.targets.lines[target])
        if kind != "policy":
            places.setdefault((cloud or "", region or "", kind), [0, 0])[not seen] += 1
    found: list[dict[str, Any]] = [
        {"cloud": cloud, "region": region, "kind": kind, "seen": seen, "not_seen": not_seen, "lost": None}
        for (cloud, region, kind), (seen, not_seen) in places.items()
    ]
    for catalog in head["scope"]["catalog"]:
        if not catalog["complete"]:
            cloud, region = visible(catalog["cloud"]), visible(catalog["region"])
            kind = "image" if catalog.get("what") == "images" else "instance"
            place = next((p for p in found if (p["cloud"], p["region"], p["kind"]) == (cloud, region, kind)), None)
            if place is None:
                place = {"cloud": cloud, "region": region, "kind": kind, "seen": 0, "not_seen": 0, "lost": None}
                found.append(place)
            place["lost"] = visible(catalog.get("reason") or "")
    return sorted(found, key=lambda place: (place["cloud"], place["region"], place["kind"]))


def share(head: Mapping[str, Any], made: Encoded) -> dict[str, Any] | None:
    """Images, projects, and who may use what; those about which a fail stands first. None where nothing is shared."""
    against = _against(made)
    found = []
    for image in head.get("access") or ():
        members = image["members"]
        lines = [
            (member["project"], member["status"], _is_against(image["id"], member["project"], against))
            for member in members or ()
        ]
        if image["visibility"] in _EVERYONE:
            lines.append(("*", image["visibility"], bool(against.get(image["id"]))))
        found.append((image, members is None and image["visibility"] not in _EVERYONE, lines))
    if not found:
        return None
    found.sort(key=lambda each: (-sum(bad for _, _, bad in each[2]), not each[1], -len(each[2]), each[0]["name"]))
    busy: Counter[str] = Counter()
    for _, _, lines in found:
        for project, _, bad in lines:
            busy[project] += 1 + (bad << 20)
    projects = [project for project, _ in busy.most_common()]  # of equals the first images' first
    number = {project: place for place, project in enumerate(projects[:SHARED])}
    images, edges = [], []
    for place, (image, unseen, lines) in enumerate(found[:SHARED]):
        where = "/".join(visible(part) for part in (image["cloud"], image["region"]) if part)
        images.append({"id": visible(image["id"]), "name": visible(image["name"]), "place": where, "unseen": unseen})
        edges += [
            [place, number[project], visible(status), int(bad)] for project, status, bad in lines if project in number
        ]
    return {
        "images": images,
        "projects": [{"id": visible(one), "name": visible(made.names.get(one, ""))} for one in number],
        "edges": edges,
        "more_images": len(found) - len(images),
        "more_projects": len(projects) - len(number),
    }


def _against(made: Encoded) -> dict[str, list[str]]:
    """By image, the subjects of what stands against its sharing or visibility."""
    found: dict[str, list[str]] = {}
    sharing = {number for name, (number, _, _) in made.checks.items() if "member" in name or "visibility" in name}
    for row in made.rows:
        if row.cls == STANDING and row.check in sharing:
            target = json.loads(made.targets.lines[row.target])[0]
            detail = json.loads(made.details.lines[row.detail])
            found.setdefault(target, []).extend(each["subject"] for each in detail.get("violations", ()))
    return found


def _is_against(image: str, project: str, against: Mapping[str, Sequence[str]]) -> bool:
    return any(project in subject for subject in against.get(visible(image), ()))
