"""Copies between two real Glances that are damaged on the way, interrupted or killed; and what a large one needs."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from tests.real.copies import DISRUPTIVE, MARK, MIB, Scene, only
from tests.real.support import rerouted

from imagegate.model import Level, RemedyState
from imagegate.options import Options
from imagegate.progress import Silent
from imagegate.run import Run

pytestmark = pytest.mark.real


@pytest.fixture
def scene(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    return Scene(cloud, tmp_path)


class Front:
    """Passes TCP on to a service of the sandbox; ``change`` sees every block on its way, by direction, and ends the
    connection with None."""

    def __init__(self, port, change):
        self.change, self.upstream = change, port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.threads, self.sockets = [], [self.server]

    def start(self, work, *args):
        self.threads.append(threading.Thread(target=work, args=args, daemon=True))
        self.threads[-1].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.create_connection(("127.0.0.1", self.upstream))
                self.sockets += [near, far]
                self.start(self.pass_on, near, far, "up")
                self.start(self.pass_on, far, near, "down")

    def pass_on(self, source, sink, way):
        with contextlib.suppress(OSError):
            while block := source.recv(1 << 16):
                changed = self.change(way, block)
                if changed is None:
                    break
                sink.sendall(changed)
        for one in (source, sink):
            end(one)

    def __enter__(self):
        self.start(self.accept)
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            end(one)
        for thread in self.threads:
            thread.join(10)
        for one in self.sockets:
            one.close()


def end(connection):
    """Wake whoever waits for it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def flips(way):
    """Flips one bit, once, in the middle of the data that goes this way."""
    seen = {"bytes": 0, "done": False}

    def change(direction, block):
        if direction == way:
            seen["bytes"] += len(block)
            if seen["bytes"] > MIB and not seen["done"]:
                seen["done"] = True
                return block[:-1] + bytes([block[-1] ^ 1])
        return block

    return change


@pytest.mark.parametrize(
    ("service", "way", "said"),
    [
        ("glance-KR1", "down", "what was downloaded has another checksum"),
        ("glance-KR2", "up", "the copy has another checksum"),
    ],
)
def test_a_flipped_bit_is_noticed_and_nothing_is_left(scene, service, way, said):
    source = scene.source()
    scene.policy()
    with Front(scene.box.ports[service], flips(way)) as front, rerouted(scene.box, service, front.port):
        ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 11
    assert said in only(ran)["remedy"]["reason"]
    assert only(ran)["remedy"]["state"] == "failed"
    assert scene.copies(source) == []
    assert scene.audit(*DISRUPTIVE).code == 0


def test_a_download_that_breaks_off_goes_on(scene):
    source = scene.source(data=os.urandom(8 * MIB))
    scene.policy()
    broken = []
    passed = itertools.count(1)

    def change(way, block):
        if way == "down" and len(block) > 10_000 and next(passed) in {30, 60}:
            broken.append(True)
            return None
        return block

    with Front(scene.box.ports["glance-KR1"], change) as front, rerouted(scene.box, "glance-KR1", front.port):
        ran = scene.audit(*DISRUPTIVE)
    assert broken, "the download was never broken"
    assert ran.code == 0, ran.stdout
    assert len(scene.copies(source)) == 1


def test_an_upload_that_breaks_off_is_not_repeated_and_leaves_nothing(scene):
    source = scene.source(data=os.urandom(8 * MIB))
    scene.policy()
    seen = {"bytes": 0}

    def change(way, block):
        seen["bytes"] += len(block) if way == "up" else 0
        if seen["bytes"] > 4 * MIB:
            seen["bytes"] = -(2**60)
            return None
        return block

    with Front(scene.box.ports["glance-KR2"], change) as front, rerouted(scene.box, "glance-KR2", front.port):
        ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 11, ran.stdout
    assert scene.copies(source) == []


class Interrupts(Silent):
    """Sets ``event`` as soon as a quarter has moved."""

    def __init__(self):
        self.event, self.most = None, 0

    def moved(self, target, step, done, total):
        self.most = max(self.most, done)
        if done > total / 4:
            self.event.set()


def test_an_interrupt_takes_back_what_was_begun(scene):
    source = scene.source(data=os.urandom(8 * MIB))
    scene.policy()
    progress = Interrupts()
    run = Run(Options(command="audit", policy=scene.folder / "policy.yaml", fix_level=Level.DISRUPTIVE), progress)
    try:
        pairs = run.discover()
        progress.event = run.engine.cancelled
        result = run.execute(pairs)
    finally:
        run.close()
    (finding,) = result.findings
    assert finding.remedy.state is RemedyState.FAILED
    assert "interrupted" in finding.remedy.reason
    assert MIB < progress.most < 8 * MIB
    assert scene.copies(source) == []


