"""Answers to shared images in a real Glance: the owner can only ask, the receiver accepts with its own credentials."""

import itertools

import pytest
from tests.real.support import User, grants, imagegate, ledger, write_policy

pytestmark = pytest.mark.real

NUMBERS = itertools.count()
CHECK = "catalog-members-accepted"
DISRUPTIVE = ("--fix", "--fix-level", "disruptive")


class Share:
    """Images of one test with a tag of their own; the owner's and the receiver's view of them."""

    def __init__(self, box, folder):
        self.box, self.folder = box, folder
        self.owner, self.prod, self.stage = (User(box, name) for name in ("golden", "web-prod", "web-stage"))
        self.tag = f"share{next(NUMBERS)}"

    def image(self, name, *members, owner=None, **fields):
        made = (owner or self.owner).create(name, visibility="shared", tags=[self.tag], **fields)
        for member in members:
            (owner or self.owner).share(made, member.project)
        return made

    def audit(self, *clouds, fix=(), **want):
        rule = ({"tag": self.tag}, {CHECK: {"pending_days": 0, **want}})
        policy = write_policy(self.folder / "policy.yaml", rule, scope={"clouds": {name: ["KR1"] for name in clouds}})
        return imagegate("audit", "--policy", policy, *fix, cwd=self.folder, clouds=self.box.clouds_yaml)

    def status(self, image):
        return grants(ledger(self.box), image)


@pytest.fixture
def share(cloud, tmp_path):
    return Share(cloud, tmp_path)


def verdicts(ran):
    """Verdict and state of the remedy, by name of the image."""
    return {name: (f["verdict"], f["remedy"]["state"]) for name, f in ran.findings(CHECK).items()}


def test_the_receiver_accepts_what_the_policy_names_and_nothing_else(share):
    pending, rejected = share.image("pending", share.prod), share.image("rejected", share.prod)
    share.prod.answer(rejected, "rejected")
    share.image("elsewhere", share.stage)
    hidden = share.image("hidden", share.prod, os_hidden=True)
    strange = share.image("strange", share.prod, owner=share.stage)
    before = share.audit("sandbox-web-prod")
    assert before.code == 1
    assert verdicts(before) == dict.fromkeys(("pending", "rejected", "hidden", "strange"), ("fail", "manual"))
    want = {"accept_from": [share.owner.project]}
    assert share.audit("sandbox-web-prod", fix=("--fix",), **want).code == 1, "not by --fix alone"
    ran = share.audit("sandbox-web-prod", fix=DISRUPTIVE, **want)
    mended = dict.fromkeys(("pending", "rejected", "hidden"), ("fail", "verified"))
    assert (ran.code, verdicts(ran)) == (1, {**mended, "strange": ("fail", "manual")})
    assert [share.status(image) for image in (pending, rejected, hidden)] == [{share.prod.project: "accepted"}] * 3
    assert share.status(strange) == {share.prod.project: "pending"}
    assert {pending, rejected} <= share.prod.images().keys(), "now it is in the receiver's lists"
    share.stage.unshare(strange, share.prod.project)
    again = share.audit("sandbox-web-prod", fix=DISRUPTIVE, **want)
    assert (again.code, again.report["counts"]["pass"]) == (0, 3)


def test_the_owner_is_told_and_changes_nothing(share):
    image = share.image("web", share.prod, share.stage)
    share.stage.answer(image, "rejected")
    before = ledger(share.box)
    want = {"accept_from": [share.owner.project]}
    ran = share.audit("sandbox", fix=DISRUPTIVE, **want)
    assert (ran.code, verdicts(ran)) == (1, {"web": ("fail", "manual")})
    [first, second] = ran.findings(CHECK)["web"]["violations"]
    said = {first["subject"]: first["actual"], second["subject"]: second["actual"]}
    assert said[f"member {share.stage.project}"] == "rejected, and still has access"
    assert said[f"member {share.prod.project}"].startswith("pending since 20")
    assert ledger(share.box) == before
    assert share.audit("sandbox", pending_days=1).findings(CHECK)["web"]["violations"] == [
        violation for violation in (first, second) if "rejected" in violation["actual"]
    ]


def test_both_sides_in_one_run(share):
    """One image, one target: the owner's token only reads, the receiver's accepts."""
    image = share.image("web", share.prod)
    want = {"accept_from": [share.owner.project]}
    ran = share.audit("sandbox", "sandbox-web-prod", fix=DISRUPTIVE, **want)
    [found] = [f for f in ran.report["findings"] if f["check"] == CHECK]
    assert (found["target"]["cloud"], found["remedy"]["state"]) == ("sandbox", "verified")
    assert share.status(image) == {share.prod.project: "accepted"}
    assert share.audit("sandbox", "sandbox-web-prod", **want).code == 0
