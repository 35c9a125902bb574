"""Two servers are made, looked at and always removed, whatever the cloud, the guests or the operator do."""

from __future__ import annotations

import json
import re
import signal
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from imagegate import prove, prove_clean
from imagegate.clones import LETTERS
from imagegate.errors import UsageError
from imagegate.model import Facts, Seen, Unseen
from imagegate.probes.identity import IdentityFact, WindowsIdentityFact
from imagegate.prove_state import Made, ProveState, at_work, read_prove, write_prove
from imagegate.report.build import head
from imagegate.result import ExitCode

BOOTS = prove.Boots(flavor="u2.c1m2", timeout_s=3, removal_s=1, address_from="metadata:ip", network="n1", key_name="k")


def fact(number):
    return IdentityFact(
        machine_id=f"m{number}", machine_state="id", dbus_id=None, dbus_state="absent",
        host_keys=(f"ssh-ed25519 SHA256:{number}",), host_name=f"h{number}",
    )  # fmt: skip


class Guests:
    """What looks at the clones: ``answers`` by letter, a fact, a reason, or a signal that comes meanwhile."""

    def __init__(self, **answers):
        self.answers = answers
        self.hosts = {}
        self.closed = False

    def __call__(self, inventory, run_key):
        self.hosts = dict(inventory.hosts)
        return self

    def look(self, target, probes, *, timeout_s, fresh):
        (probe,) = probes
        answer = self.answers[probe.of]
        at = datetime.now(UTC)
        if isinstance(answer, signal.Signals):
            signal.raise_signal(answer)
        seen = Seen(value=answer, at=at) if isinstance(answer, IdentityFact | WindowsIdentityFact) else Unseen(reason=str(answer), at=at)
        return Facts({probe: seen}, at)

    def close(self):
        self.closed = True


@pytest.fixture
def nova(cloud, kit):
    """The fake cloud with an image and a flavor, where servers are made and deleted."""
    cloud.image(name="golden", os_type="linux", login_username="ubuntu")
    cloud.flavors.append({"id": "f-1", "name": "u2.c1m2"})
    cloud.asked = []

    def answer(request):
        if "/nova/" not in request.path:
            return None
        if request.method == "POST":
            cloud.asked.append(request.body["server"])
            said = request.body["server"]
            made = cloud.server_record(
                name=said["name"], status="ACTIVE", metadata={**said["metadata"], "ip": f"192.0.2.{len(cloud.servers)}"}
            )
            return kit.Reply(202, {"server": {"id": made["id"]}})
        if request.method == "DELETE":
            cloud.servers[:] = [one for one in cloud.servers if one["id"] != request.path.rpartition("/")[2]]
            return kit.Reply(204)
        return None

    cloud.on(answer)
    return cloud


def run(guests, transport, image="golden", boots=BOOTS, **more):
    proof = prove.Proof(
        image=image, boots=boots, clouds={"fake": ("KR1",)}, guests=guests, openstack=transport, **more
    )  # fmt: skip
    result = proof.run()
    return result, head(result)["prove"]


def test_two_servers_are_made_as_asked_compared_and_removed(nova, transport):
    guests = Guests(a=fact(1), b=fact(2))
    result, story = run(guests, transport)
    assert result.exit_code is ExitCode.COMPLIANT
    assert nova.servers == []
    assert guests.closed
    assert [one["removed"] for one in story["servers"]] == [True, True]
    first, second = nova.asked
    assert first["name"] != second["name"]
    assert re.fullmatch(r"ig-prove-[a-z0-9-]+-a", first["name"])
    wanted = {"imageRef": nova.images[0]["id"], "flavorRef": "f-1", "networks": [{"uuid": "n1"}], "key_name": "k"}
    assert {key: first[key] for key in wanted} == wanted
    assert "block_device_mapping_v2" not in first
    assert {(host.user, host.host_key_checking, host.sudo) for host in guests.hosts.values()} == {
        ("ubuntu", False, False)
    }
    assert "host keys" in result.scope.relaxed[0]


def test_a_volume_is_asked_for_that_goes_with_the_server(nova, transport):
    boots = prove.Boots(flavor="f-1", volume_size=20, timeout_s=3, address_from="metadata:ip")
    run(Guests(a=fact(1), b=fact(2)), transport, boots=boots)
    (mapping,) = nova.asked[0]["block_device_mapping_v2"]
    assert (mapping["volume_size"], mapping["delete_on_termination"], mapping["boot_index"]) == (20, True, 0)
    assert "networks" not in nova.asked[0]


