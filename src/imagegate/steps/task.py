"""Scheduled tasks on a Windows guest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

from imagegate.model import Facts, Probe
from imagegate.probes.task import ScheduledTask, TaskAction, TasksOf, TaskTrigger
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
class RegisterTask(WindowsStep):
    r"""Register a task that runs ``command`` with ``arguments`` as SYSTEM whenever Windows starts.

    ``name`` is its path (``\imagegate-renew``). ``tasks`` is the probe that shows it, for the program of ``command``.
    Nothing is overwritten: Windows refuses a name that is taken, also by a task that ``tasks`` does not show.
    """

    tasks: TasksOf
    name: str
    description: str
    command: str
    arguments: str

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (self.tasks,)

    def basis(self, seen: Facts) -> object:
        """What has the name already: planned from nothing, so that whatever turns up later forbids the write."""
        fact = seen[self.tasks]
        return (tuple(filter(self._mine, fact.tasks)), tuple(name for name in fact.unreadable if self._called(name)))

    def simulate(self, seen: Facts) -> Facts:
        fact = seen[self.tasks]
        new = ScheduledTask(
            name=self.name,
            enabled=True,
            triggers=(TaskTrigger(kind="boot"),),
            user=SYSTEM_SID,
            run_level="highest",
            actions=(self._action,),
            on_ac_only=False,
        )
        others = [task for task in fact.tasks if not self._mine(task)]
        tasks = tuple(sorted([*others, new], key=lambda task: task.name))
        return seen.with_fact(self.tasks, replace(fact, tasks=tasks, total=fact.total + len(tasks) - len(fact.tasks)))

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

    @property
    def _action(self) -> TaskAction:
        return TaskAction(command=self.command, arguments=self.arguments)

    def _called(self, name: str) -> bool:
        return name.lower() == self.name.lower()

    def _mine(self, task: ScheduledTask) -> bool:
        return self._called(task.name)


def delete_task(name: str) -> str:
    """The line that takes back a registration."""
    return f'schtasks /delete /tn "{name}" /f'
