"""The instance is stopped before it is captured.

Why it matters
--------------
A running instance writes to its disk while it is copied: the image may hold half a transaction, and what was cleaned
before the capture may be back. u2 flavors have a local disk and can only be captured when stopped. The capture API
does not protect anybody: a root volume is copied with ``force`` whatever the state.

Passes when
-----------
The compute API says SHUTOFF, power state 4 and no task. A running instance passes, with a note, if its flavor's type
is in ``may_run``.

Fix
---
Stop the instance, as the last step, and wait until the compute API says that it is off. DISRUPTIVE.

References
----------
NHN Cloud image guide, "Create an image"; Compute API, "Stop Server (os-stop)" and "Server status".
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip
from imagegate.probes import FLAVOR, SERVER

STOPPED = "SHUTOFF, power state 4, no task"
POWER = {0: "no state", 1: "running", 3: "paused", 4: "off", 6: "crashed", 7: "suspended"}


def _not_u2(flavor: str) -> str:
    if flavor.lower() == "u2":
        raise ValueError("u2 instances can only be captured when they are stopped: u2 cannot be in may_run")
    return flavor


class Wanted(Params):
    """What the policy can say."""

    may_run: list[Annotated[str, AfterValidator(_not_u2)]] = Field(
        default=[], description="Flavor types (`m2`, `c2`) whose instances may be captured while they run; never u2."
    )
    timeout_s: float = Field(
        default=300.0, gt=0, le=3600, description="How long the fix waits until the instance is off, in seconds."
    )


def state(server: probes.ServerFact) -> str:
    """The server's state in one line."""
    power = "power state unknown" if server.power_state is None else f"power state {server.power_state}"
    meaning = POWER.get(server.power_state if server.power_state is not None else -1)
    task = f"task {server.task_state}" if server.task_state else "no task"
    return f"{server.status}, {power}{f' ({meaning})' if meaning else ''}, {task}"


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge the server's state; the flavor matters only while it runs."""
    server = seen[SERVER]
    if server.is_off:
        return
    running = server.status == "ACTIVE" and server.power_state == 1 and server.task_state is None
    if running and want.may_run:
        flavor = seen[FLAVOR]
        if flavor.type in want.may_run:
            yield Note(text=f"captured while running ({flavor.name}): consistency is not guaranteed")
            return
        if flavor.type is None:
            yield Violation(subject="flavor type", expected="a known type", actual=flavor.name)
    yield Violation(subject="state", expected=STOPPED, actual=state(server))


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Stop what can be stopped now and may not run."""
    server = seen[SERVER]
    if not any(isinstance(item, Violation) for item in evaluate(seen, want)):
        return
    if server.task_state is not None:
        reason = f"the task {server.task_state} is under way"
        yield Refusal(subject="state", reason=reason, hint="wait until it is done, then run again")
    elif server.locked:
        yield Refusal(subject="state", reason="the instance is locked", hint="unlock it first")
    elif server.status not in {"ACTIVE", "ERROR"}:
        reason = f"an instance in this state cannot be stopped: {state(server)}"
        yield Refusal(subject="state", reason=reason, hint="start it, then run again; or stop it by other means")
    else:
        yield steps.stop_server(server.name, patience_s=want.timeout_s)


CHECK = Check(
    id="capture-instance-stopped",
    title="The instance is stopped",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(SERVER,),
    uses=(FLAVOR,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
