"""Named deviations from a healthy machine, each as a person or a program would have left it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from imagegate.sandbox.errors import SandboxUsageError
from imagegate.sandbox.windows.machine import sysprep, tasks
from imagegate.sandbox.windows.machine.drive import CONF, SYSPREP, SYSTEM, TASKS
from imagegate.sandbox.windows.machine.healthy import ANSWER_FILE, RENEW_TASK, task
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.programs import SERVICES
from imagegate.sandbox.windows.machine.state import Language, Package, Value

Fault = Callable[[Machine], None]
_CURRENT = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
_UNATTEND = f"{CONF}\\Unattend.xml"
_WRONG_CONF = r"C:\Program Files\Cloud Solutions\Cloudbase-Init\conf"
_USER_APP = "Microsoft.Windows.Photos_2019.19051.16210.0_x64__8wekyb3d8bbwe"


def _task(xml: str) -> Fault:
    return lambda machine: tasks.store(machine.drive, RENEW_TASK, xml)


def _boot(inside: str) -> str:
    return f"<BootTrigger>{inside}</BootTrigger>"


def _battery(*, on: bool) -> str:
    return f"<DisallowStartIfOnBatteries>{str(on).lower()}</DisallowStartIfOnBatteries>"


def _start_type(number: int) -> Fault:
    value = Value(type="REG_DWORD", data=number)
    return lambda machine: machine.registry.put(rf"{SERVICES}\cloudbase-init", "Start", value)


def _no_service(machine: Machine) -> None:
    machine.registry.delete(rf"{SERVICES}\cloudbase-init")
    with machine.changing() as state:
        del state.services["cloudbase-init"]


def _answers(text: str) -> Fault:
    return lambda machine: _ignore(machine.drive.write(_UNATTEND, text))


def _ignore(_result: object) -> None:
    """For functions that return something where nothing is wanted."""


def _wrong_folder(machine: Machine) -> None:
    machine.drive.remove(_UNATTEND)
    machine.drive.write(f"{_WRONG_CONF}\\Unattend.xml", ANSWER_FILE)


def _key(path: str) -> Fault:
    return lambda machine: machine.registry.create(path)


def _value(path: str, name: str, value: Value) -> Fault:
    return lambda machine: machine.registry.put(path, name, value)


def _state(**changes: object) -> Fault:
    def plant(machine: Machine) -> None:
        with machine.changing() as state:
            for name, value in changes.items():
                setattr(state, name, value)

    return plant


def _user_package(machine: Machine) -> None:
    with machine.changing() as state:
        state.packages.append(Package(full_name=_USER_APP, name="Microsoft.Windows.Photos"))


def _speaks(language: Language) -> Fault:
    return _state(language=language, utf8=False)


def _toast(machine: Machine) -> None:
    machine.drive.write(f"{SYSTEM}\\ToastSysprep.bat", b"@rem the stand-in's own\r\n")


def _left_undeployable(machine: Machine) -> None:
    sysprep.set_image_state(machine, sysprep.UNDEPLOYABLE)


_PASSWORD = ANSWER_FILE.replace(
    "<OOBE>",
    "<UserAccounts><AdministratorPassword><Value>Not-A-Real-Passw0rd</Value><PlainText>true</PlainText>"
    "</AdministratorPassword></UserAccounts>\n      <OOBE>",
)

FAULTS: dict[str, Fault] = {
    "task-missing": lambda machine: _ignore(machine.drive.remove(TASKS + RENEW_TASK)),
    "task-disabled": _task(task(settings=_battery(on=False) + "<Enabled>false</Enabled>")),
    "task-logon-trigger": _task(task(triggers="<LogonTrigger><Enabled>true</Enabled></LogonTrigger>")),
    "task-trigger-disabled": _task(task(triggers=_boot("<Enabled>false</Enabled>"))),
    "task-expired": _task(task(triggers=_boot("<EndBoundary>2020-01-01T00:00:00</EndBoundary>"))),
    "task-wrong-account": _task(task(principal="<UserId>WIN\\builder</UserId><LogonType>Password</LogonType>")),
    "task-release": _task(task(arguments="/release")),
    "task-no-run-level": _task(task(principal="<UserId>S-1-5-18</UserId>")),
    "task-on-mains-only": _task(task(settings=_battery(on=True))),
    "task-needs-network": _task(
        task(settings=_battery(on=False) + "<RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>")
    ),
    "answer-file-missing": lambda machine: _ignore(machine.drive.remove(_UNATTEND)),
    "answer-file-malformed": _answers(ANSWER_FILE.replace("</unattend>", "")),
    "answer-file-password": _answers(_PASSWORD),
    "answer-file-no-generalize": _answers(ANSWER_FILE.replace('pass="generalize"', 'pass="offlineServicing"')),
    "answer-file-wrong-folder": _wrong_folder,
    "cloudbase-auto": _start_type(2),
    "cloudbase-missing": _no_service,
    "reboot-servicing": _key(rf"{_CURRENT}\Component Based Servicing\RebootPending"),
    "reboot-update": _key(rf"{_CURRENT}\WindowsUpdate\Auto Update\RebootRequired"),
    "reboot-renames": _value(
        r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", "PendingFileRenameOperations",
        Value(type="REG_MULTI_SZ", data=[r"\??\C:\Windows\Temp\old.dll", ""]),
    ),
    "appx-user-only": _user_package,
    "rearm-used-up": _state(rearm=0),
    "skip-rearm": _value(sysprep.LICENSING_KEY, "SkipRearm", Value(type="REG_DWORD", data=1)),
    "space-full": _state(disk_free=20_480),
    "sysprep-missing": lambda machine: _ignore(machine.drive.remove(f"{SYSPREP}\\sysprep.exe")),
    "toast-sysprep": _toast,
    "undeployable": _left_undeployable,
    "not-elevated": _state(elevated=False),
    "korean": _speaks("ko"),
    "japanese": _speaks("ja"),
    "no-appx": _state(appx_supported=False, packages=[], provisioned=[]),
}  # fmt: skip
"""``toast-sysprep``, ``korean``, ``japanese`` and ``no-appx`` are no faults, but other machines."""


def check(names: Iterable[str]) -> None:
    """Raise for a name that is none of a fault's."""
    unknown = sorted(set(names) - FAULTS.keys())
    if unknown:
        raise SandboxUsageError(f"There is no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}.")


def plant(machine: Machine, name: str) -> None:
    """Bring one about."""
    check([name])
    FAULTS[name](machine)
