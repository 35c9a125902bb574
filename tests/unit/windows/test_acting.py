"""Carrying out steps: what counts as done, and what may have been changed where it does not."""

from __future__ import annotations

import base64
import re

import pytest
from tests.unit.windows.guest import Guest, output

from imagegate.steps.windows import CommandLine, Detached, RemoveAppx
from imagegate.transports.windows import acting
from imagegate.transports.windows.acting import Failed
from imagegate.transports.windows.diagnose import Trouble
from imagegate.transports.windows.session import Lost

GONE = Trouble(reason="win-01: it is gone", gone=True)
UPLOAD = CommandLine(line='schtasks /create /tn x /xml "{upload}" /f', upload="<Task/>".encode("utf-16"))
DONE = {"write": {"written": str(len(UPLOAD.upload or b""))}, "delete": {"deleted": "1"}, "start": {"pid": "7"},
        "remove-appx": {"removed": "1"}}  # fmt: skip


class Sessions:
    """Hands a guest out; ``refusals`` are raised first, one per session."""

    def __init__(self, guest: Guest, *refusals: Lost | None) -> None:
        self.guest = guest
        self.count = 0
        self._refusals = list(refusals)

    def __call__(self, limit_s, carry_out) -> None:
        self.count += 1
        refusal = self._refusals.pop(0) if self._refusals else None
        if refusal is not None:
            raise refusal
        carry_out(self.guest)


def act(action, guest: Guest, *refusals) -> Sessions:
    sessions = Sessions(guest, *refusals)
    acting.act(action, sessions, 20)
    return sessions


def failure(action, guest: Guest, *refusals) -> tuple[str, bool]:
    with pytest.raises(Failed) as caught:
        act(action, guest, *refusals)
    return str(caught.value), caught.value.changed


def test_a_command_line() -> None:
    guest = Guest()
    act(CommandLine(line="reg add x /f"), guest)
    assert guest.lines == ["reg add x /f"]


def test_a_file_is_written_used_and_removed() -> None:
    guest = Guest(knows=DONE)
    assert act(UPLOAD, guest).count == 1
    (write, path, content), delete = guest.requests[0], guest.requests[1]
    assert re.fullmatch(r"C:\\Windows\\Temp\\imagegate-[0-9a-f]{32}\.tmp", path)
    assert (write, base64.b64decode(content), delete) == ("write", UPLOAD.upload, ("delete", path))
    assert guest.lines[1] == f'schtasks /create /tn x /xml "{path}" /f'


def test_the_two_others() -> None:
    guest = Guest(knows=DONE)
    act(Detached(line="x.exe /quit", folder="C:\\가"), guest)
    act(RemoveAppx(full_name="A.B_1"), guest)
    assert guest.requests == [("start", "C:\\가", "x.exe /quit"), ("remove-appx", "A.B_1")]


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (output(b"", b"ERROR: Access is \x1b[31m denied.\r\n", 1), "failed with exit code 1: ERROR: Access is \\x1b[31m denied."),
        (output(b"[SC] FAILED 5:\r\n", b"", 5), "failed with exit code 5: [SC] FAILED 5:"),
        (output(code=3), "failed with exit code 3: it gave no reason"),
        (output("오류".encode("utf-16"), code=1), "failed with exit code 1: 오류"),
        (output(b"x" * 5000, code=1), "failed with exit code 1: " + "x" * 299 + "…"),
        (output(b"fine so far", code=None, trouble=GONE), "win-01: it is gone"),
        (output(code=None), "its end was not seen"),
    ],
)  # fmt: skip
def test_a_command_that_fails_may_have_changed_something(heard, said: str) -> None:
    guest = Guest(change=lambda send, _: heard)
    assert failure(CommandLine(line="x"), guest) == (said, True)


