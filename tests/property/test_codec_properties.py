"""Whatever was seen survives JSON; whatever stands in a recording, reading it ends well or with one kind of error."""

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import FACTS, all_probes, any_facts, patient, targets

from imagegate.codec import digest, dump_facts, dump_probe, load_facts, load_probe
from imagegate.errors import ToolError
from imagegate.model import Facts, Seen
from imagegate.recording import read_recording, write_recording
from imagegate.transports import Discovery

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@patient
@given(all_probes)
def test_probes_survive_json(probe):
    assert load_probe(json.loads(json.dumps(dump_probe(probe)))) == probe


@patient
@given(any_facts())
def test_facts_survive_json(seen):
    assert load_facts(json.loads(json.dumps(dump_facts(seen)))) == seen


@patient
@given(st.dictionaries(targets, any_facts(), max_size=3))
def test_targets_and_facts_survive_a_recording(found):
    by_key = {target.key: (target, seen) for target, seen in found.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts"
        facts = {key: seen for key, (_, seen) in by_key.items()}
        write_recording(path, Discovery(), [target for target, _ in by_key.values()], facts)
        discovery, recording = read_recording(path)
    assert [target.key for target in discovery.targets] == list(by_key)
    for target in discovery.targets:
        before, seen = by_key[target.key]
        assert (target, target.attributes, target.unseen) == (before, before.attributes, before.unseen)
        assert recording.look(target, list(seen), timeout_s=1, fresh=True) == seen


@patient
@given(any_facts(), st.data())
def test_a_recording_with_a_piece_changed_is_read_or_is_a_tool_error(seen, data):
    raw = json.loads(json.dumps(dump_facts(seen)))
    place = raw
    while isinstance(place, (dict, list)) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if data.draw(st.booleans()) or not isinstance(place[key], (dict, list)):
            place[key] = data.draw(json_values)
            break
        place = place[key]
    try:
        load_facts(raw)
    except ToolError:
        return


@patient
@given(json_values)
def test_any_json_is_read_or_is_a_tool_error(raw):
    try:
        seen = load_facts(raw)
    except ToolError:
        return
    assert isinstance(seen, Facts)


@patient
@given(all_probes.flatmap(lambda probe: st.tuples(st.just(probe), FACTS[type(probe)], FACTS[type(probe)])))
def test_equal_values_have_equal_digests_and_others_have_others(drawn):
    probe, one, other = drawn
    assert (digest(probe, one) == digest(probe, other)) is (one == other)


@patient
@given(any_facts())
def test_a_fact_that_survived_has_the_digest_that_it_had(seen):
    again = load_facts(json.loads(json.dumps(dump_facts(seen))))
    for probe, look in seen.items():
        if isinstance(look, Seen):
            assert digest(probe, again[probe]) == digest(probe, look.value)
