"""Steps as root and through real sudo: what failed, and whether anything may have changed."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime

import pytest
from tests.contract import sshd
from tests.contract.linux.scene import ID, empty, host, look, reason, step, target

from imagegate.errors import StepError
from imagegate.model import Facts
from imagegate.probes.file import File

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")]


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
