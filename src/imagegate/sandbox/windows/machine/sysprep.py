r"""``sysprep.exe`` and ``ToastSysprep``: what they leave in the registry, in ``Panther`` and on the drive.

Sources: Microsoft, "Sysprep command-line options" and "Windows Setup States"; the log lines are those of public logs
(actions/runner-images issues 9659 and 14499). How long the in-between state lasts is the state's ``sysprep_s``.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET  # for its error only
from dataclasses import dataclass
from datetime import UTC, datetime

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from imagegate.sandbox.windows.machine.console import Console
from imagegate.sandbox.windows.machine.drive import CONF, SYSPREP, BadPathError
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.state import Value

STATE_KEY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
STATUS_KEY = r"HKLM\SYSTEM\Setup\Status\SysprepStatus"
LICENSING_KEY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"
STATE_INI = r"C:\Windows\Setup\State\State.ini"
TAG = SYSPREP + r"\Sysprep_succeeded.tag"
ACT_LOG = SYSPREP + r"\Panther\setupact.log"
ERR_LOG = SYSPREP + r"\Panther\setuperr.log"
COMPLETE = "IMAGE_STATE_COMPLETE"
UNDEPLOYABLE = "IMAGE_STATE_UNDEPLOYABLE"
GENERALIZED = {"oobe": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", "audit": "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT"}
SPECIALIZED = {"oobe": "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE", "audit": "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT"}
_USAGE = (
    "sysprep.exe [/oobe | /audit] [/generalize] [/mode:vm] [/reboot | /shutdown | /quit] [/quiet] "
    "[/unattend:<answerfile>]"
)
_MODES = ("oobe", "audit")
_ENDS = ("shutdown", "reboot", "quit")
_FLAGS = {*_MODES, *_ENDS, "generalize", "quiet"}
REBOOT_SIGNS = (
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending", None),
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootInProgress", None),
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\PackagesPending", None),
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired", None),
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\PostRebootReporting", None),
    (r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", "PendingFileRenameOperations"),
    (r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager", "PendingFileRenameOperations2"),
    (r"HKLM\SOFTWARE\Microsoft\ServerManager", "CurrentRebootAttempts"),
    (r"HKLM\SYSTEM\CurrentControlSet\Services\Netlogon", "JoinDomain"),
    (r"HKLM\SYSTEM\CurrentControlSet\Services\Netlogon", "AvoidSpnSet"),
)
"""Keys, or values of keys, that tell of a pending reboot and are gone after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A sysprep command line that is one."""

    mode: str
    generalize: bool
    end: str
    answer_file: str | None


def parse(words: list[str]) -> Order | None:
    """The options, as documented; None for a command line that sysprep shows its usage for."""
    flags: set[str] = set()
    answer_file = None
    for word in words:
        name, colon, value = word[1:].partition(":")
        if word[:1] not in ("/", "-"):
            return None
        if name.lower() == "unattend" and colon and value and answer_file is None:
            answer_file = value.strip('"')
        elif name.lower() in _FLAGS and not colon and name.lower() not in flags:
            flags.add(name.lower())
        elif word[1:].lower() != "mode:vm":
            return None
    modes = [name for name in _MODES if name in flags]
    ends = [name for name in _ENDS if name in flags]
    if len(modes) != 1 or len(ends) > 1:
        return None
    return Order(
        mode=modes[0],
        generalize="generalize" in flags,
        end=ends[0] if ends else "reboot",
        answer_file=answer_file,
    )


def set_image_state(machine: Machine, value: str) -> None:
    """Both places that tell it."""
    machine.registry.put(STATE_KEY, "ImageState", Value(type="REG_SZ", data=value))
    machine.drive.write(STATE_INI, f"[State]\nImageState={value}\n")


def image_state(machine: Machine) -> str | None:
    """The state that the registry tells."""
    found = machine.registry.listing(STATE_KEY)
    value = None if found is None else found[0].get("ImageState")
    return value.data if value is not None and isinstance(value.data, str) else None


class _Log:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def begin(self) -> None:
        """The logs of earlier runs are kept, as Windows keeps them."""
        for path in (ACT_LOG, ERR_LOG):
            if not self._machine.drive.exists(path):
                self._machine.drive.write(path, b"")

    def info(self, text: str) -> None:
        self._machine.drive.append(ACT_LOG, self._line("Info ", text))

    def error(self, text: str) -> None:
        for path in (ACT_LOG, ERR_LOG):
            self._machine.drive.append(path, self._line("Error", text))

    def _line(self, level: str, text: str) -> str:
        local = datetime.fromtimestamp(self._machine.now() + self._machine.state.zone_s, UTC)
        return f"{local:%Y-%m-%d %H:%M:%S}, {level}                 SYSPRP {text}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run that may begin will do. ``outcome`` is ``ok``, ``hangs``, ``fails`` or ``undeployable``."""

    outcome: str
    order: Order
    state: str


def sysprep(machine: Machine, console: Console, words: list[str]) -> int:
    """The program, from start to end; its power action comes last."""
    plan = begin(machine, console, words)
    if isinstance(plan, int):
        return plan
    done = _run(machine, plan)
    finish(machine, plan.order, done=done)
    return 0 if done else 1


