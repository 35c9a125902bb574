"""Run a command as a child process: wall time, CPU time and peak memory of it and of the children it waited for.

The command is started by a small process of its own (this file, without ``site``): the kernel counts the memory of
whoever calls ``exec`` into the peak of what is executed, so a large starter would spoil the figure.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LIMIT_S = 1800.0


class BenchError(Exception):
    """A part of the benchmark could not be measured."""


class LeftOut(Exception):
    """A part of the benchmark is not possible on this machine; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run. ``cpu_s`` is user and system time with all children that were waited for; ``peak_mib`` is the largest
    resident set of any single process among them."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    code: int
    stdout: str = field(repr=False, default="")
    stderr: str = field(repr=False, default="")


@dataclass(slots=True)
class Series:
    """All runs of one contender."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def wall_s(self) -> float:
        """The median."""
        return statistics.median(sample.wall_s for sample in self.samples)

    @property
    def cpu_s(self) -> float:
        """The median."""
        return statistics.median(sample.cpu_s for sample in self.samples)

    @property
    def peak_mib(self) -> float:
        """The largest."""
        return max(sample.peak_mib for sample in self.samples)

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {
            "wall_s": [round(sample.wall_s, 3) for sample in self.samples],
            "cpu_s": [round(sample.cpu_s, 3) for sample in self.samples],
            "peak_mib": [round(sample.peak_mib, 1) for sample in self.samples],
        }


def run(
    argv: Sequence[object],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
) -> Sample:
    """Run ``argv`` once. Raises ``BenchError`` for an exit code that is not in ``accept``."""
    command = [str(part) for part in argv]
    read, write = os.pipe()
    starter = [sys.executable, "-I", "-S", __file__, str(write), *command]
    with os.fdopen(read, encoding="utf-8") as results:
        try:
            process = subprocess.Popen(
                starter,
                cwd=cwd,
                env=dict(os.environ if env is None else env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(write,),
                text=True,
                errors="replace",
                start_new_session=True,
            )
        finally:
            os.close(write)
        try:
            stdout, stderr = process.communicate(timeout=LIMIT_S)
        except BaseException as error:
            os.killpg(process.pid, 9)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise BenchError(f"not done after {LIMIT_S:g} s: {' '.join(command)}") from None
            raise
        text = results.read()
    if not text:
        raise BenchError(f"could not be started: {' '.join(command)}\n{stderr[-2000:]}")
    sample = Sample(**json.loads(text), stdout=stdout, stderr=stderr)
    if sample.code not in accept:
        said = (stderr.strip() or stdout.strip())[-3000:]
        raise BenchError(f"exit code {sample.code}: {' '.join(command)}\n{said}")
    return sample


def take_turns(
    contenders: Mapping[str, Callable[[], Sample]],
    repeats: int,
    say: Callable[[str], None],
    *,
    once: Sequence[str] = (),
    warm: Sequence[str] = (),
) -> dict[str, Series]:
    """Run all contenders ``repeats`` times, each round beginning with another one; those in ``once`` run in the first
    round only. ``warm`` runs before, unmeasured."""
    for name in warm:
        contenders[name]()
    series = {name: Series() for name in contenders}
    names = list(contenders)
    for turn in range(repeats):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            if name in once and turn > 0:
                continue
            sample = contenders[name]()
            series[name].samples.append(sample)
            figures = f"{sample.wall_s:.2f} s, CPU {sample.cpu_s:.2f} s, {sample.peak_mib:.0f} MiB"
            say(f"  {turn + 1}/{repeats} {name}: {figures}")
    return series


def _starter(write: int, command: list[str]) -> None:
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, write)])
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    sample = {
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with os.fdopen(write, "w", encoding="utf-8") as results:
        json.dump(sample, results)


if __name__ == "__main__":
    _starter(int(sys.argv[1]), sys.argv[2:])
