"""What a capture will do, and why not: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from imagegate.capture_left import LeftBehind, how_to_go_on, left_behind
from imagegate.capture_report import size_of, used_of
from imagegate.capture_state import STAGES, State, read_state, write_state
from imagegate.capturing import (
    Stop,
    Way,
    birth,
    changed,
    fit,
    foreseen,
    root_volume,
    rules_for,
    way_of,
)
from imagegate.catalogue import load_catalogue, packaged_root
from imagegate.errors import UsageError
from imagegate.journal import JOURNAL, Journal
from imagegate.model import Facts, Kind, Seen, Target, Unseen
from imagegate.policy import load_policy
from imagegate.probes import SERVER, File, FileFact, FileKind, FlavorFact, ServerFact
from imagegate.probes.answer_file import AnswerFile, AnswerFileFact
from imagegate.probes.fstab import FSTAB, FstabFact
from imagegate.probes.image import ImageFact
from imagegate.probes.proxy import PROXY, ProxyFact, ProxyFile
from imagegate.probes.volume import VolumeFact
from imagegate.result import ExitCode
from imagegate.steps.server import stop_server

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
OFF = ServerFact(id="s", name="web", status="SHUTOFF", power_state=4, task_state=None, updated="2026-11-22T10:00:00Z")
ON = replace(OFF, status="ACTIVE", power_state=1)


@pytest.mark.parametrize(
    ("kind", "way"), [("u2", Way.COMPUTE), *((kind, Way.VOLUME) for kind in ("t2", "m2", "c2", "r2", "x1"))]
)
def test_the_flavors_type_decides_on_the_api(kind, way):
    assert way_of(FlavorFact(id="1", name=f"{kind}.c1m2", type=kind)) is way


@pytest.mark.parametrize("kind", [None, "m3", "zz"])
def test_an_unknown_type_is_refused(kind):
    with pytest.raises(Stop, match=r"type of flavor x\.y is not known") as caught:
        way_of(FlavorFact(id="1", name="x.y", type=kind))
    assert caught.value.code is ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("server", "way", "wrong"),
    [
        (OFF, Way.COMPUTE, None),
        (OFF, Way.VOLUME, None),
        (ON, Way.VOLUME, None),
        (ON, Way.COMPUTE, "u2 instance is ACTIVE"),
        (replace(OFF, power_state=1), Way.COMPUTE, "u2 instance is SHUTOFF"),
        (replace(ON, status="PAUSED", power_state=3), Way.VOLUME, "PAUSED"),
        (replace(OFF, task_state="image_uploading"), Way.COMPUTE, "task image_uploading"),
        (replace(ON, task_state="powering-off"), Way.VOLUME, "task powering-off"),
    ],
)
def test_what_state_may_be_captured(server, way, wrong):
    if wrong is None:
        fit(server, way)
        return
    with pytest.raises(Stop, match=wrong):
        fit(server, way)


ROOT = VolumeFact(id="v1", status="in-use", bootable=True, size=20, device="/dev/vda")
DATA = VolumeFact(id="v2", status="in-use", bootable=False, size=100, device="/dev/vdb")


def test_the_root_volume_is_the_bootable_one():
    assert root_volume([DATA, ROOT]) == ROOT
    assert root_volume([replace(DATA, bootable=True), ROOT]) == ROOT
    assert root_volume([replace(ROOT, device=None), DATA]).id == "v1"


@pytest.mark.parametrize("volumes", [[], [DATA], [replace(ROOT, device="/dev/vdc"), replace(DATA, bootable=True)]])
def test_a_root_volume_is_never_guessed(volumes):
    with pytest.raises(Stop, match="cannot be told"):
        root_volume(volumes)


def policy(tmp_path, *rules):
    path = tmp_path / "p.yaml"
    path.write_text("policy: p\nversion: 1\nrules:\n" + "".join(f"  - {rule}\n" for rule in rules))
    return load_policy(path, load_catalogue([packaged_root()]).checks, today=date(2026, 11, 22))


def rules(tmp_path, *written):
    return rules_for(policy(tmp_path, *written), foreseen("golden-a", cloud="nhn", region="KR1", project="p1"))


def test_rules_are_found_before_there_is_an_image(tmp_path):
    found = rules(
        tmp_path,
        '{for: {image: {name: "golden-*", owner: self}}, require: {catalog-image-protected: }}',
        '{for: {image: {name: "silver-*"}}, require: {catalog-status-usable: }}',
        "{for: {image: {tag: web}}, require: {catalog-name-conforms: }}",
        "{for: {image: {region: KR2}}, require: {catalog-members-allowed: }}",
    )
    assert [(pair.check.id, pair.unseen is None) for pair in found] == [
        ("catalog-image-protected", True),
        ("catalog-name-conforms", False),  # its tags are not known yet
    ]


@pytest.mark.parametrize(
    ("required", "visibility", "protected"),
    [
        ("catalog-status-usable: ", "private", False),
        ("catalog-image-protected: ", "private", True),
        ("catalog-visibility-allowed: {allowed: [shared]}", "shared", False),
        ("catalog-visibility-allowed: {allowed: [public, private]}", "private", False),
        ("catalog-visibility-allowed: {allowed: [public]}", "private", False),
    ],
)
def test_an_image_is_never_born_wider_than_it_must_be(tmp_path, required, visibility, protected):
    born = birth(rules(tmp_path, f'{{for: {{image: {{name: "golden-*"}}}}, require: {{{required}}}}}'))
    assert (born.visibility, born.protected) == (visibility, protected)


def facts(**observations):
    machine = File(path="/etc/machine-id", read=64, classify="machine-id")
    known = {
        SERVER: observations.get("server", Seen(value=OFF, at=NOW)),
        machine: observations.get("file", Seen(value=FileFact(kind=FileKind.REGULAR, size=0), at=NOW)),
    }
    return Facts(known, NOW)


def test_what_changed_after_the_gate_is_named():
    assert changed(facts(), facts()) == []
    started = Seen(value=replace(OFF, updated="2026-11-22T10:14:59Z"), at=NOW)
    assert changed(facts(), facts(server=started)) == ["server"]
    written = Seen(value=FileFact(kind=FileKind.REGULAR, size=33, digest="d"), at=NOW)
    assert changed(facts(), facts(file=written)) == ["file:/etc/machine-id"]
    # what could not be seen again is not "unchanged", but that is for the verdicts to say
    assert changed(facts(), facts(file=Unseen(reason="gone", at=NOW))) == []


@pytest.mark.parametrize(
    ("probe", "then", "now"),
    [
        (FSTAB, FstabFact(kind=FileKind.REGULAR), FstabFact(kind=FileKind.REGULAR, mounted_over=True)),
        (PROXY, ProxyFact(), ProxyFact(files=(ProxyFile(path="/etc/environment", proxy=True, bypass="network"),))),
        (
            AnswerFile(path=r"C:\Unattend.xml"),
            AnswerFileFact(state="readable", sha256="a"), AnswerFileFact(state="readable", sha256="b"),
        ),
    ],
)  # fmt: skip
def test_every_file_that_was_gated_is_bound_whatever_the_verdict_on_it(probe, then, now):
    before, after = (facts().with_fact(probe, fact) for fact in (then, now))
    assert changed(before, before) == []
    assert changed(before, after) == [probe.key]


STATE = State(
    run="20261122T101500Z-3f2a", stage="made", instance="web", name="golden-a", policy="/p.yaml", policy_digest="sha256:1",
    clouds=("nhn",), image="img-1", gate={"run": "g", "exit_code": 0, "report": "g/report.json"},
)  # fmt: skip


def test_a_state_is_read_as_it_was_written_and_replaced_whole(tmp_path):
    write_state(tmp_path / "run", replace(STATE, stage="asking", image=None))
    write_state(tmp_path / "run", STATE)
    assert read_state(tmp_path / "run") == STATE
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["capture.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no capture was begun there"),
        ("{", "cannot be read"),
        ("[]", "another version"),
        ('{"v": 2}', "another version"),
        ('{"v": 1, "new": 1}', "another version"),
        ('{"v": 1, "run": "x"}', "damaged"),
    ],
)
def test_a_state_that_is_none_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "capture.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_state(tmp_path)


def test_a_state_of_an_unknown_stage_is_refused(tmp_path):
    write_state(tmp_path, replace(STATE, stage="half"))
    with pytest.raises(UsageError, match="half"):
        read_state(tmp_path)


HELD = ImageFact(
    id="img-1", name="golden-a", owner="p", mine=True, status="active", visibility="private", protected=True
)  # fmt: skip


def told(stage, *, image=None, left=None, seen=None, folder=None, **more):
    state = replace(STATE, stage=stage, image=image, **more)
    return list(how_to_go_on(state, left or LeftBehind(), seen, folder or Path("reports").absolute()))


def test_every_stage_says_what_exists_and_how_to_go_on():
    go_on = f"go on: imagegate capture --resume {STATE.run}"
    for stage in ("made", "active"):
        assert told(stage, image="img-1", seen=replace(HELD, protected=False)) == [
            "image img-1 exists", go_on, "or clean up: openstack image delete img-1",
        ]  # fmt: skip
    asking = told("asking")
    assert "not known" in asking[0]
    assert asking[1:] == [go_on]
    assert told("gate") == ["no image was asked for", go_on]
    assert told("refused") == told("done") == told("done", left=LeftBehind(changed=("r-gate",))) == []
    assert {stage for stage in STAGES if told(stage)} == {"gate", "asking", "made", "active"}
    assert told("gate", folder=Path("/else"))[1] == f"{go_on} --report-dir /else"


@pytest.mark.parametrize("seen", [HELD, None])
def test_an_image_that_is_or_may_be_protected_is_cleaned_up_in_two_steps(seen):
    _, _, first, second = told("active", image="img-1", seen=seen)
    assert first == "or clean up: openstack image set --unprotect img-1"
    assert second == "or clean up: openstack image delete img-1"


def test_what_is_open_comes_before_how_to_go_on_and_changes_of_the_instance_can_be_taken_back():
    left = LeftBehind(
        open=("web: stop (r-gate/1)",), owed=("golden-a: allow deletion (r-image/2)",), changed=("r-gate", "r-gate-2"),
        copies=(("KR2", "source_image_id"),), unread=("torn",),
    )  # fmt: skip
    lines = told("active", image="img-1", left=left, seen=HELD)
    assert lines[1:4] == [
        "open, perhaps done, perhaps not: web: stop (r-gate/1)",
        "owed, and put back first: golden-a: allow deletion (r-image/2) had lifted a protection",
        "torn",
    ]
    assert "image list --property source_image_id=img-1" in lines[-3]
    assert lines[-2:] == ["or clean up: imagegate undo r-gate-2", "or clean up: imagegate undo r-gate"]
    assert told("gate", left=left, inventory="/h.yaml")[-1] == "or clean up: imagegate undo r-gate --inventory /h.yaml"


def journalled(folder, run, step, *, end=None, changed=True):
    journal = Journal(folder / run / JOURNAL)
    number = journal.intent(Target(kind=Kind.INSTANCE, id="s", name="web"), step, facts())
    if end is not None:
        journal.result(number, step, state=end, changed=changed)


def test_what_is_left_is_read_from_the_journals_of_the_run_alone(tmp_path):
    run = STATE.run
    journalled(tmp_path, f"{run}-gate", stop_server("web", patience_s=0))
    journalled(tmp_path, f"{run}-gate-2", stop_server("web", patience_s=0), end="failed", changed=False)
    journalled(tmp_path, "20260101T000000Z-ffff-gate", stop_server("other", patience_s=0))
    gate = replace(STATE, stage="gate", gate=None)
    left = left_behind(tmp_path, gate)
    assert left.open == (), "the second attempt has looked again"
    assert left.changed == (f"{run}-gate",)
    for number in (10, 9):
        journalled(tmp_path, f"{run}-gate-{number}", stop_server("web", patience_s=0))
    assert left_behind(tmp_path, gate).open == (f"web: stop the instance web ({run}-gate-10/1)",)
    judged = {"run": f"{run}-gate-9", "exit_code": 0, "report": "r"}
    assert left_behind(tmp_path, replace(STATE, gate=judged)).open != (), "the tenth attempt came after that"
    later = left_behind(tmp_path, replace(STATE, stage="made", gate={**judged, "run": f"{run}-gate-10"}))
    assert later.open == (), "the gate was green afterwards"
    assert later.changed == (f"{run}-gate", f"{run}-gate-9", f"{run}-gate-10")
    (tmp_path / f"{run}-gate" / JOURNAL).write_text("{}\n")
    assert "what was changed is not known" in left_behind(tmp_path, STATE).unread[0]


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "size unknown"), (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (8458240, "8.1 MiB"),
     (3221225472, "3.0 GiB")],
)  # fmt: skip
def test_sizes_are_for_people(size, text):
    assert size_of(size) == text


@pytest.mark.parametrize(
    ("root", "text"),
    [
        ({"used": 3 * 1024**3, "size": 20 * 1024**3, "at": "2026-11-22T10:15:00+00:00"},
         "used of the root disk: 3.0 GiB of 20.0 GiB, seen 2026-11-22T10:15:00+00:00"),
        ({"unseen": "no route to host"}, "used of the root disk: not seen (no route to host)"),
        (None, "used of the root disk: not seen (the guest was not looked at)"),
    ],
)  # fmt: skip
def test_the_use_of_the_root_disk_is_seen_or_not_seen_and_never_guessed(root, text):
    assert used_of(root) == text
