"""The image is shared with the allowed projects, and with nobody else.

Why it matters
--------------
A member can boot and read the image at once, before it accepts and even after it rejects: every member row is access.
A mistyped or abandoned project id is a grant to whoever gets it. Too few members is drift as well.

Passes when
-----------
Every member is in ``allow`` or ``require`` and its entry is in force; every project of ``require`` (with ``exact``,
of ``allow`` too) is a member; no member project is known not to exist; the image is not public.

Fix
---
Remove members first, then share the image if it must be, then add members. Access ends and begins at once: DISRUPTIVE.

References
----------
Image API v2, "Sharing"; NHN Cloud image guide, "Share an image".
"""

from collections.abc import Iterator
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from imagegate import (
    Check, Facts, Fix, Id, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.probes import IMAGE, MEMBER_PROJECTS, MEMBERS, Member


class Grant(Params):
    """One project of a list."""

    project: Id = Field(description="The project's id, as the cloud prints it.")
    name: str | None = Field(default=None, description="A name for readers; not compared.")
    until: date | None = Field(default=None, description="The last day (UTC) on which the project may have access.")

    def in_force(self, today: date) -> bool:
        """Whether the project may have access today."""
        return self.until is None or today <= self.until


class Wanted(Params):
    """What the policy can say."""

    allow: list[Grant] = Field(default=[], description="Projects that may have access.")
    require: list[Grant] = Field(default=[], description="Projects that must have access.")
    exact: bool = Field(default=False, description="Every project of `allow` must have access too.")

    @model_validator(mode="after")
    def _once(self) -> Self:
        for grants in (self.allow, self.require):
            ids = [grant.project for grant in grants]
            if twice := sorted({project for project in ids if ids.count(project) > 1}):
                raise ValueError(f"project {twice[0]} stands twice in one list")
        return self


def wishes(seen: Facts, want: Wanted) -> tuple[dict[str, Grant], dict[str, Grant]]:
    """The grants in force today by project: those that may be, and those that must be. The owner needs none."""
    today, owner = seen.today, seen[IMAGE].owner
    may = {grant.project: grant for grant in (*want.allow, *want.require) if grant.in_force(today)}
    must = {g.project: g for g in (want.allow if want.exact else []) + want.require if g.in_force(today)}
    return may, {project: grant for project, grant in must.items() if project != owner}


def visible(seen: Facts) -> tuple[Member, ...]:
    """The members with access: rows of an image that is not shared are hidden, and give none."""
    return seen[MEMBERS].members if seen[IMAGE].visibility == "shared" else ()


def gone(seen: Facts) -> tuple[str, ...]:
    """Member projects that are known not to exist."""
    return seen[MEMBER_PROJECTS].missing if MEMBER_PROJECTS in seen else ()


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Compare the members with the lists."""
    image, members = seen[IMAGE], visible(seen)
    may, must = wishes(seen, want)
    if image.visibility in {"public", "community"}:
        yield Violation(subject="visibility", expected="shared or private", actual=image.visibility)
        return
    ended = {grant.project: grant for grant in (*want.allow, *want.require) if grant.project not in may}
    for member in members:
        who = f"member {member.project}"
        if member.project in gone(seen):
            yield Violation(subject=who, expected="an existing project", actual=f"does not exist, {member.status}")
        elif member.project not in may and member.project != image.owner:
            end = ended.get(member.project)
            over = "no access" if end is None else f"no access after {end.until}"
            yield Violation(subject=who, expected=over, actual=member.status)
    for project in sorted(must.keys() - {member.project for member in members}):
        yield Violation(subject=f"member {project}", expected="access", actual="no access", hint=must[project].name)


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Narrow first, then widen."""
    image, members = seen[IMAGE], visible(seen)
    may, must = wishes(seen, want)
    if image.visibility in {"public", "community"}:
        hint = "have it made private first, then run again"
        yield Refusal(subject="visibility", reason=f"the image is {image.visibility}: every project uses it", hint=hint)
        return
    for project in sorted(must.keys() & set(gone(seen))):
        yield steps.Manual(
            subject=f"member {project}", why="the policy requires it, and it does not exist",
            summary=f"correct the policy: project {project} does not exist",
        )  # fmt: skip
    for member in members:
        unknown = member.project in gone(seen)
        if unknown and member.project in must:
            continue  # removed, it would be required again, and added again
        if unknown or (member.project not in may and member.project != image.owner):
            yield steps.RemoveMember(
                project=member.project, subject=f"member {member.project}", level=Level.DISRUPTIVE,
                summary=f"remove member {member.project} ({member.status})", phase=Phase.REMOVE_MEMBERS,
                why="the project does not exist" if unknown else "the policy does not allow it",
                undo=f"add member {member.project}; it has to accept again",
            )  # fmt: skip
    lacking = sorted(must.keys() - {member.project for member in members} - set(gone(seen)))
    if lacking and image.visibility != "shared":
        yield steps.SetVisibility(
            visibility="shared", subject="visibility", summary=f"change visibility from {image.visibility} to shared",
            level=Level.DISRUPTIVE, phase=Phase.VISIBILITY, why="only shared images have members",
            undo=f"set visibility to {image.visibility}",
        )  # fmt: skip
    for project in lacking:
        yield steps.AddMember(
            project=project, subject=f"member {project}", summary=f"add member {project}", level=Level.DISRUPTIVE,
            phase=Phase.ADD_MEMBERS, why="the policy requires it", undo=f"remove member {project}",
            then=f"project {project} accepts the image to see it in its list",
        )  # fmt: skip


CHECK = Check(
    id="catalog-members-allowed",
    title="The image is shared with the allowed projects only",
    severity=Severity.HIGH,
    kind=Kind.IMAGE,
    needs=(IMAGE, MEMBERS),
    uses=(MEMBER_PROJECTS,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
