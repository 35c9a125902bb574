"""Scheduled tasks of a Windows guest, those that run one program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source

RunLevel = Literal["highest", "least"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTrigger:
    """What starts a task. ``kind`` is the element's name without ``Trigger``, small: ``boot``, ``logon``, ``time``,
    ``calendar``, ``event``, ``idle``, ``registration``, ``sessionstatechange`` and the like.

    ``start`` and ``end`` are the boundaries between which it is active, as written (local time where there is no
    zone); ``delay`` an xs:duration as written. Source: Task Scheduler schema, triggerBaseType.
    """

    kind: str
    enabled: bool = True
    start: str | None = None
    end: str | None = None
    delay: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAction:
    """A program that a task runs, as written."""

    command: str
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledTask:
    r"""One task. ``name`` is its path (``\RenewIP``); ``user`` the account as written, a SID or a name, None where
    none is; ``group`` likewise; ``run_level`` None where none is written (which means least).

    ``actions`` are those with the program that the probe asks for; ``others`` counts the rest, whose arguments may
    hold secrets. The settings are what the Task Scheduler takes them for, its defaults filled in: ``on_ac_only``
    (DisallowStartIfOnBatteries, default true), ``needs_network``, ``only_if_idle``; ``expires`` is
    DeleteExpiredTaskAfter as written.
    """

    name: str
    enabled: bool
    triggers: tuple[TaskTrigger, ...]
    user: str | None
    run_level: RunLevel | None
    actions: tuple[TaskAction, ...]
    group: str | None = None
    others: int = 0
    on_ac_only: bool = True
    needs_network: bool = False
    only_if_idle: bool = False
    expires: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksFact:
    """Tasks in the order of their names. ``total`` counts all that were read; ``unreadable`` names those that were
    listed but could not be understood: among them may be the one that is looked for."""

    tasks: tuple[ScheduledTask, ...]
    total: int
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksOf(Probe[TasksFact]):
    """All scheduled tasks that run ``program`` (``ipconfig``), whatever its folder, case, quotes and ``.exe``."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = TasksFact

    program: str

    @property
    def key(self) -> str:
        return f"tasks-of:{self.program}"
