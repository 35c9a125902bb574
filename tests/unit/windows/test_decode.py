"""From PowerShell's answers to facts."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from imagegate.probes import (
    ACCOUNTS,
    APPX,
    REARM,
    WINDOWS,
    AnswerFile,
    FreeSpace,
    ShellCommand,
    TasksOf,
    WindowsFile,
)
from imagegate.transports.windows import script
from imagegate.transports.windows.asking import MAX_ANSWER_FILE, request_of
from imagegate.transports.windows.decode import Heard, NotElevated, check_elevated, decode
from imagegate.transports.windows.registry import Unclear

PATH = r"C:\Windows\System32\Sysprep\Panther\setupact.log"
FILE = WindowsFile(path=PATH)
DIGESTED = WindowsFile(path=PATH, sha256=True)
LOG = WindowsFile(path=PATH, tail=20)
ANSWERS = AnswerFile(path=r"C:\Unattend.xml")
MOMENT = "2026-11-22T10:15:00.1234567Z"
REGULAR = {"kind": "regular", "size": "20", "modified": MOMENT}
XML = b'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="generalize"/></unattend>'
WHOLE = {
    "kind": "regular",
    "size": str(len(XML)),
    "modified": MOMENT,
    "sha256": hashlib.sha256(XML).hexdigest(),
    "whole": XML,
}
MACHINE = {
    "version": "10.0.17763",
    "product": "Microsoft Windows Server 2019 Standard",
    "booted": MOMENT,
    "now": MOMENT,
}
PACKAGE = "A.B_1_x64__8wekyb\tA.B\t1\t0\t0"


def fact(probe, /, page: bytes = b"", **fields):
    """What the fields tell; a list holds several values of one field."""
    values = {
        name: [
            value if isinstance(value, bytes) else value.encode()
            for value in (given if isinstance(given, list) else [given])
        ]
        for name, given in fields.items()
        if given is not None
    }
    request = request_of(probe)
    assert request is not None
    return decode(probe, Heard(answers={request: values}, sections={script.CODE_PAGE: page}))


@pytest.mark.parametrize("kind", ["absent", "directory", "link"])
def test_what_is_no_file(kind: str) -> None:
    found = fact(FILE, kind=kind)
    assert (found.kind, found.size, found.modified, found.sha256, found.tail) == (kind, None, None, None, None)


def test_a_file() -> None:
    found = fact(FILE, **REGULAR, sha256="f" * 64, tail=b"x")
    assert (found.kind, found.size, found.sha256, found.tail) == ("regular", 20, None, None)
    assert found.modified == datetime(2026, 11, 22, 10, 15, 0, 123456, tzinfo=UTC)
    assert fact(DIGESTED, **REGULAR, sha256="f" * 64).sha256 == "f" * 64


@pytest.mark.parametrize(
    ("size", "tail", "text"),
    [
        ("20", b"one\r\ntwo\x1b[31m three!", "one\ntwo\\x1b[31m three!"),
        ("4", b"a\r\nb", "a\nb"),
        ("0", b"", ""),
        ("99", b"cut line\nwhole line!", "whole line!"),
        ("99", b"only a part of one!!", "only a part of one!!"),
        ("21", "\ufeff한글한글한\r\n".encode()[:20], "한글한글"),
        ("12", "a\r\n한글\n".encode("utf-16-le"), "a\n한글"),
        ("3", b"\xff\xfe\xfd", "\ufffd"),
    ],
)
def test_the_end_of_a_log(size: str, tail: bytes, text: str) -> None:
    found = fact(LOG, **REGULAR | {"size": size}, tail=tail)
    assert found.tail == text or found.tail.startswith(text)


def test_a_log_that_grew_between_two_looks_is_no_contradiction() -> None:
    assert fact(LOG, **REGULAR | {"size": "3"}, tail=b"a\nb\nc").tail == "a\nb\nc"


@pytest.mark.parametrize(
    ("probe", "fields", "reason"),
    [
        (FILE, {}, "lacks kind"),
        (FILE, {"kind": "device"}, "names no kind of file"),
        (FILE, {"kind": ["absent", "regular"]}, "lacks kind"),
        (FILE, REGULAR | {"size": None}, "lacks size"),
        (FILE, REGULAR | {"size": "-1"}, "a size that makes no sense"),
        (FILE, REGULAR | {"size": "1e3"}, "a size that makes no sense"),
        (FILE, REGULAR | {"size": "٣"}, "a size that makes no sense"),
        (FILE, REGULAR | {"size": "9" * 19}, "a size that makes no sense"),
        (FILE, REGULAR | {"size": "9" * 5000}, "a size that makes no sense"),
        (FILE, REGULAR | {"modified": "2026-11-22 10:15:00"}, "a time modified that makes no sense"),
        (FILE, REGULAR | {"modified": "2026-02-30T10:15:00.0000000Z"}, "a time modified that makes no sense"),
        (FILE, REGULAR | {"modified": "0001-01-01T00:00:00.0000000Z"}, "a time modified that makes no sense"),
        (FILE, REGULAR | {"error": "Access is \x1b[31m denied"}, r"PowerShell says: Access is \\x1b\[31m denied"),
        (DIGESTED, REGULAR, "lacks sha256"),
        (DIGESTED, REGULAR | {"sha256": "F" * 64}, "holds no digest"),
        (LOG, REGULAR, "lacks tail"),
        (LOG, REGULAR | {"tail": b"x" * 21}, "20 bytes of it are promised, but 21 came"),
        (LOG, REGULAR | {"tail": b"x" * 19}, "20 bytes of it are promised, but 19 came"),
        (ANSWERS, {"kind": "directory"}, "no file but a directory"),
        (ANSWERS, WHOLE | {"size": str(MAX_ANSWER_FILE + 1), "whole": None}, "larger than 1 MB"),
        (ANSWERS, WHOLE | {"whole": None}, "lacks whole"),
        (ANSWERS, WHOLE | {"whole": XML + b" "}, "it changed while it was read"),
        (ANSWERS, WHOLE | {"sha256": "0" * 64}, "it changed while it was read"),
        (WINDOWS, MACHINE | {"version": "ten"}, "names no version"),
        (WINDOWS, MACHINE | {"now": None}, "lacks now"),
        (WINDOWS, MACHINE | {"booted": "2026-11-22T10:21:00.0000000Z"}, "booted in the future"),
        (FreeSpace(), {"free": "11", "size": "10"}, "a free that makes no sense"),
        (FreeSpace(), {"free": "10"}, "lacks size"),
        (ACCOUNTS, {}, "no local account"),
        (ACCOUNTS, {"account": "a\t500\t1\t1"}, "not whole"),
        (ACCOUNTS, {"account": "a\tx\t1\t1\t1"}, "makes no sense"),
        (ACCOUNTS, {"account": "a\t500\t2\t1\t1"}, "makes no sense"),
        (ACCOUNTS, {"account": ["a\t500\t1\t1\t1", "b\t500\t1\t1\t1"]}, "two accounts of one number"),
        (APPX, {}, "lacks supported"),
        (APPX, {"supported": "2"}, "makes no sense"),
        (APPX, {"supported": "1", "package": [PACKAGE, PACKAGE]}, "or twice"),
        (APPX, {"supported": "1", "package": PACKAGE.replace("\t1", "\tone")}, "makes no sense"),
        (APPX, {"supported": "1", "package": "\tA\t1\t0\t0"}, "without a name"),
        (REARM, {"remaining": ""}, "makes no sense"),
        (REARM, {"remaining": "1002"}, "makes no sense"),
        (ShellCommand(name="x"), {}, "lacks present"),
        (ShellCommand(name="x"), {"present": "yes"}, "makes no sense"),
    ],
)  # fmt: skip
def test_doubt_is_no_fact(probe, fields, reason: str) -> None:
    with pytest.raises(Unclear, match=reason):
        fact(probe, **fields)


def test_an_answer_file_is_classified() -> None:
    found = fact(ANSWERS, **WHOLE)
    assert (found.state, found.passes, found.sha256) == ("readable", ("generalize",), WHOLE["sha256"])
    assert fact(ANSWERS, kind="absent").state == "absent"


def test_the_machine() -> None:
    found = fact(WINDOWS, page="활성 코드 페이지: 949\r\n".encode("cp949"), **MACHINE)
    assert (found.version, found.code_page, found.booted_at == found.now) == ("10.0.17763", 949, True)
    assert fact(WINDOWS, page=b"no number", **MACHINE).code_page is None
    assert fact(WINDOWS, page=b"437 or 949", **MACHINE).code_page is None


def test_the_rest() -> None:
    assert fact(FreeSpace(), free="0", size="10").free == 0
    assert fact(REARM, remaining="1001").remaining == 1001
    accounts = fact(ACCOUNTS, account=["관리\x07자\t1001\t1\t0\t1", "Administrator\t500\t0\t1\t0"]).accounts
    assert [(one.name, one.rid, one.enabled) for one in accounts] == [
        ("Administrator", 500, False),
        ("관리\\x07자", 1001, True),
    ]
    assert (accounts[1].password_required, accounts[1].password_expires) == (False, True)
    found = fact(ShellCommand(name="x"), present="1", path=r"C:\x.ps1")
    assert (found.present, found.path) == (True, r"C:\x.ps1")
    assert fact(ShellCommand(name="x"), present="1").path is None
    assert fact(ShellCommand(name="x"), present="0", path="odd").path is None


def test_packages_that_somebody_has() -> None:
    rows = [PACKAGE, "C_2\tC\t2\t1\t0", "D_1\tD\t1\t0\t1", "Staged_1\tStaged\t0\t0\t0"]
    packages = fact(APPX, supported="1", provisioned=["a.b", "Staged"], package=rows).packages
    assert [(one.name, one.users, one.provisioned, one.framework, one.system) for one in packages] == [
        ("A.B", 1, True, False, False),
        ("C", 2, False, True, False),
        ("D", 1, False, False, True),
    ]
    assert (fact(APPX, supported="0").packages, fact(APPX, supported="0").supported) == ((), False)


def test_what_did_not_come_has_the_reason_of_the_exchange() -> None:
    heard = Heard(no_section="it broke off", no_answer="PowerShell gave no answer; it said: no")
    with pytest.raises(Unclear, match=r"^PowerShell gave no answer; it said: no$"):
        decode(WINDOWS, heard)
    with pytest.raises(Unclear, match=r"^it broke off$"):
        decode(TasksOf(program="ipconfig"), heard)


GROUPS = '"Everyone","Well-known group","S-1-1-0","Mandatory group"\r\n"{name}","Label","{label}",""\r\n'


@pytest.mark.parametrize("label", ["S-1-16-12288", "S-1-16-16384", "S-1-16-12544"])
def test_an_elevated_account(label: str) -> None:
    check_elevated(Heard(sections={script.GROUPS: GROUPS.format(name="높음", label=label).encode("cp949")}))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (GROUPS.format(name="Mandatory Label\\Medium", label="S-1-16-8192"), NotElevated),
        (GROUPS.format(name="S-1-16-12288", label="S-1-16-4096"), NotElevated),
        (GROUPS.format(name="S-1-16-12288", label="S-1-5-2"), Unclear),
        (GROUPS.format(name="x", label="S-1-16-12288") * 2, Unclear),
        ("", Unclear),
        ("ERROR: Invalid syntax.", Unclear),
        ('"broken', Unclear),
        ("S-1-16-12288", Unclear),
        ("\0", Unclear),
    ],
)
def test_an_account_that_may_not_see_everything(said: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        check_elevated(Heard(sections={script.GROUPS: said.encode()}))
    assert type(caught.value) is kind


def test_nobody_knows_whether_it_is_elevated() -> None:
    with pytest.raises(Unclear, match=r"^no answer came$"):
        check_elevated(Heard())
