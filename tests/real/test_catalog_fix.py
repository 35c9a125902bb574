"""What --fix may do in a real Glance, and what holds it back: waivers, limits, the policy's ceiling, other people."""

import itertools
import json
import threading
import time

import pytest
from tests.real.support import MEMBERS, PROTECTED, User, day, grants, imagegate, ledger, write_policy

from imagegate.model import Level, RemedyState
from imagegate.options import Options
from imagegate.run import Run

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
DISRUPTIVE = ("--fix", "--fix-level", "disruptive")


class Scene:
    """Images of one test, and a policy that requires both checks of them."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.owner, self.prod, self.stage = (User(box, name) for name in ("golden", "web-prod", "web-stage"))
        self.prefix = f"fix{next(NUMBERS)}"

    def image(self, name, *members, **fields):
        """An image that is shared with these users."""
        made = self.owner.create(f"{self.prefix}-{name}", **{"visibility": "shared", **fields})
        for member in members:
            self.owner.share(made, member.project)
        return made

    def policy(self, wanted=None, **more):
        members = {"require": [{"project": self.prod.project}]} if wanted is None else wanted
        select = {"name": f"{self.prefix}-*", "owner": "self"}
        scope = {"clouds": {"sandbox": ["KR1"]}}
        checks = {PROTECTED: None, MEMBERS: members}
        return write_policy(self.folder / "policy.yaml", (select, checks), scope=scope, **more)

    def waiver(self, until, check=MEMBERS, name="*"):
        select = {"image": {"name": f"{self.prefix}-{name}"}}
        return {"check": check, "for": select, "reason": "moving house", "approved_by": "security", "until": until}

    def audit(self, *argv):
        return imagegate(
            "audit", "--policy", self.folder / "policy.yaml", *argv, cwd=self.folder, clouds=self.box.clouds_yaml
        )

    def found(self, ran, name, check=MEMBERS):
        return ran.findings(check)[f"{self.prefix}-{name}"]


@pytest.fixture
def scene(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    return Scene(cloud, tmp_path)


def test_break_fail_fix_look_pass(scene):
    """The whole way, by the command line alone, with the record of it on disk."""
    image = scene.image("web", scene.stage)
    scene.policy()
    assert scene.audit().code == 1
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert scene.found(ran, "web")["verdict"] == "fail", "the verdict seen does not change"
    assert {scene.found(ran, "web", check)["remedy"]["state"] for check in (PROTECTED, MEMBERS)} == {"verified"}
    assert ran.report["counts"]["fixed"] == 2
    assert grants(ledger(scene.box), image) == {scene.prod.project: "pending"}
    assert scene.owner.get(image)["protected"] is True
    journal = [json.loads(line) for line in (ran.folder / "journal.jsonl").read_text().splitlines()]
    assert [line["event"] for line in journal] == ["intent", "verified"] * 3
    again = scene.audit(*DISRUPTIVE)
    assert (again.code, again.report["counts"]["pass"]) == (0, 2)
    assert not (again.folder / "journal.jsonl").exists(), "nothing was left to do"


def test_a_waived_fail_is_not_fixed(scene):
    kept, fixed = scene.image("legacy", scene.stage), scene.image("web", scene.stage)
    scene.policy(waivers=[scene.waiver(day(30), name="legacy")])
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    finding = scene.found(ran, "legacy")
    assert (finding["verdict"], finding["waiver"]["reason"]) == ("fail", "moving house")
    assert finding["remedy"]["state"] == "none"
    assert ran.report["counts"]["waived"] == 1
    assert scene.owner.members(kept) == {scene.stage.project: "pending"}
    assert scene.owner.get(kept)["protected"] is True, "the waiver covers one check of the image, not the image"
    assert scene.owner.members(fixed) == {scene.prod.project: "pending"}


def test_a_waiver_on_its_last_day_holds_and_an_expired_one_does_not(scene):
    scene.image("web", scene.prod, scene.stage, protected=True)
    scene.policy(waivers=[scene.waiver(day(0))])
    assert scene.audit().code == 0
    scene.policy(waivers=[scene.waiver(day(-1))])
    ran = scene.audit()
    assert ran.code == 1
    finding = scene.found(ran, "web")
    assert (finding["waiver"], finding["severity"]) == (None, "high")
    assert day(-1) in finding["note"]
    (current,) = [f for f in ran.report["findings"] if f["check"] == "policy-waivers-current"]
    assert current["verdict"] == "fail"
    assert scene.audit(*DISRUPTIVE).report["counts"]["fixed"] == 1, "what no waiver covers is mended"


def test_an_attestation_is_no_answer_to_what_the_api_can_tell(scene):
    scene.image("web", scene.stage)
    word = {
        "check": MEMBERS, "for": {"image": {"name": f"{scene.prefix}-*"}}, "statement": "I looked", "by": "me",
        "on": day(0), "until": day(30),
    }  # fmt: skip
    scene.policy(attestations=[word])
    ran = scene.audit()
    assert ran.code == 4
    assert f"{MEMBERS} can be looked at: nobody can attest it" in ran.stderr


@pytest.mark.parametrize("allowed", [2, 3])
def test_the_limit_of_changed_targets(scene, allowed):
    for number in range(3):
        scene.image(f"web-{number}", scene.stage)
    scene.policy(limits={"changed_targets": allowed})
    before = ledger(scene.box)
    ran = scene.audit(*DISRUPTIVE)
    if allowed == 3:
        assert ran.code == 0
        return
    assert ran.code == 11
    assert ledger(scene.box) == before, "nothing was applied"
    assert ran.report["scope"]["limit"] == "3 targets would be changed, the policy allows 2 (limits.changed_targets)"
    assert {f["remedy"]["state"] for f in ran.report["findings"]} == {"refused"}
    assert not (ran.folder / "journal.jsonl").exists()


@pytest.mark.parametrize("held", [{"ceiling": "safe"}, {"never": [MEMBERS]}])
def test_the_policy_lowers_what_the_command_line_grants(scene, held):
    image = scene.image("web", scene.stage)
    scene.policy(fix=held)
    before = grants(ledger(scene.box), image)
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 1
    assert scene.found(ran, "web", PROTECTED)["remedy"]["state"] == "verified"
    remedy = scene.found(ran, "web")["remedy"]
    assert remedy["state"] == "refused"
    assert ("fix.ceiling" if "ceiling" in held else "fix.never") in remedy["reason"]
    assert grants(ledger(scene.box), image) == before


def test_fix_alone_takes_nobodys_access(scene):
    image = scene.image("web", scene.stage)
    scene.policy()
    ran = scene.audit("--fix")
    assert ran.code == 1
    assert scene.owner.get(image)["protected"] is True
    assert scene.owner.members(image) == {scene.stage.project: "pending"}
    assert scene.found(ran, "web")["remedy"]["reason"] == "disruptive: needs --fix-level disruptive"


def test_without_fix_nothing_is_written(scene):
    scene.image("web", scene.stage)
    scene.policy()
    before = ledger(scene.box)
    ran = scene.audit()
    assert scene.found(ran, "web")["remedy"]["state"] == "planned"
    assert ledger(scene.box) == before


# other people


def drift(scene, meddle):
    """A run in which somebody else does something between the plan and its first step; findings by check."""
    run = Run(Options(command="audit", policy=scene.folder / "policy.yaml", fix_level=Level.DISRUPTIVE))
    try:
        after = {}

        def consent(plans):
            assert plans
            meddle()
            after.update(ledger(scene.box))
            return True

        result = run.execute(run.discover(), consent)
    finally:
        run.close()
    return result, {finding.check.id: finding for finding in result.findings}, after


def test_an_image_made_private_since_the_plan_is_left_alone(scene):
    image = scene.image("web", scene.stage, protected=True)
    scene.policy()
    result, found, after = drift(scene, lambda: scene.owner.change(image, visibility="private"))
    assert int(result.exit_code) == 1, "refused before its first step"
    assert found[MEMBERS].remedy.state is RemedyState.REFUSED
    assert "changed since the plan was made" in found[MEMBERS].remedy.reason
    assert found[MEMBERS].remedy.done == ()
    assert ledger(scene.box) == after, "nothing was written"


def test_an_image_deleted_since_the_plan_is_no_crash(scene):
    image = scene.image("web", scene.stage, protected=True)
    scene.policy()
    result, found, after = drift(scene, lambda: scene.owner.delete(image))
    assert int(result.exit_code) == 1
    assert found[MEMBERS].remedy.state is RemedyState.REFUSED
    assert "gone" in found[MEMBERS].remedy.reason
    assert ledger(scene.box) == after


def test_what_somebody_else_has_mended_counts(scene):
    """A step whose effect is there already writes nothing; the next ones go on."""
    image = scene.image("web", scene.stage)

    def meddle():
        scene.owner.unshare(image, scene.stage.project)
        scene.owner.change(image, protected=True)

    scene.policy()
    result, found, _ = drift(scene, meddle)
    assert int(result.exit_code) == 0
    assert {finding.remedy.state for finding in found.values()} == {RemedyState.VERIFIED}
    assert scene.owner.members(image) == {scene.prod.project: "pending"}


def test_a_member_added_since_the_plan_is_seen_and_removed(scene):
    """The run converges on the image as it is now, not on the plan that was shown."""
    image = scene.image("web", scene.stage, protected=True)
    scene.policy()
    result, found, _ = drift(scene, lambda: scene.owner.share(image, scene.box.projects["admin"]))
    assert int(result.exit_code) in {0, 11}, found[MEMBERS].remedy
    granted = set(grants(ledger(scene.box), image))
    assert scene.stage.project not in granted
    assert (int(result.exit_code) == 0) is (granted == {scene.prod.project}), "what is not mended is not called mended"


def test_a_refused_consent_changes_nothing(scene):
    scene.image("web", scene.stage)
    before = ledger(scene.box)
    run = Run(Options(command="audit", policy=scene.policy(), fix_level=Level.DISRUPTIVE))
    try:
        result = run.execute(run.discover(), lambda plans: False)
    finally:
        run.close()
    assert int(result.exit_code) == 1
    assert {finding.remedy.reason for finding in result.findings} == {"not confirmed"}
    assert ledger(scene.box) == before


def test_a_hidden_grant_does_not_come_back(scene):
    """A private image keeps its old member rows where no API shows them; sharing it again would give access again."""
    image = scene.image("web", scene.stage, protected=True)
    scene.stage.answer(image, "accepted")
    scene.owner.change(image, visibility="private")
    assert grants(ledger(scene.box), image) == {scene.stage.project: "accepted"}
    scene.policy()
    first = scene.audit()
    assert [v["subject"] for v in scene.found(first, "web")["violations"]] == [f"member {scene.prod.project}"]
    ran = scene.audit(*DISRUPTIVE)
    assert ran.code == 0, ran.stdout
    assert scene.found(ran, "web")["remedy"]["state"] == "verified"
    assert grants(ledger(scene.box), image) == {scene.prod.project: "pending"}
    assert image not in scene.stage.images()
    steps = [step["summary"] for step in scene.found(ran, "web")["remedy"]["steps"]]
    assert f"remove member {scene.stage.project} (accepted)" in steps, "the report tells what came up"
    assert scene.audit().code == 0


def test_two_runs_at_once_end_well(scene):
    """Both want the same; whoever comes second finds it done. Neither breaks what the other did."""
    images = [scene.image(f"web-{number}", scene.stage) for number in range(3)]
    policy = scene.policy()
    codes = []

    def fix():
        run = Run(Options(command="audit", policy=policy, fix_level=Level.DISRUPTIVE))
        try:
            codes.append(int(run.execute(run.discover()).exit_code))
        finally:
            run.close()

    threads = [threading.Thread(target=fix) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    assert all(scene.owner.members(image) == {scene.prod.project: "pending"} for image in images)
    assert all(scene.owner.get(image)["protected"] for image in images)
