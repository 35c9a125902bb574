"""Tasks of an instance."""

from dataclasses import replace

from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import SERVER, ServerFact

SERVED = ServerFact(id="s-1", name="build-1", status="ACTIVE", power_state=1, task_state=None)


def server(**change) -> Facts:
    """A server at rest, with changes."""
    return given({SERVER: replace(SERVED, **change)})


WAIT = (
    "wait until the task of instance build-1 has ended; if it does not, ask the cloud's support", Level.MANUAL,
)  # fmt: skip
TABLE = Table(
    "capture-task-idle",
    (
        Passes(name="running, no task", seen=server()),
        Passes(name="off, no task", seen=server(status="SHUTOFF", power_state=4)),
        *(
            Fails(name=task, seen=server(task_state=task), violations=(wrong("task", "none", task),))
            for task in ("image_snapshot", "image_uploading", "powering-off", "resize_prep")
        ),
        Fails(name="a task without a name", seen=server(task_state=""), violations=(wrong("task", "none", "(no name)"),)),
        ByHand(name="a capture", seen=server(task_state="image_snapshot"), steps=(WAIT,), left=("task",)),
        BadParams(name="it takes none", want={"allow": ["image_snapshot"]}, message="Extra inputs"),
    ),
)

test_case, test_table_is_complete = TABLE.tests()
