"""Copies of images: what is asked and written, and what silence, refusals and lost answers lead to."""

import hashlib
import threading
import time
import uuid
from dataclasses import replace

import pytest

from imagegate.copies import Terms
from imagegate.errors import Owner, StepError, StepRefused
from imagegate.model import Level, Phase, Seen, Unseen
from imagegate.probes import IMAGE, MEMBERS, CopiesProbe
from imagegate.steps import CopyImage, SetProtected
from imagegate.transports import Carrier, Watch
from imagegate.transports.openstack import OpenStack

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


@pytest.fixture
def there(cloud, kit):
    cloud.regions["image"] = ["KR1", "KR2"]
    return Region2(cloud, kit)


@pytest.fixture
def source(cloud, kit, there):
    """The source's record; its data is to be had."""
    record = cloud.image(
        name="golden", size=len(DATA), checksum=hashlib.md5(DATA).hexdigest(), disk_format="raw", os_hash_algo="sha256",
        container_format="bare", os_hash_value=hashlib.sha256(DATA).hexdigest(), os_type="linux", tags=["a", "_B"],
    )  # fmt: skip
    cloud.on(
        lambda request: kit.Reply(body=DATA) if request.path.endswith(f"/KR1/v2/images/{record['id']}/file") else None
    )
    return record


@pytest.fixture
def quick(make_transport, kit):
    return make_transport(replace(kit.QUICK, stall_s=0.6))


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


def test_a_copy(cloud, there, source, quick):
    act = Act(quick, name="{name}-kr2", protected=True, members=("a" * 32,))
    assert isinstance(quick, Carrier)
    act()
    (copy,) = there.images.values()
    said = ("name", "os_type", "source_image_id", "status", "protected", "visibility", "tags", "disk_format")
    assert [copy[key] for key in said] == [
        "golden-kr2", "linux", source["id"], "active", True, "shared", ["a"], "raw",
    ]  # fmt: skip
    assert MARK not in copy
    assert copy["_members"] == [{"member_id": "a" * 32, "status": "pending"}]
    assert act.moves[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in act.moves] == sorted({done for done, _ in act.moves})


def test_the_mark_is_there_from_the_first_moment_to_the_last(there, source, quick):
    marks = []

    def watched(do):
        marks.append([MARK in image for image in there.images.values()])
        return do()

    there.faults = {"PUT file": [watched], "POST members": [watched], "PATCH image": [watched, watched]}
    Act(quick, members=("a" * 32,), protected=True)()
    assert marks == [[True]] * 4
    assert there.log.index("POST members") < len(there.log) - 1
    assert there.log[-1] == "PATCH image"


def test_a_refused_download_begins_nothing(cloud, kit, there, source, quick):
    cloud.hooks.insert(0, lambda request: kit.Reply(403) if request.path.endswith("/file") else None)
    with pytest.raises(StepError, match="nhncloud_allow_download") as caught:
        Act(quick)()
    assert caught.value.changed is False
    assert "POST images" not in there.log


def test_a_passing_failure_of_the_download_is_repeated(cloud, kit, there, source, quick):
    replies = [kit.Reply(503), kit.Reply(502)]
    cloud.hooks.insert(
        0, lambda request: replies.pop(0) if replies and "KR1" in request.path and request.path.endswith("/file") else None
    )
    Act(quick)()
    assert len(there.images) == 1


def test_a_source_that_says_too_little_is_not_begun(there, source, quick):
    source.update(checksum=None, os_hash_value=None)
    with pytest.raises(StepError, match="how large it is and what its checksum is"):
        Act(quick)()
    assert "POST images" not in there.log


@pytest.mark.parametrize("wrong", [{"checksum": "0" * 32}, {"os_hash_value": "0" * 64}, {"size": len(DATA) - 1}])
def test_a_source_that_says_something_else_than_its_data(there, source, quick, wrong):
    source.update(wrong)
    with pytest.raises(StepError, match="another checksum or size") as caught:
        Act(quick)()
    assert there.images == {}
    assert caught.value.changed is False


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"body": DATA[:100], "claim": len(DATA)}, r"the download: HTTP 200"),
        ({"body": DATA, "trickle_s": 1.0}, r"the download broke off: timed out"),
        ({"hang_s": 2}, r"the download: no answer|the download: .*timed out"),
    ],
)
def test_a_download_that_breaks_off_or_falls_silent(*, cloud, kit, there, source, quick, fault, said):
    """An end to every silence; and what cannot go on where it was is not glued together."""
    cloud.hooks.insert(
        0,
        lambda request: kit.Reply(**fault) if "KR1" in request.path and request.path.endswith("/file") else None,
    )
    begun = time.monotonic()
    with pytest.raises(StepError, match=said) as caught:
        Act(quick)()
    assert time.monotonic() - begun < 10
    assert caught.value.changed is False
    assert there.images == {}


