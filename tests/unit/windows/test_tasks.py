"""The list of scheduled tasks, in all shapes that schtasks gives it, and in those that somebody else might."""

from __future__ import annotations

import pytest

from imagegate.probes import TaskAction, TaskTrigger
from imagegate.transports.windows import tasks
from imagegate.transports.windows.registry import Unclear

NS = "http://schemas.microsoft.com/windows/2004/02/mit/task"
DECLARATION = '<?xml version="1.0" encoding="UTF-16"?>'
BOOT = "<BootTrigger><Enabled>true</Enabled></BootTrigger>"
SYSTEM = '<Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal>'
RENEW = "<Exec><Command>C:\\Windows\\System32\\ipconfig.exe</Command><Arguments>/renew</Arguments></Exec>"


def task(*, actions=RENEW, triggers=BOOT, principals=SYSTEM, settings="", context=' Context="Author"', info="") -> str:
    return (
        f'<Task version="1.2" xmlns="{NS}">\r\n<RegistrationInfo>{info}</RegistrationInfo>'
        f"<Triggers>{triggers}</Triggers><Principals>{principals}</Principals><Settings>{settings}</Settings>"
        f"<Actions{context}>{actions}</Actions>\r\n</Task>"
    )


def one(*named: tuple[str, str]) -> str:
    inner = "\r\n".join(f"<!-- {name} -->\r\n{text}" for name, text in named)
    return f"{DECLARATION}\r\n<Tasks>\r\n{inner}\r\n</Tasks>\r\n"


def parse(text: str | bytes, page: int | None = 65001):
    return tasks.parse(text.encode() if isinstance(text, str) else text, page, program="ipconfig")


def only(text: str | bytes):
    fact = parse(text)
    assert (fact.total, fact.unreadable) == (1, ())
    return fact.tasks[0]


def test_the_documented_task() -> None:
    found = only(one((r"\Renew", task())))
    assert (found.name, found.enabled, found.user, found.run_level) == (r"\Renew", True, "S-1-5-18", "highest")
    assert found.actions == (TaskAction(command=r"C:\Windows\System32\ipconfig.exe", arguments="/renew"),)
    assert found.triggers == (TaskTrigger(kind="boot"),)


def test_what_is_not_written_is_what_the_task_scheduler_takes_it_for() -> None:
    bare = task(
        actions="<Exec><Command>ipconfig</Command></Exec>", triggers="<LogonTrigger/>", principals="", context=""
    )
    found = only(one(("x", bare.replace("<Settings></Settings>", ""))))
    assert (found.enabled, found.on_ac_only, found.needs_network, found.only_if_idle) == (True, True, False, False)
    assert (found.user, found.group, found.run_level, found.expires, found.others) == (None, None, None, None, 0)
    assert found.triggers == (TaskTrigger(kind="logon", enabled=True),)
    assert found.actions == (TaskAction(command="ipconfig", arguments=""),)


def test_what_is_written() -> None:
    settings = (
        "<Enabled> false </Enabled><DisallowStartIfOnBatteries>0</DisallowStartIfOnBatteries><RunOnlyIfIdle>1</RunOnlyIfIdle>"
        "<RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable><DeleteExpiredTaskAfter>PT0S</DeleteExpiredTaskAfter>"
    )
    triggers = (
        "<BootTrigger><StartBoundary>2026-01-01T00:00:00</StartBoundary><EndBoundary>2027-01-01T00:00:00Z</EndBoundary>"
        "<Enabled>0</Enabled><Delay>PT30S</Delay></BootTrigger><SessionStateChangeTrigger/>"
    )
    who = '<Principal id="P"><GroupId>S-1-5-32-544</GroupId><RunLevel>LeastPrivilege</RunLevel></Principal>'
    other = "<ComHandler><ClassId>{1}</ClassId></ComHandler><Exec><Command>cmd</Command><Arguments>secret</Arguments></Exec>"
    text = task(settings=settings, triggers=triggers, principals=who, actions=RENEW + other, context=' Context="P"')
    found = only(one(("x", text)))
    assert (found.enabled, found.on_ac_only, found.needs_network, found.only_if_idle) == (False, False, True, True)
    assert (found.user, found.group, found.run_level, found.expires) == (None, "S-1-5-32-544", "least", "PT0S")
    assert (found.others, "secret" in repr(found)) == (2, False)
    assert found.triggers == (
        TaskTrigger(kind="boot", enabled=False, start="2026-01-01T00:00:00", end="2027-01-01T00:00:00Z", delay="PT30S"),
        TaskTrigger(kind="sessionstatechange"),
    )