def begin(machine: Machine, console: Console, words: list[str]) -> Plan | int:
    """Check what sysprep checks before it changes anything; the exit code where it goes no further."""
    if machine.lies("sysprep-does-nothing"):
        return 0
    if not machine.state.elevated:
        console.complain(console.say("access-denied"))
        return 5
    order = parse(words)
    if order is None:
        console.complain(_USAGE)
        return 87
    with machine.changing() as state:
        busy = state.sysprep_running
        state.sysprep_running = True
    if busy:
        console.complain("Only one instance of the System Preparation Tool can run at a time.")
        return 1
    journal = _Log(machine)
    journal.begin()
    for line in ("=" * 56, "===          Beginning of a new sysprep run          ===", "=" * 56):
        journal.info(line)
    for name in filter(None, ("generalize" if order.generalize else "", order.mode, order.end)):
        journal.info(f"ParseCommands:Found supported command line option '{name.upper()}'")
    reads = order.answer_file is None or _answer_file_reads(machine, order.answer_file, console.folder, journal)
    if not reads or (order.generalize and not _validates(machine, journal)):
        finish(machine, order, done=False)
        return 1
    lies = (name for name in ("hangs", "fails", "undeployable") if machine.lies(f"sysprep-{name}"))
    states = GENERALIZED if order.generalize else SPECIALIZED
    return Plan(outcome=next(lies, "ok"), order=order, state=states[order.mode])


def finish(machine: Machine, order: Order, *, done: bool) -> None:
    """The end of a run: one rearm less, and the power action."""
    with machine.changing() as state:
        state.sysprep_running = False
        if done and order.generalize and not _skips_rearm(machine):
            state.rearm -= 1
    if done and order.end != "quit":
        _Log(machine).info(f"Sysprep: {order.end} of the system")
        machine.host.power("off" if order.end == "shutdown" else "reboot")


def _run(machine: Machine, plan: Plan) -> bool:
    journal = _Log(machine)
    if machine.drive.remove(TAG):
        journal.info(f"FCreateTagFile:Tag file {TAG} deleted")
    set_image_state(machine, UNDEPLOYABLE)
    while plan.outcome == "hangs":  # until the power goes
        time.sleep(3600)
    time.sleep(machine.state.sysprep_s)
    if plan.outcome == "fails":
        machine.registry.put(STATUS_KEY, "GeneralizationState", Value(type="REG_DWORD", data=3))
        _package_error(journal, "Microsoft.Windows.Photos_2019.19051.16210.0_x64__8wekyb3d8bbwe")
        journal.error("WinMain:Hit failure while processing sysprep generalize internal providers; hr = 0x80073cf2")
        return False
    if plan.order.generalize:
        for name, number in (("GeneralizationState", 7), ("CleanupState", 2)):
            machine.registry.put(STATUS_KEY, name, Value(type="REG_DWORD", data=number))
        journal.info("RunDlls:DLL execution completed")
    if plan.outcome != "undeployable":
        set_image_state(machine, plan.state)
    machine.drive.write(TAG, b"")
    journal.info(f"FCreateTagFile:Tag file {TAG} created")
    return True


def _answer_file_reads(machine: Machine, path: str, folder: str, journal: _Log) -> bool:
    try:
        place = machine.drive.find(path, folder)
        if place is None:
            journal.error(f"WinMain:The answer file {path} could not be found; hr = 0x80070002")
            return False
        defusedxml.ElementTree.fromstring(place.read_bytes())
    except (BadPathError, ET.ParseError, DefusedXmlException):
        journal.error(f"WinMain:The answer file {path} is not valid; hr = 0x8030000b")
        return False
    return True


def _package_error(journal: _Log, full_name: str) -> None:
    journal.error(
        f"Package {full_name} was installed for a user, but not provisioned for all users. This package will not "
        "function properly in the sysprep image."
    )
    journal.error("Failed to remove apps for the current user: 0x80073cf2.")
    journal.error("Exit code of RemoveAllApps thread was 0x3cf2.")


def _validates(machine: Machine, journal: _Log) -> bool:
    """What is checked before anything is changed: the image state stays as it was."""
    state = machine.state
    journal.info("Entering SysprepGeneralizeValidate (Appx) - validating whether all apps are also provisioned.")
    for item in state.packages:
        if item.users and not item.framework and not item.system and item.name not in state.provisioned:
            _package_error(journal, item.full_name)
            journal.error(
                "WinMain:Hit failure while pre-validate sysprep generalize internal providers; hr = 0x80073cf2"
            )
            return False
    if any(_there(machine, key, name) for key, name in REBOOT_SIGNS[:5]):
        journal.error(
            "Sysprep_Clean_Validate_Opk: There are one or more Windows updates that require a reboot. To run Sysprep, "
            "reboot the computer and restart the application."
        )
        return False
    if state.rearm == 0 and not _skips_rearm(machine):
        journal.error(
            "LaunchDll:Failure occurred while executing 'slc.dll,SLReArmWindows', returned error code -1073425657"
        )
        return False
    return True


def _there(machine: Machine, key: str, name: str | None) -> bool:
    found = machine.registry.listing(key)
    return found is not None and (name is None or name in found[0])


def _skips_rearm(machine: Machine) -> bool:
    found = machine.registry.listing(LICENSING_KEY)
    return found is not None and "SkipRearm" in found[0] and found[0]["SkipRearm"].data == 1


def toast_sysprep(machine: Machine, console: Console, words: list[str]) -> int:
    """NHN Cloud's command: asks, then generalises and powers off. Its texts are not documented; these are ours."""
    if words:
        return 1
    console.print("TOAST Sysprep will generalize this instance and shut it down. Continue? [Y/N]")
    if console.read().strip()[:1].upper() != b"Y":
        console.print("Cancelled.")
        return 1
    line = rf"{SYSPREP}\sysprep.exe /generalize /oobe /shutdown /unattend:Unattend.xml"
    try:
        machine.host.spawn(line, CONF)
    except FileNotFoundError:
        console.complain(console.say("no-path"))
        return 1
    return 0
