"""What ssh, sudo and chroot say, in one clear line."""

from __future__ import annotations

import pytest

from imagegate.errors import Owner
from imagegate.inventory import Host, Via
from imagegate.transports.linux.diagnose import diagnose
from imagegate.transports.linux.process import End, Outcome

SSH = Host(name="web-01", address="192.0.2.10", port=22, user="ubuntu")
JUMP = Host(name="web-01", address="192.0.2.10", user="ubuntu", via="me@bastion:2200")
CHROOT = Host(name="image", address="/srv/image", transport=Via.CHROOT)


def trouble(
    errors: str, *, host: Host = SSH, code: int = 255, greeted: bool = False, stdout: bytes = b"", end: End = End.EXIT
):
    outcome = Outcome(end=end, code=code, stdout=stdout, stderr=errors.encode())
    return diagnose(host, outcome, greeted=greeted, waited_s=60, problem="the answer broke off")


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (
            "ssh: connect to host 192.0.2.10 port 22: Connection timed out\r\n",
            "no answer from 192.0.2.10:22 (is the host up",
        ),
        (
            "ssh: connect to host 192.0.2.10 port 22: No route to host\r\n",
            "no connection to 192.0.2.10:22: No route to host",
        ),
        ("ssh: Could not resolve hostname web: Name or service not known\r\n", "the name web is not resolved"),
        (
            "Received disconnect from 192.0.2.10 port 22:2: Too many authentication failures\r\n",
            "192.0.2.10:22 refused",
        ),
        (
            "ubuntu@192.0.2.10: Permission denied (publickey).\r\n",
            "the key was refused for user ubuntu at 192.0.2.10 (",
        ),
        ("Connection timed out during banner exchange\r\n", "192.0.2.10:22 took the connection but did not answer"),
        ("Connection closed by 192.0.2.10 port 22\r\n", "192.0.2.10:22 closed the connection half way"),
        ("Timeout, server 192.0.2.10 not responding.\r\n", "192.0.2.10:22 closed the connection half way"),
        (
            "Unable to negotiate with 192.0.2.10 port 22: no matching host key type found. Their offer: ssh-rsa\r\n",
            "no algorithm in common with 192.0.2.10:22: no matching host key type found",
        ),
        ("Host key verification failed.\r\n", "the host key of 192.0.2.10:22 could not be verified"),
        ("something\x1b[31m new\r\n", "ssh failed; it said: something\\x1b[31m new"),
        ("", "ssh failed"),
    ],
)
def test_ssh(errors: str, reason: str) -> None:
    assert trouble(errors).reason.startswith(f"web-01: {reason}")


def test_braces_in_foreign_text_are_harmless() -> None:
    assert "{0} {at}" in trouble("ssh: connect to host h port 22: {0} {at}\r\n").reason


def test_jump_host() -> None:
    errors = "ssh: connect to host bastion port 2200: Connection refused\r\nkex_exchange_identification: closed\r\n"
    assert trouble(errors, host=JUMP).reason == (
        "web-01: jump host bastion: connection refused on bastion:2200 (is sshd running?)"
    )
    errors = "me@bastion: Permission denied (publickey).\r\nConnection closed by UNKNOWN port 65535\r\n"
    assert trouble(errors, host=JUMP).reason.startswith(
        "web-01: jump host bastion: the key was refused for user me at bastion (the server accepts: publickey)"
    )
    errors = "channel 0: open failed: connect failed: No route to host\r\nstdio forwarding failed\r\n"
    assert trouble(errors, host=JUMP).reason == "web-01: the jump host could not reach 192.0.2.10: No route to host"


def test_the_users_own_fault() -> None:
    assert trouble("/x/config: line 3: Bad configuration option: nonsense\r\n").owner is Owner.USER
    assert trouble("Permissions 0644 for '/k' are too open.\r\n").owner is Owner.USER
    assert trouble("").owner is Owner.TARGET


def test_untouched_only_where_certain() -> None:
    assert trouble("ssh: connect to host h port 22: Connection refused\r\n").untouched
    assert not trouble("Connection closed by 192.0.2.10 port 22\r\n").untouched
    assert not trouble("").untouched
    assert not trouble("", end=End.DEADLINE, greeted=True).untouched
    assert trouble("sudo: a password is required\n", code=1, greeted=True).untouched


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ("sudo: a password is required\n", "sudo asks for a password (add NOPASSWD, or log in as root)"),
        ("sudo: a terminal is required to read the password; either use\n", "sudo asks for a password"),
        ("sudo: sorry, you must have a tty to run sudo\n", "sudo insists on a terminal"),
        ("ubuntu is not in the sudoers file.\n", "sudo does not allow it"),
        ("Sorry, user ubuntu may not run sudo on web-01.\n", "sudo does not allow it"),
        ("/bin/sh: 1: exec: sudo: not found\n", "there is no sudo"),
        ("/bin/sh: line 1: exec: sudo: not found\n", "there is no sudo"),
    ],
)
def test_sudo(errors: str, reason: str) -> None:
    assert trouble(errors, code=1, greeted=True).reason.startswith(f"web-01: needs root, and ubuntu is not: {reason}")


def test_chroot() -> None:
    errors = "chroot: failed to run command '/bin/sh': No such file or directory\n"
    assert trouble(errors, host=CHROOT, code=127).reason == (
        f"image: no shell started in chroot /srv/image (exit code 127; it said: {errors.strip()})"
    )
    assert trouble("sudo: a password is required\n", host=CHROOT, code=1).reason.startswith(
        "image: needs root: sudo asks"
    )


def test_limits() -> None:
    assert trouble("", end=End.OVERFLOW).reason.startswith("web-01: it sent more than 4 MiB")
    assert trouble("", end=End.DEADLINE).reason == "web-01: no answer within 60 s (nothing was heard from its shell)"
    assert trouble("", end=End.DEADLINE, greeted=True).reason == "web-01: no answer within 60 s (after the login)"
