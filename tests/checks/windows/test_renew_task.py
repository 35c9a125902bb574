"""The startup task: every spelling that counts, every near miss by itself and some together, and when it is needed."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import strategies as st
from tests.checks.harness import (
    NOW,
    BadParams,
    Fails,
    Fixes,
    NotApplicable,
    Passes,
    Refuses,
    Table,
    Unknown,
    given,
    wrong,
)  # fmt: skip

from imagegate.model import Facts, Level, Phase, Violation
from imagegate.probes import (
    ORIGIN,
    SERVER,
    WINDOWS,
    OriginImageFact,
    ScheduledTask,
    ServerFact,
    TaskAction,
    TasksFact,
    TasksOf,
    TaskTrigger,
    WindowsFact,
)  # fmt: skip

TASKS = TasksOf(program="ipconfig")
WISHED = "runs ipconfig /renew as SYSTEM at every boot"
OLD = OriginImageFact(image_id="i-1", public=True, name="Windows 2016 STD (2019.04.25) EN")
SINCE = "origin image of 2019-04-25, by the image's name"
SERVED = ServerFact(id="s-1", name="win-1", status="ACTIVE", power_state=1, task_state=None)
OFF = ServerFact(id="s-1", name="win-1", status="SHUTOFF", power_state=4, task_state=None)
GUEST = WindowsFact(
    version="10.0.14393", product="Windows Server 2016 Standard", booted_at=NOW - timedelta(days=1), now=NOW
)
EXE = r"C:\Windows\System32\ipconfig.exe"
RENEW = TaskAction(command=EXE, arguments="/renew")
RELEASE = TaskAction(command=EXE, arguments="/release")
BOOT = TaskTrigger(kind="boot")
GOOD = ScheduledTask(
    name=r"\RenewIP", enabled=True, triggers=(BOOT,), user="S-1-5-18", run_level="highest", actions=(RENEW,),
    on_ac_only=False,
)  # fmt: skip
REGISTER = (r"register the task \imagegate-renew-dhcp: ipconfig /renew as SYSTEM at every boot", Level.SAFE)


def guest(*tasks: ScheduledTask, origin=OLD, unreadable=(), total=180, **more) -> Facts:
    """A running Windows of an old image, with these tasks that run ipconfig."""
    found = TasksFact(tasks=tuple(sorted(tasks, key=lambda task: task.name)), total=total, unreadable=unreadable)
    return given({ORIGIN: origin, TASKS: found, SERVER: SERVED, WINDOWS: GUEST, **more})


def task(**change) -> ScheduledTask:
    """The good task, with changes."""
    return replace(GOOD, **change)


def runs(command=EXE, arguments="/renew") -> ScheduledTask:
    """The good task with another action."""
    return task(actions=(TaskAction(command=command, arguments=arguments),))


def boot(**change) -> ScheduledTask:
    """The good task with another boot trigger."""
    return task(triggers=(replace(BOOT, **change),))


def at(days=0, hours=0, zone="") -> str:
    """A boundary so far from now."""
    return (NOW + timedelta(days=days, hours=hours)).replace(tzinfo=None).isoformat() + zone


SPELLINGS = {
    "a plain name": runs("ipconfig"),
    "a plain name with .exe": runs("IPCONFIG.EXE"),
    "no ending": runs(r"C:\Windows\System32\ipconfig"),
    "another case": runs(r"c:\WINDOWS\system32\IpConfig.exe", "/RENEW"),
    "quotes": runs(f'"{EXE}"'),
    "blanks around": runs(f" {EXE} ", " /renew  "),
    "%SystemRoot%": runs(r"%SystemRoot%\System32\ipconfig.exe"),
    "%SYSTEMROOT% in quotes": runs(r'"%SYSTEMROOT%\system32\ipconfig.exe"'),
    "%windir%": runs(r"%windir%\system32\ipconfig"),
    "a dash": runs(arguments="-renew"),
    "the argument in quotes": runs(arguments='"/renew"'),
    "all adapters by name": runs(arguments="/renew *"),
    "released, then renewed": task(actions=(RELEASE, RENEW)),
    "renewed, then shown": task(actions=(RENEW, TaskAction(command=EXE, arguments="/all"))),
    "released between": task(actions=(RENEW, RELEASE, RENEW)),
    "another program beside it": task(others=1),
}
ACCOUNTS = (
    "S-1-5-18", "s-1-5-18", "SYSTEM", "System", r"NT AUTHORITY\SYSTEM", r"nt authority\system", "LocalSystem",
    r".\SYSTEM", r".\LocalSystem", r"NT AUTHORITY\LocalSystem", " SYSTEM ",
)  # fmt: skip
TIMES = {
    "begun long ago, by the guest's own time": boot(start=at(days=-1)),
    "begun just now in UTC": boot(start=at(zone="Z")),
    "begun elsewhere": boot(start=at(hours=9, zone="+09:00")),
    "another trigger beside it": task(triggers=(TaskTrigger(kind="logon"), BOOT)),
    "a boot trigger of two is off": task(triggers=(replace(BOOT, enabled=False), BOOT)),
    "of two boot triggers one is over": task(triggers=(replace(BOOT, end=at(days=-2)), BOOT)),
    "of two boot triggers one waits": task(triggers=(replace(BOOT, delay="PT1M"), BOOT)),
    "deletes itself, but never ends": task(expires="PT0S"),
    "deletes itself, but one trigger never ends": task(
        triggers=(TaskTrigger(kind="time", end=at(days=-2)), BOOT), expires="PT0S"
    ),
    "began at the beginning of time": boot(start="0001-01-01T00:00:00"),
    "began with seven digits": boot(start="2019-04-25T10:11:12.1234567"),
}
NOTED = {
    "a delay": (boot(delay="PT30S"), "starts PT30S after the boot"),
    "an end that is far": (boot(end=at(days=2)), f"ends at {at(days=2)}: what boots later does not run it"),
    "an end in a zone": (boot(end=at(hours=1, zone="Z")), f"ends at {at(hours=1)}Z: what boots later does not run it"),
    "an end at the end of time": (
        boot(end="9999-12-31T23:59:59"), "ends at 9999-12-31T23:59:59: what boots later does not run it",
    ),
    "no run level": (
        task(run_level=None), "is not set to run with the highest privileges, which Windows ignores for SYSTEM",
    ),
    "the least privileges": (
        task(run_level="least"), "is not set to run with the highest privileges, which Windows ignores for SYSTEM",
    ),
    "Sysnative": (runs(r"C:\Windows\Sysnative\ipconfig.exe"), "names Sysnative, which only 32-bit programs see"),
    "Sysnative by a variable": (
        runs(r"%WinDir%\SysNative\ipconfig"), "names Sysnative, which only 32-bit programs see",
    ),
}  # fmt: skip
PASSING = (
    Passes(name="the guide's task", seen=guest(GOOD), note=SINCE),
    *(Passes(name=name, seen=guest(one), note=SINCE) for name, one in {**SPELLINGS, **TIMES}.items()),
    *(
        Passes(name=f"as {user!r}", seen=guest(task(user=user), total=n), note=SINCE)
        for n, user in enumerate(ACCOUNTS, 200)
    ),
    *(
        Passes(name=f"with a note: {name}", seen=guest(one), note=rf"{SINCE}; \RenewIP {note}")
        for name, (one, note) in NOTED.items()
    ),
    Passes(
        name="mains power, where the policy lets it pass", seen=guest(task(on_ac_only=True)),
        want={"allow_mains_only": True}, note=rf"{SINCE}; \RenewIP starts on mains power only",
    ),
    Passes(name="a good one among bad ones", seen=guest(task(name=r"\A", enabled=False), GOOD), note=SINCE),
    Passes(
        name="the one with the fewest notes speaks", seen=guest(replace(NOTED["a delay"][0], name=r"\A"), GOOD), note=SINCE,
    ),
    Passes(name="unreadable ones beside a good one", seen=guest(GOOD, unreadable=(r"\Odd",)), note=SINCE),
    Passes(name="the day before the cut-off", note="origin image of 2019-05-27, by the image's release_date",
           seen=guest(GOOD, origin=replace(OLD, release_date="2019.05.27", name=None))),
    Passes(
        name="evidence that the project can edit",
        seen=guest(
            GOOD,
            origin=OriginImageFact(image_id="i-1", gone="image i-1 is gone", server_name="Windows 2016 STD (2019.04.25)"),
        ),
        note="origin image of 2019-04-25, by the server's metadata image_name, which the project can edit",
    ),
    Passes(
        name="a date that the policy states", want={"released": "2018-02-22"},
        seen=guest(GOOD, origin=OriginImageFact(image_id=None)), note="origin image of 2018-02-22, by the policy",
    ),
    Passes(
        name="a newer image, where the policy wants the task there too", want={"renew_before": "2030-01-01"},
        seen=guest(GOOD, origin=replace(OLD, name="Windows 2022 STD (2026.03.10)")),
        note="origin image of 2026-03-10, by the image's name",
    ),
    Passes(
        name="no cloud tells the server's state",
        seen=guest(GOOD).without(SERVER, "no cloud lists this instance"), note=SINCE,
    ),
    Passes(name="the guest's clock was not seen, its look was", note=SINCE,
           seen=guest(boot(start=at(days=-1))).without(WINDOWS, "it fell silent")),
)  # fmt: skip

MISSES = {
    "disabled": (task(enabled=False), "is disabled"),
    "a logon trigger": (task(triggers=(TaskTrigger(kind="logon"),)), "its trigger is logon, not boot"),
    "triggers of other kinds": (
        task(triggers=(TaskTrigger(kind="logon"), TaskTrigger(kind="time"), TaskTrigger(kind="logon"))),
        "its trigger is logon, time, not boot",
    ),
    "no trigger": (task(triggers=()), "has no trigger"),
    "a disabled boot trigger": (boot(enabled=False), "its boot trigger is disabled"),
    "a disabled boot trigger beside a logon": (
        task(triggers=(TaskTrigger(kind="logon"), replace(BOOT, enabled=False))), "its boot trigger is disabled",
    ),
    "not begun": (boot(start=at(days=1)), f"its boot trigger is active from {at(days=1)} only"),
    "not surely begun in the guest's zone": (boot(start=at(hours=-11)), f"its boot trigger is active from {at(hours=-11)} only"),
    "not begun in its zone": (
        boot(start=at(hours=9, zone="+08:00")), f"its boot trigger is active from {at(hours=9)}+08:00 only",
    ),
    "over": (boot(end=at(days=-1)), f"its boot trigger is active until {at(days=-1)} only"),
    "over just now": (boot(end=at(zone="Z")), f"its boot trigger is active until {at()}Z only"),
    "maybe over in the guest's zone": (boot(end=at(hours=13)), f"its boot trigger is active until {at(hours=13)} only"),
    "a start that is no time": (boot(start="soon"), "its boot trigger is active from soon only"),
    "an end that is no time": (boot(end="never"), "its boot trigger is active until never only"),
    "an administrator": (task(user=r"WIN\Administrator"), r"runs as WIN\Administrator, not as SYSTEM"),
    "the network service": (task(user="S-1-5-20"), "runs as S-1-5-20, not as SYSTEM"),
    "a user called like it": (task(user=r"WIN-01\SYSTEM"), r"runs as WIN-01\SYSTEM, not as SYSTEM"),
    "a name in another language": (task(user="SYST\u00c8ME"), "runs as SYST\u00c8ME, not as SYSTEM"),
    "a group": (task(user=None, group="S-1-5-32-544"), "runs as group S-1-5-32-544, not as SYSTEM"),
    "nobody": (task(user=None), "runs as no account, not as SYSTEM"),
    "a network": (task(needs_network=True), "waits for a network, which the clone has not got before it renews"),
    "idleness": (task(only_if_idle=True), "waits until the machine is idle"),
    "mains power": (task(on_ac_only=True), "starts on mains power only"),
    "it deletes itself": (
        task(triggers=(replace(BOOT, end=at(days=5)),), expires="PT0S"),
        "deletes itself when its triggers have ended (PT0S)",
    ),
    "/release": (runs(arguments="/release"), "gives the lease up (/release)"),
    "/renew6": (runs(arguments="/renew6"), "renews IPv6 only (/renew6)"),
    "-RENEW6": (runs(arguments="-RENEW6"), "renews IPv6 only (-RENEW6)"),
    "one adapter": (runs(arguments='/renew "Ethernet 2"'), 'renews one adapter only (/renew "Ethernet 2")'),
    "no arguments": (runs(arguments=""), "runs ipconfig with no arguments, not with /renew"),
    "/all": (runs(arguments="/all"), "runs ipconfig with /all, not with /renew"),
    "renew without a slash": (runs(arguments="renew"), "runs ipconfig with renew, not with /renew"),
    "the argument in the command": (runs(f"{EXE} /renew", ""), rf"runs {EXE} /renew, not {EXE}"),
    "a look-alike elsewhere": (runs(r"C:\Temp\ipconfig.exe"), rf"runs C:\Temp\ipconfig.exe, not {EXE}"),
    "a look-alike by its name": (runs("ipconfig.bat"), f"runs ipconfig.bat, not {EXE}"),
    "renewed, then released": (
        task(actions=(RENEW, RELEASE)), "gives the lease up after it was renewed (/release)",
    ),
    "only released, twice": (task(actions=(RELEASE, RELEASE)), "gives the lease up (/release)"),
}  # fmt: skip
MAINS = "instances of a cloud have no battery: allow_mains_only lets it pass"


def is_near(actual: str, name=r"\RenewIP", hint=None):
    """The violation of a task that nearly does it."""
    return wrong(f"task {name}", WISHED, actual, hint)


NONE_THERE = wrong("startup task", WISHED, "none of 180 tasks runs ipconfig")
FAILING = (
    Fails(name="no task", seen=guest(), violations=(NONE_THERE,), note=SINCE),
    *(
        Fails(name=name, seen=guest(one), violations=(is_near(actual, hint=MAINS if one.on_ac_only else None),), note=SINCE)
        for name, (one, actual) in MISSES.items()
    ),
    Fails(
        name="all at once",
        seen=guest(
            task(
                enabled=False, triggers=(TaskTrigger(kind="logon"),), user="x", needs_network=True, only_if_idle=True,
                on_ac_only=True, actions=(RELEASE,),
            )
        ),
        violations=(
            is_near(
                "gives the lease up (/release); is disabled; its trigger is logon, not boot; runs as x, not as SYSTEM; "
                "waits for a network, which the clone has not got before it renews; waits until the machine is idle; "
                "starts on mains power only"
            ),
        ),
        note=SINCE,
    ),
    Fails(
        name="the nearest first",
        seen=guest(
            task(name=r"\A", enabled=False, user="x", on_ac_only=True),
            task(name=r"\B", enabled=False, user="x"),
            task(name=r"\C", enabled=False),
            task(name=r"\D", user="x"),
        ),
        violations=(
            is_near("is disabled", r"\C"), is_near("runs as x, not as SYSTEM", r"\D"),
            is_near("is disabled; runs as x, not as SYSTEM", r"\B"),
            is_near("is disabled; runs as x, not as SYSTEM; starts on mains power only", r"\A"),
        ),
        note=SINCE,
    ),
    Fails(
        name="mains power beside another fault, which allow_mains_only does not mend", want={"allow_mains_only": True},
        seen=guest(task(on_ac_only=True, enabled=False)), violations=(is_near("is disabled"),), note=SINCE,
    ),
    Fails(
        name="a newer image, where the policy wants the task there too", want={"renew_before": "2019-05-29"},
        seen=guest(origin=replace(OLD, release_date="2019.05.28", name=None)), violations=(NONE_THERE,),
        note="origin image of 2019-05-28, by the image's release_date",
    ),
    Fails(
        name="the policy states an older date than the image", want={"released": "2019-05-27"},
        seen=guest(origin=replace(OLD, name="Windows (2020.02.18)")), violations=(NONE_THERE,),
        note="origin image of 2019-05-27, by the policy; but the image's name says 2020-02-18",
    ),
    Fails(
        name="no cloud tells the server's state", violations=(NONE_THERE,), note=SINCE,
        seen=guest().without(SERVER, "no cloud lists this instance"),
    ),
    *(
        Fails(name=f"not captured off: {name}", seen=guest().with_fact(SERVER, server), violations=(NONE_THERE,), note=SINCE)
        for name, server in {
            "it is being stopped": replace(SERVED, task_state="powering-off"),
            "it is off, but being started": replace(OFF, task_state="powering-on"),
            "SHUTOFF, but the power is on": replace(OFF, power_state=1),
        }.items()
    ),
)  # fmt: skip

NEWER = "; those of 2019-05-28 and later need no task"
NOT_NEEDED = (
    NotApplicable(
        name="the day of the cut-off", seen=guest(origin=replace(OLD, name="Windows 2016 STD(2019.05.28.)")),
        reason=f"origin image of 2019-05-28, by the image's name{NEWER}",
    ),
    NotApplicable(
        name="a newer image by what the project can edit",
        seen=guest(origin=replace(OLD, public=None, name=None, server_description="Windows (2020. 02. 18.)")),
        reason="origin image of 2020-02-18, by the server's metadata description, which the project can edit" + NEWER,
    ),
    NotApplicable(
        name="a newer image, and the guest is silent",
        seen=guest(origin=replace(OLD, name="x (2026.03.10)")).without(TASKS, "it fell silent"),
        reason=f"origin image of 2026-03-10, by the image's name{NEWER}",
    ),
    NotApplicable(
        name="a newer image by the policy", seen=guest(), want={"released": "2022-02-22"},
        reason="origin image of 2022-02-22, by the policy; but the image's name says 2019-04-25" + NEWER,
    ),
    NotApplicable(
        name="off, with a task that is of no use", seen=guest(task(enabled=False)).with_fact(SERVER, OFF),
        reason="the instance is off: only what is captured while it runs needs the task",
    ),
    NotApplicable(
        name="off, and the guest was never seen",
        seen=guest().with_fact(SERVER, OFF).without(TASKS, "off and no evidence").without(WINDOWS, "off"),
        reason="the instance is off: only what is captured while it runs needs the task",
    ),
    NotApplicable(
        name="off, and the date is not known", seen=guest(origin=OriginImageFact(image_id=None)).with_fact(SERVER, OFF),
        reason="the instance is off: only what is captured while it runs needs the task",
    ),
)
UNREAD = "no task that was read renews the lease, and some could not be read: "
UNSEEN = (
    Unknown(
        name="the tasks were not seen", seen=guest().without(TASKS, "schtasks printed nothing"),
        reason="schtasks printed nothing",
    ),
    Unknown(name="a task that could not be read", seen=guest(unreadable=(r"\Odd",)), reason=UNREAD + r"\Odd"),
    Unknown(
        name="tasks that could not be read, beside a near miss",
        seen=guest(task(enabled=False), unreadable=(r"\Odd", r"\Odder")), reason=UNREAD + r"\Odd, \Odder",
    ),
    Unknown(
        name="the date is not known, though a good task is there",
        seen=guest(GOOD, origin=replace(OLD, name="golden-win")),
        reason="no evidence tells the release date of the origin image; "
        "find it out and state it in the policy (`released`)",
    ),
)

FIXED = (
    Fixes(name="no task", seen=guest(), steps=(REGISTER,)),
    *(Fixes(name=name, seen=guest(one), steps=(REGISTER,)) for name, (one, _) in MISSES.items()),
    Fixes(
        name="under another name", seen=guest(task(name=r"\imagegate-renew-dhcp", enabled=False)),
        want={"name": "Renew DHCP 2"},
        steps=((r"register the task \Renew DHCP 2: ipconfig /renew as SYSTEM at every boot", Level.SAFE),),
    ),
    Fixes(name="the guest's clock was not seen", seen=guest().without(WINDOWS, "silent"), steps=(REGISTER,)),
)
TAKEN = (
    *(
        Refuses(
            name=f"the name is taken: {name}", seen=guest(task(name=name, enabled=False)),
            reasons=(r"a task \imagegate-renew-dhcp is there already, not as required",),
        )
        for name in (r"\imagegate-renew-dhcp", r"\Imagegate-Renew-DHCP")
    ),
)
days = st.dates(min_value=date(2017, 1, 1), max_value=date(2019, 7, 1)).map(str)

TABLE = Table(
    "windows-renew-task-present",
    (
        *PASSING, *FAILING, *NOT_NEEDED, *UNSEEN, *FIXED, *TAKEN,
        *(
            BadParams(name=f"a name that is none: {name!r}", want={"name": name}, message="should match pattern")
            for name in ("", "a\\b", 'a"b', "a%b", "a&b", "../a", " a", "a.", "a" * 101)
        ),
        BadParams(name="a day that is none", want={"released": "2019-02-30"}, message="date"),
    ),
    wants=st.fixed_dictionaries(
        {"released": days},
        optional={"renew_before": days, "allow_mains_only": st.booleans(), "name": st.sampled_from(("x y", "RenewIP"))},
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_the_task_is_registered_early_and_taken_back_by_name():
    [step] = TABLE.subject.plan(guest(), TABLE.subject.params(name="Renew it"))
    assert step.phase is Phase.CONTENT
    assert step.undo == r'schtasks /delete /tn "\Renew it" /f'
    assert not step.disconnects


def test_the_guests_own_clock_decides_and_not_ours():
    """For the clock of a guest that is a week behind, the trigger has not begun."""
    judge, want, seen = TABLE.subject.evaluate, TABLE.subject.params(), guest(boot(start=at(days=-2)))
    behind = seen.with_fact(WINDOWS, replace(GUEST, now=NOW - timedelta(days=7)))
    assert not any(isinstance(item, Violation) for item in judge(seen, want))
    assert any(isinstance(item, Violation) for item in judge(behind, want))
