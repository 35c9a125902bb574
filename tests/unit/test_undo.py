"""A run's journal → what takes its changes back: newest first, and only where all is as the run left it."""

import json
from dataclasses import replace

import pytest
from tests.checks.world import NOW, OFF, World, a_file, full, instance, scrub, server

from imagegate import undo_run
from imagegate.engine import Engine
from imagegate.errors import StepError, UsageError
from imagegate.journal import Journal
from imagegate.journal_reader import End, read_journal
from imagegate.mend import Outcome
from imagegate.model import Facts, Kind, Level, Phase, Seen, Source, Target, Unseen
from imagegate.probes import (
    IMAGE,
    MEMBERS,
    NAMESAKES,
    SERVER,
    FileFact,
    FileKind,
    ImageFact,
    Member,
    MembersFact,
    NamesakesFact,
    NamesakesProbe,
    TasksFact,
    TasksOf,
)
from imagegate.report.undo import record, undo_lines
from imagegate.steps import (
    AddMember,
    EmptyFile,
    LinkFile,
    RegisterTask,
    RemoveMember,
    Rename,
    SetVisibility,
    StopServer,
    protection,
)
from imagegate.transports.guests import Guests
from imagegate.undo import Fate, changes, counts, plan_undo, probes_for
from imagegate.undo_run import Undo, UndoOptions, find_run

WEB = instance("web")
GOLDEN = Target(kind=Kind.IMAGE, id="i-1", name="golden", cloud="nhn", region="KR1", owner="p-owner")
SAID = {"subject": "s", "why": "w", "level": Level.DISRUPTIVE}
RUN = "20261122T101500Z-3f2a"


def remove(project):
    return RemoveMember(project=project, summary=f"remove {project}", phase=Phase.REMOVE_MEMBERS, undo="add it", **SAID)


def add(project):
    return AddMember(project=project, summary=f"add {project}", phase=Phase.ADD_MEMBERS, **SAID)


def share():
    return SetVisibility(visibility="shared", summary="share", phase=Phase.VISIBILITY, **SAID)


PROTECT, LIFT = protection(protected=True, why="w"), protection(protected=False, why="w")


def truth(*members, **change):
    """An image as it is."""
    fields = {"status": "active", "visibility": "shared", "protected": False, **change}
    fact = ImageFact(id="i-1", name="golden", owner="p-owner", mine=True, **fields)
    return {IMAGE: fact, MEMBERS: MembersFact(members=tuple(Member(project=p, status="accepted") for p in sorted(members)))}


def facts(known):
    return Facts({probe: Seen(value=value, at=NOW) for probe, value in known.items()}, NOW)


class Past:
    """A run that did things to one target, as its journal tells."""

    def __init__(self, path, before, target=GOLDEN):
        self.journal, self.now, self.target = Journal(path), facts(before), target

    def did(self, step, state="verified", *, changed=True, owes=None, restores=None):
        number = self.journal.intent(self.target, step, self.now, owes=owes, restores=restores)
        if changed:
            self.now = step.simulate(self.now)
        if state is not None:
            after = self.now if state == "verified" else None
            self.journal.result(number, step, state=state, after=after, reason="r", changed=changed)
        return self

    @property
    def entries(self):
        return read_journal(self.journal.path).entries


@pytest.fixture
def past(tmp_path):
    def make(before, target=GOLDEN):
        return Past(tmp_path / "reports" / RUN / "journal.jsonl", before, target)

    return make


def fates(undone):
    return [item.fate for item in undone.items]


def test_newest_first_each_expecting_what_the_run_left(past):
    run = past(truth("p-old")).did(remove("p-old")).did(add("p-new")).did(PROTECT)
    undone = plan_undo(GOLDEN, run.entries, run.now)
    assert fates(undone) == [Fate.PLANNED] * 3
    assert [p.step.summary for p in undone.plan.steps] == ["allow deletion", "remove member p-new", "add member p-old"]
    assert undone.plan.granted[0].step.why == "takes back: protect the image against deletion"
    assert undone.plan.steps[0].expects == ("i-1", True, "active")


def test_the_plan_is_simulated_step_by_step(past):
    """The image was private before: the members go before it is closed again."""
    run = past(truth(visibility="private")).did(share()).did(add("p"))
    undone = plan_undo(GOLDEN, run.entries, run.now)
    assert [p.step.summary for p in undone.plan.steps] == ["remove member p", "change visibility from shared to private"]


