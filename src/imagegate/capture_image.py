"""The image of a capture, after it was asked for: found in the catalog, waited for, read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from imagegate.capture_report import size_of
from imagegate.capture_state import State
from imagegate.capturing import MARK, Stop, Way
from imagegate.dates import moment
from imagegate.pauses import Waiting
from imagegate.probes.image import ImageFact
from imagegate.result import ExitCode
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.images import get_image, list_images, parse_image
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region
from imagegate.transports.openstack.transport import OpenStack

CALL_S = 60.0
_SKEW = timedelta(minutes=5)
"""How far our clock and the cloud's may be apart."""
_COMING = frozenset({"queued", "saving", "importing", "uploading"})

Say = Callable[[str], None]


class Reached:
    """The region of a capture, with connections that are closed at the end."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._cloud = OpenStack()

    def __enter__(self) -> Region:
        cloud, region = self._state.cloud or "", self._state.region or ""
        try:
            return self._cloud.reach(cloud, region, what=("images", "servers"))
        except BaseException:
            self._cloud.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._cloud.close()


def service_of(service: Service | None) -> Service:
    """The service. ApiError where the service catalog has it no more."""
    if service is None:
        raise ApiError("a service of the region is gone from the service catalog")
    return service


def read_image(region: Region, ident: str) -> ImageFact:
    """The image's record."""
    return parse_image(get_image(service_of(region.image), ident, Deadline.after(CALL_S)), region.project)


def find_image(region: Region, state: State, patience_s: float, say: Say) -> str | None:
    """The image that the capture asked for, as the catalog shows it: by its mark, or by its name where the API takes no
    mark. Looks again for ``patience_s``. ``Stop`` where that cannot be told."""
    waiting = Waiting(patience_s, say)
    while True:
        listing = list_images(service_of(region.image), Deadline.after(CALL_S), {"owner": region.project})
        found = [ident for ident, record in listing.records.items() if _asked_for(record, state)]
        if len(found) > 1:
            raise Stop(f"several images may be the one: {', '.join(found)}", ExitCode.FIX_FAILED)
        if found:
            return found[0]
        if waiting.left <= 0:
            if listing.problem:
                raise Stop(f"the images cannot all be listed: {listing.problem}", ExitCode.FIX_FAILED)
            return None
        waiting.pause(f"the catalog shows no image {state.name} yet")


def _asked_for(record: dict[str, Any], state: State) -> bool:
    if state.way == Way.COMPUTE.value:
        return bool(record.get(MARK) == state.run)
    made, asked = moment(str(record.get("created_at"))), moment(state.asked_at)
    return record.get("name") == state.name and made is not None and asked is not None and made >= asked - _SKEW


class Wait:
    """Waits for an image's data. ``image`` is what was seen of it last."""

    def __init__(self, region: Region, ident: str, *, timeout_s: float, say: Say) -> None:
        self.image: ImageFact | None = None
        self._region = region
        self._ident = ident
        self._say = say
        self._waiting = Waiting(timeout_s, say)

    def until_active(self) -> None:
        """Return when the image is active. ``Stop`` when it never will be, or not in time."""
        while not self._is_active():
            if self._waiting.left <= 0:
                waited = f"{self._waiting.seconds:g} s"
                raise Stop(f"image {self._ident} is not active after {waited}", ExitCode.FIX_FAILED)
            status = "not to be seen" if self.image is None else self.image.status
            self._waiting.pause(f"image {self._ident} is {status}")

    def _is_active(self) -> bool:
        try:
            self.image = read_image(self._region, self._ident)
        except ApiError as error:
            if error.status == 404:
                reason = f"image {self._ident} is gone: the cloud gave its data up"
                raise Stop(reason, ExitCode.FIX_FAILED) from error
            if self._waiting.left <= 0:
                raise
            return False  # it may pass, and the deadline is watched
        if self.image.status == "active":
            self._say(f"image {self._ident} is active, {size_of(self.image.size)}")
            return True
        if self.image.status not in _COMING:
            reason = f"image {self._ident} is {self.image.status}: it will never be active"
            raise Stop(reason, ExitCode.FIX_FAILED)
        return False
