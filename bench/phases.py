"""The same work as ``imagegate audit --facts`` without pytest, timed phase by phase.

``python phases.py POLICY FACTS REPORT_DIR``
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

began = time.perf_counter()

from imagegate.options import Options  # noqa: E402
from imagegate.report.write import write_reports  # noqa: E402 - the imports are a phase
from imagegate.run import Run  # noqa: E402


def main(policy: Path, facts: Path, report_dir: Path) -> None:
    """Print the phases as JSON."""
    marks = [began, time.perf_counter()]
    run = Run(Options(command="audit", policy=policy, facts=facts, report_dir=report_dir))
    pairs = run.discover()
    marks.append(time.perf_counter())
    result = run.execute(pairs)
    marks.append(time.perf_counter())
    write_reports(result, report_dir)
    marks.append(time.perf_counter())
    run.close()
    names = ("imports", "discover", "look, judge, plan", "report")
    times = [round(after - before, 3) for before, after in itertools.pairwise(marks)]
    print(json.dumps(dict(zip(names, times, strict=True))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