def test_what_a_newer_inverse_makes_possible_is_planned(past):
    """The run took a member away and closed the image: a private image has no members."""
    hide = SetVisibility(visibility="private", summary="hide", phase=Phase.VISIBILITY, **SAID)
    run = past(truth("p")).did(remove("p")).did(hide)
    undone = plan_undo(GOLDEN, run.entries, run.now)
    assert [p.step.summary for p in undone.plan.steps] == ["change visibility from private to shared", "add member p"]


def test_what_counts_is_what_was_seen_after_the_step(past):
    """The image became active while the run protected it."""
    run = past(truth(status="queued"))
    number = run.journal.intent(GOLDEN, PROTECT, run.now)
    after = facts(truth(status="active", protected=True))
    run.journal.result(number, PROTECT, state="verified", after=after)
    assert fates(plan_undo(GOLDEN, run.entries, after)) == [Fate.PLANNED]
    queued = facts(truth(status="queued", protected=True))
    assert fates(plan_undo(GOLDEN, run.entries, queued)) == [Fate.CHANGED_SINCE]


@pytest.mark.parametrize(
    ("since", "fate"),
    [
        (truth("p-new", protected=True), Fate.PLANNED),
        (truth("p-new", "p-third", protected=True), Fate.PLANNED),
        (truth(protected=True), Fate.AS_BEFORE),
        (truth(protected=True, visibility="private"), Fate.CHANGED_SINCE),
        (truth(protected=True, visibility="public"), Fate.CHANGED_SINCE),
    ],
)
def test_what_is_not_as_the_run_left_it_is_not_touched(past, since, fate):
    run = past(truth()).did(add("p-new"))
    undone = plan_undo(GOLDEN, run.entries, facts(since))
    assert fates(undone) == [fate]
    assert len(undone.plan.granted) == (fate is Fate.PLANNED)
    assert len(undone.plan.refusals) == (fate is Fate.CHANGED_SINCE)


@pytest.mark.parametrize("state", [None, "not-verified", "failed"])
def test_a_step_with_an_uncertain_end_is_taken_back_if_it_took_place(past, state):
    run = past(truth()).did(PROTECT, state)
    assert fates(plan_undo(GOLDEN, run.entries, facts(truth(protected=True)))) == [Fate.PLANNED]
    assert fates(plan_undo(GOLDEN, run.entries, facts(truth()))) == [Fate.AS_BEFORE]


def test_a_step_that_certainly_changed_nothing_is_not_taken_back(past):
    """Somebody else may have done the same since, and that is theirs."""
    run = past(truth()).did(PROTECT, "failed", changed=False)
    assert fates(plan_undo(GOLDEN, run.entries, facts(truth(protected=True)))) == [Fate.AS_BEFORE]


def test_a_step_that_was_refused_was_not_begun(past):
    run = past(truth()).did(PROTECT, "refused", changed=False)
    assert run.entries[0].ending.end is End.REFUSED
    [item] = plan_undo(GOLDEN, run.entries, facts(truth(protected=True))).items
    assert (item.fate, item.reason) == (Fate.AS_BEFORE, "the run did not begin it")


OLD, NEW = NamesakesProbe(name="golden"), NamesakesProbe(name="golden-2")


def renamed(past):
    rename = Rename(name="golden-2", summary="rename it", phase=Phase.PROPERTIES, **SAID)
    return past({**truth(), NAMESAKES: NamesakesFact(), NEW: NamesakesFact()}).did(rename)


def test_an_old_name_is_looked_for_and_given_back_if_it_is_free(past):
    run = renamed(past)
    assert OLD in probes_for(run.entries)
    undone = plan_undo(GOLDEN, run.entries, run.now.with_fact(OLD, NamesakesFact()))
    assert [p.step.summary for p in undone.plan.granted] == ["rename the image to golden"]


def test_an_old_name_that_somebody_took_is_theirs(past):
    run = renamed(past)
    undone = plan_undo(GOLDEN, run.entries, run.now.with_fact(OLD, NamesakesFact(images=("i-2",))))
    assert (fates(undone), undone.items[0].reason) == (
        [Fate.CHANGED_SINCE], "the name golden is taken by image i-2: nothing was written",
    )  # fmt: skip
    assert fates(plan_undo(GOLDEN, run.entries, run.now.without(OLD, "403"))) == [Fate.UNSEEN]


