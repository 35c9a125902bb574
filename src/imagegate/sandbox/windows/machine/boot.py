"""What booting does to a stand-in."""

from __future__ import annotations

import secrets

from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.sysprep import (
    COMPLETE,
    GENERALIZED,
    REBOOT_SIGNS,
    SPECIALIZED,
    image_state,
    set_image_state,
)


def boot(machine: Machine) -> None:
    """Boot: a new boot time, no pending reboot any more, and a generalised system becomes one in use, with a new SID.

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
        with machine.changing() as state:
            state.machine_sid = new_sid()


def new_sid() -> str:
    """A machine's SID."""
    return "S-1-5-21-" + "-".join(str(secrets.randbelow(2**32)) for _ in range(3))
