"""Copies between two real Glances: missing, made, half-made; and regions that are gone."""

import hashlib
import json

import pytest
from tests.real.copies import DISRUPTIVE, MARK, Scene, only
from tests.real.support import ledger, rerouted

pytestmark = pytest.mark.real


@pytest.fixture
def scene(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    return Scene(cloud, tmp_path)


def test_missing_made_verified(scene):
    source = scene.source(
        min_disk=5, min_ram=64, os_type="linux", description="web server", base_image_ref="i-0", api_key="hush-hush",
        protected=True, tags=["golden", "金", "a/b", "_NHN_"],
    )  # fmt: skip
    scene.here.change(source, visibility="shared")
    scene.here.share(source, scene.prod.project)
    before = ledger(scene.box)[source]
    said = {"region": "KR2", "name": "{name}-kr2", "description": "{name} of {region}", "properties": {"site": "b"}}
    scene.policy(said, default={"members": "same"})
    found = only(scene.audit())
    assert (found["verdict"], [v["subject"] for v in found["violations"]]) == ("fail", ["KR2"])
    assert scene.copies(source) == []
    assert scene.audit("--fix").code == 1, "no data moves by --fix alone"
    assert scene.copies(source) == []
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert only(ran)["remedy"]["state"] == "verified"
    assert "properties named like secrets are not copied: api_key" in json.dumps(only(ran))
    (copy,) = scene.copies(source)
    said = {key: copy.get(key) for key in ("name", "description", "site", "os_type", "min_disk", "min_ram", "protected")}
    assert said == {
        "name": f"web-{scene.tag}-kr2", "description": f"web-{scene.tag} of KR1", "site": "b", "os_type": "linux",
        "min_disk": 5, "min_ram": 64, "protected": True,
    }  # fmt: skip
    assert {"base_image_ref", "api_key", MARK} & copy.keys() == set()
    assert sorted(copy["tags"]) == sorted([scene.tag, "golden", "金", "a/b"])
    assert scene.data(copy) == hashlib.sha512(scene.bytes).hexdigest()
    assert scene.there.members(copy["id"]) == {scene.prod.project: "pending"}
    assert ledger(scene.box)[source] == before
    again = scene.audit(*DISRUPTIVE)
    assert (again.code, only(again)["verdict"]) == (0, "pass")
    assert not (again.folder / "journal.jsonl").exists()
    catalogs = again.report["scope"]["catalog"]
    assert [(one["region"], one["complete"]) for one in catalogs] == [("KR1", True), ("KR2", True)]
    recorded = scene.audit("--record-facts", scene.folder / "facts.jsonl")
    assert recorded.code == 0
    assert only(scene.audit("--facts", scene.folder / "facts.jsonl"))["verdict"] == "pass"


def test_a_copy_that_differs_is_told_and_left(scene):
    source = scene.source(os_type="linux", min_disk=5)
    copy = scene.beside(source, data=scene.bytes[::-1], os_type="windows")
    scene.policy()
    before = ledger(scene.box, "KR2")[copy]
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 1
    wrong = {v["subject"] for v in only(ran)["violations"]}
    assert wrong == {"KR2 data", "KR2 min_disk", "KR2 property os_type"}
    assert only(ran)["remedy"]["state"] == "manual"
    assert ledger(scene.box, "KR2")[copy] == before


def test_a_declared_copy_and_one_found_by_checksum(scene):
    source = scene.source()
    copy = scene.there.create(f"mine-{scene.tag}", disk_format="raw", container_format="bare")
    scene.upload(scene.there, copy, scene.bytes)
    scene.policy(found_by=["link"])
    assert scene.audit().code == 1
    scene.policy(found_by=["link", "checksum"])
    assert scene.audit().code == 0
    scene.policy(found_by=["link"], declared=[{"source": source, "region": "KR2", "image": copy}])
    assert scene.audit().code == 0


def test_without_leave_to_download_a_person_copies(scene):
    source = scene.source(nhncloud_allow_download="false")
    scene.policy()
    ran = scene.audit(*DISRUPTIVE)
    assert (ran.code, only(ran)["remedy"]["state"]) == (1, "manual")
    assert "Copy to another region" in only(ran)["remedy"]["steps"][0]["summary"]
    assert scene.copies(source) == []


# what earlier runs left


@pytest.mark.parametrize("whole", [True, False])
def test_all_data_there_but_not_finished(scene, whole):
    source = scene.source(protected=True)
    left = scene.beside(source, data=scene.bytes if whole else scene.bytes[1:], **{MARK: "an-earlier-run"})
    scene.policy()
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    (copy,) = scene.copies(source)
    assert (copy["id"] == left) is whole, "whole data is not sent twice, damaged data is not kept"
    assert MARK not in copy
    assert copy["protected"] is True


def test_begun_and_without_data(scene):
    source = scene.source()
    lefts = [scene.beside(source, **{MARK: "an-earlier-run"}) for _ in range(2)]
    scene.policy()
    found = only(scene.audit())
    assert found["violations"][0]["actual"].endswith("is half-made by imagegate, queued")
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    (copy,) = scene.copies(source)
    assert copy["id"] not in lefts


def test_what_somebody_else_is_making_is_left_alone(scene):
    source = scene.source()
    theirs = scene.beside(source)
    scene.policy()
    before = ledger(scene.box, "KR2")[theirs]
    ran = scene.audit(*DISRUPTIVE)
    assert (ran.code, only(ran)["remedy"]["state"]) == (1, "manual")
    assert ledger(scene.box, "KR2")[theirs] == before
    assert len(scene.copies(source)) == 1


# regions


def test_regions_that_are_not_there(scene):
    scene.source()
    scene.policy("US1")
    ran = scene.audit(*DISRUPTIVE)
    found = only(ran)
    assert (ran.code, found["verdict"]) == (10, "unknown")
    assert "region US1 is not in the service catalog (it has KR1, KR2)" in json.dumps(found)
    assert "NHN Cloud closed its region US1 on 2026-03-31" in json.dumps(found)
    lost = next(one for one in ran.report["scope"]["catalog"] if one["region"] == "US1")
    assert lost["complete"] is False
    scene.policy("KR2", "JP1")
    ran = scene.audit()
    assert only(ran)["verdict"] == "fail"
    assert "closed" not in json.dumps(only(ran))


def test_a_region_that_does_not_answer_has_no_missing_copies(scene):
    scene.source()
    scene.policy()
    with rerouted(scene.box, "glance-KR2", 9):
        ran = scene.audit(*DISRUPTIVE)
    assert (ran.code, only(ran)["verdict"]) == (10, "unknown")
    assert "the images of region KR2 were not read to their end" in json.dumps(only(ran))
