"""Kill a command with SIGKILL at an exact request: what the tests of killed captures and proofs share."""

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

from tests.real.guests import Compute
from tests.real.support import Proxy, StrictGlance, User, rerouted, validate

from imagegate.capture_state import read_state
from imagegate.sandbox import net

ALL = os.environ.get("IMAGEGATE_KILLED") == "all"
NAME, ON_VOLUME = "web-01", "db-01"
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
        self.sprung = True
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                time.sleep(0.001)
        return True


def at(words, count=1):
    """The n-th request that is what ``words`` say."""
    return lambda requests: requests[-1].is_a(words) and sum(one.is_a(words) for one in requests) == count


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


class StrictFront(Front, StrictGlance):
    """The same before a Glance that refuses to change protected images, as NHN Cloud's documents say."""


class Scene:
    """A sandbox whose services stand behind traps, with two instances without guests (u2, and m2 on a volume), the
    command line, and captures by a policy that has all kinds of fixes."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.reports = folder / "reports"
        self.reports.mkdir()
        self.compute = Compute(box)
        self.here, self.there = User(box, "golden", "KR1"), User(box, "golden", "KR2")
        self.prod = User(box, "web-prod")
        self.trap = Trap(self.reports)
        self._make_servers()
        environ = dict(os.environ, OS_CLIENT_CONFIG_FILE=str(box.clouds_yaml), XDG_STATE_HOME=str(folder / "state"))
        with (folder / "said.log").open("wb") as log:
            self.commands = subprocess.Popen(
                [sys.executable, "-c", COMMANDS], cwd=folder, env=environ, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def _make_servers(self):
        admin = User(self.box, "admin")
        record = {"name": "base", "visibility": "public", "disk_format": "raw", "container_format": "bare"}
        base = admin.create(**record)
        admin.call("PUT", f"/v2/images/{base}/file", b"\0" * 1024)
        headers = {**self.compute.headers, "X-OpenStack-Nova-API-Version": "2.37"}
        listed = net.request(self.compute.port, "GET", "/v2.1/flavors", headers=headers).json()["flavors"]
        flavors = {one["name"]: one["id"] for one in listed}
        volume = {
            "uuid": base, "source_type": "image", "destination_type": "volume", "boot_index": 0, "volume_size": 1,
            "delete_on_termination": True,
        }  # fmt: skip
        for server in (
            {"name": NAME, "imageRef": base, "flavorRef": flavors["u2.c1m2"]},
            {"name": ON_VOLUME, "block_device_mapping_v2": [volume], "flavorRef": flavors["m2.c1m2"]},
        ):
            body = {"server": {**server, "networks": "none"}}
            made = net.request(self.compute.port, "POST", "/v2.1/servers", body=body, headers=headers)
            assert made.status == 202, made.body
        for name in (NAME, ON_VOLUME):
            wait(lambda name=name: self._is_active(name))

    def _is_active(self, name):
        server = self.compute.server(name)
        assert server["status"] != "ERROR", server
        return server["status"] == "ACTIVE"

    def command(self, *argv):
        """Run the command line; the exit code."""
        self.commands.stdin.write(json.dumps([*map(str, argv), "--report-dir", str(self.reports)]) + "\n")
        self.commands.stdin.flush()
        self.trap.pid = int(self.commands.stdout.readline().split()[1])
        return int(self.commands.stdout.readline().split()[1])

    def said(self):
        return (self.folder / "said.log").read_text()[-4000:]

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
                {"for": {"instance": {"name": [NAME, ON_VOLUME]}}, "require": {"capture-instance-stopped": None}},
                {"for": {"image": {"name": f"{name}*", "owner": "self", "region": "KR1"}}, "require": checks},
                {
                    "for": {"image": {"property.image_type": "snapshot", "region": "KR1"}},  # only compute says so
                    "require": {"catalog-name-conforms": {"pattern": ".*-[0-9]{8}", "rename": "{name}-20261123"}},
                },
            ],
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(text))
        return name, path

    def killed(self, when, *argv, after=False, surely=True):
        """A command in an empty report folder, killed where ``when`` says so; None: it must succeed. ``surely`` False: it
        may succeed before it comes to that."""
        for folder in self.reports.iterdir():
            folder.rename(self.folder / f"old-{folder.name}-{next(NUMBERS)}")
        self.trap.set(when, after=after)
        code = self.command(*argv)
        wanted = {0 if when is None else -signal.SIGKILL} | (set() if surely else {0})
        assert code in wanted, (code, self.said())

    def capture(self, when=None, *, after=False, surely=True, instance=NAME):
        """A capture that is killed where ``when`` says so; its name."""
        self.instance = instance
        if self.compute.server(instance)["status"] != "ACTIVE":
            self.compute.act(instance, {"os-start": None}, "ACTIVE")
        name, policy = self.policy()
        fix = ("--fix", "--fix-level", "disruptive")
        self.killed(when, "capture", instance, "--name", name, "--policy", policy, *fix, after=after, surely=surely)
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
        """The run that stands in the report folder."""
        (name,) = {path.parent.name for kind in ("capture", "prove") for path in self.reports.glob(f"*Z-*/{kind}.json")}
        return name

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
        called = f"{name}-20261123" if self.instance == NAME else name
        assert (image["name"], image["status"], image["protected"]) == (called, "active", True)
        assert (image["visibility"], image["role"]) == ("shared", "web")
        assert list(self.here.members(image["id"])) == [self.prod.project]
        assert (copy["status"], copy["source_image_id"], copy["protected"]) == ("active", image["id"], True)
        assert "imagegate_copying" not in copy
        state = read_state(self.reports / self.run)
        assert (state.stage, state.image) == ("done", image["id"])
        assert self.compute.server(self.instance)["status"] == "SHUTOFF"
        assert (self.report["capture"]["left"], self.report["capture"]["image"]["id"]) == (None, image["id"])

    def clear(self, name):
        for user, images in zip((self.here, self.there), self.images(name), strict=True):
            for image in images:
                user.delete(image["id"])


def wait(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def behind_traps(box, folder):
    """A ``Scene`` of the sandbox."""
    scene = Scene(box, folder)
    try:
        with contextlib.ExitStack() as fronts:
            for service in ("nova", "cinder", "glance-KR1", "glance-KR2"):
                kind = StrictFront if service == "glance-KR1" else Front
                front = fronts.enter_context(kind(box.ports[service], service, scene.trap))
                fronts.enter_context(rerouted(box, service, front.port))
            yield scene
    finally:
        scene.commands.kill()
        with scene.commands:
            scene.commands.wait()
