"""Take the screenshots of the example report: ``python tools/screenshots.py`` writes reports/example/*.png.

Needs Chromium, fonts and pngquant: tools/browser-tools.sh --fonts. The pictures are of reports/example/report.html,
which tests/golden keeps up to date; take them again when the page looks different.
"""
# ruff: noqa: INP001

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "reports" / "example"
sys.path.insert(0, str(ROOT))

from tests.browser.browser import chromium, missing  # noqa: E402

_FINDINGS = "document.querySelector('#findings').scrollIntoView();"
_OPEN = (
    "[...document.querySelectorAll('#list .finding > button')][arguments[0]].click(); document.activeElement.blur();"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture. ``opened`` is the finding that is open, by its place in the list."""

    name: str
    address: str = ""
    width: int = 1280
    height: int = 900
    findings: bool = False
    opened: int | None = None


SHOTS = (
    Shot(name="report-light", height=1180),
    Shot(name="report-findings", height=1060, findings=True, opened=1),
    Shot(name="report-dark", address="theme=dark&group=check", height=1060, findings=True, opened=0),
    Shot(name="report-ja", address="lang=ja", height=1180),
    Shot(name="report-ko", address="lang=ko", height=1060, findings=True, opened=1),
    Shot(name="report-phone", width=390, height=1400, findings=True, opened=0),
)


def main() -> int:
    """Take them all."""
    if (lacking := missing()) is not None:
        sys.stderr.write(f"this needs {lacking}\n")
        return 1
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        for shot in SHOTS:
            browser.size(shot.width, shot.height, scale=1.25 if shot.width > 600 else 2)
            browser.open(EXAMPLE / "report.html", shot.address)
            if shot.findings:
                browser.run(_FINDINGS)
            if shot.opened is not None:
                browser.run(_OPEN, shot.opened)
            browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            path = EXAMPLE / f"{shot.name}.png"
            browser.picture(path)
            subprocess.run(["pngquant", "--force", "--skip-if-larger", "--output", path, "64", path], check=False)
            sys.stdout.write(f"{path.relative_to(ROOT)} {path.stat().st_size / 1024:.0f} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
