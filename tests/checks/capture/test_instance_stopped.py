"""Stopped before the capture: status, power state, task and flavor, one by one and together."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import BadParams, Fails, Fixes, Passes, Refuses, Table, Unknown, given, wrong

from imagegate.model import Facts, Level, Phase
from imagegate.probes import FLAVOR, SERVER, FlavorFact, ServerFact

SERVED = ServerFact(id="s-1", name="build-1", status="ACTIVE", power_state=1, task_state=None, vm_state="active")
OFF = {"status": "SHUTOFF", "power_state": 4, "vm_state": "stopped"}
STOPPED = "SHUTOFF, power state 4, no task"
STOP = ("stop the instance build-1", Level.DISRUPTIVE)
M2, U2, UNTYPED = (
    FlavorFact(id="f", name="m2.c1m2", type="m2"),
    FlavorFact(id="f", name="u2.c1m2", type="u2"),
    FlavorFact(id="f", name="custom", type=None),
)
MAY_M2 = {"may_run": ["m2"]}


def server(flavor: FlavorFact | None = None, **change) -> Facts:
    """A running server, with changes; without a flavor none was seen."""
    seen = given({SERVER: replace(SERVED, **change)})
    return seen if flavor is None else seen.with_fact(FLAVOR, flavor)


def is_in(actual: str):
    """The violation of the state."""
    return wrong("state", STOPPED, actual)


RUNNING = "ACTIVE, power state 1 (running), no task"
STATES = {
    "running": ({}, RUNNING),
    "running, power state lacking": ({"power_state": None}, "ACTIVE, power state unknown, no task"),
    "running, but the power is off": ({"power_state": 4}, "ACTIVE, power state 4 (off), no task"),
    "being stopped": ({"task_state": "powering-off"}, "ACTIVE, power state 1 (running), task powering-off"),
    "off, but being started": (
        {**OFF, "task_state": "powering-on"}, "SHUTOFF, power state 4 (off), task powering-on",
    ),
    "off, but its image is being taken": (
        {**OFF, "task_state": "image_snapshot"}, "SHUTOFF, power state 4 (off), task image_snapshot",
    ),
    "SHUTOFF, but the power is on": ({**OFF, "power_state": 1}, "SHUTOFF, power state 1 (running), no task"),
    "SHUTOFF, power state lacking": ({**OFF, "power_state": None}, "SHUTOFF, power state unknown, no task"),
    "SHUTOFF, power state 0": ({**OFF, "power_state": 0}, "SHUTOFF, power state 0 (no state), no task"),
    "paused": ({"status": "PAUSED", "power_state": 3}, "PAUSED, power state 3 (paused), no task"),
    "suspended": ({"status": "SUSPENDED", "power_state": 7}, "SUSPENDED, power state 7 (suspended), no task"),
    "crashed": ({"status": "ERROR", "power_state": 6}, "ERROR, power state 6 (crashed), no task"),
    "shelved, power off": (
        {"status": "SHELVED_OFFLOADED", "power_state": 4}, "SHELVED_OFFLOADED, power state 4 (off), no task",
    ),
    "an unheard-of power state": ({"power_state": 99}, "ACTIVE, power state 99, no task"),
    "lower case is not the API's word": ({**OFF, "status": "shutoff"}, "shutoff, power state 4 (off), no task"),
}  # fmt: skip

PASSING = (
    *(
        Passes(name=f"off, {name}", seen=server(flavor, **OFF), want=want)
        for name, flavor in {"no flavor seen": None, "u2": U2, "m2": M2, "no type": UNTYPED}.items()
        for want in ({},)
    ),
    Passes(name="off, m2 may run", seen=server(M2, **OFF), want=MAY_M2),
    Passes(name="off, m2 may run, no flavor seen", seen=server(**OFF), want=MAY_M2),
    Passes(name="off and locked", seen=server(**OFF, locked=True)),
    Passes(
        name="m2 runs and may", seen=server(M2), want=MAY_M2,
        note="captured while running (m2.c1m2): consistency is not guaranteed",
    ),
    Passes(
        name="one of several types that may", seen=server(M2), want={"may_run": ["c2", "m2"]},
        note="captured while running (m2.c1m2): consistency is not guaranteed",
    ),
)  # fmt: skip
FAILING = (
    *(Fails(name=name, seen=server(**change), violations=(is_in(text),)) for name, (change, text) in STATES.items()),
    *(
        Fails(name=f"{name}, though m2 may run", seen=server(M2, **change), want=MAY_M2, violations=(is_in(text),))
        for name, (change, text) in STATES.items()
        if name != "running"
    ),
    Fails(name="u2 runs, m2 may", seen=server(U2), want=MAY_M2, violations=(is_in(RUNNING),)),
    Fails(name="m2 runs, c2 may", seen=server(M2), want={"may_run": ["c2"]}, violations=(is_in(RUNNING),)),
    Fails(name="m2 runs, nobody may", seen=server(M2), violations=(is_in(RUNNING),)),
    Fails(
        name="a type that nobody knows runs", seen=server(UNTYPED), want=MAY_M2,
        violations=(wrong("flavor type", "a known type", "custom"), is_in(RUNNING)),
    ),
)  # fmt: skip
FIXED = (
    Fixes(name="running", seen=server(), steps=(STOP,)),
    Fixes(name="running, explicitly not locked", seen=server(locked=False), steps=(STOP,)),
    Fixes(name="crashed", seen=server(status="ERROR", power_state=6), steps=(STOP,)),
    Fixes(name="u2 runs, m2 may", seen=server(U2), want=MAY_M2, steps=(STOP,)),
    Fixes(name="a type that nobody knows", seen=server(UNTYPED), want=MAY_M2, steps=(STOP,)),
    Fixes(name="a longer wait", seen=server(), want={"timeout_s": 900}, steps=(STOP,)),
)
REFUSED = (
    *(
        Refuses(
            name=f"a task is under way: {status}", seen=server(status=status, task_state="rebuilding"),
            reasons=("the task rebuilding is under way",),
        )
        for status in ("ACTIVE", "SHUTOFF", "REBUILD")
    ),
    Refuses(name="locked", seen=server(locked=True), reasons=("the instance is locked",)),
    Refuses(
        name="locked, and a task is under way", seen=server(locked=True, task_state="powering-off"),
        reasons=("the task powering-off is under way",),
    ),
    *(
        Refuses(
            name=f"in {status}", seen=server(status=status, power_state=power),
            reasons=(f"an instance in this state cannot be stopped: {words}",),
        )
        for status, power, words in (
            ("PAUSED", 3, "PAUSED, power state 3 (paused), no task"),
            ("SUSPENDED", 7, "SUSPENDED, power state 7 (suspended), no task"),
            ("SHELVED_OFFLOADED", 4, "SHELVED_OFFLOADED, power state 4 (off), no task"),
            ("RESCUE", 1, "RESCUE, power state 1 (running), no task"),
            ("shutoff", 4, "shutoff, power state 4 (off), no task"),
        )
    ),
    Refuses(
        name="SHUTOFF with a power state that does not fit", seen=server(**{**OFF, "power_state": None}),
        reasons=("an instance in this state cannot be stopped: SHUTOFF, power state unknown, no task",),
    ),
)  # fmt: skip

TABLE = Table(
    "capture-instance-stopped",
    (
        *PASSING, *FAILING, *FIXED, *REFUSED,
        Unknown(
            name="running, and the flavor that decides was not seen", want=MAY_M2,
            seen=server(M2).without(FLAVOR, "the flavor list fell silent"), reason="the flavor list fell silent",
        ),
        *(
            BadParams(name=f"{word} in may_run", want={"may_run": ["m2", word]}, message="u2 cannot be in may_run")
            for word in ("u2", "U2")
        ),
        BadParams(name="no time to stop", want={"timeout_s": 0}, message="greater than 0"),
        BadParams(name="hours to stop", want={"timeout_s": 3601}, message="less than or equal to 3600"),
    ),
    wants=st.fixed_dictionaries(
        {}, optional={"may_run": st.lists(st.sampled_from(("m2", "c2", "x")), max_size=2), "timeout_s": st.just(60)}
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_stopping_is_the_last_step_cuts_the_connection_and_waits_as_long_as_the_policy_says():
    [step] = TABLE.subject.plan(server(), TABLE.subject.params(timeout_s=77))
    assert step.phase is Phase.POWER
    assert step.disconnects
    assert step.patience_s == 77
