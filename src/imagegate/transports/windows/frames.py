"""The framed output of a guest, and how it is told from anything else on the stream.

Of ``cmd.exe``: sections between the lines ``NONCE INDEX``, the last one closed by ``NONCE end``. Of PowerShell: lines
``NONCE INDEX FIELD VALUE``, closed by ``NONCE INDEX end``, all of them by ``NONCE done``. The nonce is random and made
for this very exchange, so that no content can hold it. What is not closed is not there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

Fields = Mapping[str, Sequence[bytes]]


class Garbled(ValueError):
    """The stream contradicts itself. The message says how, without any content."""


def sections(stream: bytes, nonce: str) -> dict[int, bytes]:
    """The closed sections of one line. Raises ``Garbled``."""
    pieces = re.split(rb"%s ([0-9]{1,6}|end)[ \t]*\r?\n" % nonce.encode("ascii"), stream)
    marks = pieces[1::2]
    if b"end" in marks[:-1]:
        raise Garbled("its answer goes on after its end")
    indices = [int(mark) for mark in marks if mark != b"end"]
    if indices != sorted(set(indices)):
        raise Garbled("parts of its answer came twice, or out of order")
    texts = pieces[2::2]
    return dict(zip(indices, texts[: len(marks) - 1], strict=False))


def answers(stream: bytes, nonce: str) -> dict[int, dict[str, list[bytes]]]:
    """The closed answers of PowerShell; an answer with a line that is not as it should be is left out.

    Raises ``Garbled``.
    """
    head = nonce.encode("ascii") + b" "
    found: dict[int, dict[str, list[bytes]]] = {}
    ended: set[int] = set()
    spoilt: set[int] = set()
    done = False
    for line in stream.split(b"\n")[:-1]:  # what follows the last one is a line that was cut, or nothing
        if not line.startswith(head):
            continue
        word, _, rest = line[len(head) :].rstrip(b"\r").partition(b" ")
        if done or not re.fullmatch(rb"[0-9]{1,6}|done", word):
            raise Garbled("PowerShell's answer is garbled")
        if word == b"done":
            done = True
            continue
        index = int(word)
        name, _, value = rest.partition(b" ")
        if index in ended:
            raise Garbled("parts of PowerShell's answer came twice")
        if name == b"end":
            ended.add(index)
            continue
        try:
            payload = base64.b64decode(value, validate=True)
            found.setdefault(index, {}).setdefault(name.decode("ascii"), []).append(payload)
        except (binascii.Error, UnicodeDecodeError):
            spoilt.add(index)
    return {index: found.get(index, {}) for index in sorted(ended - spoilt)}
