"""What other projects share with ours: listed whatever we answered, and our own row looked at."""

import pytest

from imagegate.errors import StepError
from imagegate.model import Level, Phase, Unseen
from imagegate.probes import IMAGE, MEMBERS, MEMBERSHIP
from imagegate.steps import AcceptImage

OTHER = "f" * 32
CREATED, UPDATED = "2026-05-10T09:00:00Z", "2026-05-11T09:00:00Z"


@pytest.fixture
def received(cloud, kit):
    """Another project's image, shared with ours, which has answered ``status``."""

    def make(status="pending", *, hidden=False, **row):
        image = cloud.image(owner=OTHER, visibility="shared", os_hidden=hidden)
        said = {"member_id": kit.PROJECT, "status": status, "created_at": CREATED, "updated_at": UPDATED, **row}
        cloud.members[image["id"]] = [said]
        return image["id"]

    return make


def discovered(transport):
    return {one.id: one for one in transport.discover({"fake": None}, what=["images"]).targets}


def look(transport, target, probe=MEMBERSHIP, fresh=False):
    return transport.look(target, [IMAGE, probe], timeout_s=5.0, fresh=fresh).observation(probe)


def test_images_are_listed_whatever_we_answered(transport, received):
    made = {received(word, hidden=hidden) for word in ("pending", "accepted", "rejected") for hidden in (False, True)}
    assert set(discovered(transport)) == made


@pytest.mark.parametrize("word", ["member_status", "limit"])
def test_a_server_that_does_not_know_a_parameter_is_asked_without_it(cloud, transport, received, kit, word):
    """What is left out are the images that it would not list in any case."""
    pending, accepted = received("pending"), received("accepted")
    cloud.on(lambda r: kit.html(400, f"unknown: {word}") if word in r.query and r.path.endswith("/images") else None)
    found = transport.discover({"fake": None}, what=["images"])
    assert {one.id for one in found.targets} == ({accepted} if word == "member_status" else {accepted, pending})
    assert [scope.complete for scope in found.catalogs] == [True]


def test_our_own_row(transport, received, kit):
    ident = received()
    fact = look(transport, discovered(transport)[ident]).value
    assert [(row.project, row.status, row.since) for row in fact.members] == [(kit.PROJECT, "pending", UPDATED)]


def test_since_it_was_created_where_it_was_never_changed(transport, received):
    ident = received(updated_at=None)
    assert look(transport, discovered(transport)[ident]).value.members[0].since == CREATED


@pytest.mark.parametrize("fields", [{}, {"owner": OTHER, "visibility": "public"}])
def test_nobody_is_asked_where_there_can_be_no_row(cloud, transport, fields):
    ident = cloud.image(**fields)["id"]
    target = discovered(transport)[ident]
    before = transport.requests
    assert transport.at_hand(target, [IMAGE, MEMBERS, MEMBERSHIP])
    assert look(transport, target).value.members == ()
    assert transport.requests == before


def test_an_image_that_an_administrator_sees_is_shared_with_others(cloud, transport):
    image = cloud.image(owner=OTHER, visibility="shared")
    target = discovered(transport)[image["id"]]
    assert not transport.at_hand(target, [MEMBERSHIP])
    assert look(transport, target).value.members == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"status": 7}, "our row among the members cannot be read: record's 'status' is a number, not a string"),
        ({"updated_at": 7}, "our row among the members cannot be read: record's 'updated_at' is a number"),
    ],
)
def test_a_row_that_cannot_be_read(cloud, transport, received, row, reason):
    ident = received()
    target = discovered(transport)[ident]
    cloud.members[ident][0].update(row)
    seen = look(transport, target)
    assert isinstance(seen, Unseen)
    assert seen.reason.startswith(reason)


@pytest.mark.parametrize(
    "case",
    [
        ({"status": 500}, "HTTP 500"), ({"status": 403}, "HTTP 403"), ({"json": []}, "not the row of our project"),
        ({"json": {"member_id": OTHER, "status": "accepted"}}, "not the row of our project"),
    ],
)
def test_an_answer_that_tells_nothing(cloud, transport, received, kit, case):
    answer, reason = case
    ident = received()
    target = discovered(transport)[ident]
    cloud.on(lambda r: kit.Reply(**answer) if "/members/" in r.path else None)
    assert reason in look(transport, target).reason


def test_accepting_is_one_request_as_ourselves(cloud, transport, received, kit):
    ident = received()
    target = discovered(transport)[ident]
    said = {"subject": "s", "summary": "accept", "level": Level.DISRUPTIVE, "phase": Phase.ADD_MEMBERS, "why": "w"}
    step = AcceptImage(owner=OTHER, project=kit.PROJECT, **said)

    def accept(request):
        if request.method != "PUT":
            return None
        cloud.members[ident][0].update(status=request.body["status"])
        return kit.Reply(json=cloud.members[ident][0])

    cloud.on(accept)
    seen = transport.look(target, step.reads, timeout_s=5.0, fresh=True)
    assert not step.done(seen)
    transport.apply(target, step, seen, timeout_s=5.0)
    after = transport.look(target, step.reads, timeout_s=5.0, fresh=True)
    assert step.done(after)
    assert step.basis(after) == step.basis(step.simulate(seen))
    [put] = [one for one in cloud.log if one.method == "PUT"]
    assert put.path.endswith(f"/v2/images/{ident}/members/{kit.PROJECT}")
    cloud.hooks[:] = [lambda r: kit.html(403, "not you") if r.method == "PUT" else None]
    with pytest.raises(StepError, match="HTTP 403"):
        transport.apply(target, step, after, timeout_s=5.0)
