"""A catalog with the faults that real catalogs have, made through the image API of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from imagegate.sandbox import Sandbox

_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """An image of the demo: its state, and what is wrong with it (None for a compliant one)."""

    name: str
    region: str
    fault: str | None
    protected: bool = True
    visibility: str = "shared"
    members: tuple[str, ...] = ("web-prod",)


IMAGES = (
    Planted(name="golden-web-20261101", region="KR1", fault=None),
    Planted(name="golden-web-20261115", region="KR1", fault="anybody in the project can delete it", protected=False),
    Planted(
        name="golden-db-20261110",
        region="KR1",
        fault="web-stage still has access; it never even accepted",
        members=("web-prod", "web-stage"),
    ),
    Planted(
        name="golden-app-20261112",
        region="KR1",
        fault="web-prod cannot boot it: the image was never shared",
        visibility="private",
        members=(),
    ),
    Planted(name="golden-web-20261115", region="KR2", fault="the copy lost its protection", protected=False),
    Planted(
        name="golden-legacy-2019",
        region="KR2",
        fault="shared too widely, but the policy waives it until the migration is over",
        members=("web-prod", "web-stage"),
    ),
    Planted(name="scratch-of-kim", region="KR1", fault=None, protected=False, visibility="private", members=()),
)
"""What the demo plants. The last one is no golden image: no rule selects it, and nothing may touch it."""


def plant(sandbox: Sandbox, token: str) -> None:
    """Make ``IMAGES`` with a token of the owner's project. Raises ``requests.RequestException``."""
    for image in IMAGES:
        _plant(f"http://127.0.0.1:{sandbox.ports[f'glance-{image.region}']}/v2/images", image, sandbox.projects, token)


def _plant(url: str, image: Planted, projects: Mapping[str, str], token: str) -> None:
    headers = {"X-Auth-Token": token}
    body = {
        "name": image.name,
        "visibility": image.visibility,
        "protected": image.protected,
        "disk_format": "raw",
        "container_format": "bare",
        "os_type": "linux",
    }
    made = requests.post(url, json=body, headers=headers, timeout=_TIMEOUT_S)
    made.raise_for_status()
    place = f"{url}/{made.json()['id']}"
    data = {**headers, "Content-Type": "application/octet-stream"}
    requests.put(f"{place}/file", data=b"\0" * 1024, headers=data, timeout=_TIMEOUT_S).raise_for_status()
    for member in image.members:
        answer = requests.post(
            f"{place}/members", json={"member": projects[member]}, headers=headers, timeout=_TIMEOUT_S
        )
        answer.raise_for_status()
