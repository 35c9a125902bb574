"""Server records in Nova for the guests of a sandbox."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from imagegate.sandbox import layout, net
from imagegate.sandbox.errors import SandboxError
from imagegate.sandbox.model import AnySpec, BaseImage

_LIMIT = 120
_POLL = 0.05


def token(ports: Mapping[str, int], project_id: str, user: str, password: str) -> str:
    """A token of Keystone (v3) for ``user`` in the project."""
    identity = {
        "methods": ["password"],
        "password": {"user": {"name": user, "password": password, "domain": {"id": "default"}}},
    }
    body = {"auth": {"identity": identity, "scope": {"project": {"id": project_id}}}}
    return _ask(ports["keystone"], "POST", "/v3/auth/tokens", body=body).headers["x-subject-token"]


def ask_once(ports: Mapping[str, int], projects: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    """One request to each Glance, one after the other, before anybody else asks.

    Keystone makes its policy enforcer when it first validates a token; two first ones at once find it half made, it
    answers 500, and Glance 401 (seen in 3 of 7 starts under load).
    """
    glances = [ports[name] for name in layout.GLANCES if name in ports]
    if "keystone" in ports and glances:
        owner = token(ports, projects[layout.OWNER], layout.OWNER, passwords[layout.OWNER])
        for port in glances:
            _ask(port, "GET", "/v2/images?limit=1", headers={"X-Auth-Token": owner})


def create(
    ports: Mapping[str, int], projects: Mapping[str, str], passwords: Mapping[str, str], specs: Sequence[AnySpec]
) -> None:
    """Create a server for each guest in the owner's project and wait until all are ACTIVE."""
    glance = ports[f"glance-{layout.NOVA_REGION}"]
    nova = ports["nova"]
    admin = token(ports, projects[layout.ADMIN], layout.ADMIN, passwords[layout.ADMIN])
    owner = token(ports, projects[layout.OWNER], layout.OWNER, passwords[layout.OWNER])
    images = {image: _base_image(glance, admin, image) for image in dict.fromkeys(spec.image for spec in specs)}
    headers = {"X-Auth-Token": owner, "X-OpenStack-Nova-API-Version": "2.37"}
    listed = _ask(nova, "GET", "/v2.1/flavors", headers=headers).json()["flavors"]
    flavors = {flavor["name"]: flavor["id"] for flavor in listed}
    waiting = {}
    for spec in specs:
        server: dict[str, Any] = {
            "name": spec.name,
            **_disk(images[spec.image], spec.volume_gb),
            "flavorRef": flavors[spec.flavor],
            "networks": "none",
            "metadata": spec.server_metadata,
        }
        answer = _ask(nova, "POST", "/v2.1/servers", body={"server": server}, headers=headers)
        waiting[answer.json()["server"]["id"]] = spec.name
    _wait_active(nova, headers, waiting)


def _disk(image: str, volume_gb: int | None) -> dict[str, Any]:
    """What a server boots from: its image, or a volume with it."""
    if volume_gb is None:
        return {"imageRef": image}
    volume = {
        "uuid": image, "source_type": "image", "destination_type": "volume", "boot_index": 0, "volume_size": volume_gb,
        "delete_on_termination": True,
    }  # fmt: skip
    return {"block_device_mapping_v2": [volume]}


def stop(ports: Mapping[str, int], projects: Mapping[str, str], password: str, name: str) -> None:
    """Tell Nova to stop the server ``name``, as its owner; one that is off, or on its way there, is left alone."""
    nova = ports["nova"]
    headers = {"X-Auth-Token": token(ports, projects[layout.OWNER], layout.OWNER, password)}
    for server in _ask(nova, "GET", "/v2.1/servers/detail", headers=headers).json()["servers"]:
        if server["name"] == name and server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None:
            _ask(nova, "POST", f"/v2.1/servers/{server['id']}/action", body={"os-stop": None}, headers=headers)


def _wait_active(nova: int, headers: dict[str, str], waiting: dict[str, str]) -> None:
    deadline = time.monotonic() + _LIMIT
    while waiting:
        for server_id, name in list(waiting.items()):
            server = _ask(nova, "GET", f"/v2.1/servers/{server_id}", headers=headers).json()["server"]
            if server["status"] == "ERROR":
                message = f"Nova could not make the server {name}: {server.get('fault', {}).get('message')}"
                raise SandboxError(message)
            if server["status"] == "ACTIVE":
                del waiting[server_id]
        if waiting and time.monotonic() > deadline:
            message = f"Nova did not make the servers {', '.join(waiting.values())} active within {_LIMIT} s."
            raise SandboxError(message)
        time.sleep(_POLL)


def _base_image(glance: int, admin_token: str, image: BaseImage) -> str:
    """Make a public image of the cloud's operator, which the guests' servers name as their source; its id."""
    headers = {"X-Auth-Token": admin_token}
    record = {
        "name": image.name,
        "visibility": "public",
        "disk_format": "raw",
        "container_format": "bare",
        **dict(image.properties),
    }
    image_id = str(_ask(glance, "POST", "/v2/images", body=record, headers=headers).json()["id"])
    _ask(glance, "PUT", f"/v2/images/{image_id}/file", body=b"\0" * 1024, headers=headers)
    return image_id


def _ask(
    port: int, method: str, path: str, *, body: object = None, headers: dict[str, str] | None = None
) -> net.Answer:
    answer = net.request(port, method, path, body=body, headers=headers)
    if answer.status >= 300:
        text = answer.body[:500].decode(errors="replace")
        message = f"The sandbox's service on port {port} answered {answer.status} to {method} {path}: {text}"
        raise SandboxError(message)
    return answer
