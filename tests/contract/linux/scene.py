"""What the tests of the Linux transport share: hosts, looks, reasons, and steps of their own."""

from __future__ import annotations

import subprocess

from imagegate.inventory import Host
from imagegate.model import Facts, Kind, Level, Phase, Target, Unseen
from imagegate.probes.file import File
from imagegate.probes.kernel import KernelOption
from imagegate.steps.files import EmptyFile, GuestStep
from imagegate.transports.linux import LinuxTransport

ID = "0123456789abcdef0123456789abcdef\n"
OPTION = KernelOption(name="imagegate.never")


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
