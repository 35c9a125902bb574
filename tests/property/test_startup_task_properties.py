"""Laws of startup tasks: spelling changes nothing, one fault is enough, and boundaries are taken by the safe side."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import foreign, patient, thorough
from tests.strategies_windows import any_tasks, good_task

from imagegate.boot_tasks import inactive, obstacles
from imagegate.ipconfig import lease_obstacles
from imagegate.probes import TaskAction, TaskTrigger

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOOT = TaskTrigger(kind="boot")


@st.composite
def cased(draw, text):
    """The same letters, each small or large."""
    flips = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(char.upper() if flip else char.lower() for char, flip in zip(text, flips, strict=True))


folders = st.sampled_from(
    ("", "C:\\Windows\\System32\\", "%SystemRoot%\\System32\\", "%windir%\\Sysnative\\", "C:\\Windows\\Sysnative\\")
)
programs = st.builds("{}ipconfig{}".format, folders, st.sampled_from(("", ".exe"))).flatmap(cased)
around = st.sampled_from(("{}", '"{}"', " {} ", ' "{}" '))


@thorough
@given(program=programs, quote=around, word=st.sampled_from(("/renew", "-renew")).flatmap(cased), blank=around)
def test_every_spelling_of_ipconfig_renew_renews(program, quote, word, blank):
    action = TaskAction(command=quote.format(program), arguments=blank.format(word))
    assert list(lease_obstacles([action])) == []


@thorough
@given(command=foreign | programs, words=foreign | st.sampled_from(("/release", "/renew6", "/renew Ethernet", "renew")))
def test_arguments_without_renew_never_renew(command, words):
    if words.strip().strip('"').lower() not in {"/renew", "-renew"}:
        assert list(lease_obstacles([TaskAction(command=command, arguments=words)]))


@patient
@given(user=st.text(max_size=20))
def test_only_the_spellings_of_system_are_system(user):
    task = replace(good_task, user=user)
    named = user.strip().lower().rpartition("\\")[2] in {"s-1-5-18", "system", "localsystem"}
    assert named or any(fault.startswith("runs as") for fault in obstacles(task, NOW))


FAULTS = {
    "enabled": False, "triggers": (), "user": "x", "needs_network": True, "only_if_idle": True, "on_ac_only": True,
}  # fmt: skip


@thorough
@given(names=st.sets(st.sampled_from(sorted(FAULTS))))
def test_each_fault_is_told_whatever_else_is_wrong(names):
    task = replace(good_task, **{name: FAULTS[name] for name in names})
    assert len(list(obstacles(task, NOW))) == len(names)


@patient
@given(task=any_tasks, mains_only=st.booleans())
def test_a_task_without_obstacles_runs_at_boot_as_system_and_waits_for_nothing(task, mains_only):
    if not list(obstacles(task, NOW, mains_only=mains_only)):
        assert task.enabled
        assert any(trigger.kind == "boot" and inactive(trigger, NOW) is None for trigger in task.triggers)
        assert not task.needs_network
        assert not task.only_if_idle
        assert mains_only or not task.on_ac_only


zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3)).map(lambda gap: NOW + gap)


@thorough
@given(moment=moments, zone=zones)
def test_a_boundary_with_a_zone_is_exact_and_one_without_is_active_only_where_it_is_so_in_every_zone(moment, zone):
    local = moment.astimezone(zone)
    written, bare = local.isoformat(), local.replace(tzinfo=None).isoformat()
    assert (inactive(replace(BOOT, start=written), NOW) is None) is (moment <= NOW)
    assert (inactive(replace(BOOT, end=written), NOW) is None) is (moment > NOW)
    if inactive(replace(BOOT, start=bare), NOW) is None:
        assert moment <= NOW
    if inactive(replace(BOOT, end=bare), NOW) is None:
        assert moment > NOW


@thorough
@given(boundary=foreign | st.datetimes().map(datetime.isoformat), zone=st.sampled_from(("", "Z", "+14:00", "-12:00")))
def test_no_boundary_breaks_the_judgement(boundary, zone):
    for trigger in (replace(BOOT, start=boundary + zone), replace(BOOT, end=boundary + zone)):
        told = inactive(trigger, NOW)
        assert told is None or (boundary + zone) in told
