"""``imagegate capture``: gate an instance, capture it, make the image comply, audit it; one report for the whole."""
# ruff: noqa: T201, PLC0415

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagegate.commands.prove import finish, form, say
from imagegate.errors import UsageError
from imagegate.notify.arguments import add_notify, read_notify
from imagegate.notify.hooks import NOBODY
from imagegate.plan import Plan
from imagegate.report.advice import advise
from imagegate.report.lines import output
from imagegate.report.progress import TerminalProgress
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.report.terminal import render_plan
from imagegate.runs.naming import FORMS, resolve
from imagegate.shielded import Shielded

if TYPE_CHECKING:
    from imagegate.capture_state import State

_ABOUT = """\
Captures an instance as an image that complies with the policy:

  1. what can be told beforehand is: the API for the flavor's type, a free name that the policy lets pass
  2. the gate judges the instance; with --fix it is mended, and stopped where the policy wants it
  3. right before the capture everything is looked at again: record, boot, files, verdicts
  4. u2 flavors are captured by the compute API, all others by the block storage API; of unknown types none is
  5. the image is waited for, then named, protected and shared as the policy says, and audited

Nothing is captured unless the gate is green. The image is new and nobody uses it, so that making it comply needs no
--fix; fix.ceiling and fix.never of the policy hold for it too.
"""

_MORE = """\
examples:
  imagegate capture build-web-01 --name golden-web-20260510 --policy golden.yaml --inventory hosts.yaml --plan
      everything that would be done, and nothing of it
  imagegate capture build-web-01 --name golden-web-20260510 --policy golden.yaml --inventory hosts.yaml \\
      --fix --fix-level disruptive
      reset the machine id, stop the instance, capture it
  imagegate capture --resume 20260510T090000Z-3f2a
      go on with one that was interrupted or killed, wherever that was; with --plan: say what exists and what is open,
      how to go on and how to clean up, and do nothing

On a terminal you are asked before the instance is mended, and before it is captured; --yes skips the questions.
Without a terminal the options are the consent.

exit codes: 0 captured and compliant, 1 a fail stands (nothing was captured unless the report names an image),
10 something is unknown, 11 the capture or a fix failed or stopped part way, 4 usage or policy error,
5 no rule is about the instance or the image, 2 interrupted, 3 internal error
"""


