"""The images that instances were made from: each asked for once, whatever was listed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from imagegate.probes.origin import OriginImageFact
from imagegate.probes.server import ServerFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import as_json, text
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image, properties
from imagegate.transports.openstack.limits import Deadline

Record = Mapping[str, Any]

_GONE = {
    404: "image {} is gone, or not for this project to see (HTTP 404)",
    403: "image {} may not be looked at with these credentials (HTTP 403)",
}
_FIELDS = ("owner", "visibility", "name")
_PROPERTIES = ("release_date", "description", "os_type")


class Origins:
    """The records of images by id, as far as an origin needs them. What was asked for is kept for the run, also that
    the service refused; that it did not answer is not. Thread-safe."""

    def __init__(self) -> None:
        self._asked: dict[str, Future[Record]] = {}
        self._lock = threading.Lock()

    def learn(self, ident: str, record: Record) -> None:
        """Keep what a listing told."""
        known: Future[Record] = Future()
        known.set_result(_kept(record))
        with self._lock:
            self._asked[ident] = known

    def record(self, service: Service, ident: str, deadline: Deadline, *, fresh: bool = False) -> Record:
        """The record of an image: asked for if it is not known yet, or is to be ``fresh``. ApiError says why there is
        none."""
        with self._lock:
            pending = None if fresh else self._asked.get(ident)
            if pending is None:
                self._asked[ident] = mine = Future[Record]()
        if pending is None:
            self._ask(service, ident, deadline, mine)
            pending = mine
        try:
            return pending.result(timeout=max(deadline.left, 0))
        except TimeoutError as error:
            raise ApiError(f"image {ident}: no answer within {deadline.seconds:g} s", executed=False) from error

    def _ask(self, service: Service, ident: str, deadline: Deadline, answer: Future[Record]) -> None:
        try:
            record = get_image(service, ident, deadline)
        except BaseException as error:
            with self._lock:
                if not (isinstance(error, ApiError) and error.status) and self._asked.get(ident) is answer:
                    del self._asked[ident]
            answer.set_exception(error)
            if not isinstance(error, ApiError):
                raise
        else:
            answer.set_result(_kept(record))


def origin_of(
    server: ServerFact, origins: Origins, service: Service | None, project: str, deadline: Deadline, *, fresh: bool
) -> OriginImageFact:
    """The origin of ``server``, its image seen by ``project``. ApiError or RecordError where the image cannot be read;
    one that is gone leaves the server's own metadata."""
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
        record = origins.record(service, server.image_id, deadline, fresh=fresh)
    except ApiError as error:
        if error.status not in _GONE:
            raise ApiError(
                f"image {server.image_id}: {error.reason}", status=error.status, fault=error.fault
            ) from error
        return replace(fact, gone=_GONE[error.status].format(server.image_id))
    return replace(
        fact,
        public=text(record, "visibility") == "public" and text(record, "owner", null="") != project,
        release_date=_said(record, "release_date"),
        name=text(record, "name", null="") or None,
        description=_said(record, "description"),
    )


def _kept(record: Record) -> Record:
    """The few fields that are needed, so that a large catalog is not held twice."""
    custom = properties(record)
    fields = {key: record[key] for key in _FIELDS if key in record}
    return fields | {key: custom[key] for key in _PROPERTIES if key in custom}


def _said(record: Record, name: str) -> str | None:
    value = record.get(name)
    return None if value in (None, "") else value if isinstance(value, str) else as_json(value)