def test_a_protection_that_was_lifted_for_a_change_is_no_change(past):
    run = past(truth(protected=True, visibility="private"))
    run.did(share(), "failed", changed=False).did(LIFT, owes=PROTECT).did(share()).did(PROTECT, restores=f"{RUN}/2")
    assert [entry.number for entry in changes(run.entries)] == [3, 1]
    undone = plan_undo(GOLDEN, run.entries, run.now)
    assert fates(undone) == [Fate.PLANNED, Fate.AS_BEFORE]
    assert [p.step.summary for p in undone.plan.steps] == ["change visibility from shared to private"]


def test_an_image_that_is_gone_is_unseen(past):
    run = past(truth()).did(PROTECT)
    gone = Facts({IMAGE: Unseen(reason="image i-1 is gone (HTTP 404)", at=NOW)}, NOW)
    undone = plan_undo(GOLDEN, run.entries, gone)
    assert (fates(undone), undone.items[0].reason) == ([Fate.UNSEEN], "image: image i-1 is gone (HTTP 404)")


# ---- guests

ETC = a_file("/etc/machine-id")
IDENTITY = {"phase": Phase.IDENTITY, **SAID}


def a_link(to, resolved=None):
    return FileFact(kind=FileKind.LINK, link_to=to, resolved=resolved or to)


def test_an_emptied_machine_id_cannot_come_back_and_says_so(past):
    run = past({ETC: full(33)}, WEB).did(EmptyFile(file=ETC, summary="empty it", **IDENTITY))
    undone = plan_undo(WEB, run.entries, run.now)
    assert fates(undone) == [Fate.NO_WAY_BACK]
    assert undone.items[0].reason == "what the file held was never kept, and cannot come back"
    assert undone.plan.refusals[0].refusal.reason == undone.items[0].reason


@pytest.mark.parametrize(
    ("was", "fate"),
    [(a_link("/old"), Fate.PLANNED), (a_link("old", "/etc/old"), Fate.NO_WAY_BACK), (full(), Fate.NO_WAY_BACK)],
)
def test_a_link_can_be_made_again_and_a_file_cannot(past, was, fate):
    run = past({ETC: was}, WEB).did(LinkFile(file=ETC, to="/new", summary="link it", **IDENTITY))
    undone = plan_undo(WEB, run.entries, run.now)
    assert fates(undone) == [fate]
    if fate is Fate.PLANNED:
        assert undone.items[0].step.to == "/old"


@pytest.mark.parametrize(("status", "fate"), [("ACTIVE", Fate.PLANNED), ("PAUSED", Fate.NO_WAY_BACK)])
def test_a_server_that_ran_is_started_again(past, status, fate):
    stop = StopServer(summary="stop it", phase=Phase.POWER, undo="start the instance", **SAID)
    run = past({SERVER: server("web", status=status)}, WEB).did(stop)
    undone = plan_undo(WEB, run.entries, facts({SERVER: server("web", **OFF, updated="t1")}))
    assert fates(undone) == [fate]
    if fate is Fate.PLANNED:
        assert undone.items[0].step.call(facts({SERVER: server("web", **OFF)})).body == {"os-start": None}
        assert undone.items[0].step.phase is not Phase.POWER, "nothing is taken away by it"
    else:
        assert undone.items[0].reason.endswith("by hand: start the instance")


def test_a_task_is_deleted_only_as_the_run_registered_it(past):
    tasks = TasksOf(program="ipconfig")
    register = RegisterTask(
        tasks=tasks, name=r"\Renew", description="d", command="ipconfig", arguments="/renew", summary="register it",
        phase=Phase.CONTENT, **SAID,
    )  # fmt: skip
    run = past({tasks: TasksFact(tasks=(), total=3)}, WEB).did(register)
    assert fates(plan_undo(WEB, run.entries, run.now)) == [Fate.PLANNED]
    [made] = run.now[tasks].tasks
    other = run.now.with_fact(tasks, TasksFact(tasks=(replace(made, enabled=False),), total=4))
    assert fates(plan_undo(WEB, run.entries, other)) == [Fate.CHANGED_SINCE]


