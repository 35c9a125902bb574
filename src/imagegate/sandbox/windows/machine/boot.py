"""What booting does to a stand-in.

Sources: Microsoft, "Sysprep (Generalize) a Windows installation" and "ComputerName": a generalised Windows gets a new
SID, and, unless its answer file says otherwise, a name of the form WIN-XXXXXXXXXXX when it starts.
"""

from __future__ import annotations

import secrets
import uuid

from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.state import Value
from imagegate.sandbox.windows.machine.sysprep import (
    COMPLETE,
    GENERALIZED,
    REBOOT_SIGNS,
    SPECIALIZED,
    image_state,
    set_image_state,
)

CRYPTOGRAPHY = r"HKLM\SOFTWARE\Microsoft\Cryptography"
_NAMES = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def boot(machine: Machine) -> None:
    """Boot: a new boot time, no pending reboot any more, and a generalised system becomes one in use, with a SID, a
    MachineGuid and a name of its own.

    A state that Setup did not finish (UNDEPLOYABLE) stays.
    """
    with machine.changing() as state:
        state.power = "on"
        state.boots += 1
        state.sysprep_running = False
        state.booted_at = machine.now()
    machine.registry.clear(REBOOT_SIGNS)
    found = image_state(machine)
    if found in {*GENERALIZED.values(), *SPECIALIZED.values()}:
        set_image_state(machine, COMPLETE)
    if found in GENERALIZED.values():
        name = "WIN-" + "".join(secrets.choice(_LETTERS) for _ in range(11))
        with machine.changing() as state:
            state.machine_sid = new_sid()
            state.name = name
        for key in ("ActiveComputerName", "ComputerName"):
            machine.registry.put(rf"{_NAMES}\{key}", "ComputerName", Value(type="REG_SZ", data=name))
        machine.registry.put(CRYPTOGRAPHY, "MachineGuid", new_guid())


def new_guid() -> Value:
    """A machine's GUID, as the registry has it."""
    return Value(type="REG_SZ", data=str(uuid.uuid4()))


def new_sid() -> str:
    """A machine's SID."""
    return "S-1-5-21-" + "-".join(str(secrets.randbelow(2**32)) for _ in range(3))
