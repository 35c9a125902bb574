"""Whatever a run did, its journal tells it, wherever a kill cut it off; whatever stands in a file, reading it ends well
or with one kind of error."""

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import foreign, maybe, moments, patient, seen, targets

from imagegate import codec, steps
from imagegate.codec import dump_step, load_step
from imagegate.copies import MARKER, Terms
from imagegate.errors import StepRefused, ToolError
from imagegate.journal import Journal, append
from imagegate.journal_reader import JournalError, read_journal
from imagegate.model import Facts, Level, Phase, Probe
from imagegate.probes import (
    AnswerFile,
    AppxProbe,
    CopiesProbe,
    File,
    FstabProbe,
    ImageProbe,
    NamesakesFact,
    NamesakesProbe,
    Registry,
    ServerProbe,
    Service,
    TasksOf,
    WindowsFile,
)

SAID = {
    "subject": foreign, "summary": foreign, "why": foreign, "undo": st.none() | foreign, "then": st.none() | foreign,
    "level": st.sampled_from(Level), "phase": st.sampled_from(Phase), "disconnects": st.booleans(),
    "patience_s": st.floats(0, 1e6),
}  # fmt: skip
A_FILE = st.builds(File, path=foreign, read=st.integers(0, 99), classify=st.sampled_from((None, "machine-id")))
A_TASK = {
    "tasks": st.builds(TasksOf, program=foreign), "name": st.sampled_from((r"\RenewIP", r"\imagegate-renew-dhcp")) | foreign,
    "description": foreign, "command": foreign, "arguments": foreign,
}  # fmt: skip
OWN = {
    "AcceptImage": {"owner": foreign, "project": foreign, "answer": st.sampled_from(("accepted", "pending", "rejected"))},
    "AddMember": {"project": foreign},
    "CommentFstab": {
        "fstab": st.builds(FstabProbe, path=foreign), "commented": st.booleans(),
        "lines": st.lists(st.tuples(st.integers(1, 99), foreign), max_size=3).map(tuple),
    },
    "CopyImage": {
        "probe": st.builds(CopiesProbe, region=foreign, link=foreign, members=st.booleans()),
        "terms": st.builds(Terms, region=foreign, link=foreign, members_of_source=st.booleans()),
    },
    "DeleteTask": A_TASK,
    "EmptyFile": {"file": A_FILE, "mode_if_new": foreign},
    "Generalize": {"answers": st.builds(AnswerFile, path=foreign), "since": moments},
    "LinkFile": {"file": A_FILE, "to": foreign},
    "Manual": {},
    "RegisterTask": A_TASK,
    "RemoveAppxPackage": {"full_name": foreign},
    "RemoveMember": {"project": foreign},
    "Rename": {"name": foreign},
    "RestartGuest": {"since": moments},
    "SetMinimum": {"field": st.sampled_from(("min_disk", "min_ram")), "value": st.integers(0, 2**31 - 1)},
    "SetProperty": {"key": foreign, "value": maybe},
    "SetProtected": {"protected": st.booleans()},
    "SetRegistryNumber": {
        "value": st.builds(Registry, path=foreign, name=foreign), "number": st.integers(0, 9) | st.integers(0, 2**32 - 1),
    },
    "SetServiceStart": {
        "service": st.builds(Service, name=foreign),
        "start": st.sampled_from(("boot", "system", "auto", "demand", "disabled")),
    },
    "SetTag": {"tag": foreign, "there": st.booleans()},
    "SetVisibility": {"visibility": st.sampled_from(("shared", "private"))},
    "StartServer": {},
    "StopServer": {},
    "ToastSysprep": {"since": moments},
}  # fmt: skip
all_steps = st.one_of(*(st.builds(getattr(steps, name), **SAID, **own) for name, own in OWN.items()))


@st.composite
def looks(draw, step):
    """What was seen before a step: what it reads, or less."""
    probes: list[Probe] = draw(st.lists(st.sampled_from(step.reads), unique=True)) if step.reads else []
    return Facts({probe: draw(seen(probe)) for probe in probes}, draw(moments))


@st.composite
def acts(draw):
    """One thing that a run writes down: a step, and perhaps how it ended and whether its debt was paid."""
    step = draw(all_steps)
    owes = draw(st.none() | st.builds(steps.protection, protected=st.just(True), why=foreign))
    state = draw(st.sampled_from((None, "verified", "not-verified", "failed", "refused")))
    after = draw(looks(step)) if state == "verified" else None
    end = {"state": state, "after": after, "reason": draw(st.none() | foreign), "changed": draw(st.booleans())}
    return draw(targets), step, draw(looks(step)), owes, end, draw(st.booleans())


def test_every_type_of_step_is_drawn():
    assert OWN.keys() == codec._STEP_TYPES.keys()


@patient
@given(all_steps)
def test_steps_survive_json(step):
    assert load_step(json.loads(json.dumps(dump_step(step)))) == step


@patient
@given(all_steps, st.data())
def test_a_step_with_a_piece_changed_is_read_or_is_a_tool_error(step, data):
    raw = dump_step(step)
    raw[data.draw(st.sampled_from(sorted(raw)) | st.text(max_size=4))] = data.draw(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=1)
    )
    try:
        load_step(raw)
    except ToolError:
        return


def told(path, done):
    """Write what was done; the size of the file after each line, and the entries that there are then."""
    journal = Journal(path)
    sizes = []

    def line(kind, number):
        sizes.append((path.stat().st_size, kind, number))

    for target, step, before, owes, end, paid in done:
        number = journal.intent(target, step, before, owes=owes)
        line("intent", number)
        if end["state"] is not None:
            journal.result(number, step, **end)
            line("end", number)
        if owes is not None and paid:
            journal.settled(number)
            line("settled", number)
    return sizes


