"""The systemd units of deploy/ under a real systemd: verified, rated, and run with all their walls against a real cloud.

The unit runs in a systemd-nspawn container of this machine's own system (--volatile=yes: /usr as it is, all else new), with
this clone and its Python mounted into it. Its credentials are the sandbox's clouds.yaml, and it judges the sandbox's catalog.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.contract import sshd
from tests.real.support import CI, User, validate

pytestmark = pytest.mark.real

CLONE = Path(__file__).resolve().parents[2]
UNITS = CLONE / "deploy" / "systemd"
SERVICE, TIMER, DROP_IN = (UNITS / name for name in ("imagegate-audit.service", "imagegate-audit.timer", "prometheus.conf"))
MOST_EXPOSED = 15
"""Tenths of what `systemd-analyze security` gives a unit without any walls (10.0)."""

SECRET = {"clouds.yaml", "id_ed25519"}
POLICY = """\
policy: nightly
version: 1
scope: {clouds: [sandbox]}
rules:
  - for: {image: {name: "systemd-*"}}
    require: {catalog-image-protected: }
  - for: {instance: {name: "systemd-*"}}
    require: {linux-disk-space-available: }
"""
HOSTS = """\
defaults: {os: linux}
instances:
  systemd-guest: {address: 127.0.0.1, port: %d, user: root, ssh_config: ssh_config,
                  identity_file: /run/credentials/imagegate-audit.service/id_ed25519}
"""
KEY = "[Service]\nLoadCredential=id_ed25519:/etc/imagegate/id_ed25519\n"
WRITABLE = {"/test/out", "/var/lib/prometheus/node-exporter"}
DRIVER = """\
[Unit]
Description=Run the audit once, and tell
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh /test/driver.sh
ExecStopPost=/bin/systemctl --no-block exit 0
"""
DRIVE = """\
for run in 1 2; do
    /bin/systemctl start imagegate-audit.service > /test/out/start-$run 2>&1
    echo "$?" > /test/out/code-$run
done
/bin/systemctl show imagegate-audit.service > /test/out/show
/bin/journalctl --no-pager -u imagegate-audit.service > /test/out/journal 2>&1
/bin/systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' /etc/systemd/system/imagegate-audit.timer)" > /test/out/calendar 2>&1
cp -RL /var/lib/imagegate/reports /test/out/reports
stat -L -c '%a %U' /var/lib/imagegate/ > /test/out/state
cp /var/lib/prometheus/node-exporter/imagegate.prom /test/out/
"""
WRAPPER = """\
#!/bin/sh
PYTHONPATH=/opt/imagegate/src:/opt/site LD_LIBRARY_PATH={library} exec {python} -m imagegate "$@"
"""


def need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and CI:
        pytest.fail(f"CI must have {', '.join(missing)}: tools/guest-tools.sh installs them")
    if missing:
        pytest.skip(f"not here: {', '.join(missing)}")


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    need("systemd-analyze")
    program = tmp_path / "imagegate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in (SERVICE, TIMER):
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/local/bin/imagegate", str(program)))
    folder = tmp_path / f"{SERVICE.name}.d"
    folder.mkdir()
    shutil.copy(DROP_IN, folder)
    units = [tmp_path / SERVICE.name, tmp_path / TIMER.name]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_behind_walls():
    need("systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", SERVICE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def container(tmp_path):
    """Boots the units as they are, with what they need in place; gives what the driver brought out."""
    need("systemd-nspawn")
    if os.geteuid() != 0:
        pytest.skip("systemd-nspawn needs root")

    def run(**files: str) -> Path:
        places = lay_out(tmp_path, files)
        binds = [f"--bind{'' if inside in WRITABLE else '-ro'}={outside}:{inside}" for outside, inside in places]
        command = ["systemd-nspawn", "--quiet", "--directory=/", "--volatile=yes", "--register=no", "--keep-unit",
                   f"--machine=ig-{os.getpid()}", "--console=pipe", *binds, "--boot", "systemd.unit=driver.service",
                   "systemd.firstboot=no"]  # fmt: skip
        with (tmp_path / "console").open("wb") as console:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=180, check=False)
        out = tmp_path / "out"
        assert (out / "code-2").is_file(), (tmp_path / "console").read_text(errors="replace")[-3000:]
        return out

    yield run
    with contextlib.suppress(OSError):
        Path(f"/run/systemd/nspawn/propagate/ig-{os.getpid()}").rmdir()


def lay_out(folder: Path, files: dict[str, str]) -> list[tuple[Path, str]]:
    """Make what the container sees, ``files`` in /etc/imagegate, and tell what is mounted where."""
    units, etc, local, out = (folder / name for name in ("units", "etc", "local", "out"))
    for each in (units, units / f"{SERVICE.name}.d", etc, local / "bin", out, folder / "exporter"):
        each.mkdir(parents=True)
    for unit in (SERVICE, TIMER):
        shutil.copy(unit, units)
    shutil.copy(DROP_IN, units / f"{SERVICE.name}.d")
    (units / f"{SERVICE.name}.d" / "key.conf").write_text(KEY)
    (units / "driver.service").write_text(DRIVER)
    (folder / "driver.sh").write_text(DRIVE)
    for name, text in files.items():
        (etc / name).write_text(text)
        (etc / name).chmod(0o600 if name in SECRET else 0o644)
    (folder / "nsswitch.conf").write_text("passwd: files systemd\ngroup: files systemd\nhosts: files\n")
    base = Path(sys.base_prefix)
    python = Path("/opt/python") / Path(os.path.realpath(sys.executable)).relative_to(base)
    (local / "bin" / "imagegate").write_text(WRAPPER.format(python=python, library=python.parent.parent / "lib"))
    (local / "bin" / "imagegate").chmod(0o755)
    return [
        (units, "/etc/systemd/system"),
        (etc, "/etc/imagegate"),
        (local, "/usr/local"),
        (base, "/opt/python"),
        (Path(sysconfig.get_path("purelib")), "/opt/site"),
        (CLONE / "src", "/opt/imagegate/src"),
        (CLONE / "checks", "/opt/imagegate/checks"),
        (folder / "driver.sh", "/test/driver.sh"),
        (folder / "nsswitch.conf", "/etc/nsswitch.conf"),
        (out, "/test/out"),
        (folder / "exporter", "/var/lib/prometheus/node-exporter"),
    ]


@pytest.fixture
def guest(tmp_path):
    """A real sshd, and its client's files."""
    sshd.skip_or_fail(sshd.missing())
    folder = tmp_path / "sshd"
    folder.mkdir()
    site = sshd.Site(folder)
    yield site, site.server()
    site.close()


