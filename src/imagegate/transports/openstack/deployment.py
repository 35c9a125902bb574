"""Which deployment an endpoint belongs to: what two entries of clouds.yaml must share to see the same things."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_VERSION = re.compile(r"v\d+(\.\d+)?")
_PORTS = {"http": 80, "https": 443}


def deployment_of(url: str, project: str) -> str | None:
    """Host, port where it is not the usual one, and path of an endpoint, without what differs between projects.

    The path ends before the API's version and the project's id: NHN Cloud's compute and block storage endpoints, as
    upstream's older ones, end in ``/v2/{tenantId}`` (also spelled ``AUTH_{project}``). None for what is no URL.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if not host:
        return None
    pieces = [piece for piece in parts.path.split("/") if piece]
    mine = {project, f"AUTH_{project}"}
    while pieces and (_VERSION.fullmatch(pieces[-1]) or unquote(pieces[-1]) in mine):
        pieces.pop()
    name = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(parts.scheme):
        name = f"{name}:{port}"
    return "/".join((name, *pieces))
