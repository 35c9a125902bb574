"""A protection that has to be lifted for a change is put back, whatever happens; if not, the next run does it first."""

import errno
import threading
from dataclasses import replace

import pytest
from tests.checks.harness import catalogue
from tests.checks.world import ALL, NOW, Told, World, engine, pair, run

from imagegate import shield
from imagegate.engine import Engine
from imagegate.errors import StepBlocked, StepError
from imagegate.journal import Journal
from imagegate.journal_reader import read_journal
from imagegate.locks import Locks
from imagegate.model import Facts, Kind, Level, Phase, RemedyState, Seen, Target
from imagegate.plan import Grant
from imagegate.probes import (
    IMAGE,
    MEMBER_PROJECTS,
    MEMBERS,
    NAMESAKES,
    ImageFact,
    Member,
    MemberProjectsFact,
    MembersFact,
    NamesakesFact,
    NamesakesProbe,
)
from imagegate.recover import debts, pay_debts
from imagegate.steps import AddMember, Rename, SetMinimum, SetProperty, SetProtected, SetTag, SetVisibility, protection

GOLDEN = Target(kind=Kind.IMAGE, id="i-1", name="golden", cloud="nhn", region="KR1", owner="p-owner")
ALLOWED = catalogue().checks["catalog-members-allowed"]
SHARE = "change visibility from private to shared"
LIFT, BACK = "allow deletion", "protect the image against deletion"
WANT = {"require": [{"project": "p-prod"}]}


class Strict(World):
    """A cloud that refuses to change the record of a protected image, but for its protection."""

    def apply(self, target, step, seen, *, timeout_s):
        protected = self.truth[target.key][IMAGE].protected
        fields = (Rename, SetMinimum, SetProperty, SetTag, SetVisibility)
        if protected and isinstance(step, fields):
            raise StepBlocked(f"{step.summary}: 403 (the image is protected)")
        super().apply(target, step, seen, timeout_s=timeout_s)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(shield, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def world():
    """A private, protected image that has to be shared with p-prod."""
    made = Strict()
    image = ImageFact(
        id="i-1", name="golden", owner="p-owner", mine=True, status="active", visibility="private", protected=True
    )
    made.add(GOLDEN, {IMAGE: image, MEMBERS: MembersFact(members=()), MEMBER_PROJECTS: MemberProjectsFact(missing=())})
    return made


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "run-1" / "journal.jsonl")


def mended(world, journal, grant=ALL, **more):
    """Mend the image; what came of the finding."""
    machine = engine(world, journal=journal, **more)
    run(machine, [pair(ALLOWED, GOLDEN, WANT)], grant)
    assert world.abuse == []
    return machine.findings[ALLOWED.id, GOLDEN.key].remedy


def applied(world):
    return [summary for _, summary in world.applied]


def history(journal):
    return read_journal(journal.path)


def test_lift_change_and_put_back(world, journal):
    told = Told()
    remedy = mended(world, journal, progress=told)
    assert remedy.state is RemedyState.VERIFIED
    assert applied(world) == [LIFT, SHARE, "add member p-prod", BACK]
    assert world.truth[GOLDEN.key][IMAGE].protected is True
    entries = history(journal).entries
    assert [(e.summary, str(e.ending.end)) for e in entries] == [
        (SHARE, "failed"), (LIFT, "verified"), (SHARE, "verified"), ("add member p-prod", "verified"), (BACK, "verified"),
    ]  # fmt: skip
    assert (entries[0].ending.changed, entries[1].owes.summary, entries[4].restores) == (False, BACK, "run-1/2")
    assert history(journal).debts == ()
    assert [line[2] for line in told.lines if line[0] == "applied"][-1] == BACK


def _and_copies(seen, want):
    """As a step that copies the image elsewhere: after all others, and of what the image is then."""
    yield from ALLOWED.plan(seen, want)
    if all(member.project != "p-copy" for member in seen[MEMBERS].members):
        said = {"summary": "copy", "level": Level.DISRUPTIVE, "why": "test", "undo": None}
        yield AddMember(project="p-copy", subject="copy", phase=Phase.COPIES, **said)


