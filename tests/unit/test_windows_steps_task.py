"""The steps that register a task and set a start type: exact bytes and lines, what they compare, what they refuse."""

import codecs
import re
from dataclasses import replace

import pytest
from defusedxml.ElementTree import fromstring
from tests.checks.harness import given

from imagegate import steps
from imagegate.model import Level, Phase
from imagegate.probes import ScheduledTask, Service, ServiceFact, TaskAction, TasksFact, TasksOf, TaskTrigger
from imagegate.steps import CommandLine
from imagegate.transports.windows.script import quotable
from imagegate.transports.windows.tasks import parse

TASKS = TasksOf(program="ipconfig")
NS = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
EXE = r"C:\Windows\System32\ipconfig.exe"
OTHER = ScheduledTask(
    name=r"\Z", enabled=True, triggers=(), user=None, run_level=None, actions=(TaskAction(command="ipconfig"),)
)
EMPTY = given({TASKS: TasksFact(tasks=(), total=7)})
COMMON = {"subject": "s", "summary": "do it", "level": Level.SAFE, "phase": Phase.CONTENT, "why": "because", "undo": "u"}


def register(**change):
    """The step, with changes."""
    fields = {"name": r"\Renew it", "description": "why", "command": EXE, "arguments": "/renew", **change}
    return steps.RegisterTask(tasks=TASKS, **COMMON, **fields)


def tasks(*found, unreadable=()):
    """Facts with these tasks."""
    return given({TASKS: TasksFact(tasks=found, total=9, unreadable=unreadable)})


def test_the_task_is_registered_without_overwriting_from_a_file_and_as_system():
    action = register().action(EMPTY)
    assert isinstance(action, CommandLine)
    assert action.line == r'schtasks /create /tn "\Renew it" /xml "{upload}" /ru SYSTEM'
    assert action.upload == register().xml()


def test_the_file_is_utf_16_little_endian_with_a_mark_and_crlf_and_says_so():
    raw = register().xml()
    assert raw.startswith(codecs.BOM_UTF16_LE)
    text = raw.decode("utf-16")
    assert "\ufeff" not in text
    assert text.startswith('<?xml version="1.0" encoding="UTF-16"?>\r\n<Task version="1.2" xmlns=')
    assert re.findall(r"(?<!\r)\n|\r(?!\n)", text) == []


def test_the_task_says_what_the_guide_asks_and_depends_on_nothing():
    root = fromstring(register().xml().decode("utf-16"))
    said = {
        path: root.findtext(path, namespaces=NS)
        for path in (
            "t:RegistrationInfo/t:URI", "t:Triggers/t:BootTrigger/t:Enabled", "t:Principals/t:Principal/t:UserId",
            "t:Principals/t:Principal/t:RunLevel", "t:Settings/t:Enabled", "t:Settings/t:DisallowStartIfOnBatteries",
            "t:Settings/t:StopIfGoingOnBatteries", "t:Settings/t:RunOnlyIfNetworkAvailable",
            "t:Settings/t:RunOnlyIfIdle", "t:Actions/t:Exec/t:Command", "t:Actions/t:Exec/t:Arguments",
        )
    }  # fmt: skip
    assert list(said.values()) == [
        r"\Renew it", "true", "S-1-5-18", "HighestAvailable", "true", "false", "false", "false", "false", EXE, "/renew",
    ]  # fmt: skip
    assert root.find("t:Actions", NS).get("Context") == root.find("t:Principals/t:Principal", NS).get("id")
    assert root.find("t:Settings/t:DeleteExpiredTaskAfter", NS) is None


def test_whatever_stands_in_it_is_text_and_no_markup():
    hostile = register(description="</Description><x>&", command="a&b<c>", arguments="]]>&amp;")
    root = fromstring(hostile.xml().decode("utf-16"))
    assert root.findtext("t:RegistrationInfo/t:Description", namespaces=NS) == "</Description><x>&"
    assert root.findtext("t:Actions/t:Exec/t:Command", namespaces=NS) == "a&b<c>"
    assert root.findtext("t:Actions/t:Exec/t:Arguments", namespaces=NS) == "]]>&amp;"


def test_it_looks_at_the_tasks_of_its_program_only():
    assert register().reads == (TASKS,)


def test_other_tasks_may_come_and_go_between_plan_and_write():
    assert register().basis(EMPTY) == register().basis(tasks(OTHER, unreadable=(r"\Odd",)))


@pytest.mark.parametrize("name", [r"\Renew it", r"\RENEW IT"])
@pytest.mark.parametrize("readable", [True, False])
def test_a_task_of_its_name_that_turns_up_forbids_the_write(name, readable):
    there = tasks(replace(OTHER, name=name)) if readable else tasks(unreadable=(name,))
    assert register().basis(there) != register().basis(EMPTY)


def test_done_it_is_there_with_its_content():
    after = register().simulate(tasks(OTHER))
    assert register().done(after)
    new, other = after[TASKS].tasks
    assert other == OTHER
    assert (new.name, new.user, new.run_level) == (r"\Renew it", "S-1-5-18", "highest")
    assert (new.on_ac_only, new.needs_network, new.only_if_idle, new.expires) == (False, False, False, None)
    assert after[TASKS].total == 10


