"""The console that a program of a stand-in finds itself in."""

from __future__ import annotations

from collections.abc import Callable

from imagegate.sandbox.windows.machine.console import Console, effective
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.state import Language, State


def surroundings(
    machine: Machine, write: Callable[[bytes], None], error: Callable[[bytes], None], code_page: int
) -> Console:
    """A console that was asked to have ``code_page``."""
    state = machine.state
    page, language = effective(state, code_page)
    console = Console(write=write, error=error, code_page=page, language=language)
    if machine.lies("localized"):
        console.language = _other(state)
    return console


def _other(state: State) -> Language:
    return state.language if state.language != "en" else "ko"
