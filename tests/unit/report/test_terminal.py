"""What a person reads."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.golden import cases

from imagegate.model import Level, Remedy, RemedyState, Severity
from imagegate.plan import NOT_CONFIRMED, Grant, refuse_all
from imagegate.report import advice, terminal
from imagegate.report.words import EXIT_WORDS, meaning
from imagegate.result import ExitCode, Result, ScopeInfo, Unreachable


def console(*, tty: bool = False, width: int = 100, encoding: str = "utf-8", **more: object) -> Console:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True, newline="")
    return Console(file=file, force_terminal=tty, width=width, _environ={}, legacy_windows=False, **more)  # type: ignore[arg-type]


def text_of(shown: Console) -> str:
    raw = shown.file.buffer  # type: ignore[attr-defined]
    return bytes(raw.getvalue()).decode(shown.encoding)


def printed(made: Result, *, tty: bool = False, width: int = 100, verbose: bool = False, **more: object) -> str:
    out = console(tty=tty, width=width, **more)
    terminal.render_result(made, out, verbose=verbose, next_command="imagegate audit", report_path=Path("reports/x"))
    return text_of(out)


@pytest.mark.parametrize("case", cases.CASES)
def test_a_file_gets_the_plain_text(case: str) -> None:
    made = cases.CASES[case]()
    wanted = "".join(terminal.render(made, next_command="imagegate audit"))
    assert printed(made).replace("report reports/x\n", "") == wanted


@pytest.mark.parametrize("case", cases.CASES)
@pytest.mark.parametrize("width", [1, 20, 60, 200])
def test_any_width_of_terminal(case: str, width: int) -> None:
    shown = printed(cases.CASES[case](), tty=True, width=width, verbose=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\n", "").isprintable()
    if width >= 60:
        rows = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
        assert max(map(len, rows)) <= width


def test_colours_only_on_a_terminal_that_wants_them() -> None:
    assert "\x1b[" in printed(cases.audit(), tty=True)
    assert "\x1b[" not in printed(cases.audit())
    assert "\x1b[3" not in printed(cases.audit(), tty=True, no_color=True)


def test_markup_is_text() -> None:
    assert "[bold red]" in printed(cases.hostile())


def test_an_ascii_terminal_is_no_reason_to_stop() -> None:
    made = cases.audit()
    scope = replace(made.scope, unreachable=(Unreachable(target="골든", reason="✓"),))
    assert r"\uace8\ub4e0: \u2713" in printed(replace(made, scope=scope), encoding="ascii")


def test_scope_comes_before_the_counts_and_next_comes_last() -> None:
    shown = printed(cases.audit())
    places = [
        shown.index(word) for word in ("FAIL medium", "scope of", "NOT COMPLETE", " pass, ", "exit code 1: a fail")
    ]
    assert places == sorted(places)
    assert shown.endswith("report reports/x\nnext imagegate audit\n")


def test_a_fail_that_was_mended_along_says_by_what_and_its_own_steps_are_no_longer_needed() -> None:
    made = cases.fixed()
    along = {"state": RemedyState.VERIFIED, "done": (), "reason": "mended along with others: rename the image"}
    found = [
        finding.with_remedy(replace(finding.remedy, **along)) if finding.check is cases.PROTECTED else finding
        for finding in made.findings
    ]
    shown = printed(replace(made, findings=found))
    assert "fixed and verified: mended along with others: rename the image" in shown
    assert "safe protect the image  no longer needed" in shown
    assert "protect the image  no longer needed" not in printed(made)


def test_passing_targets_are_counted_and_with_verbose_listed() -> None:
    made = cases.compliant()
    assert "golden-web" not in printed(made)
    assert "2 targets without a problem" in printed(made)
    assert "pass catalog-image-protected" in printed(made, verbose=True)
    assert "not applicable windows-password-initialised: not a Windows guest" in printed(made, verbose=True)


def test_a_dead_host_is_one_entry() -> None:
    shown = printed(cases.audit())
    assert shown.count("UNKNOWN") == 1
    assert "UNKNOWN linux-machine-id-reset, windows-password-initialised" in shown


def test_very_many_targets_are_cut_on_a_terminal_only() -> None:
    targets = [cases.image(f"golden-{number}", number) for number in range(terminal.SHOWN_TARGETS + 5)]
    seen = {target.key: cases.image_facts(target, protected=False) for target in targets}
    lost = tuple(Unreachable(target=f"web-{number}", reason="off") for number in range(60))
    scope = ScopeInfo(selected=1, seen=1, unreachable=lost)
    made = cases.result([cases.pair(cases.PROTECTED, target) for target in targets], seen, scope=scope)
    assert "… and 5 more targets with a problem" in printed(made)
    assert "… and 10 more targets\n" in printed(made)
    assert f"golden-{terminal.SHOWN_TARGETS + 4}" in printed(made, verbose=True)
    assert f"golden-{terminal.SHOWN_TARGETS + 4}" in "".join(terminal.render(made))


def test_the_plan_before_it_is_confirmed() -> None:
    web = cases.image("golden-web", 1)
    seen = {web.key: cases.image_facts(web, protected=False, members=(cases.STRANGER,))}
    pairs = [cases.pair(cases.PROTECTED, web), cases.pair(cases.MEMBERS_ALLOWED, web)]
    out = console()
    terminal.render_plan(cases.result(pairs, seen, grant=Grant(level=Level.SAFE)).plans, out)
    shown = text_of(out)
    assert shown.startswith("the plan: 1 step on 1 target\n")
    assert "(pending)  not applied: disruptive: needs --fix-level disruptive\n" in shown
    assert "2. safe protect the image\n" in shown
    assert "then: tell the project" in shown


def test_refused_fixes_say_why_and_what_else() -> None:
    shown = printed(cases.audit())
    assert "not fixed: /etc/machine-id is a link" in shown
    assert "refused linux-machine-id-reset, /etc/machine-id: /etc/machine-id is a link" in shown
    assert "instead: find out who made it so" in shown


def test_steps_of_a_later_round_are_shown() -> None:
    made = cases.fixed()
    later = replace(made.findings[1].remedy.steps[0], project="3" * 32, summary="remove a member that came meanwhile")
    remedy = Remedy(state=RemedyState.VERIFIED, steps=(*made.findings[1].remedy.steps, later), done=(later,))
    shown = printed(replace(made, findings=[made.findings[1].with_remedy(remedy)]))
    assert "3. disruptive remove a member that came meanwhile  done" in shown


def test_what_the_options_changed_is_said() -> None:
    shown = printed(replace(cases.audit(), fail_on=Severity.CRITICAL, max_unknown=2))
    assert "fails below critical do not count" in shown
    assert "1 unknown, 2 unknown targets tolerated (--max-unknown 2)" in shown


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_words(code: ExitCode) -> None:
    assert EXIT_WORDS[code]


@pytest.mark.parametrize("change", [{"complete": False}, {"max_unknown": 9, "fail_on": Severity.CRITICAL}])
@pytest.mark.parametrize("case", cases.CASES.values(), ids=list(cases.CASES))
def test_only_a_complete_run_with_nothing_tolerated_is_called_compliant(case, change) -> None:
    changed = replace(case(), **change)
    called = "compliant" in meaning(changed).replace("proves no compliance", "")
    assert called is (changed.exit_code is ExitCode.COMPLIANT and changed.complete and not changed.tolerated)


def advised(made: Result) -> str | None:
    return advice.advise(made, "imagegate audit -p x")


def test_advice() -> None:
    web = cases.image("golden-web", 1)
    safe, both = (
        [cases.pair(cases.PROTECTED, web)],
        [cases.pair(c, web) for c in (cases.PROTECTED, cases.MEMBERS_ALLOWED)],
    )
    seen = {web.key: cases.image_facts(web, protected=False, members=(cases.STRANGER,))}
    assert advised(cases.result(safe, seen)) == "imagegate audit -p x --fix"
    assert advised(cases.result(both, seen)) == "imagegate audit -p x --fix --fix-level disruptive"
    granted = cases.result(both, seen, grant=Grant(level=Level.SAFE))
    assert advised(granted) == "imagegate audit -p x --fix --fix-level disruptive"
    ceiling = cases.result(both, seen, grant=Grant(level=Level.DISRUPTIVE, ceiling=Level.SAFE))
    assert advised(ceiling) == "do what the plans leave to a person, then imagegate audit -p x"
    declined = cases.result(both, seen, grant=Grant(level=Level.DISRUPTIVE))
    declined = replace(declined, plans=tuple(refuse_all(plan, NOT_CONFIRMED) for plan in declined.plans))
    assert advised(declined) == "imagegate audit -p x --fix --fix-level disruptive"
    assert advised(cases.compliant()) is None
    assert advised(replace(cases.audit(), interrupted=True)) == "imagegate audit -p x"
    assert (advised(cases.limit()) or "").startswith("name fewer targets")
    failed = cases.settle(cases.result(safe, seen), cases.PROTECTED.id, web.name, RemedyState.FAILED, "x")
    assert (advised(failed) or "").startswith("look at the failed steps")


def test_advice_names_what_is_missing() -> None:
    build = cases.instance("build-01", 5)
    reason = "the inventory does not say how to reach it"
    seen = {build.key: cases.unreached(reason, cases.ETC, owner=cases.Owner.USER)}
    made = cases.result([cases.pair(cases.RESET, build)], seen)
    assert advised(made) == f"build-01: {reason}"
    lost = cases.result(
        [], {}, scope=ScopeInfo(selected=0, seen=0, catalogs=(cases.catalog("images", "KR2", complete=False),))
    )
    assert advised(lost) == "once the images of nhn/KR2 can be listed: imagegate audit -p x"


def test_a_command_is_left_whole_so_that_it_can_be_copied() -> None:
    out = console(tty=True, width=40)
    command = "imagegate audit --policy 'policies/golden images.yaml' --cloud nhn --region KR1 --fix"
    terminal.render_result(cases.audit(), out, next_command=command)
    assert text_of(out).endswith(f"next\x1b[0m {command}\n")
    out = console(tty=True, width=40)
    terminal.render_result(cases.audit(), out, next_command="name fewer targets, or raise limits.changed_targets")
    assert "limits.changed_targets\n" in text_of(out)
    assert "next\x1b[0m name fewer targets, or raise limits" not in text_of(out)


@pytest.mark.parametrize(
    ("name", "word"),
    [("build 01", "'build 01'"), ("-x;reboot", "'-x;reboot'"), ("a\nb", "00000005-bbbb"), ("plain", "plain")],
)
def test_names_in_commands_are_quoted_for_the_shell_or_are_ids(name: str, word: str) -> None:
    build = replace(cases.instance(name, 5), name=name)
    seen = {build.key: cases.guest_facts("an id", size=1)}
    destructive = replace(cases.RESET, plan=_destructive, effort=Level.DESTRUCTIVE)
    made = cases.result([cases.pair(destructive, build)], seen)
    assert advised(made) == (
        f"imagegate audit -p x --instance {word} --fix --fix-level destructive --check linux-machine-id-reset"
    )


def test_of_two_servers_of_one_name_the_id_is_said() -> None:
    twins = [cases.instance("twin", number) for number in (5, 6)]
    seen = {twin.key: cases.guest_facts("an id", size=1) for twin in twins}
    destructive = replace(cases.RESET, plan=_destructive, effort=Level.DESTRUCTIVE)
    made = cases.result([cases.pair(destructive, twin) for twin in twins], seen)
    assert "--instance 00000005-bbbb " in (advised(made) or "")


def _destructive(seen, want):
    for step in cases.reset_plan(seen, want):
        yield replace(step, level=Level.DESTRUCTIVE)


def test_there_is_always_something_to_do_next_unless_all_is_well() -> None:
    for name, made in cases.CASES.items():
        assert (advised(made()) is None) == (made().exit_code is ExitCode.COMPLIANT), name
    web = cases.instance("web-01", 5)
    lost = cases.result([cases.pair(cases.RESET, web)], {web.key: cases.unreached("timed out", cases.ETC)})
    assert advised(lost) == "once web-01 can be seen: imagegate audit -p x"
