"""Listings of reg query: what they prove, and what they do not."""

from __future__ import annotations

import pytest

from imagegate.probes import Registry, Service, TasksOf
from imagegate.transports.windows import script
from imagegate.transports.windows.asking import lineage
from imagegate.transports.windows.decode import Heard, decode
from imagegate.transports.windows.registry import Unclear

STATE = r"HKLM\SOFTWARE\Setup\State"
FULL = r"HKEY_LOCAL_MACHINE\SOFTWARE\Setup\State"
ABOVE = r"HKEY_LOCAL_MACHINE\SOFTWARE\Setup"
IMAGE_STATE = "    ImageState    REG_SZ    IMAGE_STATE_COMPLETE"


def listing(key: str, *values: str, subkeys: tuple[str, ...] = ()) -> str:
    """As Windows prints it: the key's own line only where it has values."""
    head = ["", key, *values, ""] if values else [""] if subkeys else []
    return "".join(f"{line}\r\n" for line in [*head, *(f"{key}\\{name}" for name in subkeys)])


def heard(*outputs: str | None, path: str = STATE, errors: int = 0, page: bytes = b"") -> Heard:
    """A look at ``path``: what the key, its parent and its grandparent print; None is an output that did not come."""
    sections = {
        script.reg_query(key): output.encode() if page == b"" else output.encode("cp949")
        for key, output in zip(lineage(path), outputs, strict=False)
        if output is not None
    }
    return Heard(sections=sections | {script.CODE_PAGE: page}, errors=errors, no_section="it broke off")


def value(*outputs: str | None, name: str | None = "ImageState", **more):
    return decode(Registry(path=STATE, name=name), heard(*outputs, **more))


HOLDS = listing(ABOVE, subkeys=("Pending", "State"))
LACKS = listing(ABOVE, subkeys=("Pending", "State2"))
LACKS_PARENT = listing(r"HKEY_LOCAL_MACHINE\SOFTWARE", subkeys=("Setup2",))
HOLDS_PARENT = listing(r"HKEY_LOCAL_MACHINE\SOFTWARE", subkeys=("Setup",))


@pytest.mark.parametrize(
    ("line", "kind", "text", "number"),
    [
        (IMAGE_STATE, "REG_SZ", "IMAGE_STATE_COMPLETE", None),
        ("    imagestate    REG_EXPAND_SZ    %SystemRoot%\\x y", "REG_EXPAND_SZ", "%SystemRoot%\\x y", None),
        ("    ImageState    REG_SZ    ", "REG_SZ", "", None),
        ("    ImageState    REG_SZ", "REG_SZ", "", None),
        ("    ImageState    REG_SZ    한글", "REG_SZ", "한글", None),
        ("    ImageState    REG_DWORD    0x7", "REG_DWORD", None, 7),
        ("    ImageState    REG_DWORD    0xffffffff", "REG_DWORD", None, 0xFFFFFFFF),
        ("    ImageState    REG_QWORD    0xffffffffffffffff", "REG_QWORD", None, 2**64 - 1),
        ("    ImageState    REG_MULTI_SZ    a\\0b", "REG_MULTI_SZ", None, None),
        ("    ImageState    REG_BINARY    00FF", "REG_BINARY", None, None),
        ("    ImageState    REG_NONE    ", "REG_NONE", None, None),
    ],
)
def test_a_value(line: str, kind: str, text: str | None, number: int | None) -> None:
    fact = value(listing(FULL, "    Other    REG_SZ    x", line))
    assert (fact.present, fact.type, fact.text, fact.number) == (True, kind, text, number)


def test_a_value_in_the_consoles_code_page() -> None:
    fact = value(listing(FULL, "    ImageState    REG_SZ    한글"), page=b"Active code page: 949\r\n")
    assert fact.text == "한글"