def slow(per_block_s):
    """Slows the data down."""

    def change(_, block):
        if len(block) > 10_000:
            time.sleep(per_block_s)
        return block

    return change


def ended_in_the_middle(scene, how):
    """A fixing run of its own process that gets a signal while data moves; its exit code and what KR2 has."""
    source = scene.source(data=os.urandom(16 * MIB), protected=True)
    file = scene.policy()
    front = Front(scene.box.ports["glance-KR1"], slow(0.05))
    with front, rerouted(scene.box, "glance-KR1", front.port):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "imagegate", "audit", "--policy", str(file), *DISRUPTIVE], cwd=scene.folder,
            env={**environ, "OS_CLIENT_CONFIG_FILE": str(scene.box.clouds_yaml)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            end = time.monotonic() + 60
            while not scene.copies(source) and time.monotonic() < end:
                time.sleep(0.1)
            time.sleep(0.3)
            process.send_signal(how)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
    return process.returncode, source


def test_an_interrupted_run_leaves_nothing(scene):
    code, source = ended_in_the_middle(scene, signal.SIGINT)
    assert code == 2
    assert scene.copies(source) == []


def test_killed_in_the_middle(scene):
    """What is left says what it is, nobody takes it for a copy, and the next run removes it and copies."""
    _, source = ended_in_the_middle(scene, signal.SIGKILL)
    (left,) = scene.copies(source)
    assert (left["status"], left["protected"], left["visibility"]) == ("queued", False, "private")
    assert left[MARK]
    assert left["name"] == f"web-{scene.tag}"
    assert only(scene.audit())["violations"][0]["actual"] == f"image {left['id']} is half-made by imagegate, queued"
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    (copy,) = scene.copies(source)
    assert (copy["id"] != left["id"], copy["protected"], copy["status"]) == (True, True, "active")


def test_a_large_image_needs_little_memory(scene):
    """300 MB pass through a process that holds a few MB of them; the terminal's log tells how far it is."""
    size = 300 * MIB
    blank = scene.here.create(f"large-{scene.tag}", disk_format="raw", container_format="bare", tags=[scene.tag])
    file = scene.folder / "large"
    with file.open("wb") as opened:
        opened.truncate(size)
        opened.seek(size // 2)
        opened.write(b"x" * 100)
    put(scene, blank, file)
    scene.policy()
    script = (
        "import resource, sys, tracemalloc\n"
        "from imagegate.cli import main\n"
        "from imagegate.transports.openstack import copying\n"
        "tracemalloc.start()\n"
        "run, peaks = copying.Copier.run, []\n"
        "def watched(self):\n"
        "    tracemalloc.reset_peak(); before = tracemalloc.get_traced_memory()[0]\n"
        "    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    run(self)\n"
        "    peaks.append((tracemalloc.get_traced_memory()[1] - before,\n"
        "        (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss) * 1024))\n"
        "copying.Copier.run = watched\n"
        "code = main(sys.argv[1:])\n"
        "print('PEAKS', *peaks[0])\n"
        "sys.exit(code)\n"
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    done = subprocess.run(  # noqa: PLW1510 - its code is asserted
        [sys.executable, "-c", script, "audit", "--policy", str(scene.folder / "policy.yaml"), *DISRUPTIVE],
        cwd=scene.folder, env={**environ, "OS_CLIENT_CONFIG_FILE": str(scene.box.clouds_yaml)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    traced, resident = map(int, done.stdout.partition("PEAKS")[2].split()[:2])
    assert 0 < traced < 8 * MIB, traced
    assert resident < 32 * MIB, resident
    assert "75 % of 300.0 MiB" in done.stdout + done.stderr
    (copy,) = scene.copies(blank)
    assert (copy["size"], copy["status"]) == (size, "active")


def put(scene, ident, file):
    """Upload a file without holding it."""
    import requests

    url = f"http://127.0.0.1:{scene.box.ports['glance-KR1']}/v2/images/{ident}/file"
    with file.open("rb") as opened:
        headers = {"X-Auth-Token": scene.here.token, "Content-Type": "application/octet-stream"}
        assert requests.put(url, data=opened, headers=headers, timeout=120).status_code == 204
