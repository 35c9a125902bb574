"""What the stand-in for Windows does when it is told to, and what is left of it."""

import os
import signal
import xml.etree.ElementTree as ET

import pytest
import requests
from tests.sandbox.windows.client import (
    CREATE_TASK,
    protocol,
    shell,
    within,
)  # fmt: skip
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WSManFaultError

from imagegate.sandbox import SandboxUsageError, processes, windows
from imagegate.sandbox.windows.machine import healthy
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.transports.windows import script


@pytest.mark.parametrize(
    "liar, problem",
    [
        ("connection-closed", requests.exceptions.ConnectionError),
        ("stalls", requests.exceptions.ReadTimeout),
        ("unauthorized", InvalidCredentialsError),
        ("never-ends", WinRMOperationTimeoutError),
        ("envelope-too-small", WSManFaultError),
        ("garbage", ET.ParseError),
        ("entity-bomb", ET.ParseError),
        ("html-page", (ET.ParseError, StopIteration)),
    ],
)
def test_liars_on_the_connection(start, liar, problem):
    win = start()
    client = protocol(win, operation_timeout_sec=1, read_timeout_sec=2)
    opened = client.open_shell()
    windows.tell(win.folder, lie=[liar])
    with pytest.raises(problem):
        client.get_command_output_raw(opened, client.run_command(opened, "ver"))
    windows.tell(win.folder, lie=[])
    with shell(win) as again:
        assert again.text("ver")


def test_a_liar_lies_as_often_as_it_is_told_to(start):
    win = start()
    windows.tell(win.folder, lie={"connection-closed": 1})
    client = protocol(win)
    opened = client.open_shell()
    command = client.run_command(opened, "echo x")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get_command_output_raw(opened, command)
    assert client.get_command_output(opened, command) == (b"x\r\n", b"", 0)


def test_endless_output_has_no_end(start):
    with shell(start(liars=frozenset({"endless-output"}))) as opened:
        command = opened.start("ver")
        for _ in range(3):
            out, _, _, done = opened.client.get_command_output_raw(opened.id, command)
            assert (out[:4], done) == (b"xxxx", False)


def test_a_password_that_was_changed_counts_at_once(start):
    win = start()
    client = protocol(win)
    client.open_shell()
    windows.tell(win.folder, password="another")
    with pytest.raises(InvalidCredentialsError):
        client.open_shell()
    assert windows.read(win.folder).password == "another"
    with shell(windows.read(win.folder)) as opened:
        assert opened.text("echo x") == "x\r\n"


def test_programs_that_pretend_to_succeed(either):
    windows.tell(either.folder, lie=["silent-success"])
    send = script.powershell("n", [])
    with shell(either) as opened:
        for line in (script.TASKS, script.sc_query("cloudbase-init"), script.GROUPS, CREATE_TASK):
            assert opened.run(line) == (b"", b"", 0)
        assert opened.run(send.line, send.stdin) == (b"", b"", 0)
        assert opened.text("echo real") == "real\r\n"
    windows.tell(either.folder, lie=[])


def test_programs_that_say_it_otherwise(start):
    win = start()
    with shell(win) as opened:
        windows.tell(win.folder, lie=["localized"])
        assert "활성 코드 페이지: 65001" in opened.text("chcp")
        windows.tell(win.folder, lie=["clixml"])
        send = script.powershell("n", [])
        assert opened.run(send.line, send.stdin)[1].startswith(b"#< CLIXML")
        windows.tell(win.folder, lie=["utf16-declared-utf8"])
        assert opened.run(script.TASKS)[0].decode("utf-16-le").startswith('<?xml version="1.0" encoding="UTF-8"?>')
        windows.tell(win.folder, lie=["utf16-with-bom"])
        assert opened.run(script.TASKS)[0].decode("utf-16").startswith('<?xml version="1.0" encoding="UTF-16"?>')
        windows.tell(win.folder, lie=["utf8-declared-cp949"])
        assert "예약".encode() in opened.run(script.TASKS)[0]




def _everything(machine):
    files = {
        str(path.relative_to(machine.drive.root)): path.read_bytes()
        for path in machine.drive.root.rglob("*")
        if path.is_file()
    }
    return machine.state.to_json(), files


@pytest.mark.parametrize("fault", windows.FAULTS)
def test_each_fault_changes_something(tmp_path, fault):
    (tmp_path / "drive_c").mkdir()
    machine = Machine(tmp_path)
    healthy.make(machine, name="win-01", user="Administrator")
    before = _everything(machine)
    windows.FAULTS[fault](machine)
    assert _everything(machine) != before


@pytest.mark.parametrize("backend", ["model", "wine"])
def test_nothing_is_left_of_an_instance_dead_or_alive(request, start, backend):
    if backend == "wine":
        request.getfixturevalue("wine")
    win = start(backend=backend)
    os.kill(win.pid, signal.SIGKILL)
    within(60, lambda: not windows.is_on(win.folder))
    assert windows.read(win.folder).pid is None
    again = windows.start(win.folder, windows.WindowsSpec(name="win-01", backend=backend))
    with shell(again) as opened:
        assert opened.text("echo x") == "x\r\n"
    windows.stop(win.folder)
    assert not win.folder.exists()
    assert processes.belonging_to(win.folder) == []


def test_what_cannot_be_had_is_refused(tmp_path, shared):
    for spec in (
        {"name": "a b"},
        {"faults": {"none"}},
        {"liars": {"none"}},
        {"auth": {"kerberos"}},
        {"password": "a:b"},
    ):
        given = {name: frozenset(value) if isinstance(value, set) else value for name, value in spec.items()}
        with pytest.raises(SandboxUsageError):
            windows.start(tmp_path / "win", windows.WindowsSpec(**({"name": "win", "backend": "model"} | given)))
    with pytest.raises(SandboxUsageError, match="runs"):
        windows.start(shared.folder, windows.WindowsSpec(name="win"))
    (tmp_path / "win").mkdir()
    (tmp_path / "win" / "mine").touch()
    with pytest.raises(SandboxUsageError, match="not empty"):
        windows.start(tmp_path / "win", windows.WindowsSpec(name="win", backend="model"))
    assert (tmp_path / "win" / "mine").exists()
    with pytest.raises(SandboxUsageError, match="no stand-in"):
        windows.power_on(tmp_path)
    assert not windows.stop(tmp_path / "none")


def test_the_password_stands_in_one_private_file_only(shared):
    found = [
        path for path in shared.folder.rglob("*") if path.is_file() and shared.password.encode() in path.read_bytes()
    ]
    assert [(path.name, path.stat().st_mode & 0o777) for path in found] == [("ntlm", 0o600)]
    assert shared.password not in repr(shared)
