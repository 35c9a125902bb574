"""Journal, undo, locks and lifted protections against a real Glance: killed (-9) anywhere, nothing is forgotten."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.real.support import MEMBERS, PROTECTED, StrictGlance, User, grants, imagegate, ledger, rerouted, write_policy

from imagegate.journal_reader import End, read_journal
from imagegate.model import Level
from imagegate.options import Options
from imagegate.recover import debts
from imagegate.run import Run
from imagegate.undo import Fate, counts
from imagegate.undo_run import Undo, UndoOptions

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
DISRUPTIVE = ("--fix", "--fix-level", "disruptive")

KILLED = """
import json, os, signal, sys
import pytest
import imagegate.journal, imagegate.pytest_gate, imagegate.recover
import imagegate.transports.openstack
from imagegate.commands import judge

wanted = seen = 0

def point(leave=None):
    global seen
    seen += 1
    if seen == wanted:
        if leave is not None:
            leave()
        os.kill(os.getpid(), signal.SIGKILL)

def append(path, line, real=imagegate.journal.append):
    def torn():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(json.dumps({"v": 1, **line}).encode()[:60])
    if line["event"] != "intent":  # the write has taken place, and nobody has written that down
        point(torn)
    real(path, line)
    point()

imagegate.journal.append = imagegate.recover.append = append
out = os.dup(1)
os.dup2(2, 1)
for line in sys.stdin:
    wanted, *argv = json.loads(line)
    child = os.fork()
    if child == 0:
        code = judge.main(argv)
        sys.stdout.flush()
        os.write(out, f"points {seen}\\n".encode())
        os._exit(code)
    os.write(out, f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n".encode())
"""
"""The command line in a child for each line of stdin, killed at the n-th point: after each intent, half way through each
result, and after it. What it needs is imported once."""


class Scene:
    """One image at a time, a policy that wants it protected and shared with web-prod alone, and runs over it."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.owner, self.prod, self.stage = (User(box, name) for name in ("golden", "web-prod", "web-stage"))
        self.reports = folder / "reports"
        self.zygote = None

    def image(self, *members, **fields):
        """A new image under a policy of its own; its id."""
        self.name = f"undo{next(NUMBERS)}-web"
        self.id = self.owner.create(self.name, visibility="shared")
        for member in members:
            self.owner.share(self.id, member.project)
        if fields:
            self.owner.change(self.id, **fields)
        checks = {PROTECTED: None, MEMBERS: {"require": [{"project": self.prod.project}]}}
        scope = {"clouds": {"sandbox": ["KR1"]}}
        self.policy = write_policy(self.folder / "policy.yaml", ({"name": self.name}, checks), scope=scope)
        return self.id

    @property
    def state(self):
        """What counts of the image: protection, visibility, and who has access in the database."""
        shown = self.owner.get(self.id)
        return shown["protected"], shown["visibility"], frozenset(grants(ledger(self.box), self.id))

    @property
    def right(self):
        """The state that the policy wants."""
        return True, "shared", frozenset({self.prod.project})

    def command(self, *argv):
        return imagegate(*argv, cwd=self.folder, clouds=self.box.clouds_yaml)

    def audit(self, *argv):
        return self.command("audit", "--policy", self.policy, *argv)

    def fix(self):
        """A run with --fix in this process."""
        options = Options(command="audit", policy=self.policy, fix_level=Level.DISRUPTIVE, report_dir=self.reports)
        run = Run(options)
        try:
            return run.execute(run.discover())
        finally:
            run.close()

    def undo(self, run):
        undo = Undo(UndoOptions(run=run, report_dir=self.reports))
        try:
            return undo.apply(undo.plan())
        finally:
            undo.close()

    def killed(self, point):
        """A run with --fix in a process of its own, killed at a point (0: not at all). Its folder, if it left one, and
        how many points there were."""
        if self.zygote is None:
            with (self.folder / "killed.log").open("wb") as log:
                self.zygote = subprocess.Popen(
                    [sys.executable, "-c", KILLED], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=log, text=True,
                )  # fmt: skip
        before = set(self.reports.glob("*Z-*"))
        argv = ("audit", "--policy", str(self.policy), *DISRUPTIVE)
        self.zygote.stdin.write(json.dumps([point, *argv]) + "\n")
        self.zygote.stdin.flush()
        said = [self.zygote.stdout.readline().split() for _ in range(1 if point else 2)]
        assert said[-1] == ["ended", str(-signal.SIGKILL if point else 0)], (self.folder / "killed.log").read_text()
        new = set(self.reports.glob("*Z-*")) - before
        assert len(new) <= 1
        return next(iter(new), None), said[0][1]

    def points(self):
        """How many points there are in a run over the image as it is."""
        return int(self.killed(0)[1])

    @property
    def owed(self):
        """What is owed to this image."""
        found, unread = debts(self.reports)
        assert unread == ()
        return [entry for _, entry in found if entry.target.id == self.id]


@pytest.fixture
def scene(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Scene(cloud, tmp_path)
    yield made
    if made.zygote is not None:
        made.zygote.kill()
        with made.zygote:
            made.zygote.wait()


@pytest.fixture
def strict(scene):
    """The same, before a Glance that refuses to change protected images."""
    with StrictGlance(scene.box.ports["glance-KR1"]) as front, rerouted(scene.box, "glance-KR1", front.port):
        scene.front = front
        yield scene


# ---- undo


def test_a_run_is_taken_back_by_the_command_line(scene):
    scene.image(scene.stage)
    before = scene.state
    assert scene.audit(*DISRUPTIVE).code == 0
    assert scene.state == scene.right
    asked = scene.command("undo", "latest")
    assert asked.code == 4
    assert "--yes takes it back" in asked.stderr
    assert scene.state == scene.right, "without a terminal nothing happens unasked"
    shown = asked.stdout
    assert shown.index("allow deletion") < shown.index(f"remove member {scene.prod.project}")
    assert shown.index(f"remove member {scene.prod.project}") < shown.index(f"add member {scene.stage.project}")
    undone = scene.command("undo", "latest", "--yes")
    assert undone.code == 0, undone.stdout + undone.stderr
    assert "3 changes: 3 taken back" in undone.stdout
    assert scene.state == before
    assert scene.audit().code == 1, "the faults are back"
    [folder] = [path.parent for path in scene.reports.glob("*/undo.json")]
    assert {entry.ending.end for entry in read_journal(folder / "journal.jsonl").entries} == {End.VERIFIED}
    assert scene.command("undo", folder.name, "--yes").code == 0
    assert scene.state == scene.right, "an undo can be undone"


def test_what_somebody_changed_since_is_theirs(scene):
    scene.image(scene.stage, protected=True)
    assert scene.audit(*DISRUPTIVE).code == 0
    scene.owner.change(scene.id, visibility="private")
    before = scene.state
    undone = scene.command("undo", "latest", "--yes")
    assert undone.code == 11
    assert undone.stdout.count("changed since") >= 2
    assert scene.state == before


def test_an_image_that_is_gone_is_11_and_no_crash(scene):
    scene.image(scene.stage)
    assert scene.audit(*DISRUPTIVE).code == 0
    scene.owner.delete(scene.id)
    undone = scene.command("undo", "latest", "--yes")
    assert (undone.code, "is gone (HTTP 404)" in undone.stdout) == (11, True), undone.stdout + undone.stderr


def test_a_run_that_changed_nothing_has_nothing_to_take_back(scene):
    scene.image(scene.prod, protected=True)
    assert scene.audit(*DISRUPTIVE).code == 0
    undone = scene.command("undo", "latest", "--yes")
    assert (undone.code, "nothing to take back" in undone.stdout) == (0, True)
    assert scene.command("undo", "no-such-run", "--yes").code == 4


# ---- protection


def test_a_protected_image_is_changed_and_protected_again(strict):
    strict.image(protected=True, visibility="private")
    ran = strict.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert strict.state == strict.right
    statuses = [status for method, path, status in strict.front.answers if method == "PATCH"]
    assert statuses == [403, 200, 200, 200], "refused, lifted, shared, protected again"
    done = [entry.summary for entry in read_journal(ran.folder / "journal.jsonl").entries]
    assert done[1:] == [
        "allow deletion", "change visibility from private to shared", f"add member {strict.prod.project}",
        "protect the image against deletion",
    ]  # fmt: skip
    undone = strict.command("undo", "latest", "--yes")
    assert undone.code == 0, undone.stdout
    assert strict.state == (True, "private", frozenset()), "taken back behind the same refusal"


def test_without_a_disruptive_grant_a_protected_image_stays_as_it_is(strict):
    strict.image(protected=True, visibility="private")
    before = ledger(strict.box)[strict.id]
    ran = strict.audit("--fix")
    assert ran.code == 1
    assert ledger(strict.box)[strict.id] == before
    assert [method for method, _, _ in strict.front.answers if method != "GET"] == []


# ---- kill -9


def possible(start, entries, scene):
    """The states that the image may be in, by its journal: what is open was carried out or was not."""
    states = {start}
    for entry in entries:
        if entry.ending is not None and not entry.ending.changed:
            continue
        after = {after_step(state, entry.step) for state in states}
        states = after if entry.ending is not None else states | after
    return states


def after_step(state, step):
    protected, visibility, members = state
    match type(step).__name__:
        case "SetProtected":
            return step.protected, visibility, members
        case "SetVisibility":
            return protected, step.visibility, members
        case "AddMember":
            return protected, visibility, members | {step.project}
        case "RemoveMember":
            return protected, visibility, members - {step.project}
    raise AssertionError(step)


def journalled(folder, start, scene):
    """What the journal of a killed run tells must be so, and all that is so must be told."""
    path = folder / "journal.jsonl" if folder else Path("/nowhere")
    entries = read_journal(path).entries if path.exists() else ()
    assert scene.state in possible(start, entries, scene)
    assert sum(entry.ending is None for entry in entries) <= 1
    return entries


def test_killed_at_every_point_and_taken_back_or_finished(scene):
    scene.image(scene.stage)
    last = scene.points()
    assert scene.state == scene.right
    assert last == 3 * 3
    for point in range(1, last + 1):
        scene.image(scene.stage)
        start = scene.state
        folder, _ = scene.killed(point)
        entries = journalled(folder, start, scene)
        if entries:
            result = scene.undo(folder.name)
            assert int(result.exit_code) == 0, (point, result.undone)
            assert counts(result.undone)[Fate.TAKEN_BACK] + counts(result.undone)[Fate.AS_BEFORE] == len(entries)
        assert scene.state == start, point
        folder, _ = scene.killed(point)
        journalled(folder, start, scene)
        result = scene.fix()
        assert int(result.exit_code) == 0, point
        assert scene.state == scene.right, point


def test_killed_at_every_point_with_the_protection_lifted(strict):
    strict.image(protected=True, visibility="private")
    last = strict.points()
    assert strict.state == strict.right
    assert last == 5 + 2 * 6
    naked = 0
    for point in range(1, last + 1):
        strict.image(protected=True, visibility="private")
        start = strict.state
        folder, _ = strict.killed(point)
        journalled(folder, start, strict)
        owed = strict.owed
        if not strict.state[0]:
            naked += 1
            assert len(owed) == 1, f"{point}: nobody knows that it was protected"
        strict.front.answers.clear()
        result = strict.fix()
        assert int(result.exit_code) == 0, point
        assert strict.state == strict.right, point
        assert strict.owed == []
        told = [text for text in result.scope.warnings if "protected again" in text]
        assert len(told) == len(owed), "it says so"
    assert naked == 9, "from the half-written result of the lifting to the intent to put it back"


def test_killed_while_it_puts_a_protection_back(strict):
    """The run that pays the debt of another is killed itself, at every point; the third one ends it."""

    def naked(point):
        strict.image(protected=True, visibility="private")
        strict.killed(point)
        return not strict.state[0]

    lifted = next(point for point in range(1, 99) if naked(point))
    for point in range(1, 7):  # the fifth is the end of the line that settles it
        assert naked(lifted)
        strict.killed(point)
        assert strict.owed or strict.state[0], point
        assert int(strict.fix().exit_code) == 0
        assert (strict.state, strict.owed) == (strict.right, []), point


# ---- two at once


HELD = """
import sys
from imagegate.cli import main
from imagegate.transports.openstack import OpenStack

def apply(*args, real=OpenStack.apply, **more):
    print("writing", flush=True)
    sys.stdin.readline()
    real(*args, **more)

OpenStack.apply = apply
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def slow(scene):
    """A run with --fix in another process that is at its first write, and goes on when its stdin is closed."""
    running = []

    def start():
        argv = ("audit", "--policy", str(scene.policy), "--report-dir=first", "-s", *DISRUPTIVE)
        process = subprocess.Popen(
            [sys.executable, "-c", HELD, *argv], cwd=scene.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        while process.stdout.readline().strip() != "writing":
            assert process.poll() is None
        return process

    yield start
    for process in running:
        process.kill()
        with process:  # closes its pipes
            process.wait()


def test_the_second_run_says_who_holds_the_image(scene, slow):
    scene.image(scene.stage)
    first = slow()
    before = scene.state
    ran = scene.audit(*DISRUPTIVE, "--lock-timeout", "0")
    assert ran.code == 1, ran.stdout
    assert scene.state == before
    remedies = {finding["remedy"]["state"]: finding["remedy"]["reason"] for finding in ran.report["findings"]}
    assert remedies.keys() == {"refused"}
    assert f"(pid {first.pid} on " in remedies["refused"]
    assert not (ran.folder / "journal.jsonl").exists()
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    ran = scene.audit(*DISRUPTIVE, "--lock-timeout", "0")
    assert (ran.code, scene.state) == (0, scene.right), "a killed run holds nothing"


def test_the_second_run_waits_and_finds_it_done(scene, slow):
    scene.image(scene.stage)
    first = slow()
    command = [sys.executable, "-m", "imagegate", "audit", "--policy", str(scene.policy), *DISRUPTIVE]
    with subprocess.Popen(command, cwd=scene.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as second:
        said = second.stderr.readline()
        assert said.startswith(f"{scene.name}: waiting for run ")
        assert f"(pid {first.pid} on " in said
        first.stdin.close()
        assert second.wait(60) == 0
        second.stderr.read()
    assert first.wait(60) == 0
    assert scene.state == scene.right
    assert not list(scene.reports.glob("*/journal.jsonl")), "all was done by the first"


def test_threads_of_one_process_do_not_write_at_once(scene, monkeypatch):
    from imagegate.transports.openstack import OpenStack

    scene.image(scene.stage)
    real, inside, most = OpenStack.apply, [0], [0]

    def apply(self, target, step, seen, *, timeout_s):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.1)
        try:
            return real(self, target, step, seen, timeout_s=timeout_s)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(OpenStack, "apply", apply)
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(int(scene.fix().exit_code))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (codes, most, scene.state) == ([0, 0, 0], [1], scene.right)
