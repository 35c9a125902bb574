"""The Windows transport against a WinRM endpoint of its own process, with a model of Windows or Wine behind it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from imagegate.errors import Owner, StepError
from imagegate.inventory import Auth, Host, Inventory, Via
from imagegate.model import Facts, Kind, Level, Phase, Probe, Target, Unseen
from imagegate.probes import (
    ACCOUNTS,
    APPX,
    REARM,
    WINDOWS,
    AnswerFile,
    FreeSpace,
    Registry,
    Service,
    ShellCommand,
    TasksOf,
    WindowsFile,
    sysprep,
)
from imagegate.sandbox import windows
from imagegate.sandbox.windows import prefixes
from imagegate.steps.windows import CommandLine, Detached, RemoveAppx, WindowsAction, WindowsStep
from imagegate.transports.windows import WindowsTransport

pytestmark = pytest.mark.real

WIN = Target(kind=Kind.INSTANCE, id="1", name="win-01", guest="win-01")
TASKS = TasksOf(program="ipconfig")
SERVICE = Service(name="cloudbase-init")
GENERALIZATION = Registry(path=r"HKLM\SYSTEM\Setup\Status\SysprepStatus", name="GeneralizationState")
SKIP_REARM = Registry(
    path=r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform", name="SkipRearm"
)
TOOL = WindowsFile(path=r"C:\Windows\System32\Sysprep\sysprep.exe", sha256=True)
EVERYTHING: list[Probe[Any]] = [
    sysprep.IMAGE_STATE,
    sysprep.SUCCESS_TAG,
    sysprep.SETUP_ERRORS,
    sysprep.SETUP_ACTIONS,
    sysprep.ANSWER_FILE,
    sysprep.OTHER_ANSWER_FILE,
    *sysprep.REBOOT_SIGNS,
    SKIP_REARM,
    GENERALIZATION,
    SERVICE,
    Service(name="no-such-service"),
    TASKS,
    TOOL,
    WINDOWS,
    ACCOUNTS,
    APPX,
    REARM,
    FreeSpace(),
    ShellCommand(name="ToastSysprep"),
]
NOTHING = Facts({}, datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(WindowsStep):
    what: WindowsAction

    def action(self, seen: Facts) -> WindowsAction:
        return self.what


@dataclass
class Guest:
    """A stand-in, and the transport that reaches it."""

    win: windows.WindowsInstance
    transport: WindowsTransport

    def look(self, *probes: Probe[Any], timeout_s: float = 30.0) -> Facts:
        return self.transport.look(WIN, probes, timeout_s=timeout_s, fresh=True)

    def unseen(self, probe: Probe[Any], timeout_s: float = 30.0) -> Unseen:
        seen = self.look(probe, timeout_s=timeout_s).observation(probe)
        assert isinstance(seen, Unseen), seen
        return seen

    def do(self, action: WindowsAction, timeout_s: float = 30.0) -> None:
        step = Do(subject="x", summary="do it", level=Level.SAFE, phase=Phase.CONTENT, why="test", what=action)
        self.transport.apply(WIN, step, NOTHING, timeout_s=timeout_s)

    def left_behind(self) -> list[str]:
        """What is left of us in the guest's folder for temporary files."""
        with windows.changing(self.win.folder) as machine:
            folder = machine.drive.find(r"C:\Windows\Temp")
            return [] if folder is None else [entry.name for entry in folder.iterdir() if "imagegate" in entry.name]


@pytest.fixture
def reach(monkeypatch) -> Iterator[Callable[..., Guest]]:
    made: list[WindowsTransport] = []

    def reach(win: windows.WindowsInstance, **changes: Any) -> Guest:
        monkeypatch.setenv("WINRM_CONTRACT", win.password)
        host = Host(
            name="win-01",
            address=win.address,
            port=win.port,
            transport=Via.WINRM,
            user=win.user,
            password_env="WINRM_CONTRACT",
            scheme=win.scheme,
            ca_file=win.ca_file,
        )
        made.append(WindowsTransport(Inventory(hosts={"win-01": replace(host, **changes)})))
        return Guest(win, made[-1])

    yield reach
    for transport in made:
        transport.close()


