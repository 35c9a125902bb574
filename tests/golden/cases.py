"""Hand-made results for the report tests: small checks of their own, so that wording elsewhere can change freely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from imagegate import (
    Check,
    Facts,
    Fix,
    Kind,
    Level,
    NoParams,
    Note,
    Params,
    Phase,
    Refusal,
    Severity,
    Step,
    Violation,
    policy_model,
    probes,
    steps,
)
from imagegate.baseline import Baseline, Change, Former, Since
from imagegate.errors import Owner
from imagegate.judge import Pair, judge
from imagegate.model import After, Finding, Probe, Remedy, RemedyState, Seen, Target, Unseen, Verdict
from imagegate.permissions import Granted
from imagegate.plan import Grant, Plan, make_plan, over_limit, refuse_all
from imagegate.probes import IMAGE, MEMBERS, FileFact, FileKind, ImageFact, Member, MembersFact
from imagegate.probes.waivers import WaiverState
from imagegate.result import PolicyInfo, Result, ScopeInfo, Unreachable
from imagegate.selectors import Condition, Selector
from imagegate.transports import Auditor, CatalogScope

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
TODAY = NOW.date()
LATER = NOW + timedelta(seconds=9)
PROJECT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
STRANGER = "11223344556677889900aabbccddeeff"
HOSTILE = (
    'evil\x1b[2J\x1b]0;owned\x07\r\n\u202etxt.exe\u200b\x00\x9b31m[bold red]&lt;<x y="\'">]]>\udc80\uffff\u2028 end'
)
ETC = probes.File(path="/etc/machine-id", read=64, classify="machine-id")
TICKED = probes.File(path="/console/ticked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """As the policy's."""

    reason: str
    approved_by: str
    until: date
    ticket: str | None = None
    line: int = 31
    fingerprint: str | None = None

    def in_force(self, today: date) -> bool:
        return today <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """As the policy's."""

    statement: str
    by: str
    on: date
    until: date
    line: int = 40

    def in_force(self, today: date) -> bool:
        return self.on <= today <= self.until


PLACES = (
    {"catalog-image-protected": 12},
    {"catalog-members-allowed": 16},
    {"linux-machine-id-reset": 25},
    {"windows-password-initialised": 28},
)


class Members(Params):
    """Parameters with a default, a list and a date."""

    allow: tuple[str, ...] = ()
    """Projects."""
    exact: bool = False
    """All of them."""
    since: date | None = None
    """A day."""


def protected_evaluate(seen: Facts, want: Any) -> Iterator[Violation | Note]:
    if not seen[IMAGE].protected:
        yield Violation(subject="protected", expected="true", actual="false", hint="anybody here can delete it")


def protected_plan(seen: Facts, want: Any) -> Iterator[Step | Refusal]:
    if not seen[IMAGE].protected:
        yield steps.SetProtected(
            protected=True, subject="protected", summary="protect the image", level=Level.SAFE,
            phase=Phase.PROTECTION, why="it could be deleted by mistake", undo="unprotect the image",
        )  # fmt: skip


def members_evaluate(seen: Facts, want: Members) -> Iterator[Violation | Note]:
    for member in seen[MEMBERS].members:
        if member.project not in want.allow:
            yield Violation(subject=f"member {member.project}", expected="no access", actual=member.status)
    yield Note(text="whether the member projects exist could not be looked up")


def members_plan(seen: Facts, want: Members) -> Iterator[Step | Refusal]:
    for member in seen[MEMBERS].members:
        if member.project not in want.allow:
            yield steps.RemoveMember(
                project=member.project, subject=f"member {member.project}", level=Level.DISRUPTIVE,
                summary=f"remove member {member.project} ({member.status})", phase=Phase.REMOVE_MEMBERS,
                why="the policy does not allow it", undo=f"add member {member.project}; it has to accept again",
                then="tell the project",
            )  # fmt: skip


def reset_evaluate(seen: Facts, want: Any) -> Iterator[Violation | Note]:
    if seen[ETC].content != "empty":
        actual = f"a link to {seen[ETC].link_to}" if seen[ETC].link_to else str(seen[ETC].content)
        yield Violation(subject=ETC.path, expected="an empty file", actual=actual)


def reset_plan(seen: Facts, want: Any) -> Iterator[Step | Refusal]:
    if seen[ETC].kind is FileKind.LINK:
        yield Refusal(subject=ETC.path, reason=f"{ETC.path} is a link", hint="find out who made it so")
    else:
        yield steps.EmptyFile(
            file=ETC, subject=ETC.path, summary=f"empty {ETC.path}", level=Level.DISRUPTIVE, phase=Phase.IDENTITY,
            why="every clone would take over the id", then="stop the instance before it is captured, or reboot it",
        )  # fmt: skip