def test_slow_is_not_silent(cloud, kit, there, source, quick):
    """More time than any deadline of the transport has, byte by byte."""
    short = DATA[:40]
    source.update(size=40, checksum=hashlib.md5(short).hexdigest(), os_hash_value=hashlib.sha256(short).hexdigest())
    cloud.hooks.insert(
        0,
        lambda request: kit.Reply(body=short, trickle_s=0.05) if "KR1" in request.path and request.path.endswith("/file") else None,
    )
    begun = time.monotonic()
    Act(quick)()
    assert time.monotonic() - begun > 1.5 > quick._limits.stall_s
    assert len(there.images) == 1


def test_an_upload_without_an_answer_is_not_sent_again(kit, there, source, quick):
    """The service was at work, and had not finished when we stopped listening."""

    def silent(do):
        return replace(do(), hang_s=2)

    there.faults = {"PUT file": [silent]}
    Act(quick)()
    assert there.log.count("PUT file") == 1
    (copy,) = there.images.values()
    assert (copy["status"], MARK in copy) == ("active", False)


def test_an_upload_that_never_ends(kit, there, source, quick):
    there.faults = {"PUT file": [kit.Reply(204, hang_s=3)]}
    with pytest.raises(StepError) as caught:
        Act(quick)()
    assert there.images == {}
    assert caught.value.changed is False
    assert there.log.count("PUT file") == 1


@pytest.mark.parametrize("status", [409, 413, 500, 503])
def test_a_refused_upload_is_not_repeated(kit, there, source, quick, status):
    there.faults = {"PUT file": [kit.Reply(status)]}
    with pytest.raises(StepError, match=f"HTTP {status}"):
        Act(quick)()
    assert there.images == {}
    assert there.log.count("PUT file") == 1


@pytest.mark.parametrize("damage", [{"checksum": "0" * 32}, {"size": 5}, {"status": "killed"}, {"checksum": None}])
def test_a_copy_that_is_not_proved_is_removed(kit, there, source, quick, damage):
    """Another MD5, another size, no data; or nothing that tells."""

    def damaged(do):
        reply = do()
        next(iter(there.images.values())).update(damage)
        return reply

    there.faults = {"PUT file": [damaged]}
    with pytest.raises(StepError, match=r"another checksum or size|killed after the upload"):
        Act(quick)()
    assert there.images == {}


@pytest.mark.parametrize(("said", "whole"), [(f"bytes 100-{len(DATA) - 1}/*", True), ("bytes 0-9/*", False), (None, False)])
def test_a_download_goes_on_only_where_it_was(*, cloud, kit, there, source, quick, said, whole):
    def hook(request):
        if "KR1" not in request.path or not request.path.endswith("/file"):
            return None
        if request.headers.get("range") == "bytes=100-":
            return kit.Reply(206, body=DATA[100:], headers={"Content-Range": said} if said else {})
        assert "range" not in request.headers
        return kit.Reply(body=DATA[:100], claim=len(DATA))

    cloud.hooks.insert(0, hook)
    if whole:
        Act(quick)()
        assert len(there.images) == 1
        return
    with pytest.raises(StepError, match="cannot go on where it broke off"):
        Act(quick)()
    assert there.images == {}


def test_what_somebody_else_is_making_beside_ours_is_left_alone(there, source, quick):
    make = {"name": "x", "visibility": "private", "source_image_id": source["id"]}
    there.do(type("R", (), {"method": "POST", "body": make}), [])
    (theirs,) = there.images
    there.do(type("R", (), {"method": "POST", "body": {**make, MARK: "w0"}}), [])
    Act(quick)()
    assert theirs in there.images
    assert [MARK in image for image in there.images.values()] == [False, False]


def test_a_creation_whose_answer_is_lost_leaves_nothing(kit, there, source, quick):
    def lost(do):
        do()
        return kit.Reply(502)

    there.faults = {"POST images": [lost]}
    with pytest.raises(StepError, match="HTTP 502") as caught:
        Act(quick)()
    assert there.images == {}
    assert caught.value.changed is False
    assert there.log.count("POST images") == 1


def test_what_cannot_be_removed_is_named(kit, there, source, quick):
    there.faults = {"PUT file": [kit.Reply(500)], "DELETE image": [kit.Reply(503)]}
    with pytest.raises(StepError, match="the next run takes care of it") as caught:
        Act(quick)()
    (left,) = there.images
    assert f"image {left} (golden) in region KR2 is half-made" in str(caught.value)
    assert caught.value.changed is True
    act = Act(quick)
    assert [(copy.image.id, copy.how) for copy in act.step.unfinished(act.look())] == [(left, "link")]
    act()
    assert left not in there.images
    assert len(there.images) == 1


