"""Generalised: the state, its witnesses and their age; and when sysprep may be run, and how."""

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from tests.checks.harness import (
    NOW,
    BadParams,
    ByHand,
    Fails,
    Fixes,
    Passes,
    Refuses,
    Table,
    Unknown,
    given,
    planned,
    target,
    wrong,
)  # fmt: skip
from tests.checks.world import OFF, server

from imagegate.errors import Owner
from imagegate.judge import Pair, judge
from imagegate.model import Facts, Level, Phase, Seen, Unseen, Verdict
from imagegate.plan import Grant, make_plan
from imagegate.probes import (
    SERVER,
    WINDOWS,
    AnswerFile,
    AnswerFileFact,
    Registry,
    RegistryFact,
    ShellCommand,
    ShellCommandFact,
    WindowsFact,
    WindowsFileFact,
)  # fmt: skip
from imagegate.probes.sysprep import SETUP_ERRORS, SUCCESS_TAG

IMAGE_STATE = Registry(path=r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State", name="ImageState")
STATUS = r"HKLM\SYSTEM\Setup\Status\SysprepStatus"
GENERALIZATION, CLEANUP = (
    Registry(path=STATUS, name="GeneralizationState"), Registry(path=STATUS, name="CleanupState"),
)  # fmt: skip
ANSWERS = AnswerFile(path=r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf\Unattend.xml")
ELSEWHERE = AnswerFile(path=r"C:\Program Files\Cloud Solutions\Cloudbase-Init\conf\Unattend.xml")
TOAST = ShellCommand(name="ToastSysprep")
CURRENT = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
SERVICING = Registry(path=rf"{CURRENT}\Component Based Servicing\RebootPending")
UPDATE = Registry(path=rf"{CURRENT}\WindowsUpdate\Auto Update\RebootRequired")

BOOTED = NOW - timedelta(hours=2)
BEFORE, SINCE = BOOTED - timedelta(days=90), BOOTED + timedelta(hours=1)
DONE = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
NO, YES = RegistryFact(present=False), RegistryFact(present=True)
GONE, READABLE = AnswerFileFact(state="absent"), AnswerFileFact(state="readable")
NO_FILE = WindowsFileFact(kind="absent")
LINE = "2026-11-22 11:15:00, Error      SYSPRP Failed to remove apps for the current user: 0x80073cf2."


def text(state: str) -> RegistryFact:
    """An image state."""
    return RegistryFact(present=True, type="REG_SZ", text=state)


def tag(modified=SINCE) -> WindowsFileFact:
    """The success tag."""
    return WindowsFileFact(kind="regular", size=0, modified=modified)


def log(modified=SINCE, tail: str | None = LINE, size: int | None = 97) -> WindowsFileFact:
    """The log of errors."""
    return WindowsFileFact(kind="regular", size=size, modified=modified, tail=tail)


def guest(state: RegistryFact | str = DONE, tagged=tag(), errors=NO_FILE) -> Facts:  # noqa: B008 - facts do not change
    """What every look shows; by default all is well."""
    return given(
        {
            IMAGE_STATE: text(state) if isinstance(state, str) else state, SUCCESS_TAG: tagged, SETUP_ERRORS: errors,
            WINDOWS: WindowsFact(version="10.0.17763", product="Windows", booted_at=BOOTED, now=NOW),
        }
    )  # fmt: skip


def ready(state="IMAGE_STATE_COMPLETE", tagged=NO_FILE, errors=NO_FILE, **change) -> Facts:
    """An instance in use, ready to be generalised; ``change`` replaces facts by name, None takes one away."""
    names = {"answers": ANSWERS, "elsewhere": ELSEWHERE, "servicing": SERVICING, "update": UPDATE, "server": SERVER,
             "toast": TOAST}  # fmt: skip
    known = {"answers": READABLE, "servicing": NO, "update": NO, "server": server("win-01"), **change}
    seen = guest(state, tagged, errors)
    for name, value in known.items():
        if value is not None:
            seen = seen.with_fact(names[name], value)
    return seen


def toast(**change) -> Facts:
    """An instance with NHN Cloud's command."""
    return ready(toast=ShellCommandFact(present=True), **change).without(ANSWERS).without(ELSEWHERE)


def is_in(actual: str):
    """The violation of the image state."""
    return wrong("image state", DONE, actual)


def tagged_as(actual: str):
    """The violation of the success tag."""
    return wrong("success tag", "written since the last boot", actual)


def logged(line: str = LINE):
    """The violation of the log."""
    return wrong(SETUP_ERRORS.path, "no error since the last boot", line)


STATES = {
    "IMAGE_STATE_COMPLETE": "in use: never generalised, or started since",
    "IMAGE_STATE_UNDEPLOYABLE": "a phase of Setup is under way, or did not end",
    "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT": "generalised, but clones would start in audit mode",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE": "in the middle of the first start of a clone",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT": "in the middle of the first start of a clone, into audit mode",
    "image_state_generalize_reseal_to_oobe": "a state that is not documented",
    "": "a state that is not documented",
}
NO_STATES = {
    "absent": (NO, "absent"),
    "a number": (RegistryFact(present=True, type="REG_DWORD", number=7), "a value of type REG_DWORD"),
}
TAGS = {
    "no tag": (NO_FILE, "absent"),
    "the vendor's tag": (tag(BEFORE), "older than the last boot"),
    "a tag as old as the boot": (tag(BOOTED), "older than the last boot"),
    "a tag of an unknown age": (tag(None), "of an unknown age"),
    "a folder for a tag": (WindowsFileFact(kind="directory"), "a directory"),
    "a link for a tag": (WindowsFileFact(kind="link"), "a link"),
}
HARMLESS = {
    "no log": NO_FILE,
    "an empty log": log(size=0, tail=""),
    "old errors": log(BEFORE),
    "errors as old as the boot": log(BOOTED),
}
SYSPREP = ("generalise the installation with sysprep", Level.DESTRUCTIVE)
STOP = ("stop the instance win-01", Level.DISRUPTIVE)
TOASTED = ("generalise the installation of win-01 with ToastSysprep, which powers it off", Level.DESTRUCTIVE)
PROVE = ("prove it from a clone, or attest in the policy that it was generalised and not started since", Level.MANUAL)
BY_TOAST = {"method": "toast"}
LEFT = ("image state", "success tag")


def only_from(state: str) -> str:
    """Why sysprep is not run from a state."""
    return f"sysprep starts from IMAGE_STATE_COMPLETE only, this is {state}"


REFUSED = {
    **{
        f"in {state or 'an empty state'}": (ready(state), only_from(f"{state} ({meaning})"))
        for state, meaning in STATES.items()
        if state != "IMAGE_STATE_COMPLETE"
    },
    "without a state": (ready(NO), only_from("absent")),
    "generalised before the last boot, as it seems": (
        ready(DONE, tag(BEFORE)), "it says that it is generalised, but no run since the last boot proves it",
    ),
    "generalised with errors": (
        ready(DONE, tag(), log()), "it says that it is generalised, but no run since the last boot proves it",
    ),
    "after a run that failed": (ready(errors=log()), f"sysprep failed since the last boot: {LINE}"),
    "servicing waits for a restart": (ready(servicing=YES), "a restart is pending: sysprep would fail"),
    "an update waits for a restart": (ready(update=YES), "a restart is pending: sysprep would fail"),
    "locked": (ready(server=server("win-01", locked=True)), "the instance is locked"),
    "a task is under way": (
        ready(server=server("win-01", task_state="image_snapshot")), "the task image_snapshot is under way",
    ),
    "off": (ready(server=server("win-01", **OFF)), "the instance is off"),
    "in error": (ready(server=server("win-01", status="ERROR")), "the instance is ERROR, not ACTIVE"),
}  # fmt: skip

TABLE = Table(
    "windows-generalized",
    (
        *(Passes(name=name, seen=guest(errors=errors)) for name, errors in HARMLESS.items()),
        Passes(name="whatever the instance does", seen=guest().with_fact(SERVER, server("win-01"))),
        Passes(name="by ToastSysprep, and it was seen", seen=guest(), want=BY_TOAST),
        Passes(
            name="with what is not documented", note="supporting evidence, undocumented: GeneralizationState 4, CleanupState 2",
            seen=guest().with_fact(GENERALIZATION, RegistryFact(present=True, type="REG_DWORD", number=4))
            .with_fact(CLEANUP, RegistryFact(present=True, type="REG_DWORD", number=2)),
        ),
        Passes(name="no such status", seen=guest().with_fact(GENERALIZATION, NO).with_fact(CLEANUP, NO)),
        *(
            Fails(name=f"in {state or 'an empty state'}", seen=ready(state, tag()), violations=(is_in(f"{state} ({meaning})"),))
            for state, meaning in STATES.items()
        ),
        *(Fails(name=f"the state is {name}", seen=guest(state), violations=(is_in(actual),))
          for name, (state, actual) in NO_STATES.items()),
        *(Fails(name=name, seen=guest(tagged=fact), violations=(tagged_as(actual),))
          for name, (fact, actual) in TAGS.items()),
        Fails(name="an error was logged", seen=guest(errors=log()), violations=(logged(),)),
        Fails(name="an error of an unknown age", seen=guest(errors=log(None)), violations=(logged(),)),
        Fails(name="a log of an unknown size", seen=guest(errors=log(size=None)), violations=(logged(),)),
        Fails(name="errors that could not be read", seen=guest(errors=log(tail=None)),
              violations=(logged("errors that could not be read"),)),
        Fails(name="a folder for a log", seen=guest(errors=WindowsFileFact(kind="directory")),
              violations=(logged("not a file but a directory"),)),
        Fails(
            name="started since, or never generalised", seen=ready("IMAGE_STATE_COMPLETE", tag(BEFORE), log(BEFORE)),
            violations=(is_in(f"IMAGE_STATE_COMPLETE ({STATES['IMAGE_STATE_COMPLETE']})"),
                        tagged_as("older than the last boot")),
        ),
        Fails(
            name="a run that failed half way", seen=guest("IMAGE_STATE_UNDEPLOYABLE", NO_FILE, log()),
            violations=(is_in(f"IMAGE_STATE_UNDEPLOYABLE ({STATES['IMAGE_STATE_UNDEPLOYABLE']})"),
                        tagged_as("absent"), logged()),
        ),
        Fixes(name="in use", seen=ready(), steps=(SYSPREP, STOP)),
        Fixes(name="in use, with the vendor's tag and its errors", seen=ready(tagged=tag(BEFORE), errors=log(BEFORE)),
              steps=(SYSPREP, STOP)),
        Fixes(name="the answer file lies elsewhere", seen=ready(answers=GONE, elsewhere=READABLE), steps=(SYSPREP, STOP)),
        Fixes(name="no cloud lists it", seen=ready(server=None), steps=(SYSPREP,)),
        Fixes(name="more time", seen=ready(), want={"timeout_s": 14400}, steps=(SYSPREP, STOP)),
        ByHand(name="by ToastSysprep", seen=toast(), want=BY_TOAST, steps=(TOASTED, PROVE), left=LEFT),
        *(Refuses(name=name, seen=seen, reasons=(reason,)) for name, (seen, reason) in REFUSED.items()),
        *(
            Refuses(name=f"by ToastSysprep, {name}", seen=seen, want=BY_TOAST, reasons=(reason,))
            for name, (seen, reason) in REFUSED.items()
            if name != "off"
        ),
        Refuses(name="no answer file", seen=ready(answers=GONE, elsewhere=GONE),
                reasons=(f"{ANSWERS.path} is absent",)),
        Refuses(
            name="an answer file that cannot be read", reasons=(f"{ANSWERS.path} is malformed",),
            seen=ready(answers=AnswerFileFact(state="malformed", problem="x"), elsewhere=GONE),
        ),
        Refuses(name="whether an answer file is there was not seen", seen=ready(answers=None),
                reasons=(f"{ANSWERS.key} could not be seen: was not looked at",)),
        Refuses(name="no ToastSysprep", seen=ready(toast=ShellCommandFact(present=False)), want=BY_TOAST,
                reasons=("this image has no ToastSysprep",)),
        Refuses(name="by ToastSysprep, and no cloud lists it", seen=toast(server=None), want=BY_TOAST,
                reasons=("server could not be seen: was not looked at",)),
        BadParams(name="another method", want={"method": "shutdown"}, message="'sysprep' or 'toast'"),
        BadParams(name="no time", want={"timeout_s": 0}, message="greater than 0"),
        BadParams(name="days", want={"timeout_s": 14401}, message="less than or equal to 14400"),
    ),
    wants=st.fixed_dictionaries(
        {}, optional={"method": st.sampled_from(("sysprep", "toast")), "timeout_s": st.just(60)}
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def plan_of(seen: Facts, **want):
    """What is planned for ``seen``."""
    return list(TABLE.subject.plan(seen, TABLE.subject.params(**want)))


@pytest.mark.parametrize(("seen", "want"), [(ready(), {}), (toast(), BY_TOAST)])
def test_the_plan_says_what_is_lost(seen, want):
    step = plan_of(seen, **want)[0]
    for lost in ("SID", "restore points", "event logs", "password becomes blank", "programs may break"):
        assert lost in step.why
    assert step.undo is None
    assert step.phase is Phase.GENERALIZE


def test_the_power_goes_last_so_that_the_evidence_is_taken_right_before():
    sysprep, stop = plan_of(ready(), timeout_s=77)
    assert (sysprep.phase, stop.phase) == (Phase.GENERALIZE, Phase.POWER)
    assert (sysprep.patience_s, stop.patience_s) == (77, 300)


def test_no_evidence_from_before_toastsysprep_is_kept_as_if_it_were_from_after():
    step = plan_of(toast(), method="toast")[0]
    assert step.phase is not Phase.POWER
    assert "stays unknown until it is attested or proven from a clone" in step.then


def test_without_a_cloud_a_person_is_told_to_shut_it_down():
    [step] = plan_of(ready(server=None))
    assert step.then.startswith("no compute API shows this instance: shut it down yourself")


def test_sysprep_starts_where_the_answer_file_lies():
    for seen, answers in ((ready(), ANSWERS), (ready(answers=GONE, elsewhere=READABLE), ELSEWHERE)):
        assert plan_of(seen)[0].answers == answers


@pytest.mark.parametrize(("owner", "stops"), [(Owner.USER, True), (Owner.TARGET, False)])
def test_a_cloud_that_does_not_answer_is_not_taken_for_no_cloud(owner, stops):
    seen = ready()
    lost = Facts({**dict(seen.items()), SERVER: Unseen(reason="HTTP 503", at=NOW, owner=owner)}, NOW)
    case = Fails(name="lost", seen=lost, violations=())
    plan = planned(TABLE.subject, case)
    assert bool(plan.granted) is stops
    assert [refused.refusal.reason for refused in plan.refusals] == ([] if stops else ["server could not be seen: HTTP 503"])


def test_evidence_of_a_generalised_instance_that_is_off_passes_and_says_where_it_comes_from():
    taken = "seen at 10:00, right before the instance was stopped"
    kept = Facts({probe: Seen(value=guest()[probe], at=NOW, origin=taken) for probe in guest()}, NOW)
    on = target(TABLE.subject.kind)
    pair = Pair(check=TABLE.subject, target=on, params=TABLE.subject.params(), rule=0)
    finding = judge(pair, kept.with_fact(SERVER, server("win-01", **OFF)), today=NOW.date())
    assert (finding.verdict, finding.note) == (Verdict.PASS, taken)


def test_off_and_without_evidence_it_is_unknown_and_a_person_is_told_how_to_know():
    off = Facts({probe: Unseen(reason="off", at=NOW) for probe in guest()}, NOW)
    for want in ({}, BY_TOAST):
        case = Unknown(name="off", reason="off", by_hand=(PROVE[0],), seen=off, want=want)
        TABLE.run(case)


def test_only_the_destructive_level_generalises_and_only_where_it_is_named():
    on = target(TABLE.subject.kind)
    pair = Pair(check=TABLE.subject, target=on, params=TABLE.subject.params(), rule=0)
    finding = judge(pair, ready(), today=NOW.date())
    for grant in (Grant(level=Level.DISRUPTIVE), Grant(level=Level.DESTRUCTIVE)):
        assert make_plan(on, [finding], ready(), grant).granted == (), "not even the shutdown"


def test_of_several_errors_the_first_since_the_boot_is_shown():
    lines = (
        "alf of a line that was cut off",
        "2026-08-01 09:00:00, Error      SYSPRP an old error",
        "2026-11-22 20:14:58, Error      SYSPRP Package Contoso.Notes was installed for a user, but not provisioned",
        "2026-11-22 20:15:00, Error      SYSPRP Failed to remove apps for the current user",
    )
    seen = guest(errors=log(tail="\n".join(lines), modified=NOW))
    [violation] = TABLE.subject.evaluate(seen, TABLE.subject.params())
    assert violation.actual == lines[2]


def test_the_newest_line_is_shown_where_no_line_has_a_time():
    seen = guest(errors=log(tail="first\n\nlast\n"))
    [violation] = TABLE.subject.evaluate(seen, TABLE.subject.params())
    assert violation.actual == "last"


