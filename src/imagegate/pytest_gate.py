"""The part of the pytest plugin that is there with a policy: discover, collect, run the engine, report, exit code."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagegate import surroundings
from imagegate.errors import UserError
from imagegate.judge import Pair
from imagegate.model import Facts, Finding
from imagegate.pytest_items import CheckFile, CheckItem, label_targets, make_end, make_report
from imagegate.pytest_options import notifications, run_options
from imagegate.pytest_screen import Screen
from imagegate.report.safe import TEXT_LIMIT, visible
from imagegate.result import ExitCode, Result
from imagegate.run import Run

_NO_ENDS = frozenset(
    {"session", "logging-plugin", "terminalreporter", "terminalprogress", "lfplugin", "stepwiseplugin"}
)
"""Those that do nothing with teardown reports: if nobody else listens, 100,000 of them are saved."""

_PRECEDENCE = (4, 3, 2, 11, 1, 10, 6, 5, 0)


class Observed:
    """What the run saw, for ordinary tests beside the checks: ``observed("web-01")`` are the facts of that target."""

    def __init__(self, result: Result) -> None:
        self._facts: dict[str, dict[str, Facts]] = defaultdict(dict)
        for target in {finding.target.key: finding.target for finding in result.findings}.values():
            if target.key in result.facts:
                for name in (target.name, target.id):
                    self._facts[name][target.key] = result.facts[target.key]

    def __call__(self, target: str) -> Facts:
        """The facts of the one target of this name or id. LookupError if there is none, or if there are several."""
        found = self._facts.get(target, {})
        if len(found) != 1:
            known = ", ".join(sorted(self._facts)) or "none"
            raise LookupError(f"{len(found)} targets called {target!r} were looked at; known are {known}")
        return next(iter(found.values()))


class Gate:
    """One run of imagegate inside one run of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        surroundings.complete()
        self._config = config
        self._options = run_options(config)
        self._notify = notifications(config)
        self._screen = Screen(config)
        self._run = Run(self._options, progress=self._screen.progress)
        self._selected: dict[Path, list[tuple[str, Pair]]] = {}
        self._result: Result | None = None
        self._reported: list[Finding] = []
        self._failed = 0
        self._ends = True
        self._problems: list[str] = []
        self._folder: Path | None = None
        self._old_handlers: dict[int, Any] = {}
        self._sealed = False

    # before: what there is

    def pytest_report_header(self) -> str:
        """One line of pytest's header."""
        return f"imagegate: {self._options.command} with the policy {self._options.policy}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Let SIGTERM do what Ctrl-C does, and neither come between a run and its report."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._old_handlers[number] = signal.signal(number, self._came)

    def _came(self, _number: int, _frame: object) -> None:
        """Interrupt, as long as something is done that is not reported. What is left after that is short."""
        if not self._sealed:
            self._sealed = self._run.result is not None
            raise KeyboardInterrupt

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Ask what there is. Guests are not contacted."""
        try:
            pairs = self._run.discover()
        except UserError as error:
            raise pytest.UsageError(_shown(error)) from error
        labels = label_targets(pair.target for pair in pairs)
        entries = self._run.catalogue.entries
        self._selected = {entry.path: [] for entry in entries.values()}
        for pair in pairs:
            name = f"{pair.check.id}[{labels[pair.target.key]}]"
            self._selected[entries[pair.check.id].path].append((name, pair))
        self._screen.discovered(self._run)

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        """A check file is ours alone, even where pytest would take it for a module of tests."""
        others = yield
        path = file_path.resolve()
        if path not in self._selected:
            return others
        outside = None if file_path.is_relative_to(self._config.rootpath) else path.as_posix()
        node: CheckFile = CheckFile.from_parent(parent, path=file_path, nodeid=outside)
        node.selected = self._selected[path]
        return [node]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect what ``--check`` does not name."""
        ids = self._options.check_ids
        if not ids:
            return
        others = [item for item in items if isinstance(item, CheckItem) and item.pair.check.id not in ids]
        if others:
            dropped = set(map(id, others))
            items[:] = [item for item in items if id(item) not in dropped]
            self._config.hook.pytest_deselected(items=others)

    # between collection and reports: the engine

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Look, judge, plan and mend; then report every item. Ordinary tests run as always, in their place."""
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return None
        pairs = [item.pair for item in session.items if isinstance(item, CheckItem)]
        try:
            self._result = self._run.execute(pairs, self._screen.consent(self._options))
        except UserError as error:
            raise pytest.UsageError(_shown(error)) from error
        finally:
            self._screen.done_looking()
        try:
            return self._report_all(session, self._result)
        finally:
            self._sealed = True

    def _report_all(self, session: pytest.Session, result: Result) -> bool:
        findings = {(finding.check.id, finding.target.key): finding for finding in result.findings}
        hook = session.config.hook
        self._ends = any(each.plugin_name not in _NO_ENDS for each in hook.pytest_runtest_logreport.get_hookimpls())
        following = [*session.items[1:], None]
        for place, item in enumerate(session.items):
            if isinstance(item, CheckItem):
                self._report(item, findings[item.pair.key])
            else:
                hook.pytest_runtest_protocol(item=item, nextitem=following[place])
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def _report(self, item: CheckItem, finding: Finding) -> None:
        hook = self._config.hook
        self._reported.append(finding)
        main = make_report(item, finding)
        self._failed += main.failed
        if not self._screen.quiet:
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=main.location)
        hook.pytest_runtest_logreport(report=main)
        if self._ends:
            hook.pytest_runtest_logreport(report=make_end(item, finding))
        if not self._screen.quiet:
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=main.location)

    @pytest.fixture(scope="session")
    def observed(self) -> Observed:
        """What imagegate saw: ``observed("web-01")`` are the facts of that target."""
        if self._result is None:
            raise RuntimeError("nothing was looked at")
        return Observed(self._result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """How a finding is counted and shown."""
        return self._screen.status(report)

    # after: reports and the exit code

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the reports and say what it all means."""
        self._sealed = True
        self._result = self._result or self._run.result
        if self._result is None:
            return
        self._result = result = self._run.compared(self._final(self._result, session, exitstatus))
        try:
            self._folder = self._screen.write(result, self._options)
        except OSError as error:
            where = error.filename or self._options.report_dir
            self._problems.append(f"the reports could not be written: {where}: {error.strerror or error}")
        self._problems.extend(result.problems)
        codes = {int(result.exit_code)} | ({int(ExitCode.USAGE)} if self._problems else set())
        if session.testsfailed > self._failed:
            codes.add(int(ExitCode.FAIL))
        if exitstatus != ExitCode.FAIL and (exitstatus != ExitCode.NOTHING or not result.findings):
            codes.add(int(exitstatus))
        session.exitstatus = min(codes, key=lambda code: _PRECEDENCE.index(code) if code in _PRECEDENCE else -1)

    def _final(self, result: Result, session: pytest.Session, exitstatus: int) -> Result:
        """The result without what ``-x`` left out, and interrupted if pytest was."""
        missing = len(result.findings) - len(self._reported)
        if missing and (session.shouldfail or session.shouldstop):
            targets = {finding.target.key for finding in self._reported}
            scope = replace(result.scope, deselected=result.scope.deselected + missing)
            plans = [plan for plan in result.plans if plan.target.key in targets]
            return replace(result, findings=self._reported, plans=plans, scope=scope, complete=False)
        if exitstatus == ExitCode.INTERRUPTED and not session.shouldstop:
            return replace(result, interrupted=True, complete=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Our own result instead of a failure section per finding."""
        with self._screen.without_ours(terminalreporter):
            yield
        if self._result is not None:
            self._screen.show(terminalreporter, self._result, self._folder)
        for problem in self._problems:
            self._screen.complain(problem)

    def pytest_unconfigure(self) -> None:
        """Tell the hooks, now that everything is written and shown, and leave nothing behind."""
        self._run.close()
        if self._result is not None and (self._notify.hooks or self._notify.silent):
            self._sealed = False  # hooks may be slow, and the report is written
            try:
                self._screen.notify(self._result, self._notify)
            except KeyboardInterrupt:
                self._screen.complain("--notify: interrupted; whether all hooks were told is not known")
        while self._old_handlers:
            signal.signal(*self._old_handlers.popitem())


def _shown(error: UserError) -> str:
    return "\n".join(visible(line, TEXT_LIMIT) for line in str(error).splitlines())


__all__: Sequence[str] = ("Gate", "Observed")
