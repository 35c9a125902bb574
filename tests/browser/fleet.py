"""Audits as people have them, made by the real engine and the real checks from recorded facts: no cloud, no guest.

``audit_of_images(folder, count)`` is a catalog of that many images; ``mixed_fleet(folder)`` has images in two regions,
Linux and Windows instances, a host that is down, a region that was lost, waivers and an attestation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any
from uuid import UUID

from imagegate.model import Facts, Kind, Probe, Seen, Target, Unseen
from imagegate.options import Options
from imagegate.probes import (
    FLAVOR,
    IMAGE,
    MEMBER_PROJECTS,
    MEMBERS,
    NAMESAKES,
    SERVER,
    ConsoleBox,
    DiskSpace,
    DiskSpaceFact,
    File,
    FileFact,
    FileKind,
    FlavorFact,
    ImageFact,
    KernelOption,
    KernelOptionFact,
    Member,
    MembersFact,
    NamesakesFact,
    ServerFact,
)
from imagegate.recording import write_recording
from imagegate.report.past import PastRun
from imagegate.result import Result
from imagegate.run import Run
from imagegate.transports import Auditor, CatalogScope, Discovery

OWNER = "3f6c1d0b9a584e27a1c04d5e6f708192"
OTHER = "8d2e4f60718293a4b5c6d7e8f9a0b1c2"
PROJECTS = {
    "web-prod": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "web-stage": "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "batch": "5c4b3a29180716f5e4d3c2b1a0f9e8d7",
    "data-lake": "7e6d5c4b3a29180716f5e4d3c2b1a0f9",
    "ops-tools": "1122aabb3344ccdd5566eeff77880099",
}
STRANGERS = ("de305d5475b4431badb2eb6b9e546014", "c9bf9e57a1334cf2b2d1a8e8b71f0c55")
DAY = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)

_ALLOW = "".join(f"          - {{project: {id_}, name: {name}}}\n" for name, id_ in PROJECTS.items())
POLICY = """\
policy: golden
version: 7
title: Golden images of the web platform

rules:
  - for: {image: {name: "golden-*", owner: self}}
    require:
      catalog-image-protected:
      catalog-members-allowed:
        allow:
$allow      catalog-members-accepted: {pending_days: 14}
      catalog-visibility-allowed:
      catalog-status-usable:
      catalog-name-conforms: {pattern: "golden-[a-z0-9-]+-[0-9]{8}", dated: true}
  - for: {instance: {name: "build-*", os: linux}}
    require:
      linux-machine-id-reset:
      linux-disk-space-available:
      capture-instance-stopped:
      capture-task-idle:
      capture-flavor-type-known:
  - for: {instance: {name: "win-*"}}
    require:
      capture-windows-supported:
      windows-password-initialised:
  - for: {image: {name: "retired-*"}}
    require:
      catalog-image-protected:

waivers:
  - check: catalog-members-allowed
    for: {image: {name: "golden-legacy-*"}}
    reason: migrating to the project web-prod
    ticket: OPS-1234
    approved_by: platform-security
    until: 2026-12-31

attestations:
  - check: windows-password-initialised
    for: {instance: {name: "win-0*"}}
    statement: ticked in the console when the image was made
    by: release-engineering
    on: 2026-11-20
    until: 2027-05-20

