"""Laws of the engine, over random worlds that drift, fail and fall silent."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from tests.checks.world import EMPTY, World, a_file, engine, full, instance, pair, run, scrub, toy
from tests.strategies import patient

from imagegate.errors import StepError, StepRefused
from imagegate.model import Level, RemedyState, Verdict
from imagegate.plan import Grant
from imagegate.result import count

PATHS = ("/a", "/b", "/c")
CHECKS = (
    toy("linux-first-empty", ("/a",)), toy("linux-second-empty", ("/a", "/b")),
    toy("linux-third-empty", ("/c",), steps=[scrub("/c", level=Level.DESTRUCTIVE)]),
)  # fmt: skip


@dataclass
class Fate:
    """What goes wrong, at which look or write of the whole run."""

    drift: dict[int, tuple[str, int]]
    silence: int | None
    failures: dict[str, Exception]


fates = st.builds(
    Fate,
    drift=st.dictionaries(st.integers(0, 25), st.tuples(st.sampled_from(PATHS), st.integers(0, 9)), max_size=3),
    silence=st.none() | st.integers(0, 25),
    failures=st.dictionaries(
        st.sampled_from([f"scrub {path}" for path in PATHS]),
        st.sampled_from(
            (StepError("x", changed=True), StepError("x", changed=False), StepRefused("x"), ValueError("x"))
        ),
        max_size=2,
    ),
)
grants = st.builds(Grant, level=st.none() | st.sampled_from((Level.SAFE, Level.DISRUPTIVE, Level.DESTRUCTIVE)))


@st.composite
def runs(draw):
    """A whole run over two guests, and the world that is left."""
    world = World()
    targets = [
        world.add(instance(name, cloud=None), {a_file(p): draw(st.sampled_from((EMPTY, full()))) for p in PATHS})
        for name in ("one", "two")
    ]
    before = {target.key: dict(world.truth[target.key]) for target in targets}
    fate = draw(fates)
    world.failures = fate.failures

    def happen(target, probes):
        now = len(world.looks)
        if now in fate.drift:
            path, size = fate.drift[now]
            world.change(target, a_file(path), full(size))
        if now == fate.silence:
            world.silent[target.key] = "connection reset"

    world.on_look = happen
    grant = draw(grants)
    machine = engine(world)
    pairs = [pair(check, target) for target in targets for check in CHECKS]
    run(machine, pairs, grant, changed_targets=draw(st.integers(0, 2)))
    return world, machine, pairs, grant, before, fate


@patient
@given(runs())
def test_nothing_is_written_on_stale_facts_and_nothing_above_the_grant(drawn):
    world, machine, _, grant, _, _ = drawn
    assert world.abuse == []
    if grant.level is None or grant.level is Level.SAFE:
        assert world.applied == []
    assert not any(summary == "scrub /c" for _, summary in world.applied), "destructive, but not named"
    assert {name for name, _ in world.applied} <= {plan.target.id for plan in machine.plans.values() if plan.granted}


@patient
@given(runs())
def test_only_what_a_fresh_look_showed_mended_counts_as_fixed(drawn):
    _, machine, _, _, _, _ = drawn
    for (_, key), found in machine.findings.items():
        if found.fixed:
            assert all(machine.facts[key][probe].size == 0 for probe in found.check.needs)
            assert set(found.remedy.done) <= set(found.remedy.steps)


@patient
@given(runs())
def test_every_write_of_a_run_stands_in_a_remedy_or_the_target_failed(drawn):
    world, machine, _, _, _, _ = drawn
    for name, summary in world.applied:
        remedies = [f.remedy for f in machine.findings.values() if f.target.id == name]
        steps = {step.summary for remedy in remedies for step in remedy.steps}
        assert summary in steps, f"{summary} was written to {name}, and no report says so"


@patient
@given(runs())
def test_a_fix_that_wrote_and_did_not_mend_is_never_called_refused(drawn):
    _, machine, *_ = drawn
    for found in machine.findings.values():
        if found.remedy.state is RemedyState.REFUSED:
            assert found.remedy.done == ()
            assert found.remedy.reason


@patient
@given(runs())
def test_every_pair_has_a_finding_and_a_verdict_seen_before_any_write_stays(drawn):
    _, machine, pairs, _, _, _ = drawn
    assert set(machine.findings) == {one.key for one in pairs}
    counts = count(list(machine.findings.values()))
    assert counts.passed + counts.fail + counts.unknown + counts.not_applicable == len(pairs)
    for found in machine.findings.values():
        if found.remedy.state is not RemedyState.NONE:
            assert found.verdict is Verdict.FAIL


@patient
@given(runs())
def test_without_drift_silence_and_failures_what_may_be_mended_is_mended(drawn):
    world, machine, pairs, grant, before, fate = drawn
    calm = not fate.drift and fate.silence is None and not fate.failures
    limited = any("limits.changed_targets" in (f.remedy.reason or "") for f in machine.findings.values())
    if not calm or limited or grant.level is None or grant.level is Level.SAFE:
        return
    for one in pairs:
        found = machine.findings[one.key]
        dirty = any(before[one.target.key][probe] != EMPTY for probe in one.check.needs)
        assert found.verdict is (Verdict.FAIL if dirty else Verdict.PASS)
        if dirty and one.check is not CHECKS[2]:
            assert found.fixed
    again = engine(world)
    run(again, pairs, grant)
    assert not any(plan.granted for plan in again.plans.values()), "planning again gives something"


@patient
@given(runs())
def test_a_target_that_fell_silent_is_never_green_by_the_last_look(drawn):
    _, machine, pairs, *_ = drawn
    for one in pairs:
        found = machine.findings[one.key]
        if found.verdict is Verdict.PASS:
            assert all(probe in machine.facts[one.target.key] for probe in one.check.needs)
