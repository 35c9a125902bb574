"""``imagegate gate`` and ``imagegate audit``: pytest, without the user's own pytest settings."""
# ruff: noqa: T201, PLC0415

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagegate.catalogue import packaged_root
from imagegate.cli import nearest, usage_error
from imagegate.pytest_plugin import OPTIONS, PREFIX, Option

_INI = Path(__file__).with_name("isolated.ini")

_TAKES_VALUE = frozenset(
    (
        *("-k", "-m", "-p", "-o", "-W", "-r", "-n", "--maxfail", "--junitxml", "--junit-xml", "--tb", "--color"),
        *("--durations", "--lfnf", "--ignore", "--deselect", "--override-ini", "--log-level", "--log-file"),
        *("--capture", "--verbosity", "--html", "--css"),
    )
)
"""pytest's options whose value may be the next word; others are understood as ``--name=value``."""

_TO_PYTEST = """\
pytest's own options keep their meaning:
  -k EXPRESSION         only what matches: web-01, "machine and not web"
  -x                    stop reporting at the first fail (everything has been looked at by then)
  -v, -q                tell more (-vv: a line per finding), tell less
  --lf                  only what failed or was unknown last time
  --collect-only        list checks and targets; no guest is contacted
  --junitxml FILE       pytest's own JUnit file (DIR/latest/junit.xml is always written)
"""

_USAGE = {
    "gate": "usage: imagegate gate INSTANCE... --policy FILE [options]\n\n"
    "Judges the named instances, before they are captured. Exit code 0: they may be.\n",
    "audit": "usage: imagegate audit --policy FILE [options]\n\n"
    "Judges every image and instance that the policy's rules select.\n",
}


@dataclass(slots=True)
class _Words:
    """The command line, sorted."""

    ours: list[tuple[Option, str | None]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether one of our options was given."""
        return any(option.name == name for option, _ in self.ours)


def main(argv: Sequence[str]) -> int:
    """Judge; ``argv`` begins with ``gate`` or ``audit``."""
    command, *words = argv
    if {"-h", "--help"}.intersection(words):
        print(_USAGE[command] + "\n" + "\n".join(_help_lines(command)))
        return 0
    given = _sort(words)
    named = given.names or given.has("instance")
    if command == "gate" and not named:
        given.problems.append("gate: name at least one instance: imagegate gate INSTANCE... --policy FILE")
    if command == "audit" and given.names:
        given.problems.append(f"audit takes no names: imagegate gate {shlex.join(given.names)} judges instances")
    if not given.has("policy"):
        given.problems.append(f"{command}: name the policy: --policy FILE")
    if given.problems:
        return usage_error("\n".join([*given.problems, f" imagegate {command} --help tells more"]))
    return _pytest(command, given)


def _sort(words: Sequence[str]) -> _Words:
    given = _Words()
    known = {name: option for option in OPTIONS for name in (f"--{option.name}", PREFIX + option.name)}
    queue = iter(words)
    for word in queue:
        name, equals, value = word.partition("=")
        if word == "--":
            given.rest.extend(queue)
        elif name in known:
            _ours(given, known[name], value if equals else None, queue)
        elif word.startswith("-") and word != "-":
            near = nearest(name, known, cutoff=0.8) if name.startswith("--") and name not in _TAKES_VALUE else ""
            if near and not _is_pytests(name):
                given.problems.append(f"there is no option {name}{near}")
            given.rest.append(word)
            if word in _TAKES_VALUE:
                given.rest.extend(value for value in [next(queue, None)] if value is not None)
        elif "::" in word or word.startswith("checks/"):
            given.nodes.append(word)
        else:
            given.names.append(word)
    return given


def _ours(given: _Words, option: Option, value: str | None, queue: Iterator[str]) -> None:
    if option.attributes.get("action") == "store_true":
        if value is not None:
            given.problems.append(f"--{option.name} takes no value")
        given.ours.append((option, None))
        return
    if value is None:
        value = next(queue, None)
        if value is None or value.startswith("--"):
            given.problems.append(f"--{option.name} needs a value: --{option.name} {option.attributes['metavar']}")
            return
    if wrong := _wrong(option, value):
        given.problems.append(f"--{option.name} {value}: must be {wrong}")
    given.ours.append((option, value))


def _wrong(option: Option, value: str) -> str | None:
    """What ``value`` must be and is not. pytest would say so too, but as itself, with its usage and its settings."""
    *most, last = option.attributes.get("choices", ("", ""))
    if last and value not in {*most, last}:
        return f"{', '.join(most)} or {last}"
    kind = option.attributes.get("type")
    try:
        if kind is not None:
            kind(value)
    except ValueError:
        return "a whole number" if kind is int else "a number"
    return None


def _is_pytests(name: str) -> bool:
    """Whether pytest, or a plugin of it, surely knows this option: it is then no slip of the pen."""
    return name in {"--fixtures", "--fixtures-per-test", "--exitfirst", "--pyargs", "--rootdir", "--color", "--co"}


def _pytest(command: str, given: _Words) -> int:
    import pytest

    root = packaged_root()
    reports = next((value for option, value in reversed(given.ours) if option.name == "report-dir"), None) or "reports"
    ours = [PREFIX + option.name + ("" if value is None else f"={value}") for option, value in given.ours]
    args = [
        f"-c{_INI}",
        f"--rootdir={root.parent}",
        "--noconftest",
        "-pimagegate",
        "-pno:unraisableexception",  # collects garbage five times at the end
        "-pno:threadexception",
        *([] if given.nodes or given.has("checks") else ["--assert=plain"]),  # there are no tests to rewrite
        *([] if "--nf" in given.rest or "--new-first" in given.rest else ["-pno:nfplugin"]),
        f"--override-ini=cache_dir={Path(reports).absolute() / '.cache'}",
        f"--ig-face={_again(command, given)}",
        *(f"{PREFIX}instance={name}" for name in given.names),
        *ours,
        *given.rest,
        *(_node(node, root) for node in given.nodes or ["checks"]),
    ]
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what the user's environment has for tests of their own
    return int(pytest.main(args))


def _node(node: str, root: Path) -> str:
    """A node id as a path: ``checks/…`` is where the checks are, whatever this folder is."""
    place, colons, rest = node.partition("::")
    return str(root.parent / place) + colons + rest if Path(place).parts[:1] == ("checks",) else node


def _again(command: str, given: _Words) -> str:
    """The same command without what mends, for the advice at the end."""
    words = ["imagegate", command, *given.names, *given.nodes]
    for option, value in given.ours:
        if option.name not in {"fix", "fix-level", "yes"}:
            words += [f"--{option.name}"] if value is None else [f"--{option.name}", value]
    return shlex.join([*words, *given.rest])


def _help_lines(command: str) -> Iterator[str]:
    sections = dict.fromkeys(option.section for option in OPTIONS)
    for section in sections:
        yield f"{section}:"
        for option in OPTIONS:
            if option.section == section and not (command == "gate" and option.name == "instance"):
                metavar = option.attributes.get("metavar")
                name = f"--{option.name}" + (f" {metavar}" if metavar else "")
                yield f"  {name:<22}{option.help}" if len(name) < 21 else f"  {name}\n{'':<24}{option.help}"
        yield ""
    yield _TO_PYTEST
    yield "exit codes: 0 compliant, 1 a fail stands, 10 something is unknown, 11 a fix failed, 4 usage or policy error,"
    yield "5 nothing selected, 2 interrupted, 3 internal error"