@pytest.fixture
def start(tmp_path, reach) -> Iterator[Callable[..., Guest]]:
    """Starts stand-ins; keywords are those of ``WindowsSpec``, and ``host`` changes the inventory's entry."""
    with contextlib.ExitStack() as stack:

        def start(*, host: dict[str, Any] | None = None, **spec: Any) -> Guest:
            folder = tmp_path / "win"
            stack.callback(windows.stop, folder)
            win = windows.start(folder, windows.WindowsSpec(name="win-01", **({"backend": "model"} | spec)))
            return reach(win, **(host or {}))

        yield start


@pytest.fixture(scope="module")
def wine(tmp_path_factory, require) -> Iterator[windows.WindowsInstance]:
    """One with Wine, that tests leave as they found it."""
    reason = prefixes.missing()
    if reason is not None:
        require(f"Wine and mingw-w64: {reason}")
    folder = tmp_path_factory.mktemp("wine") / "win"
    yield windows.start(folder, windows.WindowsSpec(name="win-01", backend="wine"))
    windows.stop(folder)


@pytest.fixture(params=["model", "wine"])
def either(request, start, reach) -> Guest:
    """A healthy one, of each back end."""
    return start() if request.param == "model" else reach(request.getfixturevalue("wine"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def test_everything_of_a_healthy_guest_is_seen(either) -> None:
    facts = either.look(*EVERYTHING)
    assert [probe.key for probe in EVERYTHING if probe not in facts] == []
    assert facts[sysprep.IMAGE_STATE].text == sysprep.COMPLETE
    assert facts[sysprep.SUCCESS_TAG].modified < facts[WINDOWS].booted_at < facts[WINDOWS].now
    assert (facts[sysprep.SETUP_ERRORS].size, facts[sysprep.SETUP_ERRORS].tail) == (0, "")
    assert "Tag file created" in facts[sysprep.SETUP_ACTIONS].tail
    assert facts[sysprep.ANSWER_FILE].passes == ("generalize", "oobeSystem", "specialize")
    assert facts[sysprep.OTHER_ANSWER_FILE].state == "absent"
    assert not any(facts[sign].present for sign in sysprep.REBOOT_SIGNS)
    assert (facts[SKIP_REARM].number, facts[GENERALIZATION].number) == (0, 7)
    assert (facts[SERVICE].start, facts[SERVICE].state) == ("demand", "stopped")
    assert not facts[Service(name="no-such-service")].present
    assert len(facts[TOOL].sha256) == 64
    (task,) = facts[TASKS].tasks
    assert (task.user, task.run_level, task.triggers[0].kind, task.actions[0].arguments) == (
        "S-1-5-18", "highest", "boot", "/renew",
    )  # fmt: skip
    assert (facts[TASKS].unreadable, facts[WINDOWS].code_page) == ((), 65001)
    assert {account.rid for account in facts[ACCOUNTS].accounts} >= {500, 501}
    assert facts[REARM].remaining > 0
    assert 0 < facts[FreeSpace()].free < facts[FreeSpace()].size
    assert not facts[ShellCommand(name="ToastSysprep")].present


def test_a_full_look_takes_a_handful_of_requests(start) -> None:
    guest = start()
    guest.look(*EVERYTHING)
    least = 10  # three for the login and the shell; command, output, signal; command, input, output; the shell's end
    assert least <= guest.transport.requests["win-01"] <= least + 4


@pytest.mark.parametrize(
    ("spec", "host"),
    [
        ({"scheme": "http"}, {}),
        ({"auth": frozenset({"ntlm"})}, {}),
        ({}, {"auth": Auth.BASIC}),
        ({"password": "päss wörd 한글"}, {}),
        ({"password": "päss wörd 한글"}, {"auth": Auth.BASIC}),
        ({}, {"ca_file": None, "certificate_checking": False}),
        ({}, {"address": "localhost"}),
    ],
    ids=["http", "ntlm by name", "basic", "password of many letters", "the same with basic", "unchecked", "by name"],
)
def test_ways_in(start, spec, host) -> None:
    guest = start(**spec, host=host)
    assert guest.look(WINDOWS)[WINDOWS].product.startswith("Microsoft Windows Server")


@pytest.mark.parametrize(
    ("host", "reason", "owner"),
    [
        ({"user": "nobody"}, "the login of nobody was rejected: is $WINRM_CONTRACT its password", Owner.USER),
        ({"ca_file": None}, "is not trusted", Owner.TARGET),
        ({"auth": Auth.BASIC}, "does not take auth: basic (it offers: Negotiate)", Owner.USER),
    ],
)
def test_no_way_in(start, host, reason: str, owner: Owner) -> None:
    guest = start(auth=frozenset({"negotiate"}), host=host)
    found = guest.unseen(WINDOWS)
    assert reason in found.reason
    assert found.owner is owner


def test_a_password_that_changes_between_two_looks(start, monkeypatch) -> None:
    guest = start()
    assert WINDOWS in guest.look(WINDOWS)
    windows.tell(guest.win.folder, password="another one")
    assert "the login of Administrator was rejected" in guest.unseen(WINDOWS).reason
    monkeypatch.setenv("WINRM_CONTRACT", "another one")
    assert WINDOWS in guest.look(WINDOWS)


def test_a_guest_that_is_off(start) -> None:
    guest = start()
    windows.power_off(guest.win.folder)
    assert "connection refused on 127.0.0.1:" in guest.unseen(WINDOWS).reason
    with pytest.raises(StepError) as caught:
        guest.do(CommandLine(line="ver"))
    assert not caught.value.changed
    windows.power_on(guest.win.folder)
    facts = guest.look(WINDOWS)
    assert facts[WINDOWS].now >= facts[WINDOWS].booted_at


DEVIATIONS: dict[str, tuple[Probe[Any], Callable[[Any], bool]]] = {
    "task-missing": (TASKS, lambda fact: fact.tasks == () and fact.total > 0),
    "task-disabled": (TASKS, lambda fact: not fact.tasks[0].enabled),
    "task-logon-trigger": (TASKS, lambda fact: fact.tasks[0].triggers[0].kind == "logon"),
    "task-trigger-disabled": (TASKS, lambda fact: not fact.tasks[0].triggers[0].enabled),
    "task-expired": (TASKS, lambda fact: fact.tasks[0].triggers[0].end == "2020-01-01T00:00:00"),
    "task-wrong-account": (TASKS, lambda fact: fact.tasks[0].user == r"WIN\builder"),
    "task-release": (TASKS, lambda fact: fact.tasks[0].actions[0].arguments == "/release"),
    "task-no-run-level": (TASKS, lambda fact: fact.tasks[0].run_level is None),
    "task-on-mains-only": (TASKS, lambda fact: fact.tasks[0].on_ac_only),
    "task-needs-network": (TASKS, lambda fact: fact.tasks[0].needs_network),
    "answer-file-missing": (sysprep.ANSWER_FILE, lambda fact: fact.state == "absent"),
    "answer-file-malformed": (sysprep.ANSWER_FILE, lambda fact: fact.state == "malformed"),
    "answer-file-password": (sysprep.ANSWER_FILE, lambda fact: fact.password and fact.sha256 is None),
    "answer-file-no-generalize": (sysprep.ANSWER_FILE, lambda fact: "generalize" not in fact.passes),
    "answer-file-wrong-folder": (sysprep.OTHER_ANSWER_FILE, lambda fact: fact.state == "readable"),
    "cloudbase-auto": (SERVICE, lambda fact: fact.start == "auto"),
    "cloudbase-missing": (SERVICE, lambda fact: not fact.present),
    "reboot-servicing": (sysprep.SERVICING_REBOOT, lambda fact: fact.present),
    "reboot-update": (sysprep.UPDATE_REBOOT, lambda fact: fact.present),
    "reboot-renames": (sysprep.FILE_RENAMES, lambda fact: fact.present and fact.text is None),
    "appx-user-only": (APPX, lambda fact: any(not (p.provisioned or p.framework or p.system) for p in fact.packages)),
    "rearm-used-up": (REARM, lambda fact: fact.remaining == 0),
    "skip-rearm": (SKIP_REARM, lambda fact: fact.number == 1),
    "space-full": (FreeSpace(), lambda fact: fact.free == 20480),
    "sysprep-missing": (TOOL, lambda fact: fact.kind == "absent"),
    "toast-sysprep": (ShellCommand(name="ToastSysprep"), lambda fact: fact.present),
    "undeployable": (sysprep.IMAGE_STATE, lambda fact: fact.text == "IMAGE_STATE_UNDEPLOYABLE"),
    "no-appx": (APPX, lambda fact: not fact.supported and fact.packages == ()),
}


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_a_deviation_is_seen(start, name: str) -> None:
    probe, shows = DEVIATIONS[name]
    assert shows(start(faults=frozenset({name})).look(probe)[probe])


def test_every_deviation_of_the_stand_in_is_tested() -> None:
    assert windows.FAULTS.keys() - DEVIATIONS.keys() == {"korean", "japanese", "not-elevated"}


@pytest.mark.parametrize(("language", "page"), [("korean", 949), ("japanese", 932)])
@pytest.mark.parametrize("liars", [frozenset(), frozenset({"localized"})])
def test_windows_of_other_languages(start, language: str, page: int, liars) -> None:
    guest = start(faults=frozenset({language}), liars=liars)
    facts = guest.look(*EVERYTHING)
    assert [probe.key for probe in EVERYTHING if probe not in facts] == []
    assert facts[WINDOWS].code_page == page
    assert (len(facts[TASKS].tasks), facts[SERVICE].state) == (1, "stopped")
    with pytest.raises(StepError, match=r"failed with exit code 1: \S"):
        guest.do(CommandLine(line='schtasks /delete /tn "\\None" /f'))


@pytest.mark.parametrize("liar", ["utf16-declared-utf8", "utf16-with-bom", "utf8-declared-cp949", "localized"])
def test_lies_that_change_nothing(start, liar: str) -> None:
    facts = start(liars=frozenset({liar})).look(*EVERYTHING)
    assert [probe.key for probe in EVERYTHING if probe not in facts] == []
    assert len(facts[TASKS].tasks) == 1


def test_programs_that_succeed_and_say_nothing_prove_nothing(start) -> None:
    facts = start(liars=frozenset({"silent-success"})).look(*EVERYTHING)
    assert [probe.key for probe in EVERYTHING if probe in facts] == []
    assert {facts.observation(probe).reason for probe in EVERYTHING} == {
        "win-01: whoami does not tell whether the account is elevated"
    }


def test_a_powershell_that_only_complains(start) -> None:
    facts = start(liars=frozenset({"clixml"})).look(*EVERYTHING)
    assert TASKS in facts
    assert sysprep.IMAGE_STATE in facts
    assert facts.observation(REARM).reason.startswith("win-01: PowerShell gave no answer; it said: ")
    assert "CLIXML" not in facts.observation(REARM).reason


@pytest.mark.parametrize(
    ("liar", "reason"),
    [
        ("unauthorized", "the login of Administrator was rejected"),
        ("connection-closed", "closed the connection half way"),
        ("envelope-too-small", "its MaxEnvelopeSizekb is too small"),
        ("garbage", "this is no WinRM endpoint (what came is no SOAP)"),
        ("html-page", "this is no WinRM endpoint (a web page came)"),
        ("entity-bomb", "XML with a document type came, which is refused"),
        ("never-ends", "no whole answer within 2 s"),
        ("stalls", "no whole answer within 2 s"),
        ("endless-output", "no whole answer within 2 s"),
    ],
)
def test_an_endpoint_that_fails_and_recovers(start, liar: str, reason: str) -> None:
    lost_shells = 3 if "WinRM endpoint" in reason or "document type" in reason else 0  # nobody learnt their ids
    guest = start(max_shells=lost_shells + 2, liars=frozenset({liar}))
    for _ in range(3):
        assert reason in guest.unseen(WINDOWS, timeout_s=2.0 if "2 s" in reason else 30.0).reason
    windows.tell(guest.win.folder, lie=())
    assert WINDOWS in guest.look(WINDOWS)


def test_a_connection_that_is_lost_once_costs_nothing(start) -> None:
    guest = start()
    windows.tell(guest.win.folder, lie={"connection-closed": 1})
    assert WINDOWS in guest.look(WINDOWS)


def test_an_account_that_is_not_elevated_sees_nothing(start) -> None:
    guest = start(faults=frozenset({"not-elevated", "task-missing"}))
    found = guest.unseen(TASKS)
    assert found.reason.startswith("win-01: the account is not elevated (UAC remote filtering): use the built-in")
    assert found.owner is Owner.USER


def test_no_shell_is_left_open(start) -> None:
    guest = start(max_shells=2)
    for _ in range(4):
        assert WINDOWS in guest.look(WINDOWS)
        guest.do(CommandLine(line="ver"))


def test_too_many_shells_are_a_quota(start) -> None:
    assert "a quota of its WinRM is used up" in start(max_shells=0).unseen(WINDOWS).reason


def test_many_looks_at_once(start) -> None:
    guest = start()
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: guest.look(*EVERYTHING), range(16)))
    assert all(len(facts[TASKS].tasks) == 1 for facts in seen)


