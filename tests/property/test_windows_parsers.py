"""Whatever a Windows guest sends: never a crash, never a wrong answer, and never an absence that nothing proves."""

from __future__ import annotations

import base64
import contextlib
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.windows.guest import Guest
from winrm.exceptions import WinRMError, WinRMTransportError, WSManFaultError

from imagegate import codec
from imagegate.inventory import Auth, Host, Via
from imagegate.model import Facts, Seen
from imagegate.probes import (
    ACCOUNTS,
    APPX,
    REARM,
    SETUP_LOGS,
    WINDOWS,
    AnswerFile,
    FreeSpace,
    Registry,
    Service,
    ShellCommand,
    TasksOf,
    WindowsFile,
)
from imagegate.transports.windows import registry, script, tasks
from imagegate.transports.windows.answer_file import classify
from imagegate.transports.windows.asking import ask, full, lineage, request_of, unfit
from imagegate.transports.windows.decode import Heard, check_elevated, decode
from imagegate.transports.windows.diagnose import Known, diagnose
from imagegate.transports.windows.frames import Garbled, answers, sections
from imagegate.transports.windows.listening import listen
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.text import decoded, shell_error

NONCE = "ig" + "5" * 32
MOMENT = datetime(2026, 11, 22, tzinfo=UTC)
CONTENT = st.binary(max_size=60).filter(lambda raw: b"5555" not in raw)
PAGES = st.sampled_from([None, 437, 932, 949, 1252, 65001, 0, 99999])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949", "cp932", "cp1252"])


@given(st.lists(CONTENT, max_size=5), st.integers(0, 400), CONTENT)
def test_sections_are_whole_or_missing(contents: list[bytes], cut: int, noise: bytes) -> None:
    assume(not noise.endswith(b"\n"))
    stream = noise + b"\n"
    for index, content in enumerate(contents):
        stream += f"{NONCE} {index}\r\n".encode() + content + b"\n"
    stream += f"{NONCE} end\r\n".encode()
    told = {index: content + b"\n" for index, content in enumerate(contents)}
    assert sections(stream, NONCE) == told
    assert sections(stream[:cut], NONCE).items() <= told.items()


@given(
    st.lists(st.dictionaries(st.sampled_from(["kind", "size", "tail"]), st.lists(st.binary(max_size=20), max_size=2)), max_size=4),
    st.integers(0, 400),
    CONTENT,
)  # fmt: skip
def test_answers_are_whole_or_missing(given_: list[dict[str, list[bytes]]], cut: int, noise: bytes) -> None:
    lines = [noise.decode("latin-1")]
    for index, fields in enumerate(given_):
        for name, values in fields.items():
            lines += [f"{NONCE} {index} {name} {base64.b64encode(value).decode()}" for value in values]
        lines.append(f"{NONCE} {index} end")
    stream = "".join(f"{line}\r\n" for line in [*lines, f"{NONCE} done"]).encode("latin-1")
    told = {index: {name: values for name, values in fields.items() if values} for index, fields in enumerate(given_)}
    assert answers(stream, NONCE) == told
    for index, fields in answers(stream[:cut], NONCE).items():
        assert fields == told[index]


@given(st.binary(max_size=200).map(lambda raw: raw.replace(b"N", NONCE.encode())))
def test_any_stream_is_garbled_at_worst(stream: bytes) -> None:
    for read in (sections, answers):
        with contextlib.suppress(Garbled):
            read(stream, NONCE)


@given(st.text(max_size=60), ENCODINGS, PAGES)
def test_text_that_can_be_written_can_be_read(text: str, encoding: str, page: int | None) -> None:
    raw = text.encode(encoding, "ignore")
    found, whole = decoded(raw, page)
    assert whole is ("\ufffd" not in found) or "\ufffd" in text
    shell_error(raw, page)
    if encoding in {"utf-8-sig", "utf-16"}:
        assert found == text or encoding == "utf-8-sig"


