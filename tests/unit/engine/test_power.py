"""A guest mended and stopped in one run, and the evidence that outlives the power."""

from dataclasses import replace

import pytest
from tests.checks.world import (
    EMPTY,
    Told,
    World,
    engine,
    full,
    pair,
    run,
    server,
)  # fmt: skip
from tests.unit.engine.scene import STOPPED, TOY, A, a_guest, finding

from imagegate.errors import Owner
from imagegate.evidence import EvidenceStore
from imagegate.model import Level, Verdict
from imagegate.plan import Grant
from imagegate.probes import SERVER
from imagegate.steps import StopServer


def stops(world, web, updated="t1"):
    """The stop changes the server's record as a compute API does."""

    def on_apply(target, step):
        if isinstance(step, StopServer):
            world.change(web, SERVER, replace(world.truth[web.key][SERVER], updated=updated))

    world.on_apply = on_apply


def test_a_gate_mends_the_guest_stops_the_instance_and_is_green_on_evidence():
    world, told = World(), Told()
    web = a_guest(world)
    stops(world, web)
    machine = engine(world, progress=told)
    run(machine, [pair(STOPPED, web), pair(TOY, web)])
    assert [summary for _, summary in world.applied] == ["scrub /a", "stop the instance web"]
    assert finding(machine, TOY, web).fixed
    assert finding(machine, STOPPED, web).fixed
    assert "right before the instance was stopped" in finding(machine, TOY, web).note
    assert world.abuse == []


def test_the_guest_is_looked_at_right_before_the_stop_and_never_after_it():
    world = World()
    web = a_guest(world)
    stops(world, web)
    events = []
    world.on_look = lambda target, probes: events.append("guest" if A in probes else "server")
    on_apply = world.on_apply
    world.on_apply = lambda target, step: (events.append(step.summary), on_apply(target, step))
    run(engine(world), [pair(STOPPED, web), pair(TOY, web)])
    stop = events.index("stop the instance web")
    assert "guest" in events[events.index("scrub /a") + 2 : stop], "only the step's own verification was seen"
    assert "guest" not in events[stop:]


def test_what_changed_in_the_guest_right_before_the_stop_is_what_the_evidence_says():
    world = World()
    web = a_guest(world, file=EMPTY)
    stops(world, web)
    machine, pairs, grant = engine(world), [pair(STOPPED, web), pair(TOY, web)], Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=1)
    world.change(web, A, full())
    machine.mend(pairs, grant)
    assert finding(machine, TOY, web).verdict is Verdict.FAIL


def test_without_checks_of_the_guest_a_stop_leaves_no_evidence():
    world = World()
    web = a_guest(world)
    stops(world, web)
    machine = engine(world)
    run(machine, [pair(STOPPED, web)])
    assert finding(machine, STOPPED, web).fixed
    assert machine.evidence.load(web, world.truth[web.key][SERVER]) is None


def test_a_run_narrowed_to_one_check_keeps_evidence_of_all_that_the_policy_requires(tmp_path):
    world = World()
    web = a_guest(world, file=EMPTY)
    stops(world, web)
    machine = engine(world, evidence=EvidenceStore(tmp_path))
    machine.require([pair(STOPPED, web), pair(TOY, web)])
    run(machine, [pair(STOPPED, web)])
    later = audit(world, web, tmp_path)
    assert finding(later, TOY, web).verdict is Verdict.PASS
    assert "right before the instance was stopped" in finding(later, TOY, web).note


def gate(world, web, folder):
    """One run that mends and stops, keeping its evidence in a folder."""
    machine = engine(world, evidence=EvidenceStore(folder))
    run(machine, [pair(STOPPED, web), pair(TOY, web)])
    return machine


def audit(world, web, folder):
    """A later run."""
    machine = engine(world, evidence=EvidenceStore(folder))
    run(machine, [pair(STOPPED, web), pair(TOY, web)], Grant())
    return machine


def test_a_later_run_is_green_on_the_evidence_of_an_earlier_one(tmp_path):
    world = World()
    web = a_guest(world)
    stops(world, web)
    gate(world, web, tmp_path)
    contacted = len(world.guest_looks)
    machine = audit(world, web, tmp_path)
    assert finding(machine, TOY, web).verdict is Verdict.PASS
    assert "right before the instance was stopped" in finding(machine, TOY, web).note
    assert finding(machine, STOPPED, web).verdict is Verdict.PASS
    assert len(world.guest_looks) == contacted


def test_a_finding_about_the_power_has_the_time_of_its_own_look_and_not_of_the_evidence(tmp_path):
    world = World()
    web = a_guest(world)
    stops(world, web)
    evidence = gate(world, web, tmp_path).evidence.load(web, world.truth[web.key][SERVER])
    later = audit(world, web, tmp_path)
    assert finding(later, STOPPED, web).observed_at > evidence.at


@pytest.mark.parametrize("change", [{"updated": "t2"}, {"updated": None}, {"id": "another"}])
def test_evidence_is_void_when_the_record_of_the_server_changed(tmp_path, change):
    world = World()
    web = a_guest(world)
    stops(world, web)
    gate(world, web, tmp_path)
    world.change(web, SERVER, replace(world.truth[web.key][SERVER], **change))
    assert finding(audit(world, web, tmp_path), TOY, web).verdict is Verdict.UNKNOWN


def test_evidence_is_not_used_while_the_server_runs(tmp_path):
    world = World()
    web = a_guest(world)
    stops(world, web)
    gate(world, web, tmp_path)
    world.change(web, SERVER, server("web", updated="t1"))
    world.change(web, A, full())
    found = finding(audit(world, web, tmp_path), TOY, web)
    assert (found.verdict, found.note) == (Verdict.FAIL, None)


def test_broken_evidence_makes_its_guest_unknown_and_the_others_are_judged(tmp_path):
    world = World()
    web, other = a_guest(world), a_guest(world, "other", EMPTY)
    stops(world, web)
    gate(world, web, tmp_path)
    [path] = tmp_path.iterdir()
    path.write_text("{")
    machine = engine(world, evidence=EvidenceStore(tmp_path))
    run(machine, [pair(TOY, web), pair(TOY, other)], Grant())
    found = finding(machine, TOY, web)
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.TOOL)
    assert str(path) in found.reason
    assert finding(machine, TOY, other).verdict is Verdict.PASS


def test_evidence_that_cannot_be_kept_costs_neither_the_run_nor_what_it_knows(tmp_path):
    world = World()
    web = a_guest(world, file=EMPTY)
    stops(world, web)
    (tmp_path / "evidence").write_text("a file where a folder should be")
    machine = engine(world, evidence=EvidenceStore(tmp_path / "evidence"))
    run(machine, [pair(STOPPED, web), pair(TOY, web)])
    assert world.applied == [("web", "stop the instance web")]
    assert finding(machine, STOPPED, web).fixed, "it is off, whatever became of the evidence"
    assert finding(machine, TOY, web).verdict is Verdict.PASS
