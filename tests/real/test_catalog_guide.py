"""The catalog's rules in a real Glance: break, fail, fix, look, pass; and what other people do meanwhile."""

import itertools
from datetime import UTC, datetime

import pytest
from tests.real.support import MEMBERS, StrictGlance, User, grants, imagegate, ledger, rerouted, write_policy

from imagegate.model import Level, RemedyState
from imagegate.options import Options
from imagegate.run import Run

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
DISRUPTIVE = ("--fix", "--fix-level", "disruptive")
NAME, VISIBLE = "catalog-name-conforms", "catalog-visibility-allowed"
PROPERTIES, STATUS, AGE = "catalog-properties-conform", "catalog-status-usable", "catalog-age-allowed"
TODAY = f"{datetime.now(UTC):%Y%m%d}"


class Scene:
    """Images of one test with a tag of their own, and a policy for them."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.owner, self.prod = User(box, "golden"), User(box, "web-prod")
        self.tag = f"guide{next(NUMBERS)}"

    def image(self, name, *members, **fields):
        made = self.owner.create(name, **{"visibility": "shared", **fields, "tags": [self.tag, *fields.get("tags", ())]})
        for member in members:
            self.owner.share(made, member)
        return made

    def policy(self, **checks):
        wanted = {check.replace("_", "-"): want for check, want in checks.items()}
        select = {"tag": self.tag, "owner": "self"}
        return write_policy(self.folder / "policy.yaml", (select, wanted), scope={"clouds": {"sandbox": ["KR1"]}})

    def audit(self, *argv):
        file = self.folder / "policy.yaml"
        return imagegate("audit", "--policy", file, *argv, cwd=self.folder, clouds=self.box.clouds_yaml)

    def drift(self, meddle):
        """A fixing run in which somebody does something between the plan and its first step; findings by name."""
        run = Run(Options(command="audit", policy=self.folder / "policy.yaml", fix_level=Level.DISRUPTIVE))

        def consent(plans):
            assert plans
            meddle()
            return True

        try:
            result = run.execute(run.discover(), consent)
        finally:
            run.close()
        return result, {finding.target.name: finding for finding in result.findings}


@pytest.fixture
def scene(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    return Scene(cloud, tmp_path)


def states(ran, check):
    """Verdict and state of the remedy, by name of the image."""
    return {name: (f["verdict"], f["remedy"]["state"]) for name, f in ran.findings(check).items()}


MENDED = ("fail", "verified")
STANDS = ("fail", "manual")


def test_names(scene):
    good = f"golden-{scene.tag}-{TODAY}"
    scene.image(good)
    scene.image(f"Web Server {scene.tag}")
    vendor = scene.image(f"Ubuntu {scene.tag} (2026.03.10) EN")
    scene.image(f"golden-ßß-{scene.tag}")
    want = {"pattern": "golden-[a-z0-9.-]+", "dated": True, "rename": "golden-{name}-{created}"}
    scene.policy(**{NAME: want})
    assert scene.audit().code == 1
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert sorted(map(str, states(ran, NAME).values())) == sorted(map(str, [("pass", "none"), *[MENDED] * 3]))
    assert scene.owner.get(vendor)["name"] == f"golden-ubuntu-{scene.tag}-2026.03.10-en-{TODAY}"
    again = scene.audit(*DISRUPTIVE)
    assert (again.code, again.report["counts"]["pass"]) == (0, 4)
    assert not (again.folder / "journal.jsonl").exists()


def test_twins_get_names_of_their_own(scene):
    twins = [scene.image(f"twin-{scene.tag}") for _ in range(3)]
    scene.policy(**{NAME: {"rename": "{name}-{id}"}})
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert {scene.owner.get(twin)["name"] for twin in twins} == {f"twin-{scene.tag}-{twin[:8]}" for twin in twins}


def test_a_name_taken_since_the_plan_is_left_to_its_owner(scene):
    image = scene.image(f"Web {scene.tag}")
    scene.policy(**{NAME: {"pattern": "[a-z0-9-]+", "rename": "golden-{name}"}})
    before = ledger(scene.box)[image]
    taken = f"golden-web-{scene.tag}"
    result, found = scene.drift(lambda: scene.owner.create(taken))
    finding = found[f"Web {scene.tag}"]
    assert (int(result.exit_code), finding.remedy.state) == (1, RemedyState.REFUSED)
    assert f"the name {taken} is taken by image" in finding.remedy.reason
    assert ledger(scene.box)[image] == before


def test_of_two_images_that_would_get_one_name_one_does(scene):
    images = [scene.image(f"{word} {scene.tag}") for word in ("web", "Web", "WEB")]
    scene.policy(**{NAME: {"pattern": "[a-z0-9-]+", "rename": "golden-{name}"}})
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 1
    names = sorted(scene.owner.get(image)["name"] for image in images)
    assert names.count(f"golden-web-{scene.tag}") == 1
    assert {state for _, state in states(ran, NAME).values()} == {"verified", "refused"}


def test_what_a_record_said_is_taken_back_also_where_protected_images_cannot_be_changed(scene):
    fields = {"os_type": "Windows", "old": "kept in the journal", "kind": "db", "min_disk": 1, "protected": True}
    image = scene.image(f"Web {scene.tag}", **fields)
    scene.policy(**{
        NAME: {"pattern": "golden-[a-z0-9-]+", "rename": "golden-{name}"},
        PROPERTIES: {"properties": {"os_type": "linux", "new": "x"}, "absent": ["old"], "tags": ["gold"], "min_disk": 20},
    })  # fmt: skip
    before = scene.owner.get(image)
    with StrictGlance(scene.box.ports["glance-KR1"]) as front, rerouted(scene.box, "glance-KR1", front.port):
        ran = scene.audit(*DISRUPTIVE)
        assert ran.code == 0, ran.stdout + ran.stderr
        after = scene.owner.get(image)
        assert (after["name"], after["os_type"], after["protected"]) == (f"golden-web-{scene.tag}", "linux", True)
        undone = imagegate("undo", "latest", "--yes", cwd=scene.folder, clouds=scene.box.clouds_yaml)
    assert undone.code == 0, undone.stdout + undone.stderr
    now = scene.owner.get(image)
    assert {**now, "updated_at": None, "tags": sorted(now["tags"])} == {
        **before, "updated_at": None, "tags": sorted(before["tags"]),
    }  # fmt: skip
    journals = [path.read_text() for path in scene.folder.glob("reports/*Z-*/journal.jsonl")]
    assert len(journals) == 2
    assert all('"db"' not in journal for journal in journals), "what was not changed is not kept"


def test_visibility_and_the_members_that_would_come_back(scene):
    shared = scene.image("shared", scene.prod.project, "no-such-project")
    community = scene.image("community", visibility="community")
    private = scene.image("private", visibility="private")
    scene.policy(**{VISIBLE: {"allowed": ["private"]}})
    assert scene.audit("--fix").code == 1, "nobody's access is taken by --fix alone"
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert states(ran, VISIBLE) == {"shared": MENDED, "community": MENDED, "private": ("pass", "none")}
    for image in (shared, community, private):
        assert scene.owner.get(image)["visibility"] == "private"
        assert grants(ledger(scene.box), image) == {}
    assert scene.audit().code == 0


def test_a_grant_hidden_behind_a_community_image_is_not_buried(scene):
    """Glance keeps the members of an image that is no longer shared. They turn up on the way, and are removed in the
    same run before the image becomes private."""
    image = scene.image("community", scene.prod.project)
    scene.owner.change(image, visibility="community")
    scene.policy(**{VISIBLE: {"allowed": ["private"]}})
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert scene.owner.get(image)["visibility"] == "private"
    assert grants(ledger(scene.box), image) == {}
    remedy = ran.findings(VISIBLE)["community"]["remedy"]
    assert [(step["summary"], step["done"]) for step in remedy["steps"]] == [
        ("change visibility from community to shared", True),
        (f"remove member {scene.prod.project} (pending)", True),
        ("change visibility from shared to private", True),
    ]
    again = scene.audit(*DISRUPTIVE)
    assert (again.code, again.report["counts"]["pass"]) == (0, 1)


def test_a_grant_hidden_behind_a_community_image_ends_with_what_its_members_may_be(scene):
    """Both checks want the image otherwise; the members that turn up are compared with the list in the same run."""
    image = scene.image("community", scene.prod.project, "no-such-project")
    scene.owner.change(image, visibility="community")
    want = {"require": [{"project": scene.prod.project}]}
    scene.policy(**{VISIBLE: {}, MEMBERS: want})
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert scene.owner.get(image)["visibility"] == "shared"
    assert grants(ledger(scene.box), image) == {scene.prod.project: "pending"}
    assert scene.audit(*DISRUPTIVE).report["counts"]["fail"] == 0


def test_what_turns_up_where_somebody_confirmed_the_plan_needs_a_plan_of_its_own(scene):
    image = scene.image("community", scene.prod.project)
    scene.policy(**{VISIBLE: {"allowed": ["private"]}})
    scene.owner.change(image, visibility="community")
    result, found = scene.drift(lambda: None)
    remedy = found["community"].remedy
    assert (int(result.exit_code), remedy.state) == (11, RemedyState.FAILED)
    assert "the step before brought to light what is not in the plan" in remedy.reason
    assert [violation.actual for violation in remedy.after.violations] == ["shared"]
    assert scene.owner.get(image)["visibility"] == "shared"
    assert grants(ledger(scene.box), image) == {scene.prod.project: "pending"}
    assert scene.audit(*DISRUPTIVE).code == 0, "the next run sees them"
    assert grants(ledger(scene.box), image) == {}


def test_a_member_added_since_the_plan_is_not_buried(scene):
    image = scene.image("web")
    scene.policy(**{VISIBLE: {"allowed": ["private"]}})
    result, found = scene.drift(lambda: scene.owner.share(image, scene.prod.project))
    assert found["web"].remedy.state is RemedyState.REFUSED, found["web"].remedy
    assert scene.owner.get(image)["visibility"] == "shared"


def test_properties(scene):
    wrong = scene.image("wrong", os_type="Windows", nhncloud_allow_download="true", old="1", min_disk=20)
    scene.image("right", os_type="LINUX", nhncloud_allow_download="False", tags=["golden"], min_disk=30, tier="gold")
    scene.image("unclear", os_type="linux", nhncloud_allow_download="false", tags=["golden"], min_disk=20)
    want = {
        "properties": {"nhncloud_allow_download": "false", "tier": ["gold", "silver"]}, "absent": ["old"],
        "tags": ["golden"], "min_disk": {"windows": 50, "linux": 20}, "min_ram": 0,
    }  # fmt: skip
    scene.policy(**{PROPERTIES: want})
    ran = scene.audit(*DISRUPTIVE)
    assert states(ran, PROPERTIES) == {"wrong": ("fail", "applied"), "right": ("pass", "none"), "unclear": STANDS}
    record = scene.owner.get(wrong)
    assert (record["nhncloud_allow_download"], record["min_disk"]) == ("false", 50)
    assert sorted(record["tags"]) == sorted([scene.tag, "golden"])
    assert "old" not in record
    scene.policy(**{PROPERTIES: {**want, "properties": {**want["properties"], "tier": "gold"}}})
    ran = scene.audit(*DISRUPTIVE)
    assert (ran.code, ran.report["counts"]["fixed"]) == (0, 2), ran.stdout
    assert scene.audit().report["counts"]["pass"] == 3


def test_a_property_changed_since_the_plan_is_left_alone(scene):
    image = scene.image("web", role="db")
    scene.policy(**{PROPERTIES: {"properties": {"role": "web"}}})
    _, found = scene.drift(lambda: scene.owner.change(image, role="cache"))
    assert found["web"].remedy.state is RemedyState.REFUSED
    assert scene.owner.get(image)["role"] == "cache"


def test_status_and_age_are_told_and_left_to_people(scene):
    scene.image("queued")
    old = scene.image("old", deprecate_date="2020.01.31")
    before = ledger(scene.box)
    scene.policy(**{STATUS: {}, AGE: {"max_days": 1}})
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 1
    assert states(ran, STATUS) == {"queued": ("pass", "none"), "old": STANDS}
    assert ran.findings(STATUS)["queued"]["note"] == "still queued"
    assert states(ran, AGE) == {"queued": ("pass", "none"), "old": ("pass", "none")}
    assert f"image {old}: replace it" in ran.findings(STATUS)["old"]["remedy"]["steps"][0]["summary"]
    assert ledger(scene.box) == before
