"""Whatever text stands in a result, every report stays what it is."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.golden import cases

from imagegate.model import Kind, Remedy, RemedyState, Target, Verdict, Violation
from imagegate.report import document, junit, terminal
from imagegate.result import Result, ScopeInfo, Unreachable

anything = st.one_of(
    st.text(st.characters(), max_size=30),
    st.lists(
        st.sampled_from(["\x1b[31m", "]]>", "<!--", "&", "\x00", "\r\n", "[/]", "\u202e", "\udfff", '"', "\\"])
    ).map("".join),
)


@st.composite
def results(draw: st.DrawFn) -> Result:
    base = cases.hostile()
    target = Target(kind=draw(st.sampled_from(Kind)), id=draw(anything), name=draw(anything), cloud=draw(anything))
    word = cases.Waiver(
        reason=draw(anything), approved_by=draw(anything), until=date(2026, 12, 1), ticket=draw(anything)
    )
    findings = []
    for finding in base.findings:
        fails = finding.verdict is Verdict.FAIL
        violation = Violation(
            subject=draw(anything), expected=draw(anything), actual=draw(anything), hint=draw(anything)
        )
        remedy = Remedy(state=draw(st.sampled_from(RemedyState)), reason=draw(anything), steps=finding.remedy.steps)
        findings.append(
            replace(
                finding, target=target, note=draw(anything), violations=(violation,) if fails else (),
                reason=None if fails else draw(anything), waiver=word if fails and draw(st.booleans()) else None,
                remedy=remedy if fails else finding.remedy,
            )
        )  # fmt: skip
    scope = ScopeInfo(selected=1, seen=1, unreachable=(Unreachable(target=draw(anything), reason=draw(anything)),))
    return replace(base, findings=findings, scope=scope, limit=draw(st.none() | anything))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(results(), st.integers(min_value=1, max_value=120))
def test_reports_survive_any_text(made: Result, width: int) -> None:
    text = "".join(document.render(made))
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    for finding, record in zip(made.findings, json.loads(text)["findings"], strict=True):
        name = finding.target.name.encode("utf-8", "backslashreplace").decode()
        assert record["target"]["name"] == name

    root = ET.fromstring("".join(junit.render(made)))
    assert len(root[1].findall("testcase")) == len(made.findings)

    plain = "".join(terminal.render(made))
    assert plain.replace("\n", "").isprintable() or not any(char in plain for char in "\x1b\x9b\r\x00\u202e")

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, no_color=True, color_system=None, width=width, _environ={})
    terminal.render_result(made, console, verbose=True)
    terminal.render_plan(made.plans, console)
    shown = file.getvalue()
    assert not any(char in shown for char in "\x1b\x9b\r\x00\u202e")
