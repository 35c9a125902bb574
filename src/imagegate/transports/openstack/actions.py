"""Requests that make or remove something: servers, and images of instances. Each is sent once, never repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from imagegate.probes.server import FlavorFact
from imagegate.probes.volume import VolumeFact
from imagegate.steps.call import Call
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.http import Reply, Service
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.servers import list_flavors, parse_flavor

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ACCEPTED = frozenset({200, 202, 204})


def create_server(service: Service, server: Mapping[str, Any], deadline: Deadline) -> str:
    """Ask for a server; its id. Source: compute API, "Create Server"."""
    call = Call(
        service="compute", method="POST", path="/servers", body={"server": dict(server)}, accepts=frozenset({200, 202})
    )
    return _made(service.ask(call, deadline), "server")


def delete_server(service: Service, ident: str, deadline: Deadline) -> None:
    """Ask for the end of a server; one that is gone is fine."""
    path = f"/servers/{quote(ident, safe='')}"
    call = Call(service="compute", method="DELETE", path=path, accepts=_ACCEPTED, already=frozenset({404}))
    service.ask(call, deadline)


def find_flavor(service: Service, wanted: str, deadline: Deadline) -> FlavorFact:
    """The flavor of this id or name. ApiError if there is none, or if the list cannot be read."""
    listing = list_flavors(service, deadline)
    flavors = [parse_flavor(record) for record in listing.records.values()]
    for flavor in flavors:
        if wanted in (flavor.id, flavor.name):
            return flavor
    if listing.problem:
        raise ApiError(f"the flavors of the {service.name}: {listing.problem}")
    names = ", ".join(sorted(flavor.name for flavor in flavors))
    raise ApiError(f"the {service.name} has no flavor {wanted}; it has {names or 'none'}")


def create_image(
    service: Service, server: str, name: str, properties: Mapping[str, str], deadline: Deadline
) -> str | None:
    """Ask the compute API for an image of a server; its id, None where the answer does not tell it.

    The id is in the header ``Location``, or from compute API 2.45 on in the body.
    """
    call = Call(
        service="compute",
        method="POST",
        path=f"/servers/{quote(server, safe='')}/action",
        body={"createImage": {"name": name, "metadata": dict(properties)}},
        accepts=frozenset({200, 202}),
    )
    reply = service.ask(call, deadline)
    if isinstance(reply.json, dict) and isinstance(reply.json.get("image_id"), str):
        return _uuid(reply.json["image_id"])
    return None if reply.location is None else _uuid(urlsplit(reply.location).path.rpartition("/")[2])


def get_volume(service: Service, ident: str, server: str, deadline: Deadline) -> VolumeFact:
    """One volume, as it is attached to ``server``. Source: block storage API, "Show a volume's details"."""
    answer = service.read(f"/volumes/{quote(ident, safe='')}", deadline)
    record = answer.get("volume") if isinstance(answer, dict) else None
    if not isinstance(record, dict) or record.get("id") != ident or not isinstance(record.get("status"), str):
        raise ApiError("the answer is not the record of this volume")
    attachments = record.get("attachments")
    devices = [
        one.get("device")
        for one in (attachments if isinstance(attachments, list) else ())
        if isinstance(one, dict) and one.get("server_id") == server
    ]
    device = devices[0] if devices and isinstance(devices[0], str) else None
    size = record.get("size")
    return VolumeFact(
        id=ident,
        status=record["status"],
        bootable=record.get("bootable") in ("true", True),
        size=size if isinstance(size, int) else None,
        device=device,
    )


def upload_volume(
    service: Service, volume: VolumeFact, name: str, *, visibility: str, protected: bool, deadline: Deadline
) -> str:
    """Ask the block storage API for an image of a volume; the image's id.

    ``force`` is set for a volume in use: a root volume is, even when its server is stopped. The microversion header is
    what upstream wants for ``visibility`` and ``protected``; NHN Cloud's API (v2) has no microversions.
    """
    body = {
        "image_name": name,
        "force": volume.status == "in-use",
        "disk_format": "qcow2",
        "container_format": "bare",
        "visibility": visibility,
        "protected": protected,
    }
    call = Call(
        service="volume",
        method="POST",
        path=f"/volumes/{quote(volume.id, safe='')}/action",
        body={"os-volume_upload_image": body},
        accepts=frozenset({200, 202}),
        headers=(("OpenStack-API-Version", "volume 3.1"),) if "/v3" in service.url else (),
    )
    reply = service.ask(call, deadline)
    said = reply.json.get("os-volume_upload_image") if isinstance(reply.json, dict) else None
    ident = said.get("image_id") if isinstance(said, dict) else None
    if not isinstance(ident, str):
        raise ApiError("the answer does not tell the image's id")
    return _uuid(ident)


def _made(reply: Reply, what: str) -> str:
    record = reply.json.get(what) if isinstance(reply.json, dict) else None
    ident = record.get("id") if isinstance(record, dict) else None
    if not isinstance(ident, str):
        raise ApiError(f"the answer does not tell the id of the {what}")
    return _uuid(ident)


def _uuid(text: str) -> str:
    """An id that goes into paths and commands. ApiError for what is none: the request was carried out all the same."""
    if not _UUID.fullmatch(text):
        raise ApiError("the answer's id is no UUID")
    return text
