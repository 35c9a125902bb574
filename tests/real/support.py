"""What the tests against a real OpenStack share: its users, the command line, a proxy, a search for secrets."""

import base64
import contextlib
import html
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pytest

from imagegate import sandbox
from imagegate.sandbox import layout, net

CI = os.environ.get("CI") == "true"
PROTECTED = "catalog-image-protected"
MEMBERS = "catalog-members-allowed"
_PATCH = "application/openstack-images-v2.1-json-patch"


# the sandbox and its users


@contextlib.contextmanager
def running(root: Path, **wanted: Any) -> Iterator[sandbox.Sandbox]:
    """A sandbox at ``root``, always taken down. Where none can be made: a skip with the reason, on CI a failure."""
    try:
        try:
            box = sandbox.up(root, **wanted)
        except sandbox.SandboxError as error:
            if CI:
                raise
            pytest.skip(f"no sandbox here: {error}")
        yield box
    finally:
        sandbox.down(root)


class User:
    """A user of the sandbox who talks to Keystone and one Glance themselves, past imagegate and past proxies."""

    def __init__(self, box: sandbox.Sandbox, name: str = "golden", region: str = "KR1") -> None:
        self.box, self.name, self.region = box, name, region
        self.project = box.projects[name]
        self._token: str | None = None

    @property
    def token(self) -> str:
        """A token of this user, made once."""
        if self._token is None:
            password = json.loads((self.box.root / layout.SECRETS).read_text())[self.name]
            user = {"name": self.name, "domain": {"id": "default"}, "password": password}
            body = {
                "auth": {
                    "identity": {"methods": ["password"], "password": {"user": user}},
                    "scope": {"project": {"id": self.project}},
                }
            }
            answer = net.request(self.box.ports["keystone"], "POST", "/v3/auth/tokens", body=body)
            assert answer.status == 201, answer.body
            self._token = answer.headers["x-subject-token"]
        return self._token

    def call(self, method: str, path: str, body: object = None, *, service: str | None = None, **headers: str) -> Any:
        """One request; an answer that is no success is an AssertionError."""
        port = self.box.ports[service or f"glance-{self.region}"]
        answer = net.request(port, method, path, body=body, headers={"X-Auth-Token": self.token, **headers})
        assert 200 <= answer.status < 300, (method, path, answer.status, answer.body[:300])
        return json.loads(answer.body) if answer.body[:1] in {b"{", b"["} else None

    def keystone(self, method: str, path: str, body: object = None) -> Any:
        """One request to Keystone."""
        return self.call(method, path, body, service="keystone")

    def create(self, name: str, **fields: Any) -> str:
        """A new image (without data); its id."""
        made = self.call("POST", "/v2/images", {"name": name, **fields})
        return str(made["id"])

    def get(self, image: str) -> dict[str, Any]:
        """An image as the API shows it."""
        return dict(self.call("GET", f"/v2/images/{image}"))

    def images(self) -> dict[str, dict[str, Any]]:
        """All images that this user sees in lists, by id."""
        found: dict[str, dict[str, Any]] = {}
        path: str | None = "/v2/images?limit=1000"
        while path:
            answer = self.call("GET", path)
            found.update({image["id"]: image for image in answer["images"]})
            path = answer.get("next")
        return found

    def change(self, image: str, **fields: Any) -> None:
        """Replace fields of an image."""
        edits = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in fields.items()]
        self.call("PATCH", f"/v2/images/{image}", json.dumps(edits).encode(), **{"Content-Type": _PATCH})

    def share(self, image: str, project: str) -> None:
        """Add a member."""
        self.call("POST", f"/v2/images/{image}/members", {"member": project})

    def unshare(self, image: str, project: str) -> None:
        """Remove a member."""
        self.call("DELETE", f"/v2/images/{image}/members/{project}")

    def answer(self, image: str, status: str) -> None:
        """Accept or reject an image that was shared with this user's project."""
        self.call("PUT", f"/v2/images/{image}/members/{self.project}", {"status": status})

    def members(self, image: str) -> dict[str, str]:
        """The members of a shared image of this user's: project and status."""
        return {row["member_id"]: row["status"] for row in self.call("GET", f"/v2/images/{image}/members")["members"]}

    def delete(self, image: str) -> None:
        """Delete an image, protected or not."""
        self.change(image, protected=False)
        self.call("DELETE", f"/v2/images/{image}")


Ledger = dict[str, tuple[Any, ...]]


def ledger(box: sandbox.Sandbox, region: str = "KR1") -> Ledger:
    """All rows that Glance's own database has about each image: what no API can hide. Equal means untouched."""
    rows: dict[str, list[Any]] = {}
    file = layout.database_file(box.root, f"glance-{region}", "glance")
    tables = {"images": "id", "image_members": "image_id", "image_properties": "image_id", "image_tags": "image_id"}
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        for table, key in tables.items():
            cursor = database.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
            names = [column[0] for column in cursor.description]
            for row in cursor:
                record = dict(zip(names, row, strict=True))
                rows.setdefault(record[key], []).append((table, tuple(record.items())))
    return {image: tuple(found) for image, found in rows.items()}


