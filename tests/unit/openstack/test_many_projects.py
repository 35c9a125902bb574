"""Several entries of clouds.yaml in one run: what they see of one deployment is there once."""

import dataclasses
import threading

import pytest

from imagegate.errors import StepError
from imagegate.model import Kind, Level, Phase, Unseen
from imagegate.probes import IMAGE, MEMBERS, MEMBERSHIP, SERVER, SOURCE_IMAGE
from imagegate.selectors import Condition, Outcome, Selector
from imagegate.steps import AcceptImage, SetProtected

PROD, STAGE, VENDOR = "b" * 32, "c" * 32, "f" * 32
SAID = {"subject": "s", "summary": "do it", "level": Level.DISRUPTIVE, "phase": Phase.ADD_MEMBERS, "why": "w"}
OURS = Selector(kind=Kind.IMAGE, conditions=(Condition(attribute="owner", alternatives=("self",)),))


def row(project, status="pending"):
    return {"member_id": project, "status": status, "updated_at": "2026-05-10T09:00:00Z"}


@pytest.fixture
def three(cloud, configured, kit):
    """The entries of three projects of one deployment: golden (which owns what tests make), prod and stage."""
    configured(
        {
            "golden": kit.entry(cloud),
            "prod": kit.entry(cloud, project_id=PROD),
            "stage": kit.entry(cloud, project_id=STAGE),
        }
    )
    cloud.others = {PROD, STAGE}
    return cloud


def shared(cloud, *rows, **fields):
    image = cloud.image(visibility="shared", **fields)
    cloud.members[image["id"]] = list(rows)
    return image["id"]


def discover(transport, *clouds, regions=("KR1",), what=("images",), **more):
    return transport.discover({name: regions and list(regions) for name in clouds}, what=what, **more)


def targets(found):
    return {target.id: target for target in found.targets}


def look(transport, target, *probes, fresh=False):
    return transport.look(target, probes, timeout_s=5, fresh=fresh)


def senders(cloud, method, ending):
    """The projects whose tokens sent such requests."""
    return [cloud.asks(one) for one in cloud.log if one.method == method and one.path.endswith(ending)]


def test_an_image_that_three_projects_see_is_one_target(three, transport, kit):
    public, own = three.image(visibility="public")["id"], three.image()["id"]
    both = shared(three, row(PROD), row(STAGE, "accepted"))
    theirs = three.image(owner=STAGE)["id"]
    found = discover(transport, "prod", "golden", "stage")
    assert [(one.cloud, one.project, one.count) for one in found.catalogs] == [
        ("prod", PROD, 2), ("golden", kit.PROJECT, 3), ("stage", STAGE, 3),
    ]  # fmt: skip
    by_id = targets(found)
    assert len(found.targets) == len(by_id) == 4
    assert {ident: (one.cloud, one.seen_from) for ident, one in by_id.items()} == {
        public: ("golden", ("prod", "golden", "stage")),
        own: ("golden", ("golden",)),
        both: ("golden", ("prod", "golden", "stage")),
        theirs: ("stage", ("stage",)),
    }
    assert all("self" in one.attributes["owner"] for one in by_id.values()), "each is owned by a project that is named"
    assert look(transport, by_id[both], IMAGE, MEMBERS)[MEMBERS].members
    assert senders(three, "GET", "/members") == [kit.PROJECT]


@pytest.mark.parametrize("names", [("golden",), ("prod", "stage"), ("stage", "prod", "golden")])
def test_the_key_does_not_tell_who_saw_it(three, transport, names):
    ident = shared(three, row(PROD), row(STAGE))
    [target] = discover(transport, *names).targets
    assert target.key == f"image:{three.url.removeprefix('http://')}/images-of/KR1/KR1/{ident}"


def test_what_nobody_here_owns_is_seen_through_the_first(three, transport):
    three.image(owner=VENDOR, visibility="public")
    [target] = discover(transport, "stage", "prod").targets
    assert (target.cloud, target.seen_from) == ("stage", ("stage", "prod"))
    assert OURS.match(target).outcome is Outcome.NO


def test_two_deployments_that_share_an_id_are_two(three, configured, transport, kit):
    other = type(three)()
    try:
        configured({"golden": kit.entry(three), "mirror": kit.entry(other)})
        made = [cloud.image(visibility="public")["id"] for cloud in (three, other)]
        assert made[0] == made[1]
        found = discover(transport, "golden", "mirror")
    finally:
        other.close()
    assert [target.seen_from for target in found.targets] == [("golden",), ("mirror",)]
    assert len({target.key for target in found.targets}) == 2