# ---- the registry of a guest that answers truly, but not everything


KEYS = [
    r"HKLM\A", r"HKLM\A\B", r"HKLM\A\B\C", r"HKLM\A\B\D", r"HKLM\A\X",
]  # fmt: skip


@st.composite
def truths(draw):
    """Which keys there are, with their values, which of them cannot be read, and which outputs do not come."""
    there = {"HKLM"}
    for key in KEYS:
        if key.rpartition("\\")[0] in there and draw(st.booleans()):
            there.add(key)
    values = {key: draw(st.lists(st.sampled_from(["V", "W"]), unique=True)) for key in sorted(there)}
    denied = {key for key in sorted(there) if draw(st.integers(0, 4)) == 0}
    lost = {key for key in ["HKLM", *KEYS] if draw(st.integers(0, 4)) == 0}
    return there, values, denied, lost


@given(truths(), st.booleans(), st.integers(0, 2))
@settings(max_examples=300)
def test_the_registry_is_seen_as_it_is_or_not_at_all(truth, wine: bool, more_errors: int) -> None:
    there, values, denied, lost = truth
    probes = [Registry(path=key, name=name) for key in KEYS for name in (None, "V")]
    outputs, errors = {}, more_errors
    for command in ask(probes).commands[2:]:
        key = command.split('"')[1]
        shown = key.replace("HKLM", "HKEY_LOCAL_MACHINE")
        if key not in there or key in denied:
            errors += 1
            outputs[command] = ""
        else:
            own = [f"    {name}    REG_DWORD    0x1" for name in values[key]]
            below = [
                f"{shown}\\{sub.rpartition(chr(92))[2]}"
                for sub in KEYS
                if sub in there and sub.rpartition("\\")[0] == key
            ]
            head = [shown] if own or wine else []
            outputs[command] = "".join(f"{line}\r\n" for line in [*head, *own, "", *below]) if head or below else ""
    came = {command: text.encode() for command, text in outputs.items() if command.split('"')[1] not in lost}
    heard = Heard(sections=came, errors=errors)
    for probe in probes:
        try:
            seen = decode(probe, heard)
        except Unclear:
            continue
        present = probe.path in there and (probe.name is None or probe.name in values[probe.path])
        assert seen.present is present, probe


@given(st.dictionaries(st.sampled_from([script.reg_query(key) for key in ["HKLM", *KEYS]]), st.text(max_size=80)))
def test_text_without_a_key_proves_nothing(outputs: dict[str, str]) -> None:
    assume(not any("HKEY_" in text for text in outputs.values()))
    heard = Heard(sections={command: text.encode("utf-8", "replace") for command, text in outputs.items()})
    for key in KEYS:
        for name in (None, "V"):
            with pytest.raises(Unclear):
                decode(Registry(path=key, name=name), heard)


LISTING_LINES = st.sampled_from(
    [
        "", "HKEY_LOCAL_MACHINE\\A\\B", "HKEY_LOCAL_MACHINE\\A\\B\\C", "HKEY_LOCAL_MACHINE\\A", "    V    REG_SZ    x",
        "    V    REG_DWORD    0x1", "    V    REG_DWORD    0x1    REG_SZ    ", "  V  REG_SZ  x", "garbage", "    ", "HKEY_",
        "    (Default)    REG_SZ    (value not set)", "    V    REG_SZ", "HKEY_LOCAL_MACHINE\\A\\B\\C\\D",
    ]
)  # fmt: skip


@given(st.lists(LISTING_LINES | st.text(max_size=20), max_size=8))
def test_a_listing_that_does_not_name_its_key_is_none(lines: list[str]) -> None:
    listing = registry.parse("\r\n".join(lines), r"HKLM\A\B")
    named = [line for line in "\n".join(lines).split("\n") if full(line.rstrip("\r")).startswith(full(r"HKLM\A\B"))]
    assert not listing.listed or named
    assert all(isinstance(name, str) for name in listing.values)


