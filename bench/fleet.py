"""100 SSH hosts, each asked for its machine id; against a pool of ssh processes, asyncssh and Ansible."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import PEERS, Setting, cache, digest, environment, fresh, imagegate, policy, report, verdicts
from figures import Part
from measure import BenchError, LeftOut, Sample, run, take_turns

from imagegate.sandbox import rootfs
from imagegate.sandbox.fleet import Fleet, fleet

FULL, QUICK = 100, 20
WORKERS = 32
STATES = ("empty", "empty", "uninitialized", "empty", "id")  # go round among the hosts; the last one fails
ANSIBLE = "ansible-core==2.19.14"
RAW, ASSERT, PIPELINED = "Ansible raw", "Ansible assert", "Ansible assert, pipelining"


def measure(setting: Setting) -> Part:
    """Boot the hosts, measure, and stop them."""
    reason = rootfs.available()
    if reason is not None:
        raise LeftOut(reason)
    count = QUICK if setting.quick else FULL
    part = Part(name="fleet", title=f"{count} SSH hosts on this machine, {WORKERS} at once, host keys verified")
    playbook = None
    try:
        playbook = _ansible(setting)
    except BenchError as error:
        part.notes.append(f"without Ansible: {error}")
    setting.say(f"booting {count} hosts")
    with fleet(count, setting.work / "fleet", machine_ids=STATES, progress=setting.say) as hosts:
        _compare(part, hosts, playbook, setting)
    return part


def _compare(part: Part, hosts: Fleet, playbook: Path | None, setting: Setting) -> None:
    rules = policy("fleet.yaml", setting.work)
    names = [host.name for host in hosts.hosts]
    peers = {"ssh_config": str(hosts.ssh_config), "known_hosts": str(hosts.known_hosts), "hosts": names}
    (setting.work / "hosts.json").write_text(json.dumps(peers), encoding="utf-8")
    reports = setting.work / "reports"
    seen: dict[str, dict[str, Any]] = {}

    def ours() -> Sample:
        folder = fresh(reports)
        command = [*imagegate(), "audit", "--policy", rules, "--inventory", hosts.inventory]
        command += ["--look-workers", str(WORKERS), "--report-dir", folder, "-q"]
        sample = run(command, cwd=setting.work, env=environment(), accept=(1,))
        found = report(folder)
        seen["imagegate"] = {"verdicts": digest(verdicts(found, "name")), "counts": found["counts"]}
        return sample

    def peer(name: str, script: str) -> Sample:
        command = [sys.executable, PEERS / script, setting.work / "hosts.json", str(WORKERS)]
        sample = run(command, cwd=setting.work, env=environment())
        seen[name] = json.loads(sample.stdout)
        return sample

    contenders = {
        "imagegate": ours,
        "ssh pool": lambda: peer("ssh pool", "ssh_pool.py"),
        "asyncssh": lambda: peer("asyncssh", "asyncssh_pool.py"),
    }
    if playbook is not None:
        modules = "play-assert.yml"
        contenders[RAW] = lambda: _play(playbook, "play-raw.yml", hosts, setting, seen.setdefault(RAW, {}))
        contenders[ASSERT] = lambda: _play(playbook, modules, hosts, setting, seen.setdefault(ASSERT, {}))
        contenders[PIPELINED] = lambda: _play(
            playbook, modules, hosts, setting, seen.setdefault(PIPELINED, {}), ANSIBLE_PIPELINING="True"
        )
    part.series = take_turns(contenders, setting.repeats, setting.say, once=(ASSERT, PIPELINED), warm=("ssh pool",))
    own = part.series["imagegate"]
    part.against("audit", own, part.series["ssh pool"], "ssh pool", goal=None if setting.quick else 1.2)
    part.against("audit", own, part.series["asyncssh"], "asyncssh")
    for name, goal in ((RAW, 3.5), (ASSERT, 20), (PIPELINED, None)):
        if name not in seen:
            continue
        if seen[name]["fail"] == seen["imagegate"]["counts"]["fail"]:
            part.faster("times faster", own, part.series[name], name, goal=None if setting.quick else goal)
        else:
            part.notes.append(f"{name} IS NOT COMPARED, IT FAILED DIFFERENTLY: {seen[name]}")
    if playbook is not None:
        part.notes.append(f"{ASSERT} ran once: it takes a minute or two")
    part.figure("CPU, ssh included", own.cpu_s, " s", peer=f"{part.series['ssh pool'].cpu_s:.2f} s  ssh pool")
    part.figure("peak memory", own.peak_mib, " MiB", peer=f"{part.series['ssh pool'].peak_mib:.0f} MiB  ssh pool")
    part.extra = seen
    different = {found["verdicts"] for found in seen.values() if "verdicts" in found}
    part.notes.append(
        "imagegate, the pool and asyncssh came to the same verdicts"
        if len(different) == 1
        else f"THE VERDICTS DIFFER: {seen}"
    )


def _play(playbook: Path, play: str, hosts: Fleet, setting: Setting, seen: dict[str, Any], **more: str) -> Sample:
    """One run of a playbook, with Ansible's stock settings but for ``more``, begun without any shared connection."""
    inventory = setting.work / "ansible.yml"
    entries: dict[str, object] = {host.name: {} for host in hosts.hosts}
    settings = {"ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3"}
    inventory.write_text(json.dumps({"all": {"hosts": entries, "vars": settings}}), encoding="utf-8")
    empty = setting.work / "ansible.cfg"  # nobody's own settings
    empty.touch()
    sockets = Path(tempfile.mkdtemp(prefix="igb-"))  # a short path: sockets have room for 100 characters
    env = environment(
        ANSIBLE_CONFIG=str(empty),
        ANSIBLE_HOME=str(setting.work / "ansible-home"),
        ANSIBLE_SSH_ARGS=f"-F {hosts.ssh_config} -o ControlMaster=auto -o ControlPersist=60s",
        ANSIBLE_SSH_CONTROL_PATH_DIR=str(sockets),
        ANSIBLE_HOST_KEY_CHECKING="True",
        ANSIBLE_NOCOLOR="True",
        ANSIBLE_RETRY_FILES_ENABLED="False",
        LC_ALL="C.UTF-8",
        **more,
    )
    command = [playbook, "-i", inventory, "-f", str(WORKERS), PEERS / play]
    try:
        sample = run(command, cwd=setting.work, env=env, accept=(0, 2))
    finally:
        _end_masters(sockets)
    recap = re.findall(r"^(\S+) +: ok=\d+ .*unreachable=(\d+) +failed=(\d+)", sample.stdout, re.MULTILINE)
    seen["hosts"], seen["unreachable"] = len(recap), sum(unreachable != "0" for _, unreachable, _ in recap)
    seen["fail"] = sum(failed != "0" for _, _, failed in recap)
    if len(recap) != len(hosts.hosts) or seen["unreachable"]:
        said = sample.stdout[-2000:] or sample.stderr[-2000:]
        raise BenchError(f"{play}: {seen['unreachable']} of {len(recap)} hosts were unreachable\n{said}")
    return sample


def _end_masters(sockets: Path) -> None:
    askers = [
        subprocess.Popen(
            ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", "master"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for path in sockets.iterdir()
        if path.is_socket()
    ]
    for asker in askers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            asker.wait(5)
    shutil.rmtree(sockets, ignore_errors=True)


def _ansible(setting: Setting) -> Path:
    """ansible-playbook in an environment of its own, kept in the cache."""
    place = cache() / ANSIBLE.replace("==", "-")
    playbook = place / "bin" / "ansible-playbook"
    if (place / ".complete").exists():
        return playbook
    setting.say(f"installing {ANSIBLE} into {place} (once)")
    shutil.rmtree(place, ignore_errors=True)
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    python = str(place / "bin" / "python")
    if uv is not None:
        commands = [
            [uv, "venv", "-q", "--python", sys.executable, str(place)],
            [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, ANSIBLE],
        ]
    else:
        commands = [[sys.executable, "-m", "venv", str(place)], [python, "-m", "pip", "install", "-q", ANSIBLE]]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise BenchError(f"{ANSIBLE} could not be installed: {said[-1] if said else command}")
    (place / ".complete").touch()
    return playbook
