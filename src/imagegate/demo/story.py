"""``imagegate demo``: every step narrated, every command shown as a user would type it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from ruamel.yaml import YAML

from imagegate import sandbox
from imagegate.catalogue import packaged_policies
from imagegate.demo.catalog import IMAGES, plant
from imagegate.errors import ToolError
from imagegate.sandbox import rootfs, servers
from imagegate.sandbox.paths import cache_folder

INSTANCES = (
    sandbox.GuestSpec(name="build-web", machine_id="id", dbus="file", flavor="m2.c1m2"),
    sandbox.GuestSpec(name="build-db", machine_id="empty", dbus="file", flavor="u2.c1m2", user="ubuntu"),
)
"""``build-db`` only looks clean: its id file is empty, its D-Bus file is not."""

_POLICY = """\
policy: demo
version: 1
title: Golden images of the web platform

scope:
  clouds: {{sandbox: [KR1, KR2]}}

rules:
  - for: {{image: {{name: "golden-*", owner: self}}}}
    require:
      catalog-image-protected:
      catalog-members-allowed:
        require:
          - {{project: {web_prod}, name: web-prod}}
{instances}
waivers:
  - check: catalog-members-allowed
    for: {{image: {{name: "golden-legacy-*"}}}}
    reason: web-stage moves to the new image next month
    ticket: OPS-1234
    approved_by: platform-security
    until: {until}
"""

_INSTANCE_RULE = """\
  - for: {instance: {name: "build-*", os: linux, region: KR1}}
    require:
      linux-machine-id-reset:
      capture-instance-stopped: {may_run: [m2]}