limits: {waiver_days: 3660}
"""


def audit_of_images(folder: Path, count: int, *, seed: int = 7) -> Result:
    """A catalog of ``count`` images in two regions; about one of nine is not as it should be."""
    chance = random.Random(seed)
    found = dict(_image(chance, number, "KR1" if number % 5 else "KR2") for number in range(count))
    scopes = [_scope("images", region, sum(t.region == region for t in found)) for region in ("KR1", "KR2")]
    return _audited(folder, found, scopes)


def mixed_fleet(folder: Path, *, images: int = 60, linux: int = 18, windows: int = 6, seed: int = 11) -> Result:
    """Images and instances, a region that was lost, hosts that did not answer."""
    chance = random.Random(seed)
    found = dict(_image(chance, number, "KR1" if number % 4 else "KR2") for number in range(images))
    found.update(_linux(chance, number) for number in range(linux))
    found.update(_windows(chance, number) for number in range(windows))
    scopes = [
        *(_scope("images", region, sum(t.region == region for t in found if t.kind == "image")) for region in ("KR1", "KR2")),
        _scope("servers", "KR1", linux + windows + 31),
        replace(_scope("images", "JP1", 0), pages=0, complete=False, reason="503 Service Unavailable, asked three times"),
    ]  # fmt: skip
    return _audited(folder, found, scopes)


def history(result: Result) -> tuple[PastRun, ...]:
    """Eleven weekly runs before this one, getting better, with one that was not complete."""
    runs = []
    for week in range(11):
        standing = {"low": 9 - week // 2, "medium": 21 - week, "high": 30 - 2 * week, "critical": max(0, 3 - week // 2)}
        counts = {"pass": 260 + 9 * week, "fail": sum(standing.values()) + 2, "unknown": 7, "attested": 3, "waived": 2}
        finished = DAY - timedelta(days=7 * (11 - week))
        runs.append(
            PastRun(
                run_id=f"{finished:%Y%m%dT%H%M%SZ}-{week:04x}", command="audit", finished=finished,
                complete=week != 4, exit_code=1, selected=84, seen=81, counts=counts, standing=standing,
            )
        )  # fmt: skip
    return tuple(runs)


def _audited(folder: Path, found: dict[Target, Facts], scopes: list[CatalogScope]) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    policy = folder / "golden.yaml"
    policy.write_text(Template(POLICY).substitute(allow=_ALLOW), encoding="utf-8")
    auditor = Auditor(cloud="nhn", user="auditor", project=OWNER, roles=("reader", "member"))
    discovery = Discovery(catalogs=tuple(scopes), auditors=(auditor,))
    facts = {target.key: seen for target, seen in found.items()}
    write_recording(folder / "facts", discovery, list(found), facts)
    run = Run(Options(command="audit", policy=policy, facts=folder / "facts"))
    run.started = DAY  # the same day whenever this is run
    try:
        made = run.execute(run.discover())
    finally:
        run.close()
    policy_info = replace(made.policy, file="policies/golden.yaml", digest="sha256:" + "5e" * 32)
    return replace(
        made,
        run_id="20261122T101500Z-3f2a",
        finished=DAY + timedelta(seconds=48.2),
        policy=policy_info,
        checks_digest="sha256:" + "c0" * 32,
    )


def _scope(what: str, region: str, count: int) -> CatalogScope:
    pages = -(-count // 1000) or 1
    return CatalogScope(what=what, cloud="nhn", region=region, project=OWNER, pages=pages, count=count, complete=True)


def _image(chance: random.Random, number: int, region: str) -> tuple[Target, Facts]:
    family = chance.choice(("web", "web-edge", "db-postgres", "batch", "api", "legacy-erp", "bastion"))
    made = DAY - timedelta(days=chance.randrange(1, 420))
    name = f"golden-{family}-{made:%Y%m%d}"
    if chance.random() < 0.03:
        name = f"golden-{family}-test"
    visibility = chance.choices(("private", "shared", "public"), (60, 38, 1))[0]
    members = []
    if visibility == "shared":
        members = chance.sample(sorted(PROJECTS.values()), chance.randrange(1, 4))
        if chance.random() < 0.22:
            members.append(chance.choice(STRANGERS))
    rows = tuple(
        Member(project=project, status=chance.choices(("accepted", "pending", "rejected"), (80, 16, 4))[0],
               since=f"{made:%Y-%m-%dT%H:%M:%SZ}")
        for project in sorted(members)
    )  # fmt: skip
    image = ImageFact(
        id=str(UUID(int=chance.getrandbits(128), version=4)), name=name, owner=OWNER, mine=True,
        status="active" if chance.random() > 0.02 else "deactivated", visibility=visibility,
        protected=chance.random() > 0.08, size=2_147_483_648, min_disk=20, min_ram=1024,
        created_at=f"{made:%Y-%m-%dT%H:%M:%SZ}", updated_at=f"{made:%Y-%m-%dT%H:%M:%SZ}",
        properties=(("os_distro", "ubuntu"), ("os_type", "linux")),
    )  # fmt: skip
    attributes = {
        "id": image.id, "name": image.name, "visibility": visibility, "status": image.status, "region": region,
    }  # fmt: skip
    target = Target(
        kind=Kind.IMAGE, id=image.id, name=image.name, cloud="nhn", region=region, owner=OWNER,
        attributes={"owner": frozenset({OWNER, "self"}), **{k: frozenset({v}) for k, v in attributes.items()}},
    )  # fmt: skip
    seen: dict[Probe[Any], Any] = {IMAGE: image, MEMBERS: MembersFact(members=rows), NAMESAKES: NamesakesFact()}
    unseen = {MEMBER_PROJECTS: "the identity API does not let a member look up other projects"}
    if number % 29 == 7:
        return target, _facts({}, dict.fromkeys(seen, "503 Service Unavailable, asked three times"), number)
    if chance.random() < 0.02:
        unseen |= {MEMBERS: "429 Too Many Requests, asked five times"}
        del seen[MEMBERS]
    return target, _facts(seen, unseen, number)


def _facts(seen: dict[Probe[Any], Any], unseen: dict[Probe[Any], str], number: int = 0) -> Facts:
    at = DAY + timedelta(milliseconds=137 * number % 40_000)
    return Facts(
        {
            **{probe: Seen(value=value, at=at) for probe, value in seen.items()},
            **{probe: Unseen(reason=reason, at=at) for probe, reason in unseen.items()},
        },
        at,
    )


def _instance(name: str, number: int, os: str, flavor: str, status: str) -> tuple[Target, dict[Probe[Any], Any]]:
    identity = str(UUID(int=(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128, version=4))
    attributes = {"id": identity, "name": name, "os": os, "status": status, "flavor": flavor, "region": "KR1"}
    target = Target(
        kind=Kind.INSTANCE, id=identity, name=name, cloud="nhn", region="KR1", owner=OWNER, guest=name,
        attributes={key: frozenset({value}) for key, value in attributes.items()},
    )  # fmt: skip
    server = ServerFact(
        id=identity, name=name, status=status, power_state=4 if status == "SHUTOFF" else 1, task_state=None,
        flavor_name=flavor, updated="2026-11-22T09:00:00Z",
    )  # fmt: skip
    return target, {SERVER: server, FLAVOR: FlavorFact(id="f-1", name=flavor, type=flavor.partition(".")[0])}


def _linux(chance: random.Random, number: int) -> tuple[Target, Facts]:
    flavor = chance.choice(("m2.c2m4", "c2.c4m4", "u2.c2m4", "g2.c8m90"))
    target, seen = _instance(
        f"build-{number:02d}", number, "linux", flavor, chance.choice(("SHUTOFF", "SHUTOFF", "ACTIVE"))
    )
    etc, dbus = (
        File(path=path, read=64, classify="machine-id") for path in ("/etc/machine-id", "/var/lib/dbus/machine-id")
    )
    guest: dict[Probe[Any], Any] = {
        etc: chance.choice((_file("empty", 0), _file("empty", 0), _file("id", 33))),
        dbus: chance.choice((FileFact(kind=FileKind.ABSENT), _file("id", 33))),
        KernelOption(name="systemd.machine_id"): KernelOptionFact(state="absent"),
        File(path="/usr/lib/systemd/systemd"): _file(None, 100_000),
        File(path="/lib/systemd/systemd"): FileFact(kind=FileKind.ABSENT),
        DiskSpace(path="/"): DiskSpaceFact(free_kb=chance.choice((5_120_000, 900_000, 40))),
    }
    if number % 7 == 3:
        reason = f"ssh: connect to 192.0.2.{20 + number} port 22: timed out after 10 s"
        return target, _facts(seen, dict.fromkeys(guest, reason), number)
    return target, _facts({**seen, **guest}, {}, number)


def _file(content: str | None, size: int) -> FileFact:
    return FileFact(kind=FileKind.REGULAR, size=size, mode="0644", uid=0, gid=0, content=content, digest=f"d{size}")


def _windows(chance: random.Random, number: int) -> tuple[Target, Facts]:
    flavor = chance.choice(("m2.c4m8", "m2.c4m8", "u2.c4m8"))
    target, seen = _instance(
        f"win-{number:02d}" if number < 4 else f"win-new-{number}", 500 + number, "windows", flavor, "SHUTOFF"
    )
    return target, _facts(seen, {ConsoleBox(name="initialise-password"): "no API tells whether it was ticked"}, number)


def hostile_page_names() -> Iterator[str]:
    """What somebody might call an image to get into the page."""
    yield "<script>document.title='owned'</script>"
    yield "</script><script>document.title='owned'</script>"
    yield '"><img src=x onerror="document.title=\'owned\'">'
    yield "<!--<script>"
    yield "]]>&lt;b&gt;&#x3c;b&#x3e;"
    yield "{{7*7}}{% raw %}${7*7}"
    yield "javascript:alert(1)"
    yield "\u202etxt.exe\u2066\u200b\x00\x1b[2J\u2028\u2029"
    yield "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea"
    yield "x" * 5000
    yield "\U0001f4a3\udc80\uffff"