def test_whole_data_is_kept_when_finishing_fails(kit, there, source, quick):
    there.faults = {"POST members": [kit.Reply(413)]}
    with pytest.raises(StepError, match="has all its data; the next run finishes it") as caught:
        Act(quick, members=("a" * 32,))()
    assert caught.value.changed is True
    (left,) = there.images
    Act(quick, members=("a" * 32,))()
    assert list(there.images) == [left]
    assert MARK not in there.images[left]
    assert there.log.count("PUT file") == 1


def test_what_another_run_has_taken_over_is_not_removed(kit, there, source, quick):
    def stolen(_):
        next(iter(there.images.values()))[MARK] = "another"
        return kit.Reply(409)

    there.faults = {"PUT file": [stolen]}
    with pytest.raises(StepError, match="HTTP 409"):
        Act(quick)()
    assert len(there.images) == 1
    assert "DELETE image" not in there.log


def test_what_somebody_finished_meanwhile_is_left_alone(kit, there, source, quick):
    act = Act(quick)
    there.faults = {"PUT file": [kit.Reply(500)], "DELETE image": [kit.Reply(503)]}
    with pytest.raises(StepError):
        act()
    seen = act.look()
    (left,) = there.images
    there.images[left].pop(MARK)
    with pytest.raises(StepError, match="finished by somebody else"):
        quick.carry(act.target, act.step, seen, act.watch)
    assert list(there.images) == [left]


@pytest.mark.parametrize("does_it", [False, True])
def test_whenever_it_ends_the_next_run_comes_to_the_end(there, source, make_transport, kit, does_it):
    """The region dies before each request in turn, or right after it has carried it out: nobody cleans up."""

    def act():
        return Act(make_transport(replace(kit.QUICK, attempts=1)), members=("a" * 32,), protected=True)

    moments = 0
    while True:
        there.images.clear()
        there.log.clear()
        first = act()
        seen = first.look()
        there.log.clear()
        there.dies_at, there.does_it = moments, does_it
        try:
            first.transport.carry(first.target, first.step, seen, first.watch)
            ended = True
        except StepError:
            ended = False
        there.dies_at = None
        for image in there.images.values():
            unfinished = MARK in image
            assert image["protected"] is not unfinished, "what is not finished can be deleted, what is finished cannot"
            assert unfinished or image["status"] == "active"
        second = act()
        if not second.step.done(second.look()):
            second()
        (copy,) = there.images.values()
        assert (copy["status"], copy["size"], copy["protected"], MARK in copy) == ("active", len(DATA), True, False)
        assert {row["member_id"] for row in copy["_members"]} == {"a" * 32}
        if ended:
            break
        moments += 1
    assert moments == 6, "POST, PUT, GET, PATCH, POST members, PATCH"


def test_a_token_that_is_rejected_in_the_middle(kit, there, source, quick):
    there.faults = {"PUT file": [kit.Reply(401)]}
    with pytest.raises(StepError, match="wanted the data a second time"):
        Act(quick)()
    assert there.images == {}


def test_a_name_that_another_image_has_there_is_left_to_it(there, source, quick):
    there.do(type("R", (), {"method": "POST", "body": {"name": "golden", "visibility": "private"}}), [])
    (other,) = there.images
    with pytest.raises(StepRefused, match=f"its name there would be golden, which is taken by image {other}"):
        Act(quick)()
    assert list(there.images) == [other]
    Act(quick, name="{name}-kr2")()
    assert len(there.images) == 2


def test_two_copies_of_one_run_never_take_one_name(cloud, there, source, quick):
    source["created_at"] = "2026-05-10T08:00:00Z"
    other = cloud.image(**{**source, "id": str(uuid.UUID(int=77))})
    act = Act(quick)
    second = next(one for one in quick.discover({"fake": ["KR1"]}, what=("images",)).targets if one.id == other["id"])
    seen = quick.look(second, act.step.reads, timeout_s=5, fresh=True)
    act()
    with pytest.raises(StepRefused, match="takes this name in the same run"):
        quick.carry(second, act.step, seen, act.watch)
    assert len(there.images) == 1


def test_cancelled_before_it_begins(there, source, quick):
    act = Act(quick)
    act.watch.cancelled.set()
    with pytest.raises(StepError, match="interrupted"):
        act()
    assert "POST images" not in there.log


def test_only_so_many_at_once(there, source, make_transport, kit):
    transport = make_transport(replace(kit.QUICK, copies=1))
    act, waiting = Act(transport), Act(transport)
    waiting.watch.cancelled.set()
    held = []

    def slow(do):
        with pytest.raises(StepRefused, match="interrupted before it began"):
            waiting()
        held.append(True)
        return do()

    there.faults = {"POST images": [slow]}
    act()
    assert held == [True]