def test_windows_guests_are_reached_too(past, tmp_path):
    run = past({ETC: full()}, WEB).did(EmptyFile(file=ETC, summary="empty it", **IDENTITY))
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text("instances:\n  web: {address: 192.0.2.1, transport: winrm, user: a, password_env: HOME}\n")
    machine = Undo(UndoOptions(run=RUN, report_dir=tmp_path / "reports", inventory=inventory))
    engine = machine._connect({WEB.key: replace(WEB, cloud=None, region=None)})
    assert isinstance(engine.transports[Source.GUEST], Guests)
    assert run.entries
    engine.close()


def test_a_step_of_a_users_own_check_has_no_way_back_but_by_hand(past):
    run = past({a_file(): full()}, WEB).did(scrub())
    [item] = plan_undo(WEB, run.entries, run.now).items
    assert (item.fate, "by hand: fill it again" in item.reason) == (Fate.NO_WAY_BACK, True)


def test_what_is_looked_at_is_what_the_inverses_read(past):
    run = past({**truth(), ETC: full()}).did(PROTECT).did(EmptyFile(file=ETC, summary="empty it", **IDENTITY))
    assert probes_for(run.entries) == (IMAGE,)


# ---- what came of it


def three(past):
    run = past(truth("p-old")).did(remove("p-old")).did(add("p-new")).did(PROTECT)
    undone = plan_undo(GOLDEN, run.entries, run.now)
    return undone, [planned.step for planned in undone.plan.steps]


@pytest.mark.parametrize("done", [0, 1, 2, 3])
@pytest.mark.parametrize(("begun", "fate"), [(True, Fate.FAILED), (False, Fate.NOT_ATTEMPTED)])
def test_an_outcome_says_how_far_it_came(past, done, begun, fate):
    undone, steps = three(past)
    outcome = Outcome(done=tuple(steps))
    if done < 3:
        outcome = Outcome(done=tuple(steps[:done]), failed=steps[done], reason="no", begun=begun)
    found = fates(undone.ended(outcome))
    assert found == ([Fate.TAKEN_BACK] * done + [fate] + [Fate.NOT_ATTEMPTED] * 3)[:3]


def test_no_outcome_is_an_interrupt(past):
    undone, _ = three(past)
    assert {(item.fate, item.reason) for item in undone.ended(None).items} == {(Fate.NOT_ATTEMPTED, "interrupted")}
    assert {(item.fate, item.reason) for item in undone.refused("not confirmed").items} == {
        (Fate.NOT_ATTEMPTED, "not confirmed")
    }


# ---- the whole, over a strict world


