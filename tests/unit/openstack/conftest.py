"""A small strict cloud in this process, for what real services cannot be made to do: lie, break off, hang, loop."""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from imagegate.transports.openstack import Limits, OpenStack

PROJECT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
PASSWORD = "correct horse {battery} staple"
QUICK = Limits(attempts=3, wait_initial_s=0.01, wait_max_s=0.2, connect_s=2, read_s=2, catalog_s=10, page=3)


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    status: int = 200
    json: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    claim: int | None = None
    """A Content-Length that is not the body's."""
    hang_s: float = 0
    """Silence before the answer."""
    trickle_s: float = 0
    """Silence after every byte."""


def html(status: int, text: str) -> Reply:
    page = f"<html>\n <head>\n  <title>{status} Error</title>\n </head>\n <body>\n  <h1>{status} Error</h1>\n  {text}"
    return Reply(
        status=status,
        body=f"{page}<br /><br />\n\n\n </body>\n</html>".encode(),
        headers={"Content-Type": "text/html; charset=UTF-8"},
    )


class FakeCloud:
    """Keystone v3, one Glance behind a path prefix per region, one Nova as NHN Cloud has it."""

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = []
        self.servers: list[dict[str, Any]] = []
        self.flavors: list[dict[str, Any]] = []
        self.members: dict[str, list[dict[str, Any]]] = {}
        self.tokens: set[str] = set()
        self.projects: dict[str, str] = {}
        self.others: set[str] = set()
        """Projects whose private images PROJECT does not see; it sees those of all others, as an administrator does."""
        self.log: list[Request] = []
        self.strange: list[str] = []
        self.hooks: list[Callable[[Request], Reply | None]] = []
        self.cap = 1000
        self.regions = {"image": ["KR1"], "compute": ["KR1"]}
        self.stop = threading.Event()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                cloud.handle(self)

            def log_message(self, *_: Any) -> None:
                pass

        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{verb}", Handler.handle_any)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # what tests say

    def image(self, **fields: Any) -> dict[str, Any]:
        number = len(self.images)
        record = {
            "id": str(uuid.UUID(int=number + 1)), "name": f"golden-{number}", "owner": PROJECT, "status": "active",
            "visibility": "private", "protected": False, "tags": [], "min_disk": 20, "min_ram": 0, "size": 1024,
            "created_at": f"2026-05-10T09:00:{number % 60:02}Z", "schema": "/v2/schemas/image", **fields,
        }  # fmt: skip
        self.images.append(record)
        return record

    def server_record(self, **fields: Any) -> dict[str, Any]:
        number = len(self.servers)
        record = {
            "id": str(uuid.UUID(int=1000 + number)), "name": f"web-{number}", "status": "SHUTOFF", "metadata": {},
            "tenant_id": PROJECT, "flavor": {"id": "f1", "links": []}, "image": "", "OS-EXT-STS:power_state": 4,
            "OS-EXT-STS:task_state": None, "OS-EXT-STS:vm_state": "stopped", **fields,
        }  # fmt: skip
        self.servers.append(record)
        return record

    def on(self, hook: Callable[[Request], Reply | None]) -> None:
        """``hook`` answers a request, or leaves it to the next one."""
        self.hooks.append(hook)

    def once(self, method: str, ending: str, *replies: Reply) -> None:
        """The next requests of this method to a path with this ending get these replies."""
        left = list(replies)

        def hook(request: Request) -> Reply | None:
            return left.pop(0) if left and request.method == method and request.path.endswith(ending) else None

        self.on(hook)

    def asks(self, request: Request) -> str:
        """The project of the token that came with a request."""
        return self.projects.get(request.headers.get("x-auth-token", ""), PROJECT)

    def sent(self, method: str, ending: str) -> int:
        return sum(1 for one in self.log if one.method == method and one.path.endswith(ending))

    # what the wire says

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length)
        parts = urlsplit(handler.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {key.lower(): value for key, value in handler.headers.items()}
        said = json.loads(raw) if raw and "json" in headers.get("content-type", "") else raw or None
        request = Request(handler.command, parts.path, query, headers, said)
        self.log.append(request)
        reply = next((one for hook in self.hooks if (one := hook(request)) is not None), None) or self.route(request)
        body = reply.body if reply.body is not None else b"" if reply.json is None else json.dumps(reply.json).encode()
        if reply.hang_s and self.stop.wait(reply.hang_s):
            return
        try:
            handler.send_response(reply.status)
            for key, value in {"Content-Type": "application/json", **reply.headers}.items():
                handler.send_header(key, value)
            handler.send_header("Content-Length", str(len(body) if reply.claim is None else reply.claim))
            handler.end_headers()
            if reply.trickle_s:
                for byte in body:
                    handler.wfile.write(bytes([byte]))
                    if self.stop.wait(reply.trickle_s):
                        return
            else:
                handler.wfile.write(body)
            if reply.claim is not None:
                handler.close_connection = True
        except OSError:
            handler.close_connection = True

    def route(self, request: Request) -> Reply:
        if request.path == "/v3/auth/tokens" and request.method == "POST":
            return self.log_in(request)
        if request.headers.get("x-auth-token") not in self.tokens:
            return html(401, "This server could not verify that you are authorized")
        pieces = request.path.strip("/").split("/")
        if request.method == "GET" and pieces[:1] == ["images-of"] and pieces[2:4] == ["v2", "images"]:
            return self.glance(request, pieces[4:])
        if request.method == "GET" and pieces[:1] == ["nova"] and pieces[2:4] == ["v2", self.asks(request)]:
            return self.nova(request, pieces[4:])
        if request.method == "GET" and pieces[:2] == ["v3", "projects"]:
            return Reply(403, {"error": {"message": "You are not authorized", "code": 403}})
        self.strange.append(f"{request.method} {request.path}")
        return html(404, "The resource could not be found.")

    def log_in(self, request: Request) -> Reply:
        identity = request.body["auth"]["identity"]["password"]["user"]
        if identity["password"] != PASSWORD:
            return Reply(401, {"error": {"message": "The request you have made requires authentication.", "code": 401}})
        token = uuid.uuid4().hex
        self.tokens.add(token)
        project = request.body["auth"].get("scope", {}).get("project", {}).get("id", PROJECT)
        self.projects[token] = project
        body = {
            "token": {
                "methods": ["password"],
                "user": {"id": "u1", "name": "auditor", "domain": {"id": "default", "name": "Default"}},
                "project": {"id": project, "name": "golden", "domain": {"id": "default", "name": "Default"}},
                "roles": [{"id": "r1", "name": "reader"}],
                "issued_at": "2026-06-01T00:10:20.000123Z",
                "expires_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 3600)),
                "catalog": self.catalog(project),
            }
        }
        return Reply(201, body, headers={"X-Subject-Token": token})

    def catalog(self, project: str = PROJECT) -> list[dict[str, Any]]:
        paths = {
            "image": "/images-of/{}",
            "compute": f"/nova/{{}}/v2/{project}",
            "volumev2": f"/cinder/{{}}/v2/{project}",
        }
        return [
            {
                "type": kind, "name": kind, "id": kind,
                "endpoints": [
                    {
                        "id": region, "interface": "public", "region": region, "region_id": region,
                        "url": self.url + paths[kind].format(region),
                    }
                    for region in regions
                ],
            }
            for kind, regions in self.regions.items()
        ]  # fmt: skip

    def glance(self, request: Request, rest: list[str]) -> Reply:
        if not rest:
            wanted = request.query.get("os_hidden") == "true"
            answers = ("accepted",) if request.query.get("member_status") != "all" else ("accepted", "pending", "rejected")
            whose = self.asks(request)
            rows = [
                one for one in self.images if bool(one.get("os_hidden")) is wanted and self.lists(one, answers, whose)
            ]
            page, problem = self.page(rows, request.query)
            if page is None:
                return html(400, problem)
            answer = {"images": page, "first": "/v2/images", "schema": "/v2/schemas/images"}
            if page and len(page) == int(request.query.get("limit", 25)):
                answer["next"] = "/v2/images?" + urlencode({**request.query, "marker": page[-1]["id"]})
            return Reply(json=answer)
        image = next((one for one in self.images if one["id"] == rest[0]), None)
        if image is None:
            return html(404, f"No image found with ID {rest[0]}")
        if rest[1:] == ["members"] and image["owner"] != self.asks(request):
            return html(403, "Not allowed to list members")
        if rest[1:] == ["members"]:
            return Reply(json={"members": self.members.get(rest[0], []), "schema": "/v2/schemas/members"})
        if rest[1:2] == ["members"]:
            row = next((one for one in self.members.get(rest[0], []) if one["member_id"] == rest[2]), None)
            return html(404, f"{rest[2]} not found in the member list") if row is None else Reply(json=row)
        return Reply(json=image)

    def lists(self, image: dict[str, Any], answers: tuple[str, ...], whose: str) -> bool:
        """Whether the default list has an image: of other projects' shared ones those that this one has so answered."""
        if image["owner"] == whose or image["visibility"] not in {"shared", "private"}:
            return True
        if image["visibility"] == "private":
            return whose == PROJECT and image["owner"] not in self.others
        if image["id"] not in self.members:
            return whose == PROJECT
        return any(row["member_id"] == whose and row["status"] in answers for row in self.members[image["id"]])

    def nova(self, request: Request, rest: list[str]) -> Reply:
        rows = {"servers": self.servers, "flavors": self.flavors}.get(rest[0], [])
        if rest[1:] == ["detail"]:
            page, problem = self.page(rows, request.query)
            return Reply(json={rest[0]: page}) if page is not None else Reply(400, {"badRequest": {"message": problem}})
        one = next((row for row in rows if row["id"] == rest[1]), None)
        return Reply(404, {"itemNotFound": {"message": "gone"}}) if one is None else Reply(json={rest[0][:-1]: one})

    def page(self, rows: list[Any], query: dict[str, str]) -> tuple[list[Any] | None, str]:
        limit = min(int(query.get("limit", 25)), self.cap)
        start = 0
        if "marker" in query:
            ids = [row["id"] if isinstance(row, dict) else None for row in rows]
            if query["marker"] not in ids:
                return None, f"No image found with ID {query['marker']}"
            start = ids.index(query["marker"]) + 1
        return rows[start : start + limit], ""


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Write a clouds.yaml that is the only one found; other ``OS_*`` variables are taken away."""
    for key in list(os.environ):
        if key.startswith("OS_"):
            monkeypatch.delenv(key)

    def write(clouds: Any) -> None:
        path = tmp_path / "clouds.yaml"
        path.write_text(clouds if isinstance(clouds, str) else json.dumps({"clouds": clouds}), encoding="utf-8")
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))

    return write


@pytest.fixture
def cloud(configured):
    """The fake cloud, configured as ``fake``; a request that it does not know is a failure of the test."""
    fake = FakeCloud()
    configured({"fake": entry(fake)})
    yield fake
    fake.close()
    assert fake.strange == []


def entry(fake: FakeCloud, **auth: Any) -> dict[str, Any]:
    return {
        "auth_type": "v3password",
        "auth": {
            "auth_url": f"{fake.url}/v3", "username": "auditor", "password": PASSWORD, "project_id": PROJECT,
            "user_domain_id": "default", **auth,
        },
    }  # fmt: skip


@pytest.fixture
def make_transport():
    """Transports with short waits and pages of 3; closed at the end."""
    made: list[OpenStack] = []

    def make(limits: Limits = QUICK) -> OpenStack:
        made.append(OpenStack(limits))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def transport(make_transport):
    return make_transport()


@pytest.fixture
def kit():
    """The helpers of this file, since test files cannot import it."""
    return Kit


class Kit:
    Reply = Reply
    html = staticmethod(html)
    entry = staticmethod(entry)
    QUICK = QUICK
    PROJECT = PROJECT
    PASSWORD = PASSWORD
