"""From pytest's command line to the options of a run, with all mistakes at once, and to the folders of checks."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegate.catalogue import packaged_root
from imagegate.cli import nearest
from imagegate.errors import UsageError
from imagegate.model import Level, Severity
from imagegate.notify.hooks import NotifyOptions, notify_options
from imagegate.options import Options
from imagegate.report.formats import ALWAYS, FORMATS
from imagegate.report.language import from_locale
from imagegate.report.write import LATEST

PACKAGED = "imagegate.checks"
REPORT_DIR = "reports"


def run_options(config: pytest.Config) -> Options:
    """The options of the run. Raises ``pytest.UsageError`` with everything that does not fit together."""
    given = vars(config.option)
    if mistakes := list(_mistakes(given)):
        raise pytest.UsageError("\n".join(mistakes))
    here = config.invocation_params.dir
    numbers = {
        "look_workers": "ig_look_workers",
        "look_timeout_s": "ig_look_timeout",
        "max_unknown": "ig_max_unknown",
        "lock_timeout_s": "ig_lock_timeout",
        "keep_runs": "ig_keep_runs",
        "keep_days": "ig_keep_days",
    }
    level = given["ig_fix_level"] or "safe"
    return Options(
        command="gate" if given["ig_instance"] else "audit",
        policy=here / given["ig_policy"],
        clouds=tuple(given["ig_cloud"]),
        regions=tuple(given["ig_region"]),
        inventory=_path(here, given["ig_inventory"]),
        instances=tuple(given["ig_instance"]),
        check_ids=tuple(given["ig_check"]),
        roots=collect_roots(config),
        checks_dirs=tuple(here / folder for folder in given["ig_checks"]),
        record_facts=_path(here, given["ig_record_facts"]),
        facts=_path(here, given["ig_facts"]),
        fix_level=Level.parse(level) if given["ig_fix"] else None,
        report_dir=here / (given["ig_report_dir"] or REPORT_DIR),
        formats=tuple(dict.fromkeys(given["ig_format"])),
        language=given["ig_lang"] or from_locale(os.environ),
        fail_on=Severity.parse(given["ig_fail_on"] or "low"),
        baseline=LATEST if given["ig_baseline"] is None and given["ig_fail_on_new"] else given["ig_baseline"],
        fail_on_new=given["ig_fail_on_new"],
        **{name: given[dest] for name, dest in numbers.items() if given[dest] is not None},
    )


def notifications(config: pytest.Config) -> NotifyOptions:
    """Who is told what came of the run. Raises ``pytest.UsageError``."""
    option = config.option
    try:
        return notify_options(
            option.ig_notify, when=option.ig_notify_on, secret=option.ig_notify_secret, environment=os.environ
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def _path(here: Path, given: str | None) -> Path | None:
    return None if given is None else here / given


def _mistakes(given: dict[str, Any]) -> Iterator[str]:
    if given.get("numprocesses") or given.get("dist", "no") != "no" or given.get("tx"):
        yield "--policy under xdist (-n) would look at everything several times: leave out -n, see --look-workers"
    if given["ig_fix"]:
        stops = "-x or --maxfail" if given.get("maxfail") else "--stepwise" if given.get("stepwise") else None
        if stops:
            yield f"--fix with {stops}: a fix is judged as a whole, leave one of them out"
    elif given["ig_fix_level"]:
        yield f"--fix-level {given['ig_fix_level']} raises what --fix may do: add --fix"
    if given["ig_fix_level"] == "destructive":
        if not given["ig_instance"]:
            yield "--fix-level destructive: name the targets (gate INSTANCE, or --instance)"
        if not given["ig_check"]:
            yield "--fix-level destructive: name the checks (--check ID)"
    for name in given["ig_format"]:
        if name not in FORMATS and name not in ALWAYS:
            yield f"--format {name}: there is no such form{nearest(name, FORMATS)}; there are {', '.join(FORMATS)}"
    for name, least in (("look_workers", 1), ("max_unknown", 0), ("keep_runs", 1), ("keep_days", 0)):
        value = given[f"ig_{name}"]
        if value is not None and value < least:
            yield f"--{name.replace('_', '-')} {value}: at least {least}"
    timeout = given["ig_look_timeout"]
    if timeout is not None and not 0 < timeout < float("inf"):
        yield f"--look-timeout {timeout:g}: more than 0 seconds"
    timeout = given["ig_lock_timeout"]
    if timeout is not None and not 0 <= timeout < float("inf"):
        yield f"--lock-timeout {timeout:g}: 0 seconds or more"


def collect_roots(config: pytest.Config) -> tuple[Path, ...]:
    """The catalogue roots that the command line names; empty for the packaged one.

    Makes pytest collect them: ``imagegate.checks`` stands for the packaged checks, and if nothing on the command line
    is a check, all of the packaged ones are collected too.
    """
    here = config.invocation_params.dir
    packaged = packaged_root()
    args = [_resolved(arg, here, packaged) for arg in config.args]
    explicit = config.args_source is pytest.Config.ArgsSource.ARGS
    roots: dict[Path, None] = {}
    for arg in args if explicit else ():
        root = _root_of((here / arg.partition("::")[0]).resolve(), packaged)
        if root is not None:
            roots[root] = None
    if not roots:
        args = [*args, str(packaged)] if explicit else [str(packaged)]
    args += [str((here / folder).resolve()) for folder in config.option.ig_checks]
    config.args[:] = args
    return tuple(roots)


def _resolved(arg: str, here: Path, packaged: Path) -> str:
    """``arg`` with ``imagegate.checks.linux…``, and ``checks/…`` where there is no such folder, as a path."""
    place, colons, rest = arg.partition("::")
    if place == PACKAGED or place.startswith(PACKAGED + "."):
        path = packaged.joinpath(*place.removeprefix(PACKAGED).split(".")[1:])
        return str(path if path.exists() else path.with_suffix(".py")) + colons + rest
    parts = Path(place).parts
    if parts[:1] == ("checks",) and not (here / place).exists():
        return str(packaged.joinpath(*parts[1:])) + colons + rest
    return arg


def _root_of(path: Path, packaged: Path) -> Path | None:
    """The catalogue root that ``path`` belongs to, or that lies in it."""
    if path.is_relative_to(packaged) or packaged.is_relative_to(path):
        return packaged
    if path.is_file():
        return _area_root(path.parent) if _is_check(path) else None
    if not path.is_dir():
        return None
    if any(map(_is_check, path.glob("*.py"))):
        return _area_root(path)
    return next((root for root in (path, path / "checks") if _is_root(root)), None)


def _area_root(area: Path) -> Path:
    """The root of a folder of checks: the folder above, if it holds nothing but checks."""
    return area.parent if _is_root(area.parent) else area


def _is_root(folder: Path) -> bool:
    files = [*_public(folder, folder.glob("*.py")), *_public(folder, folder.glob("*/*.py"))]
    return bool(files) and all(map(_is_check, files))


def _public(folder: Path, paths: Iterator[Path]) -> list[Path]:
    near = [path for path in paths if not any(p.startswith(("_", ".")) for p in path.relative_to(folder).parts)]
    return [path for path in near if path.name != "conftest.py" and not path.name.startswith("test_")]


def _is_check(path: Path) -> bool:
    """Whether a Python file ends with a record called ``CHECK``. It is read, not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    names = (target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets)
    return any(isinstance(name, ast.Name) and name.id == "CHECK" for name in names)