def test_what_is_simulated_is_what_the_reader_of_tasks_makes_of_the_file():
    xml = register().xml().decode("utf-16").partition("?>")[2]
    listed = f'<?xml version="1.0" encoding="UTF-16"?>\r\n<Tasks>\r\n<!-- \\Renew it -->{xml}</Tasks>'
    assert parse(listed.encode(), 65001, program="ipconfig").tasks == register().simulate(EMPTY)[TASKS].tasks


def test_simulated_twice_it_is_there_once():
    once = register().simulate(EMPTY)
    assert register().simulate(once) == once


MADE = register().simulate(EMPTY)[TASKS].tasks[0]


@pytest.mark.parametrize(
    "lost",
    [
        (),
        (replace(MADE, name=r"\Renew it too"),),
        (replace(MADE, enabled=False),),
        (replace(MADE, triggers=()),),
        (replace(MADE, triggers=(TaskTrigger(kind="logon"),)),),
        (replace(MADE, triggers=(TaskTrigger(kind="boot", enabled=False),)),),
        (replace(MADE, actions=()),),
        (replace(MADE, actions=(TaskAction(command=EXE, arguments="/release"),)),),
    ],
)
def test_a_task_that_lost_its_content_is_not_done(lost):
    assert register().done(tasks(MADE))
    assert not register().done(tasks(*lost))


def test_the_lines_that_take_it_back():
    assert steps.delete_task(r"\Renew it") == r'schtasks /delete /tn "\Renew it" /f'
    assert steps.set_start("cloudbase-init", "auto") == "sc config cloudbase-init start= auto"


def test_the_name_is_left_alone_by_the_shell():
    assert quotable(register().name)


SERVICE = Service(name="cloudbase-init")


def service(start="auto", state="running"):
    """Facts with the service."""
    return given({SERVICE: ServiceFact(present=True, start=start, state=state)})


SET = steps.SetServiceStart(service=SERVICE, start="demand", **COMMON)


def test_the_start_type_is_set_with_the_space_that_sc_wants():
    assert SET.action(service()) == CommandLine(line="sc config cloudbase-init start= demand")


def test_setting_the_start_type_leaves_the_state_alone_and_knows_when_it_is_done():
    after = SET.simulate(service())
    assert after == service("demand")
    assert SET.done(after)
    assert not SET.done(service())
    assert SET.reads == (SERVICE,)


def test_a_start_type_that_changed_or_a_service_that_went_forbids_the_write_and_its_state_does_not():
    assert SET.basis(service()) == SET.basis(service(state="stopped"))
    assert SET.basis(service()) != SET.basis(service("disabled"))
    assert SET.basis(service()) != SET.basis(given({SERVICE: ServiceFact(present=False)}))


# ---- the way back


def test_a_registration_is_taken_back_by_deleting_the_task_and_that_by_registering_it():
    back = register().inverse(EMPTY)
    assert isinstance(back, steps.DeleteTask)
    assert back.action(tasks(MADE)) == CommandLine(line=r'schtasks /delete /tn "\Renew it" /f')
    assert back.simulate(register().simulate(tasks(OTHER))) == tasks(OTHER)
    assert (back.done(tasks(MADE)), back.done(tasks(OTHER))) == (False, True)
    again = back.inverse(tasks(MADE, OTHER))
    assert isinstance(again, steps.RegisterTask)
    assert again.xml() == register().xml()


@pytest.mark.parametrize(
    "since",
    [
        (replace(MADE, enabled=False),),
        (replace(MADE, user="S-1-5-19"),),
        (replace(MADE, triggers=(*MADE.triggers, TaskTrigger(kind="logon"))),),
        (replace(MADE, actions=(TaskAction(command=EXE, arguments="/release"),)),),
        (replace(MADE, others=1),),
        (MADE, replace(MADE, name=r"\RENEW IT")),
    ],
)
def test_a_task_that_somebody_changed_since_is_not_deleted(since):
    back = register().inverse(EMPTY)
    assert back.basis(tasks(MADE, OTHER)) == back.basis(tasks(MADE)) == back.basis(register().simulate(EMPTY))
    assert back.basis(tasks(*since)) != back.basis(tasks(MADE))
    assert back.inverse(tasks(*since)) is None, "what was deleted could not be made again"


def test_a_task_that_cannot_be_read_any_more_is_neither_gone_nor_deleted():
    back, odd = register().inverse(EMPTY), tasks(unreadable=(r"\Renew it",))
    assert not back.done(odd)
    assert back.basis(odd) != back.basis(tasks(MADE))
    assert back.inverse(odd) is None


@pytest.mark.parametrize("there", [tasks(replace(OTHER, name=r"\renew it")), tasks(unreadable=(r"\Renew it",))])
def test_a_task_that_was_there_before_is_nobodys_to_delete(there):
    assert register().inverse(there) is None
    assert "was there before" in register().no_way_back


def test_a_journal_keeps_nothing_of_other_tasks():
    secret = replace(OTHER, actions=(TaskAction(command="ipconfig", arguments="hunter2"),))
    for step in (register(), register().inverse(EMPTY)):
        assert step.kept(tasks(secret, MADE, unreadable=(r"\Odd",))) == tasks(MADE)


def test_a_start_type_is_set_back_to_what_it_was():
    back = SET.inverse(service("disabled"))
    assert back.action(service("demand")) == CommandLine(line="sc config cloudbase-init start= disabled")
    assert back.simulate(SET.simulate(service("disabled"))) == service("disabled")
    assert back.undo == "sc config cloudbase-init start= demand"
    assert SET.inverse(given({SERVICE: ServiceFact(present=False)})) is None