def test_regions_are_never_one(three, transport):
    three.regions["image"] = ["KR1", "KR2"]
    three.image(visibility="public")
    found = discover(transport, "golden", "prod", regions=("KR1", "KR2"))
    assert [(target.region, target.seen_from) for target in found.targets] == [
        ("KR1", ("golden", "prod")), ("KR2", ("golden", "prod")),
    ]  # fmt: skip


def test_regions_that_share_one_service_stay_two(three, transport, kit):
    three.regions["image"] = ["KR1", "KR2"]

    def one_service(request):
        if request.path != "/v3/auth/tokens":
            return None
        reply = three.log_in(request)
        for service in reply.json["token"]["catalog"]:
            for endpoint in service["endpoints"]:
                endpoint["url"] = endpoint["url"].replace("KR2", "KR1")
        return reply

    three.on(one_service)
    three.image()
    found = discover(transport, "golden", "prod", regions=("KR1", "KR2"))
    assert [(target.region, target.cloud) for target in found.targets] == [("KR1", "golden"), ("KR2", "golden")]
    assert len({target.key for target in found.targets}) == 2


def test_one_address_that_tells_different_things_is_not_believed(three, transport, kit):
    """A gateway that routes by token, say: the images of two deployments are never taken for one."""
    image = three.image(visibility="public")

    def elsewhere(request):
        if not request.path.endswith("/v2/images") or three.asks(request) != PROD:
            return None
        hidden = "os_hidden" in request.query
        return kit.Reply(json={"images": [] if hidden else [{**image, "created_at": "2020-01-01T00:00:00Z"}]})

    three.on(elsewhere)
    found = discover(transport, "golden", "prod")
    assert [(target.key, target.seen_from) for target in found.targets] == [
        (f"image:golden/KR1/{image['id']}", ("golden",)), (f"image:prod/KR1/{image['id']}", ("prod",)),
    ]  # fmt: skip
    [warning] = found.warnings
    assert "golden, prod have the same address and tell different things" in warning


def test_another_interface_is_the_same_deployment(three, configured, transport, kit):
    """What the public endpoint is tells whose an internal one is."""
    internal = {**kit.entry(three, project_id=PROD), "interface": "internal"}
    configured({"golden": kit.entry(three), "prod": internal})

    def both_interfaces(request):
        if request.path != "/v3/auth/tokens":
            return None
        reply = three.log_in(request)
        for service in reply.json["token"]["catalog"]:
            [public] = service["endpoints"]
            inside = public["url"].replace("127.0.0.1", "localhost")
            service["endpoints"].append({**public, "id": "i", "interface": "internal", "url": inside})
        return reply

    three.on(both_interfaces)
    three.image(visibility="public")
    [target] = discover(transport, "golden", "prod").targets
    assert target.seen_from == ("golden", "prod")
    hosts = {one.headers["host"].partition(":")[0] for one in three.log if one.path.endswith("/v2/images")}
    assert hosts == {"127.0.0.1", "localhost"}


def test_two_entries_of_one_project_see_one_server(three, configured, transport, kit):
    three.server_record()
    configured({"golden": kit.entry(three), "again": kit.entry(three)})
    [target] = discover(transport, "golden", "again", what=["servers"]).targets
    assert (target.kind, target.cloud, target.seen_from) == (Kind.INSTANCE, "golden", ("golden", "again"))
    assert target.key == f"instance:{three.url.removeprefix('http://')}/nova/KR1/KR1/{target.id}"


def test_an_image_of_another_project_of_ours_is_ours_for_servers_too(three, transport):
    golden = three.image(visibility="public")["id"]
    three.server_record(tenant_id=PROD, image={"id": golden})
    for names, ours in (["prod"], False), (["golden", "prod"], True):
        found = discover(transport, *names, what=("images", "servers"))
        server = next(target for target in found.targets if target.kind is Kind.INSTANCE)
        assert server.cloud == "prod"
        assert look(transport, server, SOURCE_IMAGE, fresh=True)[SOURCE_IMAGE].image.mine is ours


# entries that cannot look


def refuse(cloud, kit, project, ending, status=401):
    """Requests to paths of this ending are refused for one project."""

    def hook(request):
        if request.path == "/v3/auth/tokens":
            whose = request.body["auth"]["scope"]["project"].get("id")
        else:
            whose = cloud.asks(request)
        if whose != project or not request.path.endswith(ending):
            return None
        return kit.Reply(status, {"error": {"message": "no", "code": status}})

    cloud.on(hook)


