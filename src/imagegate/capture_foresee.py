"""What can be told of a capture before anything is done: the API, the root volume, the name, what the policy wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from imagegate.capture_image import CALL_S, service_of
from imagegate.capturing import Stop, Way, birth, foreseen, root_volume, rules_for, way_of
from imagegate.judge import Pair, judge
from imagegate.model import Facts, Target, Verdict
from imagegate.policy_model import Policy
from imagegate.probes.catalog import NAMESAKES, NamesakesFact
from imagegate.probes.image import IMAGE, ImageFact
from imagegate.probes.server import FLAVOR, SERVER, ServerFact
from imagegate.probes.volume import VolumeFact
from imagegate.result import ExitCode
from imagegate.transports.openstack.actions import get_volume
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region
from imagegate.transports.openstack.servers import get_server
from imagegate.transports.openstack.siblings import ask_for_namesakes

_NAME = "catalog-name-conforms"


def the_way(region: Region, seen: Facts) -> tuple[Way, VolumeFact | None]:
    """By which API the instance is captured, and its root volume where that is what is captured. ``Stop`` where nobody
    can know; ApiError where the block storage API does not tell."""
    way = way_of(seen[FLAVOR])
    return way, _volume(region, seen[SERVER]) if way is Way.VOLUME else None


def _volume(region: Region, server: ServerFact) -> VolumeFact:
    if region.volume is None:
        raise Stop(
            f"flavor {server.flavor_name} has its root disk on a volume, and the service catalog has no block "
            f"storage service in region {region.name}",
            ExitCode.UNKNOWN,
        )
    record = get_server(service_of(region.compute), server.id, Deadline.after(CALL_S))
    listed = record.get("os-extended-volumes:volumes_attached")
    ids = [one["id"] for one in listed or () if isinstance(one, dict) and isinstance(one.get("id"), str)]
    volume = root_volume([get_volume(region.volume, one, server.id, Deadline.after(CALL_S)) for one in ids])
    if volume.status not in {"in-use", "available"}:
        raise Stop(f"the root volume {volume.id} is {volume.status}: wait, then run again")
    return volume


def foresee(
    policy: Policy, name: str, region: Region, *, instance: Target, way: Way, volume: VolumeFact | None,
    flavor: str, timeout_s: float,
) -> list[str]:  # fmt: skip
    """What will be done, line by line. ``Stop`` where it is clear already that it would not do: a name that is taken or
    that the policy does not let pass, a policy that is not about the image."""
    image = foreseen(name, cloud=region.cloud, region=region.name, project=region.project)
    rules = rules_for(policy, image)
    if not rules:
        reason = f"no rule of the policy is about an image called {name}: it would be judged by nothing"
        raise Stop(reason, ExitCode.NOTHING)
    fact = ImageFact(
        id="", name="", owner=region.project, mine=True, status="active", visibility="private", protected=False
    )
    others = ask_for_namesakes(service_of(region.image), fact, name, region.project, Deadline.after(CALL_S))
    if others.images:
        raise Stop(f"the name {name} is taken in {region.name}: by image {', '.join(others.images)}")
    _check_name(rules, image, replace(fact, name=name), others)
    force = f", root volume {volume.id}, force {str(volume.status == 'in-use').lower()}" if volume else ""
    planned = [
        f"judge the instance {instance.name} by the policy {policy.name}; mend it only with --fix",
        f"capture it as {name} through the {way} (flavor {flavor}{force})",
    ]
    if way is Way.VOLUME:
        wanted = birth(rules)
        planned.append(f"it is born {wanted.visibility} and {'protected' if wanted.protected else 'not protected'}")
    checks = ", ".join(dict.fromkeys(pair.check.id for pair in rules))
    return [
        *planned,
        f"wait until it is active, {timeout_s:g} s at most",
        f"make it comply with, and audit it by: {checks}",
    ]


def _check_name(rules: Sequence[Pair], image: Target, fact: ImageFact, others: NamesakesFact) -> None:
    now = datetime.now(UTC)
    facts = Facts({}, now).with_fact(IMAGE, fact).with_fact(NAMESAKES, others)
    for rule in rules:
        if rule.check.id == _NAME and rule.unseen is None:
            found = judge(replace(rule, target=image), facts, today=now.date())
            if found.verdict is Verdict.FAIL:
                wants = "; ".join(f"{v.expected}" for v in found.violations)
                raise Stop(f"the policy's {_NAME} would not let the name {fact.name} pass: it wants {wants}")
