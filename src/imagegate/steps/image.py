"""Changes to an image of the catalog, through the image API v2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from imagegate.model import Facts, Level, Phase, Probe, Source, Step
from imagegate.probes.image import IMAGE, MEMBERS, ImageFact, Member, MembersFact
from imagegate.steps.call import ApiStep, Call

_PATCH = "application/openstack-images-v2.1-json-patch"
_NARROW: dict[str, Literal["shared", "private"]] = {"shared": "shared", "private": "private"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStep(ApiStep):
    """A change to the image's record."""

    source: ClassVar[Source] = Source.IMAGE

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE,)

    def kept(self, seen: Facts) -> Facts:
        return Step.kept(self, seen).reduced(IMAGE, self._lean)

    def _lean(self, image: ImageFact) -> ImageFact:
        """What a journal keeps of the record: no properties and tags, since people put passwords there."""
        return replace(image, properties=(), tags=())


def patch(seen: Facts, op: Literal["add", "replace", "remove"], field: str, value: object = None) -> Call:
    """One edit of one field of the record. ``field`` may hold any character (RFC 6901).

    Source: image API v2, "Update image"; Glance answers 409 to ``replace`` and ``remove`` of what is not there.
    """
    pointer = field.replace("~", "~0").replace("/", "~1")
    edit = {"op": op, "path": f"/{pointer}"}
    return Call(
        service="image",
        method="PATCH",
        path=f"/v2/images/{quote(seen[IMAGE].id, safe='')}",
        body=[edit if op == "remove" else {**edit, "value": value}],
        content_type=_PATCH,
        accepts=frozenset({200}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProtected(ImageStep):
    """Protect the image against deletion, or take the protection away."""

    protected: bool

    def basis(self, seen: Facts) -> object:
        return (seen[IMAGE].id, seen[IMAGE].protected, seen[IMAGE].status)

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(IMAGE, replace(seen[IMAGE], protected=self.protected))

    def done(self, seen: Facts) -> bool:
        return seen[IMAGE].protected is self.protected

    def call(self, seen: Facts) -> Call:
        return patch(seen, "replace", "protected", self.protected)

    def inverse(self, before: Facts) -> Step | None:
        was = before[IMAGE].protected
        return protection(protected=was, why=f"takes back: {self.summary}")


def protection(*, protected: bool, why: str) -> SetProtected:
    """The step that sets the protection; taking it away is DISRUPTIVE."""
    return SetProtected(
        protected=protected,
        subject="protected",
        summary=f"{'protect the image against' if protected else 'allow'} deletion",
        level=Level.SAFE if protected else Level.DISRUPTIVE,
        phase=Phase.PROTECTION if protected else Phase.UNPROTECT,
        why=why,
        undo=f"set protected to {'false' if protected else 'true'}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVisibility(ImageStep):
    """Change who can see the image."""

    no_way_back: ClassVar[str] = "an image is not opened to everybody by an undo"

    visibility: Literal["shared", "private"]

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE, MEMBERS)

    def basis(self, seen: Facts) -> object:
        """The members count where they will be hidden: a row that nobody removed before comes back with the sharing."""
        hidden = tuple(member.project for member in seen[MEMBERS].members) if self.visibility == "private" else ()
        return (seen[IMAGE].id, seen[IMAGE].visibility, hidden)

    @property
    def reveals(self) -> tuple[Probe[Any], ...]:
        """Glance keeps the rows of members and shows them only while the image is shared."""
        return (MEMBERS,) if self.visibility == "shared" else ()

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(IMAGE, replace(seen[IMAGE], visibility=self.visibility))

    def done(self, seen: Facts) -> bool:
        return seen[IMAGE].visibility == self.visibility

    def call(self, seen: Facts) -> Call:
        return patch(seen, "replace", "visibility", self.visibility)

    def inverse(self, before: Facts) -> Step | None:
        was = _NARROW.get(before[IMAGE].visibility)
        if was is None:
            return None
        return replace(
            self,
            visibility=was,
            summary=f"change visibility from {self.visibility} to {was}",
            why=f"takes back: {self.summary}",
            undo=f"set visibility to {self.visibility}",
            then=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MemberStep(ImageStep):
    project: str

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE, MEMBERS)

    def basis(self, seen: Facts) -> object:
        """Other members may come and go; what counts is this one, and that members are possible at all."""
        return (seen[IMAGE].id, seen[IMAGE].visibility, self._member(seen) is not None)

    def _member(self, seen: Facts) -> Member | None:
        return next((member for member in seen[MEMBERS].members if member.project == self.project), None)

    def _path(self, seen: Facts) -> str:
        return f"/v2/images/{quote(seen[IMAGE].id, safe='')}/members"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember(_MemberStep):
    """Give a project access. The image must be ``shared``."""

    def simulate(self, seen: Facts) -> Facts:
        new = Member(project=self.project, status="pending")
        others = (member for member in seen[MEMBERS].members if member.project != self.project)
        return seen.with_fact(MEMBERS, MembersFact(members=tuple(sorted((*others, new), key=_by_project))))

    def done(self, seen: Facts) -> bool:
        return self._member(seen) is not None

    def inverse(self, before: Facts) -> Step | None:
        return RemoveMember(
            project=self.project,
            subject=self.subject,
            summary=f"remove member {self.project}",
            level=Level.DISRUPTIVE,
            phase=Phase.REMOVE_MEMBERS,
            why=f"takes back: {self.summary}",
            undo=f"add member {self.project}; it has to accept again",
        )

    def call(self, seen: Facts) -> Call:
        body = {"member": self.project}
        return Call(
            service="image", method="POST", path=self._path(seen), body=body,
            accepts=frozenset({200}), already=frozenset({409}),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(_MemberStep):
    """Take a project's access away; it ends at once."""

    no_way_back: ClassVar[str] = "it was not seen to be a member before"

    def simulate(self, seen: Facts) -> Facts:
        left = tuple(member for member in seen[MEMBERS].members if member.project != self.project)
        return seen.with_fact(MEMBERS, MembersFact(members=left))

    def done(self, seen: Facts) -> bool:
        """The API hides the members of an image that is not shared: hidden is not removed."""
        return seen[IMAGE].visibility == "shared" and self._member(seen) is None

    def inverse(self, before: Facts) -> Step | None:
        if self._member(before) is None:
            return None
        return AddMember(
            project=self.project,
            subject=self.subject,
            summary=f"add member {self.project}",
            level=Level.DISRUPTIVE,
            phase=Phase.ADD_MEMBERS,
            why=f"takes back: {self.summary}",
            undo=f"remove member {self.project}",
            then=f"project {self.project} accepts the image again to see it in its list",
        )

    def call(self, seen: Facts) -> Call:
        path = f"{self._path(seen)}/{quote(self.project, safe='')}"
        return Call(
            service="image", method="DELETE", path=path, accepts=frozenset({200, 204}), already=frozenset({404})
        )


def _by_project(member: Member) -> str:
    return member.project