def test_a_copy_is_made_of_an_image_that_is_protected_again(world, journal):
    """It may take hours, and the copy is to be as protected as the image was."""
    seen = []
    apply = world.apply
    world.apply = lambda target, step, *rest, **more: (
        seen.append((step.summary, world.truth[GOLDEN.key][IMAGE].protected)), apply(target, step, *rest, **more)
    )[1]  # fmt: skip
    machine = engine(world, journal=journal)
    check = replace(ALLOWED, plan=_and_copies)
    run(machine, [pair(check, GOLDEN, {"allow": [{"project": "p-copy"}], **WANT})], ALL)
    assert applied(world) == [LIFT, SHARE, "add member p-prod", BACK, "copy"]
    assert seen[-1] == ("copy", True)
    assert history(journal).debts == ()


def test_no_copy_is_made_while_the_protection_cannot_be_put_back(world, journal):
    world.failures[BACK] = StepError("500", changed=False)
    machine = engine(world, journal=journal)
    check = replace(ALLOWED, plan=_and_copies)
    run(machine, [pair(check, GOLDEN, {"allow": [{"project": "p-copy"}], **WANT})], ALL)
    assert "copy" not in applied(world)
    assert "NOT PROTECTED" in machine.findings[ALLOWED.id, GOLDEN.key].remedy.reason


def test_what_a_record_says_is_changed_under_one_lifted_protection(world, journal):
    """Each of these steps expects what it was planned from, and finds it with the protection lifted."""
    for probe in (NAMESAKES, NamesakesProbe(name="gold-golden")):
        world.change(GOLDEN, probe, NamesakesFact())
    world.change(GOLDEN, IMAGE, replace(world.truth[GOLDEN.key][IMAGE], properties=(("old", "1"),)))
    wants = {
        "catalog-name-conforms": {"pattern": "gold-.*", "rename": "gold-{name}"},
        "catalog-properties-conform": {
            "properties": {"os_type": "linux"}, "absent": ["old"], "tags": ["gold"], "min_disk": 20,
        },
    }  # fmt: skip
    machine = engine(world, journal=journal)
    pairs = [pair(catalogue().checks[check], GOLDEN, want) for check, want in wants.items()]
    run(machine, pairs, ALL)
    assert world.abuse == []
    assert {finding.remedy.state for finding in machine.findings.values()} == {RemedyState.VERIFIED}
    assert applied(world) == [
        LIFT, "rename the image to gold-golden", "set property os_type to linux", "remove property old", "add tag gold",
        "raise min_disk to 20 GB", BACK,
    ]  # fmt: skip
    assert world.truth[GOLDEN.key][IMAGE].protected is True
    assert history(journal).debts == ()


def test_what_is_owed_is_on_disk_before_the_protection_is_lifted(world, journal):
    owed = []

    def watch(target, step):
        if isinstance(step, SetProtected):
            owed.append((step.summary, len(history(journal).debts)))

    world.on_apply = watch
    mended(world, journal)
    assert owed == [(LIFT, 1), (BACK, 1)]


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        (Grant(), "needs --fix-level disruptive"),
        (Grant(level=Level.SAFE), "needs --fix-level disruptive"),
        (Grant(level=Level.DISRUPTIVE, ceiling=Level.SAFE), "the policy's fix.ceiling is safe"),
        (Grant(level=Level.DISRUPTIVE), None),
        (Grant(level=Level.DESTRUCTIVE), None),
    ],
)
def test_who_may_lift_a_protection(grant, reason):
    assert grant.no_lifting == reason


def test_not_without_a_disruptive_grant(world, journal):
    grant = Grant(level=Level.SAFE)
    assert mended(world, journal, grant).state is RemedyState.REFUSED
    assert applied(world) == []


def test_a_safe_change_that_is_blocked_says_what_would_be_needed(world, journal):
    """A safe step, granted as such: the protection is not lifted for it."""
    machine = engine(world, journal=journal)
    pairs = [pair(replace(ALLOWED, effort=Level.SAFE, plan=_as_safe), GOLDEN, WANT)]
    run(machine, pairs, Grant(level=Level.SAFE))
    remedy = machine.findings[ALLOWED.id, GOLDEN.key].remedy
    assert remedy.state is RemedyState.REFUSED
    assert remedy.reason == f"{SHARE}: 403 (the image is protected): it may not be lifted for the change: needs --fix-level disruptive"
    assert applied(world) == []
    assert world.truth[GOLDEN.key][IMAGE].protected is True


