"""Two audits of a real Glance with a change in between: diff, history, trend, baseline and waive agree with the change."""

import itertools
import json

import pytest
from tests.real.support import MEMBERS, PROTECTED, User, day, imagegate, validate, write_policy

from imagegate.report.past import Context
from imagegate.report.stored import read_report
from imagegate.report.write import with_past

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
NOBODY = "12345678901234567890123456789012"


class Scene:
    """Images of one test under a prefix of their own, and a policy about them."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.owner, self.prod, self.stage = (User(box, name) for name in ("golden", "web-prod", "web-stage"))
        self.prefix = f"hist{next(NUMBERS)}"
        rules = ({"name": f"{self.prefix}-*", "owner": "self"},
                 {PROTECTED: None, MEMBERS: {"allow": [{"project": self.prod.project}]}})  # fmt: skip
        self.file = write_policy(folder / "policy.yaml", rules, scope={"clouds": {"sandbox": ["KR1"]}})
        self.ids = {}

    def image(self, name, *members, protected=True):
        self.ids[name] = self.owner.create(f"{self.prefix}-{name}", visibility="shared", protected=protected)
        for member in members:
            self.owner.share(self.ids[name], member)

    def begin(self):
        """Before the first audit."""
        self.image("a", protected=False)
        self.image("b", self.prod.project, self.stage.project)
        self.image("c", self.prod.project)
        self.image("d", protected=False)
        self.image("e", self.stage.project, NOBODY, protected=False)

    def meddle(self):
        """What people do in between."""
        self.owner.change(self.ids["a"], protected=True)  # resolved
        self.owner.unshare(self.ids["b"], self.stage.project)
        self.owner.share(self.ids["b"], NOBODY)  # another subject: changed
        self.owner.share(self.ids["c"], self.stage.project)  # new
        self.owner.delete(self.ids.pop("d"))  # gone, not resolved
        self.owner.unshare(self.ids["e"], NOBODY)  # changed for the better; not protected still
        self.image("f", protected=False)  # a new image

    def run(self, *argv):
        return imagegate(*argv, cwd=self.folder, clouds=self.box.clouds_yaml)

    def audit(self, *argv):
        ran = self.run("audit", "--policy", self.file, *argv)
        assert ran.code in {0, 1}, ran.stdout + ran.stderr
        validate(ran.report)
        return ran

    def told(self, *argv):
        """What a command says as JSON, and its exit code."""
        ran = self.run(*argv, "--json")
        return json.loads(ran.stdout), ran.code

    def pairs(self, entries):
        return sorted((each["check"], each["target"]["name"].removeprefix(f"{self.prefix}-")) for each in entries)


@pytest.fixture
def scene(cloud, tmp_path):
    made = Scene(cloud, tmp_path)
    yield made
    for image in made.ids.values():
        made.owner.delete(image)


def test_what_was_changed_between_two_audits_is_what_is_told(scene):
    scene.begin()
    report = scene.audit("--fail-on-new").report
    assert (report["run"]["exit_code"], report["baseline"]["run"]) == (1, None)
    one = report["run"]["id"]
    scene.meddle()
    second = scene.audit("--fail-on-new")
    two = second.report["run"]["id"]
    expected = {
        "new": [(PROTECTED, "f"), (MEMBERS, "c")],
        "changed": [(MEMBERS, "b"), (MEMBERS, "e")],
        "same": [(PROTECTED, "e")],
        "resolved": [(PROTECTED, "a")],
        "target_gone": [(PROTECTED, "d")],
        "not_seen": [],
        "not_required": [],
    }

    # diff
    diff, code = scene.told("diff", one, two)
    assert code == 1
    assert {name: scene.pairs(diff[name]) for name in expected} == {k: sorted(v) for k, v in expected.items()}
    assert {scene.pairs([each])[0][1]: each["worse"] for each in diff["changed"]} == {"b": True, "e": False}
    (resolved,) = diff["resolved"]
    runs = {each["id"]: each for each in scene.told("history")[0]["runs"]}
    assert resolved["first_seen"] == runs[one]["finished"]
    assert 0 < resolved["resolved_after_s"] < 60
    back, code = scene.told("diff", two, one)
    assert (scene.pairs(back["new"]), code) == (sorted([(PROTECTED, "a"), (PROTECTED, "d")]), 1)

    # the report against its baseline
    report = second.report
    assert (second.code, report["baseline"]["run"]) == (1, one)
    assert report["baseline"]["counts"] == {"new": 2, "changed": 2, "same": 1, "resolved": 1}
    assert scene.pairs(report["baseline"]["resolved"]) == expected["resolved"]
    assert {each["why"]: scene.pairs([each]) for each in report["baseline"]["not_resolved"]} == {
        "target-gone": expected["target_gone"]
    }
    changes = {(f["check"], f["target"]["name"][-1]): f["change"] for f in report["findings"] if "change" in f}
    assert changes == {pair: name for name in ("new", "changed", "same") for pair in expected[name]}

    # history, and the trend that renderers are given
    assert list(runs) == [two, one]
    assert runs[two]["since"] == {"run": one, "new": 2, "changed": 2, "same": 1, "resolved": 1}
    assert [sum(runs[each]["standing"].values()) for each in (one, two)] == [5, 5]
    (past,) = with_past(Context(), second.reports, read_report(second.folder / "report.json"), pytest.fail).past
    assert (past.run_id, dict(past.standing)) == (one, runs[one]["standing"])

    # nothing new: what stood before does not end with 1, and is not called compliant
    third = scene.audit("--fail-on-new")
    assert third.code == 0
    assert "5 old fails stand: it proves no compliance" in third.report["run"]["meaning"]
    assert scene.told("diff")[1] == 0

    # a waiver for one of them covers that one
    (print_,) = (f["fingerprint"] for f in third.findings(PROTECTED).values() if f["target"]["name"].endswith("-f"))
    ran = scene.run("waive", "latest", print_[:8], "--reason", "moving", "--until", day(30), "--approved-by",
                    "security", "--yes")  # fmt: skip
    assert ran.code == 0, ran.stderr
    scene.owner.change(scene.ids["a"], protected=False)  # and something breaks again
    fourth = scene.audit("--fail-on-new", "--keep-runs", "2")
    assert fourth.code == 1
    assert fourth.findings(PROTECTED)[f"{scene.prefix}-f"]["waiver"]["reason"] == "moving"
    (waiver,) = fourth.report["waivers"]
    assert (waiver["matches"], waiver["state"]) == (1, "in force")
    diff, code = scene.told("diff")
    assert (code, scene.pairs(diff["new"]), scene.pairs(diff["changed"])) == (1, [(PROTECTED, "a")], [(PROTECTED, "f")])
    assert len(scene.told("history")[0]["runs"]) == 2