@given(st.text(max_size=120), st.text(max_size=120))
def test_a_service_is_absent_only_if_that_is_said(said: str, listed: str) -> None:
    service = Service(name="svc")
    sections_ = {script.sc_query("svc"): said, script.reg_query(r"HKLM\SYSTEM\CurrentControlSet\Services\svc"): listed}
    heard = Heard(sections={command: text.encode("utf-8", "replace") for command, text in sections_.items()})
    try:
        seen = decode(service, heard)
    except Unclear:
        return
    assert seen.present or "1060" in said


@given(
    st.binary(max_size=120) | st.text(max_size=60).map(lambda text: f'"a","b","{text}"\r\n'.encode("utf-8", "replace"))
)
def test_nobody_is_elevated_without_its_sign(said: bytes) -> None:
    try:
        check_elevated(Heard(sections={script.GROUPS: said}))
    except Unclear:
        return
    assert b"S-1-16-" in said.replace(b"\0", b"")


# ---- PowerShell's facts

PROBES = [
    WINDOWS, ACCOUNTS, APPX, REARM, FreeSpace(), ShellCommand(name="x"), WindowsFile(path=r"C:\x"),
    WindowsFile(path=r"C:\y", sha256=True), WindowsFile(path=min(SETUP_LOGS), tail=10), AnswerFile(path=r"C:\z"),
]  # fmt: skip
WORDS = st.sampled_from(
    [
        b"0", b"1", b"2", b"-1", b"99999999999999999999", b"absent", b"regular", b"directory", b"2026-11-22T10:15:00.1234567Z",
        b"9999-12-31T23:59:59.9999999Z", b"10.0.17763", b"a\t1\t1\t1\t1", b"a\tb\t1\t0\t0", b"f" * 64, b"",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ["kind", "size", "modified", "sha256", "tail", "whole", "version", "product", "booted", "now", "free", "account",
     "supported", "provisioned", "package", "remaining", "present", "path", "error"]
)  # fmt: skip
FIELDS = st.dictionaries(NAMES, st.lists(WORDS | st.binary(max_size=40), min_size=1, max_size=2), max_size=8)


@given(st.sampled_from(PROBES), FIELDS)
@settings(max_examples=300)
def test_any_fields_give_a_whole_fact_or_a_reason(probe, fields: dict[str, list[bytes]]) -> None:
    request = request_of(probe)
    assert request is not None
    try:
        fact = decode(probe, Heard(answers={request: fields}))
    except Unclear as unclear:
        reason = str(unclear)
    else:
        reason = None
    if reason is not None:
        assert reason.isprintable()
        assert len(reason) < 400
        return
    assert type(fact) is probe.fact
    survives(probe, fact)
    if getattr(fact, "kind", getattr(fact, "state", None)) == "absent":
        assert fields["kind"] == [b"absent"]


def survives(probe, fact) -> None:
    """A fact goes into a recording and comes back the same."""
    seen = Facts({probe: Seen(value=fact, at=MOMENT)}, MOMENT)
    text = json.dumps(codec.dump_facts(seen), ensure_ascii=False).encode("utf-8")
    assert codec.load_facts(json.loads(text)) == seen


# ---- tasks

NS = "http://schemas.microsoft.com/windows/2004/02/mit/task"
FRAGMENTS = st.sampled_from(
    [
        "<Tasks>", "</Tasks>", f'<Task xmlns="{NS}">', "</Task>", "<Actions>", "</Actions>", "<Exec>", "</Exec>",
        "<Command>ipconfig</Command>", "<Arguments>/renew</Arguments>", "<!-- \\a -->\r\n", "<Enabled>true</Enabled>",
        "<Settings>", "</Settings>", "<Triggers><BootTrigger/></Triggers>", "<?xml version='1.0'?>", "<![CDATA[", "]]>",
        "<!DOCTYPE a>", "&amp;", "&x;", "text", "\0", "<?name x?>", "</all>", "<all>",
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS | st.text(max_size=8), max_size=14), ENCODINGS, PAGES)
@settings(max_examples=300)
def test_any_list_of_tasks_gives_facts_or_a_reason(parts: list[str], encoding: str, page: int | None) -> None:
    raw = "".join(parts).encode(encoding, "ignore")
    try:
        fact = tasks.parse(raw, page, program="ipconfig")
    except Unclear:
        return
    assert any("<Task" in part for part in parts)
    assert fact.total >= len(fact.tasks) + len(fact.unreadable)
    survives(TasksOf(program="ipconfig"), fact)


NAMES_OF_TASKS = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters='<>?"|*:/\\&'), min_size=1, max_size=12
)