def test_an_equal_pair_is_a_fail(nova, transport):
    result, _ = run(Guests(a=fact(1), b=fact(1)), transport)
    assert result.exit_code is ExitCode.FAIL
    assert nova.servers == []


def test_a_guest_that_does_not_answer_is_unknown_and_removed(nova, transport):
    result, story = run(Guests(a=fact(1), b="no route to host"), transport)
    assert result.exit_code is ExitCode.UNKNOWN
    assert "no route to host" in result.findings[0].reason
    assert nova.servers == []
    assert story["left"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_removes_what_was_made(nova, transport, number):
    before = signal.getsignal(number)
    result, story = run(Guests(a=fact(1), b=number), transport)
    assert result.exit_code is ExitCode.INTERRUPTED
    assert nova.servers == []
    assert story["left"] == []
    assert signal.getsignal(number) is before


def test_what_cannot_be_removed_is_named(nova, transport, kit):
    nova.hooks.insert(0, lambda r: kit.Reply(500, {"error": "no"}) if r.method == "DELETE" else None)
    result, story = run(Guests(a=fact(1), b=fact(2)), transport)
    assert result.exit_code is ExitCode.FIX_FAILED
    assert {one["id"] for one in story["left"]} == {one["id"] for one in nova.servers}
    assert len(story["left"]) == len(LETTERS)
    text = "\n".join(result.story.lines)
    assert all(f"openstack server delete {one['id']}" in text for one in nova.servers)


def test_a_server_whose_creation_gave_no_answer_is_found_and_removed(nova, transport, kit):
    def lose(request):
        if request.method != "POST" or "/nova/" not in request.path:
            return None
        said = request.body["server"]
        nova.server_record(name=said["name"], status="BUILD", metadata=said["metadata"])
        nova.server_record(name="somebody-elses", metadata={prove.MARK: "another run"})
        return kit.Reply(504, {"error": "gateway"})

    nova.hooks.insert(0, lose)
    result, story = run(Guests(), transport)
    assert result.exit_code is ExitCode.UNKNOWN
    assert "could not be made" in result.findings[0].reason
    assert [one["name"] for one in nova.servers] == ["somebody-elses"]
    assert story["left"] == []


def test_a_refused_second_server_takes_the_first_with_it(nova, transport, kit):
    def refuse(request):
        refused = request.method == "POST" and "/nova/" in request.path and nova.asked
        return kit.Reply(403, {"forbidden": {"message": "Quota exceeded for instances"}}) if refused else None

    nova.hooks.insert(0, refuse)
    result, _ = run(Guests(), transport)
    assert result.exit_code is ExitCode.UNKNOWN
    assert any("Quota exceeded" in line for line in result.story.lines)
    assert nova.servers == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "ERROR", "fault": {"message": "No valid host was found"}}, "No valid host"),
        ({"status": "BUILD"}, "not up within 1 s: BUILD"),
        ({"metadata": {}}, "--address-from"),
        ({"metadata": {"ip": "-oProxyCommand=x"}}, "no host name or IP address"),
    ],
)
def test_a_server_that_does_not_come_up_says_why(nova, transport, kit, change, reason):
    def spoil(request):
        if request.method == "GET" and "/servers/" in request.path and not request.path.endswith("detail"):
            for server in nova.servers:
                server.update(change)

    nova.hooks.insert(0, spoil)
    boots = prove.Boots(flavor="f-1", timeout_s=1, removal_s=1, address_from="metadata:ip")
    result, _ = run(Guests(a=fact(1), b=fact(2)), transport, boots=boots)
    assert result.exit_code is ExitCode.UNKNOWN
    assert any(reason in finding.reason for finding in result.findings)
    assert nova.servers == []


@pytest.mark.parametrize(
    ("image", "more", "message"),
    [
        ("other", {}, "no image is called other"),
        ("golden", {"name": "golden"}, "name of 2 images"),
        ("win", {"name": "win", "os_type": "Windows"}, "--password-env NAME must name a variable"),
        ("new", {"name": "new", "status": "saving"}, "only an active image"),
    ],
)
def test_what_cannot_be_proven_is_said_before_anything_is_made(nova, transport, image, more, message):
    if more:
        nova.image(**more)
    with pytest.raises(UsageError, match=message):
        run(Guests(), transport, image=image)
    assert nova.asked == []


WINDOWS = {"a": WindowsIdentityFact(sid="s1", machine_guid="g1", host_name="WIN-1"),
           "b": WindowsIdentityFact(sid="s1", machine_guid="g2", host_name="WIN-2")}  # fmt: skip


