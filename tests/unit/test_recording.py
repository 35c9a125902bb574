"""Recorded facts: what was seen comes back, what was not is unseen, and nothing can be changed."""

import json
from dataclasses import replace

import pytest
from tests.checks.world import EMPTY, NOW, a_file, instance, scrub

from imagegate.errors import StepRefused, UsageError
from imagegate.model import Facts, Kind, Seen, Source, Target, Unseen
from imagegate.recording import Recording, read_recording, write_recording
from imagegate.transports import Auditor, CatalogScope, Discovery

A, B = a_file("/a"), a_file("/b")
WEB = replace(
    instance("web"),
    attributes={"flavor": frozenset({"m2", "x"}), "os": frozenset({"linux"})},
    unseen=frozenset({"metadata"}),
)
SEEN = Facts({A: Seen(value=EMPTY, at=NOW), B: Unseen(reason="permission denied", at=NOW)}, NOW)
FOUND = Discovery(
    targets=(WEB,),
    catalogs=(
        CatalogScope(
            what="images", cloud="nhn", region="KR1", project="p", pages=3, count=9, complete=False, reason="503"
        ),
    ),
    auditors=(Auditor(cloud="nhn", user="u", project="p", roles=("member",)),),
    warnings=("beware",),
)


@pytest.fixture
def recorded(tmp_path):
    """A recording of one target."""
    path = tmp_path / "deep" / "facts.jsonl"
    write_recording(path, FOUND, [WEB], {WEB.key: SEEN})
    return path


def look(recording, target, *probes):
    """A look at a recording."""
    return recording.look(target, probes, timeout_s=1, fresh=True)


def test_what_was_discovered_comes_back_with_what_selectors_match(recorded):
    discovery, _ = read_recording(recorded)
    assert discovery == FOUND
    [target] = discovery.targets
    assert (target.attributes, target.unseen) == (WEB.attributes, WEB.unseen)


def test_what_several_clouds_saw_comes_back_as_one_target(tmp_path):
    golden = Target(
        kind=Kind.IMAGE, id="i-1", name="golden", cloud="nhn", region="KR1", deployment="image.example.com",
        seen_from=("web-prod", "nhn"), unseen=frozenset({"owner.self"}),
    )  # fmt: skip
    write_recording(tmp_path / "facts", Discovery(), [golden], {golden.key: SEEN})
    discovery, recording = read_recording(tmp_path / "facts")
    [target] = discovery.targets
    assert (target, target.key, target.seen_from, target.unseen) == (golden, golden.key, golden.seen_from, golden.unseen)
    assert look(recording, target, A, B) == SEEN


def test_what_was_seen_and_what_was_not_comes_back_with_its_time(recorded):
    _, recording = read_recording(recorded)
    assert look(recording, WEB, A, B) == SEEN


def test_what_was_never_looked_at_is_unseen(recorded):
    _, recording = read_recording(recorded)
    for target, probe in ((WEB, a_file("/c")), (instance("other"), A)):
        assert look(recording, target, probe).observation(probe).reason == "the recording does not hold this"


def test_a_target_without_facts_is_kept_and_has_none(tmp_path):
    write_recording(tmp_path / "f", FOUND, [WEB], {})
    discovery, recording = read_recording(tmp_path / "f")
    assert discovery.targets == (WEB,)
    assert A not in look(recording, WEB, A)


def test_a_recording_changes_nothing_and_costs_nothing():
    recording = Recording({})
    with pytest.raises(StepRefused, match="recorded facts cannot be changed"):
        recording.apply(WEB, scrub(), SEEN, timeout_s=1)
    assert not recording.remote
    assert recording.sources == frozenset(Source) - {Source.POLICY}
    recording.close()


def test_a_recording_is_replaced_whole_and_the_same_facts_give_the_same_file(recorded):
    before = recorded.read_bytes()
    write_recording(recorded, FOUND, [WEB], {WEB.key: SEEN})
    assert recorded.read_bytes() == before
    assert [path.name for path in recorded.parent.iterdir()] == ["facts.jsonl"]


def test_foreign_text_in_names_does_not_break_lines(tmp_path):
    odd = Target(kind=Kind.IMAGE, id="i", name="a\nb\r\u2028\u0085\x00ä", cloud="nhn")
    write_recording(tmp_path / "f", Discovery(), [odd], {odd.key: SEEN})
    assert read_recording(tmp_path / "f")[0].targets == (odd,)


GOOD_HEAD = '{"imagegate_facts": 1, "discovery": {}}\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a recording"),
        ("{", "is not a recording"),
        ("[]", "is not a recording"),
        ("{}", "is not a recording"),
        ('{"imagegate_facts": 2, "discovery": {}}\n', "a recording of format 2, this reads 1"),
        (GOOD_HEAD + "{}\n", "is not a recording"),
        (GOOD_HEAD + "[]\n", "is not a recording"),
        (GOOD_HEAD + '{"target": {}, "facts": null}\n', "is not a recording"),
        ("\udcff", "is not a recording"),
    ],
)
def test_another_file_is_no_recording_and_the_message_names_it(tmp_path, text, words):
    path = tmp_path / "f"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=words) as caught:
        read_recording(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere: cannot be read: No such file or directory$"):
        read_recording(tmp_path / "nowhere")


def test_facts_that_a_recording_cannot_hold_are_a_usage_error_and_no_crash(recorded):
    head, line = recorded.read_text().splitlines()
    broken = json.loads(line)
    broken["facts"]["observations"][0]["probe"]["type"] = "Telepathy"
    recorded.write_text(head + "\n" + json.dumps(broken) + "\n")
    with pytest.raises(UsageError, match="Telepathy"):
        read_recording(recorded)
