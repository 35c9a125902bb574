"""The demo tells its story to the end: planted, found, mended, compliant, nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path

from imagegate import sandbox
from imagegate.sandbox import rootfs


def test_the_demo_ends_compliant_and_leaves_nothing_running(tmp_path):
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "imagegate", "demo", "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    (place,) = [line.partition("report: ")[2] for line in done.stdout.splitlines() if line.startswith("    report: ")]
    report = json.loads(Path(place).read_text())
    counts = report["counts"]
    assert (counts["unknown"], counts["fail"], counts["waived"]) == (0, 1, 1)
    kinds = {finding["target"]["kind"] for finding in report["findings"]}
    assert ("instance" in kinds) is (rootfs.available() is None)
    latest = json.loads((folder / "reports" / "latest" / "report.json").read_text())
    if rootfs.available() is None:
        assert latest["run"]["command"] == "prove"
        assert (latest["counts"]["fail"], latest["counts"]["unknown"]) == (0, 0)
        assert "2 servers made and removed again" in done.stdout
    else:
        assert latest == report
    assert sandbox.status(folder / "sandbox").phase == "absent"