@pytest.mark.parametrize("trusted", [True, False])
def test_clones_of_windows_are_reached_over_winrm_and_judged_as_such(nova, transport, tmp_path, monkeypatch, trusted):
    nova.image(name="win", os_type="Windows", login_username="Admin")
    monkeypatch.setenv("WIN_PASSWORD", "hush-hush")
    guests = Guests(**WINDOWS)
    ca = tmp_path / "ca.pem" if trusted else None
    boots = replace(BOOTS, password_env="WIN_PASSWORD", ca_file=ca)
    result, _ = run(guests, transport, image="win", boots=boots)
    assert {f.check.id: str(f.verdict) for f in result.findings} == {
        "clone-windows-sid-differs": "fail", "clone-machine-guid-differs": "pass", "clone-host-name-differs": "pass",
    }  # fmt: skip
    for host in guests.hosts.values():
        assert (str(host.transport), host.user, host.password_env) == ("winrm", "Admin", "WIN_PASSWORD")
        assert (host.ca_file, host.certificate_checking) == (ca, trusted)
    assert ["certificates" in one for one in result.scope.relaxed] == ([] if trusted else [True])
    assert "hush-hush" not in repr(result)
    assert nova.servers == []


def test_an_unknown_flavor_is_said_with_those_there_are(nova, transport):
    with pytest.raises(UsageError, match=r"no flavor zz; it has u2\.c1m2"):
        run(Guests(), transport, boots=prove.Boots(flavor="zz"))
    assert nova.asked == []


# what a kill leaves behind

KILLED = "20261122T101500Z-dead"
LONG_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def killed(reports, *servers, run=KILLED, region="KR1"):
    """The state of a proof that was killed: its servers as it knew them."""
    state = ProveState(run=run, cloud="fake", region=region, image="i", servers=servers)
    write_prove(reports / run, state)
    return reports / run


def made(nova, letter, *, known=True, there=True, run=KILLED, mark=KILLED):
    """A server of a killed proof, and what the proof had noted of it."""
    name = f"ig-prove-{run.lower()}-{letter}"
    metadata = {} if mark is None else {prove.MARK: mark}
    record = nova.server_record(id=str(uuid.uuid4()), name=name, status="ACTIVE", metadata=metadata)
    if not there:
        nova.servers.remove(record)
    return Made(name=name, asked=LONG_AGO, id=record["id"] if known else None)


def clean(folder, transport):
    return prove_clean.clean(
        folder, lambda *place: prove.compute_of(transport, *place), seconds=1, say=lambda _: None
    )  # fmt: skip


def test_each_server_is_written_down_before_it_is_asked_for_and_when_it_is_gone(nova, transport, tmp_path):
    noted = []

    def look(request):
        if request.method in {"POST", "DELETE"} and "/nova/" in request.path:
            (path,) = tmp_path.glob("*/prove.json")
            noted.append([(one["name"][-2:], bool(one["asked"]), bool(one["id"])) for one in json.loads(path.read_text())["servers"]])

    nova.hooks.insert(0, look)
    run(Guests(a=fact(1), b=fact(2)), transport, report_dir=tmp_path)
    assert noted[0] == [("-a", True, False), ("-b", False, False)]
    assert noted[1] == [("-a", True, True), ("-b", True, False)]
    assert noted[2] == noted[3] == [("-a", True, True), ("-b", True, True)]
    (path,) = tmp_path.glob("*/prove.json")
    assert read_prove(path.parent).open == ()


def test_nothing_is_made_that_cannot_be_written_down(nova, transport, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prove, "write_prove", full)
    result, _ = run(Guests(), transport, report_dir=tmp_path)
    assert result.exit_code is ExitCode.UNKNOWN
    assert "cannot be written down" in result.findings[0].reason
    assert nova.asked == []


def test_exactly_the_servers_of_the_killed_run_are_removed(nova, transport, tmp_path):
    folder = killed(tmp_path, made(nova, "a"), made(nova, "b", known=False))
    nova.server_record(name=f"ig-prove-{KILLED.lower()}-a", metadata={prove.MARK: "20261122T101500Z-beef"})
    nova.server_record(name=f"ig-prove-{KILLED.lower()}-b", metadata={})
    nova.server_record(name="web-77", metadata={prove.MARK: KILLED})
    before = {one["id"] for one in nova.servers}
    done = clean(folder, transport)
    assert {name[-2:] for _, name in done.removed} == {"-a", "-b"}
    assert before - {one["id"] for one in nova.servers} == {ident for ident, _ in done.removed}
    assert len(nova.servers) == 3, "a name alone, and a mark alone, make no server ours"
    assert (done.never, done.left) == ((), ())
    assert read_prove(folder).open == ()
    assert clean(folder, transport).lines == (), "the second time there is nothing to do"