@patient
@given(st.lists(acts(), min_size=1, max_size=4))
def test_what_was_written_is_read(done):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "journal.jsonl"
        told(path, done)
        history = read_journal(path)
    assert not history.torn
    assert len(history.entries) == len(done)
    for entry, (target, step, before, owes, end, paid) in zip(history.entries, done, strict=True):
        assert (entry.target, entry.step, entry.before, entry.owes) == (target, step, step.kept(before), owes)
        assert (entry.ending is None) is (end["state"] is None)
        if entry.ending is not None:
            after = None if end["after"] is None else step.kept(end["after"])
            assert (entry.ending.end, entry.ending.after) == (end["state"], after)
            assert (entry.ending.reason, entry.ending.changed) == (end["reason"], end["changed"])
        assert entry.in_debt is (owes is not None and not paid)


@patient
@given(st.lists(acts(), min_size=1, max_size=3), st.data())
def test_a_journal_cut_off_at_any_byte_tells_all_its_whole_lines_and_can_go_on(done, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "journal.jsonl"
        sizes = told(path, done)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        history = read_journal(path)
        there = [(kind, number) for size, kind, number in sizes if size <= cut]
        assert [entry.number for entry in history.entries] == [n for kind, n in there if kind == "intent"]
        assert {e.number for e in history.open} == {e.number for e in history.entries} - {n for k, n in there if k == "end"}
        owing = {number for number, act in enumerate(done, start=1) if act[3] is not None}
        unpaid = owing - {n for kind, n in there if kind == "settled"}
        assert {entry.number for entry in history.debts} == unpaid & {entry.number for entry in history.entries}
        assert history.torn is (cut not in {0, *(size for size, _, _ in sizes)})
        for debt in history.debts:
            append(path, {"event": "settled", "of": debt.number, "by": "later"})
        again = read_journal(path)
        assert again.debts == ()
        assert len(again.entries) == len(history.entries)
        assert not (again.torn and history.debts)


@patient
@given(acts(), st.data())
def test_a_journal_with_a_byte_changed_is_read_or_is_a_journal_error(act, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "journal.jsonl"
        told(path, [act])
        raw = bytearray(path.read_bytes())
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(raw))
        try:
            read_journal(path)
        except JournalError:
            return


@patient
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_are_a_journal_error(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(raw)
        try:
            history = read_journal(path)
        except JournalError:
            return
    assert history.entries == ()


def basis(step, facts):
    """What the step compares, or that it refuses: a name may be taken."""
    try:
        return step.basis(facts)
    except StepRefused as error:
        return str(error)


@patient
@given(all_steps, st.data())
def test_what_a_journal_keeps_is_all_that_an_undo_needs_and_no_secret(step, data):
    """A step that needs more (the old value of a property) has to keep it."""
    before = Facts({probe: data.draw(seen(probe)) for probe in step.reads}, data.draw(moments))
    kept = step.kept(before)
    assert set(kept) == set(step.reads)
    assert step.kept(kept) == kept
    assert step.inverse(kept) == step.inverse(before)
    for one in (step, step.inverse(before)):
        if one is not None:
            assert (basis(one, kept), one.done(kept)) == (basis(one, before), one.done(before))
            assert basis(one, step.simulate(kept)) == basis(one, step.simulate(before))
    for probe in kept:
        if isinstance(probe, ImageProbe):
            changed = {step.key} if isinstance(step, steps.SetProperty) else {MARKER}
            assert {key for key, _ in kept[probe].properties} <= changed
            assert {*kept[probe].tags} <= ({step.tag} if isinstance(step, steps.SetTag) else set())
        if isinstance(probe, ServerProbe):
            assert kept[probe].metadata == ()
        if isinstance(probe, WindowsFile) and probe.tail:
            assert kept[probe].tail is None
        if isinstance(probe, TasksOf):
            assert {task.name.lower() for task in kept[probe].tasks} <= {step.name.lower()}
        if isinstance(probe, AppxProbe):
            assert {package.full_name for package in kept[probe].packages} <= {step.full_name}


def is_name(probe):
    """Whether it asks who has a name: an undo asks for the old one."""
    return isinstance(probe, NamesakesProbe) and probe.name is not None


@patient
@given(all_steps, st.data())
def test_an_inverse_takes_back_what_the_step_read_or_says_that_there_is_no_way(step, data):
    """Nothing else of the target is touched, and the inverse of a step that is done here is undone there."""
    before = Facts({probe: data.draw(seen(probe)) for probe in step.reads}, data.draw(moments))
    if isinstance(step, steps.Rename):
        before = before.with_fact(NamesakesProbe(name=step.name), NamesakesFact())
    if step.done(before):
        return
    back = step.inverse(before)
    if back is None:
        assert step.no_way_back
        return
    assert {probe for probe in back.reads if not is_name(probe)} <= set(step.reads)
    assert load_step(dump_step(back)) == back
    again = back.simulate(step.simulate(before))
    if isinstance(step, steps.StopServer | steps.StartServer | steps.LinkFile | steps.SetMinimum):
        assert back.done(again)
    else:
        assert basis(step, again) == basis(step, before)


@given(all_steps)
def test_what_a_step_brings_to_light_is_looked_at_right_after_it(step):
    assert set(step.reveals) <= set(step.reads)
