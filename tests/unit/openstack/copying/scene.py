"""Two regions of one cloud: the second a strict Glance that can fail on cue, and the copy that is made in it."""

import hashlib
import threading
import uuid
from dataclasses import replace

from imagegate.copies import Terms
from imagegate.model import Level, Phase
from imagegate.probes import CopiesProbe
from imagegate.steps import CopyImage
from imagegate.transports import Watch

DATA = bytes(range(256)) * 4096  # 1 MiB
MARK = "imagegate_copying"
PROBE = CopiesProbe(region="KR2", link="source_image_id", linked=True, checksum=True)


class Region2:
    """A Glance of KR2: as strict as upstream about what this needs. ``faults`` answer in its place, by verb."""

    def __init__(self, cloud, kit):
        self.kit = kit
        self.images = {}
        self.faults = {}
        self.log = []
        self.dies_at, self.does_it = None, False
        cloud.on(self.answer)

    def answer(self, request):
        if not request.path.startswith("/images-of/KR2/v2/images"):
            return None
        rest = request.path.split("/")[5:]
        verb = f"{request.method} {rest[-1] if len(rest) > 1 else 'image' if rest else 'images'}"
        self.log.append(verb)
        if self.dies_at is not None and len(self.log) > self.dies_at:
            if self.does_it:
                self.does_it = False
                self.do(request, rest)
            return self.kit.Reply(500)
        faults = self.faults.get(verb)
        fault = faults.pop(0) if faults else None
        if callable(fault):
            return fault(lambda: self.do(request, rest))
        return fault or self.do(request, rest)

    def do(self, request, rest):
        reply = self.kit.Reply
        if not rest and request.method == "GET":
            rows = [] if request.query.get("os_hidden") == "true" else list(self.images.values())
            return reply(json={"images": rows})
        if not rest:
            ident = str(uuid.uuid4())
            self.images[ident] = {
                "min_disk": 0, "min_ram": 0, "tags": [], **request.body, "id": ident, "owner": self.kit.PROJECT,
                "status": "queued", "protected": False, "size": None, "checksum": None,
                "created_at": "2026-06-01T00:00:00Z", "updated_at": "2026-06-01T00:00:00Z",
            }  # fmt: skip
            return reply(201, self.images[ident])
        image = self.images.get(rest[0])
        if image is None:
            return reply(404)
        if request.method == "PUT":
            assert image["status"] == "queued"
            if int(request.headers["content-length"]) != len(request.body or b""):
                return reply(400)
            image.update(status="active", size=len(request.body), checksum=hashlib.md5(request.body).hexdigest())
            return reply(204)
        if request.method == "PATCH":
            for edit in request.body:
                key = edit["path"].lstrip("/")
                assert (key in image) or edit["op"] == "add", "409"
                image.pop(key) if edit["op"] == "remove" else image.update({key: edit["value"]})
            return reply(json=image)
        if request.method == "DELETE":
            if image["protected"]:
                return reply(403)
            del self.images[rest[0]]
            return reply(204)
        if rest[1:] == ["members"]:
            assert image["visibility"] == "shared"
            if request.method == "GET":
                return reply(json={"members": image.get("_members", [])})
            image.setdefault("_members", []).append({"member_id": request.body["member"], "status": "pending"})
            return reply(json={})
        return reply(json=image)


class Act:
    """The copy of the one image of KR1."""

    def __init__(self, transport, **terms):
        self.transport = transport
        self.target = transport.discover({"fake": ["KR1"]}, what=("images",)).targets[0]
        said = Terms(region="KR2", link="source_image_id", **terms)
        self.probe = replace(PROBE, members=said.about_members)
        self.step = CopyImage(
            probe=self.probe, terms=said, subject="KR2", summary="copy", level=Level.DISRUPTIVE, phase=Phase.COPIES,
            why="test",
        )  # fmt: skip
        self.watch = Watch(moved=lambda done, total: self.moves.append((done, total)), cancelled=threading.Event())
        self.moves = []

    def look(self, fresh=True):
        return self.transport.look(self.target, self.step.reads, timeout_s=5, fresh=fresh)

    def __call__(self):
        self.transport.carry(self.target, self.step, self.look(), self.watch)


def look(transport, target, *probes, fresh=False):
    return transport.look(target, probes, timeout_s=5, fresh=fresh)