@pytest.fixture
def undo(tmp_path, monkeypatch):
    """Undo the run over a world; returns the result."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def go(world, run=RUN, **options):
        monkeypatch.setattr(Undo, "_ask_clouds", lambda self, clouds, targets: world)
        machine = Undo(UndoOptions(run=run, report_dir=tmp_path / "reports", **options))
        plans = machine.plan()
        assert world.applied == [], "planning changes nothing"
        result = machine.apply(plans)
        assert world.abuse == []
        return result

    return go


def test_all_is_taken_back_and_the_undo_can_be_undone(past, undo, tmp_path):
    before = truth("p-old")
    run = past(before).did(remove("p-old")).did(add("p-new")).did(PROTECT)
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    left = dict(world.truth[GOLDEN.key])
    first = undo(world)
    assert int(first.exit_code) == 0
    assert counts(first.undone)[Fate.TAKEN_BACK] == 3
    assert world.applied == [("i-1", "allow deletion"), ("i-1", "remove member p-new"), ("i-1", "add member p-old")]
    assert [m.project for m in world.truth[GOLDEN.key][MEMBERS].members] == ["p-old"]
    world.applied.clear()
    assert counts(undo(world).undone)[Fate.AS_BEFORE] == 3, "twice does nothing"
    assert world.applied == []
    again = undo(world, run=first.run_id)
    assert int(again.exit_code) == 0
    assert {m.project for m in world.truth[GOLDEN.key][MEMBERS].members} == {"p-new"}
    assert world.truth[GOLDEN.key][IMAGE] == left[IMAGE]


def test_drift_between_the_plan_and_the_write_stops_it(past, undo, monkeypatch):
    run = past(truth()).did(add("p-new")).did(PROTECT)
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    real = Engine.carry_out

    def meddled(self, plans, grant):
        world.change(GOLDEN, IMAGE, replace(run.now[IMAGE], status="deactivated"))
        return real(self, plans, grant)

    monkeypatch.setattr(Engine, "carry_out", meddled)
    result = undo(world)
    assert (int(result.exit_code), world.applied) == (11, [])
    assert fates(result.undone[0]) == [Fate.NOT_ATTEMPTED] * 2
    assert "changed since" in result.undone[0].items[0].reason


def test_a_failure_leaves_what_is_older_alone_and_is_11(past, undo):
    run = past(truth()).did(add("p-new")).did(PROTECT)
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    world.failures["allow deletion"] = StepError("500", changed=True)
    result = undo(world)
    assert (int(result.exit_code), fates(result.undone[0])) == (11, [Fate.FAILED, Fate.NOT_ATTEMPTED])


def test_a_debt_of_the_run_is_paid_first(past, undo):
    """The run was killed between lifting the protection and putting it back."""
    run = past(truth(protected=True, visibility="private"))
    run.did(LIFT, owes=PROTECT).did(share(), None)
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    result = undo(world)
    assert int(result.exit_code) == 0
    assert [summary for _, summary in world.applied] == ["protect the image against deletion", "change visibility from shared to private"]
    assert world.truth[GOLDEN.key][IMAGE].protected is True
    assert read_journal(run.journal.path).debts == ()
    assert "protected again" in result.warnings[0]


def test_an_undo_logs_in_to_all_that_the_target_was_seen_from(past, tmp_path, monkeypatch):
    """What was done for a receiver goes back with the receiver's own credentials."""
    past(truth(), replace(GOLDEN, deployment="d", seen_from=("web-prod", "nhn"))).did(PROTECT)
    asked = []
    monkeypatch.setattr(Undo, "_ask_clouds", lambda self, clouds, targets: asked.append(clouds) or World())
    for clouds in ((), ("web-prod",), ("nhn",), ("other",)):
        Undo(UndoOptions(run=RUN, report_dir=tmp_path / "reports", clouds=clouds)).plan()
    assert asked == [{"nhn": ["KR1"], "web-prod": ["KR1"]}] * 3


@pytest.mark.parametrize(("options", "wanted"), [({"clouds": ("other",)}, 0), ({"regions": ("KR2",)}, 0), ({"regions": ("kr1",)}, 1)])
def test_cloud_and_region_narrow(past, undo, options, wanted):
    run = past(truth()).did(PROTECT)
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    result = undo(world, **options)
    assert len(result.undone) == len(world.applied) == wanted
    assert bool(result.warnings) is not bool(wanted)


def test_the_report_tells_each_change_and_its_fate(past, undo):
    run = past({**truth(), ETC: full()}).did(PROTECT).did(EmptyFile(file=ETC, summary="empty it", **IDENTITY))
    world = World()
    world.add(GOLDEN, {IMAGE: run.now[IMAGE], MEMBERS: run.now[MEMBERS]})
    result = undo(world)
    told = record(result)
    json.dumps(told)
    assert (told["run"]["undoes"], told["run"]["exit_code"]) == (RUN, 11)
    assert [(c["entry"], c["fate"], c["undo"]) for c in told["changes"]] == [
        (2, "no-way-back", None), (1, "taken-back", "allow deletion"),
    ]  # fmt: skip
    text = "\n".join("".join(piece for piece, _ in line.pieces) for line in undo_lines(result))
    assert "no way back empty it: what the file held was never kept" in text
    assert "taken back protect the image against deletion\nby: allow deletion" in text
    assert "2 changes: 1 taken back, 1 no way back" in text


# ---- which run


def a_run(reports, name, *files):
    (reports / name).mkdir(parents=True)
    for file in files:
        (reports / name / file).write_text("")


def fixed(reports, name, *files, state="verified"):
    """A run that protected an image, or tried to."""
    a_run(reports, name, *files)
    journal = Journal(reports / name / "journal.jsonl")
    number = journal.intent(GOLDEN, PROTECT, facts(truth()))
    journal.result(number, PROTECT, state=state, changed=state == "verified")


ONE, TWO, THREE, FOUR = (f"2026010{day}T000000Z-{day}aaa" for day in (1, 2, 3, 4))