def test_looks_under_way_end_with_the_transport(start) -> None:
    guest = start(liars=frozenset({"stalls"}))
    found: list[Unseen] = []
    looking = threading.Thread(target=lambda: found.append(guest.unseen(WINDOWS, timeout_s=300)))
    looking.start()
    until(lambda: any(session.requests >= 5 for session in list(guest.transport._sessions)))
    guest.transport.close()
    looking.join(30)
    assert (found[0].reason, found[0].owner) == ("win-01: the run was interrupted", Owner.USER)


RENEW = CommandLine(line=r'schtasks /create /tn "\Ours" /xml "{upload}" /f', upload=windows.task().encode("utf-16"))


def test_a_task_is_registered_seen_and_deleted(either) -> None:
    before = either.look(TASKS)[TASKS]
    either.do(RENEW)
    after = either.look(TASKS)[TASKS]
    assert {task.name for task in after.tasks} - {task.name for task in before.tasks} == {"\\Ours"}
    assert after.total == before.total + 1
    either.do(CommandLine(line=r'schtasks /delete /tn "\Ours" /f'))
    assert either.look(TASKS)[TASKS] == before
    assert either.left_behind() == []


def test_a_value_is_set_and_seen(either) -> None:
    probe = Registry(path=r"HKLM\SOFTWARE\Imagegate Contract\Empty", name="Value")
    assert not either.look(probe)[probe].present
    either.do(CommandLine(line=rf'reg add "{probe.path}" /f'))
    key = Registry(path=probe.path)
    facts = either.look(probe, key)
    assert (facts[key].present, facts[probe].present) == (True, False)
    either.do(CommandLine(line=rf'reg add "{probe.path}" /v "Value" /t REG_DWORD /d 7 /f'))
    assert either.look(probe)[probe].number == 7
    either.do(CommandLine(line=r'reg delete "HKLM\SOFTWARE\Imagegate Contract" /f'))
    assert not either.look(key)[key].present


