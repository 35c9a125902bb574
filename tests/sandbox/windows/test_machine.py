"""The model of Windows behind the stand-in: what programs say, and what they change."""

import base64
import codecs
import contextlib
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given
from hypothesis.strategies import characters, lists, text
from tests.sandbox.windows.client import (
    CONF,
    CREATE_TASK,
    STATE,
    SYSPREP,
    TASK_FILE,
    shell,
    task_xml,
    within,
)  # fmt: skip

from imagegate.sandbox import windows
from imagegate.sandbox.windows.machine import words
from imagegate.transports.windows import script


@pytest.mark.parametrize(
    "fault, asked, code_page, word",
    [
        (None, 65001, 65001, "The specified service does not exist"),
        ("korean", 65001, 949, "지정된 서비스를"),
        ("korean", 437, 437, "The specified service does not exist"),
        ("japanese", 65001, 932, "指定されたサービスは"),
    ],
)
def test_programs_speak_the_language_that_the_code_page_can_show(start, fault, asked, code_page, word):
    win = start(faults=frozenset({fault} if fault else ()))
    with shell(win, code_page=asked) as opened:
        out = opened.run('chcp <nul& sc query "none" <nul')[0]
    codec = "utf-8" if code_page == 65001 else f"cp{code_page}"
    assert out.startswith(b"Active code page:" if fault is None or asked == 437 else out[:1])
    assert str(code_page).encode() in out.splitlines()[0]
    assert word in out.decode(codec)
    assert b"1060" in out


def test_the_document_of_all_tasks_declares_another_encoding_than_it_has(start):
    with shell(start(faults=frozenset({"korean"}))) as opened:
        out = opened.run(script.TASKS)[0]
    assert out.startswith(b'<?xml version="1.0" encoding="UTF-16"?>\r\n<Tasks>\r\n<!-- \\RenewDhcpLease -->\r\n')
    with pytest.raises(ET.ParseError):
        ET.fromstring(out)
    root = ET.fromstring(out.decode("cp949").partition("\n")[2])
    assert "예약 작업" in root.findtext(".//{*}Description")


@pytest.mark.parametrize(
    "content, problem",
    [
        (codecs.BOM_UTF16_LE + task_xml().encode("utf-16-le"), None),
        (task_xml().partition("\r\n")[2].encode(), None),
        (task_xml("UTF-8").encode(), b"(1,40)::ERROR: unable to switch the encoding"),
        (codecs.BOM_UTF16_LE + task_xml("UTF-8").encode("utf-16-le"), b"(1,40)::ERROR: unable to switch the encoding"),
        (task_xml().encode(), b"(1,40)::ERROR: unable to switch the encoding"),
        (codecs.BOM_UTF8 + task_xml("UTF-8").encode(), b"(1,2)::ERROR: incorrect document syntax"),
        (codecs.BOM_UTF16_BE + task_xml().encode("utf-16-be"), b"(1,2)::ERROR: incorrect document syntax"),
        (codecs.BOM_UTF16_LE + task_xml().replace('="A"', '="B"', 1).encode("utf-16-le"), b"Context"),
    ],
)
def test_task_definitions_are_taken_in_the_right_encoding_only(shared, content, problem):
    with shell(shared) as opened:
        opened.ask(("delete", TASK_FILE), ("write", TASK_FILE, base64.b64encode(content).decode()))
        out, err, code = opened.run(CREATE_TASK)
        deleted = opened.run(r"schtasks /delete /tn \Mine /f")[2]
        opened.ask(("delete", TASK_FILE))
    if problem is None:
        assert (b"SUCCESS" in out, err, code, deleted) == (True, b"", 0, 0)
    else:
        assert (out, code, deleted) == (b"", 1, 1)
        assert err.startswith(b"ERROR: The task XML is malformed.")
        assert problem in err


def test_tasks_come_and_go(either):
    content = base64.b64encode(codecs.BOM_UTF16_LE + task_xml().encode("utf-16-le")).decode()
    with shell(either) as opened:
        assert opened.ask(("write", TASK_FILE, content)) == [[("written", str(len(base64.b64decode(content))))]]
        assert "already exists" in opened.ask(("write", TASK_FILE, content))[0][0][1]
        opened.text(CREATE_TASK)
        assert opened.run(CREATE_TASK)[0::2] == (b"", 1)
        opened.text(f"{CREATE_TASK} /f")
        listed = ET.fromstring(opened.text(script.TASKS).partition("\n")[2])
        uris = [task.findtext("{*}RegistrationInfo/{*}URI") for task in listed]
        assert uris[:2] == ["\\Mine", "\\RenewDhcpLease"]
        assert listed[0].findtext("{*}Actions/{*}Exec/{*}Arguments") == "/renew"
        assert "<Arguments>/renew" in opened.text(r"schtasks /query /tn \Mine /xml")
        opened.text(r"schtasks /delete /tn \Mine /f")
        assert opened.run(r"schtasks /query /tn \Mine /xml")[2] == 1
        file = r"C:\Windows\System32\Tasks\RenewDhcpLease"
        opened.ask(("delete", TASK_FILE))
        (found,) = opened.ask(("file", file, "0", "0", "9999"))
    assert dict(found)["kind"] == "regular"


