"""How the work ends: interrupts, the journal, recordings, steps that take long."""

import json
from concurrent.futures import Executor, Future
from dataclasses import fields, replace

import pytest
from tests.checks.world import (
    EMPTY,
    Inline,
    Scrub,
    Told,
    World,
    engine,
    pair,
    run,
    scrub,
    toy,
)  # fmt: skip
from tests.unit.engine.scene import TOY, A, a_guest, finding, remedy

from imagegate.errors import StepError
from imagegate.journal import Journal
from imagegate.model import Level, RemedyState, Source
from imagegate.plan import Grant
from imagegate.recording import Recording


def test_an_interrupt_while_mending_finishes_the_step_under_way_and_then_goes_on():
    world = World()
    pairs = [pair(toy(paths=("/a", "/b")), a_guest(world, name)) for name in ("one", "two")]
    machine = engine(world)

    class Interrupted(Inline):
        """The first wait of the main thread is interrupted, as by Ctrl-C."""

        first = True

        def submit(self, fn, /, *args, **kwargs):
            if Interrupted.first:
                Interrupted.first = False
                work = super().submit

                class Late(Future):
                    """A future whose work is done after the interrupt."""

                    calls = 0

                    def done(self):
                        self.calls += 1
                        if self.calls == 1:
                            raise KeyboardInterrupt
                        if self.calls == 2:
                            self.set_result(work(fn, *args, **kwargs).result())
                        return super().done()

                return Late()
            return super().submit(fn, *args, **kwargs)

    grant = Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=9)
    machine.settings = replace(machine.settings, executor=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.mend(pairs, grant)
    assert machine.cancelled.is_set()
    states = {p.target.id: machine.findings[p.key].remedy for p in pairs}
    assert states["two"].state is RemedyState.VERIFIED
    assert (states["one"].state, states["one"].reason) == (RemedyState.REFUSED, "interrupted before this step")


def test_a_wish_to_stop_in_the_middle_leaves_a_failed_fix_with_what_was_done():
    world = World()
    web = a_guest(world)
    wide = toy(paths=("/a", "/b"))
    machine = engine(world)
    world.on_apply = lambda target, step: machine.cancelled.set()
    run(machine, [pair(wide, web)])
    found = finding(machine, wide, web).remedy
    assert (found.state, found.reason, found.done) == (
        RemedyState.FAILED, "interrupted before this step", (scrub("/a"),),
    )  # fmt: skip
    assert machine.facts[web.key][A] == EMPTY, "what was done was not looked at"


def test_the_journal_has_the_intent_before_and_the_result_after_each_write(tmp_path):
    world = World()
    web = a_guest(world)
    path = tmp_path / "run" / "journal.jsonl"
    during = []
    world.on_apply = lambda target, step: during.append(len(path.read_text().splitlines()))
    run(engine(world, journal=Journal(path)), [pair(TOY, web)])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert during == [1]
    assert [line["event"] for line in lines] == ["intent", "verified"]
    assert (lines[0]["target"]["id"], lines[0]["step"]["summary"]) == (web.id, "scrub /a")


def test_a_run_without_fix_leaves_no_journal(tmp_path):
    world = World()
    run(engine(world, journal=Journal(tmp_path / "journal.jsonl")), [pair(TOY, a_guest(world))], Grant())
    assert list(tmp_path.iterdir()) == []


def test_recorded_facts_are_judged_as_live_ones_and_cannot_be_changed():
    world = World()
    web = a_guest(world)
    live = engine(world)
    run(live, [pair(TOY, web)], Grant())
    recording = Recording({web.key: live.facts[web.key]})
    replay = engine(world, transports=dict.fromkeys(recording.sources, recording))
    run(replay, [pair(TOY, web)])
    assert finding(replay, TOY, web).violations == finding(live, TOY, web).violations
    assert remedy(replay, TOY, web) == (RemedyState.REFUSED, "/a: recorded facts cannot be changed")


def test_a_step_for_which_there_is_no_transport_is_a_failed_fix():
    world = World()
    web = a_guest(world)
    machine, pairs, grant = engine(world), [pair(TOY, web)], Grant(level=Level.DISRUPTIVE)
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, grant, changed_targets=1)
    machine.transports = {source: world for source in world.sources if source is not Source.GUEST}
    machine.mend(pairs, grant)
    assert remedy(machine, TOY, web)[0] is RemedyState.REFUSED
    assert world.applied == []


def test_the_executor_is_the_one_that_was_given():
    made = []

    def maker(workers) -> Executor:
        made.append(workers)
        return Inline(workers)

    world = World()
    run(engine(world, executor=maker), [pair(TOY, a_guest(world))])
    assert made == [1, 1]


def test_closing_ends_each_transport_once():
    world = World()
    engine(world).close()
    assert world.closed == 1


class Lorry(World):
    """A world that also carries out lengthy steps: half way, ``midway`` is called."""

    def __init__(self, midway=lambda watch: None):
        super().__init__()
        self.midway = midway

    def carry(self, target, step, seen, watch):
        watch.moved(1, 2)
        self.midway(watch)
        if watch.cancelled.is_set():
            raise StepError("interrupted; nothing is left", changed=False)
        watch.moved(2, 2)
        self.apply(target, step, seen, timeout_s=1)


class Moves(Told):
    """Progress that also remembers how far lengthy steps are."""

    def moved(self, target, step, done, total):
        self.lines.append(("moved", target.id, step.summary, done, total))


class Haul(Scrub):
    """The toy step, with much to move."""

    __slots__ = ()
    lengthy = True


HAUL = Haul(**{one.name: getattr(scrub(), one.name) for one in fields(Scrub)})


def hauling(world, progress=None):
    """An engine whose only check hauls the one full file."""
    web = a_guest(world)
    machine = engine(world, progress=progress)
    return machine, [pair(toy(steps=[HAUL]), web)]


def test_a_lengthy_step_tells_how_far_it_is_and_is_verified_like_any_other():
    progress = Moves()
    machine, pairs = hauling(Lorry(), progress)
    run(machine, pairs)
    (finding,) = machine.findings.values()
    assert finding.remedy.state is RemedyState.VERIFIED
    told = [line for line in progress.lines if line[0] in {"applying", "moved", "applied"}]
    assert [line[0] for line in told] == ["applying", "moved", "moved", "applied"]
    assert told[1] == ("moved", "web", HAUL.summary, 1, 2)


def test_a_lengthy_step_hears_of_the_wish_to_stop():
    machine, pairs = hauling(Lorry(lambda watch: machine.cancelled.set()))
    run(machine, pairs)
    (finding,) = machine.findings.values()
    assert (finding.remedy.state, finding.remedy.reason) == (RemedyState.FAILED, "interrupted; nothing is left")


def test_a_transport_that_cannot_carry_is_not_asked_to_apply_a_lengthy_step():
    world = World()
    machine, pairs = hauling(world)
    run(machine, pairs)
    assert world.applied == []
    (finding,) = machine.findings.values()
    assert finding.remedy.reason == "/a: nothing can carry this out"
