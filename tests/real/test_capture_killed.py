"""``imagegate capture`` killed (-9) at each of its steps: its files name what exists and what is open, and it is finished.

The requests of the capture pass through proxies that kill it: before a request is passed on, or when it has been
answered. Nothing else of the process happens between two requests that anybody outside could tell apart.
``IMAGEGATE_KILLED=all`` kills it at all points of the table, and before and after every single request.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.real.guests import Compute
from tests.real.support import Proxy, User, rerouted, running, validate

from imagegate.capture_left import left_behind
from imagegate.capture_state import read_state
from imagegate.sandbox import net

pytestmark = pytest.mark.real

ALL = os.environ.get("IMAGEGATE_KILLED") == "all"
NAME = "web-01"
SERVICES = ("nova", "glance-KR1", "glance-KR2")
NUMBERS = itertools.count()

COMMANDS = """
import json, os, sys
import imagegate.commands.capture, imagegate.commands.undo, imagegate.cli
import imagegate.capture, imagegate.pytest_gate, imagegate.undo_run
import imagegate.transports.openstack.copying, imagegate.report.terminal, rich.console
out = os.dup(1)
os.dup2(2, 1)
for line in sys.stdin:
    argv = json.loads(line)
    child = os.fork()
    if child == 0:
        code = imagegate.cli.main(argv)
        sys.stdout.flush()
        os._exit(code)
    os.write(out, f"pid {child}\\n".encode())
    os.write(out, f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n".encode())
"""
"""The command line in a child for each line of stdin. What it needs is imported once."""


# the traps


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of the capture, and where its files stood then."""

    service: str
    method: str
    path: str
    body: str
    stage: str
    gated: bool
    verified: int

    def is_a(self, words):
        """Whether it is what ``words`` say: service, method, end of the path, and a text of the body."""
        service, method, path, *text = words.split()
        here = self.path.partition("?")[0]
        fits = path == "*" or here.endswith(path)
        return (self.service, self.method) == (service, method) and fits and all(one in self.body for one in text)


class Trap:
    """Kills a process at a request. ``when`` gets the requests so far, the one at hand last."""

    def __init__(self, reports):
        self.reports = reports
        self.set()

    def set(self, when=None, *, after=False):
        """Wait for another one; None: only count."""
        self.when, self.after = when, after
        self.pid, self.run, self.sprung = None, None, False
        self.requests = []

    def note(self, service, method, path, body):
        state = {}
        if self.run is None:
            self.run = next((p.parent.name for p in self.reports.glob("*Z-*/capture.json")), None)
        if self.run is not None:
            state = json.loads((self.reports / self.run / "capture.json").read_text())
        journals = [p.read_text() for p in self.reports.glob(f"{self.run}-*/journal.jsonl")]
        text = body.decode() if body and len(body) < 4096 and body[:1] in b"{[" else ""
        request = Request(
            service=service, method=method, path=path, body=text, stage=state.get("stage", "gate"),
            gated=state.get("gate") is not None, verified=sum(one.count('"verified"') for one in journals),
        )  # fmt: skip
        self.requests.append(request)
        return request

    def spring(self, *, after):
        """Kill, if this is the moment; whether it was."""
        if self.when is None or self.sprung or after != self.after or not self.when(self.requests):
            return False
        while self.pid is None:
            time.sleep(0.001)
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(FileNotFoundError):
            while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                time.sleep(0.001)
        self.sprung = True
        return True


class Front(Proxy):
    """A service of the sandbox behind a trap."""

    def __init__(self, port, service, trap):
        super().__init__(port)
        self.service, self.trap = service, trap

    def ask(self, method, path, body, headers):
        self.trap.note(self.service, method, path, body)
        if self.trap.spring(after=False):
            return None
        answer = super().ask(method, path, body, headers)
        return None if self.trap.spring(after=True) else answer


# the scene


class Scene:
    """A u2 instance without a guest, a policy with all kinds of fixes, and the command line."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.reports = folder / "reports"
        self.reports.mkdir()
        self.compute = Compute(box)
        self.here, self.there = User(box, "golden", "KR1"), User(box, "golden", "KR2")
        self.prod = User(box, "web-prod")
        self.trap = Trap(self.reports)
        self._make_server()
        environ = dict(os.environ, OS_CLIENT_CONFIG_FILE=str(box.clouds_yaml), XDG_STATE_HOME=str(folder / "state"))
        with (folder / "said.log").open("wb") as log:
            self.commands = subprocess.Popen(
                [sys.executable, "-c", COMMANDS], cwd=folder, env=environ, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def _make_server(self):
        admin = User(self.box, "admin")
        record = {"name": "base", "visibility": "public", "disk_format": "raw", "container_format": "bare"}
        base = admin.create(**record)
        admin.call("PUT", f"/v2/images/{base}/file", b"\0" * 1024)
        headers = {**self.compute.headers, "X-OpenStack-Nova-API-Version": "2.37"}
        listed = net.request(self.compute.port, "GET", "/v2.1/flavors", headers=headers).json()["flavors"]
        flavor = next(one["id"] for one in listed if one["name"] == "u2.c1m2")
        server = {"name": NAME, "imageRef": base, "flavorRef": flavor, "networks": "none"}
        made = net.request(self.compute.port, "POST", "/v2.1/servers", body={"server": server}, headers=headers)
        assert made.status == 202, made.body
        wait(lambda: self.compute.server(NAME)["status"] == "ACTIVE")

    def policy(self):
        """A policy for an image with a name of its own; and that name."""
        name = f"golden-k{next(NUMBERS)}"
        checks = {
            "catalog-image-protected": None,
            "catalog-members-allowed": {"require": [{"project": self.prod.project}]},
            "catalog-properties-conform": {"properties": {"role": "web"}},
            "catalog-copies-complete": {"regions": ["KR2"], "copy_missing": True},
            "catalog-status-usable": None,
        }
        text = {
            "policy": "golden",
            "version": 1,
            "scope": {"clouds": {"sandbox": ["KR1"]}},
            "rules": [
                {"for": {"instance": {"name": NAME}}, "require": {"capture-instance-stopped": None}},
                {"for": {"image": {"name": f"{name}*", "owner": "self", "region": "KR1"}}, "require": checks},
                {
                    "for": {"image": {"property.image_type": "snapshot", "region": "KR1"}},
                    "require": {"catalog-name-conforms": {"pattern": ".*-[0-9]{8}", "rename": "{name}-20261123"}},
                },
            ],
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(text))
        return name, path

    def command(self, *argv):
        """Run the command line; the exit code."""
        self.commands.stdin.write(json.dumps([*map(str, argv), "--report-dir", str(self.reports)]) + "\n")
        self.commands.stdin.flush()
        self.trap.pid = int(self.commands.stdout.readline().split()[1])
        return int(self.commands.stdout.readline().split()[1])

    def said(self):
        return (self.folder / "said.log").read_text()[-4000:]

    def capture(self, when=None, *, after=False):
        """A capture that is killed where ``when`` says so; its name."""
        if self.compute.server(NAME)["status"] != "ACTIVE":
            self.compute.act(NAME, {"os-start": None}, "ACTIVE")
        for folder in self.reports.iterdir():
            folder.rename(self.folder / f"old-{folder.name}-{next(NUMBERS)}")
        name, policy = self.policy()
        self.trap.set(when, after=after)
        code = self.command(
            "capture", NAME, "--name", name, "--policy", policy, "--fix", "--fix-level", "disruptive"
        )  # fmt: skip
        assert code == (0 if when is None else -signal.SIGKILL), self.said()
        return name

    def resume(self, when=None, *, after=False):
        """Go on, to the end or to the next point; the exit code."""
        run = self.run
        self.trap.set(when, after=after)
        code = self.command("capture", "--resume", run)
        assert when is None or code == -signal.SIGKILL, (code, self.said())
        return code

    @property
    def run(self):
        (path,) = self.reports.glob("*Z-*/capture.json")
        return path.parent.name

    @property
    def report(self):
        report = json.loads((self.reports / self.run / "report.json").read_text())
        validate(report)
        return report

    def images(self, name):
        """The images of the capture: in its own region, and copies."""
        both = (self.here.images().values(), self.there.images().values())
        return tuple([one for one in images if one["name"].startswith(name)] for images in both)

    def assert_finished(self, name):
        """Whatever went before: there is one image and one copy of it, as the policy wants them."""
        (image,), (copy,) = self.images(name)
        assert (image["name"], image["status"], image["protected"]) == (f"{name}-20261123", "active", True)
        assert (image["visibility"], image["role"]) == ("shared", "web")
        assert list(self.here.members(image["id"])) == [self.prod.project]
        assert (copy["status"], copy["source_image_id"], copy["protected"]) == ("active", image["id"], True)
        assert "imagegate_copying" not in copy
        state = read_state(self.reports / self.run)
        assert (state.stage, state.image) == ("done", image["id"])
        assert self.compute.server(NAME)["status"] == "SHUTOFF"
        assert (self.report["capture"]["left"], self.report["capture"]["image"]["id"]) == (None, image["id"])

    def clear(self, name):
        for user, images in zip((self.here, self.there), self.images(name), strict=True):
            for image in images:
                user.delete(image["id"])


def wait(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    with running(folder / "run") as box:
        made = Scene(box, folder)
        with contextlib.ExitStack() as fronts:
            for service in SERVICES:
                front = fronts.enter_context(Front(box.ports[service], service, made.trap))
                fronts.enter_context(rerouted(box, service, front.port))
            yield made
        made.commands.kill()
        with made.commands:
            made.commands.wait()


# the points


def at(words, count=1):
    """The n-th request that is what ``words`` say."""
    return lambda requests: requests[-1].is_a(words) and sum(one.is_a(words) for one in requests) == count


def audited(requests):
    return any(one.is_a(FINISH) for one in requests) and requests[-1].is_a("glance-KR1 GET /members")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where the capture is killed, and what must stand in its files then.

    ``made`` is how many images there are in the instance's region and in the other one; ``open`` what the journal says
    of the step that is under way. ``ci``: on its own on every CI run too, not only one after the other.
    """

    name: str
    when: object
    after: bool = False
    stage: str
    made: tuple[int, int] = (1, 0)
    open: str | None = None
    ci: bool = False


STOP, ASK = "nova POST /action os-stop", "nova POST /action createImage"
PROPERTY, RENAME = "glance-KR1 PATCH * /role", "glance-KR1 PATCH * /name"
SHARE, MEMBER, PROTECT = "glance-KR1 PATCH * /visibility", "glance-KR1 POST /members", "glance-KR1 PATCH * /protected"
COPY, DATA, FINISH = "glance-KR2 POST /v2/images", "glance-KR2 PUT /file", "glance-KR2 PATCH * imagegate_copying"
COPYING = "copy the image to region KR2"

POINTS = (
    Point(name="before the stop", when=at(STOP), stage="gate", made=(0, 0), open="stop the instance"),
    Point(name="stopped", when=at(STOP), after=True, stage="gate", made=(0, 0), open="stop the instance"),
    Point(name="gate done", when=lambda all_: all_[-1].gated, stage="gate", made=(0, 0)),
    Point(name="before the request", when=at(ASK), stage="asking", made=(0, 0), ci=True),
    Point(name="answer lost", when=at(ASK), after=True, stage="asking"),
    Point(name="made", when=lambda all_: all_[-1].stage == "made", stage="made"),
    Point(name="waiting", when=lambda all_: all_[-1].stage == "made", after=True, stage="made"),
    Point(name="active", when=lambda all_: all_[-1].stage == "active", stage="active"),
    Point(name="before the property", when=at(PROPERTY), stage="active", open="set property role"),
    Point(name="property set", when=at(PROPERTY), after=True, stage="active", open="set property role"),
    Point(name="renamed", when=at(RENAME), after=True, stage="active", open="rename the image"),
    Point(name="shared", when=at(SHARE), after=True, stage="active", open="change visibility"),
    Point(name="before the member", when=at(MEMBER), stage="active", open="add member"),
    Point(name="member added", when=at(MEMBER), after=True, stage="active", open="add member"),
    Point(name="before the protection", when=at(PROTECT), stage="active", open="protect the image"),
    Point(name="protected", when=at(PROTECT), after=True, stage="active", open="protect the image"),
    Point(name="copy created", when=at(COPY), after=True, stage="active", made=(1, 1), open=COPYING),
    Point(name="copy filled", when=at(DATA), after=True, stage="active", made=(1, 1), open=COPYING),
    Point(name="copy before its end", when=at(FINISH, 2), stage="active", made=(1, 1), open=COPYING),
    Point(name="audit", when=audited, stage="active", made=(1, 1)),
)
"""In the order of a capture. The last but one takes over a copy that had been filled: two requests bear its mark."""

ALONE = {"copy before its end": at(FINISH)}
"""Where a point is another one when no kill went before it."""


def assert_told(scene, name, point):
    """The files of a killed run say what is there and what is not known, and no more."""
    state = read_state(scene.reports / scene.run)
    here, there = scene.images(name)
    assert (state.stage, len(here), len(there)) == (point.stage, *point.made)
    assert state.server == scene.compute.server(NAME)["id"]
    known = state.stage not in {"gate", "asking"}
    assert state.image == (here[0]["id"] if known else None)
    left = left_behind(scene.reports, state)
    assert len(left.open) == (point.open is not None), left.open
    assert all(point.open in one for one in left.open), left.open
    assert (left.owed, left.unread) == ((), ())
    assert left.copies == ((("KR2", "source_image_id"),) if there else ())


def test_killed_again_and_again_a_capture_is_told_each_time_and_finished_in_the_end(scene):
    """All points in one capture: each attempt is a resume of the one before, and gets one point further."""
    name = scene.capture(POINTS[0].when, after=POINTS[0].after)
    run, server = scene.run, scene.compute.server(NAME)["id"]
    assert_told(scene, name, POINTS[0])
    for point in POINTS[1:]:
        scene.resume(point.when, after=point.after)
        try:
            assert_told(scene, name, point)
        except AssertionError as error:
            raise AssertionError(f"at the point: {point.name}") from error
    assert scene.resume() == 0, scene.said()
    scene.assert_finished(name)
    assert (scene.run, scene.compute.server(NAME)["id"]) == (run, server)
    assert scene.resume() == 0, "going on with what is done changes nothing"
    scene.assert_finished(name)
    scene.clear(name)


@pytest.mark.parametrize("point", [p for p in POINTS if ALL or p.ci], ids=lambda point: point.name.replace(" ", "-"))
def test_killed_once_a_capture_is_told_and_finished(scene, point):
    name = scene.capture(ALONE.get(point.name, point.when), after=point.after)
    assert_told(scene, name, point)
    assert scene.resume() == 0, scene.said()
    scene.assert_finished(name)
    scene.clear(name)


def test_a_killed_capture_says_how_it_is_cleaned_up_and_that_is_true(scene):
    name = scene.capture(at(COPY), after=True)
    before = scene.images(name)
    assert scene.command("capture", "--resume", scene.run, "--plan") == 11, scene.said()
    assert scene.images(name) == before, "a plan does nothing"
    report = scene.report["capture"]
    ((image,), (copy,)) = before
    assert (report["stage"], report["image"]["id"]) == ("active", image["id"])
    (still_open,) = report["left"]["open"]
    assert COPYING in still_open
    assert report["left"]["changed"] == [f"{scene.run}-gate"]
    assert report["left"]["copies"] == ["KR2"]
    clean = [line.partition("or clean up: ")[2] for line in scene.said().splitlines() if "or clean up: " in line]
    unprotect, delete, look, undo = clean
    assert unprotect == f"openstack image set --unprotect {image['id']}"
    assert delete == f"openstack image delete {image['id']}"
    assert f"--os-region-name KR2 image list --property source_image_id={image['id']}" in look
    assert copy["source_image_id"] == image["id"]
    scene.clear(name)  # there is no such client here: the same requests
    words = undo.split()
    assert words[:2] == ["imagegate", "undo"]
    assert scene.command(*words[1:3], "--yes") == 0, scene.said()
    wait(lambda: scene.compute.server(NAME)["status"] == "ACTIVE")


@pytest.mark.skipif(not ALL, reason="IMAGEGATE_KILLED=all kills a capture at every request: minutes")
def test_killed_before_and_after_every_request_a_capture_is_finished(scene):
    name = scene.capture()
    scene.assert_finished(name)
    scene.clear(name)
    requests = list(scene.trap.requests)
    for number, after in itertools.product(range(1, len(requests) + 1), (False, True)):
        if after and requests[number - 1].method == "GET":
            continue  # a look more changes nothing
        name = scene.capture(lambda all_, number=number: len(all_) == number, after=after)
        assert scene.resume() == 0, (number, after, requests[number - 1], scene.said())
        scene.assert_finished(name)
        scene.clear(name)