def test_a_command_that_fails_is_told_in_the_guests_own_words(start) -> None:
    guest = start()
    with pytest.raises(StepError) as caught:
        guest.do(replace(RENEW, upload=b"<Task/>"))
    assert str(caught.value).startswith("win-01: do it: failed with exit code 1: ERROR: ")
    assert caught.value.changed
    assert guest.left_behind() == []


def test_a_connection_that_is_lost_leaves_no_file(start) -> None:
    guest = start()
    windows.tell(guest.win.folder, lie={"connection-closed": 1})
    with pytest.raises(StepError, match="closed the connection half way"):
        guest.do(RENEW)
    assert guest.left_behind() == []


def test_sysprep_outlives_the_session(start) -> None:
    guest = start(sysprep_s=1.0)
    guest.do(
        Detached(
            line=r"C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe /quit /quiet /unattend:Unattend.xml",
            folder=r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf",
        )
    )
    until(lambda: guest.look(sysprep.IMAGE_STATE)[sysprep.IMAGE_STATE].text == sysprep.GENERALIZED)
    with pytest.raises(StepError, match="PowerShell says: "):
        guest.do(Detached(line=r"C:\no\such.exe", folder="C:\\"))


def test_a_package_is_removed(start) -> None:
    guest = start(faults=frozenset({"appx-user-only"}))
    disturbing = [p for p in guest.look(APPX)[APPX].packages if not (p.provisioned or p.framework or p.system)]
    guest.do(RemoveAppx(full_name=disturbing[0].full_name))
    assert disturbing[0] not in guest.look(APPX)[APPX].packages
    with pytest.raises(StepError, match="PowerShell says: "):
        guest.do(RemoveAppx(full_name=disturbing[0].full_name))


def test_a_restart_ends_the_session_in_good_order(start) -> None:
    guest = start()
    booted = guest.look(WINDOWS)[WINDOWS].booted_at
    guest.do(CommandLine(line="shutdown /r /t 0"))

    def restarted() -> bool:
        facts = guest.look(WINDOWS)
        return WINDOWS in facts and facts[WINDOWS].booted_at > booted

    until(restarted)


def test_odd_names_are_asked_for_as_they_are(start) -> None:
    guest = start()
    path = "C:\\Users\\Public\\한글 100% & 'more' (x).txt"
    with windows.changing(guest.win.folder) as machine:
        machine.drive.write(path, "hello")
    odd = WindowsFile(path=path, sha256=True)
    answers = AnswerFile(path=path)
    facts = guest.look(odd, answers)
    assert (facts[odd].kind, facts[odd].size, facts[answers].state) == ("regular", 5, "malformed")