def test_without_the_owner_what_only_it_sees_is_unknown(three, transport, kit):
    ident = shared(three, row(PROD), row(STAGE))
    foreign = three.image(owner=VENDOR, visibility="public")["id"]
    refuse(three, kit, kit.PROJECT, "/auth/tokens")
    found = discover(transport, "golden", "prod", "stage")
    lost, *seen = found.catalogs
    assert (lost.cloud, lost.project, lost.complete) == ("golden", kit.PROJECT, False)
    assert [one.complete for one in seen] == [True, True]
    by_id = targets(found)
    assert by_id[ident].cloud == "prod"
    assert OURS.match(by_id[ident]).outcome is Outcome.YES, "clouds.yaml tells whose entry was refused"
    assert OURS.match(by_id[foreign]).outcome is Outcome.NO
    members = look(transport, by_id[ident], IMAGE, MEMBERS).observation(MEMBERS)
    assert members.reason == f"owned by project {kit.PROJECT}: only its owner can list the members"


def test_without_a_receiver_the_rest_is_judged(three, transport, kit):
    ident = shared(three, row(PROD), row(STAGE))
    refuse(three, kit, PROD, "/auth/tokens")
    found = discover(transport, "golden", "prod", "stage")
    assert [one.complete for one in found.catalogs] == [False, True, True], "a lost cloud is told first"
    target = targets(found)[ident]
    seen = look(transport, target, IMAGE, MEMBERS, MEMBERSHIP)
    assert {one.project for one in seen[MEMBERS].members} == {PROD, STAGE}
    assert [one.project for one in seen[MEMBERSHIP].members] == [STAGE], "whose answers can be given here"


def test_an_owner_that_nobody_knows_may_be_one_of_ours(three, configured, transport, kit):
    by_name = kit.entry(three)
    del by_name["auth"]["project_id"]
    by_name["auth"] |= {"project_name": "golden", "project_domain_id": "default", "password": "wrong"}
    configured({"golden": by_name, "prod": kit.entry(three, project_id=PROD)})
    three.image(owner=VENDOR, visibility="public")
    three.image(owner=PROD)
    strange, own = discover(transport, "golden", "prod").targets
    match = OURS.match(strange)
    assert (match.outcome, match.unseen) == (Outcome.UNSEEN, ("whether the owner is one of ours",))
    of_vendor = Selector(kind=Kind.IMAGE, conditions=(Condition(attribute="owner", alternatives=(PROD,)),))
    assert of_vendor.match(strange).outcome is Outcome.NO, "who owns it is known"
    assert OURS.match(own).outcome is Outcome.YES


@pytest.mark.parametrize("change", ["elsewhere", "other region"])
def test_a_lost_entry_of_another_place_casts_no_doubt(three, configured, transport, kit, change):
    lost = kit.entry(three, password="wrong")
    lost["auth"]["project_id"] = VENDOR
    if change == "elsewhere":
        lost["auth"]["auth_url"] = three.url.replace("127.0.0.1", "localhost") + "/v3"
    configured({"lost": lost, "prod": kit.entry(three, project_id=PROD)})
    three.image(owner=VENDOR, visibility="public")
    found = transport.discover({"lost": ["KR2" if change == "other region" else "KR1"], "prod": ["KR1"]}, what=["images"])
    assert [OURS.match(target).outcome for target in found.targets] == [Outcome.NO]


def test_the_owner_whose_list_broke_is_asked_all_the_same(three, transport, kit):
    ident = shared(three, row(PROD, "accepted"))
    refuse(three, kit, kit.PROJECT, "/v2/images", status=500)
    found = discover(transport, "golden", "prod")
    assert [one.complete for one in found.catalogs] == [False, True]
    target = targets(found)[ident]
    assert (target.cloud, target.seen_from) == ("golden", ("prod",))
    assert OURS.match(target).outcome is Outcome.YES
    assert not transport.at_hand(target, [IMAGE]), "what another project was told is not taken for what the owner sees"
    seen = look(transport, target, IMAGE, MEMBERS)
    assert (seen[IMAGE].mine, [one.project for one in seen[MEMBERS].members]) == (True, [PROD])


# answers, each for itself


def test_the_owner_and_its_receivers(three, transport):
    ident = shared(three, row(PROD), row(VENDOR, "rejected"), row(STAGE, "accepted"))
    target = targets(discover(transport, "golden", "stage", "prod"))[ident]
    assert not transport.at_hand(target, [IMAGE, MEMBERSHIP])
    before = transport.requests
    fact = look(transport, target, IMAGE, MEMBERSHIP)[MEMBERSHIP]
    assert [(one.project, one.status) for one in fact.members] == [(PROD, "pending"), (STAGE, "accepted")]
    assert transport.requests == before + 1, "the owner's list tells all of them"


