"""What the engine looks at, how often, from where, and what an interrupt leaves unseen."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.checks.world import (
    EMPTY,
    OFF,
    Inline,
    Told,
    World,
    engine,
    instance,
    pair,
    server,
    toy,
)  # fmt: skip
from tests.unit.engine.scene import PROTECTED, STOPPED, TOY, A, B, a_guest

from imagegate.errors import Owner
from imagegate.model import Kind, Source, Target, Verdict
from imagegate.probes import SERVER


def test_equal_probes_of_several_checks_are_looked_at_once_per_target():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.look([pair(TOY, web), pair(toy("linux-other-empty", ("/a", "/b")), web)])
    assert world.guest_looks == ["web"]
    assert ("web", frozenset({"file:/a", "file:/b"}), False) in world.looks
    assert A in machine.facts[web.key]


def test_what_a_check_only_uses_is_looked_at_too():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.look([pair(replace(TOY, uses=(B,)), web)])
    assert B in machine.facts[web.key]


def test_a_pair_that_may_not_be_meant_is_not_looked_at():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    doubtful = pair(TOY, web, unseen="the flavor could not be seen")
    machine.look([doubtful])
    assert world.looks == []
    assert machine.judge([doubtful])[0].reason == "the flavor could not be seen"


def test_a_dead_host_is_unknown_with_its_reason_and_the_others_are_judged():
    world = World()
    dead, web = a_guest(world, "dead"), a_guest(world, "web", EMPTY)
    world.silent[dead.key] = "no route to host"
    machine, pairs = engine(world), [pair(TOY, dead), pair(TOY, web)]
    machine.look(pairs)
    found = machine.judge(pairs)
    assert [(f.verdict, f.reason) for f in found] == [(Verdict.UNKNOWN, "no route to host"), (Verdict.PASS, None)]


def test_a_server_that_is_off_is_not_contacted():
    world = World()
    web = a_guest(world, **OFF)
    machine, pairs = engine(world), [pair(TOY, web)]
    machine.look(pairs)
    [found] = machine.judge(pairs)
    assert world.guest_looks == []
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.TARGET)
    assert found.reason.startswith("the instance is off and no evidence from before is valid")


@pytest.mark.parametrize(
    "change", [{"status": "ACTIVE"}, {"power_state": 1}, {"power_state": None}, {"task_state": "powering-on"}]
)
def test_a_server_that_is_not_quite_off_is_contacted(change):
    world = World()
    web = a_guest(world, **{**OFF, **change})
    engine(world).look([pair(TOY, web)])
    assert world.guest_looks == ["web"]


def test_a_guest_that_no_cloud_lists_is_contacted_without_asking_a_cloud():
    world = World()
    here = world.add(instance("here", cloud=None), {A: EMPTY})
    machine = engine(world)
    machine.look([pair(TOY, here)])
    assert [keys for _, keys, _ in world.looks] == [frozenset({"file:/a"})]
    assert machine.judge([pair(TOY, here)])[0].verdict is Verdict.PASS


def test_an_instance_that_the_inventory_does_not_reach_is_unknown_and_the_users_fault():
    world = World()
    web = world.add(instance("web", guest=False), {SERVER: server("web"), A: EMPTY})
    machine, pairs = engine(world), [pair(TOY, web)]
    machine.look(pairs)
    [found] = machine.judge(pairs)
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.USER)
    assert "the inventory does not say how to reach it" in found.reason
    assert world.guest_looks == []


@pytest.mark.parametrize(
    ("check", "target", "words"),
    [
        (TOY, instance("here", cloud=None), "the inventory does not say"),
        (STOPPED, instance("web"), "no cloud lists this instance"),
        (PROTECTED, Target(kind=Kind.IMAGE, id="i", name="i"), "no cloud was contacted"),
    ],
)
def test_without_a_transport_the_reason_says_what_to_add(check, target, words):
    machine = engine(World(), transports={})
    machine.look([pair(check, target)])
    [found] = machine.judge([pair(check, target)])
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, Owner.USER)
    assert words in found.reason


def test_an_instance_record_of_a_guest_that_no_cloud_lists_is_unknown_though_there_is_a_cloud():
    world = World()
    here = world.add(instance("here", cloud=None), {SERVER: server("here")})
    machine = engine(world)
    machine.look([pair(STOPPED, here)])
    [found] = machine.judge([pair(STOPPED, here)])
    assert "no cloud lists this instance" in found.reason
    assert world.looks == []


def test_a_source_that_was_lost_as_a_whole_gives_its_reason_to_what_it_would_have_answered():
    machine = engine(World(), transports={}, gaps={Source.COMPUTE: "the servers of nhn/KR1 could not all be seen: 503"})
    machine.look([pair(STOPPED, instance("web"))])
    [found] = machine.judge([pair(STOPPED, instance("web"))])
    assert (found.reason, found.owner) == ("the servers of nhn/KR1 could not all be seen: 503", Owner.TARGET)


def test_facts_that_cost_nothing_are_looked_at_without_an_executor():
    def none(workers):
        raise AssertionError("an executor was made")

    world = World(remote=False)
    web = a_guest(world, **OFF)
    machine = engine(world, executor=none)
    machine.look([pair(TOY, web)])
    assert A in machine.facts[web.key]


def test_no_more_workers_are_asked_for_than_there_are_targets(monkeypatch):
    monkeypatch.setattr(Inline, "made", [])
    world = World()
    machine = engine(world)
    machine.look([pair(TOY, a_guest(world, f"web-{n}")) for n in range(3)])
    assert Inline.made == [3]


def test_no_more_workers_are_asked_for_than_the_settings_say(monkeypatch):
    monkeypatch.setattr(Inline, "made", [])
    world = World()
    machine = engine(world)
    machine.settings = replace(machine.settings, look_workers=2)
    machine.look([pair(TOY, a_guest(world, f"web-{n}")) for n in range(3)])
    assert Inline.made == [2]


def test_targets_are_looked_at_side_by_side_with_threads():
    world = World()
    pairs = [pair(TOY, a_guest(world, name)) for name in ("one", "two")]
    meeting = threading.Barrier(2, timeout=60)
    look = world.look

    def look_together(target, probes, *, timeout_s, fresh):
        if A in probes:
            meeting.wait()
        return look(target, probes, timeout_s=timeout_s, fresh=fresh)

    world.look = look_together
    machine = engine(world, executor=ThreadPoolExecutor)
    machine.look(pairs)
    assert {found.verdict for found in machine.judge(pairs)} == {Verdict.FAIL}


def test_progress_is_told_how_many_and_each_with_what_could_not_be_seen():
    world, told = World(), Told()
    dead, web = a_guest(world, "dead"), a_guest(world, "web")
    world.silent[dead.key] = "no route to host"
    engine(world, progress=told).look([pair(TOY, dead), pair(TOY, web)])
    assert told.lines[0] == ("looking", 2)
    assert sorted(told.lines[1:]) == [("looked", "dead", "no route to host"), ("looked", "web", None)]


class CtrlC(Told):
    """The main thread is interrupted right after the first look came in."""

    def looked(self, target, reason):
        super().looked(target, reason)
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_looks_keeps_what_was_seen_and_the_rest_is_unknown():
    world = World()
    pairs = [pair(TOY, a_guest(world, name, EMPTY)) for name in ("one", "two", "three")]
    machine = engine(world, progress=CtrlC())
    with pytest.raises(KeyboardInterrupt):
        machine.look(pairs)
    assert machine.cancelled.is_set()
    found = machine.judge(pairs)
    assert sorted(f.verdict for f in found) == [Verdict.PASS, Verdict.UNKNOWN, Verdict.UNKNOWN]
    lost = {(f.reason, f.owner) for f in found if f.verdict is Verdict.UNKNOWN}
    assert lost == {("the run was interrupted before this was looked at", Owner.USER)}


def test_an_interrupt_gives_up_looks_that_are_under_way_by_ending_their_transport():
    ended = threading.Event()

    class Slow(World):
        """A world where one host never answers until the connection is cut."""

        def look(self, target, probes, *, timeout_s, fresh):
            if target.id == "slow":
                assert ended.wait(60), "nobody ended the transport"
            return super().look(target, probes, timeout_s=timeout_s, fresh=fresh)

        def close(self):
            super().close()
            ended.set()

    world = Slow()
    pairs = [pair(TOY, a_guest(world, name, EMPTY)) for name in ("slow", "quick")]
    machine = engine(world, progress=CtrlC(), executor=ThreadPoolExecutor)
    with pytest.raises(KeyboardInterrupt):
        machine.look(pairs)
    assert ended.is_set()
    assert [found.verdict for found in machine.judge(pairs)] == [Verdict.UNKNOWN, Verdict.PASS]


def test_looks_that_begin_after_the_wish_to_stop_stay_undone():
    world = World()
    web = a_guest(world)
    machine = engine(world)
    machine.cancelled.set()
    machine.look([pair(TOY, web)])
    [found] = machine.judge([pair(TOY, web)])
    assert world.looks == []
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "the run was interrupted before this was looked at")


def test_an_interrupt_among_what_is_at_hand_leaves_the_rest_unseen_for_the_same_reason():
    class Near(World):
        """All was listed already."""

        def at_hand(self, target, probes):
            return True

    world = Near()
    pairs = [pair(TOY, a_guest(world, name, EMPTY)) for name in ("one", "two")]
    machine = engine(world, progress=CtrlC())
    with pytest.raises(KeyboardInterrupt):
        machine.look(pairs)
    seen, lost = machine.judge(pairs)
    assert (seen.verdict, lost.verdict) == (Verdict.PASS, Verdict.UNKNOWN)
    assert (lost.reason, lost.owner) == ("the run was interrupted before this was looked at", Owner.USER)
    assert machine.cancelled.is_set()
