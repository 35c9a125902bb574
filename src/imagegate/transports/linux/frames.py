"""The framed answer of a guest, and how it is told from anything else on the stream.

Two layers. Inside, records: a line ``NONCE INDEX FIELD`` (the index of a probe, ``-`` for the exchange itself), then
the payload as it is, up to the next such line; ``NONCE - end`` closes them. The nonce is random and made for this very
exchange, so that no content can hold it. Outside, all records go through one ``od``, between the lines ``NONCE begin``
and ``NONCE end``: what is binary, or lacks a newline, travels as text, and the offset on each line of ``od`` and
the total at its end show any cut, loss, doubling or intrusion. Every other line is noise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_ROW = re.compile(rb"([0-7]{1,12})((?: +[0-9a-f]{2}){0,16}) *\r?")
_WIDTH = 16
_EXCHANGE = "-"


class Incomplete(ValueError):
    """The stream does not hold one whole answer. The message says why, without any content."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """A whole answer. It holds contents: it has no readable ``repr`` and is dropped after decoding.

    ``probes`` maps the index of a probe to its fields, a field to its payloads in order of arrival.
    """

    probes: Mapping[int, Mapping[str, Sequence[bytes]]]
    exchange: Mapping[str, Sequence[bytes]]


def says(stream: bytes, nonce: str, word: str) -> bool:
    """Whether the guest's shell said ``word``, on a line of its own."""
    wanted = f"{nonce} {word}".encode()
    return wanted in stream and any(line.rstrip(b"\r") == wanted for line in stream.split(b"\n"))


def parse(stream: bytes, nonce: str) -> Answer:
    """The answer in ``stream``. Raises ``Incomplete`` unless it is there as a whole, once."""
    begin, end = f"{nonce} begin".encode(), f"{nonce} end".encode()
    if begin not in stream:
        raise Incomplete("no answer came")
    lines = [line.rstrip(b"\r") for line in stream.split(b"\n")]
    begins = [at for at, line in enumerate(lines) if line == begin]
    ends = [at for at, line in enumerate(lines) if line == end]
    if len(begins) > 1 or len(ends) > 1:
        raise Incomplete("the answer came more than once")
    if not begins or not ends or ends < begins:
        raise Incomplete("the answer broke off")
    return _records(_join(lines[begins[0] + 1 : ends[0]]), nonce)


def _join(lines: Iterable[bytes]) -> bytes:
    """The bytes that rows of ``od`` stand for."""
    rows: dict[int, bytes] = {}
    total: int | None = None
    for line in lines:
        match = _ROW.fullmatch(line)
        if match is None:
            continue
        offset, row = int(match[1], 8), bytes.fromhex(match[2].decode())
        if not row:
            if total not in {None, offset}:
                raise Incomplete("the answer contradicts itself")
            total = offset
        elif rows.setdefault(offset, row) != row:
            raise Incomplete("the answer contradicts itself")
    data = b"".join(row for _, row in sorted(rows.items()))
    whole = all(offset == at * _WIDTH for at, offset in enumerate(sorted(rows)))
    if total is None or len(data) != total or not whole:
        raise Incomplete("the answer has gaps")
    return data


def _records(data: bytes, nonce: str) -> Answer:
    noise, *records = data.split(f"\n{nonce} ".encode())
    if noise or not records or records.pop() != b"- end\n":
        raise Incomplete("the answer is garbled")
    probes: dict[int, dict[str, list[bytes]]] = {}
    exchange: dict[str, list[bytes]] = {}
    for record in records:
        head, newline, payload = record.partition(b"\n")
        index, blank, name = head.decode("ascii", "replace").partition(" ")
        known = index == _EXCHANGE or (index.isdecimal() and len(index) < 10)
        if not newline or not blank or not known or name == "end":
            raise Incomplete("the answer is garbled")
        fields = exchange if index == _EXCHANGE else probes.setdefault(int(index), {})
        fields.setdefault(name, []).append(payload)
    return Answer(probes=probes, exchange=exchange)
