"""Steps: what they expect, simulate, send, and what their shell does to real files."""

import shutil
import subprocess
from dataclasses import fields, replace

import pytest
from tests.checks.world import NOW, OFF, server

from imagegate import steps
from imagegate.model import Facts, Level, Phase, Seen, Source, Step
from imagegate.probes import IMAGE, MEMBERS, SERVER, File, FileFact, FileKind, ImageFact, Member, MembersFact
from imagegate.steps import (
    AddMember,
    EmptyFile,
    LinkFile,
    Manual,
    RemoveMember,
    SetProtected,
    SetVisibility,
    StopServer,
)

SAID = {"subject": "s", "summary": "s", "level": Level.DISRUPTIVE, "phase": Phase.IDENTITY, "why": "w"}
GOLDEN = ImageFact(
    id="a/b c", name="golden", owner="o", mine=True, status="active", visibility="private", protected=False
)


def facts(**seen) -> Facts:
    """Facts by name: image, members, server."""
    by_name = {"image": IMAGE, "members": MEMBERS, "server": SERVER}
    return Facts({by_name[name]: Seen(value=value, at=NOW) for name, value in seen.items()}, NOW)


def members(*projects):
    """Members of an image."""
    return MembersFact(members=tuple(Member(project=project, status="accepted") for project in projects))


IMAGED = facts(image=GOLDEN, members=members("p"))


# ---- calls to the image API


def test_protecting_is_one_patch_and_changes_nothing_else():
    step = SetProtected(protected=True, **SAID)
    call = step.call(IMAGED)
    assert (call.method, call.service, call.path) == ("PATCH", "image", "/v2/images/a%2Fb%20c")
    assert call.body == [{"op": "replace", "path": "/protected", "value": True}]
    assert call.content_type == "application/openstack-images-v2.1-json-patch"
    after = step.simulate(IMAGED)
    assert after[IMAGE] == replace(GOLDEN, protected=True)
    assert (step.done(IMAGED), step.done(after)) == (False, True)
    assert after[MEMBERS] == IMAGED[MEMBERS]


def test_changing_the_visibility_is_one_patch():
    step = SetVisibility(visibility="shared", **SAID)
    assert step.call(IMAGED).body == [{"op": "replace", "path": "/visibility", "value": "shared"}]
    after = step.simulate(IMAGED)
    assert after[IMAGE] == replace(GOLDEN, visibility="shared")
    assert (step.done(IMAGED), step.done(after)) == (False, True)


def test_adding_a_member_is_a_post_and_one_that_is_there_already_is_no_error():
    step = AddMember(project="x/y", **SAID)
    call = step.call(IMAGED)
    assert (call.method, call.path, call.body) == ("POST", "/v2/images/a%2Fb%20c/members", {"member": "x/y"})
    assert call.already == frozenset({409})
    after = step.simulate(IMAGED)
    assert [m.project for m in after[MEMBERS].members] == ["p", "x/y"]
    assert after[MEMBERS].members[1].status == "pending"
    assert (step.done(IMAGED), step.done(after)) == (False, True)


def test_adding_a_member_that_is_there_keeps_one_row():
    assert len(AddMember(project="p", **SAID).simulate(IMAGED)[MEMBERS].members) == 1


def test_removing_a_member_is_a_delete_and_one_that_is_gone_already_is_no_error():
    step = RemoveMember(project="p", **SAID)
    call = step.call(IMAGED)
    assert (call.method, call.path, call.body) == ("DELETE", "/v2/images/a%2Fb%20c/members/p", None)
    assert call.already == frozenset({404})
    shared = IMAGED.with_fact(IMAGE, replace(GOLDEN, visibility="shared"))
    after = step.simulate(shared)
    assert after[MEMBERS].members == ()
    assert (step.done(shared), step.done(after)) == (False, True)


def test_a_member_that_is_only_hidden_is_not_removed():
    assert not RemoveMember(project="p", **SAID).done(IMAGED.with_fact(MEMBERS, members()))


