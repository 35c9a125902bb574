"""One look: what is asked, and what is made of what comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.windows.guest import Guest, output

from imagegate.errors import Owner
from imagegate.probes import REARM, RearmFact, Registry, TasksOf, WindowsFile
from imagegate.transports.windows import script
from imagegate.transports.windows.asking import ask
from imagegate.transports.windows.decode import NotElevated, check_elevated, decode
from imagegate.transports.windows.diagnose import Trouble
from imagegate.transports.windows.listening import listen
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.session import Lost

KEY = Registry(path=r"HKLM\SYSTEM\Setup", name="X")
LISTED = b"\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\Setup\r\n    X    REG_DWORD    0x1\r\n\r\n"
TASKS = TasksOf(program="ipconfig")
FILE = WindowsFile(path=r"C:\x")
SAYS = {script.reg_query(KEY.path): LISTED, script.TASKS: b"<Tasks></Tasks>"}
KNOWS = {"rearm": {"remaining": "3"}, "file": {"kind": "absent"}}
TROUBLE = Trouble(reason="win-01: it is gone", gone=True)


def look(guest: Guest, *probes):
    heard = listen(guest, ask(probes))
    found = {}
    for probe in probes:
        try:
            found[probe.key.partition(":")[0]] = decode(probe, heard)
        except Unclear as unclear:
            found[probe.key.partition(":")[0]] = str(unclear)
    return heard, found


def test_one_line_and_one_powershell() -> None:
    guest = Guest(says=SAYS, knows=KNOWS)
    _, found = look(guest, KEY, TASKS, REARM, FILE)
    assert (found["registry"].number, found["tasks-of"].total, found["rearm"].remaining) == (1, 0, 3)
    assert found["file"].kind == "absent"
    assert [line.split(" ")[0] for line in guest.lines] == ["echo", "powershell"]
    assert guest.requests == [("rearm",), ("file", r"C:\x", "0", "0", "0")]


def test_powershell_is_not_started_for_nothing() -> None:
    guest = Guest(says=SAYS)
    look(guest, KEY)
    assert len(guest.lines) == 1


@pytest.mark.parametrize("groups", [b"", b'"x","Label","S-1-16-8192",""\r\n'])
def test_powershell_is_not_started_for_who_cannot_see_everything(groups: bytes) -> None:
    guest = Guest(says=SAYS | {script.GROUPS: groups}, knows=KNOWS)
    heard, _ = look(guest, REARM)
    assert len(guest.lines) == 1
    with pytest.raises(NotElevated if groups else Unclear):
        check_elevated(heard)


def test_many_probes_take_several_lines_and_their_errors_add_up() -> None:
    many = [Registry(path=rf"HKLM\SOFTWARE\{'x' * 100}{n}\y") for n in range(60)]
    guest = Guest(errors=b"\r\nERROR: not found\r\n\r\n")
    heard, _ = look(guest, *many)
    assert len(guest.lines) > 2
    assert heard.errors == len(guest.lines)
    assert len(heard.sections) == len(ask(many).commands)


def test_a_line_that_is_cut_costs_what_is_missing_only() -> None:
    def cut(send, heard):
        return replace(heard, stdout=heard.stdout[: heard.stdout.index(b"<Tasks>") + 3], code=None, trouble=TROUBLE)

    guest = Guest(says=SAYS, knows=KNOWS, change=cut)
    heard, found = look(guest, KEY, TASKS, REARM)
    assert found["registry"].number == 1
    assert (found["tasks-of"], found["rearm"]) == ("win-01: it is gone", "win-01: it is gone")
    assert (heard.trouble, len(guest.lines)) == (TROUBLE, 1)


def test_a_list_that_is_too_long_costs_the_tasks_only() -> None:
    too_much = Trouble(reason="win-01: a command wrote more than 8 MiB")

    def cut(send, heard):
        if send.stdin is not None:
            return heard
        return replace(
            heard, stdout=heard.stdout[: heard.stdout.index(b"<Tasks>")], code=None, trouble=too_much, overflow=True
        )

    heard, found = look(Guest(says=SAYS, knows=KNOWS, change=cut), KEY, TASKS, REARM)
    assert (found["registry"].number, found["rearm"]) == (1, RearmFact(remaining=3))
    assert (found["tasks-of"], heard.trouble) == (too_much.reason, None)


def test_a_connection_that_dies_in_powershell_keeps_what_came_before() -> None:
    def die(send, heard):
        if send.stdin is None:
            return heard
        raise Lost(TROUBLE)

    heard, found = look(Guest(says=SAYS, knows=KNOWS, change=die), KEY, REARM)
    assert (found["registry"].number, found["rearm"], heard.trouble) == (1, TROUBLE.reason, TROUBLE)


def test_a_connection_that_dies_at_once() -> None:
    def die(send, heard):
        raise Lost(Trouble(reason="win-01: refused", owner=Owner.USER))

    heard, found = look(Guest(change=die), KEY, REARM)
    assert (found["registry"], found["rearm"]) == ("win-01: refused", "win-01: refused")
    assert heard.sections == {}


SILENT = {
    "nothing at all": (output(), "PowerShell gave no answer"),
    "CLIXML": (output(stderr=b'#< CLIXML\r\n<Objs><S S="Error">It is blocked._x000D__x000A_</S></Objs>', code=1), "PowerShell gave no answer; it said: It is blocked."),
    "not found": (output(stderr=b"'powershell' is not recognized", code=1), "PowerShell gave no answer; it said: 'powershell' is not recognized"),
    "banner": (output(b"Windows PowerShell\r\n"), "PowerShell gave no answer"),
}  # fmt: skip


@pytest.mark.parametrize("case", SILENT)
def test_a_powershell_that_gives_no_answer(case: str) -> None:
    given, reason = SILENT[case]
    guest = Guest(says=SAYS, change=lambda send, heard: heard if send.stdin is None else given)
    _, found = look(guest, KEY, REARM)
    assert (found["registry"].number, found["rearm"]) == (1, reason)


def test_one_request_without_an_answer_costs_itself_only() -> None:
    _, found = look(Guest(says=SAYS, knows={"file": {"kind": "absent"}}), REARM, FILE)
    assert (found["rearm"], found["file"].kind) == ("PowerShell gave no answer", "absent")


def test_an_answer_that_is_doubled_is_no_answer() -> None:
    double = Guest(says=SAYS, knows=KNOWS, change=lambda send, heard: replace(heard, stdout=heard.stdout * 2))
    _, found = look(double, KEY, REARM)
    assert found["registry"] == "its answer goes on after its end"
    shell = Guest(says=SAYS, knows=KNOWS)
    shell.change = lambda send, heard: replace(heard, stdout=heard.stdout * 2) if send.stdin else heard
    assert look(shell, REARM)[1]["rearm"] == "PowerShell's answer is garbled"


def test_a_console_that_gives_no_answer() -> None:
    _, found = look(Guest(change=lambda send, heard: output()), KEY, REARM)
    assert found["registry"] == "its console gave no answer"


def test_every_exchange_has_a_word_of_its_own() -> None:
    guest = Guest(says=SAYS, knows=KNOWS)
    look(guest, REARM)
    look(guest, REARM)
    words = {line.split(" ")[1] for line in guest.lines if line.startswith("echo")}
    assert len(words) == 2
    assert all(len(word) == 34 for word in words)
