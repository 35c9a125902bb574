"""The answer file: where it lies, whether it can be read, what it would do, and whose it is."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, Unknown, given, wrong

from imagegate.model import Level
from imagegate.probes import AnswerFile, AnswerFileFact

HERE = AnswerFile(path=r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf\Unattend.xml")
THERE = AnswerFile(path=r"C:\Program Files\Cloud Solutions\Cloudbase-Init\conf\Unattend.xml")
DIGEST, OTHER = "ab" * 32, "cd" * 32
VENDORS = AnswerFileFact(state="readable", passes=("generalize", "oobeSystem", "specialize"), sha256=DIGEST)
ABSENT = AnswerFileFact(state="absent")
BROKEN = AnswerFileFact(state="malformed", problem="no element found")
PASSWORD = replace(VENDORS, password=True, sha256=None)
OF_VENDOR = {"sha256": [OTHER, DIGEST]}
WARNED = f"warning: only {THERE.path} is there; the documented command is run in Cloudbase Solutions"
RESTORE = (f"put back {HERE.path} from a fresh instance of the same image", Level.MANUAL)
CHANGE = ("change the password that stands in the answer file wherever it is used", Level.MANUAL)
IN_CLEAR = wrong("password", "none in clear text", "one in clear text")


def files(here: AnswerFileFact = VENDORS, there: AnswerFileFact | None = None, **change):
    """The documented file, with changes, and perhaps the other one."""
    seen = given({HERE: replace(here, **change)})
    return seen if there is None else seen.with_fact(THERE, there)


def digest(actual: str):
    """The violation of the digest, where the policy gives two."""
    return wrong("digest", f"one of the vendor's: {OTHER}, {DIGEST}", actual)


def passes(actual: str, wished: str = "with generalize, oobeSystem, specialize"):
    """The violation of the passes."""
    return wrong("passes", wished, actual)


FAULTS = {
    "absent": (files(ABSENT, ABSENT), {}, (wrong(HERE.path, "an answer file", "absent"),)),
    "malformed": (files(BROKEN), {}, (wrong(HERE.path, "a well-formed answer file", "malformed: no element found"),)),
    "malformed, for no reason given": (
        files(replace(BROKEN, problem=None)), {}, (wrong(HERE.path, "a well-formed answer file", "malformed: no reason"),),
    ),
    "malformed, and the other is whole": (
        files(BROKEN, VENDORS), {}, (wrong(HERE.path, "a well-formed answer file", "malformed: no element found"),),
    ),
    "no passes": (files(passes=()), {}, (passes("without generalize, oobeSystem, specialize"),)),
    "a pass is lacking": (files(passes=("generalize", "oobeSystem")), {}, (passes("without specialize"),)),
    "a pass of another spelling": (
        files(passes=("generalize", "oobesystem", "specialize")), {}, (passes("without oobeSystem"),),
    ),
    "a pass that the policy asks for": (
        files(), {"passes": ["auditUser"]}, (passes("without auditUser", "with auditUser"),),
    ),
    "SkipRearm": (files(skip_rearm=1), {}, (wrong("SkipRearm", "0, or absent", "1"),)),
    "another digest": (files(sha256="ee" * 32), OF_VENDOR, (digest("ee" * 32),)),
    "everything": (
        files(PASSWORD, passes=(), skip_rearm=1), OF_VENDOR,
        (
            passes("without generalize, oobeSystem, specialize"), IN_CLEAR, wrong("SkipRearm", "0, or absent", "1"),
            digest("not taken: the file holds a password"),
        ),
    ),
}  # fmt: skip

TABLE = Table(
    "windows-answer-file-valid",
    (
        Passes(name="the vendor's", seen=files()),
        Passes(name="the vendor's, and it is known", seen=files(), want=OF_VENDOR),
        Passes(name="digests in capitals", seen=files(), want={"sha256": [DIGEST.upper()]}),
        Passes(name="SkipRearm is 0", seen=files(skip_rearm=0)),
        Passes(name="more passes than asked for", seen=files(passes=(*VENDORS.passes, "windowsPE"))),
        Passes(name="fewer passes, and no more are asked for", seen=files(passes=("generalize",)),
               want={"passes": ["generalize"]}),
        Passes(name="both spellings, and the documented one is good", seen=files(VENDORS, BROKEN)),
        Passes(name="only the other spelling", seen=files(ABSENT, VENDORS), note=WARNED),
        Passes(name="only the other spelling, and it is known", seen=files(ABSENT, VENDORS), want=OF_VENDOR, note=WARNED),
        *(Fails(name=name, seen=seen, want=want, violations=found) for name, (seen, want, found) in FAULTS.items()),
        Fails(name="a password", seen=files(PASSWORD), violations=(IN_CLEAR,)),
        Fails(name="a password in the other spelling", seen=files(ABSENT, PASSWORD), violations=(IN_CLEAR,), note=WARNED),
        Fails(
            name="malformed in the other spelling", seen=files(ABSENT, BROKEN), note=WARNED,
            violations=(wrong(THERE.path, "a well-formed answer file", "malformed: no element found"),),
        ),
        Unknown(
            name="absent, and the other was not seen", reason="it fell silent",
            seen=files(ABSENT, VENDORS).without(THERE, "it fell silent"),
        ),
        *(
            ByHand(name=name, seen=seen, want=want, steps=(RESTORE,), left=tuple(one.subject for one in found))
            for name, (seen, want, found) in FAULTS.items()
            if name != "everything"
        ),
        ByHand(name="a password", seen=files(PASSWORD), steps=(RESTORE, CHANGE), left=("password",)),
        BadParams(name="no digest", want={"sha256": ["vendor"]}, message="String should match pattern"),
        BadParams(name="half a digest", want={"sha256": ["ab" * 16]}, message="String should match pattern"),
    ),
    wants=st.fixed_dictionaries(
        {}, optional={"sha256": st.lists(st.sampled_from((DIGEST, OTHER)), max_size=2),
                      "passes": st.lists(st.sampled_from(("generalize", "specialize")), max_size=2)},
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