def test_an_id_cannot_leave_its_place_in_the_path():
    call = RemoveMember(project="../../x?y#z", **SAID).call(IMAGED)
    assert call.path == "/v2/images/a%2Fb%20c/members/..%2F..%2Fx%3Fy%23z"


@pytest.mark.parametrize("step", [AddMember(project="x", **SAID), RemoveMember(project="p", **SAID)])
def test_a_member_step_is_void_when_its_member_the_visibility_or_the_image_changed_and_only_then(step):
    basis = step.basis(IMAGED)
    toggled = members("p", "x") if isinstance(step, AddMember) else members()
    assert step.basis(IMAGED.with_fact(MEMBERS, toggled)) != basis
    assert step.basis(IMAGED.with_fact(IMAGE, replace(GOLDEN, visibility="public"))) != basis
    assert step.basis(IMAGED.with_fact(IMAGE, replace(GOLDEN, id="other"))) != basis
    assert step.basis(IMAGED.with_fact(MEMBERS, members("p", "somebody"))) == basis
    assert step.basis(IMAGED.with_fact(IMAGE, replace(GOLDEN, name="renamed"))) == basis


def test_protection_is_void_when_the_status_changed():
    step = SetProtected(protected=True, **SAID)
    assert step.basis(IMAGED.with_fact(IMAGE, replace(GOLDEN, status="deleted"))) != step.basis(IMAGED)


# ---- the compute API


def test_stopping_is_an_action_and_is_done_when_the_record_is_at_rest():
    step = StopServer(**SAID)
    seen = facts(server=server("s/1"))
    call = step.call(seen)
    assert (call.service, call.method, call.path) == ("compute", "POST", "/servers/s%2F1/action")
    assert call.body == {"os-stop": None}
    after = step.simulate(seen)
    assert step.done(after)
    for change in ({"status": "ACTIVE"}, {"power_state": 1}, {"task_state": "powering-off"}):
        assert not step.done(facts(server=replace(server("s/1", **OFF), **change)))


@pytest.mark.parametrize("change", [{"id": "x"}, {"status": "ERROR"}, {"task_state": "rebuilding"}])
def test_stopping_is_void_when_the_server_is_not_as_it_was(change):
    step = StopServer(**SAID)
    assert step.basis(facts(server=server("s", **change))) != step.basis(facts(server=server("s")))


# ---- what only a person can do


def test_a_persons_step_reads_and_changes_nothing_and_is_never_done():
    step = Manual(subject="s", summary="tick the box", why="no API")
    assert step.level is Level.MANUAL
    assert step.reads == ()
    assert step.simulate(IMAGED) is IMAGED
    assert not step.done(IMAGED)
    assert step.basis(IMAGED) is None


# ---- the shell, on real files


@pytest.fixture(params=["sh", *filter(shutil.which, ("dash", "bash"))])
def shell(request):
    """Run a step's script with each shell that this machine has."""

    def run(step):
        return subprocess.run([request.param, "-c", step.script()], capture_output=True, text=True, check=False)

    return run


def empties(path):
    """A step that empties a file."""
    return EmptyFile(file=File(path=str(path)), **SAID)


def links(path, to):
    """A step that makes a link."""
    return LinkFile(file=File(path=str(path)), to=str(to), **SAID)


