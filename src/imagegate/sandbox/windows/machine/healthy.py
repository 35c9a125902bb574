"""A healthy Windows, made from an image that is older than ToastSysprep: all is ready, nothing is generalised."""

from __future__ import annotations

import time
from pathlib import Path

from imagegate.sandbox.windows.machine import sysprep, tasks
from imagegate.sandbox.windows.machine.boot import CRYPTOGRAPHY, new_guid, new_sid
from imagegate.sandbox.windows.machine.drive import CONF, SYSPREP, SYSTEM, TASKS, Drive
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.programs import SERVICES
from imagegate.sandbox.windows.machine.state import Account, Package, State, Value

_DAY = 86400
RENEW_TASK = "\\RenewDhcpLease"

ANSWER_FILE = Path(__file__).with_name("Unattend.xml").read_text(encoding="utf-8")
"""The answer file, as Cloudbase-Init brings it."""


def task(  # the parts of one small document
    command: str = r"C:\Windows\System32\ipconfig.exe",
    arguments: str = "/renew",
    *,
    triggers: str = "<BootTrigger><Enabled>true</Enabled></BootTrigger>",
    principal: str = "<UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel>",
    settings: str = "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
    "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries><Enabled>true</Enabled>",
    name: str = RENEW_TASK,
) -> str:
    """A task's definition, as the Task Scheduler keeps it."""
    return f"""<Task version="1.2" xmlns="{tasks.NAMESPACE}">
  <RegistrationInfo>
    <Date>2026-03-02T10:11:12.1234567</Date>
    <Author>WIN\\Administrator</Author>
    <URI>{name}</URI>
  </RegistrationInfo>
  <Triggers>
    {triggers}
  </Triggers>
  <Principals>
    <Principal id="Author">{principal}</Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    {settings}
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>"""


_CALENDAR = (
    "<CalendarTrigger><StartBoundary>2019-01-01T03:00:00</StartBoundary><Enabled>true</Enabled>"
    "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay></CalendarTrigger>"
)
_DEFRAG = "\\Microsoft\\Windows\\Defrag\\ScheduledDefrag"
_AUTOCHK = "\\Microsoft\\Windows\\Autochk\\Proxy"
_COMHANDLER = "\\Microsoft\\Windows\\Registry\\RegIdleBackup"
SYSTEM_TASKS = {
    _AUTOCHK: task(
        r"%windir%\system32\rundll32.exe", "/d acproxy.dll,PerformAutochkOperations", name=_AUTOCHK,
        principal="<UserId>S-1-5-18</UserId>",
    ),
    _DEFRAG: task(
        r"%windir%\system32\defrag.exe", "-c -h -k -g -$", name=_DEFRAG, triggers=_CALENDAR,
        settings="<DisallowStartIfOnBatteries>true</DisallowStartIfOnBatteries><Enabled>false</Enabled>",
    ),
    _COMHANDLER: f"""<Task version="1.6" xmlns="{tasks.NAMESPACE}">
  <RegistrationInfo>
    <SecurityDescriptor>D:P(A;;FA;;;BA)(A;;FA;;;SY)</SecurityDescriptor>
    <Source>$(@%systemroot%\\system32\\regidle.dll,-600)</Source>
    <Author>$(@%systemroot%\\system32\\regidle.dll,-600)</Author>
    <Description>예약 작업 · レジストリのアイドル時バックアップ</Description>
    <URI>{_COMHANDLER}</URI>
  </RegistrationInfo>
  <Principals>
    <Principal id="LocalSystem"><UserId>S-1-5-18</UserId></Principal>
  </Principals>
  <Settings>
    <Enabled>true</Enabled>
    <UseUnifiedSchedulingEngine>true</UseUnifiedSchedulingEngine>
  </Settings>
  <Triggers />
  <Actions Context="LocalSystem">
    <ComHandler>
      <ClassId>{{CA767AA8-9157-4604-B64B-40747123D5F2}}</ClassId>
    </ComHandler>
  </Actions>
</Task>""",
}  # fmt: skip


def _text(data: str) -> Value:
    return Value(type="REG_SZ", data=data)


def _number(data: int) -> Value:
    return Value(type="REG_DWORD", data=data)