def grants(book: Ledger, image: str) -> dict[str, str]:
    """The member rows that are in force in the database, shown by the API or not: project and status."""
    records = [dict(record) for table, record in book[image] if table == "image_members"]
    return {row["member"]: row["status"] for row in records if not row["deleted"]}


# the command line


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run of the command line. ``argvs`` are those of all its processes, if they were watched."""

    code: int
    stdout: str
    stderr: str
    reports: Path
    argvs: frozenset[bytes]

    @property
    def folder(self) -> Path:
        """Where this run's reports are."""
        return (self.reports / "latest").resolve()

    @property
    def report(self) -> dict[str, Any]:
        """``report.json``, which must satisfy its schema."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        assert report["run"]["exit_code"] == self.code
        return report

    def findings(self, check: str, region: str = "KR1") -> dict[str, dict[str, Any]]:
        """The findings of one check in one region, by name of the target."""
        chosen = [f for f in self.report["findings"] if (f["check"], f["target"]["region"]) == (check, region)]
        named = {f["target"]["name"]: f for f in chosen}
        assert len(named) == len(chosen), "two targets of one name"
        return named

    def catalogs(self) -> dict[str, dict[str, Any]]:
        """What was seen of the catalogs, by region."""
        return {one["region"]: one for one in self.report["scope"]["catalog"]}


def validate(report: dict[str, Any]) -> None:
    """Hold a report against the schema that comes with imagegate."""
    from jsonschema import Draft202012Validator

    schema = json.loads(resources.files("imagegate").joinpath("schemas/report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    wrong = [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(schema).iter_errors(report)]
    assert wrong == []


def imagegate(
    *argv: object,
    cwd: Path,
    clouds: Path,
    env: dict[str, str] | None = None,
    watch: bool = False,
    module: str = "imagegate",
) -> Ran:
    """Run ``python -m imagegate ARGV`` (or another module) in its own process; reports go to ``cwd``/reports."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "PYTEST", "COVERAGE"))}
    environ = {**plain, "OS_CLIENT_CONFIG_FILE": str(clouds), **(env or {})}
    command = [sys.executable, "-m", module, *map(str, argv)]
    process = subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    argvs: set[bytes] = set()
    watcher = threading.Thread(target=_watch, args=(process, argvs), daemon=True)
    if watch:
        watcher.start()
    try:
        stdout, stderr = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        if watch:
            watcher.join()
    return Ran(
        code=process.returncode,
        stdout=stdout.decode(),
        stderr=stderr.decode(),
        reports=cwd / "reports",
        argvs=frozenset(argvs),
    )


def _watch(process: "subprocess.Popen[bytes]", argvs: set[bytes]) -> None:
    while process.poll() is None:
        for pid in _family(process.pid):
            with contextlib.suppress(OSError):
                argvs.add(Path(f"/proc/{pid}/cmdline").read_bytes())
        time.sleep(0.01)


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def write_policy(path: Path, *rules: tuple[dict[str, Any], dict[str, Any]], **more: Any) -> Path:
    """A policy of ``rules``: what they select of images, and what they require."""
    listed = [{"for": {"image": selector}, "require": required} for selector, required in rules]
    path.write_text(json.dumps({"policy": "test", "version": 1, "rules": listed, **more}, indent=1))
    return path


def day(offset: int) -> str:
    """Today (UTC) and so many days."""
    return f"{datetime.now(UTC).date() + timedelta(days=offset)}"


# a proxy in front of a service


class Proxy:
    """Passes requests on to a port, keeps count of what was answered, and lets a test strike at an exact moment.

    ``strike`` is called with the number of answers given back so far, right before the next request is passed on.
    ``mangle`` may make another answer of the one that came: path, headers of the request, answer.
    """

    def __init__(
        self,
        port: int,
        strike: Callable[["Proxy", int], None] | None = None,
        mangle: Callable[[str, dict[str, str], net.Answer], net.Answer] | None = None,
    ) -> None:
        self.upstream = port
        self.strike = strike
        self.mangle = mangle
        self.answers: list[tuple[str, str, int]] = []
        self.tokens: list[str] = []
        self.dead = False
        self.problem: Exception | None = None
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        if self.problem is not None:
            raise self.problem

    def die(self) -> None:
        """Refuse connections from now on, and close those that there are at their next request."""
        self.dead = True
        self._server.shutdown()
        self._server.server_close()

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> net.Answer | None:
        """Pass a request on; None if there is no answer to give back. One at a time: a strike meets none on its way."""
        with self.lock:
            if not self.dead and self.strike is not None:
                try:
                    self.strike(self, len(self.answers))
                except Exception as error:  # noqa: BLE001 - this thread is the server's: __exit__ raises it
                    self.problem = error
                    self.dead = True
            if self.dead:
                return None
            try:
                answer = net.request(self.upstream, method, path, body=body, headers=headers)
            except OSError:
                return None
            if self.mangle is not None:
                answer = self.mangle(path, headers, answer)
            self.answers.append((method, path, answer.status))
            return answer


