"""The Linux transport against real OpenSSH servers."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagegate.errors import Owner, StepError
from imagegate.inventory import Host, Inventory, Via
from imagegate.model import Facts, Kind, Level, Phase, Seen, Target, Unseen
from imagegate.probes.disk import DiskSpace
from imagegate.probes.file import File, FileKind
from imagegate.probes.fstab import FstabProbe
from imagegate.probes.kernel import KernelOption
from imagegate.probes.proxy import ProxyProbe
from imagegate.steps.files import EmptyFile, GuestStep
from imagegate.steps.fstab import CommentFstab
from imagegate.transports.linux import LinuxTransport

_spec = importlib.util.spec_from_file_location("ig_test_sshd", Path(__file__).with_name("sshd.py"))
assert _spec
assert _spec.loader
sshd = importlib.util.module_from_spec(_spec)
sys.modules["ig_test_sshd"] = sshd
_spec.loader.exec_module(sshd)

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")]

ID = "0123456789abcdef0123456789abcdef\n"
OPTION = KernelOption(name="imagegate.never")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[sshd.Site]:
    sshd.skip_or_fail(sshd.missing())
    site = sshd.Site(tmp_path)
    yield site
    site.close()


@pytest.fixture
def make(site) -> Iterator:
    transports = []

    def make(*hosts: Host) -> LinuxTransport:
        transports.append(LinuxTransport(Inventory(hosts={host.name: host for host in hosts}), b"k" * 32))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def identity(tmp_path: Path) -> File:
    path = tmp_path / "machine-id"
    path.write_text(ID)
    return File(path=str(path), read=64, classify="machine-id")


def host(site, server, name: str = "web-01", **more) -> Host:
    return Host(name=name, address="127.0.0.1", port=server.port, user="root", ssh_config=site.config, **more)


def target(name: str = "web-01") -> Target:
    return Target(kind=Kind.INSTANCE, id=name, name=name, guest=name)


def look(transport: LinuxTransport, *probes, name: str = "web-01", timeout_s: float = 20.0) -> Facts:
    return transport.look(target(name), probes, timeout_s=timeout_s, fresh=True)


def reason(facts: Facts, probe) -> str:
    unseen = facts.observation(probe)
    assert isinstance(unseen, Unseen), unseen
    return unseen.reason


def masters(transport: LinuxTransport) -> list[str]:
    folder = transport._ssh._folder
    listed = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if folder and str(folder) in line and "[mux]" in line]


def empty(file: File) -> EmptyFile:
    return EmptyFile(
        subject=file.path,
        summary=f"empty {file.path}",
        level=Level.DISRUPTIVE,
        phase=Phase.IDENTITY,
        why="test",
        file=file,
    )


class Script(GuestStep):
    """A step of one line of shell."""

    __slots__ = ()
    text = ""

    def script(self) -> str:
        return self.text


def step(text: str) -> GuestStep:
    made = Script(subject="x", summary="do it", level=Level.DISRUPTIVE, phase=Phase.CONTENT, why="test")
    return type("OneScript", (Script,), {"text": text, "__slots__": ()})(
        subject=made.subject, summary=made.summary, level=made.level, phase=made.phase, why=made.why
    )


def test_looks_mends_and_looks_again(site, make, identity) -> None:
    transport = make(host(site, site.server()))
    before = look(transport, identity, OPTION)
    fact = before[identity]
    assert (fact.kind, fact.content, fact.size, fact.mode) == (FileKind.REGULAR, "id", 33, "0644")
    assert before[OPTION].state == "absent"
    assert ID.strip() not in repr(before)
    assert not masters(transport)

    fresh = look(transport, identity)
    assert fresh[identity] == fact
    transport.apply(target(), empty(identity), fresh, timeout_s=20)
    after = look(transport, identity)
    assert empty(identity).done(after)
    assert after[identity] == empty(identity).simulate(fresh)[identity]
    assert len(masters(transport)) == 1

    transport.close()
    transport.close()
    for _ in range(50):
        if not masters(transport):
            break
        time.sleep(0.02)
    assert not masters(transport)


def test_another_run_cannot_compare_digests(site, make, identity) -> None:
    server = site.server()
    one = look(make(host(site, server)), identity)[identity]
    other = LinuxTransport(Inventory(hosts={"web-01": host(site, server)}), b"z" * 32)
    assert look(other, identity)[identity].digest != one.digest
    other.close()


NOISE = """#!/bin/sh
printf 'Last login: yesterday'
echo 'ig00000000000000000000000000000000 0 - end 0 '
cat /usr/bin/env
echo "noise on stderr: Connection refused" >&2
{run}
printf '\\nbye, ig00000000000000000000000000000000 1 - end 0 '
cat /usr/bin/env
"""


@pytest.mark.parametrize(
    "run",
    ['/bin/sh -c "$SSH_ORIGINAL_COMMAND"', 'tee /dev/stderr | /bin/sh -c "$SSH_ORIGINAL_COMMAND"'],
    ids=["before-and-after", "echo"],
)
def test_noise_changes_nothing(site, make, identity, run: str) -> None:
    noisy = site.folder / "noisy"
    noisy.write_text(NOISE.format(run=run))
    noisy.chmod(0o755)
    banner = site.folder / "banner"
    banner.write_text("Authorised use only\nig0 0 - end 0 \n" * 50)
    quiet = look(make(host(site, site.server())), identity)[identity]
    transport = make(host(site, site.server(f"ForceCommand {noisy}\nBanner {banner}")))
    assert look(transport, identity)[identity] == quiet


def test_flood_ends_at_the_cap(site, make, identity) -> None:
    transport = make(host(site, site.server("ForceCommand yes")))
    assert reason(look(transport, identity), identity).startswith("web-01: it sent more than 4 MiB")


def test_login_shell_that_runs_nothing(site, make, identity) -> None:
    transport = make(host(site, site.server("ForceCommand echo 'Please login as the user ubuntu'; exit 142")))
    said = reason(look(transport, identity), identity)
    assert said == (
        "web-01: the login shell did not run our command (exit code 142; it said: Please login as the user ubuntu)"
    )


def test_exit_code_255_is_no_transport_failure(site, make, identity) -> None:
    transport = make(host(site, site.server('ForceCommand /bin/sh -c "$SSH_ORIGINAL_COMMAND"; exit 255')))
    assert look(transport, identity)[identity].content == "id"


def test_connection_refused(site, make, identity) -> None:
    server = site.server()
    server.stop()
    facts = look(make(host(site, server)), identity)
    assert reason(facts, identity) == f"web-01: connection refused on 127.0.0.1:{server.port} (is sshd running?)"


def test_key_refused(site, make, identity) -> None:
    server = site.server()
    (server.folder / "authorized").write_text("")
    said = reason(look(make(host(site, server)), identity), identity)
    assert said.startswith("web-01: the key was refused for user root at 127.0.0.1 (the server accepts: ")


def test_host_key_not_known(site, make, identity) -> None:
    server = site.server(trusted=False)
    said = reason(look(make(host(site, server)), identity), identity)
    assert said.startswith(
        f"web-01: the host key of 127.0.0.1:{server.port} is not in known_hosts: get it with ssh-keyscan"
    )
    assert not site.known_hosts.read_text()


def test_host_key_changed(site, make, identity) -> None:
    server = site.server()
    server.stop()
    sshd.keygen(server.folder / "host")
    server.start()
    said = reason(look(make(host(site, server)), identity), identity)
    assert said.startswith(f"web-01: the host key of [127.0.0.1]:{server.port} has changed"), said
    relaxed = host(site, server, host_key_checking=False)
    assert relaxed.relaxed == "its SSH host key is not verified"
    assert look(make(relaxed), identity)[identity].content == "id"


def test_users_own_laxity_does_not_count(site, make, identity) -> None:
    server = site.server(trusted=False)
    site.config.write_text("StrictHostKeyChecking no\n" + site.config.read_text())
    assert "not in known_hosts" in reason(look(make(host(site, server)), identity), identity)


def test_name_not_resolved(site, make, identity) -> None:
    nowhere = Host(name="web-01", address="no-such-host.invalid", user="root", ssh_config=site.config)
    said = reason(look(make(nowhere), identity), identity)
    assert said == "web-01: the name no-such-host.invalid is not resolved"


def test_broken_ssh_config_is_the_users(site, make, identity) -> None:
    server = site.server()
    site.config.write_text("Nonsense yes\n")
    facts = look(make(host(site, server)), identity)
    assert "ssh refuses its configuration" in reason(facts, identity)
    assert facts.observation(identity).owner is Owner.USER


def test_missing_ssh_program(site, make, identity, monkeypatch) -> None:
    server = site.server()
    monkeypatch.setenv("PATH", "/nowhere")
    said = reason(look(make(host(site, server)), identity), identity)
    assert said == "web-01: ssh cannot be started on this machine: No such file or directory"


def test_server_that_hangs_before_the_login(site, make, identity) -> None:
    server = site.server()
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    said = reason(look(make(host(site, server)), identity, timeout_s=2), identity)
    assert time.monotonic() - began < 4
    assert "took the connection but did not answer" in said or "no answer within 2 s" in said


def test_server_that_hangs_after_the_login(site, make, identity) -> None:
    transport = make(host(site, site.server('ForceCommand echo "$SSH_ORIGINAL_COMMAND" >/dev/null; sleep 60')))
    began = time.monotonic()
    said = reason(look(transport, identity, timeout_s=1.5), identity)
    assert time.monotonic() - began < 3
    assert said == "web-01: no answer within 2 s (nothing was heard from its shell)"


def test_connection_that_is_closed_half_way(site, make, identity) -> None:
    server = site.server('ForceCommand /bin/sh -c "$SSH_ORIGINAL_COMMAND" | head -c 60; sleep 60')
    transport = make(host(site, server))
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look, transport, identity)
        time.sleep(1)
        server.signal(signal.SIGKILL)
        said = reason(looking.result(), identity)
    assert said == f"web-01: 127.0.0.1:{server.port} closed the connection half way"


def test_not_an_ssh_server(site, make, identity) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def serve() -> None:
            peer, _ = listener.accept()
            peer.close()

        server = threading.Thread(target=serve)
        server.start()
        other = Host(name="web-01", address="127.0.0.1", port=port, user="root", ssh_config=site.config)
        said = reason(look(make(other), identity), identity)
        server.join()
    assert "closed the connection before the login" in said, said


def test_jump_host(site, make, identity) -> None:
    bastion, server = site.server(), site.server()
    via = f"root@127.0.0.1:{bastion.port}"
    transport = make(host(site, server, via=via), host(site, server, "web-02", via=via))
    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda name: look(transport, identity, name=name)[identity].content, ["web-01", "web-02"]))
    assert seen == ["id", "id"]
    assert len(masters(transport)) == 1, "the connection to the jump host is shared"

    server.stop()
    said = reason(look(transport, identity), identity)
    assert said == (
        f"web-01: no connection to 127.0.0.1:{server.port} through the jump host {via} (is it up, is sshd running?)"
    )


def test_jump_host_that_is_down(site, make, identity) -> None:
    bastion, server = site.server(), site.server()
    bastion.stop()
    transport = make(host(site, server, via=f"root@localhost:{bastion.port}"))
    said = reason(look(transport, identity), identity)
    assert said == f"web-01: jump host localhost: connection refused on localhost:{bastion.port} (is sshd running?)"


def test_jump_host_is_verified_even_where_the_guest_is_not(site, make, identity) -> None:
    bastion, server = site.server(trusted=False), site.server(trusted=False)
    transport = make(host(site, server, via=f"root@127.0.0.1:{bastion.port}", host_key_checking=False))
    assert f"127.0.0.1:{bastion.port} is not in known_hosts" in reason(look(transport, identity), identity)


def test_one_dead_host_does_not_hold_up_the_others(site, make, identity) -> None:
    alive, dead = site.server(), site.server()
    dead.signal(signal.SIGSTOP)
    hosts = [host(site, dead if index % 2 else alive, f"web-{index}") for index in range(6)]
    transport = make(*hosts)
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(lambda each: look(transport, identity, name=each.name, timeout_s=3), hosts))
    assert time.monotonic() - began < 6
    assert [isinstance(facts.observation(identity), Seen) for facts in seen] == [True, False] * 3


def test_kept_connection_that_died_is_replaced(site, make, identity) -> None:
    server = site.server()
    transport = make(host(site, server))
    look(transport, identity)
    look(transport, identity)
    assert len(masters(transport)) == 1
    for pid in server.children():
        sshd.os.kill(pid, signal.SIGSTOP)
    assert look(transport, identity, timeout_s=6)[identity].content == "id"
    server.signal(signal.SIGCONT)


def test_stale_control_socket(site, make, identity) -> None:
    transport = make(host(site, site.server()))
    look(transport, identity)
    look(transport, identity)
    for line in subprocess.run(
        ["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        if str(transport._ssh._folder) in line and "[mux]" in line:
            sshd.os.kill(int(line.split()[0]), signal.SIGKILL)
    assert look(transport, identity)[identity].content == "id"


def test_sockets_are_private(site, make, identity) -> None:
    transport = make(host(site, site.server()))
    look(transport, identity)
    folder = transport._ssh._folder
    assert folder.stat().st_mode & 0o777 == 0o700
    transport.close()
    assert not folder.exists()


def test_long_temporary_folder_does_not_break_sockets(site, make, identity, tmp_path, monkeypatch) -> None:
    import tempfile

    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    transport = make(host(site, site.server()))
    look(transport, identity)
    assert look(transport, identity)[identity].content == "id"
    assert len(masters(transport)) == 1


@pytest.mark.parametrize(
    ("text", "changed", "said"),
    [
        ("echo 'it is a link' >&2; exit 3", False, "web-01: do it: refused before any change: it is a link"),
        ("echo oops; exit 4", True, "web-01: do it: failed with exit code 4: oops"),
        ("printf 'a\\033[31mb' >&2; false", True, "web-01: do it: failed with exit code 1: a\\x1b[31mb"),
        ("kill -9 $$", True, "web-01: the shell on the guest was ended by a signal, or"),
        ("if", True, "web-01: no answer came (exit code 2; it said: /bin/sh: "),
    ],
)
def test_step_that_fails(site, make, text: str, changed: bool, said: str) -> None:
    transport = make(host(site, site.server()))
    with pytest.raises(StepError) as caught:
        transport.apply(target(), step(text), Facts({}, datetime.now(UTC)), timeout_s=10)
    assert str(caught.value).startswith(said)
    assert caught.value.changed is changed


def test_step_on_a_dead_host_changes_nothing(site, make, identity) -> None:
    server = site.server()
    server.stop()
    with pytest.raises(StepError, match="connection refused") as caught:
        make(host(site, server)).apply(target(), step("true"), Facts({}, datetime.now(UTC)), timeout_s=10)
    assert not caught.value.changed


def test_step_whose_connection_breaks_may_have_changed(site, make, tmp_path) -> None:
    server = site.server()
    transport = make(host(site, server))
    started = tmp_path / "started"

    def kill() -> None:
        while not started.exists():
            time.sleep(0.02)
        server.signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(StepError, match="closed the connection half way") as caught:
        transport.apply(target(), step(f": > {started}; sleep 30"), Facts({}, datetime.now(UTC)), timeout_s=20)
    killer.join()
    assert caught.value.changed


AS_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c"
SUDOERS = "Defaults env_reset\n{rule}\n"


def nobody(site, rule: str | None) -> str:
    """A ForceCommand that runs our command as nobody, under real sudo with ``rule`` in a private mount namespace."""
    sshd.skip_or_fail(None if sshd.shutil.which("sudo") else "needs sudo")
    if rule is None:
        return f'ForceCommand {AS_NOBODY} "$SSH_ORIGINAL_COMMAND"'
    sudoers = site.folder / "sudoers"
    sudoers.write_text(SUDOERS.format(rule=rule))
    sudoers.chmod(0o440)
    inner = site.folder / "as-nobody"
    inner.write_text(f'#!/bin/sh\nmount --bind {sudoers} /etc/sudoers && exec {AS_NOBODY} "$SSH_ORIGINAL_COMMAND"\n')
    inner.chmod(0o755)
    return f"ForceCommand unshare --mount {inner}"


@pytest.fixture
def secret(tmp_path) -> File:
    path = tmp_path / "machine-id"
    path.write_text(ID)
    path.chmod(0o400)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:  # xdist's workers have a folder more
            folder.chmod(0o755)
    return File(path=str(path), read=64, classify="machine-id")


def test_sudo_without_a_password(site, make, secret) -> None:
    transport = make(host(site, site.server(nobody(site, "nobody ALL=(ALL) NOPASSWD: ALL"))))
    before = look(transport, secret)
    assert before[secret].content == "id"
    transport.apply(target(), empty(secret), before, timeout_s=20)
    assert empty(secret).done(look(transport, secret))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("nobody ALL=(ALL) ALL", "sudo asks for a password (add NOPASSWD, or log in as root)"),
        ("", "sudo asks for a password"),
    ],
)
def test_sudo_that_refuses(site, make, secret, rule: str, said: str) -> None:
    transport = make(host(site, site.server(nobody(site, rule))))
    assert reason(look(transport, secret), secret).startswith(f"web-01: needs root, and root is not: {said}")
    with pytest.raises(StepError, match="needs root") as caught:
        transport.apply(target(), empty(secret), Facts({}, datetime.now(UTC)), timeout_s=20)
    assert not caught.value.changed


def test_without_sudo_what_is_readable_is_seen(site, make, secret, tmp_path) -> None:
    (tmp_path / "public").write_text("")
    public = File(path=str(tmp_path / "public"), read=64, classify="machine-id")
    transport = make(host(site, site.server(nobody(site, None)), sudo=False))
    facts = look(transport, secret, public)
    assert facts[public].content == "empty"
    assert reason(facts, secret) == f"{secret.path} may not be read by this user"
    with pytest.raises(StepError, match="needs root, and the inventory says sudo: false") as caught:
        transport.apply(target(), empty(secret), facts, timeout_s=20)
    assert not caught.value.changed


@pytest.fixture
def root(tmp_path) -> Path:
    """A root without /proc and /dev, with nothing but busybox."""
    sshd.skip_or_fail(None if sshd.os.geteuid() == 0 and sshd.shutil.which("busybox") else "needs root and busybox")
    root = tmp_path / "root"
    for folder in ("bin", "etc", "var/lib/dbus"):
        (root / folder).mkdir(parents=True)
    busybox = sshd.shutil.which("busybox")
    sshd.shutil.copy(busybox, root / "bin/busybox")
    for line in subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False).stdout.split():
        if line.startswith("/"):
            (root / line[1:]).parent.mkdir(parents=True, exist_ok=True)
            sshd.shutil.copy(line, root / line[1:])
    for applet in ("sh", "stat", "head", "od", "readlink", "id", "cp", "mv", "rm", "ln", "chmod", "dd"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/machine-id").write_text(ID)
    (root / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
    return root


ETC = File(path="/etc/machine-id", read=64, classify="machine-id")
DBUS = File(path="/var/lib/dbus/machine-id", read=64, classify="machine-id")


def test_root_that_is_not_booted(make, root, site) -> None:
    transport = make(Host(name="image", address=str(root), transport=Via.CHROOT))
    facts = look(transport, ETC, DBUS, OPTION, name="image")
    assert (facts[ETC].content, facts[ETC].mount_point) == ("id", False)
    assert (facts[DBUS].link_to, facts[DBUS].resolved) == ("/etc/machine-id", "/etc/machine-id")
    assert facts[OPTION].state == "not-booted"
    before = sorted(path.relative_to(root) for path in root.rglob("*"))

    subprocess.run(["mount", "--bind", str(root / "bin/busybox"), str(root / "etc/machine-id")], check=True)
    try:
        assert look(transport, ETC, name="image")[ETC].mount_point
    finally:
        subprocess.run(["umount", str(root / "etc/machine-id")], check=True)

    transport.apply(target("image"), empty(ETC), facts, timeout_s=10)
    after = look(transport, ETC, name="image")
    assert after[ETC] == empty(ETC).simulate(facts)[ETC]
    assert (root / "etc/machine-id").read_text() == ""
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before, "a look leaves nothing behind"


def test_root_without_a_shell(make, root, site) -> None:
    (root / "bin/sh").unlink()
    transport = make(Host(name="image", address=str(root), transport=Via.CHROOT))
    facts = look(transport, ETC, OPTION, name="image")
    assert reason(facts, ETC).startswith(f"image: no shell started in chroot {root} (exit code 127; it said: chroot: ")
    assert isinstance(facts.observation(OPTION), Unseen)


def test_root_that_does_not_exist(make, tmp_path, site) -> None:
    transport = make(Host(name="image", address=str(tmp_path / "none"), transport=Via.CHROOT))
    assert "No such file or directory" in reason(look(transport, ETC, name="image"), ETC)


def test_this_machine(make, identity, site) -> None:
    transport = make(Host(name="here", address="here", transport=Via.LOCAL))
    facts = look(transport, identity, OPTION, name="here")
    assert (facts[identity].content, facts[OPTION].state) == ("id", "absent")


def test_a_guest_that_the_inventory_does_not_name(make, identity, site) -> None:
    transport = make(Host(name="here", address="here", transport=Via.LOCAL))
    facts = transport.look(Target(kind=Kind.INSTANCE, id="x", name="x"), [identity], timeout_s=1, fresh=True)
    assert reason(facts, identity) == "x: no inventory entry tells how to reach it"
    assert facts.observation(identity).owner is Owner.USER


def test_close_gives_up_what_is_under_way(site, make, identity) -> None:
    transport = make(host(site, site.server("ForceCommand sleep 60")))
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look, transport, identity, timeout_s=60)
        time.sleep(0.7)
        transport.close()
        assert reason(looking.result(timeout=3), identity) == "web-01: the run was interrupted"
    assert reason(look(transport, identity), identity) == "web-01: the run was interrupted"


def test_lines_space_and_proxies_in_one_exchange(site, make, tmp_path) -> None:
    (tmp_path / "fstab").write_text("/dev/vda1 / ext4\n//nas/x /mnt cifs password=hunter2\n/dev/vdb1 /data ext4\n")
    (tmp_path / "environment").write_text("http_proxy=http://user:hunter2@proxy\nno_proxy=169.254.169.254\n")
    fstab, proxy = FstabProbe(path=f"{tmp_path}/fstab"), ProxyProbe(files=(f"{tmp_path}/env*",))
    transport = make(host(site, site.server()))
    facts = look(transport, fstab, DiskSpace(), proxy)
    assert [(one.line, one.device) for one in facts[fstab].entries] == [(1, "disk"), (2, "network"), (3, "disk")]
    assert facts[DiskSpace()].free_kb > 0
    assert [(one.proxy, one.bypass) for one in facts[proxy].files] == [(True, "address")]
    assert "hunter2" not in repr([facts[probe] for probe in facts])

    said = {"subject": "x", "summary": "x", "level": Level.DISRUPTIVE, "phase": Phase.CONTENT, "why": "test"}
    comment = CommentFstab(fstab=fstab, lines=((3, "/data"),), **said)
    transport.apply(target(), comment, facts, timeout_s=20)
    after = look(transport, fstab)
    assert comment.done(after)
    assert after[fstab] == comment.simulate(facts)[fstab]
    with pytest.raises(StepError, match=r"line 3 of .*/fstab is another by now") as refused:
        transport.apply(target(), comment, facts, timeout_s=20)
    assert not refused.value.changed
    transport.apply(target(), replace(comment, commented=False), after, timeout_s=20)
    assert look(transport, fstab)[fstab] == facts[fstab]
