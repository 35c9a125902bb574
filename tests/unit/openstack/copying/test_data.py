"""The data on its way: what is asked and written, and what silence, refusals and damage lead to."""

import hashlib
import time
from dataclasses import replace

import pytest
from tests.unit.openstack.copying.scene import DATA, MARK, Act

from imagegate.errors import StepError
from imagegate.transports import Carrier


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
