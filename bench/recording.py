"""Write a recording of many images with imagegate's own writer. ``python recording.py FILE COUNT ALLOWED``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from imagegate.model import Facts, Kind, Observation, Probe, Seen, Target, Unseen
from imagegate.probes import IMAGE, MEMBER_PROJECTS, MEMBERS, ImageFact, Member, MembersFact
from imagegate.recording import write_recording
from imagegate.transports import Auditor, CatalogScope, Discovery

OWNER, STRANGER = "0" * 31 + "1", "b" * 32
CLOUD, REGION = "bench", "KR1"


def images(count: int) -> Iterator[ImageFact]:
    """One of ten is not protected."""
    for index in range(count):
        yield ImageFact(
            id=str(UUID(int=index + 1)),
            name=f"golden-{index:06d}",
            owner=OWNER,
            mine=True,
            status="active",
            visibility="shared" if index % 5 == 0 else "private",
            protected=index % 10 != 0,
            size=2_147_483_648,
            min_disk=20,
            min_ram=0,
            checksum="d41d8cd98f00b204e9800998ecf8427e",
            created_at="2026-05-10T10:00:00Z",
            updated_at="2026-05-10T10:20:00Z",
            tags=("base", f"t{index % 7}"),
            properties=(("hw_disk_bus", "virtio"), ("os_distro", "ubuntu"), ("os_type", "linux")),
        )


def main(path: Path, count: int, allowed: str) -> None:
    """One of 25 images is shared with a stranger."""
    now = datetime.now(UTC)
    targets: list[Target] = []
    facts: dict[str, Facts] = {}
    not_told = Unseen(reason="Identity v2.0 cannot look up other projects", at=now)
    for index, image in enumerate(images(count)):
        target = Target(
            kind=Kind.IMAGE,
            id=image.id,
            name=image.name,
            cloud=CLOUD,
            region=REGION,
            owner=OWNER,
            attributes={
                "id": frozenset({image.id}),
                "name": frozenset({image.name}),
                "owner": frozenset({OWNER, "self"}),
                "visibility": frozenset({image.visibility}),
                "status": frozenset({image.status}),
                "region": frozenset({REGION}),
                "tag": frozenset(image.tags),
                **{f"property.{key}": frozenset({value}) for key, value in image.properties},
            },
        )
        projects = [] if image.visibility != "shared" else [allowed] if index % 25 else [allowed, STRANGER]
        members = MembersFact(members=tuple(Member(project=project, status="accepted") for project in projects))
        targets.append(target)
        seen: dict[Probe[Any], Observation] = {
            IMAGE: Seen(value=image, at=now),
            MEMBERS: Seen(value=members, at=now),
            MEMBER_PROJECTS: not_told,
        }
        facts[target.key] = Facts(seen, now)
    scope = CatalogScope(
        what="images", cloud=CLOUD, region=REGION, project=OWNER, pages=count // 1000 + 1, count=count, complete=True
    )
    auditor = Auditor(cloud=CLOUD, user="bench", project=OWNER, roles=("member",))
    write_recording(path, Discovery(catalogs=(scope,), auditors=(auditor,)), targets, facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