@pytest.mark.parametrize(
    ("command", "is_it"),
    [
        ("ipconfig", True),
        ("IPCONFIG.EXE", True),
        (r"C:\Windows\System32\ipconfig.exe", True),
        (r"c:/windows/system32/IpConfig", True),
        ('"C:\\Windows\\System32\\ipconfig.exe"', True),
        ('  "ipconfig"  ', True),
        (r"%SystemRoot%\System32\ipconfig.exe", True),
        (r"%windir%\Sysnative\ipconfig", True),
        (r"D:\tools\ipconfig.exe", True),
        (r"C:\Windows\System32\ipconfig.exe /renew", False),
        ("cmd", False),
        (r"C:\Windows\System32\cmd.exe", False),
        ("ipconfig.com", False),
        ("myipconfig.exe", False),
        ("ipconfig.exe.exe", False),
        (r"C:\ipconfig\other.exe", False),
        ('"', False),
        ("", False),
    ],
)
def test_which_commands_are_the_program(command: str, is_it: bool) -> None:
    assert tasks.runs_program(command, "ipconfig") is is_it
    assert tasks.runs_program(command, "IPConfig.exe") is is_it


def test_a_wrapper_is_another_program() -> None:
    wrapped = "<Exec><Command>cmd.exe</Command><Arguments>/c ipconfig /renew</Arguments></Exec>"
    fact = parse(one(("a", task(actions=wrapped)), ("b", task())))
    assert (fact.total, [found.name for found in fact.tasks]) == (2, ["b"])


def test_tasks_come_by_name_and_all_are_counted() -> None:
    other = task(actions="<Exec><Command>cmd</Command></Exec>")
    fact = parse(one((r"\b\x", task()), (r"\c", other), (r"\a", task())))
    assert ([found.name for found in fact.tasks], fact.total) == ([r"\a", r"\b\x"], 3)


