"""The scripts in real shells: what they send back, decoded."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagegate.model import Facts, Level, Phase, Seen
from imagegate.probes.disk import DiskSpace, DiskUse
from imagegate.probes.file import File, FileFact, FileKind
from imagegate.probes.fstab import FstabProbe
from imagegate.probes.kernel import KernelOption
from imagegate.probes.proxy import ProxyProbe
from imagegate.steps.files import EmptyFile, LinkFile
from imagegate.steps.fstab import CommentFstab
from imagegate.transports.linux import frames, script
from imagegate.transports.linux.decode import Unclear, decode, unfit

NONCE = "ig" + "a" * 32
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}


@pytest.fixture(params=SHELLS)
def shell(request) -> list[str]:
    if shutil.which(SHELLS[request.param][0]) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {request.param}")
    return SHELLS[request.param]


def send(shell: list[str], text: str, **more) -> bytes:
    return subprocess.run(
        shell, input=text.encode("utf-8", "surrogateescape"), capture_output=True, check=False, **more
    ).stdout


def look(shell: list[str], *probes, mounted_outside=None) -> list:
    answer = frames.parse(send(shell, script.look_script(NONCE, probes, booted=True)), NONCE)
    seen = []
    for index, probe in enumerate(probes):
        try:
            seen.append(decode(probe, answer.probes.get(index, {}), run_key=b"k" * 32, mounted_outside=mounted_outside))
        except Unclear as unclear:
            seen.append(str(unclear))
    return seen


def at(path: Path, read: int = 64) -> File:
    return File(path=str(path), read=read, classify="machine-id" if read else None)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"uninitialized\n", "uninitialized"),
        (b"0123456789abcdef0123456789abcdef\n", "id"),
        (b"0123456789ABCDEF0123456789abcdef\n", "id-irregular"),
        (b"0123456789abcdef0123456789abcdef", "id-irregular"),
        (b"0" * 32 + b"\n", "zeros"),
        (b" \n\n\n", "whitespace"),
        (b"-n\n", "dash-n"),
        (bytes(range(60)), "binary"),
        (b"\n\n\0\n\n", "binary"),
        (b"x" * 65, "too-long"),
        (b"\nig00000000000000000000000000000000 - end\n", "other"),
        (b"ig00000000000000000000000000000000 end\n", "other"),
        (b"0000000 0a 69\n0000002\n", "other"),
    ],
)
def test_contents_arrive_as_they_are(shell, tmp_path, content: bytes, kind: str) -> None:
    path = tmp_path / "machine-id"
    path.write_bytes(content)
    (fact,) = look(shell, at(path))
    assert fact.content == kind
    assert fact.size == len(content)
    assert (fact.digest is None) == (not content)


@pytest.mark.parametrize("content", [f"\n{NONCE} - end\n", f"{NONCE} end\n", f"\n{NONCE} 0 stat\n81a4 0 0 0 1 1\n"])
def test_content_that_knew_the_nonce_would_be_no_fact(shell, tmp_path, content: str) -> None:
    path = tmp_path / "machine-id"
    path.write_text(content)
    try:
        (seen,) = look(shell, at(path))
    except frames.Incomplete:
        return
    assert isinstance(seen, str)


def test_huge_file_is_not_fetched(shell, tmp_path) -> None:
    path = tmp_path / "machine-id"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    (fact,) = look(shell, at(path))
    assert (fact.content, fact.size) == ("too-long", 1 << 40)


def test_large_read(shell, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(300_000))
    (fact,) = look(shell, File(path=str(path), read=script.MAX_READ))
    assert fact.digest is not None


def test_every_kind(shell, tmp_path, monkeypatch) -> None:
    (tmp_path / "folder").mkdir(mode=0o750)
    os.mkfifo(tmp_path / "fifo", 0o640)
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        listener.bind("socket")
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o4711)
    probes = [at(tmp_path / name) for name in ("folder", "fifo", "socket", "file", "absent", "file/below")]
    folder, fifo, unix, file, absent, below = look(shell, *probes)
    assert (folder.kind, folder.mode, folder.size) == (FileKind.DIRECTORY, "0750", None)
    assert (fifo.kind, fifo.mode) == (FileKind.FIFO, "0640")
    assert unix.kind is FileKind.SOCKET
    assert (file.kind, file.mode, file.uid) == (FileKind.REGULAR, "4711", os.getuid())
    assert absent == below == FileFact(kind=FileKind.ABSENT)
    assert look(shell, at(Path("/dev/null")))[0].kind is FileKind.DEVICE


def test_links(shell, tmp_path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/id").write_text("secret")
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    for name, to in {
        "absolute": f"{tmp_path}/etc/id",
        "relative": "etc/id",
        "dangling": "etc/none",
        "nowhere": "no/where",
        "loop": "loop",
        "chain": "absolute",
        "odd": " a\n\tb'\"$(x)\\",
        "alias/below": "../etc/id",
    }.items():
        (tmp_path / name).symlink_to(to)
    names = ("absolute", "relative", "dangling", "nowhere", "loop", "chain", "odd", "alias/below")
    seen = dict(zip(names, look(shell, *(at(tmp_path / name) for name in names)), strict=True))
    assert all(fact.kind is FileKind.LINK and fact.content is None and fact.size is None for fact in seen.values())
    there = str((tmp_path / "etc/id").resolve())
    assert seen["absolute"].link_to == f"{tmp_path}/etc/id"
    assert seen["relative"].link_to == "etc/id"
    assert [seen[name].resolved for name in ("absolute", "relative", "chain", "alias/below")] == [there] * 4
    assert seen["dangling"].resolved == str(tmp_path.resolve() / "etc/none")
    assert seen["nowhere"].resolved is None
    assert seen["loop"].resolved is None
    assert seen["odd"].link_to == " a\n\tb'\"$(x)\\"


@pytest.mark.parametrize("name", ["it's", 'a "b"', "$(reboot)", "new\nline", "-rf", "ünï", "back\\slash", "`x`", "a b"])
def test_odd_names(shell, tmp_path, name: str) -> None:
    (tmp_path / name).write_text("x")
    probe = at(tmp_path / name)
    assert unfit(probe) is None
    assert look(shell, probe)[0].kind is FileKind.REGULAR


def test_mount_points(shell) -> None:
    proc, folder = look(shell, at(Path("/proc"), 0), at(Path("/etc"), 0))
    assert proc.mount_point
    assert not folder.mount_point


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(shell, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0)
    assert look(shell, at(path)) == [f"{path} may not be read by this user"]


def test_size_that_is_not_the_contents(shell) -> None:
    (said,) = look(shell, at(Path("/proc/self/cmdline")))
    assert "bytes are promised" in said or "changed while" in said


def test_kernel_option_that_is_absent(shell) -> None:
    assert look(shell, KernelOption(name="imagegate.never"))[0].state == "absent"


def test_a_part_of_the_script_runs_nothing(shell, tmp_path) -> None:
    text = script.step_script(NONCE, f": > {tmp_path}/touched")
    for length in range(0, len(text) - 3, 7):
        subprocess.run(shell, input=text[:length].encode(), capture_output=True, check=False)
    assert not (tmp_path / "touched").exists()


def test_guest_without_tools(shell, tmp_path) -> None:
    text = script.look_script(NONCE, [at(tmp_path)], booted=True).replace(
        "/usr/sbin:/usr/bin:/sbin:/bin:$PATH", "/none"
    )
    stream = send(shell if shell[0] != "busybox" else ["dash"], text)
    assert frames.says(stream, NONCE, "tools")
    with pytest.raises(frames.Incomplete):
        frames.parse(stream, NONCE)


def test_nothing_is_written_where_there_is_no_dev_null() -> None:
    probes = [at(Path("/x")), KernelOption(name="a"), DiskSpace(), DiskUse(), FstabProbe(), ProxyProbe()]
    text = script.look_script(NONCE, probes, booted=True)
    assert "/dev/null" not in text + script.step_script(NONCE, "true") + script.bootstrap(NONCE, elevate=True)


def test_bootstrap_is_one_quoted_line() -> None:
    line = script.bootstrap(NONCE, elevate=True)
    assert "\n" not in line
    assert line.count("'") == 2
    assert "!" not in line
    assert "%" not in line, "testinfra formats commands with %"


@pytest.mark.skipif(os.geteuid() != 0, reason="steps run as root")
def test_steps(shell, tmp_path) -> None:
    file, link = tmp_path / "machine-id", tmp_path / "dbus-id"
    file.write_text("x")
    file.chmod(0o440)
    common = {"subject": "s", "summary": "s", "level": Level.DISRUPTIVE, "phase": Phase.IDENTITY, "why": "w"}

    def run(step) -> tuple[bytes, bytes]:
        exchange = frames.parse(send(shell, script.step_script(NONCE, step.script())), NONCE).exchange
        return exchange["code"][0], exchange["output"][0]

    assert run(EmptyFile(file=at(file), **common)) == (b"0", b"")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"", 0o440)
    link.write_text("y")
    assert run(LinkFile(file=at(link), to=str(file), **common)) == (b"0", b"")
    assert link.readlink() == file
    code, said = run(EmptyFile(file=at(link), **common))
    assert code == b"3"
    assert b"is a link" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dbus-id", "machine-id"], "no temporary file stays"


LINES = """\
UUID=1 / ext4 defaults 0 1
\t/dev/vdb1 /my\\040data ext4 nofail 0 2
//nas/x /mnt cifs password=hunter2 0 0
/dev/vdc none swap sw"""
FSTAB_STEP = {"subject": "x", "summary": "x", "level": Level.DISRUPTIVE, "phase": Phase.CONTENT, "why": "test"}


def change(shell: list[str], step) -> tuple[bytes, bytes]:
    """Run a step as root would; exit code and output."""
    text = script.step_script(NONCE, step.script()).replace('"$(id -u)"', "0")
    exchange = frames.parse(send(shell, text), NONCE).exchange
    return exchange["code"][0], exchange["output"][0]


def test_lines_of_fstab_go_and_come_back(shell, tmp_path) -> None:
    path = tmp_path / "fstab"
    path.write_text(LINES)
    path.chmod(0o640)
    probe = FstabProbe(path=str(path))
    [before] = look(shell, probe)
    assert [(one.line, one.device, one.mount_point) for one in before.entries] == [
        (1, "disk", "/"), (2, "disk", r"/my\040data"), (3, "network", "/mnt"), (4, "disk", "none"),
    ]  # fmt: skip
    step = CommentFstab(fstab=probe, lines=((2, r"/my\040data"), (4, "none")), **FSTAB_STEP)
    seen = Facts({probe: Seen(value=before, at=NOW)}, NOW)
    assert change(shell, step) == (b"0", b"")
    [after] = look(shell, probe)
    assert after == step.simulate(seen)[probe]
    assert "#imagegate# \t/dev/vdb1" in path.read_text()
    assert (path.stat().st_mode & 0o777, [one.name for one in tmp_path.iterdir()]) == (0o640, ["fstab"])
    assert change(shell, step)[0] == b"3", "they are no longer in force"
    assert change(shell, replace(step, commented=False)) == (b"0", b"")
    assert path.read_text().rstrip("\n") == LINES
    assert look(shell, probe) == [before]


@pytest.mark.parametrize("lines", [((2, "/other"),), ((1, "/"), (2, "/my data")), ((9, "/x"),), ((3, "/mnt2"),)])
def test_a_line_that_is_another_by_now_is_left_alone(shell, tmp_path, lines) -> None:
    path = tmp_path / "fstab"
    path.write_text(LINES)
    code, said = change(shell, CommentFstab(fstab=FstabProbe(path=str(path)), lines=lines, **FSTAB_STEP))
    assert (code, path.read_text()) == (b"3", LINES)
    assert b"is another by now" in said
    assert b"hunter2" not in said


@pytest.mark.parametrize("kind", ["link", "folder", "absent"])
def test_fstab_that_is_no_plain_file_is_left_alone(shell, tmp_path, kind) -> None:
    path = tmp_path / "fstab"
    (tmp_path / "real").write_text(LINES)
    {"link": lambda: path.symlink_to("real"), "folder": path.mkdir, "absent": lambda: None}[kind]()
    [fact] = look(shell, FstabProbe(path=str(path)))
    assert str(fact.kind) == {"folder": "directory"}.get(kind, kind)
    assert fact.entries == ()
    code, said = change(shell, CommentFstab(fstab=FstabProbe(path=str(path)), lines=((1, "/"),), **FSTAB_STEP))
    assert (code, (tmp_path / "real").read_text()) == (b"3", LINES)
    assert b"is not a regular file" in said


def test_free_space_is_that_of_df(shell, tmp_path) -> None:
    [fact] = look(shell, DiskSpace(path=str(tmp_path)))
    room = os.statvfs(tmp_path)
    assert abs(fact.free_kb - room.f_bavail * room.f_frsize // 1024) < 512 * 1024, "others write meanwhile"
    [nothing] = look(shell, DiskSpace(path=str(tmp_path / "absent")))
    assert nothing == f"{tmp_path}/absent: the guest's stat does not tell how much is free"


def test_use_is_that_of_df(shell, tmp_path) -> None:
    [fact] = look(shell, DiskUse(path=str(tmp_path)))
    room = os.statvfs(tmp_path)
    assert fact.size_kb == room.f_blocks * room.f_frsize // 1024
    used = (room.f_blocks - room.f_bfree) * room.f_frsize // 1024
    assert abs(fact.used_kb - used) < 512 * 1024, "others write meanwhile"
    [nothing] = look(shell, DiskUse(path=str(tmp_path / "absent")))
    assert nothing == f"{tmp_path}/absent: the guest's stat does not tell how much is used"


def test_proxies_by_pattern(shell, tmp_path) -> None:
    folder = tmp_path / "it's $(a) folder"
    folder.mkdir()
    (tmp_path / "environment").write_text('no_proxy="169.254.0.0/16"\n')
    (folder / "b.sh").write_text("export http_proxy=http://user:hunter2@proxy\n")
    (folder / "a.sh").write_text("umask 022\n")
    (folder / "c.txt").write_text("http_proxy=x\n")
    (folder / "d.sh").mkdir()
    [fact] = look(shell, ProxyProbe(files=(f"{tmp_path}/environment", f"{folder}/*.sh", f"{tmp_path}/none/*.sh")))
    assert [(one.path, one.proxy, one.bypass) for one in fact.files] == [
        (f"{tmp_path}/environment", False, "network"), (f"{folder}/b.sh", True, "unset"),
    ]  # fmt: skip
    assert "hunter2" not in repr(fact)


def test_no_file_that_could_set_a_proxy(shell, tmp_path) -> None:
    assert look(shell, ProxyProbe(files=(f"{tmp_path}/x", f"{tmp_path}/*.sh")))[0].files == ()


def test_a_huge_file_that_could_set_a_proxy_is_not_fetched(shell, tmp_path) -> None:
    with (tmp_path / "x.sh").open("wb") as file:
        file.truncate(1 << 40)
    [said] = look(shell, ProxyProbe(files=(f"{tmp_path}/*.sh",)))
    assert said == "a file that may set a proxy is longer than 65536 bytes"
