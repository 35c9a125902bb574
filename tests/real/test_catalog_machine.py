"""Whatever people do to images in a real Glance: --fix converges, and touches nothing that it was not asked to."""

import itertools
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.real.support import CI, MEMBERS, PROTECTED, User, grants, ledger, write_policy

from imagegate.model import Level, RemedyState, Verdict
from imagegate.options import Options
from imagegate.run import Run

pytestmark = pytest.mark.real

NOBODY = "12345678901234567890123456789012"
"""A project that does not exist: Glance shares with it all the same."""

EXAMPLES = itertools.count()
IMAGES = st.integers(0, 3)
PROJECTS = st.sampled_from(("web-prod", "web-stage", NOBODY))
USERS = st.sampled_from(("web-prod", "web-stage"))
HISTORIES = st.sampled_from(("private", "shared", "extra", "hidden extra"))
LETTERS = st.sampled_from("abo")
NAME, PROPERTIES = "catalog-name-conforms", "catalog-properties-conform"


class Catalog(RuleBasedStateMachine):
    """Four images of ours. Those called a-* must be shared with web-prod, those called b-* may be; both with nobody
    else; their names are plain, they are of the gold tier and have nothing old. Nothing is said about those called o-*,
    and about one of another project's that looks like a-*."""

    box = None
    folder = None

    def __init__(self) -> None:
        super().__init__()
        self.number = next(EXAMPLES)
        self.owner = User(self.box, "golden", "KR2")
        self.owner._token = self.tokens["golden"]
        self.others = {name: User(self.box, name, "KR2") for name in ("web-prod", "web-stage")}
        for name, user in self.others.items():
            user._token = self.tokens[name]
        self.ids: list[str] = []

    # what people do

    @initialize(letters=st.tuples(st.just("a"), LETTERS, LETTERS, st.just("o")), histories=st.tuples(*[HISTORIES] * 4))
    def make(self, letters, histories):
        self.letters = list(letters)
        for index, (letter, history) in enumerate(zip(letters, histories, strict=True)):
            self.ids.append(self.owner.create(self.name(letter, index), visibility="shared", colour="blue", tags=["t"]))
            if history in {"extra", "hidden extra"}:
                self.owner.share(self.ids[index], self.box.projects["web-stage"])
            if history in {"private", "hidden extra"}:
                self.owner.change(self.ids[index], visibility="private")
        prod = self.others["web-prod"]
        self.foreign = prod.create(self.name("a", 9), visibility="shared")
        prod.share(self.foreign, self.owner.project)
        self.owner.answer(self.foreign, "accepted")
        allowed = [{"project": prod.project}]
        both = {
            PROTECTED: None,
            NAME: {"pattern": r"[ab]-\d+-\d(-web)?", "rename": "{name}"},
            PROPERTIES: {"properties": {"tier": "gold"}, "absent": ["old"]},
        }
        self.policy = write_policy(
            self.folder / f"policy-{self.number}.yaml",
            ({"name": self.name("a", "*"), "owner": "self"}, {**both, MEMBERS: {"require": allowed}}),
            ({"name": self.name("b", "*"), "owner": "self"}, {**both, MEMBERS: {"allow": allowed}}),
            scope={"clouds": {"sandbox": ["KR2"]}},
        )

    def name(self, letter, index):
        return f"{letter}-{self.number}-{index}"

    def visibility(self, index):
        return self.owner.get(self.ids[index])["visibility"]

    def members(self, index):
        return self.owner.members(self.ids[index]) if self.visibility(index) == "shared" else {}

    @rule(index=IMAGES, project=PROJECTS)
    def share(self, index, project):
        project = self.box.projects.get(project, project)
        if self.visibility(index) == "shared" and project not in grants(ledger(self.box, "KR2"), self.ids[index]):
            self.owner.share(self.ids[index], project)

    @rule(index=IMAGES, project=PROJECTS)
    def unshare(self, index, project):
        project = self.box.projects.get(project, project)
        if project in self.members(index):
            self.owner.unshare(self.ids[index], project)

    @rule(index=IMAGES, name=USERS, status=st.sampled_from(("accepted", "rejected")))
    def reply(self, index, name, status):
        member = self.others[name]
        if member.project in self.members(index):
            member.answer(self.ids[index], status)

    @rule(index=IMAGES, protected=st.booleans())
    def protect(self, index, protected):
        self.owner.change(self.ids[index], protected=protected)

    @rule(index=IMAGES, visibility=st.sampled_from(("private", "shared", "shared", "community")))
    def publish(self, index, visibility):
        self.owner.change(self.ids[index], visibility=visibility)

    @rule(index=IMAGES, letter=LETTERS, rest=st.sampled_from(("", "-web", " Web", "\u200b\tWEB")))
    def rename(self, index, letter, rest):
        self.letters[index] = letter
        self.owner.change(self.ids[index], name=self.name(letter, index) + rest)

    @rule(index=IMAGES, key=st.sampled_from(("tier", "old")), value=st.sampled_from(("gold", "Gold", "lead", "", None)))
    def label(self, index, key, value):
        self.owner.label(self.ids[index], key, value)

    # what imagegate does

    def run(self, level):
        run = Run(Options(command="audit", policy=self.policy, fix_level=level))
        try:
            return run.execute(run.discover())
        finally:
            run.close()

    def selected(self):
        return {image for image, letter in zip(self.ids, self.letters, strict=True) if letter != "o"}

    def audited(self, level):
        """Run an audit; nothing that the policy does not select may differ afterwards, in the API or the database."""
        before, shown_before = ledger(self.box, "KR2"), self.owner.images()
        result = self.run(level)
        after, shown_after = ledger(self.box, "KR2"), self.owner.images()
        untouched = before.keys() - self.selected()
        assert {image: before[image] for image in untouched} == {image: after[image] for image in untouched}
        assert after.keys() == before.keys()
        shown = shown_before.keys() - self.selected()
        assert {image: shown_before[image] for image in shown} == {image: shown_after[image] for image in shown}
        assert {finding.target.id for finding in result.findings} == self.selected()
        return result, before, after, shown_before, shown_after

    @rule()
    def look(self):
        """An audit without --fix changes nothing at all."""
        _, before, after, *_ = self.audited(None)
        assert before == after

    @rule()
    def fix_safe(self):
        """Safe steps protect images; who has access, and everything else, stays."""
        result, before, after, shown_before, shown_after = self.audited(Level.SAFE)
        for image in self.selected():
            now = shown_after[image]
            assert now["protected"] is True
            assert now == {**shown_before[image], "protected": True, "updated_at": now["updated_at"]}
            members = [[row for row in book[image] if row[0] == "image_members"] for book in (before, after)]
            assert members[0] == members[1]
        assert {f.verdict for f in self.run(None).findings if f.check.id == PROTECTED} <= {Verdict.PASS}
        assert int(result.exit_code) in {0, 1, 5}

    @rule()
    def fix(self):
        """With disruptive steps all is well afterwards; but an image that is open to everybody is left to a person."""
        result, _, after, _, shown = self.audited(Level.DISRUPTIVE)
        open_to_all = {image for image in self.selected() if shown[image]["visibility"] == "community"}
        again = self.run(None)
        for found in again.findings:
            wrong = found.check.id == MEMBERS and found.target.id in open_to_all
            assert found.verdict is (Verdict.FAIL if wrong else Verdict.PASS), found
            assert found.remedy.state is (RemedyState.REFUSED if wrong else RemedyState.NONE)
        assert [plan for plan in again.plans if plan.steps] == []
        for done in (result, again):
            assert int(done.exit_code) == (1 if open_to_all else 0 if self.selected() else 5)
        for image in self.selected():
            assert re.fullmatch(r"[ab]-\d+-\d(-web)?", shown[image]["name"])
            assert (shown[image]["tier"], "old" in shown[image], shown[image]["colour"]) == ("gold", False, "blue")
        prod = self.others["web-prod"].project
        for image, letter in zip(self.ids, self.letters, strict=True):
            if letter == "o" or image in open_to_all or shown[image]["visibility"] != "shared":
                continue
            inforce = set(grants(after, image))
            assert inforce == {prod} if letter == "a" else inforce <= {prod}, "no grant hides in the database"

    def teardown(self):
        if self.ids:
            self.fix()
            for image in self.ids:
                self.owner.delete(image)
            self.others["web-prod"].delete(self.foreign)


@pytest.fixture
def machine(cloud, tmp_path, monkeypatch) -> Iterator[type[Catalog]]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    tokens = {name: User(cloud, name).token for name in ("golden", "web-prod", "web-stage")}
    return type("Catalog", (Catalog,), {"box": cloud, "folder": tmp_path, "tokens": tokens})


def test_fix_converges_and_touches_nothing_else(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            derandomize=CI,
            database=None,
            phases=(Phase.generate,),  # a real cloud is too slow for shrinking: what failed is printed as it happened
            suppress_health_check=list(HealthCheck),
        ),
    )
