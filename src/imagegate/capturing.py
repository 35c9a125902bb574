"""What a capture will do, decided from facts: by which API, born how, and why not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imagegate.codec import digest
from imagegate.errors import TargetError
from imagegate.judge import Pair
from imagegate.model import Facts, Finding, Kind, Probe, Seen, Target, Verdict
from imagegate.policy_model import Policy, select
from imagegate.probes.answer_file import AnswerFile
from imagegate.probes.file import File
from imagegate.probes.fstab import FstabProbe
from imagegate.probes.proxy import ProxyProbe
from imagegate.probes.server import SERVER, FlavorFact, ServerFact
from imagegate.probes.volume import VolumeFact
from imagegate.probes.windows_file import WindowsFile
from imagegate.result import ExitCode

ROOT_DEVICE = "/dev/vda"
MARK = "imagegate_capture"
"""The property of images that are made through the compute API; its value is the run's id."""


_FILES = (File, FstabProbe, ProxyProbe, WindowsFile, AnswerFile)
"""The probes that read files of a guest."""


class Way(StrEnum):
    """The API by which an instance is captured."""

    COMPUTE = "compute API, createImage"
    VOLUME = "block storage API, os-volume_upload_image"


WAYS = {"u2": Way.COMPUTE, **dict.fromkeys(("t2", "m2", "c2", "r2", "x1"), Way.VOLUME)}
"""By the flavor's type. NHN Cloud's compute API captures u2 only (local disk); the root disk of every other type is a
volume. Source: NHN Cloud, instance API guide, "Create an image"; block storage API guide, "Create an image"."""


class Stop(TargetError):
    """The capture goes no further. ``code`` is what that means for the exit code."""

    def __init__(self, reason: str, code: ExitCode = ExitCode.FAIL) -> None:
        self.reason = reason
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What an image is born with, where the API lets it."""

    visibility: str
    protected: bool


def way_of(flavor: FlavorFact) -> Way:
    """By which API an instance of this flavor is captured. ``Stop`` where nobody can know."""
    way = WAYS.get(flavor.type or "")
    if way is None:
        known = ", ".join(sorted(WAYS))
        reason = f"the type of flavor {flavor.name} is not known (known are {known})"
        raise Stop(f"{reason}: which API captures its root disk cannot be told", ExitCode.UNKNOWN)
    return way


def fit(server: ServerFact, way: Way) -> None:
    """``Stop`` unless the instance can be captured as it is now, whatever the policy lets pass."""
    if server.task_state is not None:
        raise Stop(f"the compute API is busy with the instance (task {server.task_state}): wait, then run again")
    if server.is_off:
        return
    if way is Way.COMPUTE:
        hint = "its local disk can only be captured when it is stopped: stop it, or use --fix --fix-level disruptive"
        raise Stop(f"the u2 instance is {server.status}: {hint} with capture-instance-stopped in the policy")
    if server.status not in {"ACTIVE", "SHUTOFF"}:
        raise Stop(f"the instance is {server.status}: it must be ACTIVE or SHUTOFF to be captured")


def root_volume(volumes: Sequence[VolumeFact]) -> VolumeFact:
    """The volume that the instance boots from. ``Stop`` if that is not certain."""
    bootable = [volume for volume in volumes if volume.bootable]
    roots = [volume for volume in bootable if volume.device == ROOT_DEVICE] or bootable
    if len(roots) != 1:
        said = ", ".join(f"{v.id} ({v.device or 'no device'}{', bootable' if v.bootable else ''})" for v in volumes)
        raise Stop(f"which volume is the root disk cannot be told; attached are {said or 'none'}", ExitCode.UNKNOWN)
    return roots[0]


def foreseen(name: str, *, cloud: str, region: str, project: str) -> Target:
    """The image as a target, before there is one. Tags and properties are not known yet."""
    attributes = {"name": name, "region": region, "visibility": "private", "status": "active"}
    return Target(
        kind=Kind.IMAGE,
        id="(to be made)",
        name=name,
        cloud=cloud,
        region=region,
        owner=project,
        attributes={
            **{key: frozenset({value}) for key, value in attributes.items()},
            "owner": frozenset({project, "self"}),
        },
        unseen=frozenset({"id", "tag", "property"}),
    )


def rules_for(policy: Policy, image: Target) -> list[Pair]:
    """What the policy will require of the image; those too that depend on what is not known yet."""
    return list(select(policy, [image]).pairs)


def birth(rules: Sequence[Pair]) -> Birth:
    """What the policy wants the image to be from the start: private, unless it must not be."""
    by_id = {pair.check.id: pair.params for pair in rules if pair.unseen is None}
    allowed = getattr(by_id.get("catalog-visibility-allowed"), "allowed", ["private"])
    visibility = "shared" if "private" not in allowed and "shared" in allowed else "private"
    return Birth(visibility=visibility, protected="catalog-image-protected" in by_id)


def changed(before: Facts, now: Facts) -> list[str]:
    """What is no longer as it was when the gate looked: the server's record, and the files that were looked at."""
    return [
        probe.key
        for probe, then in before.items()
        if _binds(probe)
        and isinstance(then, Seen)
        and isinstance(again := now.observation(probe), Seen)
        and digest(probe, then.value) != digest(probe, again.value)
    ]


def _binds(probe: Probe[Any]) -> bool:
    return probe == SERVER or isinstance(probe, _FILES)


def standing(findings: Sequence[Finding]) -> list[str]:
    """Why findings forbid a capture: fails that stand, and what could not be seen."""
    found = []
    for finding in findings:
        if finding.stands:
            found.append(f"{finding.check.id}: {'; '.join(f'{v.subject}: {v.actual}' for v in finding.violations)}")
        elif finding.verdict is Verdict.UNKNOWN and not finding.attested:
            found.append(f"{finding.check.id}: {finding.reason}")
    return found
