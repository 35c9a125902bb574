"""Captures against a strict stand-in of the block storage API, and against a compute API that misbehaves."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from imagegate.capture import Capture, begin
from imagegate.capture_state import read_state, write_state
from imagegate.errors import UsageError
from imagegate.probes.identity import BootFact
from imagegate.report import junit
from imagegate.report.build import head
from imagegate.result import ExitCode
from imagegate.runs.store import ask
from imagegate.undo_run import Undo, UndoOptions

POLICY = """
policy: golden
version: 1
scope: {clouds: {fake: [KR1]}}
rules:
  - for: {instance: {name: "web-*"}}
    require: {capture-instance-stopped: {may_run: [m2]}}
  - for: {image: {name: "golden-*"}}
    require:
      catalog-image-protected:
      catalog-visibility-allowed: {allowed: [private]}
      catalog-name-conforms: {pattern: "golden-[a-z]+"}
"""
NAME = "golden-web"


class Volumes:
    """The block storage API's os-volume_upload_image, as Cinder and NHN Cloud document it; everything else is refused.

    Refused with 400: an unknown or a missing key, a value of another type, a volume in use without ``force``, one that
    is neither in use nor available. 403: an image for everybody. 404: an unknown volume. The volume is ``uploading``
    until the image is active.
    """

    FORMATS = frozenset({"raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "ploop"})
    TYPES = (
        ("image_name", str), ("force", bool), ("disk_format", str), ("container_format", str), ("visibility", str),
        ("protected", bool),
    )  # fmt: skip

    def __init__(self, cloud, kit):
        self.cloud, self.kit = cloud, kit
        self.rows = {}
        self.bodies = []
        self.saving = 2  # so many looks at an image until it is active
        self.lose = False

    def add(self, server, *, bootable=True, status="in-use", device="/dev/vda"):
        ident = str(uuid.uuid4())
        self.rows[ident] = {
            "id": ident, "status": status, "bootable": "true" if bootable else "false", "size": 20,
            "attachments": [{"server_id": server["id"], "device": device, "volume_id": ident}],
        }  # fmt: skip
        server.setdefault("os-extended-volumes:volumes_attached", []).append({"id": ident})
        return self.rows[ident]

    def refuse(self, status, message):
        return self.kit.Reply(status, {"badRequest": {"message": message, "code": status}})

    def __call__(self, request):
        if "/images-of/" in request.path and not request.path.endswith("/images"):
            self._age(request.path.rpartition("/")[2])
        match = re.fullmatch(rf"/cinder/KR1/v2/{self.kit.PROJECT}/volumes/([^/]+)(/action)?", request.path)
        if match is None:
            return None
        if request.headers.get("x-auth-token") not in self.cloud.tokens:
            return self.kit.html(401, "no token")
        volume = self.rows.get(match[1])
        if volume is None:
            return self.refuse(404, "Volume could not be found.")
        if match[2] is None and request.method == "GET":
            return self.kit.Reply(json={"volume": volume})
        if match[2] is None or request.method != "POST":
            return self.refuse(405, "not allowed")
        return self._upload(volume, request.body)

    def _upload(self, volume, body):
        self.bodies.append(body)
        wanted = body.get("os-volume_upload_image") if isinstance(body, dict) else None
        if not isinstance(wanted, dict) or set(body) != {"os-volume_upload_image"}:
            return self.refuse(400, "There is no such action")
        if set(wanted) - {name for name, _ in self.TYPES} or not wanted.get("image_name"):
            return self.refuse(400, "Additional properties are not allowed, image_name is required")
        if any(name in wanted and type(wanted[name]) is not kind for name, kind in self.TYPES):
            return self.refuse(400, "Invalid input: a value is of another type")
        if wanted.get("disk_format", "raw") not in self.FORMATS or wanted.get("container_format", "bare") != "bare":
            return self.refuse(400, "Invalid image format")
        if wanted.get("visibility", "private") not in {"private", "shared"}:
            return self.refuse(403, "publicize_image is disallowed by policy")
        if volume["status"] == "in-use" and wanted.get("force", False) is not True:
            return self.refuse(400, "Invalid volume: Volume status is in-use.")
        if volume["status"] not in {"in-use", "available"}:
            return self.refuse(400, f"Invalid volume: Volume status must be available/in-use, is {volume['status']}")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        image = self.cloud.image(
            name=wanted["image_name"], status="queued", visibility=wanted.get("visibility", "private"),
            protected=wanted.get("protected", False), size=None, created_at=now, volume=volume["id"],
        )  # fmt: skip
        image["id"] = str(uuid.uuid4())
        volume["before"], volume["status"] = volume["status"], "uploading"
        if self.lose:
            return self.kit.Reply(504, {"error": "gateway"})
        said = {"image_id": image["id"], "status": "uploading", "image_name": image["name"], "id": volume["id"]}
        return self.kit.Reply(202, {"os-volume_upload_image": said})

    def _age(self, ident):
        for image in self.cloud.images:
            if image["id"] == ident and image["status"] in {"queued", "saving"} and "volume" in image:
                self.saving -= 1
                image["status"] = "saving" if self.saving > 0 else "active"
                if image["status"] == "active":
                    image["size"] = 5 * 1024**3
                    volume = self.rows[image["volume"]]
                    volume["status"] = volume.pop("before")


@pytest.fixture
def volumes(cloud, kit):
    """The cloud with block storage, a stopped m2 instance and its root volume."""
    cloud.regions["volumev2"] = ["KR1"]
    cloud.flavors.extend({"id": kind, "name": f"{kind}.c1m2"} for kind in ("u2", "m2", "q7"))
    server = cloud.server_record(name="web-01", flavor={"id": "m2"}, updated="2026-11-22T10:00:00Z")
    there = Volumes(cloud, kit)
    there.root = there.add(server)
    there.server = server
    cloud.on(there)
    return there


@pytest.fixture
def capture(tmp_path, monkeypatch):
    """Run a capture of web-01, or go on with one; returns the result, its story and its state (None: none written)."""
    monkeypatch.setattr("imagegate.capture._LOST_S", 0.3)
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)

    def go(state=None, *, policy=None, name=NAME, fix_level=None, **more):
        if policy is not None:
            path.write_text(policy)
        state = state or begin(instance="web-01", name=name, policy=str(path), fix_level=fix_level)
        result = Capture(state=state, report_dir=tmp_path / "reports", timeout_s=3, **more).run()
        folder = tmp_path / "reports" / state.run
        story = head(result)["capture"]
        return result, story, read_state(folder) if (folder / "capture.json").exists() else None

    return go


def test_an_instance_on_a_volume_is_captured_with_force_and_born_as_the_policy_wants(volumes, capture):
    result, story, state = capture()
    assert result.exit_code is ExitCode.COMPLIANT, result.story.lines
    body = {
        "image_name": NAME, "force": True, "disk_format": "qcow2", "container_format": "bare", "visibility": "private",
        "protected": True,
    }  # fmt: skip
    assert volumes.bodies == [{"os-volume_upload_image": body}]
    assert {f.check.id: str(f.verdict) for f in result.findings} == dict.fromkeys(
        ("capture-instance-stopped", "catalog-image-protected", "catalog-visibility-allowed", "catalog-name-conforms"),
        "pass",
    )
    assert (story["stage"], story["size"], story["root_gb"]) == ("done", 5 * 1024**3, 20)
    assert (story["root"], story["root_unseen"]) == (None, "the guest was not looked at")
    assert story["bound"]["updated"] == "2026-11-22T10:00:00Z"
    assert (state.stage, state.image) == ("done", story["image"]["id"])
    assert volumes.root["status"] == "in-use"


def test_a_volume_that_is_not_in_use_needs_no_force(volumes, capture):
    volumes.root["status"] = "available"
    assert capture()[0].exit_code is ExitCode.COMPLIANT
    assert volumes.bodies[0]["os-volume_upload_image"]["force"] is False


def test_a_running_instance_is_captured_only_where_the_policy_lets_it_run(volumes, capture):
    volumes.server.update({"status": "ACTIVE", "OS-EXT-STS:power_state": 1})
    result, _, _ = capture(policy=POLICY.replace("{may_run: [m2]}", ""))
    assert result.exit_code is ExitCode.FAIL
    assert volumes.bodies == []
    result, _, _ = capture(policy=POLICY)
    assert result.exit_code is ExitCode.COMPLIANT
    assert "consistency" in next(f.note for f in result.findings if f.check.id == "capture-instance-stopped")


def test_a_plan_does_and_keeps_nothing(volumes, capture):
    result, story, state = capture(plan=True)
    assert volumes.bodies == []
    assert state is None
    assert story["stage"] == "planned"
    text = " ".join(story["planned"])
    for word in (NAME, "os-volume_upload_image", volumes.root["id"], "force true", "private and protected",
                 "catalog-name-conforms"):  # fmt: skip
        assert word in text
    assert result.exit_code is ExitCode.COMPLIANT
    assert volumes.cloud.sent("POST", "/action") == 0


def no_block_storage(volumes):
    del volumes.cloud.regions["volumev2"]


def change(**fields):
    return lambda volumes: volumes.server.update(fields)


@pytest.mark.parametrize(
    ("spoil", "more", "code", "reason"),
    [
        (change(flavor={"id": "q7"}), {}, 10, "type of flavor q7.c1m2 is not known"),
        (no_block_storage, {}, 10, "no block storage service"),
        (lambda v: (v.add(v.server, device=None), v.root.update({"attachments": []})), {}, 10, "cannot be told"),
        (lambda v: v.root.update({"status": "uploading"}), {}, 1, "is uploading"),
        (lambda v: v.root.update({"bootable": "false"}), {}, 10, "cannot be told"),
        (change(**{"OS-EXT-STS:task_state": "rebooting"}), {}, 1, "no task"),
        (change(flavor={"id": "u2"}, status="ACTIVE", **{"OS-EXT-STS:power_state": 1}), {}, 1, "may_run"),
        (lambda v: v.cloud.image(name=NAME), {}, 1, "is taken"),
        (lambda v: None, {"name": "golden-2026"}, 1, "would not let the name"),
        (lambda v: None, {"name": "silver"}, 5, "no rule of the policy is about an image called silver"),
        (change(name="db-01"), {}, 4, "no instance is called web-01"),
    ],
)  # fmt: skip
def test_a_refusal_explains_itself_and_asks_for_nothing(volumes, capture, spoil, more, code, reason):  # noqa: PLR0917
    spoil(volumes)
    images = len(volumes.cloud.images)
    if code == 4:
        with pytest.raises(UsageError, match=reason):
            capture(**more)
    else:
        result, story, state = capture(**more)
        said = f"{story['stopped']} {[f.violations for f in result.findings]} {[p.refusals for p in result.plans]}"
        assert (int(result.exit_code), state.stage) == (code, "refused"), said
        assert story["stopped"]
        assert reason in said or "gate does not let" in story["stopped"]
    assert volumes.bodies == []
    assert volumes.cloud.sent("POST", "/action") == 0
    assert len(volumes.cloud.images) == images


def test_what_changes_after_the_gate_is_noticed_before_the_request(volumes, capture):
    looks = Counter()

    def start(request):
        if request.method == "GET" and request.path.endswith(f"/servers/{volumes.server['id']}"):
            looks["server"] += 1
            if looks["server"] == 3:  # facts, volumes, and now the look right before the request
                volumes.server["updated"] = "2026-11-22T10:14:59Z"

    volumes.cloud.hooks.insert(0, start)
    result, story, state = capture()
    assert looks["server"] >= 3
    assert (result.exit_code, state.stage) == (ExitCode.UNKNOWN, "refused")
    assert "have changed: server" in story["stopped"]
    assert volumes.bodies == []


@pytest.mark.parametrize(("second", "code"), [("same", 0), ("other", 10), (None, 10)])
def test_a_running_guest_must_still_be_in_the_boot_that_the_gate_saw(volumes, capture, monkeypatch, second, code):
    volumes.server.update({"status": "ACTIVE", "OS-EXT-STS:power_state": 1})
    boots = iter([BootFact(boot="same"), None if second is None else BootFact(boot=second)])
    monkeypatch.setattr(Capture, "_boot", lambda *_: next(boots))
    result, story, _ = capture()
    assert int(result.exit_code) == code, story["stopped"]
    assert len(volumes.bodies) == (code == 0)
    if code == 0:
        assert story["bound"]["boot"] == "same"
    else:
        assert ("restarted" if second else "not to be seen") in story["stopped"]


def test_the_boot_of_a_running_guest_is_seen_through_the_inventory(volumes, capture, tmp_path):
    volumes.server.update({"status": "ACTIVE", "OS-EXT-STS:power_state": 1})
    inventory = tmp_path / "hosts.yaml"
    inventory.write_text("instances: {web-01: {transport: local, sudo: false}}")
    state = begin(
        instance="web-01", name=NAME, policy=str(tmp_path / "policy.yaml"), inventory=str(inventory)
    )  # fmt: skip
    result, story, _ = capture(state)
    assert result.exit_code is ExitCode.COMPLIANT, story["stopped"]
    assert re.fullmatch(r"[0-9a-f]{32}", story["bound"]["boot"])
    room = os.statvfs("/")
    assert story["root"]["size"] // 1024 == room.f_blocks * room.f_frsize // 1024, "the guest is this machine"
    assert 0 < story["root"]["used"] <= story["root"]["size"]
    assert story["root_unseen"] is None
    assert any(line.startswith("used of the root disk: ") and " of " in line for line in result.story.lines)


def test_a_guest_that_no_cloud_lists_cannot_be_captured(volumes, capture, tmp_path):
    inventory = tmp_path / "hosts.yaml"
    inventory.write_text("instances: {web-77: {transport: local, sudo: false}}")
    state = begin(instance="web-77", name=NAME, policy=str(tmp_path / "policy.yaml"), inventory=str(inventory))
    with pytest.raises(UsageError, match="web-77 is in no cloud that was asked"):
        capture(state)
    assert volumes.bodies == []


def test_servers_that_cannot_be_listed_make_the_instance_unknown(volumes, capture, kit):
    volumes.cloud.hooks.insert(0, lambda r: kit.html(403, "no") if r.path.endswith("/servers/detail") else None)
    result, story, state = capture()
    assert (result.exit_code, state.stage) == (ExitCode.UNKNOWN, "refused")
    assert "could not all be seen" in story["stopped"]


def test_a_region_that_could_not_be_seen_is_named_where_it_stops_the_capture(volumes, capture):
    elsewhere = POLICY.replace("[KR1]", "[KR1, KR9]")
    result, story, _ = capture(policy=elsewhere)
    assert result.exit_code is ExitCode.UNKNOWN
    assert "servers of fake/KR9 could not all be seen" in story["stopped"]
    assert volumes.bodies == []


def test_a_capture_that_stopped_is_not_green_in_junit_either(volumes, capture, kit):
    volumes.cloud.hooks.insert(0, lambda r: kit.html(500, "no") if r.path.endswith("/action") else None)
    result, _, _ = capture()
    assert all(str(finding.verdict) == "pass" for finding in result.findings)
    text = "".join(junit.render(result))
    assert re.search(r'<testsuites[^>]* errors="1"', text)
    assert "whether the image was made is not known" in text


def test_a_lost_answer_is_made_up_for_by_the_catalog(volumes, capture):
    volumes.lose = True
    volumes.cloud.image(name="golden-other")
    result, story, _ = capture()
    assert result.exit_code is ExitCode.COMPLIANT
    assert story["image"]["id"] == volumes.cloud.images[-1]["id"]
    assert len(volumes.bodies) == 1


def test_an_answer_that_never_comes_leaves_a_state_to_resume_from(volumes, capture, kit):
    hook = lambda r: kit.Reply(504, {"error": "x"}) if r.path.endswith("/action") else None  # noqa: E731
    volumes.cloud.hooks.insert(0, hook)
    result, story, state = capture()
    assert (result.exit_code, state.stage) == (ExitCode.FIX_FAILED, "asking")
    assert "not known" in story["stopped"]
    volumes.cloud.hooks.remove(hook)
    result, story, state = capture(replace(state, attempt=2))  # nothing was made: it starts again with the gate
    assert (result.exit_code, state.stage) == (ExitCode.COMPLIANT, "done")
    assert len(volumes.bodies) == 1


def test_a_refused_request_is_no_image(volumes, capture, kit):
    refusal = kit.Reply(413, {"overLimit": {"message": "Image quota exceeded"}})
    volumes.cloud.hooks.insert(0, lambda r: refusal if r.path.endswith("/action") else None)
    result, story, state = capture()
    assert (result.exit_code, state.stage, state.image) == (ExitCode.FIX_FAILED, "refused", None)
    assert "Image quota exceeded" in story["stopped"]


@pytest.mark.parametrize("status", ["in-use", "available"])
def test_a_cloud_that_lets_no_volume_in_use_be_uploaded_is_named_for_it(volumes, capture, kit, status):
    """As Cinder does by default: it takes no notice of force then."""
    volumes.root["status"] = status
    refusal = kit.Reply(400, {"badRequest": {"message": "Invalid volume: status must be available"}})
    volumes.cloud.hooks.insert(0, lambda r: refusal if r.path.endswith("/action") else None)
    _, story, _ = capture()
    assert "status must be available" in story["stopped"]
    assert ("enable_force_upload" in story["stopped"]) is (status == "in-use")


@pytest.mark.parametrize(("status", "reason"), [("killed", "is killed"), ("gone", "is gone"), ("queued", "not active")])
def test_an_image_that_does_not_become_active_is_named(volumes, capture, monkeypatch, status, reason):
    def spoil(ident):
        for image in list(volumes.cloud.images):
            if image["id"] == ident:
                image["status"] = status
                if status == "gone":
                    volumes.cloud.images.remove(image)

    monkeypatch.setattr(volumes, "_age", spoil)
    result, story, state = capture()
    assert (result.exit_code, state.stage) == (ExitCode.FIX_FAILED, "made")
    assert reason in story["stopped"]
    assert any(f"--resume {state.run}" in line for line in result.story.lines)
    assert any(f"openstack image delete {state.image}" in line for line in result.story.lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_what_exists_and_a_resume_finishes_it(volumes, capture, monkeypatch, number):
    before = signal.getsignal(number)
    said = []

    def interrupt(text):
        said.append(text)
        if text.endswith(("is queued", "is saving")):
            signal.raise_signal(number)

    result, story, state = capture(say=interrupt)
    assert (result.exit_code, state.stage) == (ExitCode.INTERRUPTED, "made"), said
    assert signal.getsignal(number) is before
    assert f"image {state.image} exists" in result.story.lines
    result, story, state = capture(replace(state, attempt=2))
    assert (result.exit_code, state.stage) == (ExitCode.COMPLIANT, "done")
    assert len(volumes.bodies) == 1
    assert story["gate"]["exit_code"] == 0


@pytest.mark.parametrize(
    ("stage", "code", "line"),
    [
        ("gate", 4, ""),
        ("asking", 4, ""),
        ("made", 11, "image {} exists"),
        ("active", 11, "image {} exists"),
        ("done", 11, "image {} exists"),
    ],
)
def test_a_full_disk_ends_a_capture_that_says_what_exists_and_goes_on(  # noqa: PLR0917
    volumes, capture, monkeypatch, stage, code, line
):
    """What cannot be written down is not begun; what was begun is named, and found again by the resume."""

    def full(folder, state):
        if state.stage == stage:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        write_state(folder, state)

    with monkeypatch.context() as broken:
        broken.setattr("imagegate.capture.write_state", full)
        result, story, state = capture()
    assert int(result.exit_code) == code, result.story.lines
    assert "cannot be written down" in story["stopped"]
    assert "No space left on device" in story["stopped"]
    made = [image for image in volumes.cloud.images if image["name"] == NAME]
    assert len(made) == len(volumes.bodies) == (code == 11)
    if code == 4:
        assert "the image was asked for; whether it was made is not known yet" not in result.story.lines
        return
    assert line.format(made[0]["id"]) in result.story.lines
    assert any(text.startswith("go on: ") for text in result.story.lines)
    result, story, state = capture(replace(state, attempt=2))
    assert (result.exit_code, state.stage) == (ExitCode.COMPLIANT, "done")
    assert len(volumes.bodies) == 1


def test_nobody_goes_on_with_a_capture_that_is_still_at_work(volumes, capture, tmp_path):
    """Two processes would ask for two images. What has ended is gone on with by one of them only."""
    refused = []

    def meddle(text):
        if text.startswith("capturing "):
            [folder] = (path.parent for path in (tmp_path / "reports").glob("*/capture.json"))
            for plan in (False, True):
                with pytest.raises(UsageError, match=r"is still at work \(process \d+ on ") as error:
                    capture(replace(read_state(folder), attempt=2), plan=plan)
                refused.append(str(error.value))

    result, _, state = capture(say=meddle)
    assert result.exit_code is ExitCode.COMPLIANT
    assert len(refused) == 2
    assert len(volumes.bodies) == 1
    assert capture(replace(state, attempt=2))[0].exit_code is ExitCode.COMPLIANT
    with pytest.raises(UsageError, match="gone on with meanwhile"):
        capture(replace(state, attempt=2))
    assert len(volumes.bodies) == 1


def test_a_plan_to_go_on_does_not_take_the_place_of_what_was_reported(volumes, capture):
    result, _, state = capture()
    assert (result.run_id, len(result.findings)) == (state.run, 4)
    planned, _, after = capture(replace(state, attempt=2), plan=True)
    assert (planned.run_id, planned.complete) == (f"{state.run}-plan", False)
    assert after == state
    again, _, _ = capture(replace(state, attempt=2))
    assert again.run_id == state.run


@pytest.fixture
def patching(volumes, kit):
    """A cloud whose image service takes patches; a policy that needs one."""

    def answer(request):
        for image in volumes.cloud.images if request.method == "PATCH" else ():
            if request.path.endswith(f"/v2/images/{image['id']}"):
                image.update({edit["path"].removeprefix("/"): edit["value"] for edit in request.body})
                return kit.Reply(json=image)
        return None

    volumes.cloud.on(answer)
    return POLICY + "      catalog-properties-conform: {properties: {role: web}}\n"


def test_what_the_image_needed_has_a_report_of_its_own_that_is_no_whole_audit(patching, capture, tmp_path):
    """Else its journal looks like that of a run that was killed."""
    _, _, state = capture(policy=patching)
    folder = tmp_path / "reports" / f"{state.run}-image"
    assert (folder / "journal.jsonl").exists()
    run = json.loads((folder / "report.json").read_text())["run"]
    assert (run["command"], run["complete"], run["exit_code"]) == ("audit", False, 0)
    ignored = ask(tmp_path / "reports", lambda _, ignored: dict(ignored), None)
    assert ignored.keys() <= {state.run}  # whoever calls for the capture writes its report


@pytest.mark.parametrize("mended", [True, False])
def test_an_undo_of_a_capture_names_what_can_be_taken_back(patching, capture, tmp_path, mended):
    """Its own folder has no journal: to say that all is as it was would be false."""
    _, _, state = capture(policy=patching if mended else POLICY)
    with pytest.raises(UsageError) as error:
        Undo(UndoOptions(run=state.run, report_dir=tmp_path / "reports")).plan()
    changed = f"what it changed is taken back with {state.run}-image" if mended else "it changed nothing else"
    assert str(error.value) == (
        f"{state.run} is a capture: it made the image {state.image}, which no undo deletes; {changed}"
    )


def test_an_image_that_could_not_be_made_to_comply_says_how_to_go_on(patching, volumes, capture, kit):
    refused = [kit.Reply(503, {"error": "later"})]
    volumes.cloud.hooks.insert(0, lambda r: refused.pop() if refused and r.method == "PATCH" else None)
    result, _, state = capture(policy=patching)
    assert (result.exit_code, state.stage) == (ExitCode.FIX_FAILED, "done")
    (line,) = [text for text in result.story.lines if "captured, but not compliant" in text]
    assert f"imagegate capture --resume {state.run}" in line
    result, _, state = capture(replace(state, attempt=2))
    assert result.exit_code is ExitCode.COMPLIANT
    assert not any("not compliant" in text for text in result.story.lines)


def test_an_undo_of_a_capture_that_came_to_nothing_has_nothing_to_take_back(volumes, capture, tmp_path):
    result, _, state = capture(name="silver")
    assert (result.exit_code, state.stage) == (ExitCode.NOTHING, "refused")
    assert Undo(UndoOptions(run=state.run, report_dir=tmp_path / "reports")).plan() == []


def test_a_resume_under_another_policy_is_refused(volumes, capture):
    _, _, state = capture()
    with pytest.raises(UsageError, match="is not what it was"):
        capture(state, policy=POLICY.replace("version: 1", "version: 2"))


def test_a_person_may_say_no_at_the_last_moment(volumes, capture):
    shown = []
    result, story, state = capture(confirm=lambda lines: bool(shown.extend(lines)))
    assert (result.exit_code, state.stage, story["stopped"]) == (ExitCode.FAIL, "refused", "not confirmed")
    assert any(NAME in line for line in shown)
    assert volumes.bodies == []


def compute(volumes, kit, *, location=True, body=None, mark=True):
    """A u2 instance, and a compute API that makes its image."""
    volumes.server["flavor"] = {"id": "u2"}

    def answer(request):
        if request.method != "POST" or not request.path.endswith(f"/servers/{volumes.server['id']}/action"):
            return None
        wanted = request.body["createImage"]
        image = volumes.cloud.image(name=wanted["name"], protected=True, **(wanted["metadata"] if mark else {}))
        image["id"] = str(uuid.uuid4())
        host = "https://kr1-api-image-infrastructure.example.com/v2/images/"
        headers = {"Location": host + image["id"]} if location else {}
        return kit.Reply(202, {"image_id": image["id"]} if body else None, headers=headers)

    volumes.cloud.on(answer)


@pytest.mark.parametrize("way", [{"location": True}, {"location": False, "body": True}, {"location": False}])
def test_the_image_of_a_u2_instance_is_known_by_header_by_body_or_by_its_mark(volumes, capture, kit, way):
    compute(volumes, kit, **way)
    result, story, state = capture()
    assert result.exit_code is ExitCode.COMPLIANT, result.story.lines
    assert story["image"]["id"] == volumes.cloud.images[-1]["id"]
    assert volumes.cloud.images[-1]["imagegate_capture"] == state.run
    assert volumes.bodies == []


def test_an_image_of_this_name_without_the_mark_is_not_taken_for_ours(volumes, capture, kit):
    compute(volumes, kit, location=False, mark=False)
    result, story, state = capture()
    assert (result.exit_code, state.stage) == (ExitCode.FIX_FAILED, "asking")
    assert "not known" in story["stopped"]


@pytest.mark.parametrize(
    "body",
    [
        {"os-volume_upload_image": {"image_name": "x", "force": "true"}},
        {"os-volume_upload_image": {"image_name": "x", "force": False}},
        {"os-volume_upload_image": {"image_name": "x", "force": True, "visibility": "public"}},
        {"os-volume_upload_image": {"image_name": "x", "force": True, "metadata": {}}},
        {"os-volume_upload_image": {"force": True}},
        {"createImage": {"name": "x"}},
        [],
    ],
)
def test_the_stand_in_refuses_what_the_real_one_refuses(volumes, body):
    assert volumes._upload(volumes.root, body).status in {400, 403}
    assert volumes.root["status"] == "in-use"