"""


class Story:
    """One telling of the demo. ``folder`` receives the policy, the reports and the sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()
        self.without_guests = rootfs.available()
        self.environment = dict(os.environ)

    def tell(self) -> None:
        """Tell it. Raises ``ToolError`` where a command ends otherwise than the story says."""
        self._say(
            "1. A cloud of our own", "Keystone, two Glances (regions KR1 and KR2) and Nova, all real, on loopback."
        )
        cloud = self._start()
        self._say("2. Typical faults", f"{len(IMAGES)} images, and instances about to be captured:")
        plant(cloud, _token(cloud))
        for image in IMAGES:
            self._tell(f"{image.region}  {image.name:<22} {image.fault or 'nothing wrong'}")
        for spec in INSTANCES if self.without_guests is None else ():
            state = "an id that every clone would share" if spec.machine_id == "id" else "looks clean, but is not"
            self._tell(f"KR1  {spec.name:<22} {state}")
        policy = self._write_policy(cloud)
        guests = [] if cloud.inventory is None else ["--inventory", str(cloud.inventory)]
        audit = ["audit", "--policy", str(policy), *guests, "--report-dir", str(self.folder / "reports")]
        self._say("3. Audit", "What is wrong, what would mend it, and what could be seen at all. Nothing is changed.")
        self._run([*audit], expect=1)
        self._say("4. Fix", "The same plan, applied: re-read, write, look again. Waived and foreign images stay as is.")
        self._run([*audit, "--fix", "--fix-level", "disruptive", "--yes"], expect=0)
        self._say("5. Audit again", "Compliant, on fresh looks; stopped instances on the evidence taken before.")
        self._run([*audit], expect=0)
        report = (self.folder / "reports" / "latest").resolve() / "report.json"
        if self.without_guests is None:
            self._capture_and_prove(cloud, policy, guests)
        else:
            self._replay()
        self._judge_by_ready_policies(guests)
        counts = json.loads(report.read_text(encoding="utf-8"))["counts"]
        self._say(
            "Done", f"{counts['pass']} of {sum(list(counts.values())[:4])} findings pass. {self._seconds():.0f} s."
        )
        self._tell(f"report: {report}")

    def _start(self) -> sandbox.Sandbox:
        sandbox.down(self.folder / "sandbox")
        specs = INSTANCES if self.without_guests is None else ()
        if self.without_guests is not None:
            self._tell(f"no real instances here ({self.without_guests}): recorded facts stand in for them")
        cloud = sandbox.up(self.folder / "sandbox", guests=specs, progress=self._tell)
        self.environment["OS_CLIENT_CONFIG_FILE"] = str(cloud.clouds_yaml)
        self._tell(f"it runs: {', '.join(f'{name} on port {port}' for name, port in sorted(cloud.ports.items()))}")
        return cloud

    def _write_policy(self, cloud: sandbox.Sandbox) -> Path:
        text = _POLICY.format(
            web_prod=cloud.projects["web-prod"],
            until=(datetime.now(UTC) + timedelta(days=60)).date(),
            instances=_INSTANCE_RULE if self.without_guests is None else "",
        )
        path = self.folder / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def _capture_and_prove(self, cloud: sandbox.Sandbox, policy: Path, guests: Sequence[str]) -> None:
        name = f"golden-db-{datetime.now(UTC):%Y%m%d}"
        own = ["--policy", str(policy), "--region", "KR1", "--report-dir", str(self.folder / "reports")]
        self._say("6. Capture", "The stopped instance becomes an image, protected and shared as the policy says.")
        self._run(["capture", "build-db", "--name", name, *own, *guests], expect=0, last=11)
        self._say("7. Prove", "Two servers are booted from it: they share no identity, and are removed again.")
        reach = ["--address-from", "metadata:sandbox_address", "--ssh-port", "2222"]
        login = ["--user", "ubuntu", "--ssh-config", str(cloud.root / "ssh_config")]
        self._run(["prove", name, *own, "--flavor", "u2.c1m2", *reach, *login], expect=0)

    def _judge_by_ready_policies(self, guests: Sequence[str]) -> None:
        """``regulated.yaml`` wants every rule to have its target: here, where there is no Windows, it is only read."""
        self._say(
            "Ready policies", "What imagegate's own policies ask of the same cloud; none of them knows our names."
        )
        folder = packaged_policies()
        own = ["--cloud", "sandbox", *guests, "--report-dir", str(self.folder / "reports-of-policies")]
        for name in ("openstack.yaml", "nhn-image-guide.yaml"):
            self._run(["audit", "--policy", str(folder / name), *own], expect=1, last=9)
        self._run(["policy", "check", str(folder / "regulated.yaml")], expect=0)

    def _replay(self) -> None:
        self._say("6. Instances", "Facts recorded from real instances, judged again with no network at all.")
        with resources.as_file(resources.files("imagegate.demo") / "recorded") as recorded:
            for name, code in (("before.jsonl", 1), ("after.jsonl", 0)):
                policy, facts = recorded / "policy.yaml", recorded / name
                reports = self.folder / "reports-of-instances"
                self._run(
                    ["audit", "--policy", str(policy), "--facts", str(facts), "--report-dir", str(reports)], expect=code
                )

    def _run(self, arguments: Sequence[str], *, expect: int, last: int | None = None) -> None:
        """Run a command as a user would; ``last`` shows so many lines of the end of its output only."""
        print(f"\n$ imagegate {shlex.join(arguments)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "imagegate", *arguments], env=self.environment, cwd=self.folder, check=False,
            stdout=None if last is None else subprocess.PIPE, text=True,
        )  # fmt: skip
        if last is not None:
            print("…", *done.stdout.rstrip().splitlines()[-last:], sep="\n", flush=True)
        self._tell(f"exit code {done.returncode}")
        if done.returncode != expect:
            raise ToolError(f"the demo expected exit code {expect}: imagegate {shlex.join(arguments)}")

    def _say(self, title: str, text: str) -> None:
        print(f"\n=== {title} ({self._seconds():.0f} s)\n    {text}", flush=True)

    def _tell(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def _seconds(self) -> float:
        return time.monotonic() - self.began


def _token(cloud: sandbox.Sandbox) -> str:
    clouds = YAML(typ="safe").load(cloud.clouds_yaml)["clouds"]
    login = clouds["sandbox-v3"]["auth"]
    return servers.token(cloud.ports, login["project_id"], login["username"], login["password"])


def tell(*, keep: bool = False, folder: Path | None = None) -> int:
    """Tell the story; returns the exit code. ``keep`` leaves the sandbox running; ``folder`` defaults to the cache."""
    place = (folder or cache_folder() / "demo").absolute()
    place.mkdir(parents=True, exist_ok=True)
    for old in ("reports", "reports-of-instances", "reports-of-policies"):
        shutil.rmtree(place / old, ignore_errors=True)
    try:
        Story(place).tell()
    finally:
        if not keep:
            sandbox.down(place / "sandbox")
    if keep:
        print(f"    the sandbox still runs; end it with: imagegate sandbox down --root {place / 'sandbox'}")
    return 0
