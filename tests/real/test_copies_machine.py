"""Whatever people do to images and their copies in two real Glances: --fix makes what is missing, and nothing else."""

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.real.copies import CHECK, Scene
from tests.real.support import CI, User, ledger

from imagegate.model import Level, RemedyState, Verdict
from imagegate.options import Options
from imagegate.run import Run

pytestmark = pytest.mark.real

SOURCES = st.integers(0, 1)


class Copies(RuleBasedStateMachine):
    """Two sources in KR1 whose copies have to be in KR2, and a bystander there."""

    box = None
    folder = None
    tokens = None

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(self.box, self.folder)
        for user in (self.scene.here, self.scene.there):
            user._token = self.tokens["golden"]
        self.policy = self.scene.policy()
        self.data = [f"{self.scene.tag} {index}".encode() * 1000 for index in range(2)]
        self.sources: list[str] = []
        self.others: list[str] = []

    # what people do

    @initialize()
    def make(self):
        self.sources = [self.scene.source(f"s{n}", data, tier="gold") for n, data in enumerate(self.data)]
        self.others = [self.scene.there.create(f"bystander-{self.scene.tag}")]

    def copies(self, index):
        """Copies that are more than begun."""
        return [one for one in self.scene.copies(self.sources[index]) if one["status"] == "active"]

    @rule(index=SOURCES)
    def delete_copies(self, index):
        for copy in self.scene.copies(self.sources[index]):
            self.scene.there.delete(copy["id"])

    @rule(index=SOURCES, whole=st.booleans())
    def copy_by_hand(self, index, whole):
        """A right one, or one whose data are not the source's."""
        if not self.scene.copies(self.sources[index]):
            self.scene.beside(self.sources[index], data=self.data[index] if whole else b"other", tier="gold")

    @rule(index=SOURCES, value=st.sampled_from(("gold", "lead")))
    def label_copies(self, index, value):
        for copy in self.copies(index):
            self.scene.there.label(copy["id"], "tier", value)

    @rule(index=SOURCES, value=st.sampled_from(("gold", "lead")))
    def label_source(self, index, value):
        self.scene.here.label(self.sources[index], "tier", value)

    @rule(index=SOURCES, protected=st.booleans())
    def protect(self, index, protected):
        self.scene.here.change(self.sources[index], protected=protected)

    @rule(index=SOURCES, allowed=st.sampled_from(("true", "false", None)))
    def allow_download(self, index, allowed):
        self.scene.here.label(self.sources[index], "nhncloud_allow_download", allowed)

    @rule(index=SOURCES)
    def release_anew(self, index):
        """The source is deleted and captured again: its copies are orphans."""
        self.others += [copy["id"] for copy in self.scene.copies(self.sources[index])]
        self.scene.here.delete(self.sources[index])
        self.data[index] += b"again"
        self.sources[index] = self.scene.source(f"s{index}", self.data[index], tier="gold")

    # what imagegate does

    def audited(self, level):
        """Run an audit. No image that was there before may differ afterwards in either Glance's database."""
        books = [ledger(self.box, region) for region in ("KR1", "KR2")]
        run = Run(Options(command="audit", policy=self.policy, fix_level=level))
        try:
            result = run.execute(run.discover())
        finally:
            run.close()
        here, there = (ledger(self.box, region) for region in ("KR1", "KR2"))
        assert here == books[0]
        assert {image: there[image] for image in books[1]} == books[1], "no copy is changed or deleted"
        assert {finding.target.id for finding in result.findings} == set(self.sources)
        return result, there.keys() - books[1].keys()

    def as_required(self, index):
        """Whether the copies of a source are there, and as the policy wants them."""
        source = self.scene.here.get(self.sources[index])
        return [
            (copy["os_hash_value"], copy["tier"]) == (source["os_hash_value"], source["tier"])
            and (copy["protected"] or not source["protected"])
            for copy in self.copies(index)
        ]

    @rule(level=st.sampled_from((None, Level.SAFE)))
    def look(self, level):
        """Without leave nothing is copied; what is said is so."""
        result, made = self.audited(level)
        assert made == set()
        for finding in result.findings:
            right = self.as_required(self.sources.index(finding.target.id))
            assert (finding.verdict is Verdict.PASS) is (bool(right) and all(right)), finding

    @rule()
    def fix(self):
        before = [bool(self.copies(index)) for index in range(2)]
        allowed = [self.scene.here.get(one).get("nhncloud_allow_download") != "false" for one in self.sources]
        result, made = self.audited(Level.DISRUPTIVE)
        wanted = {index for index in range(2) if not before[index] and allowed[index]}
        assert len(made) == len(wanted)
        assert {copy["id"] for index in wanted for copy in self.copies(index)} == made
        for index in wanted:
            (copy,) = self.copies(index)
            assert self.scene.data(copy) == hashlib.sha512(self.data[index]).hexdigest()
            assert self.as_required(index) == [True]
        for finding in result.findings:
            index = self.sources.index(finding.target.id)
            assert (finding.check.id, finding.fixed) == (CHECK, index in wanted)
        again, more = self.audited(Level.DISRUPTIVE)
        assert more == set(), "a second run copies nothing"
        for finding in again.findings:
            right = self.as_required(self.sources.index(finding.target.id))
            passes = bool(right) and all(right)
            assert finding.verdict is (Verdict.PASS if passes else Verdict.FAIL)
            assert finding.remedy.state is (RemedyState.NONE if passes else RemedyState.MANUAL)
        assert int(again.exit_code) == (0 if all(f.verdict is Verdict.PASS for f in again.findings) else 1)

    def teardown(self):
        if self.sources:
            self.fix()
            for index, source in enumerate(self.sources):
                self.delete_copies(index)
                self.scene.here.delete(source)
            for other in self.others:
                self.scene.there.delete(other)


@pytest.fixture
def machine(cloud, tmp_path, monkeypatch) -> Iterator[type[Copies]]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    return type("Copies", (Copies,), {"box": cloud, "folder": tmp_path, "tokens": {"golden": User(cloud).token}})


def test_missing_copies_are_made_and_nothing_else_is_touched(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=3,
            stateful_step_count=8,
            deadline=None,
            derandomize=CI,
            database=None,
            phases=(Phase.generate,),  # a real cloud is too slow for shrinking: what failed is printed as it happened
            suppress_health_check=list(HealthCheck),
        ),
    )
