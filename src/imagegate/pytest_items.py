"""Checks as pytest sees them: a file per check, an item per pair, and reports made from findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from imagegate.judge import Pair
from imagegate.model import Finding, RemedyState, Target, Verdict
from imagegate.report.safe import TEXT_LIMIT, inert, visible
from imagegate.report.words import afterwards


class _Lazy:
    """An attribute that is made when somebody asks for it: 100,000 items never do, and weigh a third less."""

    def __init__(self, make: Callable[[CheckItem], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = f"_lazy_{name}"

    def __get__(self, item: CheckItem | None, owner: type) -> Any:
        if item is None:
            return self
        values = vars(item)
        if self._key not in values:
            values[self._key] = self._make(item)
        return values[self._key]

    def __set__(self, item: CheckItem, value: Any) -> None:
        """Forget what pytest sets at first: it is empty, or made again from the item."""
        if "pair" in vars(item):
            vars(item)[self._key] = value


class CheckItem(pytest.Item):
    """One check on one target. It is never run: the engine has looked and judged before anything is reported."""

    keywords: Any = _Lazy(lambda item: type(item.parent.keywords)(item))  # type: ignore[union-attr, call-arg]
    own_markers: Any = _Lazy(lambda _: [])
    extra_keyword_matches: Any = _Lazy(lambda _: set())
    user_properties: Any = _Lazy(lambda _: [])
    _report_sections: Any = _Lazy(lambda _: [])

    def __init__(self, *, pair: Pair, **more: Any) -> None:
        super().__init__(**more)
        self.pair = pair

    def runtest(self) -> None:
        """Refuse: another plugin took over the loop that would have reported this item."""
        raise RuntimeError(f"{self.nodeid}: reported by imagegate alone, another plugin runs it: leave that out")

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item comes from, for pytest's messages."""
        return self.path, None, self.name


class CheckFile(pytest.File):
    """A check file; its items are what the policy's rules selected for it."""

    selected: Sequence[tuple[str, Pair]] = ()

    def collect(self) -> Iterator[CheckItem]:
        """An item per target. pytest 9.2 needs the node id spelled out, else ``--lf`` runs everything again."""
        for name, pair in self.selected:
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", pair=pair)


def label_targets(targets: Iterable[Target]) -> dict[str, str]:
    """A visible and unique label for each target, by its key; equal in every run that sees the same targets."""
    distinct = {target.key: target for target in targets}
    labels = {key: _readable(target.name) or _readable(target.id) or key for key, target in distinct.items()}
    for suffix in (lambda t: f"{t.cloud or '-'}/{t.region or '-'}", lambda t: t.id, lambda t: t.key):
        counts = Counter(labels.values())
        for key, label in list(labels.items()):
            if counts[label] > 1:
                labels[key] = f"{_readable(distinct[key].name)}@{_readable(suffix(distinct[key]))}"
    taken: set[str] = set()
    for key, label in labels.items():
        unique, number = label, 1
        while unique in taken:
            number += 1
            unique = f"{label}#{number}"
        taken.add(unique)
        labels[key] = unique
    return labels


def _readable(name: str) -> str:
    return inert(visible(name).replace("::", r":\x3a"))


class CheckReport(pytest.TestReport):
    """The report of a finding. ``shown``: category, letter and word, where they are not pytest's usual ones."""

    shown: tuple[str, str, Any] | None = None


def make_report(item: CheckItem, finding: Finding) -> CheckReport:
    """The one report of a finding: there are no phases, nothing is run."""
    outcome, when = "passed", "call"
    text: Any = None
    more: dict[str, Any] = {}
    if finding.fixed:
        more["shown"] = ("fixed", "M", ("FIXED", {"green": True}))
    elif finding.waived or finding.attested:
        outcome, more["wasxfail"] = "skipped", _beside(finding)
        if finding.attested:
            more["shown"] = ("attested", "a", ("ATTESTED", {"yellow": True}))
    elif finding.verdict is Verdict.FAIL:
        outcome, text = "failed", "\n".join(fail_lines(finding))
    elif finding.verdict is Verdict.UNKNOWN:
        outcome, when, text = "failed", "setup", visible(f"unknown: {finding.reason}", TEXT_LIMIT)
    elif finding.verdict is Verdict.NOT_APPLICABLE:
        outcome, text = "skipped", (str(item.path), 1, visible(f"not applicable: {finding.reason}", TEXT_LIMIT))
    return _report(item, outcome=outcome, when=when, longrepr=text, **more)


def make_end(item: CheckItem, finding: Finding) -> CheckReport:
    """The teardown report without which pytest's JUnit file, and other plugins' reports, have no properties."""
    return _report(item, outcome="passed", when="teardown", longrepr=None, user_properties=properties(finding))


def _report(item: CheckItem, **more: Any) -> CheckReport:
    file = item.parent.nodeid if item.parent else item.nodeid
    nodeid = getattr(item, "id", item.nodeid)  # pytest 9.2 has ids that need not be parsed again
    return CheckReport(nodeid=nodeid, location=(file, None, item.name), keywords=_KEYWORDS, **more)


_KEYWORDS: dict[str, Any] = {}


def properties(finding: Finding) -> list[tuple[str, object]]:
    """What a reader of pytest's own JUnit file gets to know beside the text."""
    target = finding.target
    pairs = [
        ("check", finding.check.id),
        ("severity", str(finding.check.severity)),
        ("verdict", str(finding.verdict)),
        ("target", target.id),
        ("target_name", target.name),
        ("target_kind", str(target.kind)),
        ("cloud", target.cloud),
        ("region", target.region),
        ("seen_from", ", ".join(target.seen_from) if len(target.seen_from) > 1 else None),
        ("remedy", None if finding.remedy.state is RemedyState.NONE else str(finding.remedy.state)),
    ]
    return [(name, visible(value)) for name, value in pairs if value is not None]


def fail_lines(finding: Finding) -> Iterator[str]:
    """A fail in a few lines, without a traceback."""
    yield f"{finding.check.severity}: {finding.check.title}: this is not so"
    for each in finding.violations:
        yield visible(f"{each.subject}: {each.actual}, expected {each.expected}", TEXT_LIMIT)
        if each.hint:
            yield visible(f"  hint: {each.hint}", TEXT_LIMIT)
    if finding.note:
        yield visible(f"note: {finding.note}", TEXT_LIMIT)
    if finding.remedy.state is not RemedyState.NONE:
        reason = f": {finding.remedy.reason}" if finding.remedy.reason else ""
        yield visible(f"remedy: {finding.remedy.state}{reason}", TEXT_LIMIT)
    if (now := afterwards(finding)) is not None:
        yield visible(f"after: {now}", TEXT_LIMIT)


def _beside(finding: Finding) -> str:
    if finding.waived:
        waiver = finding.waiver
        text = f"waived until {waiver.until} by {waiver.approved_by}: {waiver.reason}"
    else:
        word = finding.attestation
        text = f"attested by {word.by} until {word.until}: {word.statement}"
    return visible(text, TEXT_LIMIT)
