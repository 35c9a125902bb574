"""Steps on a Windows guest that prepare its image: what is run, when it is done, and when waiting is in vain."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checks.harness import catalogue
from tests.checks.world import OFF, World, engine, instance, pair, run, server
from tests.strategies import foreign, moments, windows_files

from imagegate.evidence import EvidenceStore
from imagegate.model import Facts, Level, Phase, RemedyState, Seen, Source, Verdict
from imagegate.plan import Grant
from imagegate.probes import (
    APPX,
    SERVER,
    WINDOWS,
    AnswerFileFact,
    AppxFact,
    AppxPackage,
    Registry,
    RegistryFact,
    ShellCommand,
    ShellCommandFact,
    WindowsFact,
    WindowsFile,
    WindowsFileFact,
)
from imagegate.probes.sysprep import (
    ANSWER_FILE,
    GENERALIZED,
    IMAGE_STATE,
    OTHER_ANSWER_FILE,
    REBOOT_SIGNS,
    SERVICING_REBOOT,
    SETUP_ACTIONS,
    SETUP_ERRORS,
    SUCCESS_TAG,
    UPDATE_REBOOT,
)
from imagegate.probes.windows_file import SETUP_LOGS
from imagegate.steps import (
    CommandLine,
    Detached,
    Generalize,
    RemoveAppx,
    RemoveAppxPackage,
    RestartGuest,
    SetRegistryNumber,
    ToastSysprep,
)
from imagegate.steps.sysprep import error_since, is_newer
from imagegate.transports.windows.script import quotable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SAID = {"subject": "s", "summary": "s", "level": Level.DESTRUCTIVE, "phase": Phase.GENERALIZE, "why": "w"}
WINDOW = WindowsFact(version="10.0.17763", product="Windows", booted_at=NOW - timedelta(hours=1), now=NOW)
NO_FILE = WindowsFileFact(kind="absent")
ERROR = "2026-11-22 21:05:00, Error      [0x0f0070] SYSPRP RunExternalDlls:An error occurred while running registry sysprep DLLs"
ACTED = "2026-11-22 21:05:00, Info       [0x0f0066] SYSPRP RunExternalDlls:Running registry sysprep DLLs"


def later(minutes: float) -> datetime:
    """So long after the plan was made."""
    return NOW + timedelta(minutes=minutes)


def written(modified: datetime, tail: str | None = None, size: int = 99) -> WindowsFileFact:
    """A file with something in it."""
    return WindowsFileFact(kind="regular", size=size, modified=modified, tail=tail)


def state(text: str) -> RegistryFact:
    """An image state."""
    return RegistryFact(present=True, type="REG_SZ", text=text)


def seen(known: dict, at: datetime = NOW) -> Facts:
    """Facts."""
    return Facts({probe: Seen(value=value, at=at) for probe, value in known.items()}, at)


def sysprep(patience_s: float = 1800) -> Generalize:
    """A step that was planned at NOW."""
    return Generalize(answers=ANSWER_FILE, since=NOW, patience_s=patience_s, **SAID)


def under_way(minutes: float, image_state: str = "IMAGE_STATE_UNDEPLOYABLE", **change) -> Facts:
    """What is seen so long after the plan was made, while sysprep works."""
    names = {"tag": SUCCESS_TAG, "errors": SETUP_ERRORS, "actions": SETUP_ACTIONS}
    files = {"tag": NO_FILE, "errors": NO_FILE, "actions": written(later(minutes), ACTED), **change}
    return seen(
        {IMAGE_STATE: state(image_state), WINDOWS: replace(WINDOW, now=later(minutes))}
        | {names[name]: fact for name, fact in files.items()}
    )


# ---- what is run


def test_sysprep_is_the_documented_command_with_quit_in_the_folder_of_the_answer_file():
    assert sysprep().action(under_way(0)) == Detached(
        line=r"C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe /quit /quiet /unattend:Unattend.xml",
        folder=r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf",
    )
    other = replace(sysprep(), answers=OTHER_ANSWER_FILE).action(under_way(0))
    assert other.folder == r"C:\Program Files\Cloud Solutions\Cloudbase-Init\conf"
    assert "/shutdown" not in other.line


def test_toastsysprep_gets_its_answer_from_standard_input_which_powershell_leaves_alone():
    step = ToastSysprep(since=NOW, **SAID)
    action = step.action(seen({SERVER: server("w")}))
    assert isinstance(action, Detached), "it powers off: the session would not outlive it"
    assert "echo Y| powershell" in action.line, "a blank before the bar would become a part of the answer"
    assert "-InputFormat None -Command ToastSysprep" in action.line
    assert "-NonInteractive" not in action.line, "its question would fail"
    assert action.line.count('"') == 2, "cmd.exe takes the outer quotes away"


def test_a_number_is_written_as_a_dword_and_quoted():
    value = Registry(path=r"HKLM\SOFTWARE\A B", name="Skip Rearm")
    step = SetRegistryNumber(value=value, number=0, **SAID)
    assert step.action(seen({})) == CommandLine(line=r'reg add "HKLM\SOFTWARE\A B" /v "Skip Rearm" /t REG_DWORD /d 0 /f')
    assert quotable(value.path)
    assert step.reads == (value,)


@pytest.mark.parametrize(("name", "number"), [(None, 0), ("x", -1), ("x", 2**32)])
def test_what_is_no_dword_value_is_never_a_step(name, number):
    with pytest.raises(ValueError, match="is no DWORD value"):
        SetRegistryNumber(value=Registry(path=r"HKLM\A", name=name), number=number, **SAID)


def test_the_guest_is_restarted_a_moment_after_the_session_has_ended():
    step = RestartGuest(since=NOW, **SAID)
    assert step.action(seen({})) == CommandLine(line="shutdown /r /t 5")


def test_a_package_is_removed_by_its_full_name():
    step = RemoveAppxPackage(full_name="a_1_x64__b", **SAID)
    assert step.action(seen({})) == RemoveAppx(full_name="a_1_x64__b")


def test_all_steps_are_carried_out_on_the_guest_and_read_setup_logs_only():
    for step in (sysprep(), ToastSysprep(since=NOW, **SAID)):
        assert step.source is Source.GUEST
        tails = {probe.path for probe in step.reads if isinstance(probe, WindowsFile) and probe.tail}
        assert tails
        assert tails <= SETUP_LOGS


# ---- when they are done


def test_a_number_is_done_when_it_is_there():
    value = Registry(path=r"HKLM\A", name="x")
    step = SetRegistryNumber(value=value, number=0, **SAID)
    for fact, done in (
        (RegistryFact(present=False), False),
        (RegistryFact(present=True, type="REG_DWORD", number=1), False),
        (RegistryFact(present=True, type="REG_SZ", text="0"), False),
        (RegistryFact(present=True, type="REG_DWORD", number=0), True),
    ):
        assert step.done(seen({value: fact})) is done
    assert step.done(step.simulate(seen({value: RegistryFact(present=False)})))


@pytest.mark.parametrize(("booted_at", "done"), [(WINDOW.booted_at, False), (NOW, False), (later(2), True)])
def test_a_restart_is_done_when_the_guest_booted_later_than_it_was_planned(booted_at, done):
    step = RestartGuest(since=NOW, **SAID)
    assert step.done(seen({WINDOWS: replace(WINDOW, booted_at=booted_at, now=later(3))})) is done


def test_a_restart_still_fits_while_time_passes_but_not_once_the_signs_are_others():
    step = RestartGuest(since=NOW, **SAID)
    signs = {sign: RegistryFact(present=sign == UPDATE_REBOOT) for sign in REBOOT_SIGNS}
    planned = step.basis(seen({WINDOWS: WINDOW, **signs}))
    assert step.basis(seen({WINDOWS: replace(WINDOW, now=later(9)), **signs})) == planned
    assert step.basis(seen({WINDOWS: WINDOW, **signs, SERVICING_REBOOT: RegistryFact(present=True)})) != planned


def test_a_package_is_gone_when_nobody_has_it_though_windows_may_keep_it_staged():
    step = RemoveAppxPackage(full_name="a", **SAID)
    one = AppxPackage(full_name="a", name="n", users=1, provisioned=False)
    other = replace(one, full_name="b")
    for packages, done in (((one, other), False), ((other,), True), ((replace(one, users=0), other), True), ((), True)):
        assert step.done(seen({APPX: AppxFact(packages=packages)})) is done
    after = step.simulate(seen({APPX: AppxFact(packages=(one, other))}))
    assert after[APPX].packages == (other,)


@pytest.mark.parametrize(
    ("image_state", "tag", "done"),
    [
        (GENERALIZED, written(later(5), size=0), True),
        (GENERALIZED, NO_FILE, False),
        (GENERALIZED, written(NOW), False),
        (GENERALIZED, written(NOW - timedelta(days=90)), False),
        (GENERALIZED, WindowsFileFact(kind="directory", modified=later(5)), False),
        ("IMAGE_STATE_UNDEPLOYABLE", written(later(5)), False),
        ("IMAGE_STATE_COMPLETE", written(later(5)), False),
        ("IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT", written(later(5)), False),
    ],
)
def test_sysprep_is_done_when_state_and_a_fresh_tag_say_so(image_state, tag, done):
    assert sysprep().done(under_way(6, image_state, tag=tag)) is done


def test_toastsysprep_is_done_when_the_compute_api_says_that_the_instance_is_off():
    step = ToastSysprep(since=NOW, **SAID)
    for change, done in (({}, False), (OFF, True), ({**OFF, "task_state": "powering-off"}, False),
                         ({**OFF, "power_state": 1}, False)):  # fmt: skip
        assert step.done(seen({SERVER: server("w", **change)})) is done
    assert step.done(step.simulate(seen({SERVER: server("w")})))


# ---- when waiting is in vain


def test_an_error_since_the_start_stops_the_wait_and_is_shown():
    for step, facts in (
        (sysprep(), under_way(5, errors=written(later(5), ERROR))),
        (ToastSysprep(since=NOW, **SAID), seen({SERVER: server("w"), SETUP_ERRORS: written(later(5), ERROR)})),
    ):
        assert step.stuck(facts) == f"sysprep failed, {SETUP_ERRORS.path}: {ERROR}"


@pytest.mark.parametrize("errors", [NO_FILE, written(later(5), "", size=0), written(NOW, ERROR), written(later(-9), ERROR)])
def test_no_error_or_an_old_one_stops_nothing(errors):
    assert sysprep().stuck(under_way(5, errors=errors)) is None


def test_undeployable_is_no_reason_while_sysprep_writes():
    assert sysprep().stuck(under_way(25)) is None


def test_half_of_the_time_without_a_word_is_a_hang_and_the_last_words_are_shown():
    silent = under_way(21, actions=written(later(5), f"begun\n{ACTED}\n"))
    assert sysprep(patience_s=32 * 60).stuck(silent) is None
    assert sysprep(patience_s=30 * 60).stuck(silent) == (
        f"sysprep has written nothing for 960 s (ImageState: IMAGE_STATE_UNDEPLOYABLE); "
        f"the end of {SETUP_ACTIONS.path}: {ACTED}"
    )


def test_a_success_that_the_state_does_not_confirm_is_none_though_the_look_may_have_been_too_early():
    early, late = (under_way(minutes, tag=written(later(5), size=0)) for minutes in (6, 6.1))
    assert sysprep().stuck(early) is None
    assert sysprep().stuck(late) == (
        f"sysprep ended, but ImageState is IMAGE_STATE_UNDEPLOYABLE; the end of {SETUP_ACTIONS.path}: {ACTED}"
    )
    assert sysprep().stuck(under_way(6.1, tag=written(NOW, size=0))) is None, "a tag from before"
    assert sysprep().stuck(late.without(IMAGE_STATE)) is None
    assert (sysprep().stuck(late.without(SETUP_ACTIONS)) or "").endswith("setupact.log: not seen")


def test_what_never_began_is_left_to_the_deadline():
    for actions in (NO_FILE, written(NOW - timedelta(days=90), ACTED), WindowsFileFact(kind="regular")):
        assert sysprep(patience_s=60).stuck(under_way(30, actions=actions)) is None


@pytest.mark.parametrize("lost", [SETUP_ERRORS, SETUP_ACTIONS, WINDOWS])
def test_a_look_that_fails_while_it_waits_is_no_hang(lost):
    assert sysprep(patience_s=60).stuck(under_way(30).without(lost)) is None


def test_a_hang_is_told_though_the_state_could_not_be_seen():
    silent = under_way(30, actions=written(later(1), None)).without(IMAGE_STATE)
    assert "(ImageState: not seen)" in (reason := sysprep(patience_s=60).stuck(silent) or "")
    assert reason.endswith("setupact.log: not seen")


# ---- the log of errors


def test_the_first_line_since_then_is_found_by_counting_back_in_the_guests_own_time():
    lines = (
        "2026-11-22 20:58:00, Error an earlier run, two minutes before",
        "2026-11-22 21:04:00, Error the cause",
        "  continued",
        "2026-11-22 21:05:00, Error the consequence",
    )
    log = written(later(5), "\n".join(lines))
    assert error_since(log, NOW) == "2026-11-22 21:04:00, Error the cause"
    assert error_since(log, later(-5)) == lines[0]


def test_a_line_is_cut_where_it_gets_long():
    assert error_since(written(later(5), "x" * 5000), NOW) == "x" * 300


@given(log=windows_files, after=moments)
def test_whatever_the_log_holds_there_is_an_error_or_there_is_none(log, after):
    line = error_since(log, after)
    harmless = log.kind == "absent" or (log.kind == "regular" and log.size == 0)
    old = log.kind == "regular" and log.modified is not None and log.modified <= after
    assert (line is None) is (harmless or old)
    assert line is None or (line.strip() and "\n" not in line)
    assert not (line is None and is_newer(log, after) and log.size != 0)


@given(lines=st.lists(st.datetimes().map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}, Error") | foreign, max_size=5), after=moments)
def test_no_date_of_a_line_is_too_far_away(lines, after):
    log = written(after + timedelta(days=1), "\n".join(lines))
    assert error_since(log, after)


# ---- through the engine

GENERALISED = catalogue().checks["windows-generalized"]
NAMED = Grant(
    level=Level.DESTRUCTIVE, named_checks=frozenset({"windows-generalized"}), named_targets=frozenset({"win-01"})
)
TOAST = ShellCommand(name="ToastSysprep")


def windows_world(**change) -> tuple[World, dict]:
    """A world with one Windows instance in use."""
    world = World()
    on = instance("win-01")
    truth = {
        IMAGE_STATE: state("IMAGE_STATE_COMPLETE"), SUCCESS_TAG: written(NOW - timedelta(days=90), size=0),
        SETUP_ERRORS: NO_FILE, SETUP_ACTIONS: NO_FILE, WINDOWS: WINDOW, SERVER: server("win-01"),
        ANSWER_FILE: AnswerFileFact(state="readable"), OTHER_ANSWER_FILE: AnswerFileFact(state="absent"),
        SERVICING_REBOOT: RegistryFact(present=False), UPDATE_REBOOT: RegistryFact(present=False),
        TOAST: ShellCommandFact(present=True), **change,
    }  # fmt: skip
    return world, world.add(on, truth)


def guest_goes_with_the_power(world: World, on) -> None:
    """From now on the guest of a server that is off cannot be seen, and every change of its record is one."""

    def after(_target, step) -> None:
        now = world.truth[on.key][SERVER]
        if now.is_off:
            for probe in [probe for probe in world.truth[on.key] if probe.source is Source.GUEST]:
                del world.truth[on.key][probe]
            world.change(on, SERVER, replace(now, updated=f"off after {step.summary}"))

    world.on_apply = after


def test_generalised_seen_stopped_and_green_in_the_next_run_until_it_is_started():
    world, on = windows_world()
    guest_goes_with_the_power(world, on)
    evidence, pairs = EvidenceStore(None), [pair(GENERALISED, on)]
    first = engine(world, evidence=evidence)
    run(first, pairs, NAMED)
    [finding] = first.findings.values()
    assert [summary for _, summary in world.applied] == [
        "generalise the installation with sysprep", "stop the instance win-01",
    ]  # fmt: skip
    assert finding.remedy.state is RemedyState.VERIFIED
    second = engine(world, evidence=evidence)
    second.look(pairs)
    [finding] = second.judge(pairs)
    assert finding.verdict is Verdict.PASS
    world.change(on, SERVER, replace(world.truth[on.key][SERVER], updated="started and stopped again"))
    third = engine(world, evidence=evidence)
    third.look(pairs)
    [finding] = third.judge(pairs)
    assert finding.verdict is Verdict.UNKNOWN
    assert world.abuse == []


def test_toastsysprep_leaves_the_state_unknown_and_the_rest_to_a_person():
    world, on = windows_world()
    guest_goes_with_the_power(world, on)
    evidence, pairs = EvidenceStore(None), [pair(GENERALISED, on, {"method": "toast"})]
    machine = engine(world, evidence=evidence)
    run(machine, pairs, NAMED)
    [finding] = machine.findings.values()
    assert len(world.applied) == 1
    assert finding.remedy.state is RemedyState.APPLIED
    assert "prove it from a clone, or attest" in (finding.remedy.reason or "")
    again = engine(world, evidence=evidence)
    again.look(pairs)
    [finding] = again.judge(pairs)
    assert finding.verdict is Verdict.UNKNOWN
    assert again.plan(pairs, NAMED, changed_targets=1) is None
    assert [planned.step.level for planned in again.plans[on.key].steps] == [Level.MANUAL]
    assert world.abuse == []


def test_sysprep_that_fails_ends_the_wait_with_its_log_line_and_the_instance_keeps_running():
    world, on = windows_world()

    def fails(_target, _step) -> None:
        world.change(on, IMAGE_STATE, state("IMAGE_STATE_UNDEPLOYABLE"))
        world.change(on, SUCCESS_TAG, NO_FILE)
        world.change(on, SETUP_ERRORS, written(later(5), ERROR))

    world.on_apply = fails
    machine = engine(world)
    run(machine, [pair(GENERALISED, on, {"timeout_s": 14400})], NAMED)
    [finding] = machine.findings.values()
    assert finding.remedy.state is RemedyState.FAILED
    assert ERROR in (finding.remedy.reason or "")
    assert not world.truth[on.key][SERVER].is_off


def test_a_restart_that_helps_nothing_is_not_repeated():
    check = catalogue().checks["windows-reboot-not-pending"]
    signs = {sign: RegistryFact(present=sign == UPDATE_REBOOT) for sign in REBOOT_SIGNS}
    world, on = windows_world()
    world.truth[on.key].update(signs)
    world.on_apply = lambda _target, _step: world.change(on, UPDATE_REBOOT, RegistryFact(present=True))
    machine = engine(world)
    run(machine, [pair(check, on)])
    [finding] = machine.findings.values()
    assert len(world.applied) == 1
    assert finding.remedy.state is RemedyState.NOT_VERIFIED


# ---- the way back


def test_a_number_comes_back_and_what_was_no_dword_does_not():
    value = Registry(path=r"HKLM\A", name="x")
    step = SetRegistryNumber(value=value, number=0, **SAID)
    before = seen({value: RegistryFact(present=True, type="REG_DWORD", number=7)})
    back = step.inverse(before)
    assert (back.number, back.summary, back.undo) == (7, "set x to 7", "set it to 0")
    assert back.simulate(step.simulate(before)) == before
    for was in (
        RegistryFact(present=False),
        RegistryFact(present=True, type="REG_SZ", text="7"),
        RegistryFact(present=True, type="REG_QWORD", number=7),
        RegistryFact(present=True, type="REG_DWORD", number=2**32),
    ):
        assert step.inverse(seen({value: was})) is None
    assert "reg.exe" in step.no_way_back


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (sysprep(), "build the instance again"),
        (ToastSysprep(since=NOW, **SAID), "build the instance again"),
        (RestartGuest(since=NOW, **SAID), "start what ran before"),
        (RemoveAppxPackage(full_name="a", **SAID), "not kept"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_taken_back_says_what_a_person_can_do(step, words):
    assert step.inverse(seen({})) is None
    assert words in step.no_way_back


def test_a_journal_keeps_no_text_of_logs_no_metadata_and_no_other_packages():
    log = written(NOW, "hunter2")
    before = under_way(1, errors=log, actions=log)
    kept = sysprep().kept(before)
    assert kept == before.with_fact(SETUP_ERRORS, written(NOW)).with_fact(SETUP_ACTIONS, written(NOW))
    toast = ToastSysprep(since=NOW, **SAID)
    kept = toast.kept(seen({SERVER: server("w", metadata=(("db", "hunter2"),)), SETUP_ERRORS: log, WINDOWS: WINDOW}))
    assert (kept[SERVER], kept[SETUP_ERRORS]) == (server("w"), written(NOW))
    one = AppxPackage(full_name="a", name="n", users=1, provisioned=False)
    kept = RemoveAppxPackage(full_name="a", **SAID).kept(seen({APPX: AppxFact(packages=(one, replace(one, full_name="b")))}))
    assert kept[APPX].packages == (one,)