def registry(state: State) -> dict[str, dict[str, Value]]:
    """The keys that a look asks for, with their parents, and some of their neighbours."""
    current = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
    nt = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    control = r"HKLM\SYSTEM\CurrentControlSet\Control"
    build = state.version.rpartition(".")[2]
    found = {
        current: {"ProgramFilesDir": _text(r"C:\Program Files"), "SM_GamesName": _text("Games")},
        rf"{current}\Component Based Servicing": {"EnableDpxLog": _number(0)},
        rf"{current}\Component Based Servicing\Packages": {},
        rf"{current}\Setup\State": {"ImageState": _text(sysprep.COMPLETE)},
        rf"{current}\WindowsUpdate\Auto Update": {"IsOOBEInProgress": _number(0)},
        rf"{current}\WindowsUpdate\Auto Update\Results\Install": {"LastSuccessTime": _text("2026-03-02 01:02:03")},
        rf"{current}\Run": {},
        nt: {
            "ProductName": _text(state.product.removeprefix("Microsoft ")),
            "CurrentBuild": _text(build),
            "CurrentBuildNumber": _text(build),
            "CurrentMajorVersionNumber": _number(10),
            "CurrentMinorVersionNumber": _number(0),
            "InstallationType": _text("Server"),
        },
        sysprep.LICENSING_KEY: {
            "SkipRearm": _number(0),
            "BackupProductKeyDefault": _text("AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"),
            "ServiceSessionId": Value(type="REG_BINARY", data="0C9A41"),
        },
        rf"{sysprep.LICENSING_KEY}\Plugins": {},
        r"HKLM\SOFTWARE\Microsoft\ServerManager": {"DoNotOpenServerManagerAtLogon": _number(1)},
        CRYPTOGRAPHY: {"MachineGuid": new_guid()},
        rf"{control}\Session Manager": {
            "BootExecute": Value(type="REG_MULTI_SZ", data=["autocheck autochk *"]),
            "GlobalFlag": _number(0),
            "ProtectionMode": _number(1),
        },
        rf"{control}\Session Manager\Environment": {"OS": _text("Windows_NT")},
        rf"{control}\ComputerName\ActiveComputerName": {"ComputerName": _text(state.name)},
        rf"{control}\ComputerName\ComputerName": {"ComputerName": _text(state.name)},
        r"HKLM\SYSTEM\Setup": {"OOBEInProgress": _number(0), "SystemSetupInProgress": _number(0)},
        r"HKLM\SYSTEM\Setup\Status": {},
        sysprep.STATUS_KEY: {"GeneralizationState": _number(7), "CleanupState": _number(2)},
        r"HKCU\Software": {},
    }
    for service, start in _STARTS.items():
        found[rf"{SERVICES}\{service}"] = {
            "Start": _number(start),
            "Type": _number(16),
            "ObjectName": _text("LocalSystem"),
        }
    return found


_STARTS = {"cloudbase-init": 3, "EventLog": 2, "Netlogon": 3, "Schedule": 2, "TermService": 3, "W32Time": 3,
           "WinRM": 2, "wuauserv": 3}  # fmt: skip


def make(machine: Machine, *, name: str, user: str) -> None:
    """Write the state, the registry and the drive of a healthy machine into a new folder."""
    now = time.time()
    state = State(
        name=name.upper()[:15],
        user=user,
        machine_sid=new_sid(),
        booted_at=now - 3600,
        accounts=[
            Account(name=user, rid=500, password_expires=False),
            Account(name="Guest", rid=501, enabled=False, password_required=False),
            Account(name="DefaultAccount", rid=503, enabled=False, password_required=False),
            Account(name="cloudbase-init", rid=1001, password_expires=False),
        ],
        packages=[
            Package(full_name="Microsoft.VCLibs.140.00_14.0.27323.0_x64__8wekyb3d8bbwe",
                    name="Microsoft.VCLibs.140.00", framework=True),
            Package(full_name="Microsoft.Windows.ShellExperienceHost_10.0.17763.1_neutral_neutral_cw5n1h2txyewy",
                    name="Microsoft.Windows.ShellExperienceHost", system=True),
            Package(full_name="Microsoft.DesktopAppInstaller_2019.125.2243.0_neutral_~_8wekyb3d8bbwe",
                    name="Microsoft.DesktopAppInstaller"),
        ],
        provisioned=["Microsoft.DesktopAppInstaller"],
        services=dict.fromkeys(_STARTS, "running") | {"cloudbase-init": "stopped", "Netlogon": "stopped"},
    )  # fmt: skip
    machine.create(state)
    machine.registry.load(registry(state))
    files(machine.drive, now)


def files(drive: Drive, now: float) -> None:
    """The files of a healthy machine; where they are old, an earlier sysprep at the vendor's left them."""
    old = now - 200 * _DAY
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(old))
    for folder in (
        r"C:\Windows\Temp",
        r"C:\Windows\Panther",
        r"C:\Users\Administrator\AppData\Local\Temp",
        TASKS,
    ):
        drive.make_folder(folder)
    for program in ("cmd", "ipconfig", "reg", "sc", "schtasks", "shutdown", "whoami"):
        if not drive.exists(f"{SYSTEM}\\{program}.exe"):
            drive.write(f"{SYSTEM}\\{program}.exe", b"MZ", modified=old)
    if not drive.exists(f"{SYSPREP}\\sysprep.exe"):
        drive.write(f"{SYSPREP}\\sysprep.exe", b"MZ", modified=old)
    drive.write(sysprep.TAG, b"", modified=old)
    drive.write(
        sysprep.ACT_LOG, f"{stamp}, Info                  SYSPRP FCreateTagFile:Tag file created\n", modified=old
    )
    drive.write(sysprep.ERR_LOG, b"", modified=old)
    drive.write(sysprep.STATE_INI, f"[State]\nImageState={sysprep.COMPLETE}\n", modified=old)
    drive.write(f"{CONF}\\Unattend.xml", ANSWER_FILE, modified=old)
    drive.write(f"{CONF}\\cloudbase-init.conf", "[DEFAULT]\nusername=Administrator\n", modified=old)
    tasks.store(drive, RENEW_TASK, task())
    for name, xml in SYSTEM_TASKS.items():
        tasks.store(drive, name, xml)
