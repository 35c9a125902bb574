"""Three projects and two regions of a real OpenStack in one run: one report, and each image is one target."""

import itertools
import threading
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML
from tests.real.support import (
    MEMBERS,
    PROTECTED,
    User,
    grants,
    imagegate,
    ledger,
    validate,
    write_policy,
)

from imagegate.locks import Locks, state_folder
from imagegate.model import Kind, Target

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
ACCEPTED = "catalog-members-accepted"
GOLDEN, PROD, STAGE = "sandbox", "sandbox-web-prod", "sandbox-web-stage"
ALL = ("--cloud", GOLDEN, "--cloud", PROD, "--cloud", STAGE)
DISRUPTIVE = ("--fix", "--fix-level", "disruptive")


class Estate:
    """Images of one test with a tag of their own, in two regions; three projects that share them."""

    def __init__(self, box, folder):
        self.box, self.folder, self.clouds = box, folder, box.clouds_yaml
        self.tag = f"estate{next(NUMBERS)}"
        self.users = {(name, region): User(box, name, region) for name in self.projects for region in ("KR1", "KR2")}

    projects = ("golden", "web-prod", "web-stage")

    def image(self, name, *members, owner="golden", region="KR1", **fields):
        said = {"visibility": "shared" if members else "private", "protected": True, **fields}
        made = self.users[owner, region].create(name, tags=[self.tag], **said)
        for member in members:
            self.users[owner, region].share(made, self.box.projects[member])
        return made

    def policy(self, **rule):
        ours = {"tag": self.tag, **({"owner": "self"} if rule.pop("mine", True) else {})}
        return write_policy(self.folder / "policy.yaml", (ours, rule.pop("checks")))

    def run(self, *argv, policy, clouds=ALL):
        """One audit, its report read before the next run moves the link to the latest."""
        ran = imagegate("audit", "--policy", policy, *clouds, *argv, cwd=self.folder, clouds=self.clouds)
        validate(ran.report)
        return SimpleNamespace(code=ran.code, stdout=ran.stdout, report=ran.report, folder=ran.folder)

    def refuse(self, *names):
        """From now on the passwords of these entries are wrong."""
        yaml = YAML()
        config = yaml.load(self.box.clouds_yaml.read_text())
        for name in names:
            config["clouds"][name]["auth"]["password"] = "not-the-password"
        self.clouds = self.folder / "clouds.yaml"
        with self.clouds.open("w") as file:
            yaml.dump(config, file)

    def status(self, image, region="KR1"):
        """The answers in Glance's database, by project's name."""
        names = {ident: name for name, ident in self.box.projects.items()}
        return {names[project]: status for project, status in grants(ledger(self.box, region), image).items()}


@pytest.fixture
def estate(cloud, tmp_path):
    return Estate(cloud, tmp_path)


def found(ran, check):
    """The findings of one check, by region and name: one of each, or there are two targets for one image."""
    chosen = [f for f in ran.report["findings"] if f["check"] == check]
    named = {(f["target"]["region"], f["target"]["name"]): f for f in chosen}
    assert len(named) == len(chosen), [f["target"] for f in chosen]
    return named


def states(ran, check):
    return {key: (f["verdict"], f["remedy"]["state"]) for key, f in found(ran, check).items()}