@pytest.mark.parametrize(
    ("name", "outputs", "errors"),
    [
        ("key listed without it", (listing(FULL, "    Other    REG_SZ    x"),), 0),
        ("key listed with subkeys only", (listing(FULL, subkeys=("a",)),), 3),
        ("a subkey of that name is no value", (listing(FULL, subkeys=("ImageState",)),), 0),
        ("empty key", ("", HOLDS), 0),
        ("empty key, and another one that is not there", ("", HOLDS, HOLDS_PARENT), 0),
        ("parent lacks the key", ("", LACKS), 1),
        ("grandparent lacks the parent", ("", "", LACKS_PARENT), 2),
        ("parent is empty", ("", "", HOLDS_PARENT), 0),
    ],
)
def test_a_value_that_is_proven_absent(name: str, outputs, errors: int) -> None:
    assert value(*outputs, errors=errors).present is False


@pytest.mark.parametrize(
    ("name", "outputs", "errors", "reason"),
    [
        ("nothing", ("", "", ""), 0, "nothing proves"),
        ("nothing at all came", (), 0, "it broke off"),
        ("the key's own listing did not come", (None, HOLDS), 0, "it broke off"),
        ("only the key's own, empty", ("",), 0, "it broke off"),
        ("an error that nothing explains", ("", HOLDS, HOLDS_PARENT), 1, "its values were not listed"),
        ("another key was listed", (listing(ABOVE + "x", IMAGE_STATE), "", ""), 0, "nothing proves"),
        ("parent's listing is odd", ("", LACKS + "garbage\r\n", HOLDS_PARENT), 1, "nothing proves"),
        (
            "key's listing is odd",
            (listing(FULL, "    Other    REG_SZ    x", "more text"),),
            0,
            "not all of its listing",
        ),
        ("text of two lines", (listing(FULL, IMAGE_STATE, "more text"),), 0, "in more than one way"),
        ("twice", (listing(FULL, IMAGE_STATE, IMAGE_STATE),), 0, "in more than one way"),
        ("two types", (listing(FULL, "    ImageState    REG_SZ    a    REG_SZ    b"),), 0, "in more than one way"),
        ("no number", (listing(FULL, "    ImageState    REG_DWORD    7"),), 0, "no number of 32 bits"),
        ("no number", (listing(FULL, "    ImageState    REG_DWORD    "),), 0, "no number of 32 bits"),
        ("too large", (listing(FULL, "    ImageState    REG_DWORD    0x100000000"),), 0, "no number of 32 bits"),
        ("too large", (listing(FULL, "    ImageState    REG_QWORD    0x" + "1" * 17),), 0, "no number of 64 bits"),
        ("too long", (listing(FULL, "    ImageState    REG_SZ    " + "x" * 5000),), 0, "not readable text"),
    ],
)
def test_doubt_is_no_fact(name: str, outputs, errors: int, reason: str) -> None:
    with pytest.raises(Unclear, match=reason):
        value(*outputs, errors=errors)


def test_text_that_cannot_be_decoded_is_no_fact() -> None:
    raw = listing(FULL, "    ImageState    REG_SZ    한글", "    Other    REG_SZ    x").encode("cp949")
    seen = Heard(sections={script.reg_query(STATE): raw})
    with pytest.raises(Unclear, match="not readable text"):
        decode(Registry(path=STATE, name="ImageState"), seen)
    assert decode(Registry(path=STATE, name="Other"), seen).text == "x"


@pytest.mark.parametrize(
    ("outputs", "errors", "present"),
    [
        ((listing(FULL, IMAGE_STATE),), 0, True),
        ((listing(FULL, subkeys=("a",)),), 0, True),
        (("", HOLDS), 1, True),
        ((None, HOLDS), 0, True),
        (("", HOLDS.upper()), 0, True),
        ((FULL + "\r\n", "", ""), 0, True),
        (("", LACKS), 1, False),
        (("", "", LACKS_PARENT), 2, False),
    ],
)
def test_a_key(outputs, errors: int, present: bool) -> None:
    assert value(*outputs, name=None, errors=errors).present is present


