"""The framed output of a guest."""

from __future__ import annotations

import base64

import pytest

from imagegate.transports.windows.frames import Garbled, answers, sections
from imagegate.transports.windows.text import decoded, shell_error

NONCE = "ig" + "5" * 32
OTHER = "ig" + "6" * 32


def stream(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).replace("N ", f"{NONCE} ").encode()


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (stream("N 0", "a", "N 1", "N end"), {0: b"a\r\n", 1: b""}),
        (stream("banner", "N 4", "", "b", "N end", "trailer"), {4: b"\r\nb\r\n"}),
        (stream("N 0", "a", "N 1", "cut off"), {0: b"a\r\n"}),
        (stream("N 0", "a"), {}),
        (stream("N end"), {}),
        (b"", {}),
        (stream("N 0", "no newline").removesuffix(b"\r\n") + stream("N 1", "N end"), {0: b"no newline", 1: b""}),
        (stream("N 0", f"{OTHER} 1", "N 1", "N end"), {0: f"{OTHER} 1\r\n".encode(), 1: b""}),
        (stream("N 0", "N ended", "N 1", "N end"), {0: f"{NONCE} ended\r\n".encode(), 1: b""}),
        (stream("N 0", "N 1 x", "N end"), {0: f"{NONCE} 1 x\r\n".encode()}),
        (stream("N 0").replace(b"\r\n", b" \n") + stream("N end"), {0: b""}),
        (stream("N 0") + "한글".encode("utf-16-le") + stream("N 1", "N end"), {0: "한글".encode("utf-16-le"), 1: b""}),
    ],
)
def test_closed_sections_only(sent: bytes, found: dict[int, bytes]) -> None:
    assert sections(sent, NONCE) == found


@pytest.mark.parametrize(
    "sent",
    [
        stream("N 0", "a", "N 0", "b", "N end"),
        stream("N 1", "a", "N 0", "b", "N end"),
        stream("N 0", "a", "N end", "N 1", "b", "N end"),
    ],
)
def test_sections_that_contradict_themselves(sent: bytes) -> None:
    with pytest.raises(Garbled):
        sections(sent, NONCE)


def wire(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (stream(f"N 0 kind {wire('absent')}", "N 0 end", "N done"), {0: {"kind": [b"absent"]}}),
        (stream("N 0 tail ", "N 0 end", "N done"), {0: {"tail": [b""]}}),
        (stream("N 0 tail", "N 0 end"), {0: {"tail": [b""]}}),
        (stream("N 0 end", "N 1 end", "N done"), {0: {}, 1: {}}),
        (stream(f"N 0 a {wire('1')}", f"N 0 a {wire('2')}", "N 0 end"), {0: {"a": [b"1", b"2"]}}),
        (stream(f"N 0 a {wire('1')}", "N 0 end", f"N 1 a {wire('1')}"), {0: {"a": [b"1"]}}),
        (stream("noise", f"{OTHER} 0 a {wire('1')}", " N 0 end"), {}),
        (stream("N 0 a !!!", "N 0 end", "N 1 end"), {1: {}}),
        (stream("N 0 end") + f"{NONCE} ".encode(), {0: {}}),
        (stream("N 0 end") + f"{NONCE} 1 end".encode(), {0: {}}),
        (stream(f"N 0 \xe9 {wire('1')}", "N 0 end", "N 1 end"), {1: {}}),
        (b"", {}),
    ],
)
def test_closed_answers_only(sent: bytes, found) -> None:
    assert answers(sent, NONCE) == found


@pytest.mark.parametrize(
    "sent",
    [
        stream("N 0 end", "N 0 end"),
        stream("N 0 end", f"N 0 a {wire('1')}"),
        stream("N done", "N 0 end"),
        stream("N x end"),
    ],
)
def test_answers_that_contradict_themselves(sent: bytes) -> None:
    with pytest.raises(Garbled):
        answers(sent, NONCE)


@pytest.mark.parametrize(
    ("raw", "page", "text", "whole"),
    [
        (b"plain", None, "plain", True),
        ("한글".encode(), None, "한글", True),
        (b"\xef\xbb\xbf<a/>", None, "<a/>", True),
        (b"\xff\xfe" + "<한/>".encode("utf-16-le"), None, "<한/>", True),
        (b"\xfe\xff" + "<한/>".encode("utf-16-be"), None, "<한/>", True),
        ("<Task/>한".encode("utf-16-le"), None, "<Task/>한", True),
        ("<Task/>한".encode("utf-16-be"), None, "<Task/>한", True),
        ("한글".encode("cp949"), 949, "한글", True),
        ("日本語".encode("cp932"), 932, "日本語", True),
        ("é".encode("cp1252"), 1252, "é", True),
        ("한글".encode("cp949"), 65001, "\ufffdѱ\ufffd", False),
        ("한글".encode("cp949"), 99999, "\ufffdѱ\ufffd", False),
        (b"a\xff", None, "a\ufffd", False),
        (b"\xff\xfea", None, "\ufffd", False),
        (b"", None, "", True),
    ],
)
def test_encodings_of_the_console(raw: bytes, page: int | None, text: str, whole: bool) -> None:
    assert decoded(raw, page) == (text, whole)


CLIXML = (
    '#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
    '<Obj S="progress" RefId="0"><MS><I64 N="SourceId">1</I64></MS></Obj>'
    '<S S="Error">Get-It : Access is &lt;denied&gt;._x000D__x000A_</S><S S="Error">At line:1_x000D__x000A_</S></Objs>'
)


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (CLIXML.encode(), "Get-It : Access is <denied>.\r\nAt line:1"),
        (CLIXML[:-30].encode(), "Get-It : Access is <denied>."),
        (CLIXML.split("<S ", maxsplit=1)[0].encode(), ""),
        (b"\xff\xfe" + CLIXML.encode("utf-16-le"), "Get-It : Access is <denied>.\r\nAt line:1"),
        (b"'powershell' is not recognized\r\n", "'powershell' is not recognized"),
        (b"", ""),
    ],
)
def test_what_powershell_complains_about(stderr: bytes, said: str) -> None:
    assert shell_error(stderr, None) == said