def test_one_report_and_each_side_does_its_part(estate):
    everyone = estate.image("everyone", "web-prod", "web-stage")
    estate.users["web-stage", "KR1"].answer(everyone, "accepted")
    estate.image("alone")
    back = estate.image("back", "golden", owner="web-stage")
    far = estate.image("far", "web-prod", region="KR2")
    estate.image("everybody", visibility="community", owner="web-prod", region="KR2", protected=False)
    ids = estate.box.projects
    checks = {
        ACCEPTED: {"pending_days": 0, "accept_from": [ids["golden"], ids["web-stage"]]},
        PROTECTED: None,
    }
    policy = estate.policy(checks=checks)

    seen = estate.run(policy=policy)
    assert seen.code == 1, seen.stdout
    scope = seen.report["scope"]
    assert {(c["cloud"], c["region"], c["project"]) for c in scope["catalog"]} == {
        (cloud, region, ids[project])
        for cloud, project in ((GOLDEN, "golden"), (PROD, "web-prod"), (STAGE, "web-stage"))
        for region in ("KR1", "KR2")
    }
    assert all(c["complete"] and c["pages"] >= 1 for c in scope["catalog"])
    listed = sum(c["images"] for c in scope["catalog"])
    assert scope["images"]["distinct"] < listed, "some are listed by several, and are one image each"
    assert scope["images"]["seen_from_several"] >= 3
    assert f"{scope['images']['seen_from_several']} of {scope['images']['distinct']} images seen from several" in seen.stdout
    places = {key: (f["target"]["cloud"], f["target"]["seen_from"]) for key, f in found(seen, PROTECTED).items()}
    assert places == {
        ("KR1", "everyone"): (GOLDEN, [GOLDEN, PROD, STAGE]),
        ("KR1", "alone"): (GOLDEN, [GOLDEN]),
        ("KR1", "back"): (STAGE, [GOLDEN, STAGE]),
        ("KR2", "far"): (GOLDEN, [GOLDEN, PROD]),
        ("KR2", "everybody"): (PROD, [PROD]),  # community images are not in others' lists
    }
    waiting = {key for key, (verdict, _) in states(seen, ACCEPTED).items() if verdict == "fail"}
    assert waiting == {("KR1", "everyone"), ("KR1", "back"), ("KR2", "far")}
    [violation] = found(seen, ACCEPTED)["KR1", "everyone"]["violations"]
    assert violation["subject"] == f"member {ids['web-prod']}"

    alone = estate.run(policy=estate.policy(checks=checks, mine=False), clouds=("--cloud", PROD))
    same = found(alone, ACCEPTED)["KR1", "everyone"]
    assert (same["target"]["cloud"], same["target"]["seen_from"]) == (PROD, [PROD])
    assert same["fingerprint"] == found(seen, ACCEPTED)["KR1", "everyone"]["fingerprint"], "whoever looks"

    facts = estate.folder / "facts.jsonl"
    mended = estate.run(*DISRUPTIVE, "--record-facts", facts, policy=estate.policy(checks=checks))
    assert mended.code == 0, mended.stdout
    verified = {key for key, state in states(mended, ACCEPTED).items() if state == ("fail", "verified")}
    assert verified == waiting
    assert estate.status(everyone) == {"web-prod": "accepted", "web-stage": "accepted"}
    assert estate.status(back) == {"golden": "accepted"}
    assert estate.status(far, "KR2") == {"web-prod": "accepted"}

    replayed = estate.run("--facts", facts, policy=policy, clouds=())
    assert replayed.code == 0, replayed.stdout
    assert {key: f["target"] for key, f in found(replayed, ACCEPTED).items()} == {
        key: f["target"] for key, f in found(mended, ACCEPTED).items()
    }
    passed = {f["fingerprint"] for f in found(mended, PROTECTED).values() if f["verdict"] == "pass"}
    assert passed, "the others were mended: what is judged again is that they pass"
    assert passed < {f["fingerprint"] for f in found(replayed, PROTECTED).values()}
    assert replayed.report["scope"]["images"] == mended.report["scope"]["images"]

    undone = imagegate("undo", mended.folder.name, "--yes", cwd=estate.folder, clouds=estate.clouds)
    assert undone.code == 0, undone.stdout + undone.stderr
    assert estate.status(everyone) == {"web-prod": "pending", "web-stage": "accepted"}, "each answer by who gave it"
    assert estate.status(back) == {"golden": "pending"}


def test_a_receiver_that_cannot_log_in(estate):
    """What the others see is judged, and the run is not called whole."""
    image = estate.image("web", "web-prod", "web-stage")
    estate.refuse(PROD)
    checks = {PROTECTED: None, ACCEPTED: {"accept_from": [estate.box.projects["golden"]], "pending_days": 0}}
    ran = estate.run(*DISRUPTIVE, policy=estate.policy(checks=checks))
    assert ran.code == 1, ran.stdout
    assert states(ran, PROTECTED) == {("KR1", "web"): ("pass", "none")}
    assert states(ran, ACCEPTED) == {("KR1", "web"): ("fail", "applied")}, "one of two could be mended"
    assert estate.status(image) == {"web-prod": "pending", "web-stage": "accepted"}
    lost = [c for c in ran.report["scope"]["catalog"] if not c["complete"]]
    assert {(c["cloud"], c["project"]) for c in lost} == {(PROD, estate.box.projects["web-prod"])}
    assert ran.report["run"]["complete"] is False
    assert lost[0]["reason"] in ran.stdout


def test_an_owner_that_cannot_log_in(estate):
    """What only the owner sees is unknown; that it is ours is told by clouds.yaml."""
    estate.image("web", "web-prod")
    estate.image("unseen")
    estate.refuse(GOLDEN)
    ran = estate.run(policy=estate.policy(checks={PROTECTED: None, MEMBERS: {"allow": []}}))
    assert ran.code == 10, ran.stdout
    assert states(ran, PROTECTED) == {("KR1", "web"): ("pass", "none")}
    members = found(ran, MEMBERS)["KR1", "web"]
    assert members["verdict"] == "unknown"
    assert "only its owner can list the members" in members["reason"]
    assert members["target"]["seen_from"] == [PROD]


def test_two_runs_that_name_different_entries_do_not_change_one_image_at_once(estate):
    image = estate.image("web", protected=False)
    glance = f"127.0.0.1:{estate.box.ports['glance-KR1']}"
    target = Target(kind=Kind.IMAGE, id=image, name="web", cloud=GOLDEN, region="KR1", deployment=glance)
    with Locks(state_folder(), run_id="another").hold(target, threading.Event()):
        ran = estate.run(
            "--fix", "--lock-timeout", "0", policy=estate.policy(checks={PROTECTED: None}), clouds=("--cloud", "sandbox-v3")
        )
    assert ran.code == 1, ran.stdout
    assert "web is being changed by run another" in ran.stdout
    assert estate.users["golden", "KR1"].get(image)["protected"] is False
