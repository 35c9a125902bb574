"""The images that instances were made from: each asked for once, whatever was listed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from imagegate.probes.image import ImageFact
from imagegate.probes.server import ServerFact
from imagegate.probes.source_image import SourceImageFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError, optional_boolean
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image, parse_image
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.siblings import Siblings

Known = tuple[ImageFact, bool]
"""An image, and whether it is hidden."""


class Sources:
    """Images by id, as ``project`` sees them. What was asked for is kept for the run, also that the service refused or
    answered what cannot be read; that it did not answer is not. Thread-safe.

    ``ours`` are all projects that the run looks through: an image of one of them is ours. Set before the first look.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self.ours = frozenset({project})
        self._listed: dict[str, ImageFact] = {}
        self._hidden: set[str] = set()
        self._asked: dict[str, Future[Known]] = {}
        self._lock = threading.Lock()

    def learn(self, record: Mapping[str, Any], image: ImageFact) -> None:
        """Keep what a listing told, if it can be read. Before the first look."""
        hidden = record.get("os_hidden")
        if hidden is None or isinstance(hidden, bool):
            self._listed[image.id] = image
            if hidden:
                self._hidden.add(image.id)

    def listed(self, ident: str) -> ImageFact | None:
        """What a listing told of an image, None where it told nothing that can be read."""
        return self._listed.get(ident)

    def image(self, service: Service, ident: str, deadline: Deadline, *, fresh: bool) -> Known:
        """An image: asked for if it is not known yet, or is to be ``fresh``. ApiError or RecordError says why not."""
        if not fresh and ident in self._listed and ident not in self._asked:
            return self._listed[ident], ident in self._hidden
        with self._lock:
            pending = None if fresh else self._asked.get(ident)
            if pending is None:
                self._asked[ident] = mine = Future[Known]()
        if pending is None:
            self._ask(service, ident, deadline, mine)
            pending = mine
        try:
            return pending.result(timeout=max(deadline.left, 0))
        except TimeoutError as error:
            raise ApiError(f"no answer within {deadline.seconds:g} s", executed=False) from error

    def _ask(self, service: Service, ident: str, deadline: Deadline, answer: Future[Known]) -> None:
        try:
            record = get_image(service, ident, deadline)
            known = parse_image(record, self._project), bool(optional_boolean(record, "os_hidden"))
        except BaseException as error:
            with self._lock:
                if not _is_answer(error) and self._asked.get(ident) is answer:
                    del self._asked[ident]
            answer.set_exception(error)
            if not isinstance(error, ApiError | RecordError):
                raise
        else:
            answer.set_result(known)

    def of(
        self, server: ServerFact, service: Service, listed: Siblings | None, deadline: Deadline, *, fresh: bool
    ) -> SourceImageFact:
        """The image of ``server``; ApiError where it cannot be seen. One that is not there leaves the server's own
        metadata, which tells its name."""
        ident = server.image_id
        if ident is None:
            return SourceImageFact(image_id=None)
        try:
            image, hidden = self.image(service, ident, deadline, fresh=fresh)
        except ApiError as error:
            if error.status != 404:
                raise ApiError(f"image {ident}: {error.reason}", status=error.status, fault=error.fault) from error
            said = dict(server.metadata).get("image_name", "")
            gone = "gone, or no longer for this project to see (HTTP 404)"
            return SourceImageFact(image_id=ident, gone=gone, current=_newest(listed, said, ident))
        except RecordError as error:
            raise ApiError(f"image {ident}: {error}") from error
        if image.owner in self.ours and not image.mine:
            image = replace(image, mine=True)
        return SourceImageFact(image_id=ident, image=image, hidden=hidden, current=_newest(listed, image.name, ident))


def _is_answer(error: BaseException) -> bool:
    """Whether asking again would be answered the same."""
    refused = isinstance(error, ApiError) and error.status is not None and 400 <= error.status < 500
    return refused or isinstance(error, RecordError)


def _newest(listed: Siblings | None, name: str, ident: str) -> str | None:
    """The newest image of the family of ``name``, other than ``ident``; None where that is not known: it is advice."""
    if listed is None or not name:
        return None
    try:
        newest = listed.newest(name)
    except ApiError:
        return None
    return None if newest is None or newest[0] == ident else newest[1]
