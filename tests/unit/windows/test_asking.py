"""From probes to commands and requests."""

from __future__ import annotations

import pytest

from imagegate.probes import (
    ACCOUNTS,
    APPX,
    REARM,
    SERVER,
    WINDOWS,
    AnswerFile,
    File,
    FreeSpace,
    Registry,
    Service,
    ShellCommand,
    TasksOf,
    WindowsFile,
)
from imagegate.transports.windows.asking import MAX_TAIL, ask, full, lineage, unfit

LOG = r"C:\Windows\System32\Sysprep\Panther\setupact.log"
UNFIT = [
    (File(path="/etc/machine-id"), "the Windows transport cannot look at file:/etc/machine-id"),
    (SERVER, "the Windows transport cannot look at server"),
    (Registry(path='HKLM\\a" & del'), "is no registry key that can be asked for"),
    (Registry(path=r"HKLM\%PATH%"), "is no registry key that can be asked for"),
    (Registry(path=r"SOFTWARE\Microsoft"), "is no registry key that can be asked for"),
    (Registry(path="HKLM\\a\\\\b"), "is no registry key that can be asked for"),
    (Registry(path="HKLM\\a\\"), "is no registry key that can be asked for"),
    (Registry(path=r"HKLM\a", name=""), "is no registry key that can be asked for"),
    (Service(name="a&b"), "is no name of a service"),
    (Service(name=r"a\b"), "is no name of a service"),
    (Service(name=""), "is no name of a service"),
    (WindowsFile(path="C:file.txt"), "is no plain absolute path of Windows"),
    (WindowsFile(path=r"\\server\share\x"), "is no plain absolute path of Windows"),
    (WindowsFile(path=r"C:\a\..\b"), "is no plain absolute path of Windows"),
    (WindowsFile(path="C:/a"), "is no plain absolute path of Windows"),
    (WindowsFile(path="C:\\a\nb"), "is no plain absolute path of Windows"),
    (WindowsFile(path=r"C:\a:stream"), "is no plain absolute path of Windows"),
    (AnswerFile(path="C:\\"), "is no plain absolute path of Windows"),
    (WindowsFile(path=r"C:\Users\x\secret.txt", tail=1), "text is read of setup logs only"),
    (WindowsFile(path=LOG, tail=MAX_TAIL + 1), f"at most {MAX_TAIL} bytes of a log are read"),
    (WindowsFile(path=LOG, tail=-1), f"at most {MAX_TAIL} bytes of a log are read"),
    (FreeSpace(drive="C"), "C is no drive"),
    (FreeSpace(drive="CC:"), "CC: is no drive"),
    (ShellCommand(name="Get-*"), "Get-* is no name of a command"),
    (ShellCommand(name="a; b"), "a; b is no name of a command"),
    (TasksOf(program=""), "is no name of a command"),
]  # fmt: skip
FIT = [
    Registry(path=r"HKLM\SYSTEM\Setup"),
    Registry(path=r"hklm\SYSTEM\Setup", name="a b"),
    Service(name="cloudbase-init"),
    WindowsFile(path=r"C:\Program Files (x86)\100% & 'more'.txt", sha256=True),
    WindowsFile(path=LOG.lower(), tail=1),
    AnswerFile(path=r"C:\Program Files\Unattend.xml"),
    FreeSpace(),
    ShellCommand(name="Get-AppxPackage"),
    TasksOf(program="ipconfig"),
    WINDOWS,
    ACCOUNTS,
    APPX,
    REARM,
]


@pytest.mark.parametrize(("probe", "reason"), UNFIT)
def test_probes_that_it_cannot_look_at(probe, reason: str) -> None:
    assert reason in (unfit(probe) or "")


@pytest.mark.parametrize("probe", FIT, ids=lambda probe: probe.key)
def test_probes_that_it_can_look_at(probe) -> None:
    assert unfit(probe) is None


def test_everything_is_asked_once_and_the_tasks_last() -> None:
    renames = Registry(path=r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", name="Pending")
    twice = [
        TasksOf(program="ipconfig"),
        TasksOf(program="cmd"),
        renames,
        Registry(path=renames.path),
        WINDOWS,
        WINDOWS,
    ]
    questions = ask(twice)
    assert questions.commands == (
        "chcp",
        "whoami /groups /fo csv /nh",
        r'reg query "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"',
        r'reg query "HKLM\SYSTEM\CurrentControlSet\Control"',
        r'reg query "HKLM\SYSTEM\CurrentControlSet"',
        "schtasks /query /xml ONE",
    )
    assert [request.verb for request in questions.requests] == ["windows"]


def test_a_key_a_parent_and_a_grandparent() -> None:
    assert lineage(r"HKLM\a\b\c") == (r"HKLM\a\b\c", r"HKLM\a\b", r"HKLM\a")
    assert lineage(r"HKLM\a") == (r"HKLM\a", "HKLM")
    assert full(r"hklm\A b") == r"hkey_local_machine\a b"


def test_two_looks_at_one_file_are_two_requests() -> None:
    questions = ask([WindowsFile(path=LOG), WindowsFile(path=LOG, tail=10), AnswerFile(path=LOG)])
    assert len(questions.requests) == 3
