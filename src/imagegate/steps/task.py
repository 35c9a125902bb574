"""Scheduled tasks on a Windows guest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from imagegate.model import Facts, Level, Probe, Step
from imagegate.probes.task import ScheduledTask, TaskAction, TasksFact, TasksOf, TaskTrigger
from imagegate.steps.windows import CommandLine, WindowsAction, WindowsStep

SYSTEM_SID = "S-1-5-18"

# Source: Task Scheduler schema, version 1.2. On mains power and without a network it starts too: a clone is to renew
# its lease whatever the state it wakes up in.
_XML = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>{description}</Description>
    <URI>{name}</URI>
  </RegistrationInfo>
  <Triggers>
    <BootTrigger>
      <Enabled>true</Enabled>
    </BootTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <RunLevel>HighestAvailable</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT1H</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TaskStep(WindowsStep):
    r"""``name`` is the task's path (``\imagegate-renew``). ``tasks`` is the probe that shows it, for the program of
    ``command``."""

    tasks: TasksOf
    name: str
    description: str
    command: str
    arguments: str

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.tasks,)

    def basis(self, seen: Facts) -> object:
        """All that has the name, with its content."""
        return self._named(seen)

    def kept(self, seen: Facts) -> Facts:
        return WindowsStep.kept(self, seen).reduced(self.tasks, self._lean)

    def _lean(self, fact: TasksFact) -> TasksFact:
        """What a journal keeps: what runs in other tasks may hold secrets."""
        return replace(
            fact,
            tasks=tuple(filter(self._mine, fact.tasks)),
            unreadable=tuple(filter(self._called, fact.unreadable)),
        )

    def _named(self, seen: Facts) -> tuple[tuple[ScheduledTask, ...], tuple[str, ...]]:
        fact = self._lean(seen[self.tasks])
        return fact.tasks, fact.unreadable

    def _with(self, seen: Facts, *mine: ScheduledTask) -> Facts:
        """The facts with these as all that can be read and has the name."""
        fact = seen[self.tasks]
        others = [task for task in fact.tasks if not self._mine(task)]
        tasks = tuple(sorted([*others, *mine], key=lambda task: task.name))
        return seen.with_fact(self.tasks, replace(fact, tasks=tasks, total=fact.total + len(tasks) - len(fact.tasks)))

    def _taken_back(self, kind: type[_TaskStep], verb: str, *, level: Level, undo: str) -> _TaskStep:
        """The step of the other kind for the same task."""
        return kind(
            tasks=self.tasks,
            name=self.name,
            description=self.description,
            command=self.command,
            arguments=self.arguments,
            subject=self.subject,
            summary=f"{verb} the task {self.name}",
            level=level,
            phase=self.phase,
            why=f"takes back: {self.summary}",
            undo=undo,
        )

    @property
    def _registered(self) -> ScheduledTask:
        """The task as it is listed once it is registered."""
        return ScheduledTask(
            name=self.name,
            enabled=True,
            triggers=(TaskTrigger(kind="boot"),),
            user=SYSTEM_SID,
            run_level="highest",
            actions=(self._action,),
            on_ac_only=False,
        )

    @property
    def _action(self) -> TaskAction:
        return TaskAction(command=self.command, arguments=self.arguments)

    def _called(self, name: str) -> bool:
        return name.lower() == self.name.lower()

    def _mine(self, task: ScheduledTask) -> bool:
        return self._called(task.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTask(_TaskStep):
    """Register a task that runs ``command`` with ``arguments`` as SYSTEM whenever Windows starts.

    It is planned from nothing of its name, so that whatever turns up later forbids the write. Nothing is overwritten:
    Windows refuses a name that is taken, also by a task that ``tasks`` does not show.
    """

    no_way_back: ClassVar[str] = "a task of this name was there before, which is not deleted"

    def simulate(self, seen: Facts) -> Facts:
        return self._with(seen, self._registered)

    def done(self, seen: Facts) -> bool:
        """Whether the task is there with its content, which the program that registers it may have lost."""
        return any(
            task.enabled
            and task.actions == (self._action,)
            and any(trigger.kind == "boot" and trigger.enabled for trigger in task.triggers)
            for task in seen[self.tasks].tasks
            if self._mine(task)
        )

    def action(self, seen: Facts) -> WindowsAction:
        return CommandLine(line=f'schtasks /create /tn "{self.name}" /xml "{{upload}}" /ru SYSTEM', upload=self.xml())

    def xml(self) -> bytes:
        """The task for ``schtasks``, which takes UTF-16 little endian with a byte order mark, and CRLF."""
        words = {
            "name": self.name,
            "description": self.description,
            "user": SYSTEM_SID,
            "command": self.command,
            "arguments": self.arguments,
        }
        text = _XML.format_map({key: escape(word) for key, word in words.items()})
        return ("\ufeff" + text.replace("\n", "\r\n")).encode("utf-16-le")

    def inverse(self, before: Facts) -> Step | None:
        if self._named(before) != ((), ()):
            return None
        return self._taken_back(DeleteTask, "delete", level=Level.DISRUPTIVE, undo="register it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTask(_TaskStep):
    """Delete the task that ``RegisterTask`` with the same fields registered, if it is still as it was seen then."""

    no_way_back: ClassVar[str] = "the task was not as imagegate registers it, and its definition was not kept"

    def simulate(self, seen: Facts) -> Facts:
        return self._with(seen)

    def done(self, seen: Facts) -> bool:
        return self._named(seen) == ((), ())

    def action(self, seen: Facts) -> WindowsAction:
        return CommandLine(line=delete_task(self.name))

    def inverse(self, before: Facts) -> Step | None:
        if self._named(before) != ((self._registered,), ()):
            return None
        return self._taken_back(RegisterTask, "register", level=self.level, undo=delete_task(self.name))


def delete_task(name: str) -> str:
    """The line that takes back a registration."""
    return f'schtasks /delete /tn "{name}" /f'