def ticked_evaluate(seen: Facts, want: Any) -> Iterator[Violation | Note]:
    if seen[TICKED].kind is not FileKind.REGULAR:
        yield Violation(subject="password", expected="ticked", actual="not ticked")


def ticked_plan(seen: Facts, want: Any) -> Iterator[Step | Refusal]:
    yield steps.Manual(subject="password", why="no API can", summary="tick 'initialise the password' in the console")


def check(name: str, **more: Any) -> Check:
    parts: dict[str, Any] = {
        "id": name, "title": "A title", "severity": Severity.HIGH, "kind": Kind.IMAGE, "needs": (IMAGE,),
        "params": NoParams, "evaluate": protected_evaluate, "plan": protected_plan, "fix": Fix.ALWAYS,
        "effort": Level.SAFE, "since": "0.1",
    }  # fmt: skip
    return Check(**{**parts, **more})


PROTECTED = check("catalog-image-protected", title="The image cannot be deleted by mistake", severity=Severity.MEDIUM)
MEMBERS_ALLOWED = check(
    "catalog-members-allowed", title="The image is shared with the allowed projects only", needs=(IMAGE, MEMBERS),
    params=Members, evaluate=members_evaluate, plan=members_plan, effort=Level.DISRUPTIVE,
)  # fmt: skip
RESET = check(
    "linux-machine-id-reset", title="The machine id is reset", kind=Kind.INSTANCE, needs=(ETC,),
    evaluate=reset_evaluate, plan=reset_plan, fix=Fix.SOMETIMES, effort=Level.DISRUPTIVE,
)  # fmt: skip
TICK = check(
    "windows-password-initialised", title="The password is initialised", kind=Kind.INSTANCE, needs=(TICKED,),
    evaluate=ticked_evaluate, plan=ticked_plan, fix=Fix.NEVER, effort=Level.MANUAL, attestable=True,
    severity=Severity.CRITICAL, applies=lambda seen, want: None if seen[TICKED].size else "not a Windows guest",
)  # fmt: skip


def image(name: str, number: int, region: str = "KR1", *, others: tuple[str, ...] = ()) -> Target:
    return Target(
        kind=Kind.IMAGE, id=f"{number:08d}-aaaa", name=name, cloud="nhn", region=region, owner=PROJECT,
        deployment=f"{region.lower()}-api-image.example.com", seen_from=("nhn", *others),
    )  # fmt: skip


def instance(name: str, number: int) -> Target:
    return Target(kind=Kind.INSTANCE, id=f"{number:08d}-bbbb", name=name, cloud="nhn", region="KR1", guest=name)


def image_facts(target: Target, *, protected: bool = True, members: tuple[str, ...] = ()) -> Facts:
    fact = ImageFact(
        id=target.id, name=target.name, owner=PROJECT, mine=True, status="active", visibility="shared",
        protected=protected,
    )  # fmt: skip
    rows = tuple(Member(project=project, status="pending") for project in members)
    return facts({IMAGE: fact, MEMBERS: MembersFact(members=rows)})


def guest_facts(content: str | None = "empty", link_to: str | None = None, **more: Any) -> Facts:
    kind = FileKind.LINK if link_to else FileKind.REGULAR
    content = None if link_to else content
    tick = FileFact(kind=FileKind.REGULAR if more.get("ticked") else FileKind.ABSENT, size=more.get("size"))
    return facts({ETC: FileFact(kind=kind, content=content, link_to=link_to), TICKED: tick})


def facts(seen: dict[Probe[Any], Any]) -> Facts:
    return Facts({probe: Seen(value=value, at=NOW) for probe, value in seen.items()}, NOW)


def unreached(reason: str, *wanted: Probe[Any], owner: Owner = Owner.TARGET) -> Facts:
    return Facts({probe: Unseen(reason=reason, at=NOW, owner=owner) for probe in wanted}, NOW)


def pair(one: Check, target: Target, *, rule: int = 0, params: Any = None, **more: Any) -> Pair:
    return Pair(check=one, target=target, params=one.params() if params is None else params, rule=rule, **more)


