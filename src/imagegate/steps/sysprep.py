"""Generalising a Windows guest: with sysprep, whose state can be read afterwards, or with NHN Cloud's ToastSysprep.

Source: NHN Cloud image guide, "Windows Sysprep"; Microsoft, "Sysprep Command-Line Options", "Windows Setup States".
"""

from __future__ import annotations

import ntpath
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from imagegate.model import Facts, Probe
from imagegate.probes.answer_file import AnswerFile
from imagegate.probes.registry import RegistryFact
from imagegate.probes.server import SERVER, SHUTDOWN
from imagegate.probes.sysprep import GENERALIZED, IMAGE_STATE, SETUP_ACTIONS, SETUP_ERRORS, SUCCESS_TAG
from imagegate.probes.windows import WINDOWS
from imagegate.probes.windows_file import WindowsFileFact
from imagegate.steps.server import without_metadata
from imagegate.steps.windows import Detached, WindowsStep

_SYSPREP = r"C:\Windows\System32\Sysprep\sysprep.exe"
_MAX_LINE = 300
_GRACE_S = 60.0
"""A look reads the registry before the files: a tag that is only just there says nothing about the state."""
_FOR_GOOD = "what was generalised stays so: build the instance again from the image that it was made of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalize(WindowsStep):
    r"""Run the documented command, but with ``/quit`` in place of ``/shutdown``, so that what came of it can be read
    before the power goes; and with ``/quiet``, for nobody sees a dialog that it might open.

    ``answers`` is the answer file: the command names it without its folder, where it is therefore started. ``since``
    is the guest's own clock when this was planned; what is older than that proves nothing.
    """

    no_way_back: ClassVar[str] = _FOR_GOOD

    answers: AnswerFile
    since: datetime

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE_STATE, SUCCESS_TAG, SETUP_ERRORS, SETUP_ACTIONS, WINDOWS)

    def basis(self, seen: Facts) -> object:
        return seen[IMAGE_STATE]

    def simulate(self, seen: Facts) -> Facts:
        ended = max(self.since, seen[WINDOWS].now, seen[WINDOWS].booted_at) + timedelta(seconds=1)
        seen = seen.with_fact(IMAGE_STATE, RegistryFact(present=True, type="REG_SZ", text=GENERALIZED))
        return seen.with_fact(SUCCESS_TAG, WindowsFileFact(kind="regular", size=0, modified=ended))

    def done(self, seen: Facts) -> bool:
        return seen[IMAGE_STATE].text == GENERALIZED and is_newer(seen[SUCCESS_TAG], self.since)

    def kept(self, seen: Facts) -> Facts:
        """Without what the logs say, which matters while it runs only."""
        facts = WindowsStep.kept(self, seen)
        return facts.reduced(SETUP_ERRORS, _without_text).reduced(SETUP_ACTIONS, _without_text)

    def stuck(self, seen: Facts) -> str | None:
        return _error(seen, self.since) or self._ended(seen) or self._silent(seen)

    def _ended(self, seen: Facts) -> str | None:
        """Whether sysprep's tag has said for a while that it succeeded, and the state still does not."""
        if not (SUCCESS_TAG in seen and WINDOWS in seen and IMAGE_STATE in seen):
            return None
        tag, now = seen[SUCCESS_TAG], seen[WINDOWS].now
        if tag.modified is None or not is_newer(tag, self.since) or (now - tag.modified).total_seconds() <= _GRACE_S:
            return None
        lines = _lines(seen[SETUP_ACTIONS]) if SETUP_ACTIONS in seen else []
        state = seen[IMAGE_STATE].text
        return f"sysprep ended, but ImageState is {state}; {_end_of_log(lines)}"

    def _silent(self, seen: Facts) -> str | None:
        """Whether sysprep began, and then wrote nothing for half of the time that it has."""
        if SETUP_ACTIONS not in seen or WINDOWS not in seen:
            return None
        log, now = seen[SETUP_ACTIONS], seen[WINDOWS].now
        if log.modified is None or log.modified <= self.since:
            return None
        silent_s = (now - log.modified).total_seconds()
        if silent_s <= self.patience_s / 2:
            return None
        state = seen[IMAGE_STATE].text if IMAGE_STATE in seen else "not seen"
        return f"sysprep has written nothing for {silent_s:.0f} s (ImageState: {state}); {_end_of_log(_lines(log))}"

    def action(self, seen: Facts) -> Detached:
        folder, name = ntpath.split(self.answers.path)
        return Detached(line=f"{_SYSPREP} /generalize /oobe /quit /quiet /unattend:{name}", folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToastSysprep(WindowsStep):
    """Run ToastSysprep, answer its question, and wait until the compute API says that the instance is off: it powers
    off by itself, so that nothing of what came of it can be read. ``since`` as in ``Generalize``.

    The answer comes from standard input, which PowerShell leaves to the command (``-InputFormat None``).
    """

    no_way_back: ClassVar[str] = _FOR_GOOD

    since: datetime

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (SERVER, SETUP_ERRORS, WINDOWS)

    def basis(self, seen: Facts) -> object:
        return (seen[SERVER].id, seen[SERVER].status, seen[SERVER].task_state)

    def simulate(self, seen: Facts) -> Facts:
        off = replace(seen[SERVER], status="SHUTOFF", vm_state="stopped", power_state=SHUTDOWN, task_state=None)
        return seen.with_fact(SERVER, off)

    def done(self, seen: Facts) -> bool:
        return seen[SERVER].is_off

    def kept(self, seen: Facts) -> Facts:
        """Without what the log says, and without metadata."""
        facts = WindowsStep.kept(self, seen)
        return facts.reduced(SETUP_ERRORS, _without_text).reduced(SERVER, without_metadata)

    def stuck(self, seen: Facts) -> str | None:
        return _error(seen, self.since)

    def action(self, seen: Facts) -> Detached:
        shell = "powershell.exe -NoLogo -ExecutionPolicy Bypass -InputFormat None -Command ToastSysprep"
        return Detached(line=f'cmd.exe /d /c "echo Y| {shell}"', folder=r"C:\Windows\System32")


def _without_text(log: WindowsFileFact) -> WindowsFileFact:
    return replace(log, tail=None)


def is_newer(file: WindowsFileFact, than: datetime) -> bool:
    """Whether it is a file that was written after ``than``."""
    return file.kind == "regular" and file.modified is not None and file.modified > than


def error_since(log: WindowsFileFact, after: datetime) -> str | None:
    """The first line that sysprep wrote into its log of errors after ``after``; None if it wrote none.

    The lines have local times: they are counted back from the last one, which was written when the file was modified.
    """
    if log.kind == "absent" or (log.kind == "regular" and log.size == 0):
        return None
    if log.kind != "regular":
        return f"not a file but a {log.kind}"
    if log.modified is not None and log.modified <= after:
        return None
    lines = _lines(log)
    if not lines:
        return "errors that could not be read"
    written = [(time, line) for line in lines if (time := _time(line)) is not None]
    if not written or log.modified is None:
        return lines[-1]
    last, age = written[-1][0], after - log.modified
    return next((line for time, line in written if time - last > age), lines[-1])


def _error(seen: Facts, since: datetime) -> str | None:
    line = error_since(seen[SETUP_ERRORS], since) if SETUP_ERRORS in seen else None
    return None if line is None else f"sysprep failed, {SETUP_ERRORS.path}: {line}"


def _end_of_log(lines: list[str]) -> str:
    return f"the end of {SETUP_ACTIONS.path}: {lines[-1] if lines else 'not seen'}"


def _lines(log: WindowsFileFact) -> list[str]:
    return [line.strip()[:_MAX_LINE] for line in (log.tail or "").splitlines() if line.strip()]


def _time(line: str) -> datetime | None:
    """When a line was written: setup logs begin theirs with ``2026-11-22 10:15:00, Error``."""
    try:
        return datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - local to the guest, only compared
    except ValueError:
        return None
