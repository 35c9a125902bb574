"""Answer files: what they would do, never what they hold."""

from __future__ import annotations

import base64
import hashlib

import pytest

from imagegate.transports.windows.answer_file import classify

NS = "urn:schemas-microsoft-com:unattend"
SECRET = "hunter2-Xyzzy"


def answers(*inner: str, declaration: str = '<?xml version="1.0" encoding="utf-8"?>', namespace: str = NS) -> str:
    return f'{declaration}\r\n<unattend xmlns="{namespace}">{"".join(inner)}</unattend>\r\n'


def settings(which: str, inner: str = "", component: str = "Microsoft-Windows-Shell-Setup") -> str:
    return f'<settings pass="{which}"><component name="{component}">{inner}</component></settings>'


def rearm(value: str) -> str:
    return settings("generalize", f"<SkipRearm>{value}</SkipRearm>", "Microsoft-Windows-Security-SPP")


def hidden(password: str, name: str) -> str:
    return base64.b64encode((password + name).encode("utf-16-le")).decode()


def password(value: str, name: str = "AdministratorPassword", plain: str = "true") -> str:
    inner = f"<{name}><Value>{value}</Value><PlainText>{plain}</PlainText></{name}>"
    return settings("oobeSystem", f"<UserAccounts>{inner}</UserAccounts>")


def test_what_it_would_do() -> None:
    text = answers(settings("oobeSystem"), settings("generalize"), settings("oobeSystem"), rearm("1")).encode()
    fact = classify(text)
    assert (fact.state, fact.passes, fact.skip_rearm, fact.password) == (
        "readable",
        ("generalize", "oobeSystem"),
        1,
        False,
    )
    assert fact.sha256 == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    "encode",
    [
        lambda: b"\xef\xbb\xbf" + answers(settings("generalize")).encode(),
        lambda: answers(settings("generalize"), declaration="").encode(),
        lambda: answers(settings("generalize"), declaration='<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16"),
        lambda: answers(
            settings("generalize"), "<!-- 한글 -->", declaration="<?xml version='1.0' encoding='euc-kr'?>"
        ).encode("cp949"),
        lambda: answers(
            settings("generalize"), "<!-- é -->", declaration='<?xml version="1.0" encoding="windows-1252"?>'
        ).encode("cp1252"),
    ],
    ids=["mark", "none", "utf-16", "euc-kr", "windows-1252"],
)
def test_encodings(encode) -> None:
    assert (classify(encode()).state, classify(encode()).passes) == ("readable", ("generalize",))


@pytest.mark.parametrize(
    "inner",
    [
        password(SECRET),
        password(hidden(SECRET, "AdministratorPassword"), plain="false"),
        password(SECRET, "Password"),
        password(SECRET, "password"),
        settings(
            "specialize", f"<Identification><Credentials><Password>{SECRET}</Password></Credentials></Identification>"
        ),
        settings("specialize", f"<MachinePassword>{SECRET}</MachinePassword>"),
        settings("oobeSystem", f"<AutoLogon><Password><Value> {SECRET} </Value></Password></AutoLogon>"),
        password(base64.b64encode(b"\xff").decode(), plain="false"),
    ],
)
def test_a_password_is_seen_and_not_kept(inner: str) -> None:
    fact = classify(answers(inner).encode())
    assert (fact.state, fact.password, fact.sha256) == ("readable", True, None)
    assert SECRET not in repr(fact)


@pytest.mark.parametrize(
    "inner",
    [
        password(""),
        password("  \r\n "),
        password(hidden("", "AdministratorPassword"), plain="false"),
        password("*SENSITIVE*DATA*DELETED*"),
        settings("oobeSystem", "<Password/>"),
        settings("oobeSystem", "<PasswordHint>none</PasswordHint>"),
        f"<!-- <Password>{SECRET}</Password> -->",
    ],
)
def test_no_password(inner: str) -> None:
    fact = classify(answers(inner).encode())
    assert (fact.password, fact.sha256 is not None) == (False, True)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b" \r\n", "it is empty"),
        (b"<unattend", "no well-formed XML (line 1, column"),
        (answers(settings("generalize"))[:-20].encode(), "no well-formed XML (line "),
        (answers(namespace="urn:other").encode(), "no answer file of the namespace"),
        (b"<html/>", "no answer file of the namespace"),
        (f'<!DOCTYPE x [<!ENTITY a "b">]>{answers(declaration="")}'.encode(), "it has a document type"),
        (f"<!DOCTYPE x>{answers(declaration='')}".encode(), "it has a document type"),
        (answers(declaration='<?xml version="1.0" encoding="rot13"?>').encode(), "its encoding cannot be read"),
        (
            answers(declaration='<?xml version="1.0" encoding="gbk"?>').encode() + b"\xff\xff",
            "its encoding cannot be read",
        ),
        (b"\x00" * 100, "no well-formed XML"),
        (answers(rearm("1"), rearm("0")).encode(), "its SkipRearm is not one number"),
        (answers(rearm("yes")).encode(), "its SkipRearm is not one number"),
        (answers(rearm("")).encode(), "its SkipRearm is not one number"),
    ],
)
def test_no_answer_file(content: bytes, problem: str) -> None:
    fact = classify(content)
    assert (fact.state, fact.passes, fact.sha256) == ("malformed", (), None)
    assert fact.problem is not None
    assert problem in fact.problem


def test_skip_rearm_of_another_component_is_another_setting() -> None:
    assert classify(answers(settings("generalize", "<SkipRearm>1</SkipRearm>")).encode()).skip_rearm is None
    assert classify(answers(rearm(" 0 "), rearm("0")).encode()).skip_rearm == 0