def test_the_owner_alone_has_no_answers_to_give(three, transport):
    ident = shared(three, row(PROD))
    target = targets(discover(transport, "golden"))[ident]
    assert transport.at_hand(target, [IMAGE, MEMBERSHIP])
    assert look(transport, target, IMAGE, MEMBERSHIP)[MEMBERSHIP].members == ()


def test_another_entry_of_the_owner_is_no_receiver(three, configured, transport, kit):
    configured({"golden": kit.entry(three), "again": kit.entry(three)})
    ident = shared(three, row(kit.PROJECT), row(PROD))
    target = targets(discover(transport, "golden", "again"))[ident]
    assert look(transport, target, IMAGE, MEMBERSHIP)[MEMBERSHIP].members == ()
    assert senders(three, "GET", "/members") == [], "nobody's answer is asked for"


def test_receivers_without_the_owner(three, transport):
    ident = shared(three, row(PROD), row(STAGE, "rejected"))
    target = targets(discover(transport, "stage", "prod"))[ident]
    fact = look(transport, target, IMAGE, MEMBERSHIP)[MEMBERSHIP]
    assert [(one.project, one.status) for one in fact.members] == [(PROD, "pending"), (STAGE, "rejected")]
    assert [senders(three, "GET", f"/members/{project}") for project in (PROD, STAGE)] == [[PROD], [STAGE]]


def test_a_receiver_that_does_not_see_it_is_not_asked(three, transport):
    ident = shared(three, row(PROD))
    target = targets(discover(transport, "stage", "prod"))[ident]
    assert [one.project for one in look(transport, target, IMAGE, MEMBERSHIP)[MEMBERSHIP].members] == [PROD]
    assert senders(three, "GET", f"/members/{STAGE}") == []


def test_one_receiver_that_cannot_be_asked_leaves_all_answers_unseen(three, transport, kit):
    ident = shared(three, row(PROD), row(STAGE))
    target = targets(discover(transport, "stage", "prod"))[ident]
    refuse(three, kit, PROD, f"/members/{PROD}", status=500)
    assert isinstance(look(transport, target, IMAGE, MEMBERSHIP).observation(MEMBERSHIP), Unseen)


def answering(cloud, kit):
    """PUT of an answer as Glance has it: only the member may, in its own name."""

    def hook(request):
        if request.method != "PUT":
            return None
        ident, _, project = request.path.split("/")[-3:]
        if cloud.asks(request) != project:
            return kit.html(403, "not you")
        [mine] = [one for one in cloud.members[ident] if one["member_id"] == project]
        mine["status"] = request.body["status"]
        return kit.Reply(json=mine)

    cloud.on(hook)


@pytest.mark.parametrize("names", [("golden", "prod", "stage"), ("stage", "prod"), ("prod",)])
def test_the_receiver_accepts_with_its_own_token(three, transport, kit, names):
    ident = shared(three, row(PROD), row(STAGE), protected=True)
    answering(three, kit)
    target = targets(discover(transport, *names))[ident]
    step = AcceptImage(owner=kit.PROJECT, project=PROD, **SAID)
    seen = look(transport, target, *step.reads, fresh=True)
    transport.apply(target, step, seen, timeout_s=5)
    after = look(transport, target, *step.reads, fresh=True)
    assert step.done(after)
    assert step.basis(after) == step.basis(step.simulate(seen))
    assert senders(three, "PUT", PROD) == [PROD]
    assert {one["member_id"]: one["status"] for one in three.members[ident]} == {PROD: "accepted", STAGE: "pending"}


def test_nobody_answers_for_a_project_that_is_not_here(three, transport, kit):
    ident = shared(three, row(PROD), row(STAGE))
    target = targets(discover(transport, "golden", "stage"))[ident]
    step = AcceptImage(owner=kit.PROJECT, project=PROD, **SAID)
    seen = look(transport, target, *step.reads, fresh=True)
    with pytest.raises(StepError, match=f"was reached as project {PROD}") as caught:
        transport.apply(target, step, seen, timeout_s=5)
    assert caught.value.changed is False
    assert [one for one in three.log if one.method == "PUT"] == []


def test_a_refused_answer_is_no_reason_to_lift_the_owners_protection(three, transport, kit):
    ident = shared(three, row(PROD), protected=True)
    refuse(three, kit, PROD, f"/members/{PROD}", status=403)
    target = targets(discover(transport, "golden", "prod"))[ident]
    step = AcceptImage(owner=kit.PROJECT, project=PROD, **SAID)
    seen = look(transport, target, *step.reads, fresh=True)
    with pytest.raises(StepError, match="HTTP 403") as caught:
        transport.apply(target, step, seen, timeout_s=5)
    assert type(caught.value) is StepError


