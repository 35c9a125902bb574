"""Real OpenSSH servers, transports that are closed at the end, and a machine id to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract import sshd
from tests.contract.linux.scene import ID

from imagegate.inventory import Host, Inventory
from imagegate.probes.file import File
from imagegate.transports.linux import LinuxTransport


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
