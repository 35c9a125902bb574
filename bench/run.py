"""The benchmark: ``python bench/run.py [catalog|fleet|pairs|startup ...] [--quick]``. See bench/README.md.

The exit code says whether everything could be measured, never how fast it was.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from common import RESULTS, Setting
from figures import Part, machine, table
from measure import BenchError, LeftOut

PARTS = ("catalog", "fleet", "pairs", "startup")
REPEATS = 3


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description="Ratios of imagegate against its peers.")
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="what to measure (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it work?")
    parser.add_argument("--repeats", type=int, help=f"rounds (default {REPEATS}; 1 with --quick)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    names = [name for name in PARTS if name in (options.parts or PARTS)]
    repeats = options.repeats or (1 if options.quick else REPEATS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that clouds and hosts are stopped
    facts = machine()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    if os.getloadavg()[0] > 0.5 * len(os.sched_getaffinity(0)):
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): figures will be too large, ratios noisy")
    found = [_measure(name, quick=options.quick, repeats=repeats, say=say) for name in names]
    print("\n" + "  ".join(f"{key}: {value}" for key, value in facts.items() if value not in {"", None}))
    print(f"medians of {repeats} round{'s' if repeats > 1 else ''}{', quick sizes' if options.quick else ''}\n")
    print(table(found))
    path = _write(found, facts, quick=options.quick, repeats=repeats)
    print(f"\nwritten to {path}")
    return 1 if any(part.error for part in found) else 0


def _measure(name: str, *, quick: bool, repeats: int, say) -> Part:  # type: ignore[no-untyped-def]  # noqa: ANN001
    say(f"== {name}")
    work = Path(tempfile.mkdtemp(prefix=f"imagegate-bench-{name}-"))
    try:
        part: Part = importlib.import_module(name).measure(Setting(work=work, quick=quick, repeats=repeats, say=say))
    except LeftOut as reason:
        return Part(name=name, title="left out", notes=[str(reason)])
    except BenchError as error:
        return Part(name=name, title="could not be measured", error=str(error))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return part


def _write(parts: list[Part], facts: dict[str, object], *, quick: bool, repeats: int) -> Path:
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    found = {
        "at": now.isoformat(timespec="seconds"),
        "quick": quick,
        "repeats": repeats,
        "machine": facts,
        "parts": {part.name: part.as_json() for part in parts},
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
