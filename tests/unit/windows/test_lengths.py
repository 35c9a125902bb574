"""Output without end: every parser comes to its own. One that took the square of the length would hang here."""

from __future__ import annotations

import contextlib

import pytest

from imagegate.probes import Service
from imagegate.transports.windows import answer_file, frames, registry, script, tasks, wire
from imagegate.transports.windows.decode import Heard, check_elevated, decode
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.text import decoded, shell_error

LONG = 2 << 20
NONCE = "ig" + "5" * 32


def service(said: bytes) -> None:
    key = script.reg_query(r"HKLM\SYSTEM\CurrentControlSet\Services\x")
    decode(Service(name="x"), Heard(sections={script.sc_query("x"): said, key: b""}))


def listed(text: str) -> None:
    registry.parse(text, r"HKLM\A")


def tasks_of(raw: bytes) -> None:
    tasks.parse(raw, 65001, program="ipconfig")


def repeated(piece: bytes) -> bytes:
    return piece * (LONG // len(piece))


CASES = {
    "sc: blanks": lambda: service(repeated(b" ")),
    "sc: blank lines": lambda: service(repeated(b" \n")),
    "sc: a name without end": lambda: service(b" a:" + repeated(b" ")),
    "reg: types in one line": lambda: listed("    a" + repeated(b"    REG_A").decode()),
    "reg: blanks": lambda: listed(repeated(b" ").decode()),
    "reg: a type without end": lambda: listed("    x    REG_" + repeated(b"A").decode()),
    "reg: odd lines after a value": lambda: listed("    V    REG_SZ    x\n" + repeated(b"a\n").decode()),
    "tasks: elements": lambda: tasks_of(b"<Tasks>" + repeated(b"<a/>") + b"</Tasks>"),
    "tasks: names": lambda: tasks_of(b"<Tasks>" + repeated(b"<!-- a -->\n") + b"</Tasks>"),
    "tasks: a comment without end": lambda: tasks_of(b"<Tasks><!-- " + repeated(b"a --> ")),
    "tasks: declarations": lambda: tasks_of(repeated(b"<?xml ")),
    "tasks: depth": lambda: tasks_of(b"<Tasks>" + repeated(b"<a>")),
    "answer file: depth": lambda: answer_file.classify(repeated(b"<a>")),
    "answer file: blanks": lambda: answer_file.classify(repeated(b" ")),
    "soap: depth": lambda: wire.is_soap(repeated(b"<a>"), must_be=True),
    "soap: blanks": lambda: wire.is_soap(repeated(b" "), must_be=True),
    "sections": lambda: frames.sections(repeated(f"{NONCE} 1\n".encode()), NONCE),
    "answers": lambda: frames.answers(repeated(f"{NONCE} 1 a YQ==\n".encode()), NONCE),
    "whoami": lambda: check_elevated(Heard(sections={script.GROUPS: repeated(b'"')})),
    "CLIXML": lambda: shell_error(b"#< CLIXML" + repeated(b'<S S="Error">'), None),
    "zeros": lambda: decoded(repeated(b"a\0"), None),
}


@pytest.mark.parametrize("case", CASES)
def test_length_costs_no_more_than_length(case: str) -> None:
    with contextlib.suppress(Unclear, frames.Garbled, wire.Unacceptable):
        CASES[case]()
