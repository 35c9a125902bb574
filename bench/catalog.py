"""A catalog of 2,000 images, 400 of them shared, judged over a real Glance; against a bare loop with requests."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from common import PEERS, Setting, digest, environment, fresh, imagegate, policy, report, verdicts
from figures import Part
from measure import Sample, run, take_turns
from ruamel.yaml import YAML

from imagegate import sandbox
from imagegate.sandbox.errors import SandboxUsageError

CLOUD, REGION = "sandbox", "KR1"
SHARED_EVERY = 5  # one image of five is shared, alternately with one and with two projects: 0.3 members an image
FULL, QUICK = 2000, 200
THREADS = 16  # how many requests imagegate has under way in one cloud (Limits.concurrency)


def measure(setting: Setting) -> Part:
    """Load (once), measure, and stop the sandbox."""
    count = QUICK if setting.quick else FULL
    part = Part(
        name="catalog",
        title=f"{count:,} images of a real Glance, {count // SHARED_EVERY} shared, {count * 3 // 10} members in all",
    )
    root = setting.work / "cloud"
    try:
        box = _cloud(root, count, setting)
        _compare(part, box, setting)
    finally:
        sandbox.down(root)
    return part


def _compare(part: Part, box: sandbox.Sandbox, setting: Setting) -> None:
    rules = policy("catalog.yaml", setting.work, web_prod=box.projects["web-prod"])
    cloud_env = environment(OS_CLIENT_CONFIG_FILE=str(box.clouds_yaml))
    account = _account(box)
    bare_env = environment(
        BENCH_AUTH_URL=account["auth_url"],
        BENCH_TENANT_ID=account["tenant_id"],
        BENCH_USERNAME=account["username"],
        BENCH_PASSWORD=account["password"],
        BENCH_REGION=REGION,
        BENCH_ALLOWED=box.projects["web-prod"],
    )
    reports = setting.work / "reports"
    seen: dict[str, dict[str, Any]] = {}

    def ours() -> Sample:
        folder = fresh(reports)
        command = [*imagegate(), "audit", "--policy", rules, "--cloud", CLOUD, "--region", REGION]
        sample = run([*command, "--report-dir", folder, "-q"], cwd=setting.work, env=cloud_env, accept=(1,))
        found = report(folder)
        seen["imagegate"] = {
            "requests": found["scope"].get("requests", 0),
            "verdicts": digest(verdicts(found)),
            "counts": found["counts"],
        }
        return sample

    def bare(name: str, threads: int) -> Sample:
        command = [sys.executable, PEERS / "bare_requests.py", str(threads)]
        sample = run(command, cwd=setting.work, env=bare_env)
        seen[name] = json.loads(sample.stdout)
        return sample

    one, many = "bare loop", f"bare loop, {THREADS} threads"
    part.series = take_turns(
        {"imagegate": ours, one: lambda: bare(one, 1), many: lambda: bare(many, THREADS)},
        setting.repeats,
        setting.say,
        warm=(one,),
    )
    own = part.series["imagegate"]
    goals = (None, None, None) if setting.quick else (1.3, 1.0, 80)
    for name in (one, many):
        part.against("audit", own, part.series[name], name, goal=goals[0])
    part.figure("own CPU", own.cpu_s, " s", goals[1], peer=f"{part.series[one].cpu_s:.2f} s  {one}")
    part.figure("peak memory", own.peak_mib, " MiB", goals[2], peer=f"{part.series[one].peak_mib:.0f} MiB  {one}")
    part.figure("requests sent", seen["imagegate"]["requests"], "", peer=f"{seen[one]['requests']}  {one}")
    part.extra = seen
    different = {found["verdicts"] for found in seen.values()}
    part.notes.append(
        "all contenders came to the same verdicts" if len(different) == 1 else f"THE VERDICTS DIFFER: {seen}"
    )


def _account(box: sandbox.Sandbox) -> dict[str, str]:
    clouds = YAML(typ="safe", pure=True).load(box.clouds_yaml)
    account: dict[str, str] = clouds["clouds"][CLOUD]["auth"]
    return account


def _cloud(root: Path, count: int, setting: Setting) -> sandbox.Sandbox:
    """A running sandbox with the catalog in it."""
    name = f"bench-catalog-{count}-v1"
    try:
        return sandbox.up(root, services=sandbox.IMAGE_SERVICES, template=name, progress=setting.say)
    except SandboxUsageError as error:
        if "template" not in str(error):
            raise
    box = sandbox.up(root, services=sandbox.IMAGE_SERVICES, progress=setting.say)
    setting.say(f"loading {count:,} images through the image API (once; about {count * 0.07:.0f} s)")
    _load(box, count, setting)
    sandbox.save_template(root, name)
    sandbox.down(root)
    return sandbox.up(root, services=sandbox.IMAGE_SERVICES, template=name, progress=setting.say)


def _load(box: sandbox.Sandbox, count: int, setting: Setting) -> None:
    """Create the images as their owner would, one request at a time: more threads are slower."""
    account = _account(box)
    token, image_url = _log_in(account)
    guest_token, _ = _log_in(_account_of(box, "web-prod"))
    began = time.monotonic()
    with requests.Session() as session:
        for index in range(count):
            ident = _create(session, image_url, token, index)
            for project, accepted in _members(index):
                members = f"{image_url}/v2/images/{ident}/members"
                _send(session, "POST", members, token, {"member": box.projects[project]})
                if accepted:
                    _send(session, "PUT", f"{members}/{box.projects[project]}", guest_token, {"status": "accepted"})
            if (index + 1) % 250 == 0:
                setting.say(f"  {index + 1:,} images, {time.monotonic() - began:.0f} s")


def _members(index: int) -> Iterator[tuple[str, bool]]:
    """Projects that image ``index`` is shared with, and whether each has accepted."""
    if index % SHARED_EVERY:
        return
    yield "web-prod", index % 15 == 0
    if (index // SHARED_EVERY) % 2:
        yield "web-stage", False


def _create(session: requests.Session, image_url: str, token: str, index: int) -> str:
    body = {
        "name": f"golden-{index:05d}",
        "disk_format": "qcow2" if index % 2 else "raw",
        "container_format": "bare",
        "protected": index % 10 == 0,
        "visibility": "shared" if index % SHARED_EVERY == 0 else "private",
        "tags": [f"t{index % 7}", "base"],
        "os_distro": "ubuntu" if index % 3 else "rocky",
        "os_type": "linux",
        "hw_disk_bus": "virtio",
        "login_username": "ubuntu",
        "nhncloud_product": "compute",
        "release_date": "20260901",
    }
    ident: str = _send(session, "POST", f"{image_url}/v2/images", token, body).json()["id"]
    if index % 4 == 0:
        answer = session.put(
            f"{image_url}/v2/images/{ident}/file",
            data=b"%08d" % index * 32,
            headers={"X-Auth-Token": token, "Content-Type": "application/octet-stream"},
            timeout=60,
        )
        answer.raise_for_status()
    return ident


def _send(session: requests.Session, method: str, url: str, token: str, body: object) -> requests.Response:
    answer = session.request(method, url, json=body, headers={"X-Auth-Token": token}, timeout=60)
    answer.raise_for_status()
    return answer


def _account_of(box: sandbox.Sandbox, project: str) -> dict[str, str]:
    """The v3 entry of another project, as what Identity v2.0 wants."""
    clouds = YAML(typ="safe", pure=True).load(box.clouds_yaml)
    auth = clouds["clouds"][f"sandbox-{project}"]["auth"]
    return {
        "auth_url": auth["auth_url"].removesuffix("/v3") + "/v2.0",
        "tenant_id": auth["project_id"],
        "username": auth["username"],
        "password": auth["password"],
    }


def _log_in(account: dict[str, str]) -> tuple[str, str]:
    """A token, and where the image API of the region is."""
    body = {
        "auth": {
            "tenantId": account["tenant_id"],
            "passwordCredentials": {"username": account["username"], "password": account["password"]},
        }
    }
    answer = requests.post(f"{account['auth_url']}/tokens", json=body, timeout=60)
    answer.raise_for_status()
    access = answer.json()["access"]
    urls = [
        endpoint["publicURL"]
        for service in access["serviceCatalog"]
        if service["type"] == "image"
        for endpoint in service["endpoints"]
        if endpoint["region"] == REGION
    ]
    return access["token"]["id"], urls[0].rstrip("/").removesuffix("/v2")