def result(
    pairs: Iterable[Pair],
    seen: dict[str, Facts],
    *,
    grant: Grant | None = None,
    changed_targets: int = 50,
    scope: ScopeInfo | None = None,
    **more: Any,
) -> Result:
    """Judge and plan as a run does; nothing is applied."""
    pairs = list(pairs)
    grant = grant or Grant()
    found = [judge(each, seen[each.target.key], today=TODAY) for each in pairs]
    targets = {each.target.key: each.target for each in pairs}
    plans = {key: make_plan(target, of(found, key), seen[key], grant) for key, target in targets.items()}
    limit = over_limit(plans.values(), changed_targets)
    if limit is not None:
        plans = {key: refuse_all(plan, limit) for key, plan in plans.items()}
    found = [_planned(finding, plans) for finding in found]
    parts: dict[str, Any] = {
        "run_id": "20261122T101500Z-3f2a", "command": "audit", "started": NOW,
        "finished": NOW + timedelta(seconds=12.5), "complete": True, "interrupted": False,
        "policy": PolicyInfo(
            name="golden", version=3, title="Golden images", digest="sha256:" + "ab" * 32,
            file="policies/golden.yaml", places=PLACES,
        ),
        "checks_digest": "sha256:" + "cd" * 32,
        "scope": scope or ScopeInfo(selected=len(targets), seen=len(targets)),
        "auditors": (), "findings": found,
        "plans": tuple(plan for plan in plans.values() if plan.steps or plan.refusals),
        "facts": seen, "limit": limit,
    }  # fmt: skip
    return Result(**{**parts, **more})


def of(found: Iterable[Finding], key: str) -> list[Finding]:
    return [finding for finding in found if finding.target.key == key]


def _planned(finding: Finding, plans: dict[str, Plan]) -> Finding:
    wants = finding.verdict == "fail" and not finding.waived
    return finding.with_remedy(plans[finding.target.key].remedy(finding.check.id)) if wants else finding


def settle(made: Result, check_id: str, name: str, state: RemedyState, reason: str | None = None) -> Result:
    """The result as it is after the fix of one finding came to an end."""

    def settled(finding: Finding) -> Finding:
        if (finding.check.id, finding.target.name) != (check_id, name):
            return finding
        remedy, good = finding.remedy, state is RemedyState.VERIFIED
        after = After(
            verdict=Verdict.PASS if good else Verdict.FAIL, observed_at=LATER,
            violations=() if good else finding.violations[-1:],
        )  # fmt: skip
        done = remedy.steps if good else remedy.steps[:-1]
        return finding.with_remedy(Remedy(state=state, steps=remedy.steps, done=done, reason=reason, after=after))

    return replace(made, findings=[settled(finding) for finding in made.findings])


def audit() -> Result:
    """Nearly everything at once, without a fix."""
    web, old, twin, other = (
        image("golden-web", 1, others=("nhn-stage", "nhn-prod", "nhn-test", "nhn-lab")),
        image("golden-legacy", 2),
        image("golden-db", 3),
        image("golden-db", 4),
    )
    build, linked, dead, windows = (
        instance("build-01", 5),
        instance("build-02", 6),
        instance("web-02", 7),
        instance("win-01", 8),
    )
    allowed = Members(allow=(PROJECT,), exact=True)
    seen = {
        web.key: image_facts(web, protected=False, members=(PROJECT, STRANGER)),
        old.key: image_facts(old, members=(STRANGER,)),
        twin.key: image_facts(twin),
        other.key: image_facts(other, protected=False),
        build.key: guest_facts("an id"),
        linked.key: guest_facts(link_to="/run/machine-id"),
        dead.key: unreached("ssh: connect to 192.0.2.11 port 22: timed out after 10 s", ETC, TICKED),
        windows.key: unreached("no API tells", ETC, TICKED),
    }
    waiver = Waiver(reason="migrating", approved_by="platform-security", until=date(2026, 12, 31), ticket="OPS-1234")
    ended = Waiver(reason="old", approved_by="x", until=date(2026, 1, 31))
    word = Attestation(statement="ticked", by="release-engineering", on=date(2026, 11, 20), until=date(2027, 5, 20))
    pairs = [
        *(pair(PROTECTED, target) for target in (web, old, twin)),
        pair(PROTECTED, other, waivers=(ended,)),
        pair(MEMBERS_ALLOWED, web, params=allowed, rule=1),
        pair(MEMBERS_ALLOWED, old, params=allowed, rule=1, waivers=(waiver,)),
        pair(MEMBERS_ALLOWED, twin, params=allowed, rule=1),
        *(pair(RESET, target, rule=2) for target in (build, linked, dead)),
        *(pair(TICK, target, rule=3) for target in (build, dead)),
        pair(TICK, windows, rule=3, attestations=(word,)),
    ]
    scope = ScopeInfo(
        selected=8, seen=6,
        unreachable=(Unreachable(target="web-02", reason="ssh: connect to 192.0.2.11 port 22: timed out after 10 s"),),
        catalogs=(
            catalog("images", "KR1"), catalog("servers", "KR1", pages=1, count=12),
            catalog("images", "KR2", pages=0, count=0, complete=False, reason="not in the service catalog"),
            catalog("images", "KR1", cloud="nhn-stage", project=STRANGER, pages=1, count=61),
        ),
        images=216, images_from_several=59,
        rules_without_targets=(4,), relaxed=("web-09: host key not verified",),
        warnings=("the inventory's web-03 is the name of several servers (a, b): name it by id",), requests=31,
    )  # fmt: skip
    auditors = (Auditor(cloud="nhn", user="auditor", project=PROJECT, roles=("reader", "member")),)
    return result(pairs, seen, scope=scope, auditors=auditors, complete=False, granted=permissions())


