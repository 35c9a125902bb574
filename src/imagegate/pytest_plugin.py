"""The pytest plugin: its options, and nothing else until ``--policy`` is given.

This module is loaded in every pytest run of an environment that has imagegate, so that it imports pytest alone. The
options are added last of all: a name that another plugin or a conftest owns stays theirs, and ours is then offered
with the prefix ``--ig-`` only. All of ours exist in that form.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

PREFIX = "--ig-"
GATE_PLUGIN = "imagegate-gate"

_TARGETS = "what is looked at"
_FIXES = "what may be changed"
_REPORTS = "what is told"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: ``attributes`` are those of ``argparse``; ``section`` groups it in the help of ``imagegate``."""

    name: str
    section: str
    help: str
    attributes: dict[str, Any]

    @property
    def dest(self) -> str:
        """Its name in the namespace that pytest parses into."""
        return "ig_" + self.name.replace("-", "_")


def _value(name: str, section: str, metavar: str, text: str, **more: Any) -> Option:
    return Option(name, section, text, {"metavar": metavar, "default": None, **more})


def _many(name: str, section: str, metavar: str, text: str) -> Option:
    return Option(name, section, text, {"metavar": metavar, "default": [], "action": "append"})


def _flag(name: str, section: str, text: str) -> Option:
    return Option(name, section, text, {"default": False, "action": "store_true"})


OPTIONS = (
    _value("policy", _TARGETS, "FILE", "the policy; without it imagegate does nothing"),
    _many("cloud", _TARGETS, "NAME", "an entry of clouds.yaml to look at; may be repeated (OS_* variables work too)"),
    _many("region", _TARGETS, "NAME", "only this region of those that the policy names; may be repeated"),
    _value("inventory", _TARGETS, "FILE", "how guests are reached"),
    _many("instance", _TARGETS, "NAME", "only this instance, by name or id; may be repeated"),
    _many("check", _TARGETS, "ID", "only this check; may be repeated"),
    _many("checks", _TARGETS, "DIR", "a folder of your own checks, added to those that came with imagegate"),
    _value("record-facts", _TARGETS, "FILE", "write down what was seen"),
    _value("facts", _TARGETS, "FILE", "judge what --record-facts wrote, with no network at all"),
    _value("look-workers", _TARGETS, "N", "targets that are looked at at once (32)", type=int),
    _value("look-timeout", _TARGETS, "SECONDS", "deadline per target (60; a catalog has its own, 600)", type=float),
    _flag("fix", _FIXES, "apply the plan's safe steps"),
    _value("fix-level", _FIXES, "safe|disruptive|destructive",
           "raise what --fix may do; destructive also needs the target and --check named",
           choices=("safe", "disruptive", "destructive")),
    _value("lock-timeout", _FIXES, "SECONDS", "how long to wait for another run that changes the same target (60)",
           type=float),
    _flag("yes", _FIXES, "do not ask before the plan is applied"),
    _value("report-dir", _REPORTS, "DIR", "where reports go (reports/): DIR/<run-id>/, and the link DIR/latest"),
    _many("format", _REPORTS, "NAME",
          "write the report in this form too; may be repeated (imagegate report --help lists them)"),
    _value("lang", _REPORTS, "en|ja|ko", "the language of words for people in report.html (from the locale)",
           choices=("en", "ja", "ko")),
    _many("notify", _REPORTS, "KIND:env:NAME",
          "tell a webhook when the run has ended: slack:env:NAME or json:env:NAME, where the variable NAME of the "
          "environment holds its URL; may be repeated"),
    _value("notify-on", _REPORTS, "problem|always|new",
           "when hooks are told: the exit code is not 0 (problem), always, or something is new since the baseline",
           choices=("problem", "always", "new")),
    _value("notify-secret", _REPORTS, "env:NAME",
           "sign what json hooks are sent (HMAC-SHA256) with the secret in this variable"),
    _value("fail-on", _REPORTS, "low|medium|high|critical", "lowest severity whose fail makes the exit code 1 (low)",
           choices=("low", "medium", "high", "critical")),
    _value("max-unknown", _REPORTS, "N", "tolerate so many targets that could not be judged (0)", type=int),
    _value("baseline", _REPORTS, "RUN|latest",
           "tell what is new, changed and resolved since this run: its id, the beginning of one, or latest (the last "
           "complete one of this policy and command); with ~N the Nth before it"),
    _flag("fail-on-new", _REPORTS,
          "only fails that are new against the baseline (latest), or worse, make the exit code 1"),
    _value("keep-runs", _REPORTS, "N", "afterwards remove older runs than the newest N of each policy and command",
           type=int),
    _value("keep-days", _REPORTS, "N", "afterwards remove runs that ended more than N days ago", type=int),
)  # fmt: skip


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, None, None]:
    """Add the options once everybody else has added theirs."""
    try:
        return (yield)
    finally:
        _add_options(parser)


def _add_options(parser: pytest.Parser) -> None:
    taken = _taken(parser)
    group = parser.getgroup("imagegate", "imagegate: judge machine images against a policy")
    for option in OPTIONS:
        short, long = f"--{option.name}", PREFIX + option.name
        if long in taken:
            continue
        names = (long,) if short in taken else (short, long)
        group.addoption(*names, dest=option.dest, help=option.help.replace("%", "%%"), **option.attributes)
    if "--ig-face" not in taken:
        group.addoption("--ig-face", dest="ig_face", default="pytest", help="for the command imagegate")


def _taken(parser: pytest.Parser) -> set[str]:
    """The names of all options so far. There is no public way to ask; without an answer only ``--ig-`` is offered."""
    try:
        groups = [*parser._groups, parser._anonymous]  # noqa: SLF001
        return {name for group in groups for option in group.options for name in option.names()}
    except AttributeError:
        return {f"--{option.name}" for option in OPTIONS}


def pytest_configure(config: pytest.Config) -> None:
    """With a policy: hand over to the part that knows imagegate. Without one: stay out of the way."""
    given = vars(config.option)
    if given.get("ig_policy") is None:
        lonely = [o for o in OPTIONS if given.get(o.dest, o.attributes["default"]) != o.attributes["default"]]
        if lonely:
            names = ", ".join(PREFIX + option.name for option in lonely)
            raise pytest.UsageError(f"{names}: what is to be judged is said by --policy FILE (or --ig-policy FILE)")
        return
    from imagegate.pytest_gate import Gate  # noqa: PLC0415 - whoever has no policy does not pay for it

    config.pluginmanager.register(Gate(config), GATE_PLUGIN)