def test_the_audit_runs_behind_its_walls_and_leaves_reports_and_figures(cloud, guest, container):
    site, server = guest
    owner = User(cloud)
    image = owner.create("systemd-open", visibility="private")
    try:
        out = container(**{
            "golden.yaml": POLICY, "clouds.yaml": cloud.clouds_yaml.read_text(), "id_ed25519": site.key.read_text(),
            "hosts.yaml": HOSTS % server.port, "known_hosts": site.known_hosts.read_text(),
            "ssh_config": "UserKnownHostsFile /etc/imagegate/known_hosts\nIdentitiesOnly yes\n",
            "audit.env": "IMAGEGATE_ARGS=--inventory=/etc/imagegate/hosts.yaml --max-unknown=0\n",
        })  # fmt: skip
    finally:
        owner.delete(image)
    journal = (out / "journal").read_text()
    assert [(out / f"code-{run}").read_text().strip() for run in (1, 2)] == ["1", "1"], journal
    shown = dict(line.split("=", 1) for line in (out / "show").read_text().splitlines() if "=" in line)
    assert (shown["ExecMainStatus"], shown["Result"], shown["DynamicUser"]) == ("1", "exit-code", "yes"), journal
    runs = sorted(path for path in (out / "reports").iterdir() if path.name[0].isdigit())
    assert len(runs) == 2
    for run in runs:
        report = json.loads((run / "report.json").read_text())
        validate(report)
        verdicts = {finding["target"]["name"]: finding["verdict"] for finding in report["findings"]}
        assert verdicts == {"systemd-open": "fail", "systemd-guest": "pass"}, report["scope"]
        assert (run / "report.html").stat().st_size > 0
    assert (out / "imagegate.prom").read_text() == (out / "reports" / "latest" / "metrics.prom").read_text()
    assert (out / "state").read_text().split()[0] == "700"
    assert "Next elapse" in (out / "calendar").read_text()
    secrets = json.loads((cloud.root / "secrets.json").read_text()).values()
    assert not [secret for secret in secrets if secret in journal]
