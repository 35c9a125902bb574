"""What tells one Windows from another is hashed on arrival: equal ones are equal, and nothing of them is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegate.transports.windows.identity import decode
from imagegate.transports.windows.registry import Unclear

SID, OTHER = b"S-1-5-21-1004336348-1177238915-682003330", b"S-1-5-21-1004336348-1177238915-682003331"
GUID = b"2f1a7c36-9d3c-4a53-8b7e-0e6ff1a2b3c4"
KEY = b"k" * 32


def fields(sid=(SID,), guid=(GUID,), name=(b"WIN-01",)):
    return {"sid": list(sid), "guid": list(guid), "name": list(name)}


def test_equal_identities_have_equal_digests_under_one_key_and_others_under_another():
    one, same = decode(fields(), KEY), decode(fields(guid=[GUID.upper()]), KEY)
    assert one == same, "a GUID knows no case"
    assert decode(fields(sid=[OTHER]), KEY).sid != one.sid
    assert decode(fields(), b"j" * 32).sid != one.sid
    assert one.host_name == "WIN-01"
    assert {one.sid, one.machine_guid} & {SID.decode(), GUID.decode()} == set()


def test_what_is_not_there_is_none():
    controller = decode(fields(sid=[]), KEY)
    assert (controller.sid, controller.machine_guid is None) == (None, False)
    assert decode(fields(sid=[SID, OTHER]), KEY).sid is None, "which is the machine's cannot be told"
    assert decode(fields(guid=[]), KEY).machine_guid is None


@pytest.mark.parametrize(
    "wrong",
    [
        fields(sid=[b"S-1-5-32-544"]), fields(sid=[SID + b"-500"]), fields(sid=[b""]), fields(guid=[b"{x}"]),
        fields(guid=[GUID, GUID]), fields(name=[]), fields(name=[b""]), fields(name=[b"a", b"b"]),
        fields(name=[b"a\x1b[2J"]), fields(name=[b"a" * 64]), {},
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_unclear(wrong):
    with pytest.raises(Unclear):
        decode(wrong, KEY)


def test_without_a_key_nothing_is_looked_at():
    with pytest.raises(Unclear, match="no key"):
        decode(fields(), None)


@given(st.dictionaries(st.sampled_from(["sid", "guid", "name"]), st.lists(st.binary(max_size=60), max_size=3)))
def test_nothing_that_came_shows_in_a_fact_or_a_reason(given):
    try:
        said = repr(decode(given, KEY))
    except Unclear as unclear:
        said = str(unclear)
    for value in (*given.get("sid", ()), *given.get("guid", ())):
        assert len(value) < 8 or value.decode("latin-1") not in said
