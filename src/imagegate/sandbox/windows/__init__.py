r"""Stand-ins for Windows instances: a strict WS-Management endpoint with a model of Windows, or Wine, behind it.

Usage::

    from imagegate.sandbox import windows

    spec = windows.WindowsSpec(name="win-01", backend="model", faults=frozenset({"task-missing"}))
    win = windows.start(folder, spec)             # a new machine, switched on; WindowsInstance
    win.url, win.user, win.password, win.ca_file  # https, NTLM by Negotiate (or Basic), certificate from an own CA
    windows.power_off(folder); windows.power_on(folder)       # state kept; booting has the effects of booting
    windows.tell(folder, plant=["reboot-update"], lie={"connection-closed": 1}, password="new")
    with windows.changing(folder) as machine:     # anything else, while it runs
        machine.registry.put(r"HKLM\SYSTEM\Setup", "CmdLine", windows.Value(type="REG_SZ", data="x"))
        machine.drive.write(r"C:\Windows\Temp\a.txt", "text")
        windows.store_task(machine.drive, r"\Mine", windows.task(arguments="/release"))
        with machine.changing() as state:
            state.rearm = 0
    windows.is_up(folder); windows.is_on(folder); windows.read(folder)
    windows.stop(folder)                          # nothing is left

Names of faults: ``windows.FAULTS``; of liars: ``windows.LIARS`` (with what they do). ``start(…, owner=sandbox root,
authority=folder of a shared CA, on_power_off=command)`` is for the sandbox. The peer is a double of our own: NTLM, TLS
and WS-Management are real on the client's side; what Windows would say is as true as this package's sources.
"""

from imagegate.sandbox.windows.faults import FAULTS
from imagegate.sandbox.windows.liars import LIARS
from imagegate.sandbox.windows.lifecycle import (
    changing,
    is_on,
    is_up,
    power_off,
    power_on,
    read,
    running,
    start,
    stop,
    tell,
)
from imagegate.sandbox.windows.machine.healthy import task
from imagegate.sandbox.windows.machine.state import Account, Package, Value
from imagegate.sandbox.windows.machine.tasks import store as store_task
from imagegate.sandbox.windows.places import is_disk, pack
from imagegate.sandbox.windows.spec import WindowsInstance, WindowsSpec

__all__ = [
    "FAULTS",
    "LIARS",
    "Account",
    "Package",
    "Value",
    "WindowsInstance",
    "WindowsSpec",
    "changing",
    "is_disk",
    "is_on",
    "is_up",
    "pack",
    "power_off",
    "power_on",
    "read",
    "running",
    "start",
    "stop",
    "store_task",
    "task",
    "tell",
]
