"""What is sent to a guest: PowerShell that parses, and lines that cmd.exe takes."""

from __future__ import annotations

import base64
import re

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from imagegate.probes import SETUP_LOGS, AnswerFile, Registry, Service, ShellCommand, TasksOf, WindowsFile
from imagegate.transports.windows import script
from imagegate.transports.windows.asking import ask
from imagegate.transports.windows.script import MAX_LINE, Request

POWERSHELL = Parser(Language(tree_sitter_powershell.language()))
NONCE = "ig" + "5" * 32
PROBES = [
    *(Registry(path=rf"HKLM\SOFTWARE\Vendor {n}\{'x' * 60}", name="v") for n in range(200)),
    *(Service(name=f"service-{n}") for n in range(50)),
    *(WindowsFile(path=log, tail=4096) for log in sorted(SETUP_LOGS)),
    AnswerFile(path="C:\\한글 파일 'quoted'.xml"),
    ShellCommand(name="ToastSysprep"),
    TasksOf(program="ipconfig"),
]


def faults(source: str) -> list[str]:
    """The places that are no PowerShell."""
    found: list[str] = []
    waiting: list[Node] = [POWERSHELL.parse(source.encode()).root_node]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append(f"line {node.start_point[0] + 1}: {node.type}")
        waiting += node.children
    return found


def boot() -> str:
    line = script.powershell(NONCE, ()).line
    encoded = re.fullmatch(r"powershell (?:-\w+ )+Bypass -EncodedCommand ([A-Za-z0-9+/=]+)", line)
    assert encoded
    return base64.b64decode(encoded[1]).decode("utf-16-le")


def sent() -> str:
    stdin = script.powershell(NONCE, ask(PROBES).requests).stdin
    assert stdin is not None
    return stdin.decode("ascii").replace("\r\n", "\n")


@pytest.mark.parametrize("source", [script.program, boot, sent], ids=["guest.ps1", "boot", "sent"])
def test_every_script_is_powershell(source) -> None:
    assert faults(source()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("finally { $stream.Close() }\n}", "finally { $stream.Close() \n}"),
        ('default { throw "unknown request $Verb" }', 'default { throw "unknown request $Verb }'),
        ("function Get-AppxFact {", "function Get-AppxFact {{"),
        ("if ($parts.Length -lt 2) {", "if ($parts.Length -lt 2 {"),
    ],
)
def test_a_broken_script_is_noticed(old: str, new: str) -> None:
    assert old in script.program()
    assert faults(script.program().replace(old, new, 1))


def test_every_verb_that_is_asked_for_is_known_to_the_program() -> None:
    known = set(re.findall(r"^ {8}'([a-z-]+)' \{", script.program(), re.MULTILINE))
    asked = {request.verb for request in ask(PROBES).requests}
    assert asked <= known
    assert {"write", "delete", "start", "remove-appx", "windows", "space", "accounts", "appx", "rearm"} <= known


def test_no_line_is_too_long_and_none_is_lost() -> None:
    commands = ask(PROBES).commands
    lines = script.lines(NONCE, commands)
    assert len(lines) > 1
    assert max(map(len, lines)) <= MAX_LINE
    assert [int(n) for line in lines for n in re.findall(rf"echo {NONCE} (\d+)&", line)] == list(range(len(commands)))
    assert all(line.endswith(f"& echo {NONCE} end") for line in lines)
    assert len(script.powershell(NONCE, ask(PROBES).requests).line) <= MAX_LINE


def test_all_that_is_sent_is_ascii() -> None:
    send = script.powershell(NONCE, ask(PROBES).requests)
    assert send.stdin is not None
    assert send.stdin.isascii()
    assert send.line.isascii()
    assert all(line.isascii() for line in script.lines(NONCE, ask(PROBES).commands))


def test_a_request_carries_its_words_in_base64() -> None:
    stdin = script.powershell(NONCE, [Request(verb="file", words=("C:\\가", "1", "", "0"))]).stdin
    assert stdin is not None
    line = next(line for line in stdin.decode().splitlines() if line.startswith("0 file "))
    words = [base64.b64decode("" if word == "-" else word).decode() for word in line.split(" ")[2:]]
    assert words == ["C:\\가", "1", "", "0"]


def test_a_section_reads_nothing_of_our_input() -> None:
    assert script.lines(NONCE, ["chcp"]) == [f"echo {NONCE} 0& chcp <nul& echo {NONCE} end"]


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        (r"HKLM\SOFTWARE\Microsoft\Windows NT", True),
        ("Auto Update (x86), 100'", True),
        ("한글", True),
        ("", False),
        ('a" & del C:', False),
        ("%PATH%", False),
        ("a&b", False),
        ("a|b", False),
        ("a^b", False),
        ("a!b", False),
        ("a>b", False),
        ("a\r\nb", False),
        ("a\tb", False),
        ("HKLM\\", False),
    ],
)
def test_what_stands_between_quotes(text: str, fit: bool) -> None:
    assert script.quotable(text) is fit
