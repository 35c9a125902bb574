"""Copies the data of an image from one region to another through this machine, chunk by chunk.

What is begun is marked (``copies.MARKER``, with a random word of its own) from its creation to its end, and the mark is
taken away last, together with the protection that the policy wants: whatever ends this process, what is left in the
region is private, can be deleted, says what it is a copy of, and is recognised by the next run. Nothing that carries
another word than ours is ever changed, but for what the plan has seen as left over.

The image API takes the data of an image whole: a copy whose data had arrived is proved and finished by the next run,
one whose data had not is removed and begun again. A download that breaks off goes on where it was (a Range request).

Source: image API v2, "Create image", "Upload binary image data", "Download binary image data".
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError

from imagegate.copies import MARKER, Blueprint
from imagegate.errors import StepError
from imagegate.model import Facts
from imagegate.probes.copies import Content
from imagegate.probes.image import IMAGE
from imagegate.steps.call import Call
from imagegate.steps.copy import CopyImage
from imagegate.transports import Watch
from imagegate.transports.openstack.copies import parse_content
from imagegate.transports.openstack.failures import ApiError, root_cause
from imagegate.transports.openstack.fields import RecordError
from imagegate.transports.openstack.http import Service, retrying
from imagegate.transports.openstack.images import get_image, list_images
from imagegate.transports.openstack.limits import Deadline
from imagegate.transports.openstack.region import Region

CHUNK = 1 << 18
"""Bytes that are held at once, twice over."""
_PATCH = "application/openstack-images-v2.1-json-patch"
_BUSY = frozenset({"queued", "saving", "importing", "uploading"})
_POLL_S = 1.0


class Copier:
    """One copy, from beginning to end. ``run`` raises StepError; what it leaves behind then, the message names."""

    def __init__(self, home: Region, away: Region, step: CopyImage, seen: Facts, watch: Watch) -> None:
        self._home, self._away = _service(home, step), _service(away, step)
        self._regions = home, away
        self._step, self._seen, self._watch = step, seen, watch
        self._source = seen[IMAGE].id
        self._content: Content = seen[step.probe].source
        self._plan: Blueprint = step.plan(seen)
        self._word = secrets.token_hex(8)
        self._made = ""
        self._creating = False
        self._proved = False

    def run(self) -> None:
        """Finish what an earlier run left, where its data is whole; else remove it, and copy."""
        try:
            for copy in self._step.unfinished(self._seen):
                if not self._proved and self._take_over(copy.image.id):
                    self._made, self._proved = copy.image.id, True
            if not self._proved:
                self._copy()
            self._finish(self._made)
        except Exception as error:
            left = self._clean()
            if not isinstance(error, ApiError):
                raise
            summary = f"{self._step.summary}: {error.reason}"
            raise StepError(f"{summary}; {left}" if left else summary, changed=left is not None) from error

    def _copy(self) -> None:
        self._go_on()
        with _Stream(self._home, self._source, self._content, self._watch) as body:
            body.open()  # what may not be downloaded is not begun either
            self._creating = True
            self._made = self._create()
            self._send(self._made, body)
        self._prove(self._made)
        self._proved = True

    def _take_over(self, ident: str) -> bool:
        """Whether what is left over has all its data; if not, it is gone now. From here on it carries our word."""
        record = self._record(ident)
        if record is None:
            return False
        if not record.get(MARKER):
            raise ApiError(f"image {ident} was finished by somebody else meanwhile")
        whole = record.get("status") == "active" and self._content.same(_content(record)) is True
        if not whole:
            self._delete(ident)
            return False
        self._patch(ident, [{"op": "replace", "path": f"/{MARKER}", "value": self._word}])
        return True

    def _create(self) -> str:
        plan, step = self._plan, self._step
        body = {
            **dict(plan.properties),
            "name": plan.name,
            "visibility": "private",
            "disk_format": self._content.disk_format,
            "container_format": self._content.container_format,
            "min_disk": plan.min_disk,
            "min_ram": plan.min_ram,
            "tags": [tag for tag in plan.tags if not tag.startswith("_")],  # NHN Cloud refuses those
            step.terms.link: self._source,
            MARKER: self._word,
        }
        said = {key: value for key, value in body.items() if value is not None}
        call = Call(service="image", method="POST", path="/v2/images", body=said, accepts=frozenset({200, 201}))
        answer = self._away.create(call, self._away.url + call.path, self._soon())
        ident = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(ident, str) or not ident:
            raise ApiError("the answer does not say which image was created")
        return ident

    def _send(self, ident: str, body: _Stream) -> None:
        begun = time.monotonic()
        path = f"/v2/images/{quote(ident, safe='')}/file"
        said = {"Content-Type": "application/octet-stream"}
        try:
            with self._away.stream("PUT", path, accepts={200, 201, 204}, headers=said, body=body):
                pass
        except ApiError as error:
            if error.status is not None or not body.all_sent:
                raise
            # no answer, but all was sent: the service may still be at work on it
            self._wait(ident, max(time.monotonic() - begun, self._away.limits.stall_s), error)

    def _wait(self, ident: str, patience_s: float, silence: ApiError) -> None:
        end = time.monotonic() + patience_s
        while (record := self._record(ident)) is None or record.get("status") in _BUSY:
            self._go_on()
            if record is None or time.monotonic() > end:
                raise silence
            time.sleep(_POLL_S)

    def _prove(self, ident: str) -> None:
        """What the region says it holds is what was read."""
        record = self._record(ident) or {}
        if record.get("status") != "active":
            raise ApiError(f"the copy is {record.get('status', 'gone')} after the upload, not active")
        if self._content.same(_content(record)) is not True:
            raise ApiError("the copy has another checksum or size than its source: the upload was damaged")

    def _finish(self, ident: str) -> None:
        """Share it where it has to be shared; then, in one write, protect it and take the mark away."""
        if self._plan.members:
            self._patch(ident, [{"op": "replace", "path": "/visibility", "value": "shared"}])
        for project in self._plan.members or ():
            path = f"/v2/images/{quote(ident, safe='')}/members"
            self._write("POST", path, {"member": project}, accepts={200}, already={409})
        edits: list[dict[str, Any]] = [{"op": "remove", "path": f"/{MARKER}"}]
        if self._plan.protected:
            edits.append({"op": "replace", "path": "/protected", "value": True})
        self._patch(ident, edits)

    def _clean(self) -> str | None:
        """Remove what carries our word, if its data is not proved. Returns what is left and why, None if nothing is."""
        if not self._creating and not self._made:
            return None
        where = f"in region {self._step.terms.region}"
        try:
            if self._made:
                record = self._record(self._made)
                found = [] if record is None else [record]
            else:  # the answer to the creation may have been lost
                listing = list_images(self._away, self._soon(), {"owner": self._regions[1].project})
                if listing.problem:
                    raise ApiError(listing.problem)
                found = list(listing.records.values())
            for record in found:
                if record.get(MARKER) == self._word and not self._proved:
                    self._delete(str(record["id"]))
        except ApiError as error:
            what = f"image {self._made}" if self._made else "an image that was perhaps created"
            return (
                f"{what} ({self._plan.name}) {where} is half-made and could not be removed ({error.reason}); "
                "the next run takes care of it"
            )
        if self._proved:
            return f"image {self._made} ({self._plan.name}) {where} has all its data; the next run finishes it"
        return None

    def _go_on(self) -> None:
        if self._watch.cancelled.is_set():
            raise ApiError("interrupted", executed=False)

    def _record(self, ident: str) -> dict[str, Any] | None:
        try:
            return get_image(self._away, ident, self._soon())
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def _delete(self, ident: str) -> None:
        self._write("DELETE", f"/v2/images/{quote(ident, safe='')}", None, accepts={200, 204}, already={404})

    def _patch(self, ident: str, edits: list[dict[str, Any]]) -> None:
        self._write("PATCH", f"/v2/images/{quote(ident, safe='')}", edits, accepts={200}, content_type=_PATCH)

    def _write(self, method: Any, path: str, body: Any, *, accepts: set[int], **more: Any) -> None:
        already = frozenset(more.pop("already", ()))
        call = Call(
            service="image", method=method, path=path, body=body, accepts=frozenset(accepts), already=already, **more
        )
        self._away.write(call, self._away.url + path, self._soon())

    def _soon(self) -> Deadline:
        return Deadline.after(self._away.limits.read_s)


class _Stream:
    """The data of an image on its way: an iterable of chunks with a length, to be sent as a body, once.

    It is hashed while it passes, and the last chunk is held back until the hashes are those of the source's record:
    what was damaged on the way here never becomes a whole image there.
    """

    def __init__(self, service: Service, ident: str, content: Content, watch: Watch) -> None:
        self._service, self._content, self._watch = service, content, watch
        self._path = f"/v2/images/{quote(ident, safe='')}/file"
        self._size = content.size or 0
        self._read = 0
        self._begun = False
        self._hashes = [(hashlib.md5(usedforsecurity=False), content.checksum)]
        if content.hash_algo and content.hash_algo in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
            self._hashes.append((hashlib.new(content.hash_algo), content.hash_value))
        self._open = ExitStack()
        self._response: requests.Response | None = None
        self.all_sent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def open(self) -> None:
        """Begin the download. ApiError if it is refused, or could not be proved."""
        if not self._size or not self._content.known:
            raise ApiError("the source does not say how large it is and what its checksum is", executed=False)
        self._response = self._opened()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        if self._begun:
            raise ApiError("the region wanted the data a second time: the token was rejected", executed=False)
        self._begun = True
        held = b""
        for chunk in self._chunks():
            if held:
                yield held
            held = chunk
            for digest, _ in self._hashes:
                digest.update(chunk)
            self._watch.moved(self._read, self._size)
            if self._watch.cancelled.is_set():
                raise ApiError("interrupted", executed=False)
        told = [(digest.hexdigest(), said.lower()) for digest, said in self._hashes if said]
        if not told or any(got != said for got, said in told):
            raise ApiError("what was downloaded has another checksum or size than the source's record says")
        self.all_sent = True
        yield held

    def _chunks(self) -> Iterator[bytes]:
        """The data in order; a download that breaks off goes on where it was, so often as the limits say."""
        left = self._service.limits.attempts
        response = self._response or self._opened()
        while self._read < self._size:
            try:
                chunk = response.raw.read(min(CHUNK, self._size - self._read), decode_content=False)
                if not chunk:
                    raise ApiError("the source's data ended early", passing=True)
            except (HTTPError, OSError, ApiError) as error:
                left -= 1
                if left <= 0:
                    raise ApiError(f"the download broke off: {root_cause(error)}") from error
                response = self._opened()
                continue
            self._read += len(chunk)
            yield chunk

    def _opened(self) -> requests.Response:
        """The answer to a download from where we are."""
        self._open.close()
        headers = {"Accept-Encoding": "identity"}
        if self._read:
            headers["Range"] = f"bytes={self._read}-"
        limits = self._service.limits

        def ask() -> requests.Response:
            return self._open.enter_context(
                self._service.stream("GET", self._path, accepts={206 if self._read else 200}, headers=headers)
            )

        try:
            response = retrying(ask, limits=limits, deadline=Deadline.after(limits.stall_s))
        except ApiError as error:
            hint = " (does nhncloud_allow_download allow it?)" if error.status == 403 else ""
            raise ApiError(f"the download: {error.reason}{hint}", status=error.status) from error
        begin = f"bytes {self._read}-"
        if self._read and not response.headers.get("Content-Range", "").startswith(begin):
            raise ApiError("the download cannot go on where it broke off")
        return response


def _content(record: dict[str, Any]) -> Content:
    try:
        return parse_content(record)
    except RecordError as error:
        raise ApiError(str(error)) from error


def _service(region: Region, step: CopyImage) -> Service:
    if region.image is None:
        raise StepError(f"{step.summary}: region {region.name} has no image service", changed=False)
    return region.image
