"""Cloudbase-Init's start type, and where the older procedure is the one to judge."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Fixes, NotApplicable, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level, Phase
from imagegate.probes import ORIGIN, OriginImageFact, Service, ServiceFact, ShellCommand, ShellCommandFact

SERVICE, TOAST = Service(name="cloudbase-init"), ShellCommand(name="ToastSysprep")
NO_TOAST, HAS_TOAST = ShellCommandFact(present=False), ShellCommandFact(present=True)
DEMAND = ServiceFact(present=True, start="demand", state="stopped")
AUTO = ServiceFact(present=True, start="auto", state="running")
DISABLED = ServiceFact(present=True, start="disabled", state="stopped")
GONE = ServiceFact(present=False)
SINCE = "origin image of 2020-02-18, by the image's name"
OFF = "Cloudbase-Init is disabled: something has to enable it, or clones are not initialised"
SET = ("set the start type of cloudbase-init to demand", Level.SAFE)
INSTALL = ("install Cloudbase-Init again, or start again from an image of the cloud", Level.MANUAL)


def guest(service=AUTO, toast=NO_TOAST, day="2020.02.18", **origin) -> Facts:
    """A Windows guest of an image of a day."""
    fact = OriginImageFact(**{"image_id": "i-1", "public": True, "name": f"Windows 2019 STD ({day}) EN", **origin})
    return given({SERVICE: service, TOAST: toast, ORIGIN: fact})


def starts(actual: str):
    """The violation of the start type."""
    return wrong("service cloudbase-init", "start type demand", actual)


TABLE = Table(
    "windows-cloudbase-init-on-demand",
    (
        Passes(name="on demand", seen=guest(DEMAND), note=SINCE),
        Passes(
            name="on demand, though it runs now", seen=guest(ServiceFact(present=True, start="demand", state="running")),
            note=SINCE,
        ),
        Passes(name="disabled", seen=guest(DISABLED), note=f"{SINCE}; {OFF}"),
        Passes(
            name="whether there is ToastSysprep was not seen", seen=guest(DEMAND).without(TOAST, "silent"), note=SINCE,
        ),
        Passes(
            name="the policy states an old date", seen=guest(DEMAND, name=None), want={"released": "2019-04-25"},
            note="origin image of 2019-04-25, by the policy",
        ),
        *(
            Fails(name=f"start type {start}", note=SINCE, violations=(starts(f"start type {start}"),),
                  seen=guest(ServiceFact(present=True, start=start)))
            for start in ("auto", "system", "boot")
        ),
        Fails(name="no such service", seen=guest(GONE), violations=(starts("not there"),), note=SINCE),
        Fails(
            name="the last day of the older procedure", seen=guest(day="2020.08.17"), violations=(starts("start type auto"),),
            note="origin image of 2020-08-17, by the image's name",
        ),
        Fails(
            name="a newer image, where the policy puts the first day later", seen=guest(day="2020.08.18"),
            want={"toast_from": "2020-08-19"}, violations=(starts("start type auto"),),
            note="origin image of 2020-08-18, by the image's name",
        ),
        NotApplicable(
            name="the first day of ToastSysprep", seen=guest(day="2020.08.18"),
            reason="origin image of 2020-08-18, by the image's name; those of 2020-08-18 and later have ToastSysprep",
        ),
        NotApplicable(
            name="a new image by what the project can edit", seen=guest(day="2026.03.10", public=False),
            reason="origin image of 2026-03-10, by the image's name, which the project can edit; "
            "those of 2020-08-18 and later have ToastSysprep",
        ),
        NotApplicable(
            name="ToastSysprep on an old image", seen=guest(toast=HAS_TOAST),
            reason="ToastSysprep is there: it sees to Cloudbase-Init",
        ),
        NotApplicable(
            name="ToastSysprep, and the date is not known", seen=guest(toast=HAS_TOAST, name=None),
            reason="ToastSysprep is there: it sees to Cloudbase-Init",
        ),
        Unknown(
            name="no ToastSysprep, and the date is not known", seen=guest(DEMAND, name=None),
            reason="no evidence tells the release date of the origin image; "
            "find it out and state it in the policy (`released`)",
        ),
        Unknown(
            name="the origin was not seen", seen=guest(DEMAND).without(ORIGIN, "the API fell silent"),
            reason="the API fell silent",
        ),
        *(
            Fixes(name=f"start type {start}", seen=guest(ServiceFact(present=True, start=start)), steps=(SET,))
            for start in ("auto", "system", "boot")
        ),
        ByHand(name="no such service", seen=guest(GONE), steps=(INSTALL,), left=("service cloudbase-init",)),
        BadParams(name="a day that is none", want={"toast_from": "2020-02-30"}, message="date"),
    ),
    wants=st.fixed_dictionaries({}, optional={"released": st.sampled_from(("2019-04-25", "2026-03-10"))}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_the_undo_names_the_start_type_of_before():
    [step] = TABLE.subject.plan(guest(AUTO), TABLE.subject.params())
    assert step.undo == "sc config cloudbase-init start= auto"
    assert step.phase is Phase.CONTENT