class StrictGlance(Proxy):
    """A Glance that keeps what NHN Cloud's documents say: a protected image cannot be changed, but for ``/protected``.

    The real one behind it refuses only to delete it. Requests are passed on one at a time: nothing comes in between.
    """

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> net.Answer | None:
        if method == "PATCH" and re.fullmatch(r"/v2/images/[^/?]+", path):
            edits = json.loads(body or b"[]")
            token = {"X-Auth-Token": headers["X-Auth-Token"]}
            image = json.loads(net.request(self.upstream, "GET", path, headers=token).body)
            if image["protected"] and any(edit["path"] != "/protected" for edit in edits):
                self.answers.append((method, path, 403))
                text = b"<html><body><h1>403 Forbidden</h1>The image is protected.</body></html>"
                return net.Answer(status=403, headers={"content-type": "text/html"}, body=text)
        return super().ask(method, path, body, headers)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        hop = {"host", "connection", "content-length", "accept-encoding"}
        headers = {key: value for key, value in self.headers.items() if key.lower() not in hop}
        if (token := headers.get("X-Auth-Token")) and token not in self.proxy.tokens:
            self.proxy.tokens.append(token)
        answer = self.proxy.ask(self.command, self.path, body, headers)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            if key not in {"connection", "content-length", "transfer-encoding", "date", "server"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815


@contextlib.contextmanager
def rerouted(box: sandbox.Sandbox, service: str, port: int) -> Iterator[None]:
    """Let the service catalog of the real Keystone lead to ``port`` instead of a service's own."""
    admin = User(box, "admin")
    old, new = f":{box.ports[service]}", f":{port}"
    found = [e for e in admin.keystone("GET", "/v3/endpoints")["endpoints"] if old in e["url"]]
    assert found
    try:
        for endpoint in found:
            body = {"endpoint": {"url": endpoint["url"].replace(old, new)}}
            admin.keystone("PATCH", f"/v3/endpoints/{endpoint['id']}", body)
        yield
    finally:
        for endpoint in found:
            admin.keystone("PATCH", f"/v3/endpoints/{endpoint['id']}", {"endpoint": {"url": endpoint["url"]}})


# secrets


@dataclass(slots=True)
class Secrets:
    """Values and patterns that must not turn up anywhere, and the search for them.

    ``plant`` names a value; the search finds it plain and in the forms that programs give to values: base64 at any
    offset, hex, percent-encoded, escaped for JSON, Python and HTML, UTF-16. What is found is told by its label, never
    by its value.
    """

    values: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, "re.Pattern[bytes]"] = field(default_factory=dict)

    def plant(self, label: str, value: str) -> str:
        """A value that must not turn up; returns it."""
        assert len(value) >= 8, f"{label} is too short to be looked for"
        self.values[label] = value
        return value

    def forbid(self, label: str, pattern: bytes) -> None:
        """A pattern that must not turn up."""
        self.patterns[label] = re.compile(pattern)

    def leaks(self, place: str, content: bytes | str) -> list[str]:
        """What is found in ``content``, as ``label in place (form)``."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        lowered = data.lower()
        found = [
            f"{label} in {place} ({form})"
            for label, value in self.values.items()
            for form, needle in _forms(value)
            if needle in (lowered if form == "hex" else data)
        ]
        return found + [f"{label} in {place}" for label, pattern in self.patterns.items() if pattern.search(data)]

    def leaks_in_files(self, *places: Path) -> list[str]:
        """What is found in files, and in all files of folders; in their names too."""
        files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
        assert files, "nothing to search"
        found = [leak for file in files for leak in self.leaks(f"the name of {file.name}", file.name)]
        return found + [leak for file in files if file.is_file() for leak in self.leaks(str(file), file.read_bytes())]

    def leaks_of(self, ran: Ran) -> list[str]:
        """What is found in everything a run left: what it printed, its reports and journal, and its processes' argv."""
        found = self.leaks("stdout", ran.stdout) + self.leaks("stderr", ran.stderr)
        for argv in ran.argvs:
            found += self.leaks("argv", argv.replace(b"\0", b" "))
        return found + (self.leaks_in_files(ran.reports) if ran.reports.exists() else [])


def _forms(value: str) -> Iterable[tuple[str, bytes]]:
    raw = value.encode()
    forms = {
        "plain": raw,
        "hex": raw.hex().encode(),
        "percent": quote(value, safe="").encode(),
        "json": json.dumps(value)[1:-1].encode(),
        "repr": repr(value)[1:-1].encode(),
        "html": html.escape(value).encode(),
        "utf-16": value.encode("utf-16-le"),
    }
    for shift in range(3):  # the characters of base64 that depend on this value alone, wherever it begins
        coded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        inner = coded[(0, 2, 3)[shift] : -1]
        forms[f"base64+{shift}"] = inner
        forms[f"base64url+{shift}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return forms.items()