def test_a_service_and_the_registry_show_the_same(either):
    with shell(either) as opened:
        opened.text("sc config cloudbase-init start= auto")
        key = r"HKLM\SYSTEM\CurrentControlSet\Services\cloudbase-init"
        assert "Start    REG_DWORD    0x2" in opened.text(script.reg_query(key))
        opened.text(rf'reg add "{key}" /v Start /t REG_DWORD /d 3 /f')
        assert "Start    REG_DWORD    0x3" in opened.text(f"{script.reg_query(key)} <nul")
        assert ": 1  STOPPED" in opened.text(script.sc_query("cloudbase-init"))
        assert opened.run(script.reg_query(key + "x"))[2] == 1
        assert opened.run(script.sc_query("none"))[2] in (1060, 1060 & 0xFF)  # Wine: only eight bits come through


def test_lines_mean_the_same_on_both_back_ends(either):
    with shell(either) as opened:
        assert opened.text("echo %windir% %NOT_SET% 100%") == "C:\\Windows %NOT_SET% 100%\r\n"
        assert opened.text(r'cd /d "C:\Program Files\Cloudbase Solutions" <nul& cd') == (
            "C:\\Program Files\\Cloudbase Solutions\r\n"
        )
        assert opened.run("echo a& exit /b 7")[0::2] == (b"a\r\n", 7)
        assert opened.run("none& echo b")[0] == b"b\r\n"
        assert opened.text('echo "a&b"') == '"a&b"\r\n'


@given(lists(text(characters(min_codepoint=32, max_codepoint=126))))
def test_command_lines_come_apart_as_they_were_put_together(given_words):
    assert words.split(subprocess.list2cmdline(given_words)) == given_words


def test_both_back_ends_answer_one_look_alike(shared, wine):
    looks = []
    wanted = [("windows",), ("file", f"{CONF}\\Unattend.xml", "1", "0", "0"), ("accounts",), ("appx",), ("rearm",),
              ("space", "C:"), ("command", "ToastSysprep"), ("command", "schtasks"), ("file", CONF, "0", "0", "0"),
              ("file", r"C:\none", "0", "0", "0")]  # fmt: skip
    sections = [script.CODE_PAGE, script.GROUPS, script.reg_query(STATE), script.reg_query(r"HKLM\SYSTEM\Setup\Status"),
                script.sc_query("cloudbase-init"), script.sc_query("none"), script.TASKS]  # fmt: skip
    (line,) = script.lines("n0", sections)
    for win in (shared, wine):
        with shell(win) as opened:
            answers = [[pair for pair in answer if pair[0] not in ("now", "booted", "modified")]
                       for answer in opened.ask(*wanted)]  # fmt: skip
            looks.append((opened.text(line), answers))
    assert looks[0] == looks[1]


def test_powershell_runs_imagegates_program_and_nothing_else(shared):
    send = script.powershell("n", [script.Request(verb="rearm")])
    tries = [
        ("powershell -Command Get-Date", None),
        (send.line, send.stdin.replace(b"Set-StrictMode", b"Set-Strictmode")),
        (send.line, send.stdin + b"Remove-Item C:\\ -Recurse\r\n"),
        (send.line.replace("-NoProfile ", ""), None),
        (send.line, send.stdin.replace(b"0 rearm", b"rearm")),
    ]
    with shell(shared) as opened:
        for line, stdin in tries:
            out, err, code = opened.run(line, stdin)
            assert (out, err[:11], code) == (b"", b"#< CLIXML\r\n", 1)
        assert b"n done" in opened.run(send.line, send.stdin)[0]
        (unknown, short) = opened.ask(("unknown",), ("file", "x"))
    assert unknown == [("error", "unknown request unknown")]
    assert [name for name, _ in short] == ["error"]


def test_syntax_that_this_cmd_does_not_know_is_refused_aloud(shared):
    with shell(shared) as opened:
        for line in ("ver > x", "(ver)", "ver && ver", "ver || ver", "ver | more", "for %a in (x) do ver", "echo ^x"):
            out, err, code = opened.run(line)
            assert (out, code != 0) == (b"", True), line
            assert err