def permissions() -> tuple[Granted, ...]:
    """The policy's waivers and attestations, one in each state."""

    def waiver(index: int, state: WaiverState, matches: int, until: date, **more: Any) -> Granted:
        parts: dict[str, Any] = {
            "check": MEMBERS_ALLOWED.id, "reason": "migrating", "approved_by": "platform-security",
            "selector": Selector(kind=Kind.IMAGE, conditions=(
                Condition(attribute="name", alternatives=("golden-legacy*", "golden-old")),
            )),
        }  # fmt: skip
        made = policy_model.Waiver(**{**parts, "index": index, "line": 31 + 6 * index, "until": until, **more})
        return Granted(what="waiver", permission=made, matches=matches, state=state)

    word = policy_model.Attestation(
        index=0, line=70, check=TICK.id, selector=Selector(kind=Kind.INSTANCE), statement="ticked",
        by="release-engineering", on=date(2026, 11, 20), until=date(2027, 5, 20),
    )  # fmt: skip
    return (
        waiver(0, WaiverState.IN_FORCE, 1, date(2026, 12, 31), ticket="OPS-1234"),
        waiver(1, WaiverState.EXPIRED, 1, date(2026, 1, 31), check=PROTECTED.id, approved_by="x", reason="old"),
        waiver(2, WaiverState.UNUSED, 0, date(2027, 1, 31), selector=None, fingerprint="1641e4dbdeb2ef5d"),
        waiver(3, WaiverState.OVER_BROAD, 214, date(2027, 1, 31), selector=Selector(kind=Kind.IMAGE)),
        waiver(4, WaiverState.ENDING_SOON, 2, date(2026, 11, 30)),
        Granted(what="attestation", permission=word, matches=3, state=WaiverState.IN_FORCE),
    )


def since() -> Result:
    """The audit against an earlier one: something new, changed, as before, resolved, and out of sight."""
    made = audit()
    stands = [(finding.check.id, finding.target.key) for finding in made.findings if finding.stands]
    known = [
        Since(change=Change.NEW, worse=True, first_seen="2026-11-22T10:15:12.500Z"),
        Since(change=Change.CHANGED, worse=True, first_seen="2026-11-01T08:00:00.000Z"),
        Since(change=Change.CHANGED, worse=False, first_seen=None),
        *[Since(change=Change.SAME, worse=False, first_seen="2026-11-01T08:00:00.000Z")] * len(stands),
    ]
    gone = {name: getattr(image("golden-gone", 9), name) for name in ("kind", "id", "name", "cloud", "region", "owner")}
    former = Former(
        check=PROTECTED.id, severity="medium", fingerprint="00112233aabbccdd", target=gone, why="in-order",
        first_seen="2026-11-01T08:00:00.000Z", resolved_after_s=1822512.5,
    )  # fmt: skip
    lost = replace(former, check=MEMBERS_ALLOWED.id, severity="high", resolved_after_s=None)
    return replace(
        made,
        fail_on_new=True,
        baseline=Baseline(
            run="20261121T101500Z-77aa",
            finished=NOW - timedelta(days=1),
            fails=dict(zip(stands, known, strict=False)),
            resolved=(former,),
            not_resolved=tuple(replace(lost, why=why) for why in ("not-seen", "target-gone", "not-required")),
        ),
    )


def catalog(what: str, region: str, *, pages: int = 3, count: int = 214, **more: Any) -> CatalogScope:
    more = {"cloud": "nhn", "project": PROJECT, "complete": True, **more}
    return CatalogScope(what=what, region=region, pages=pages, count=count, **more)


def compliant() -> Result:
    """All is well."""
    web, build = image("golden-web", 1), instance("build-01", 5)
    seen = {web.key: image_facts(web), build.key: guest_facts()}
    pairs = [pair(PROTECTED, web), pair(MEMBERS_ALLOWED, web), pair(RESET, build, rule=1), pair(TICK, build, rule=1)]
    scope = ScopeInfo(selected=2, seen=2, catalogs=(catalog("images", "KR1"), catalog("servers", "KR1")), requests=7)
    return result(pairs, seen, scope=scope, command="gate")