def test_every_other_change_is_the_owners(three, transport, kit):
    ident = shared(three, row(PROD))
    three.on(lambda r: kit.Reply(json={}) if r.method == "PATCH" else None)
    target = targets(discover(transport, "prod", "golden"))[ident]
    step = SetProtected(protected=True, **SAID)
    transport.apply(target, step, look(transport, target, IMAGE, fresh=True), timeout_s=5)
    assert senders(three, "PATCH", ident) == [kit.PROJECT]


# everything at once, within bounds


class Meeting:
    """Counts requests that are on their way at once; with ``parties`` they wait for each other."""

    def __init__(self, parties=None):
        self.lock = threading.Lock()
        self.here = self.most = self.met = 0
        self.barrier = threading.Barrier(parties) if parties else None
        self.crowd = threading.Event()

    def wait(self):
        with self.lock:
            self.here += 1
            self.most = max(self.most, self.here)
        try:
            if self.barrier is not None:
                self.barrier.wait(timeout=20)
            else:
                self.crowd.wait(timeout=0.2)
            with self.lock:
                self.met += 1
        except threading.BrokenBarrierError:
            pass
        finally:
            with self.lock:
                self.here -= 1


def first_pages(meeting):
    def hook(request):
        if request.path.endswith("/v2/images") and "os_hidden" not in request.query:
            meeting.wait()

    return hook


def test_catalogs_of_all_regions_and_entries_are_read_at_once(three, make_transport, kit):
    three.regions["image"] = ["KR1", "KR2"]
    three.image()
    meeting = Meeting(parties=6)
    three.on(first_pages(meeting))
    transport = make_transport(dataclasses.replace(kit.QUICK, read_s=30, catalog_s=60))
    found = discover(transport, "golden", "prod", "stage", regions=None)
    assert [one.complete for one in found.catalogs] == [True] * 6
    assert meeting.met == 6, "three entries and two regions: all six waited for each other, and met"


def test_no_more_lists_at_once_than_the_limits_allow(three, make_transport, kit):
    three.regions["image"] = [f"KR{number}" for number in range(1, 5)]
    three.image()
    meeting = Meeting()
    three.on(first_pages(meeting))
    transport = make_transport(dataclasses.replace(kit.QUICK, concurrency=4))
    found = discover(transport, "golden", "prod", "stage", regions=None)
    assert [one.complete for one in found.catalogs] == [True] * 12
    assert (meeting.met, meeting.most <= 4) == (12, True)


def test_nobody_waits_for_the_login_of_another_entry(three, make_transport, kit):
    """The slow entry gets its token only when the other's catalog has been asked for."""
    three.image(visibility="public")
    asked, waited = threading.Event(), []

    def slow(request):
        if request.path.endswith("/v2/images") and three.asks(request) == kit.PROJECT:
            asked.set()
        if request.path == "/v3/auth/tokens" and request.body["auth"]["scope"]["project"]["id"] == PROD:
            waited.append(asked.wait(timeout=20))

    three.on(slow)
    transport = make_transport(dataclasses.replace(kit.QUICK, token_s=30, read_s=30, catalog_s=60))
    found = discover(transport, "prod", "golden")
    assert waited == [True]
    assert [one.cloud for one in found.catalogs] == ["prod", "golden"], "in the order named, whoever was first"
    assert found.targets[0].seen_from == ("prod", "golden")
    assert [one.cloud for one in found.auditors] == ["prod", "golden"]


def test_nothing_is_listed_where_only_known_targets_are_wanted(three, transport, kit):
    """As undo does: what is known from a journal is looked at and answered through the right entries."""
    ident = shared(three, row(PROD))
    [target] = discover(transport, "golden", "prod").targets
    again = type(transport)(transport._limits)
    answering(three, kit)
    try:
        found = again.discover({"golden": ["KR1"], "prod": ["KR1"]}, what=["images"], listed=False)
        assert (found.targets, found.catalogs) == ((), ())
        step = AcceptImage(owner=kit.PROJECT, project=PROD, **SAID)
        again.apply(target, step, look(again, target, *step.reads, fresh=True), timeout_s=5)
        assert senders(three, "PUT", PROD) == [PROD]
        assert look(again, target, SERVER).observation(SERVER).reason.startswith("server is nothing that")
    finally:
        again.close()
    assert three.members[ident][0]["status"] == "accepted"