def names(folder):
    """What is in a folder: nothing temporary may stay."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_emptied_and_keeps_its_mode(shell, tmp_path):
    path = tmp_path / "machine id'$x"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    path.chmod(0o640)
    was = path.stat().st_ino
    assert shell(empties(path)).returncode == 0
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o7777 == 0o640
    assert path.stat().st_ino != was, "it was not replaced atomically"
    assert names(tmp_path) == [path.name]


def test_a_missing_file_is_made_readable_by_all_and_writable_by_nobody(shell, tmp_path):
    path = tmp_path / "machine-id"
    assert shell(empties(path)).returncode == 0
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o7777 == 0o444
    assert names(tmp_path) == ["machine-id"]


def test_emptying_never_follows_a_link(shell, tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("precious")
    link.symlink_to(real)
    done = shell(empties(link))
    assert (done.returncode, done.stderr.strip()) == (3, f"{link} is a link")
    assert real.read_text() == "precious"
    assert link.is_symlink()


def test_emptying_a_dangling_link_makes_nothing(shell, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    assert shell(empties(link)).returncode == 3
    assert names(tmp_path) == ["link"]


def test_a_folder_is_not_emptied(shell, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").write_text("precious")
    done = shell(empties(folder))
    assert (done.returncode, done.stderr.strip()) == (3, f"{folder} is not a regular file")
    assert names(tmp_path) == ["folder"]


def test_emptying_where_nothing_can_be_made_fails_with_a_code(shell, tmp_path):
    assert shell(empties(tmp_path / "no" / "such" / "folder" / "file")).returncode == 4


def test_a_regular_file_is_replaced_by_a_link(shell, tmp_path):
    path = tmp_path / "dbus id"
    path.write_text("an id")
    assert shell(links(path, "/etc/machine-id")).returncode == 0
    assert str(path.readlink()) == "/etc/machine-id"
    assert names(tmp_path) == ["dbus id"]


@pytest.mark.parametrize("kind", ["file", "nowhere", "folder"])
def test_a_link_is_replaced_and_what_it_led_to_is_left_alone(shell, tmp_path, kind):
    real, path = tmp_path / "real", tmp_path / "dbus"
    if kind == "file":
        real.write_text("precious")
    elif kind == "folder":
        real.mkdir()
    path.symlink_to(real)
    done = shell(links(path, "/etc/machine-id"))
    assert (done.returncode, done.stderr) == (0, "")
    assert str(path.readlink()) == "/etc/machine-id"
    assert kind != "folder" or names(real) == []
    assert kind != "file" or real.read_text() == "precious"
    assert names(tmp_path) == (["dbus"] if kind == "nowhere" else ["dbus", "real"])


def test_a_folder_is_not_replaced_by_a_link(shell, tmp_path):
    folder = tmp_path / "dbus"
    folder.mkdir()
    assert shell(links(folder, "/etc/machine-id")).returncode == 3
    assert folder.is_dir()
    assert not folder.is_symlink()


def test_nothing_is_not_replaced_by_a_link(shell, tmp_path):
    assert shell(links(tmp_path / "dbus", "/etc/machine-id")).returncode == 3
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "was", [FileFact(kind=FileKind.ABSENT), FileFact(kind=FileKind.REGULAR, size=33, mode="0640", uid=5)]
)
def test_emptying_simulates_what_the_shell_does(was):
    file = File(path="/a")
    after = EmptyFile(file=file, **SAID).simulate(Facts({file: Seen(value=was, at=NOW)}, NOW))[file]
    assert (after.kind, after.size, after.content, after.link_to) == (FileKind.REGULAR, 0, "empty", None)
    assert (after.mode, after.uid) == (("0640", 5) if was.mode else ("0444", 0))


# ---- all of them


def test_every_step_says_who_carries_it_out_and_is_a_value():
    kinds = [getattr(steps, name) for name in steps.__all__]
    concrete = [
        kind
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, Step) and kind not in (steps.ApiStep, steps.GuestStep)
    ]
    assert len(concrete) >= 12
    for kind in concrete:
        assert isinstance(kind.source, Source)
        assert kind.__dataclass_params__.frozen
        assert "why" in {field.name for field in fields(kind)}


def test_the_abstract_steps_ask_to_be_filled_in():
    with pytest.raises(NotImplementedError):
        steps.GuestStep(**SAID).script()
    with pytest.raises(NotImplementedError):
        steps.ApiStep(**SAID).call(IMAGED)