def test_a_server_that_somebody_has_taken_over_is_left_to_them(nova, transport, tmp_path):
    folder = killed(tmp_path, made(nova, "a", mark=None), made(nova, "b"))
    done = clean(folder, transport)
    assert [one.id for one in done.left] == [nova.servers[0]["id"]]
    assert "does not carry the mark" in done.left[0].reason
    assert len(nova.servers) == 1
    assert [one.name[-2:] for one in read_prove(folder).open] == ["-a"]


def test_what_is_not_there_is_not_looked_for_again(nova, transport, tmp_path):
    folder = killed(tmp_path, made(nova, "a", there=False), made(nova, "b", there=False, known=False))
    done = clean(folder, transport)
    assert (len(done.never), done.removed, done.left) == (2, (), ())
    assert read_prove(folder).open == ()


@pytest.mark.parametrize("known", [False, True])
def test_what_cannot_be_seen_is_left_and_stays_open(nova, transport, kit, tmp_path, known):
    folder = killed(tmp_path, made(nova, "a", known=known))
    nova.hooks.insert(0, lambda r: kit.html(403, "no") if r.method == "GET" and "/servers/" in r.path else None)
    done = clean(folder, transport)
    assert [one.name[-2:] for one in done.left] == ["-a"]
    assert read_prove(folder).open != ()
    assert nova.servers


def test_what_does_not_go_is_left_and_stays_open(nova, transport, kit, tmp_path):
    folder = killed(tmp_path, made(nova, "a"))
    nova.hooks.insert(0, lambda r: kit.Reply(409, {"conflict": {"message": "locked"}}) if r.method == "DELETE" else None)
    done = clean(folder, transport)
    assert "locked" in done.left[0].reason
    assert read_prove(folder).open != ()


def test_a_server_that_is_listed_again_after_its_404_is_not_gone(nova, transport, kit, tmp_path):
    """As Nova does where a server is deleted while it moves into its cell."""
    folder = killed(tmp_path, made(nova, "a"))
    (server,) = nova.servers
    back = [server]

    def waver(request):
        if request.method == "GET" and request.path.endswith("/servers/detail") and back:
            nova.servers[:] = [back.pop()]

    nova.hooks.insert(0, waver)
    done = clean(folder, transport)
    assert [ident for ident, _ in done.removed] == [server["id"]]
    assert (nova.servers, back, nova.sent("DELETE", server["id"])) == ([], [], 2)


def test_a_proof_that_is_at_work_is_left_alone(nova, transport, tmp_path):
    folder = killed(tmp_path, made(nova, "a"))
    with at_work(folder), pytest.raises(UsageError, match="still at work"):
        clean(folder, transport)
    assert nova.servers


def test_the_next_proof_removes_what_killed_ones_have_left_and_says_so(nova, transport, tmp_path):
    killed(tmp_path, made(nova, "a"))
    other = "20261122T101500Z-f00d"
    busy = killed(tmp_path, made(nova, "b", run=other, mark=other), run=other)
    killed(tmp_path, Made(name="x", asked=LONG_AGO, id="y"), run="20261122T101500Z-0ff0", region="KR2")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "prove.json").write_text("{")
    said = []
    with at_work(busy):
        result, story = run(Guests(a=fact(1), b=fact(2)), transport, report_dir=tmp_path, say=said.append)
    assert result.exit_code is ExitCode.COMPLIANT
    assert [one["run"] for one in story["cleaned"]] == [KILLED]
    assert any(KILLED in line and "removed" in line for line in (*said, *result.story.lines))
    assert [one["name"] for one in nova.servers] == [f"ig-prove-{other}-b".lower()]
    notes = "\n".join(result.scope.warnings)
    assert "still at work" in notes
    assert "has left servers in fake/KR2: imagegate prove --clean 20261122T101500Z-0ff0" in notes
    assert "torn has left is not known" in notes


def test_what_an_earlier_run_left_and_cannot_be_removed_is_no_success(nova, transport, tmp_path):
    killed(tmp_path, replace(made(nova, "a"), name="other"), made(nova, "b", mark=None))
    result, story = run(Guests(a=fact(1), b=fact(2)), transport, report_dir=tmp_path)
    assert result.exit_code is ExitCode.FIX_FAILED
    assert [one["name"][-2:] for one in story["left"]] == ["-b"]
