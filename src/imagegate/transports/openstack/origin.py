"""What tells which image of the cloud's own an instance was made from: that image's record, and the server's."""

from __future__ import annotations

from dataclasses import replace

from imagegate.probes.origin import OriginImageFact
from imagegate.probes.server import ServerFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import said
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.sources import Sources

_GONE = {
    404: "image {} is gone, or not for this project to see (HTTP 404)",
    403: "image {} may not be looked at with these credentials (HTTP 403)",
}


def origin_of(
    server: ServerFact, sources: Sources, service: Service | None, deadline: Deadline, *, fresh: bool
) -> OriginImageFact:
    """The origin of ``server``. ApiError where its image cannot be read; one that is gone leaves the server's own
    metadata."""
    metadata = dict(server.metadata)
    fact = OriginImageFact(
        image_id=server.image_id,
        server_name=metadata.get("image_name") or None,
        server_description=metadata.get("description") or None,
    )
    if server.image_id is None:
        return fact
    if service is None:
        raise ApiError("the region has no image service")
    try:
        image, _ = sources.image(service, server.image_id, deadline, fresh=fresh)
    except ApiError as error:
        if error.status not in _GONE:
            raise ApiError(
                f"image {server.image_id}: {error.reason}", status=error.status, fault=error.fault
            ) from error
        return replace(fact, gone=_GONE[error.status].format(server.image_id))
    except RecordError as error:
        raise ApiError(f"image {server.image_id}: {error}") from error
    return replace(
        fact,
        public=image.visibility == "public" and not image.mine,
        release_date=said(image, "release_date"),
        name=image.name or None,
        description=said(image, "description"),
    )