def fixed() -> Result:
    """A fix that worked, one that failed part way and one that was not granted."""
    web, old, build = image("golden-web", 1), image("golden-old", 2), instance("build-01", 5)
    seen = {
        web.key: image_facts(web, protected=False),
        old.key: image_facts(old, members=(STRANGER, "2" * 32)),
        build.key: guest_facts("an id", size=1),
    }
    pairs = [pair(PROTECTED, web), pair(MEMBERS_ALLOWED, old), pair(RESET, build, rule=1), pair(TICK, build, rule=1)]
    made = result(pairs, seen, grant=Grant(level=Level.DISRUPTIVE, never=frozenset({RESET.id})))
    made = settle(made, PROTECTED.id, web.name, RemedyState.VERIFIED)
    made = settle(made, MEMBERS_ALLOWED.id, old.name, RemedyState.FAILED, "HTTP 503 from the image API")
    later = Facts(dict(image_facts(web).items()), LATER)
    return replace(made, facts={**made.facts, web.key: later})


def limit() -> Result:
    """More targets than the policy allows to change."""
    images = [image(f"golden-{number}", number) for number in range(3)]
    seen = {target.key: image_facts(target, protected=False) for target in images}
    return result([pair(PROTECTED, each) for each in images], seen, grant=Grant(level=Level.SAFE), changed_targets=2)


def hostile() -> Result:
    """Names and texts of an attacker, everywhere."""
    bad = Target(kind=Kind.INSTANCE, id=HOSTILE, name=HOSTILE, cloud=HOSTILE, region=HOSTILE, owner=HOSTILE, guest="x")
    gone = replace(bad, id="gone" + HOSTILE)
    seen = {bad.key: guest_facts(link_to=HOSTILE), gone.key: unreached(HOSTILE, ETC, TICKED)}
    waiver = Waiver(reason=HOSTILE, approved_by=HOSTILE, until=date(2026, 12, 31), ticket=HOSTILE)
    word = Attestation(statement=HOSTILE, by=HOSTILE, on=TODAY, until=TODAY)
    other = replace(RESET, id="linux-other-id-reset", title=HOSTILE)
    pairs = [
        pair(RESET, bad), pair(other, bad, waivers=(waiver,)), pair(RESET, gone), pair(TICK, gone, attestations=(word,))
    ]  # fmt: skip
    scope = ScopeInfo(
        selected=2, seen=1, unreachable=(Unreachable(target=HOSTILE, reason=HOSTILE),), missing=(HOSTILE,),
        unselected=(HOSTILE,), relaxed=(HOSTILE,), warnings=(HOSTILE,),
        catalogs=(replace(catalog("images", "KR1", complete=False, reason=HOSTILE), cloud=HOSTILE, region=HOSTILE),),
    )  # fmt: skip
    auditors = (Auditor(cloud=HOSTILE, user=HOSTILE, project=HOSTILE, roles=(HOSTILE,)),)
    policy = PolicyInfo(name=HOSTILE, version=1, title=HOSTILE, digest="sha256:" + "ab" * 32, file=HOSTILE)
    first, *_ = permissions()
    assert isinstance(first.permission, policy_model.Waiver)
    granted = replace(
        first, permission=replace(
            first.permission, reason=HOSTILE, approved_by=HOSTILE, ticket=HOSTILE,
            selector=Selector(kind=Kind.IMAGE, conditions=(Condition(attribute="tag", alternatives=(HOSTILE,)),)),
        )
    )  # fmt: skip
    made = result(pairs, seen, scope=scope, auditors=auditors, policy=policy, limit=HOSTILE, granted=(granted,))
    wrong = Violation(subject=HOSTILE, expected=HOSTILE, actual=HOSTILE, hint=HOSTILE)
    after = After(verdict=Verdict.FAIL, observed_at=LATER, violations=(wrong,), reason=HOSTILE)
    first, *rest = made.findings
    return replace(made, findings=[first.with_remedy(replace(first.remedy, after=after)), *rest])


def empty() -> Result:
    """A gate for an instance that no rule selects, and one that nobody could look for."""
    return result(
        [], {}, scope=ScopeInfo(selected=0, seen=0, missing=("web-09",), unselected=("web-01",)), command="gate"
    )


CASES = {"audit": audit, "compliant": compliant, "fixed": fixed, "limit": limit, "hostile": hostile, "empty": empty}
CASES["since"] = since