def test_another_step_is_not_carried(there, source, quick):
    act = Act(quick)
    step = SetProtected(
        protected=True, subject="x", summary="protect", level=Level.SAFE, phase=Phase.PROTECTION, why="test"
    )
    with pytest.raises(StepError, match="nothing can carry this out"):
        quick.carry(act.target, step, act.look(), act.watch)


# looking


def look(transport, target, *probes, fresh=False):
    return transport.look(target, probes, timeout_s=5, fresh=fresh)


def test_a_region_outside_the_run_is_listed_once(cloud, there, source, quick):
    for _ in range(3):
        cloud.image(name="more")
    targets = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    assert {target.region for target in targets} == {"KR1"}
    assert not quick.at_hand(targets[0], [IMAGE, PROBE])
    for target in targets:
        assert look(quick, target, PROBE)[PROBE].images == ()
    assert there.log.count("GET images") == 2, "one list, and one of what is hidden"
    assert quick.at_hand(targets[0], [IMAGE, PROBE])
    assert not quick.at_hand(targets[0], [IMAGE, replace(PROBE, members=True)])
    assert [(one.region, one.complete) for one in quick.also] == [("KR2", True)]
    look(quick, targets[0], PROBE, fresh=True)
    assert there.log.count("GET images") == 4


def test_its_own_region_costs_nothing(cloud, there, source, quick):
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    fact = look(quick, target, replace(PROBE, region="kr1"))[replace(PROBE, region="kr1")]
    assert (fact.home, fact.images, fact.source.size) == ("KR1", (), len(DATA))
    assert there.log == []


def test_members_are_asked_for_where_they_matter(cloud, kit, there, source, quick):
    there.do(type("R", (), {"method": "POST", "body": {"name": "x", "visibility": "shared", "source_image_id": source["id"]}}), [])
    (ident,) = there.images
    there.faults = {"GET members": [kit.Reply(json={"members": [{"member_id": "m1", "status": "accepted"}]})] * 1}
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    (copy,) = look(quick, target, PROBE)[PROBE].images
    assert (copy.image.id, copy.members) == (ident, None)
    (copy,) = look(quick, target, replace(PROBE, members=True), fresh=True)[replace(PROBE, members=True)].images
    assert [(one.project, one.status) for one in copy.members] == [("m1", "accepted")]


def test_a_list_that_is_lost_is_no_empty_region(kit, there, source, quick):
    there.faults = {"GET images": [kit.Reply(500)] * 3}
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    unseen = look(quick, target, PROBE).observation(PROBE)
    assert isinstance(unseen, Unseen)
    assert unseen.reason.startswith("the images of region KR2 were not read to their end: page 1: HTTP 500")
    assert [one.complete for one in quick.also] == [False]
    assert isinstance(look(quick, target, PROBE, fresh=True).observation(PROBE), Unseen | Seen)


@pytest.mark.parametrize("strange", [{"name": ["a"]}, {"checksum": 5}, {"status": None, "name": 5}])
def test_an_unreadable_record_may_be_anybodys_copy(there, source, quick, strange):
    there.do(type("R", (), {"method": "POST", "body": {"name": "x", "visibility": "private"}}), [])
    next(iter(there.images.values())).update(strange)
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    assert "that is no text" in look(quick, target, PROBE).observation(PROBE).reason


def test_copies_of_others_stay_unseen(cloud, there, source, quick):
    source["owner"] = "somebody"
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    assert look(quick, target, PROBE).observation(PROBE).reason == (
        "owned by project somebody: only its owner sees all its images"
    )


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("US1", "has KR1, KR2); NHN Cloud closed its region US1 on 2026-03-31: take it out of the policy"),
        ("JP1", "region JP1 is not in the service catalog (it has KR1, KR2)"),
    ],
)
def test_regions_that_the_catalog_lacks(there, source, quick, region, said):
    (target,) = quick.discover({"fake": ["KR1"]}, what=("images",)).targets
    probe = replace(PROBE, region=region)
    unseen = look(quick, target, probe).observation(probe)
    assert unseen.reason.endswith(said)
    assert unseen.owner is Owner.TARGET
    assert [(one.region, one.complete) for one in quick.also] == [(region.casefold(), False)]


def test_a_transport_that_does_not_know_the_place(there, source, quick, configured):
    act = Act(quick)
    elsewhere = replace(act.target, region="KR9")
    with pytest.raises(StepError, match="was not reached"):
        quick.carry(elsewhere, act.step, act.look(), act.watch)
    assert isinstance(OpenStack().look(act.target, [PROBE, MEMBERS], timeout_s=1, fresh=True).observation(PROBE), Unseen)
