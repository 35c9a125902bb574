"""What tests of stand-ins for Windows share: inventories, the shipped policy, one run of the gate, its findings."""

import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.support import Ran, day, imagegate

from imagegate.sandbox import windows
from imagegate.sandbox.windows.machine.drive import CONF
from imagegate.sandbox.windows.machine.healthy import ANSWER_FILE

GOLDEN = Path(__file__).parents[2] / "policies" / "windows-golden.yaml"
UNATTEND = f"{CONF}\\Unattend.xml"
RELEASED = "2019-04-25"


def golden(path, *, attested=True):
    """A copy of the shipped policy; its example of an attestation uncommented, and made of today."""
    text = GOLDEN.read_text()
    if attested:
        head, _, rest = text.partition("# attestations:\n")
        lines = rest.split("\n")
        count = next(number for number, line in enumerate(lines) if not line.startswith("#"))
        example = "\n".join(line.removeprefix("# ") for line in lines[:count])
        example = re.sub(r"on: \S+", f"on: {day(0)}", example)
        example = re.sub(r"until: \S+", f"until: {day(90)}", example)
        text = head + "attestations:\n" + example + "\n" + "\n".join(lines[count:])
    path.write_text(text)
    return path


def write_policy(path, checks, *, select=None, **more):
    """A policy with one rule: ``checks`` and their parameters, of all Windows instances unless ``select`` says so."""
    rule = {"for": {"instance": select or {"os": "windows"}}, "require": checks}
    path.write_text(json.dumps({"policy": "test", "version": 1, "rules": [rule], **more}, indent=1))
    return path


def variable(name):
    """The environment variable for a peer's password."""
    return f"PASSWORD_OF_{name.upper().replace('-', '_')}"


def entry(peer, **more):
    """A peer as an entry of an inventory."""
    return {
        "address": peer.address, "port": peer.port, "transport": "winrm", "user": peer.user,
        "password_env": variable(peer.name), "ca_file": str(peer.ca_file), **more,
    }  # fmt: skip


def write_inventory(path, entries):
    """An inventory of ``entries`` by name."""
    path.write_text(json.dumps({"instances": entries}))
    return path


def passwords(box):
    """The variables that the sandbox's own file sets."""
    lines = box.passwords.read_text().splitlines()
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


class Site:
    """Peers without a cloud, one certificate authority, passwords in the environment."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = folder / "authority"
        self.authority.mkdir()
        self.peers = {}

    def start(self, name, **spec):
        """Start a peer; returns how to reach it."""
        return self.start_all({name: spec})[0]

    def start_all(self, specs):
        """Start peers, beside each other; returns how to reach them."""
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(self._start, specs, specs.values()))
        self.peers |= {peer.name: peer for peer in made}
        return made

    def _start(self, name, spec):
        sets = {key: frozenset(value) if isinstance(value, tuple) else value for key, value in spec.items()}
        wanted = windows.WindowsSpec(name=name, **{"backend": "model", **sets})
        return windows.start(self.folder / name, wanted, authority=self.authority)

    def inventory(self, path, **others):
        """All peers, and ``others``."""
        return write_inventory(path, {**{name: entry(peer) for name, peer in self.peers.items()}, **others})

    @property
    def environment(self):
        """The passwords by variable, as they were at the start."""
        return {variable(name): peer.password for name, peer in self.peers.items()}

    def close(self):
        """End all peers."""
        for peer in self.peers.values():
            windows.stop(peer.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One run, with its own report: further runs in the same folder do not change it."""

    ran: Ran
    folder: Path
    report: dict[str, Any]

    @property
    def code(self):
        """The exit code."""
        return self.ran.code

    @property
    def stdout(self):
        """What was printed, errors last."""
        return self.ran.stdout + self.ran.stderr


class Gate:
    """``imagegate gate`` (or another command) in one folder, so that evidence is found again."""

    def __init__(self, folder, policy, inventory, environment, clouds=None):
        self.folder, self.policy, self.inventory = folder, policy, inventory
        self.environment, self.clouds = environment, clouds

    def __call__(self, *argv, command="gate", **more):
        folder = more.pop("cwd", self.folder)
        cloud = ("--cloud", "sandbox", "--region", "KR1") if self.clouds else ()
        ran = imagegate(
            *(command, *argv, "--policy", more.pop("policy", self.policy), "--inventory", self.inventory, *cloud),
            cwd=folder, clouds=self.clouds or folder / "no-clouds.yaml", env=self.environment, **more,
        )  # fmt: skip
        assert (ran.reports / "latest").exists(), ran.stdout + ran.stderr
        return Done(ran=ran, folder=ran.folder, report=ran.report)


def finding(ran, name, check):
    """The one finding of ``check`` on ``name``."""
    (found,) = [f for f in ran.report["findings"] if (f["target"]["name"], f["check"]) == (name, check)]
    return found


def verdicts(ran, name):
    """The verdicts on ``name`` by check."""
    return {f["check"]: f["verdict"] for f in ran.report["findings"] if f["target"]["name"] == name}


def actual(found):
    """What a finding saw that is not as required, in one line."""
    return "; ".join(f"{v['subject']}: {v['actual']}" for v in found["violations"])


def put_back(machine):
    """What a person does about an answer file."""
    machine.drive.write(UNATTEND, ANSWER_FILE)
