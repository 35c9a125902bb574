"""``imagegate capture`` killed (-9) at each of its steps: its files name what exists and what is open, and it is finished.

The requests of the capture pass through proxies that kill it: before a request is passed on, or when it has been
answered. Nothing else of the process happens between two requests that anybody outside could tell apart.
``IMAGEGATE_KILLED=all`` kills it at all points of the table, and before and after every single request.
"""

import itertools
import json
from dataclasses import dataclass

import pytest
from tests.real.killing import ALL, NAME, ON_VOLUME, at, wait
from tests.real.support import validate

from imagegate.capture_left import left_behind
from imagegate.capture_state import read_state

pytestmark = pytest.mark.real


@pytest.fixture
def scene(killing):
    return killing


# the points


def audited(requests):
    return any(one.is_a(FINISH) for one in requests) and requests[-1].is_a("glance-KR1 GET /members")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where the capture is killed, and what must stand in its files then.

    ``made`` is how many images there are in the instance's region and in the other one; ``open`` what the journal says
    of the step that is under way.
    """

    name: str
    when: object
    after: bool = False
    stage: str
    made: tuple[int, int] = (1, 0)
    open: str | None = None


STOP, ASK = "nova POST /action os-stop", "nova POST /action createImage"
PROPERTY, RENAME = "glance-KR1 PATCH * /role", "glance-KR1 PATCH * /name"
SHARE, MEMBER, PROTECT = "glance-KR1 PATCH * /visibility", "glance-KR1 POST /members", "glance-KR1 PATCH * /protected"
COPY, DATA, FINISH = "glance-KR2 POST /v2/images", "glance-KR2 PUT /file", "glance-KR2 PATCH * imagegate_copying"
UPLOAD, LIFT = "cinder POST /action os-volume_upload_image", "glance-KR1 PATCH * /protected false"
COPYING = "copy the image to region KR2"

POINTS = (
    Point(name="before the stop", when=at(STOP), stage="gate", made=(0, 0), open="stop the instance"),
    Point(name="stopped", when=at(STOP), after=True, stage="gate", made=(0, 0), open="stop the instance"),
    Point(name="gate done", when=lambda all_: all_[-1].gated, stage="gate", made=(0, 0)),
    Point(name="before the request", when=at(ASK), stage="asking", made=(0, 0)),
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
    assert state.server == scene.compute.server(scene.instance)["id"]
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


def test_a_killed_capture_says_how_it_is_cleaned_up_and_that_is_true(scene):
    name = scene.capture(at(COPY), after=True)
    before = scene.images(name)
    assert scene.command("capture", "--resume", scene.run, "--plan") == 11, scene.said()
    assert scene.images(name) == before, "a plan does nothing"
    assert not (scene.reports / scene.run / "report.json").exists(), "nor does it report in the run's name"
    report = json.loads((scene.reports / f"{scene.run}-plan" / "report.json").read_text())
    validate(report)
    report = report["capture"]
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


@pytest.mark.parametrize("after", [False, True], ids=["before-the-request", "answer-lost"])
def test_a_capture_through_block_storage_is_killed_around_its_request_and_finished(scene, after):
    name = scene.capture(at(UPLOAD), after=after, instance=ON_VOLUME)
    assert_told(scene, name, Point(name="", when=None, stage="asking", made=(int(after), 0)))
    if after:
        (image,), _ = scene.images(name)
        assert (image["protected"], image["visibility"]) == (True, "private"), "as it was asked for"
    assert scene.resume() == 0, scene.said()
    scene.assert_finished(name)
    assert sum(one.is_a(UPLOAD) for one in scene.trap.requests) == (0 if after else 1)
    scene.clear(name)


def test_a_protection_that_was_lifted_when_the_kill_came_is_put_back_before_anything_else(scene):
    """The image is born protected, and this Glance refuses to change protected images."""
    name = scene.capture(at(LIFT), after=True, instance=ON_VOLUME)
    (image,), _ = scene.images(name)
    assert image["protected"] is False
    state = read_state(scene.reports / scene.run)
    (owed,) = left_behind(scene.reports, state).owed
    assert name in owed
    assert scene.command("capture", "--resume", scene.run, "--plan") == 11
    assert f"owed, and put back first: {owed}" in scene.said()
    assert scene.here.get(image["id"])["protected"] is False
    assert scene.resume() == 0, scene.said()
    writes = [one for one in scene.trap.requests if one.method in {"PATCH", "POST", "PUT", "DELETE"}]
    assert writes[0].is_a("glance-KR1 PATCH * /protected true"), writes[:3]
    scene.assert_finished(name)
    scene.clear(name)


@pytest.mark.skipif(not ALL, reason="IMAGEGATE_KILLED=all kills one capture for each point and request: minutes")
def test_killed_once_at_any_point_before_and_after_any_request_a_capture_is_finished(scene):
    for point in POINTS:
        name = scene.capture(ALONE.get(point.name, point.when), after=point.after)
        assert_told(scene, name, point)
        assert scene.resume() == 0, (point.name, scene.said())
        scene.assert_finished(name)
        scene.clear(name)
    name = scene.capture()
    scene.assert_finished(name)
    scene.clear(name)
    requests = list(scene.trap.requests)
    for number, after in itertools.product(range(1, len(requests) + 1), (False, True)):
        if after and requests[number - 1].method == "GET":
            continue  # a look more changes nothing
        name = scene.capture(lambda all_, number=number: len(all_) == number, after=after, surely=False)
        assert scene.resume() == 0, (number, after, requests[number - 1], scene.said())
        scene.assert_finished(name)
        scene.clear(name)