def _as_safe(seen, want):
    for step in ALLOWED.plan(seen, want):
        yield replace(step, level=Level.SAFE)


def test_not_without_a_journal(world):
    remedy = mended(world, Journal(None))
    assert (remedy.state, applied(world)) == (RemedyState.REFUSED, [])
    assert "not lifted without a journal" in remedy.reason


@pytest.mark.parametrize("error", [StepError("500", changed=True), ZeroDivisionError("a bug")], ids=["500", "bug"])
@pytest.mark.parametrize("step", [SHARE, "add member p-prod"])
def test_any_error_puts_it_back(world, journal, step, error):
    if step == SHARE:  # blocked first, then broken
        world.on_apply = lambda target, done: world.failures.update({SHARE: error}) if done.summary == LIFT else None
    else:
        world.failures[step] = error
    remedy = mended(world, journal)
    assert remedy.state is RemedyState.FAILED
    assert applied(world)[-1] == BACK
    assert world.truth[GOLDEN.key][IMAGE].protected is True
    assert history(journal).debts == ()


def test_a_lift_that_fails_changes_nothing_and_owes_nothing(world, journal):
    world.failures[LIFT] = StepError("403", changed=False)
    assert mended(world, journal).state is RemedyState.FAILED
    assert applied(world) == []
    assert history(journal).debts == ()


def test_a_lift_that_is_not_certain_is_put_back(world, journal):
    """The answer was lost, the change was not."""

    def lost(target, step):
        if step.summary == LIFT:
            raise StepError("connection reset", changed=True)

    world.on_apply = lost
    assert mended(world, journal).state is RemedyState.FAILED
    assert applied(world) == [LIFT, BACK]
    assert history(journal).debts == ()


class FullDisk(Journal):
    """A journal whose disk is ``full`` from some moment on."""

    full = False

    def _write(self, line):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(line)


@pytest.mark.parametrize("after", [LIFT, SHARE, "add member p-prod"])
def test_a_full_disk_does_not_keep_it_from_being_put_back(world, tmp_path, after):
    """What is owed stands in the journal already; it is paid, written down or not, and the next run settles it."""
    journal = FullDisk(tmp_path / "run-1" / "journal.jsonl")
    world.on_apply = lambda target, step: setattr(journal, "full", journal.full or step.summary == after)
    remedy = mended(world, journal)
    assert world.truth[GOLDEN.key][IMAGE].protected is True
    assert applied(world)[-2:] == [after, BACK]
    assert remedy.state is not RemedyState.VERIFIED
    assert "NOT PROTECTED" not in remedy.reason
    assert "golden is protected again (run-1/2), which cannot be written down" in remedy.reason
    assert "No space left on device" in remedy.reason
    assert [debt.number for debt in history(journal).debts] == [2]
    world.on_apply = lambda target, step: None
    assert (len(pays(world, tmp_path).paid), history(journal).debts) == (1, ())


def test_a_full_disk_that_is_noticed_when_it_is_settled(world, tmp_path):
    journal = FullDisk(tmp_path / "run-1" / "journal.jsonl")
    settled = journal.settled
    journal.settled = lambda number: (setattr(journal, "full", True), settled(number))
    remedy = mended(world, journal)
    assert world.truth[GOLDEN.key][IMAGE].protected is True
    assert applied(world).count(BACK) == 1
    assert "golden is protected again (run-1/2), which cannot be written down" in remedy.reason


def test_an_interrupt_puts_it_back(world, journal):
    machine = engine(world, journal=journal)
    world.on_apply = lambda target, step: machine.cancelled.set() if step.summary == SHARE else None
    run(machine, [pair(ALLOWED, GOLDEN, WANT)])
    assert applied(world) == [LIFT, SHARE, BACK]
    assert machine.findings[ALLOWED.id, GOLDEN.key].remedy.reason == "interrupted before this step"


