"""The conftest of a run inside a test: a cloud in memory, made of facts.jsonl, in place of the real one."""

import os
import time
from pathlib import Path

from imagegate.model import Facts, Source, Unseen
from imagegate.recording import read_recording
from imagegate.run import Run

_connect = Run._connect


def note(name, text):
    with Path(name).open("a") as file:
        file.write(text + "\n")


class Cloud:
    sources = frozenset(Source) - {Source.POLICY}
    remote = bool(os.environ.get("FAKE_REMOTE"))
    requests = 0

    def __init__(self):
        self.discovery, self.recording = read_recording(Path("facts.jsonl"))
        self.facts = dict(self.recording._facts)

    def at_hand(self, target, probes):
        return not self.remote

    def look(self, target, probes, *, timeout_s, fresh):
        note("looked", target.name)
        time.sleep(float(os.environ.get("FAKE_SLOW", "0")))
        seen = self.facts[target.key]
        absent = Unseen(reason="not there", at=seen.at)
        return Facts({probe: seen.observation(probe) or absent for probe in probes}, seen.at)

    def apply(self, target, step, seen, *, timeout_s):
        note("applied", f"{target.name}: {step.summary}")
        if "stubborn" not in target.name:
            self.facts[target.key] = self.facts[target.key].merged(step.simulate(seen))

    def close(self):
        pass


def connect(self):
    cloud = Cloud()
    self.discovery = cloud.discovery
    self._targets = list(cloud.discovery.targets)
    return [cloud]


def pytest_configure():
    Run._connect = connect


def pytest_unconfigure():
    Run._connect = _connect
