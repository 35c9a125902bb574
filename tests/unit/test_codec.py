"""Facts and probes as JSON, there and back."""

import json
from dataclasses import MISSING, fields, replace

import pytest
from tests.checks.world import EMPTY, NOW, a_file, full, server

from imagegate import probes
from imagegate.codec import digest, dump_facts, dump_probe, dump_value, load_facts, load_probe
from imagegate.errors import Owner, ToolError
from imagegate.model import Facts, Seen, Unseen
from imagegate.probes import SERVER, FileFact, FileKind

A, B = a_file("/a"), a_file("/b")


def test_a_probe_is_its_type_and_its_fields():
    probe = probes.File(path="/etc/machine-id", read=64, classify="machine-id")
    raw = {"type": "File", "path": "/etc/machine-id", "read": 64, "classify": "machine-id"}
    assert dump_probe(probe) == raw
    assert load_probe(raw) == probe


def test_loading_a_probe_leaves_what_it_reads_alone():
    raw = dump_probe(A)
    load_probe(raw)
    assert raw["type"] == "File"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"type": "Telepathy"}, "unknown type 'Telepathy'"),
        ({}, "unknown type None"),
        ({"type": "Probe"}, "unknown type 'Probe'"),
        ({"type": "FileFact"}, "unknown type 'FileFact'"),
        ({"type": "File"}, "cannot be read"),
        ({"type": "File", "path": "/a", "classify": "by-smell"}, "cannot be read"),
    ],
)
def test_a_probe_of_another_version_is_an_error_that_says_so(raw, words):
    with pytest.raises(ToolError, match=words):
        load_probe(raw)


def test_facts_survive_with_value_time_origin_reason_and_owner():
    seen = Facts(
        {
            A: Seen(value=full(), at=NOW),
            B: Unseen(reason="no", at=NOW, owner=Owner.USER),
            SERVER: Seen(value=server("web", metadata=(("a", "b"),)), at=NOW, origin="before"),
        },
        NOW,
    )
    again = load_facts(json.loads(json.dumps(dump_facts(seen))))
    assert again == seen
    assert type(again[A].kind) is FileKind
    assert again.observation(B).owner is Owner.USER
    assert again.observation(SERVER).origin == "before"


GOOD = dump_facts(Facts({A: Seen(value=EMPTY, at=NOW)}, NOW))
LOOK = GOOD["observations"][0]


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        7,
        "text",
        {},
        {"at": GOOD["at"]},
        {**GOOD, "at": "yesterday"},
        {**GOOD, "at": None},
        {**GOOD, "observations": None},
        {**GOOD, "observations": [None]},
        {**GOOD, "observations": [{}]},
        {**GOOD, "observations": [{**LOOK, "probe": []}]},
        {**GOOD, "observations": [{**LOOK, "probe": [["type", "File"]]}]},
        {**GOOD, "observations": [{**LOOK, "seen": {"kind": "a rumour"}}]},
        {**GOOD, "observations": [{"probe": LOOK["probe"], "at": LOOK["at"]}]},
        {**GOOD, "observations": [{"probe": LOOK["probe"], "at": LOOK["at"], "unseen": "x", "owner": "fate"}]},
    ],
)
def test_facts_that_cannot_be_read_are_a_tool_error_and_nothing_else(raw):
    with pytest.raises(ToolError):
        load_facts(raw)


def test_a_digest_is_that_of_the_value_and_of_the_probe():
    one = digest(A, full())
    assert one.startswith("sha256:")
    assert len(one) == len("sha256:") + 64
    assert digest(A, full()) == one
    assert digest(A, full(8)) != one
    assert digest(B, full()) != one


def test_a_value_is_plain_json():
    raw = dump_value(FileFact, replace(full(), kind=FileKind.LINK, link_to="ä"))
    assert json.loads(json.dumps(raw)) == raw
    assert raw["kind"] == "link"


def test_every_type_of_probe_can_be_written_and_read():
    """A probe type that the package exports but the codec does not know would break every recording."""
    kinds = [
        kind for kind in vars(probes).values() if isinstance(kind, type) and issubclass(kind, probes.File.__mro__[1])
    ]
    assert len(kinds) >= 21
    for kind in kinds:
        needed = {probes.CopiesProbe: {"region": "KR2", "link": "x", "declared": (("i-1", "c-1"),)}}
        probe = kind(**needed.get(kind) or {f.name: "x" for f in fields(kind) if f.default is MISSING})
        assert load_probe(dump_probe(probe)) == probe