@pytest.mark.parametrize("outputs", [("", "", ""), (), ("",), ("garbage", "garbage", "garbage")])
def test_a_key_that_nothing_proves(outputs) -> None:
    with pytest.raises(Unclear):
        value(*outputs, name=None)


SC = """\r
SERVICE_NAME: {name} \r
        TYPE               : 10  WIN32_OWN_PROCESS  \r
        STATE              : {state} \r
                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)\r
        WIN32_EXIT_CODE    : 0  (0x0)\r
        SERVICE_EXIT_CODE  : 0  (0x0)\r
        CHECKPOINT         : 0x0\r
        WAIT_HINT          : 0x0\r
"""
KOREAN = SC.replace("TYPE               ", "종류               ").replace("STATE              ", "상태               ")
NONE = "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\r\n\r\nThe specified service does not exist.\r\n\r\n"
KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\svc"


def service(said: str | None, start: str = "", errors: int = 0):
    outputs = {script.reg_query(r"HKLM\SYSTEM\CurrentControlSet\Services\svc"): start, script.sc_query("svc"): said}
    sections = {command: text.encode() for command, text in outputs.items() if text is not None}
    return decode(Service(name="svc"), Heard(sections=sections, errors=errors, no_section="it broke off"))


def start(number: str) -> str:
    return listing(KEY, "    Type    REG_DWORD    0x10", f"    Start    REG_DWORD    {number}", subkeys=("Security",))


@pytest.mark.parametrize(
    ("number", "kind"), [("0x0", "boot"), ("0x1", "system"), ("0x2", "auto"), ("0x3", "demand"), ("0x4", "disabled")]
)
def test_start_types(number: str, kind: str) -> None:
    fact = service(SC.format(name="svc", state="1  STOPPED"), start(number))
    assert (fact.present, fact.start, fact.state) == (True, kind, "stopped")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (SC.format(name="svc", state="4  RUNNING"), "running"),
        (KOREAN.format(name="svc", state="2  START_PENDING"), "start-pending"),
        (SC.format(name="svc", state="7  PAUSED").replace(": 10 ", ": e0 "), "paused"),
        (SC.format(name="svc1060", state="1  STOPPED"), "stopped"),
        (SC.format(name="svc", state="9  ODD"), None),
        ("", None),
        ("Access is denied.", None),
    ],
)
def test_states_of_a_service(said: str, state: str | None) -> None:
    fact = service(said, start("0x2"))
    assert (fact.present, fact.start, fact.state) == (True, "auto", state)


@pytest.mark.parametrize("said", [NONE, NONE.replace("FAILED", "실패").replace("The specified", "지정된")])
def test_a_service_that_is_not_there(said: str) -> None:
    assert service(said, errors=1).present is False


@pytest.mark.parametrize(
    ("said", "listed", "reason"),
    [
        ("", "", "neither its start type nor its absence"),
        ("10601 and 11060 and 0x1060f", "", "neither its start type nor its absence"),
        (NONE, start("0x2"), "is a restart due"),
        (SC.format(name="svc", state="4  RUNNING"), "", "neither its start type nor its absence"),
        (SC.format(name="svc", state="4  RUNNING"), start("0x5"), "neither its start type nor its absence"),
        (SC.format(name="svc", state="4  RUNNING"), start("2"), "no number"),
        (None, start("0x2"), "it broke off"),
        ("x", None, "it broke off"),
    ],
)
def test_a_service_in_doubt(said: str | None, listed: str | None, reason: str) -> None:
    with pytest.raises(Unclear, match=reason):
        service(said, listed)


def test_an_error_that_nothing_explains_may_be_about_a_task() -> None:
    sections = {script.TASKS: b"<Tasks></Tasks>", script.sc_query("svc"): NONE.encode()}
    sections[script.reg_query(r"HKLM\SYSTEM\CurrentControlSet\Services\svc")] = b""
    probe = TasksOf(program="ipconfig")
    assert decode(probe, Heard(sections=sections, errors=1)).unreadable == ()
    assert decode(probe, Heard(sections=sections, errors=2)).unreadable == ("(what an error message may be about)",)