@pytest.mark.parametrize("backend", ["model", "wine"])
def test_sysprep_leaves_its_traces_and_booting_uses_them_up(request, start, backend):
    if backend == "wine":
        request.getfixturevalue("wine")
    win = start(backend=backend, faults=frozenset({"reboot-renames"}), sysprep_s=4)
    tag = r"C:\Windows\System32\Sysprep\Sysprep_succeeded.tag"
    with shell(win) as opened:
        (old,) = opened.ask(("file", tag, "0", "0", "0"))
        ((field, _),) = opened.ask(("start", CONF, SYSPREP.format("/quit")))[0]
        assert field == "pid"
        within(60, lambda: opened.image_state() == "IMAGE_STATE_UNDEPLOYABLE")
        within(60, lambda: opened.image_state() == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
        within(60, lambda: len(opened.ask(("file", tag, "0", "0", "0"))[0]) == 3)
        new, errors, rearm = opened.ask(
            ("file", tag, "0", "0", "0"),
            ("file", r"C:\Windows\System32\Sysprep\Panther\setuperr.log", "0", "99", "0"),
            ("rearm",),
        )
    assert dict(new)["modified"] > dict(old)["modified"]
    assert (dict(errors)["size"], rearm) == ("0", [("remaining", "4")])
    before = datetime.now(UTC)
    windows.power_off(win.folder)
    assert not windows.is_up(win.folder)
    windows.power_on(win.folder)
    with shell(win) as opened:
        assert opened.image_state() == "IMAGE_STATE_COMPLETE"
        manager = opened.text(script.reg_query(r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"))
        (about,) = opened.ask(("windows",))
    assert "BootExecute" in manager
    assert "PendingFileRenameOperations" not in manager
    assert datetime.fromisoformat(dict(about)["booted"]) > before


@pytest.mark.parametrize(
    "how, backend",
    [("shutdown", "model"), ("sysprep", "model"), ("toast", "model"), ("toast", "wine")],
)
def test_a_machine_that_powers_itself_off_tells_who_wants_to_know(request, tmp_path, how, backend):
    if backend == "wine":
        request.getfixturevalue("wine")
    folder, told = tmp_path / "win", tmp_path / "told"
    spec = windows.WindowsSpec(name="win-01", backend=backend, faults=frozenset({"toast-sysprep"}))
    win = windows.start(folder, spec, on_power_off=("touch", str(told)))
    toast = "powershell.exe -NoLogo -ExecutionPolicy Bypass -InputFormat None -Command ToastSysprep"
    try:
        with contextlib.suppress(requests.exceptions.ConnectionError), shell(win) as opened:
            if how == "shutdown":
                opened.text("shutdown /s /t 0")
            elif how == "sysprep":
                opened.ask(("start", CONF, SYSPREP.format("/shutdown")))
            else:
                opened.ask(("start", r"C:\Windows\System32", f'cmd.exe /d /c "echo Y| {toast}"'))
        within(60, lambda: not windows.is_on(folder))
        within(60, told.exists)
        windows.power_on(folder)
        assert windows.is_up(folder)
    finally:
        assert windows.stop(folder)


def test_a_reboot_keeps_the_process_and_closes_the_connections(start):
    win = start(faults=frozenset({"reboot-update"}))
    with contextlib.suppress(requests.exceptions.ConnectionError), shell(win) as opened:
        opened.text("shutdown /r /t 0")
    with windows.changing(win.folder) as machine:
        within(60, lambda: machine.state.boots == 2 and windows.is_up(win.folder))
        assert machine.registry.listing(r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update")[
            1
        ] == ["Results"]
    assert windows.read(win.folder).pid == win.pid
    with shell(win) as opened:
        assert opened.text("echo again") == "again\r\n"


@pytest.mark.parametrize(
    "backend, liar, left",
    [
        ("model", "sysprep-hangs", ("IMAGE_STATE_UNDEPLOYABLE", False, b"")),
        ("model", "sysprep-fails", ("IMAGE_STATE_UNDEPLOYABLE", False, b"was installed for a user, but not provision")),
        ("wine", "sysprep-fails", ("IMAGE_STATE_UNDEPLOYABLE", False, b"was installed for a user, but not provision")),
        ("model", "sysprep-undeployable", ("IMAGE_STATE_UNDEPLOYABLE", True, b"")),
        ("model", "sysprep-does-nothing", ("IMAGE_STATE_COMPLETE", None, b"")),
    ],
)
def test_sysprep_that_goes_wrong(request, start, backend, liar, left):
    state, tag_is_new, error = left
    if backend == "wine":
        request.getfixturevalue("wine")
    win = start(backend=backend)
    windows.tell(win.folder, lie=[liar])
    with shell(win) as opened, windows.changing(win.folder) as machine:
        opened.ask(("start", CONF, SYSPREP.format("/quit")))
        if tag_is_new is None:
            within(60, lambda: liar in machine.state.liars)
        else:
            within(60, lambda: opened.image_state() == state)
        if liar != "sysprep-hangs" and tag_is_new is not None:
            within(60, lambda: not machine.state.sysprep_running)
        assert opened.image_state() == state
        drive = machine.drive
        assert drive.exists(r"C:\Windows\System32\Sysprep\Sysprep_succeeded.tag") == (tag_is_new is not False)
        assert error in drive.read(r"C:\Windows\System32\Sysprep\Panther\setuperr.log")
    windows.power_off(win.folder)
    windows.power_on(win.folder)
    with shell(win) as opened:
        assert opened.image_state() == state
