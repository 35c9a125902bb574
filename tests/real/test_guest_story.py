"""Source, captured copy, two clones: with real systemd, which writes the real machine ids."""

import pytest
from tests.real.guests import Compute, imagegate, require_guests, ssh, write_policy

from imagegate import sandbox
from imagegate.model import Level
from imagegate.options import Options
from imagegate.run import Run
from imagegate.sandbox import guests
from imagegate.steps import EmptyFile, LinkFile

SOURCES = ("src-fixed", "src-untouched", "src-unlinked", "src-unemptied")


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Keystone, Glance, Nova, and four guests with an id and a regular D-Bus copy of it."""
    require_guests()
    root = tmp_path_factory.mktemp("story") / "run"
    specs = [
        sandbox.GuestSpec(name=name, dbus="file", user="ubuntu" if name == "src-fixed" else "root") for name in SOURCES
    ]
    yield sandbox.up(root, guests=specs)
    sandbox.down(root)


def ids_of_clones(box, source):
    """Halt ``source``, capture it, boot two clones; returns the ids of source and clones as they see them."""
    guests.halt(box.root, source)
    found = []
    for letter in "ab":
        name = f"{source}-{letter}"
        guests.clone(box.root, source, name)
        found.append(ssh(box.root, name, "cat /etc/machine-id").strip())
        assert ssh(box.root, name, "cat /var/lib/dbus/machine-id").strip() == found[-1]
        guests.halt(box.root, name)
    return found


def apply_only(box, policy, name, kind):
    """Apply the steps of the fix that are of ``kind``, and leave the others out."""
    options = Options(
        command="gate", policy=policy, instances=(name,), inventory=box.inventory, fix_level=Level.DISRUPTIVE
    )
    run = Run(options)
    pairs = [pair for pair in run.discover() if pair.check.id == "linux-machine-id-reset"]
    run.engine.look(pairs)
    run.engine.judge(pairs)
    run.engine.plan(pairs, run._grant(), changed_targets=1)
    (plan,) = run.engine.plans.values()
    assert [type(planned.step) for planned in plan.granted] == [LinkFile, EmptyFile]
    for planned in plan.granted:
        if isinstance(planned.step, kind):
            facts = run.engine.look_at(plan.target, planned.step.reads, fresh=True)
            run.engine.transports[planned.step.source].apply(plan.target, planned.step, facts, timeout_s=30)
    run.close()


def test_clones_of_an_untouched_source_share_its_id(box):
    before = ssh(box.root, "src-untouched", "cat /etc/machine-id").strip()
    assert ids_of_clones(box, "src-untouched") == [before, before]


@pytest.mark.parametrize(("name", "kind"), [("src-unlinked", EmptyFile), ("src-unemptied", LinkFile)])
def test_each_rule_of_the_fix_left_out_makes_the_clones_collide(box, tmp_path, name, kind):
    policy = write_policy(tmp_path / "policy.yaml", "linux-machine-id-reset:")
    before = ssh(box.root, name, "cat /etc/machine-id").strip()
    apply_only(box, policy, name, kind)
    gate = imagegate("gate", name, "--policy", policy, "--inventory", box.inventory, reports=tmp_path / "reports")
    assert gate.code == 1, gate.stdout
    assert ids_of_clones(box, name) == [before, before]


def test_gate_fix_stop_and_two_clones_with_ids_of_their_own(box, tmp_path):
    policy = write_policy(
        tmp_path / "policy.yaml", "linux-machine-id-reset:", "capture-instance-stopped:", clouds="sandbox"
    )
    name, reports = "src-fixed", tmp_path / "reports"
    gate = ["gate", name, "--policy", policy, "--inventory", box.inventory]
    compute = Compute(box)
    before = ssh(box.root, name, "cat /etc/machine-id").strip()

    first = imagegate(*gate, reports=reports, clouds_yaml=box.clouds_yaml)
    assert first.code == 1, first.stdout + first.stderr
    subjects = [v["subject"] for v in first.finding(name, "linux-machine-id-reset")["violations"]]
    assert subjects == ["/etc/machine-id", "/var/lib/dbus/machine-id"]
    assert all(subject in first.stdout for subject in subjects)
    assert before not in first.stdout + (reports / "latest" / "report.json").read_text()

    safe = imagegate(*gate, "--fix", reports=reports, clouds_yaml=box.clouds_yaml)
    assert (safe.code, compute.server(name)["status"]) == (1, "ACTIVE")
    assert ssh(box.root, name, "cat /etc/machine-id").strip() == before  # nothing here is safe

    fixed = imagegate(*gate, "--fix", "--fix-level", "disruptive", reports=reports, clouds_yaml=box.clouds_yaml)
    assert fixed.code == 0, fixed.stdout + fixed.stderr
    assert {f["remedy"]["state"] for f in fixed.report["findings"]} == {"verified"}
    assert compute.server(name)["status"] == "SHUTOFF"
    assert not guests.is_running(box.root, name)

    again = imagegate(*gate, reports=reports, clouds_yaml=box.clouds_yaml)
    assert again.code == 0, again.stdout
    assert "before the instance was stopped" in again.finding(name, "linux-machine-id-reset")["note"]

    elsewhere = imagegate(*gate, reports=tmp_path / "without-evidence", clouds_yaml=box.clouds_yaml)
    assert elsewhere.code == 10, elsewhere.stdout
    assert elsewhere.finding(name, "capture-instance-stopped")["verdict"] == "pass"

    one, other = ids_of_clones(box, name)
    assert len({before, one, other}) == 3


def test_evidence_is_void_once_the_instance_was_started(box, tmp_path):
    name, reports = "src-fixed", tmp_path / "reports"
    policy = write_policy(
        tmp_path / "policy.yaml", "linux-machine-id-reset:", "capture-instance-stopped:", clouds="sandbox"
    )
    gate = ["gate", name, "--policy", policy, "--inventory", box.inventory]
    compute = Compute(box)
    if compute.server(name)["status"] == "SHUTOFF":
        compute.act(name, {"os-start": None}, "ACTIVE")
    fix = [*gate, "--fix", "--fix-level", "disruptive"]
    assert imagegate(*fix, reports=reports, clouds_yaml=box.clouds_yaml).code == 0
    assert imagegate(*gate, reports=reports, clouds_yaml=box.clouds_yaml).code == 0
    compute.act(name, {"os-start": None}, "ACTIVE")
    started = imagegate(*gate, reports=reports, clouds_yaml=box.clouds_yaml)
    assert started.finding(name, "linux-machine-id-reset")["verdict"] == "fail"  # systemd wrote a new id
    compute.act(name, {"os-stop": None}, "SHUTOFF")
    stopped = imagegate(*gate, reports=reports, clouds_yaml=box.clouds_yaml)
    assert stopped.code == 10, stopped.stdout
    assert stopped.finding(name, "linux-machine-id-reset")["verdict"] == "unknown"


def test_an_undo_starts_the_instance_and_cannot_bring_the_id_back(box, tmp_path):
    name, reports = "src-fixed", tmp_path / "reports"
    policy = write_policy(
        tmp_path / "policy.yaml", "linux-machine-id-reset:", "capture-instance-stopped:", clouds="sandbox"
    )
    compute = Compute(box)
    if compute.server(name)["status"] == "SHUTOFF":
        compute.act(name, {"os-start": None}, "ACTIVE")
    fix = ["gate", name, "--policy", policy, "--inventory", box.inventory, "--fix", "--fix-level", "disruptive"]
    assert imagegate(*fix, reports=reports, clouds_yaml=box.clouds_yaml).code == 0
    assert compute.server(name)["status"] == "SHUTOFF"
    undo = ["undo", "latest", "--yes", "--inventory", box.inventory]
    undone = imagegate(*undo, reports=reports, clouds_yaml=box.clouds_yaml)
    assert undone.code == 11, undone.stdout + undone.stderr
    assert compute.server(name)["status"] == "ACTIVE"
    assert f"taken back stop the instance {name}" in undone.stdout
    assert "no way back empty /etc/machine-id: what the file held was never kept" in undone.stdout
    ssh(box.root, name, "true")
    again = imagegate(*undo, reports=reports, clouds_yaml=box.clouds_yaml)
    assert f"as before stop the instance {name}" in again.stdout, "twice does nothing"