LISTED = one((r"\갱신", task()))
SHAPES = {
    "utf-8": LISTED.encode(),
    "utf-8 with a mark": b"\xef\xbb\xbf" + LISTED.encode(),
    "utf-16 with a mark": b"\xff\xfe" + LISTED.encode("utf-16-le"),
    "utf-16 without one": LISTED.encode("utf-16-le"),
    "utf-16 big endian": b"\xfe\xff" + LISTED.encode("utf-16-be"),
    "declared as another": LISTED.replace("UTF-16", "ks_c_5601-1987").encode(),
    "declared as nothing that exists": LISTED.replace("UTF-16", "nonsense").encode(),
    "no declaration": LISTED.replace(DECLARATION, "").encode(),
    "blank lines first": b"\r\n\r\n" + LISTED.encode(),
    "no list around it": LISTED.replace("<Tasks>", "").replace("</Tasks>", "").encode(),
    "comment on the same line": LISTED.replace("-->\r\n", "-->").encode(),
    "each with a declaration": f"{DECLARATION}\r\n<!-- \\갱신 -->\r\n{DECLARATION}\r\n{task()}\r\n".encode(),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_the_list(shape: str) -> None:
    assert only(SHAPES[shape]).name == r"\갱신"


def test_the_code_page_of_the_console() -> None:
    fact = tasks.parse(LISTED.encode("cp949"), 949, program="ipconfig")
    assert fact.tasks[0].name == r"\갱신"


def test_a_code_page_that_nobody_knows_costs_the_name_only() -> None:
    fact = tasks.parse(
        LISTED.encode("cp932", "replace").replace(b"?" * 2, b"\x83\x5c\x83\x8a"), 65001, program="ipconfig"
    )
    assert (len(fact.tasks), fact.tasks[0].user) == (1, "S-1-5-18")


@pytest.mark.parametrize("name", [r"\a--b", r"\{12345678-AAAA}-", r"\x & y <z>", r"\-->", "\\a\x0bb"])
def test_names_that_no_comment_can_hold(name: str) -> None:
    fact = parse(one((name, task()), (r"\z", task())))
    assert (fact.total, fact.unreadable, len(fact.tasks)) == (2, (), 2)
    assert r"\z" in {found.name for found in fact.tasks}


def test_a_task_without_a_name_has_that_of_its_registration() -> None:
    named = task(info="<URI>\\Mine</URI>")
    fact = parse(f"<Tasks>{named}{task()}</Tasks>")
    assert [found.name for found in fact.tasks] == ["(without a name, number 2)", r"\Mine"]


ODD = {
    "enabled is no boolean": task(settings="<Enabled>maybe</Enabled>"),
    "enabled twice": task(settings="<Enabled>true</Enabled><Enabled>false</Enabled>"),
    "enabled with markup": task(settings="<Enabled>true<b/></Enabled>"),
    "trigger's enabled is no boolean": task(triggers="<BootTrigger><Enabled>yes</Enabled></BootTrigger>"),
    "trigger of another namespace": task(triggers='<x:BootTrigger xmlns:x="urn:x"/>'),
    "no actions": task().replace(f'<Actions Context="Author">{RENEW}</Actions>', ""),
    "actions twice": task().replace("</Task>", "<Actions/></Task>"),
    "settings twice": task().replace("</Task>", "<Settings/></Task>"),
    "level unknown": task(principals=SYSTEM.replace("HighestAvailable", "Highest")),
    "two principals, none of them named": task(principals=SYSTEM + SYSTEM.replace("Author", "B"), context=""),
    "two principals of one name": task(principals=SYSTEM + SYSTEM),
    "another namespace": task().replace(NS, "urn:other"),
    "no namespace": task().replace(f' xmlns="{NS}"', ""),
    "no task": "<Folder/>",
    "text too long": task(actions=RENEW.replace("/renew", "x" * 5000)),
    "nothing": "",
    "a message": "ERROR: The task image is corrupt.",
}


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_understood_is_named(odd: str) -> None:
    fact = parse(one((r"\a", task()), (r"\odd", ODD[odd]), (r"\z", task())))
    assert (fact.unreadable, [found.name for found in fact.tasks], fact.total) == ((r"\odd",), [r"\a", r"\z"], 3)


def test_characters_that_no_xml_may_hold_cost_nothing() -> None:
    found = only(one((r"\a", task(info="<Description>a\x0bb\x00\ufffe</Description>"))))
    assert found.user == "S-1-5-18"


def test_a_name_at_the_end_without_a_task() -> None:
    fact = parse(one((r"\a", task()), (r"\odd", "")))
    assert (fact.unreadable, fact.total) == ((r"\odd",), 2)


def test_a_message_between_the_tasks_may_be_about_one() -> None:
    fact = parse(f"<Tasks>oops {task()} oops <b>x</b></Tasks>")
    assert (len(fact.tasks), len(fact.unreadable)) == (1, 3)


def test_several_principals_the_named_one_counts() -> None:
    users = SYSTEM.replace("Author", "B").replace("S-1-5-18", "bob") + SYSTEM
    assert only(one(("x", task(principals=users)))).user == "S-1-5-18"


def test_nothing_feigns_a_task() -> None:
    feigned = f"<Description><![CDATA[</Task>\r\n<!-- \\Fake -->\r\n{task()}]]></Description><!-- \\Fake2 -->"
    fact = parse(one((r"\mine", task(actions="<Exec><Command>cmd</Command></Exec>", info=feigned))))
    assert (fact.tasks, fact.total, fact.unreadable) == ((), 1, ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "gave no answer"),
        (" \r\n", "gave no answer"),
        ("\ufeff", "gave no answer"),
        ("ERROR: Access is denied.", "gave no list"),
        ("<html><body>x</body></html>", "gave no list"),
        (LISTED[:-12], "broke off"),
        (LISTED[:300], "broke off"),
        (LISTED[:60], "broke off"),
        ("<Tasks>", "broke off"),
        ("<Tasks/></all>", "broke off"),
        ("<Tasks>&x;</Tasks>", "broke off"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Tasks>&b;</Tasks>', "broke off"),
        ("<Tasks><?name /w==?></Tasks>", "no XML that can be read"),
        ("<Tasks>" + "<a>" * 60 + "</a>" * 60 + "</Tasks>", "nested too deeply"),
    ],
)
def test_a_list_that_is_none(text: str, reason: str) -> None:
    with pytest.raises(Unclear, match=reason):
        parse(text)


def test_an_empty_list_is_a_list() -> None:
    fact = parse(f"{DECLARATION}<Tasks></Tasks>")
    assert (fact.total, fact.tasks, fact.unreadable) == (0, (), ())


def test_an_entity_bomb_is_refused() -> None:
    entities = "".join(
        f'<!ENTITY {name} "{f"&{old};" * 10}">' for old, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(Unclear):
        parse(f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{entities}]><Tasks>&i;</Tasks>')


def test_fifty_megabytes_are_not_even_parsed(monkeypatch) -> None:
    monkeypatch.setattr(tasks, "_read", lambda text: pytest.fail("it was parsed"))
    with pytest.raises(Unclear, match="larger than 16 MiB"):
        parse(b"<Tasks>" + b"<a/>" * (50 << 18))
