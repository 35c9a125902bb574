"""Whatever comes over the stream: never a crash, never a wrong answer."""

from __future__ import annotations

import contextlib
import re
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from imagegate.inventory import Host, Via
from imagegate.model import Probe
from imagegate.probes.file import File
from imagegate.probes.kernel import KernelOption
from imagegate.transports.linux.classify import machine_id
from imagegate.transports.linux.decode import Unclear, decode
from imagegate.transports.linux.diagnose import diagnose
from imagegate.transports.linux.frames import Answer, Incomplete, parse, says
from imagegate.transports.linux.process import End, Outcome
from imagegate.transports.text import clean, last_line

NONCE = "ig" + "5" * 32
CLASSES = {
    "empty", "uninitialized", "id", "id-irregular", "zeros", "whitespace", "dash-n", "binary", "too-long", "other",
}  # fmt: skip

Records = list[tuple[str, str, bytes]]
NAMES = st.sampled_from(
    ["stat", "nostat", "content", "link", "resolved", "parent", "mount", "cmdline", "code", "output"]
)
RECORDS = st.lists(st.tuples(st.sampled_from(["-", "0", "1", "17"]), NAMES, st.binary(max_size=80)), max_size=6)
NOISE = st.one_of(
    st.binary(max_size=120),
    st.sampled_from([b"0000000 41 41\n0000002\n", b"ig0 begin\n", b"\r\n\r\n", b"Last login", b"$ " + NONCE.encode()]),
).filter(lambda noise: f"{NONCE} ".encode() not in noise)


def rows(data: bytes) -> list[bytes]:
    """What ``od -v -t x1`` makes of ``data``."""
    lines = [
        f"{offset:07o} {' '.join(f'{byte:02x}' for byte in data[offset : offset + 16])}".encode()
        for offset in range(0, len(data), 16)
    ]
    return [*lines, f"{len(data):07o}".encode()]


def encode(records: Records) -> bytes:
    inner = b"".join(f"\n{NONCE} {index} {name}\n".encode() + payload for index, name, payload in records)
    inner += f"\n{NONCE} - end\n".encode()
    return b"\n".join([f"\n{NONCE} begin".encode(), *rows(inner), f"\n{NONCE} end\n".encode()])


def flat(answer: Answer) -> dict[tuple[str, str], list[bytes]]:
    found = {("-", name): list(payloads) for name, payloads in answer.exchange.items()}
    for index, fields in answer.probes.items():
        found |= {(str(index), name): list(payloads) for name, payloads in fields.items()}
    return found


def grouped(records: Records) -> dict[tuple[str, str], list[bytes]]:
    found: dict[tuple[str, str], list[bytes]] = {}
    for index, name, payload in records:
        found.setdefault((index, name), []).append(payload)
    return found


@given(st.binary(max_size=400))
def test_any_bytes_never_crash(stream: bytes) -> None:
    says(stream, NONCE, "hello")
    for raw in (stream, f"{NONCE} begin\n".encode() + stream + f"\n{NONCE} end\n".encode()):
        with contextlib.suppress(Incomplete):
            parse(raw, NONCE)


@given(RECORDS, NOISE, NOISE)
def test_noise_around_changes_nothing(records: Records, before: bytes, after: bytes) -> None:
    stream = before + encode(records) + after
    assert flat(parse(stream, NONCE)) == grouped(records)
    assert flat(parse(stream.replace(b"\n", b"\r\n") if b"\r" not in stream else stream, NONCE)) == grouped(records)


@given(RECORDS, st.data())
def test_truncation_is_never_an_answer(records: Records, data: st.DataObject) -> None:
    stream = encode(records)
    cut = data.draw(st.integers(0, len(stream) - 2))
    try:
        answer = parse(stream[:cut], NONCE)
    except Incomplete:
        return
    raise AssertionError(f"{cut} of {len(stream)} bytes made {flat(answer)}")


@given(RECORDS, NOISE, st.data())
def test_intrusion_is_never_a_wrong_answer(records: Records, noise: bytes, data: st.DataObject) -> None:
    stream = encode(records)
    at = data.draw(st.integers(0, len(stream)))
    try:
        answer = parse(stream[:at] + noise + stream[at:], NONCE)
    except Incomplete:
        return
    assert flat(answer) == grouped(records)


@given(RECORDS, st.data())
def test_lost_lines_are_never_a_wrong_answer(records: Records, data: st.DataObject) -> None:
    lines = encode(records).split(b"\n")
    lost = data.draw(st.integers(0, len(lines) - 1))
    try:
        answer = parse(b"\n".join(lines[:lost] + lines[lost + 1 :]), NONCE)
    except Incomplete:
        return
    assert flat(answer) == grouped(records)


@given(st.binary(max_size=200))
@settings(max_examples=15)
def test_rows_are_what_od_makes(data: bytes) -> None:
    made = subprocess.run(["od", "-v", "-t", "x1"], input=data, capture_output=True, check=True).stdout
    assert made.decode().split() == b" ".join(rows(data)).decode().split()


@given(st.binary(max_size=80), st.integers(0, 200))
def test_machine_id_always_has_a_class(content: bytes, size: int) -> None:
    kind = machine_id(content, size)
    assert kind in CLASSES
    assert (kind == "id") == (
        size <= len(content) and re.fullmatch(rb"[0-9a-f]{32}\n", content) is not None and bool(content.strip(b"0\n"))
    )


@given(st.from_regex(rb"\s{0,2}[0-9a-fA-F]{32}\s{0,2}", fullmatch=True))
def test_ids_are_never_taken_for_something_harmless(content: bytes) -> None:
    assert machine_id(content, len(content)) in {"id", "id-irregular", "zeros"}


PROBES: list[Probe[object]] = [
    File(path="/etc/machine-id", read=64, classify="machine-id"),
    File(path="/x"),
    KernelOption(name="systemd.machine_id"),
]
FIELDS = st.dictionaries(
    st.sampled_from(
        ["stat", "nostat", "content", "link", "resolved", "parent", "mount", "cmdline", "nomounts", "unreadable"]
    ),
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"81a4 3 0 0 7 1\n", b"a1ff 3 0 0 7 1\n"])),
        min_size=1,
        max_size=2,
    ),
)


@given(st.sampled_from(PROBES), FIELDS)
def test_any_fields_never_crash(probe: Probe[object], fields: dict[str, list[bytes]]) -> None:
    try:
        fact = decode(probe, fields, run_key=b"k" * 32, mounted_outside=None)
    except Unclear:
        return
    assert isinstance(fact, probe.fact)


@given(
    st.sampled_from(list(Via)), st.binary(max_size=200), st.binary(max_size=80), st.sampled_from(list(End)),
    st.sampled_from([0, 1, 127, 255, -9]), st.booleans(),
)  # fmt: skip
def test_any_failure_is_one_clear_line(  # noqa: PLR0917
    via: Via, errors: bytes, out: bytes, end: End, code: int, greeted: bool
) -> None:
    host = Host(name="web-01", address="a.example", transport=via, via="bastion" if code else None)
    outcome = Outcome(end=end, code=code, stdout=out, stderr=errors)
    trouble = diagnose(host, outcome, greeted=greeted, waited_s=1, problem="the answer broke off")
    assert trouble.reason.startswith("web-01: ")
    assert trouble.reason.isprintable()
    assert len(trouble.reason) < 420


@given(st.binary(max_size=500), st.integers(1, 100))
def test_foreign_text_is_one_printable_line(raw: bytes, limit: int) -> None:
    for text in (clean(raw, limit), last_line(raw, limit)):
        assert len(text) <= limit
        assert text.isprintable()
