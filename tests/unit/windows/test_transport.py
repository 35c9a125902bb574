"""The transport: looks that are repeated and those that are not, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from tests.unit.windows.endpoint import CLOSED, Reply, fault, received
from tests.unit.windows.guest import Guest

from imagegate.errors import Owner, StepError
from imagegate.inventory import Host, Inventory, Via
from imagegate.model import Facts, Kind, Level, Phase, Target, Unseen
from imagegate.probes import REARM, SERVER, File, Registry
from imagegate.steps.windows import CommandLine, WindowsAction, WindowsStep
from imagegate.transports import Transport
from imagegate.transports.guests import Guests
from imagegate.transports.windows import WindowsTransport, listening

WIN = Target(kind=Kind.INSTANCE, id="1", name="win-01", guest="win-01")
KEY = Registry(path=r"HKLM\SYSTEM\Setup", name="X")
WORD = "ig" + "7" * 32
GONE = fault(2150858843)


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(WindowsStep):
    what: WindowsAction

    def action(self, seen: Facts) -> WindowsAction:
        return self.what


STEP = Do(subject="x", summary="do it", level=Level.SAFE, phase=Phase.CONTENT, why="w", what=CommandLine(line="x"))
NOTHING = Facts({}, datetime.now(UTC))


@pytest.fixture
def transport(endpoint) -> Iterator[WindowsTransport]:
    transport = WindowsTransport(Inventory(hosts={"win-01": endpoint.host}))
    yield transport
    transport.close()


@pytest.fixture
def answers(endpoint, monkeypatch) -> bytes:
    """What the guest says of one key; the word of the exchange is known."""
    monkeypatch.setattr(listening, "nonce", lambda: WORD)
    says = {'reg query "HKLM\\SYSTEM\\Setup"': b"HKEY_LOCAL_MACHINE\\SYSTEM\\Setup\r\n    X    REG_DWORD    0x1\r\n"}
    commands = ["chcp", "whoami /groups /fo csv /nh", *says, 'reg query "HKLM\\SYSTEM"', 'reg query "HKLM"']
    line = "".join(f"echo {WORD} {n}& {command} <nul& " for n, command in enumerate(commands)) + f"echo {WORD} end"
    stdout = Guest(says=says)._console(line).stdout
    endpoint.told["Receive"] = received(stdout)
    return stdout


def look(transport: WindowsTransport, *probes, target: Target = WIN, timeout_s: float = 20.0) -> Facts:
    return transport.look(target, probes, timeout_s=timeout_s, fresh=True)


def unseen(facts: Facts, probe) -> Unseen:
    seen = facts.observation(probe)
    assert isinstance(seen, Unseen)
    return seen


def test_is_a_transport(transport) -> None:
    checked: Transport = transport
    assert checked.remote
    assert not checked.at_hand(WIN, [KEY])


def test_a_look(transport, endpoint, answers) -> None:
    facts = look(transport, KEY)
    assert facts[KEY].number == 1
    assert endpoint.actions == ["Create", "Command", "Receive", "Delete"]
    assert transport.requests == {"win-01": 4}


@pytest.mark.parametrize("told", [GONE, CLOSED])
def test_a_session_that_dies_half_way_is_begun_anew_once(transport, endpoint, answers, told) -> None:
    endpoint.told["Receive"] = [told, received(answers)]
    assert look(transport, KEY)[KEY].number == 1
    assert endpoint.actions.count("Create") == 2
    endpoint.told["Receive"] = [told, told, received(answers)]
    assert "half way" in unseen(look(transport, KEY), KEY).reason
    assert endpoint.actions.count("Create") == 4


@pytest.mark.parametrize("told", [fault(2150858823), Reply(status=503), received(b"", code="x")])
def test_other_trouble_is_told_at_once(transport, endpoint, answers, told) -> None:
    endpoint.told["Receive"] = told
    assert unseen(look(transport, KEY), KEY).owner is Owner.TARGET
    assert endpoint.actions.count("Create") == 1


def test_a_host_that_lets_nobody_in_is_not_asked_all_over_again(transport, endpoint) -> None:
    endpoint.refused = 99
    assert "closed the connection before it answered" in unseen(look(transport, KEY), KEY).reason
    assert endpoint.connections == 3


def test_a_look_is_not_begun_anew_when_there_is_no_time(transport, endpoint, answers) -> None:
    endpoint.told["Receive"] = GONE
    look(transport, KEY, timeout_s=1.5)
    assert endpoint.actions.count("Create") == 1


def test_what_came_before_the_end_stays(transport, endpoint, answers) -> None:
    cut = answers[: answers.index(f"{WORD} 4".encode())]
    endpoint.told["Receive"] = [received(cut, code=None), fault(2150858823)]
    other = Registry(path=r"HKLM\SYSTEM\Other")
    facts = look(transport, KEY, other)
    assert facts[KEY].number == 1
    assert "MaxEnvelopeSizekb" in unseen(facts, other).reason


def test_who_cannot_see_everything_sees_nothing(transport, endpoint, answers) -> None:
    endpoint.told["Receive"] = received(answers.replace(b"S-1-16-12288", b"S-1-16-8192"))
    found = unseen(look(transport, KEY, REARM), REARM)
    assert found.owner is Owner.USER
    assert found.reason == (
        "win-01: the account is not elevated (UAC remote filtering): use the built-in Administrator, or set "
        "LocalAccountTokenFilterPolicy"
    )
    assert endpoint.actions.count("Command") == 1


def test_probes_of_others_are_not_asked(transport, endpoint, answers) -> None:
    file = File(path="/etc/machine-id")
    facts = look(transport, file, SERVER, KEY)
    assert facts[KEY].number == 1
    assert unseen(facts, file).owner is Owner.TOOL
    assert unseen(look(transport, file), file).reason == "the Windows transport cannot look at file:/etc/machine-id"
    assert endpoint.actions.count("Create") == 1


@pytest.mark.parametrize("guest", [None, "web-01", "nobody"])
def test_targets_that_it_does_not_know(endpoint, guest: str | None) -> None:
    ssh = Host(name="web-01", address="127.0.0.1", transport=Via.SSH)
    transport = WindowsTransport(Inventory(hosts={"win-01": endpoint.host, "web-01": ssh}))
    target = Target(kind=Kind.INSTANCE, id="2", name="other", guest=guest)
    found = unseen(look(transport, KEY, target=target), KEY)
    assert (found.reason, found.owner) == ("other: no inventory entry tells how to reach it over WinRM", Owner.USER)
    with pytest.raises(StepError) as caught:
        transport.apply(target, STEP, NOTHING, timeout_s=5)
    assert not caught.value.changed
    assert endpoint.actions == []


def test_a_step(transport, endpoint) -> None:
    transport.apply(WIN, STEP, NOTHING, timeout_s=20)
    assert endpoint.actions == ["Create", "Command", "Receive", "Delete"]


@pytest.mark.parametrize(
    ("told", "said", "changed"),
    [
        ({"Create": fault(2150859174)}, "win-01: do it: a quota of its WinRM is used up", False),
        ({"Command": CLOSED}, "win-01: do it: 127.0.0.1", True),
        ({"Receive": GONE}, "win-01: do it: its shell was ended half way", True),
        ({"Receive": received(b"", b"no", 9)}, "win-01: do it: failed with exit code 9: no", True),
    ],
)
def test_a_step_is_never_repeated(transport, endpoint, told, said: str, changed: bool) -> None:
    endpoint.told |= told
    with pytest.raises(StepError) as caught:
        transport.apply(WIN, STEP, NOTHING, timeout_s=20)
    assert str(caught.value).startswith(said)
    assert caught.value.changed is changed
    assert endpoint.actions.count("Command") <= 1


def test_closing_ends_what_is_under_way_and_all_that_follows(transport, endpoint) -> None:
    asked, held, over = threading.Event(), threading.Event(), threading.Event()

    def hold() -> Reply:
        asked.set()
        held.wait(10)
        over.set()
        return CLOSED

    endpoint.told["Receive"] = hold
    found: list[Facts] = []
    looking = threading.Thread(target=lambda: found.append(look(transport, KEY, timeout_s=60)))
    looking.start()
    assert asked.wait(30)
    transport.close()
    looking.join(30)
    assert not over.is_set()
    held.set()
    assert unseen(found[0], KEY).reason == "win-01: the run was interrupted"
    assert unseen(look(transport, KEY), KEY).owner is Owner.USER
    with pytest.raises(StepError, match="the run was interrupted"):
        transport.apply(WIN, STEP, NOTHING, timeout_s=5)
    transport.close()
    assert endpoint.actions.count("Create") == 1


def test_each_guest_goes_to_its_own_transport(tmp_path, monkeypatch, endpoint, answers) -> None:
    root = Host(name="image", address=str(tmp_path), transport=Via.CHROOT, sudo=False)
    guests = Guests(Inventory(hosts={"win-01": endpoint.host, "image": root}), run_key=b"k" * 32)
    checked: Transport = guests
    assert not checked.at_hand(WIN, [KEY])
    assert guests.look(WIN, [KEY], timeout_s=20, fresh=True)[KEY].number == 1
    image = Target(kind=Kind.INSTANCE, id="3", name="image", guest="image")
    file = File(path="/etc/machine-id")
    assert "Windows" not in unseen(guests.look(image, [file], timeout_s=20, fresh=True), file).reason
    assert unseen(guests.look(image, [KEY], timeout_s=20, fresh=True), KEY).reason.startswith("the Linux transport")
    with pytest.raises(StepError, match="the Linux transport cannot do this"):
        guests.apply(image, STEP, NOTHING, timeout_s=5)
    guests.apply(WIN, STEP, NOTHING, timeout_s=5)
    guests.close()
    assert unseen(guests.look(WIN, [KEY], timeout_s=5, fresh=True), KEY).reason == "win-01: the run was interrupted"
