"""Classes of machine ids."""

from __future__ import annotations

import pytest

from imagegate.transports.linux.classify import machine_id

ID = b"0123456789abcdef0123456789abcdef"
UUID = b"01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"uninitialized\n", "uninitialized"),
        (b"uninitialized", "other"),
        (b"uninitialized\r\n", "other"),
        (ID + b"\n", "id"),
        (ID, "id-irregular"),
        (ID + b"\r\n", "id-irregular"),
        (ID + b"\n\n", "id-irregular"),
        (b" " + ID + b"\n", "id-irregular"),
        (ID.upper() + b"\n", "id-irregular"),
        (UUID + b"\n", "id-irregular"),
        (UUID.upper(), "id-irregular"),
        (b"0" * 32 + b"\n", "zeros"),
        (b"0" * 32, "zeros"),
        (b"00000000-0000-0000-0000-000000000000\n", "zeros"),
        (b"0\n", "other"),
        (b"\n", "whitespace"),
        (b" \t\r\n", "whitespace"),
        (b"-n\n", "dash-n"),
        (b"-n \n", "dash-n"),
        (b"\0" * 33, "binary"),
        (b"\xef\xbb\xbf" + ID + b"\n", "binary"),
        (ID + b"0\n", "other"),
        (ID[:-1] + b"g\n", "other"),
        (ID + b"\n" + ID[:20], "other"),
    ],
)
def test_machine_id(content: bytes, expected: str) -> None:
    assert machine_id(content, len(content)) == expected


def test_size_decides() -> None:
    assert machine_id(ID + b"\n", 34) == "too-long"
    assert machine_id(b"", 1) == "too-long"
