"""Connections that are refused, hang, break, go through a jump host or are kept: whose fault it is, and what follows."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.contract import sshd
from tests.contract.linux.scene import host, look, masters, reason

from imagegate.errors import Owner
from imagegate.inventory import Host
from imagegate.model import Seen

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")]


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