def main(argv: Sequence[str]) -> int:
    """Capture."""
    parser = _parser()
    try:
        given = parser.parse_args(list(argv))
    except SystemExit as stop:
        return 4 if stop.code else 0
    from imagegate.capture import PATIENCE, Capture
    from imagegate.capture_left import again

    told = NOBODY if given.plan else read_notify(given)
    state = _resumed(given) if given.resume else _fresh(given)
    if not given.plan:
        say(f"run {state.run}; wherever it ends, this goes on: {again(state, given.report_dir.absolute())}")
    asks = not (given.yes or given.plan) and sys.stdin.isatty() and sys.stdout.isatty()
    with Shielded(lambda: say(PATIENCE)) as shield:
        with TerminalProgress(output(sys.stderr, colour=True)) as progress:
            capture = Capture(
                state=state,
                report_dir=given.report_dir.absolute(),
                plan=given.plan,
                timeout_s=given.timeout,
                look_timeout_s=given.look_timeout,
                consent=_ask_plans if asks and state.fix_level is not None else None,
                confirm=_ask if asks else None,
                shield=shield,
                say=say,
                progress=progress,
            )
            result = capture.run()
        command = shlex.join(["imagegate", "capture", *(word for word in argv if word not in {"--plan", "--yes"})])
        steps = any(plan.steps for plan in result.plans) and not (given.resume or given.fix or result.interrupted)
        advice = advise(result, command) if steps else None
        return finish(result, given.report_dir, shield, next_command=advice, formats=given.format, told=told)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagegate capture",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("instance", metavar="INSTANCE", nargs="?", help="the instance, by name or id")
    parser.add_argument("--name", metavar="NAME", help="the image's name")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the policy of the instance and of the image")
    parser.add_argument("--plan", action="store_true", help="show all of it, do nothing of it")
    parser.add_argument("--resume", metavar="RUN", help=f"go on with the capture of this run: {FORMS}")
    where = parser.add_argument_group("where")
    where.add_argument("--cloud", action="append", default=[], metavar="NAME", help="an entry of clouds.yaml")
    where.add_argument("--region", action="append", default=[], metavar="NAME", help="only this region")
    where.add_argument("--inventory", type=Path, metavar="FILE", help="how the guest is reached")
    where.add_argument("--checks", action="append", default=[], metavar="DIR", help="a folder of your own checks")
    fixes = parser.add_argument_group("mending the instance")
    fixes.add_argument("--fix", action="store_true", help="apply the safe steps of the gate's plan")
    fixes.add_argument(
        "--fix-level", choices=("safe", "disruptive"), help="raise what --fix may do to the instance"
    )  # fmt: skip
    fixes.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--timeout", type=_seconds, default=3600.0, metavar="SECONDS", help="how long the image may take (3600)"
    )
    parser.add_argument(
        "--look-timeout", type=_seconds, default=60.0, metavar="SECONDS", help="deadline of a look (60)"
    )
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports"), metavar="DIR", help="where reports go (reports/)"
    )
    parser.add_argument(
        "--format", action="append", default=[], type=form, metavar="NAME",
        help="write the report in this form too; may be repeated (imagegate report --help lists them)",
    )  # fmt: skip
    add_notify(parser)
    return parser


def _fresh(given: argparse.Namespace) -> State:
    from imagegate.capture import begin

    missing = [word for word, value in (
        ("INSTANCE", given.instance), ("--name NAME", given.name), ("--policy FILE", given.policy)
    ) if not value]  # fmt: skip
    if missing:
        raise UsageError(f"capture: {', '.join(missing)} must be given (or --resume RUN)")
    if given.fix_level and not given.fix:
        raise UsageError(f"--fix-level {given.fix_level} raises what --fix may do: add --fix")
    if len(given.name) > 255 or not given.name.isprintable() or given.name != given.name.strip():
        raise UsageError("--name: at most 255 printable characters, no blanks around them")
    return begin(
        instance=given.instance,
        name=given.name,
        policy=str(given.policy.absolute()),
        clouds=tuple(given.cloud),
        regions=tuple(given.region),
        inventory=None if given.inventory is None else str(given.inventory.absolute()),
        checks_dirs=tuple(str(Path(folder).absolute()) for folder in given.checks),
        fix_level=(given.fix_level or "safe") if given.fix else None,
    )


def _resumed(given: argparse.Namespace) -> State:
    from imagegate.capture_state import FILE, read_state
    from imagegate.runs.shelves import Begun

    said = {
        "INSTANCE": given.instance, "--name": given.name, "--policy": given.policy, "--cloud": given.cloud,
        "--region": given.region, "--inventory": given.inventory, "--checks": given.checks, "--fix": given.fix,
        "--fix-level": given.fix_level,
    }  # fmt: skip
    if stray := [word for word, value in said.items() if value]:
        raise UsageError(f"--resume goes on with what the run was asked for: leave out {', '.join(stray)}")
    folder = given.report_dir.absolute()
    state = read_state(folder / resolve(Begun(folder, FILE, "capture"), given.resume))
    return replace(state, attempt=state.attempt + 1)


def _ask_plans(plans: Sequence[Plan]) -> bool:
    render_plan(plans, output(sys.stdout, colour=True))
    return _yes("Apply this to the instance?")


def _ask(lines: Sequence[str]) -> bool:
    for line in lines:
        print(visible(line, TEXT_LIMIT))
    return _yes("Capture it now?")


def _yes(question: str) -> bool:
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: more than 0 seconds")
    return value