def test_putting_back_is_tried_again(world, journal):
    left = [2]

    def silent(target, probes):
        if applied(world)[-1:] == ["add member p-prod"] and left[0] and list(probes) == [IMAGE]:
            left[0] -= 1
            world.silent[GOLDEN.key] = "502"
        else:
            world.silent.clear()

    world.on_look = silent
    assert mended(world, journal).state is RemedyState.VERIFIED
    assert left == [0]
    assert world.truth[GOLDEN.key][IMAGE].protected is True


def broken_off(world, journal):
    """A run that lifts the protection and cannot put it back."""
    world.failures[BACK] = StepError("503", changed=False)
    remedy = mended(world, journal)
    world.failures.clear()
    world.applied.clear()
    return remedy


def test_what_cannot_be_put_back_is_not_verified_and_stays_owed(world, journal):
    remedy = broken_off(world, journal)
    assert remedy.state is RemedyState.NOT_VERIFIED
    assert remedy.reason.startswith("golden is NOT PROTECTED any more and was before (run-1/2): 503")
    assert [debt.number for debt in history(journal).debts] == [2]


def test_a_second_round_does_not_make_it_forgotten(world, journal):
    """Sharing the image brings a hidden member to light, which would be removed in another round."""

    def reveal(target, step):
        if step.summary == SHARE:
            world.change(GOLDEN, MEMBERS, MembersFact(members=(Member(project="p-old", status="accepted"),)))

    world.on_apply = reveal
    assert broken_off(world, journal).state is RemedyState.NOT_VERIFIED


def test_drift_while_the_protection_is_lifted_is_noticed(world, journal):
    def meddle(target, step):
        if step.summary == LIFT:
            world.change(GOLDEN, IMAGE, replace(world.truth[GOLDEN.key][IMAGE], visibility="public"))

    world.on_apply = meddle
    remedy = mended(world, journal)
    assert "changed since the plan was made" in remedy.reason
    assert applied(world) == [LIFT, BACK]


# ---- the next run


def pays(world, tmp_path, targets=(GOLDEN,), run_id="run-2", **more):
    machine = engine(world, journal=Journal(tmp_path / run_id / "journal.jsonl"), **more)
    return pay_debts(tmp_path, {target.key: target for target in targets}, machine, run_id)


def test_the_next_run_pays_and_says_so(world, journal, tmp_path):
    broken_off(world, journal)
    recovery = pays(world, tmp_path)
    assert recovery.paid == ("golden: protected again; run run-1 had lifted that for a change (run-1/2)",)
    assert (recovery.owed, recovery.unread) == ((), ())
    assert applied(world) == [BACK]
    assert debts(tmp_path) == ([], ())
    [mine] = read_journal(tmp_path / "run-2" / "journal.jsonl").entries
    assert (mine.summary, mine.restores) == (BACK, "run-1/2")
    assert pays(world, tmp_path, run_id="run-3").paid == ()
    assert applied(world) == [BACK]


OWNED = {"owner": frozenset({"self", "p-owner"})}


@pytest.mark.parametrize(
    ("then", "now", "paid"),
    [
        ({"deployment": "d"}, {"deployment": "d"}, True),
        ({}, {"deployment": "d"}, True),  # the journal of a version that wrote no deployment
        ({"deployment": "old-name"}, {"deployment": "new-name"}, True),
        ({"deployment": "d"}, {"deployment": "d", "cloud": "other-entry", "attributes": OWNED}, True),
        ({"deployment": "d"}, {"deployment": "d", "cloud": "receiver"}, False),
        ({"deployment": "d"}, {"deployment": "e", "cloud": "other-entry", "attributes": OWNED}, False),
        ({"deployment": "d"}, {"deployment": "d", "region": "KR2"}, False),
        ({"deployment": "d"}, {"deployment": "d", "id": "i-2"}, False),
    ],
)
def test_a_debt_is_paid_by_who_can_whatever_the_entry_is_called(world, tmp_path, *, then, now, paid):
    run = Journal(tmp_path / "run-1" / "journal.jsonl")
    owed = protection(protected=True, why="w")
    before = Facts({probe: Seen(value=value, at=NOW) for probe, value in world.truth[GOLDEN.key].items()}, NOW)
    run.intent(replace(GOLDEN, **then), protection(protected=False, why="w"), before, owes=owed)
    target = replace(GOLDEN, **now)
    world.add(target, world.truth[GOLDEN.key])
    recovery = pays(world, tmp_path, targets=(target,))
    assert (len(recovery.paid), len(debts(tmp_path)[0])) == ((1, 0) if paid else (0, 1))