@st.composite
def lists_of_tasks(draw):
    named = []
    for name in draw(st.lists(NAMES_OF_TASKS, unique=True, max_size=5)):
        program = draw(st.sampled_from(["ipconfig", r"C:\Windows\System32\ipconfig.exe", "cmd.exe"]))
        enabled = draw(st.booleans())
        named.append(("\\" + name, program, enabled))
    inner = "".join(
        f'<!-- {name} -->\r\n<Task xmlns="{NS}"><Settings><Enabled>{str(enabled).lower()}</Enabled></Settings>'
        f"<Actions><Exec><Command>{program}</Command></Exec></Actions></Task>\r\n"
        for name, program, enabled in named
    )
    return named, f'<?xml version="1.0" encoding="UTF-16"?>\r\n<Tasks>\r\n{inner}</Tasks>\r\n'


@given(lists_of_tasks(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]), st.data())
def test_all_tasks_in_any_encoding_or_none_at_all(listed, encoding: str, data) -> None:
    named, text = listed
    expected = sorted((name, enabled) for name, program, enabled in named if "ipconfig" in program)
    raw = text.encode(encoding)
    if encoding.endswith(("le", "be")) and 3 * raw.count(0) < len(raw):
        return  # hardly any ASCII: nothing tells that it is UTF-16
    fact = tasks.parse(raw, 65001, program="ipconfig")
    assert [(task.name, task.enabled) for task in fact.tasks] == expected
    assert (fact.total, fact.unreadable) == (len(named), ())
    cut = data.draw(st.integers(0, len(raw.rstrip(b"\r\n\0")) - 4))
    with pytest.raises(Unclear):
        tasks.parse(raw[:cut], 65001, program="ipconfig")


# ---- answer files


@given(st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=8).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_are_classified(content: bytes) -> None:
    fact = classify(content)
    assert fact.state in {"malformed", "readable"}
    survives(AnswerFile(path=r"C:\z"), fact)


@given(
    st.text(st.characters(exclude_categories=["C"], exclude_characters="<>&"), min_size=8, max_size=20).filter(
        str.strip
    ),
    st.sampled_from(["AdministratorPassword", "Password", "MachinePassword", "password"]),
    st.booleans(),
    st.booleans(),
)
def test_a_password_is_always_seen_and_never_kept(secret: str, name: str, hidden: bool, nested: bool) -> None:
    assume(secret.strip() != "*SENSITIVE*DATA*DELETED*")
    value = base64.b64encode((secret + name).encode("utf-16-le")).decode() if hidden else secret
    inner = f"<{name}><Value>{value}</Value></{name}>" if nested else f"<{name}>{value}</{name}>"
    fact = classify(
        f'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="a"/>{inner}</unattend>'.encode()
    )
    assert (fact.state, fact.password, fact.sha256) == ("readable", True, None)
    assert secret.strip() not in repr(fact)


# ---- one whole look

