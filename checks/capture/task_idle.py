"""No task is under way on the instance when it is captured.

Why it matters
--------------
While a task runs (a resize, a migration, another capture) the compute API refuses the next one, or the capture gets a
disk that is about to change. A task that never ends has to be looked at before anything is built on the instance.

Passes when
-----------
The compute API shows no task (``OS-EXT-STS:task_state`` is null) for the instance.

Fix
---
None by machine: a task ends by itself, or an administrator of the cloud resets the state.

References
----------
Compute API, "List Servers Detailed", OS-EXT-STS:task_state; "Create Image (createImage)", conflict 409.
"""

from collections.abc import Iterator

from imagegate import Check, Facts, Fix, Kind, Level, NoParams, Note, Refusal, Severity, Step, Violation, steps
from imagegate.probes import SERVER


def evaluate(seen: Facts, want: NoParams) -> Iterator[Violation | Note]:
    """Judge the task."""
    task = seen[SERVER].task_state
    if task is not None:
        yield Violation(subject="task", expected="none", actual=task or "(no name)")


def plan(seen: Facts, want: NoParams) -> Iterator[Step | Refusal]:
    """Ask for patience."""
    server = seen[SERVER]
    if server.task_state is not None:
        yield steps.Manual(
            subject="task", why="a task cannot be ended from outside",
            summary=f"wait until the task of instance {server.name} has ended; if it does not, ask the cloud's support",
        )  # fmt: skip


CHECK = Check(
    id="capture-task-idle",
    title="No task is under way on the instance",
    severity=Severity.MEDIUM,
    kind=Kind.INSTANCE,
    needs=(SERVER,),
    params=NoParams,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
