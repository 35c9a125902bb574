"""What a person sees of a run under pytest: progress, the question before a fix, the result."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagegate.options import Options
from imagegate.plan import Plan
from imagegate.progress import Progress, Silent
from imagegate.pytest_items import CheckReport
from imagegate.report.advice import advise
from imagegate.report.formats import files_of
from imagegate.report.lines import line, output, show
from imagegate.report.past import Context
from imagegate.report.progress import TerminalProgress
from imagegate.report.safe import TEXT_LIMIT, inert, visible
from imagegate.report.stored import document_of
from imagegate.report.summary import summary_lines
from imagegate.report.terminal import render_plan, render_result
from imagegate.report.words import plural, tool_version
from imagegate.report.write import write_reports
from imagegate.result import Result
from imagegate.run import Consent, Run
from imagegate.runs.keeping import pruned_after

if TYPE_CHECKING:
    from imagegate.notify.hooks import NotifyOptions
    from imagegate.report.lines import Out

_CATEGORIES: dict[str, tuple[str, str, str]] = {
    "passed": ("passed", ".", "PASSED"),
    "failed": ("failed", "F", "FAILED"),
    "error": ("error", "E", "ERROR"),
    "skipped": ("skipped", "s", "SKIPPED"),
    "waived": ("xfailed", "x", "WAIVED"),
}


class Screen:
    """All that is printed. ``quiet``: pytest's own lines are left out, as the command ``imagegate`` wants it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._face: str = config.option.ig_face
        self._verbosity: int = config.option.verbose
        self._forms = files_of(config.option.ig_format)
        self._cli = self._face != "pytest"
        self.quiet = self._cli and self._verbosity < 2
        if self._cli:
            config.option.verbose = self._verbosity - 1 if not self.quiet else -1 if config.option.collectonly else -2
        self._pruned = 0
        self._progress = TerminalProgress(output(sys.stderr, colour=config.option.color != "no"))
        self.progress: Progress = Silent() if self._verbosity < 0 else self._progress

    def discovered(self, run: Run) -> None:
        """The header of ``imagegate``, once it is known what there is."""
        if not self._cli or self._verbosity < 0 or self._config.option.collectonly:
            return
        clouds = dict.fromkeys(catalog.cloud for catalog in run.discovery.catalogs)
        where = f", {', '.join(map(visible, clouds))}" if clouds else ""
        policy = f"policy {visible(run.policy.name)} version {run.policy.version}"
        show([line(0, f"imagegate {tool_version()} {run.options.command}, {policy}{where}")], self._console())
        sys.stdout.flush()

    def done_looking(self) -> None:
        """Put the terminal right."""
        self._progress.close()

    def consent(self, options: Options) -> Consent | None:
        """How to ask before the plan is applied; None where the command line is the consent."""
        if options.fix_level is None or self._config.option.ig_yes:
            return None
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if capture is not None:
            capture.suspend(in_=True)
        return self._ask if sys.stdin.isatty() and sys.stdout.isatty() else None

    def _ask(self, plans: Sequence[Plan]) -> bool:
        self._progress.close()
        render_plan(plans, self._console())
        steps = sum(len(plan.granted) for plan in plans)
        sys.stdout.write(f"Apply {plural(steps, 'step')} on {plural(len(plans), 'target')}? [y/N] ")
        sys.stdout.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def status(self, report: Any) -> tuple[str, str, Any] | None:
        """Category, letter and word of our reports; None for those of others."""
        if not isinstance(report, CheckReport):
            return None
        if report.when == "teardown":
            return "", "", ""
        kind: str = report.outcome
        if kind == "failed" and report.when == "setup":
            kind = "error"
        elif hasattr(report, "wasxfail"):
            kind = "waived"
        category, letter, word = report.shown or _CATEGORIES[kind]
        return (category, "", "") if self.quiet else (category, letter, word)

    @contextmanager
    def without_ours(self, reporter: Any) -> Iterator[None]:
        """Keep our findings out of pytest's failure sections and of its short summary."""
        kept = {name: reporter.stats.get(name) for name in ("failed", "error", "skipped", "xfailed", "warnings")}
        for name, reports in kept.items():
            if reports:
                mute = self.quiet and name == "warnings"
                reporter.stats[name] = [r for r in reports if not (mute or isinstance(r, CheckReport))]
        try:
            yield
        finally:
            reporter.stats.update({name: reports for name, reports in kept.items() if reports})

    def write(self, result: Result, options: Options) -> Path | None:
        """Write the reports, then remove the runs that need not be kept."""
        if options.report_dir is None:
            return None
        folder = write_reports(
            result,
            options.report_dir,
            next_command=self._next(result),
            say=self.complain,
            formats=options.formats,
            context=Context(language=options.language),
        )
        self._pruned = pruned_after(options.report_dir, options.keep_runs, options.keep_days, self.complain)
        return folder

    def show(self, reporter: Any, result: Result, folder: Path | None) -> None:
        """Print the result."""
        reporter.ensure_newline()
        reporter.flush()
        console = self._console()
        if folder is not None:
            folder = _near(folder, self._config.invocation_params.dir)
        advice = self._next(result)
        if self._verbosity < -1:
            lines = summary_lines(result, quiet_targets=0, next_command=advice, report_path=folder, forms=self._forms)
            show(lines, console)
        else:
            verbose = self._verbosity > 0
            render_result(result, console, verbose=verbose, next_command=advice, report_path=folder, forms=self._forms)
            if self._pruned:
                show([line(0, f"{plural(self._pruned, 'old run')} removed")], console)
        sys.stdout.flush()

    def complain(self, problem: str) -> None:
        """Tell of something that is wrong with the run, not with a target."""
        sys.stderr.write(f"ERROR: {inert(visible(problem, TEXT_LIMIT))}\n")

    def notify(self, result: Result, options: NotifyOptions) -> None:
        """Tell the hooks."""
        from imagegate.notify.run import notify  # noqa: PLC0415 - only where somebody is told

        notify(document_of(result), options, self.complain)

    def _console(self) -> Out:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        colour = reporter is not None and reporter.hasmarkup
        return output(sys.stdout, colour=colour, forced=colour and self._config.option.color == "yes")

    def _next(self, result: Result) -> str | None:
        if self._config.option.ig_facts is not None:  # recorded facts cannot be mended, nor looked at again
            return None
        command = (
            self._face if self._cli else shlex.join(["pytest", *_without_fix(self._config.invocation_params.args)])
        )
        return advise(result, command)


def _without_fix(args: Sequence[Any]) -> Iterator[str]:
    words = iter(map(str, args))
    for word in words:
        name = word.removeprefix("--ig-").removeprefix("--")
        if word.startswith("--") and name in {"fix", "yes"}:
            continue
        if word.startswith("--") and name == "fix-level":
            next(words, None)
            continue
        if not (word.startswith("--") and name.startswith("fix-level=")):
            yield word


def _near(path: Path, here: Path) -> Path:
    return path.relative_to(here) if path.is_relative_to(here) else path