EVERYTHING = [
    Registry(path=r"HKLM\A\B", name="V"), Registry(path=r"HKLM\A\C"), TasksOf(program="ipconfig"), REARM,
    WindowsFile(path=r"C:\x"), ShellCommand(name="x"),
]  # fmt: skip
SAYS = {
    script.reg_query(r"HKLM\A\B"): b"HKEY_LOCAL_MACHINE\\A\\B\r\n    V    REG_SZ    x\r\n",
    script.reg_query(r"HKLM\A"): b"HKEY_LOCAL_MACHINE\\A\\B\r\n",
    script.TASKS: f'<Tasks><Task xmlns="{NS}"><Actions><Exec><Command>ipconfig</Command></Exec></Actions></Task></Tasks>'.encode(),
}  # fmt: skip
KNOWS = {"rearm": {"remaining": "3"}, "file": {"kind": "absent"}, "command": {"present": "0"}}


def facts(guest: Guest) -> dict[str, object]:
    heard = listen(guest, ask(EVERYTHING))
    found: dict[str, object] = {}
    for probe in EVERYTHING:
        with contextlib.suppress(Unclear):
            check_elevated(heard)
            found[probe.key] = decode(probe, heard)
    return found


@given(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from([b"", b"\r\n", b"noise\r\n", b"\0", b"\xff\xfe"]))
def test_a_look_that_is_cut_anywhere_is_right_or_unseen(line: int, shell: int, tail: bytes) -> None:
    def cut(send, output):
        end = line if send.stdin is None else shell
        return replace(output, stdout=output.stdout[:end] + (tail if end < len(output.stdout) else b""))

    truth = facts(Guest(says=SAYS, knows=KNOWS, errors=b"ERROR: no\r\n"))
    assert len(truth) == len(EVERYTHING)
    seen = facts(Guest(says=SAYS, knows=KNOWS, errors=b"ERROR: no\r\n", change=cut))
    assert seen.items() <= truth.items()


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_a_look_at_noise_sees_nothing(stdout: bytes, stderr: bytes) -> None:
    guest = Guest(change=lambda send, output: replace(output, stdout=stdout, stderr=stderr))
    assert facts(guest) == {}


# ---- reasons

HOST = Host(name="win-01", address="192.0.2.20", transport=Via.WINRM, user="Administrator", password_env="PW")
TEXTS = st.text(max_size=400)
ERRORS = st.one_of(
    st.builds(
        lambda said, code, wmi, subcode: WSManFaultError(500, "m", "response", said, "s:Sender", subcode, code, wmi),
        TEXTS, st.none() | st.integers(0, 2**32), st.none() | st.integers(0, 2**32), st.none() | TEXTS,
    ),
    st.builds(lambda code, text: WinRMTransportError("http", code, text), st.integers(0, 999), TEXTS),
    st.builds(WinRMError, TEXTS),
    st.builds(requests.ConnectionError, TEXTS, st.sampled_from([OSError(113, "No route"), TimeoutError(), None])),
    st.builds(requests.exceptions.SSLError, TEXTS),
    st.builds(lambda kind, text: kind(text), st.sampled_from([ValueError, KeyError, AssertionError, StopIteration, struct.error, PermissionError]), TEXTS),
)  # fmt: skip


@given(ERRORS, st.sampled_from(list(Auth)), st.booleans(), TEXTS)
def test_every_failure_has_one_readable_line(error: Exception, auth: Auth, accepted: bool, offers: str) -> None:
    trouble = diagnose(replace(HOST, auth=auth), error, Known(accepted=accepted, offers=offers, waited_s=3.2))
    assert trouble.reason.startswith("win-01: ")
    assert trouble.reason.isprintable()
    assert len(trouble.reason) < 500


@given(st.text(max_size=30), st.text(max_size=30))
def test_nothing_that_cannot_be_quoted_is_asked(path: str, name: str) -> None:
    for probe in (Registry(path=f"HKLM\\{path}"), Service(name=name)):
        if unfit(probe) is None:
            for command in ask([probe]).commands[2:]:
                quoted = command[command.index('"') + 1 : -1]
                assert script.quotable(quoted)
    assert len(lineage(path)) <= 3
