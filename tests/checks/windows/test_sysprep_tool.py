"""The tool that generalises Windows: by presence, else by the release date of the origin image."""

from datetime import date

import pytest
from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import ORIGIN, OriginImageFact, ShellCommand, ShellCommandFact, WindowsFile, WindowsFileFact

TOAST = ShellCommand(name="ToastSysprep")
SYSPREP = WindowsFile(path=r"C:\Windows\System32\Sysprep\sysprep.exe")
PROGRAM, ABSENT = WindowsFileFact(kind="regular", size=800_000), WindowsFileFact(kind="absent")
THERE, LACKING = ShellCommandFact(present=True, path=r"C:\Toast\ToastSysprep.ps1"), ShellCommandFact(present=False)


def image(day: str | None, public: bool = True) -> OriginImageFact:
    """An origin image of a day."""
    return OriginImageFact(image_id="i-1", public=public, name="Windows" if day is None else f"Windows ({day})")


def guest(toast=LACKING, sysprep=PROGRAM, origin="2020.02.18") -> Facts:
    """A Windows guest, its origin image of a day or as given."""
    fact = origin if isinstance(origin, OriginImageFact) else image(origin)
    return given({TOAST: toast, SYSPREP: sysprep, ORIGIN: fact})


def since(day: str) -> str:
    """The note about the origin image."""
    return f"origin image of {day}, by the image's name"


NO_TOAST = wrong("ToastSysprep", "a command of PowerShell", "PowerShell does not know it")
FRESH = (
    "start again from an image of the cloud; or generalise as older images are, and state toast_from after 2020-08-18",
    Level.MANUAL,
)
REPAIR = ("bring it back with sfc /scannow, or start again from an image of the cloud", Level.MANUAL)


def no_sysprep(actual: str):
    """The violation of sysprep.exe."""
    return wrong(SYSPREP.path, "a program", actual)


TABLE = Table(
    "windows-sysprep-tool-present",
    (
        Passes(name="ToastSysprep on a new image", seen=guest(THERE, origin="2026.03.10")),
        Passes(name="ToastSysprep as a function, without a path", seen=guest(ShellCommandFact(present=True))),
        Passes(name="ToastSysprep on an old image", seen=guest(THERE, origin="2019.04.25")),
        Passes(name="ToastSysprep, the date is not known", seen=guest(THERE, origin=None)),
        Passes(
            name="ToastSysprep, and nothing else was seen",
            seen=guest(THERE).without(ORIGIN, "no cloud").without(SYSPREP, "access denied"),
        ),
        Passes(name="ToastSysprep beside no sysprep.exe", seen=guest(THERE, ABSENT)),
        Passes(name="sysprep.exe on an old image", seen=guest(), note=since("2020-02-18")),
        Passes(
            name="sysprep.exe on the last old day", seen=guest(origin="2020. 08. 17."), note=since("2020-08-17"),
        ),
        Passes(
            name="sysprep.exe, where the policy puts the first day later", seen=guest(origin="2020.08.18"),
            want={"toast_from": "2020-08-19"}, note=since("2020-08-18"),
        ),
        Passes(
            name="sysprep.exe, by a date that the policy states", seen=guest(origin=None),
            want={"released": "2019-04-25"}, note="origin image of 2019-04-25, by the policy",
        ),
        Passes(
            name="sysprep.exe, by a date that the project can edit", seen=guest(origin=image("2019.04.25", public=False)),
            note=since("2019-04-25") + ", which the project can edit",
        ),
        Fails(
            name="no ToastSysprep on its first day", seen=guest(origin="2020.08.18"), violations=(NO_TOAST,),
            note=since("2020-08-18"),
        ),
        Fails(
            name="no ToastSysprep on a new image, sysprep.exe or not", seen=guest(sysprep=ABSENT, origin="2026.03.10"),
            violations=(NO_TOAST,), note=since("2026-03-10"),
        ),
        Fails(
            name="no ToastSysprep on an image that the policy states is new", seen=guest(),
            want={"released": "2020-08-18"}, violations=(NO_TOAST,),
            note="origin image of 2020-08-18, by the policy; but the image's name says 2020-02-18",
        ),
        Fails(
            name="the misprinted day as a parameter", seen=guest(origin="2019.04.25"), want={"toast_from": "2018-08-18"},
            violations=(NO_TOAST,), note=since("2019-04-25"),
        ),
        *(
            Fails(name=f"sysprep.exe is {actual}", seen=guest(sysprep=file), violations=(no_sysprep(actual),),
                  note=since("2020-02-18"))
            for actual, file in {
                "absent": ABSENT,
                "directory": WindowsFileFact(kind="directory"),
                "link": WindowsFileFact(kind="link"),
                "an empty file": WindowsFileFact(kind="regular", size=0),
            }.items()
        ),
        Unknown(
            name="no ToastSysprep, and the date is not known", seen=guest(origin=None),
            reason="no evidence tells the release date of the origin image; "
            "find it out and state it in the policy (`released`)",
        ),
        Unknown(
            name="no ToastSysprep, and the origin was not seen", seen=guest().without(ORIGIN, "the API fell silent"),
            reason="the API fell silent",
        ),
        Unknown(
            name="an old image, and sysprep.exe was not seen", seen=guest().without(SYSPREP, "access denied"),
            reason="access denied",
        ),
        ByHand(
            name="no ToastSysprep", seen=guest(origin="2020.08.18"), steps=(FRESH,), left=("ToastSysprep",),
        ),
        ByHand(name="no sysprep.exe", seen=guest(sysprep=ABSENT), steps=(REPAIR,), left=(SYSPREP.path,)),
        BadParams(name="a day that is none", want={"toast_from": "2020-02-30"}, message="date"),
    ),
    wants=st.fixed_dictionaries({}, optional={"released": st.sampled_from(("2019-04-25", "2026-03-10"))}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


@pytest.mark.parametrize(("stated", "fails"), [(date(2020, 8, 17), False), (date(2020, 8, 18), True)])
def test_the_first_day_of_toastsysprep_is_2020_08_18_and_not_the_misprint_of_2018(stated, fails):
    want = TABLE.subject.params(released=stated)
    assert (len(list(TABLE.subject.evaluate(guest(), want))) == 2) is fails