def test_what_somebody_has_protected_again_is_settled_without_a_write(world, journal, tmp_path):
    broken_off(world, journal)
    world.change(GOLDEN, IMAGE, replace(world.truth[GOLDEN.key][IMAGE], protected=True))
    assert len(pays(world, tmp_path).paid) == 1
    assert applied(world) == []
    assert debts(tmp_path) == ([], ())


def test_targets_that_the_run_does_not_select_are_left_alone(world, journal, tmp_path):
    broken_off(world, journal)
    assert pays(world, tmp_path, targets=()).paid == ()
    assert (applied(world), len(debts(tmp_path)[0])) == ([], 1)


def test_a_debt_that_cannot_be_paid_stays_and_is_told(world, journal, tmp_path):
    broken_off(world, journal)
    world.silent[GOLDEN.key] = "503"
    recovery = pays(world, tmp_path)
    assert (recovery.paid, len(recovery.owed)) == ((), 1)
    assert "NOT PROTECTED any more" in recovery.owed[0]
    assert len(debts(tmp_path)[0]) == 1


def test_a_run_that_is_still_at_it_pays_its_own_debts(world, journal, tmp_path):
    broken_off(world, journal)
    folder = tmp_path / "locks"
    with Locks(folder, run_id="run-1").hold(GOLDEN, threading.Event()):
        recovery = pays(world, tmp_path, locks=Locks(folder, timeout_s=0))
    assert "golden is being changed by run run-1 (pid" in recovery.owed[0]
    assert applied(world) == []


def test_a_debt_that_was_paid_while_we_waited_is_not_paid_twice(world, journal, tmp_path, monkeypatch):
    broken_off(world, journal)
    real = Engine.pay

    def late(self, target, debt, *, still):
        monkeypatch.setattr(Engine, "pay", real)
        assert pays(world, tmp_path, run_id="run-9").paid
        return self.pay(target, debt, still=still)

    monkeypatch.setattr(Engine, "pay", late)
    pays(world, tmp_path)
    assert applied(world) == [BACK]
    assert journal.path.read_text().count('"settled"') == 1


def test_a_journal_that_nobody_can_read_is_told_and_stops_nothing(world, journal, tmp_path):
    broken_off(world, journal)
    (tmp_path / "run-0").mkdir()
    (tmp_path / "run-0" / "journal.jsonl").write_text('{"owes": 1}\n')
    recovery = pays(world, tmp_path)
    assert len(recovery.paid) == 1
    assert "run-0/journal.jsonl:1: this is no line of a journal" in recovery.unread[0]


# ---- two at once, in the engine


def test_a_target_that_another_run_holds_is_refused_with_its_name_and_not_written(world, journal, tmp_path):
    world.truth[GOLDEN.key][IMAGE] = replace(world.truth[GOLDEN.key][IMAGE], protected=False)
    with Locks(tmp_path / "locks", run_id="run-7").hold(GOLDEN, threading.Event()):
        remedy = mended(world, journal, locks=Locks(tmp_path / "locks", timeout_s=0))
    assert (remedy.state, remedy.done, applied(world)) == (RemedyState.REFUSED, (), [])
    assert remedy.reason.startswith("golden is being changed by run run-7 (pid ")
    assert remedy.steps, "what was planned is told"
    assert mended(world, journal, locks=Locks(tmp_path / "locks", timeout_s=0)).state is RemedyState.VERIFIED


def test_a_lock_is_held_from_before_the_first_look_until_after_the_last(world, journal, tmp_path):
    folder = tmp_path / "locks"
    held = []
    world.on_look = lambda target, probes: held.append(folder.exists() and len(list(folder.iterdir())))
    machine = engine(world, journal=journal, locks=Locks(folder))
    pairs = [pair(ALLOWED, GOLDEN, WANT)]
    machine.look(pairs)
    machine.judge(pairs)
    machine.plan(pairs, Grant(level=Level.DISRUPTIVE), changed_targets=1)
    held.clear()
    machine.mend(pairs, Grant(level=Level.DISRUPTIVE))
    assert set(held) == {1}
    assert list(folder.iterdir()) == []