def test_a_run_is_found_by_id_by_its_beginning_and_by_path(tmp_path):
    fixed(tmp_path, ONE, "report.json")
    a_run(tmp_path, TWO, "report.json")
    (tmp_path / "latest").symlink_to(TWO)
    for name in (TWO, "20260102", f"{tmp_path}/{TWO}", f"{tmp_path}/{TWO}/", f"{tmp_path}/latest"):
        assert find_run(tmp_path, name) == tmp_path / TWO


def test_the_latest_run_is_the_latest_that_changed_something_and_no_undo(tmp_path):
    fixed(tmp_path, ONE, "report.json")
    fixed(tmp_path, TWO, "report.json")
    fixed(tmp_path, THREE, undo_run.REPORT)
    fixed(tmp_path, FOUR, "report.json", state="refused")
    (tmp_path / "latest").symlink_to(FOUR)
    for name, meant in {"latest": TWO, "latest~1": ONE, f"{FOUR}~2": ONE, f"{THREE}~1": TWO, THREE: THREE}.items():
        assert find_run(tmp_path, name) == tmp_path / meant, name
    with pytest.raises(UsageError, match=f"there is 1 run that changed something before {TWO}"):
        find_run(tmp_path, "latest~2")
    with pytest.raises(UsageError, match=f"2026010 is the beginning of 4 runs: {FOUR}, {THREE}"):
        find_run(tmp_path, "2026010")


def test_a_killed_run_that_latest_might_mean_must_be_named(tmp_path):
    fixed(tmp_path, ONE, "report.json")
    fixed(tmp_path, TWO)
    a_run(tmp_path, THREE, "report.json")
    for name in ("latest", "latest~1", f"{THREE}~1"):
        with pytest.raises(UsageError, match=f"run {TWO} changed something and has no report"):
            find_run(tmp_path, name)
    for name, meant in {TWO: TWO, "20260102T": TWO, f"{TWO}~1": ONE}.items():
        assert find_run(tmp_path, name) == tmp_path / meant
    fixed(tmp_path, FOUR, "report.json")
    assert find_run(tmp_path, "latest").name == FOUR


def test_a_killed_run_that_had_changed_nothing_is_in_nobodys_way(tmp_path):
    fixed(tmp_path, ONE, "report.json")
    fixed(tmp_path, TWO, state="refused")
    a_run(tmp_path, THREE, "journal.jsonl")
    assert find_run(tmp_path, "latest").name == ONE


def test_where_no_run_changed_anything_the_latest_is_what_the_link_names(tmp_path):
    a_run(tmp_path, ONE, "report.json")
    with pytest.raises(UsageError, match="there is no latest run: no run is kept there"):
        find_run(tmp_path, "latest")
    (tmp_path / "latest").symlink_to(ONE)
    assert find_run(tmp_path, "latest").name == ONE


def test_a_journal_that_cannot_be_read_may_tell_of_changes(tmp_path):
    a_run(tmp_path, ONE, "report.json")
    (tmp_path / ONE / "journal.jsonl").write_text("nonsense\n")
    assert find_run(tmp_path, "latest").name == ONE


def test_the_parts_of_a_capture_are_told_of_in_its_report(tmp_path):
    a_run(tmp_path, ONE, "report.json", "capture.json")
    fixed(tmp_path, f"{ONE}-gate", "report.json")
    fixed(tmp_path, f"{ONE}-image")
    assert find_run(tmp_path, "latest").name == f"{ONE}-image"
    assert find_run(tmp_path, "latest~1").name == f"{ONE}-gate"
    (tmp_path / ONE / "report.json").unlink()
    with pytest.raises(UsageError, match=f"run {ONE}-image changed something and has no report"):
        find_run(tmp_path, "latest")


@pytest.mark.parametrize("name", ["nope", "latest", "latest~1", "", ".", "..", "~1", "\0", "\udcff", "../x", "2026\n"])
def test_a_run_that_is_not_there_is_a_usage_error(tmp_path, name):
    a_run(tmp_path, "20260101T000000Z-aaaa", "report.json")
    with pytest.raises(UsageError):
        find_run(tmp_path, name)


def test_a_run_that_changed_nothing_has_nothing_to_take_back(tmp_path, undo):
    a_run(tmp_path / "reports", RUN, "report.json")
    result = undo(World())
    assert (int(result.exit_code), result.undone) == (0, ())
