"""100,000 pairs of check and target from recorded facts: judging, pytest's items and the report, with no network."""

from __future__ import annotations

import json
import sys

from common import HERE, PEERS, Setting, environment, fresh, imagegate, policy, report
from figures import Part, seconds
from measure import Sample, run, take_turns

FULL, QUICK = 100_000, 10_000
PROJECT = "a" * 32


def measure(setting: Setting) -> Part:
    """Make the recording, judge it through the command line, and once more phase by phase."""
    pairs = QUICK if setting.quick else FULL
    part = Part(name="pairs", title=f"{pairs:,} pairs: {pairs // 2:,} recorded images, 2 checks; with report.json")
    facts = setting.work / "facts.jsonl"
    setting.say(f"making a recording of {pairs // 2:,} images")
    run([sys.executable, HERE / "recording.py", facts, str(pairs // 2), PROJECT], cwd=setting.work, env=environment())
    rules = policy("pairs.yaml", setting.work, web_prod=PROJECT)
    reports = setting.work / "reports"
    seen: dict[str, object] = {}

    def ours() -> Sample:
        folder = fresh(reports)
        command = [*imagegate(), "audit", "--policy", rules, "--facts", facts, "--report-dir", folder, "-q"]
        sample = run(command, cwd=setting.work, env=environment(), accept=(1,))
        found = report(folder)
        seen["counts"] = found["counts"]
        seen["findings"] = len(found["findings"])
        seen["report_mib"] = round((folder / "latest" / "report.json").stat().st_size / 1048576, 1)
        return sample

    def split() -> Sample:
        command = [sys.executable, HERE / "phases.py", rules, facts, fresh(reports)]
        sample = run(command, cwd=setting.work, env=environment())
        seen["phases"] = json.loads(sample.stdout)
        return sample

    def plain() -> Sample:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:imagegate", "-p", "no:cacheprovider", "--tb=no"]
        test = PEERS / "parametrized.py"
        env = environment(BENCH_PAIRS=str(pairs))
        return run([*command, "-c", "/dev/null", test], cwd=setting.work, env=env, accept=(1,))

    contenders = {"imagegate": ours, "phases": split, "plain pytest": plain}
    part.series = take_turns(contenders, setting.repeats, setting.say, once=("phases", "plain pytest"))
    own, peer = part.series["imagegate"], part.series["plain pytest"]
    beside = f"{seconds(peer.wall_s)}  parametrised pytest"
    part.figure("audit --facts", own.wall_s, " s", None if setting.quick else 45, peer=beside)
    part.against("against bare pytest items", own, peer, "parametrised pytest, no report")
    part.figure("own CPU", own.cpu_s, " s", peer=f"{peer.cpu_s:.2f} s  parametrised pytest")
    limit = None if setting.quick else 450
    part.figure("peak memory", own.peak_mib, " MiB", limit, peer=f"{peer.peak_mib:.0f} MiB  parametrised pytest")
    part.extra = seen
    if seen["findings"] != pairs:
        part.notes.append(f"THE REPORT HAS {seen['findings']} FINDINGS, NOT {pairs}")
    phases = seen["phases"]
    if isinstance(phases, dict):
        split_up = ", ".join(f"{name} {value:.2f} s" for name, value in phases.items())
        part.notes.append(f"one run without pytest: {split_up}")
    part.notes.append(f"report.json: {seen['report_mib']} MiB; verdicts: {seen['counts']}")
    return part