@pytest.mark.parametrize("line", ["x" * 8001, "a\r\ndel C:", "a\0b", 'a "' + "{upload}" * 150 + '"'])
def test_what_is_never_sent(line: str) -> None:
    guest = Guest(knows=DONE)
    upload = b"x" if "{upload}" in line else None
    said, changed = failure(CommandLine(line=line, upload=upload), guest)
    assert ("too long, or has control characters" in said, changed, guest.lines) == (True, False, [])


def test_an_upload_that_is_too_large_is_never_sent() -> None:
    guest = Guest(knows=DONE)
    assert failure(CommandLine(line="x", upload=b"x" * (257 << 10)), guest) == (
        "it has more than 256 KiB to send",
        False,
    )
    assert guest.lines == []


@pytest.mark.parametrize("begun", [False, True])
def test_no_session(begun: bool) -> None:
    guest = Guest(knows=DONE)
    for action in (CommandLine(line="x"), UPLOAD, RemoveAppx(full_name="a")):
        assert failure(action, guest, Lost(GONE, begun=begun))[0] == "win-01: it is gone"
    assert failure(CommandLine(line="x"), guest, Lost(GONE, begun=begun))[1] is begun
    assert guest.lines == []


@pytest.mark.parametrize(
    ("knows", "said", "changed"),
    [
        ({"write": {"error": "Access denied"}}, "PowerShell says: Access denied", False),
        ({"write": {"written": "1"}}, "the file that was sent did not arrive whole", False),
        ({"write": {}}, "PowerShell does not say that it was done", False),
        ({"write": None}, "PowerShell gave no answer", False),
        ({"write": {"error": ""}}, "PowerShell says: nothing", False),
    ],
)
def test_a_file_that_does_not_arrive_changes_nothing_once_it_is_removed(knows, said: str, changed: bool) -> None:
    guest = Guest(knows=DONE | knows)
    assert failure(UPLOAD, guest) == (said, changed)
    assert [request[0] for request in guest.requests] == ["write", "delete"]


def test_the_file_is_removed_after_a_command_that_fails() -> None:
    guest = Guest(knows=DONE, change=lambda send, heard: heard if send.stdin else output(b"no", code=1))
    assert failure(UPLOAD, guest) == ("failed with exit code 1: no", True)
    assert [request[0] for request in guest.requests] == ["write", "delete"]


def test_the_file_is_removed_in_another_session_where_the_first_is_lost() -> None:
    dead = []

    def die(send, heard):
        if send.stdin is None:
            dead.append(send)
            raise Lost(GONE, begun=True)
        if len(dead) == 1:
            dead.append(send)
            raise Lost(GONE)
        return heard

    guest = Guest(knows=DONE, change=die)
    sessions = Sessions(guest)
    with pytest.raises(Failed) as caught:
        acting.act(UPLOAD, sessions, 20)
    assert (str(caught.value), caught.value.changed, sessions.count) == ("win-01: it is gone", True, 2)
    assert [request[0] for request in guest.requests] == ["write", "delete", "delete"]


def test_a_file_that_stays_is_told() -> None:
    guest = Guest(knows=DONE | {"delete": {"error": "in use"}})
    said, changed = failure(UPLOAD, guest)
    assert said.startswith("it was done, but a temporary file could not be removed; C:\\Windows\\Temp\\imagegate-")
    assert changed
    guest = Guest(knows=DONE | {"write": {"error": "full"}, "delete": None})
    said, changed = failure(UPLOAD, guest)
    assert said.startswith("PowerShell says: full; C:\\Windows\\Temp\\imagegate-")
    assert (said.endswith("may still be there"), changed) == (True, True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"error": "Win32_Process.Create returned 9"}, "PowerShell says: Win32_Process.Create returned 9"),
        ({}, "PowerShell does not say that it was done"),
        ({"pid": ""}, "PowerShell does not say that it was done"),
        ({"pid": ["1", "2"]}, "PowerShell does not say that it was done"),
        (None, "PowerShell gave no answer"),
    ],
)
def test_what_powershell_does_not_say_is_not_done(fields, said: str) -> None:
    assert failure(Detached(line="x", folder="C:\\"), Guest(knows={"start": fields})) == (said, True)
