"""The projects that an image is shared with, and the answer of our own to what others share with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from imagegate.probes.image import ImageFact, Member, MembersFact
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import RecordError, optional_text, text
from imagegate.transports.openstack.http import Service
from imagegate.transports.openstack.limits import Deadline

_NONE = MembersFact(members=())


def look_at_members(service: Service, image: ImageFact, deadline: Deadline) -> MembersFact:
    """The members of an image of ours; a request only where it is ``shared``, since the API refuses the others.

    ApiError where they cannot be seen: another project's image (a member sees its own row alone), a failed call.
    Source: image API v2, "List image members"; Glance 33 answers 403 for an image that is not shared.
    """
    if image.visibility != "shared":
        return _NONE
    if not image.mine:
        raise ApiError(f"owned by project {image.owner or '(none)'}: only its owner can list the members")
    return parse_members(service.read(f"/v2/images/{quote(image.id, safe='')}/members", deadline))


def parse_members(answer: Any) -> MembersFact:
    """The members, sorted by project. ApiError if any row cannot be read: it would be access that nobody sees."""
    rows = answer.get("members") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise ApiError("the answer has no list of members")
    if answer.get("next"):
        raise ApiError("the list of members has further pages, which the image API does not document")
    found: dict[str, Member] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise ApiError("a row of the member list is not an object")
        try:
            project = text(row, "member_id")
            found[project] = Member(project=project, status=text(row, "status"), since=_since(row))
        except RecordError as error:
            raise ApiError(f"a row of the member list cannot be read: {error}") from error
    return MembersFact(members=tuple(found[project] for project in sorted(found)))


def may_be_member(image: ImageFact) -> bool:
    """Whether our project may be a member: another project's image, and ``shared``."""
    return image.visibility == "shared" and not image.mine


def look_at_membership(service: Service, image: ImageFact, project: str, deadline: Deadline) -> Member | None:
    """The row of ``project``, our own, among the members of another project's image; None where there is none. ApiError
    where it cannot be read.

    Source: image API v2, "Show image member details"; 404 where there is none.
    """
    try:
        row = service.read(f"/v2/images/{quote(image.id, safe='')}/members/{quote(project, safe='')}", deadline)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    if not isinstance(row, dict) or row.get("member_id") != project:
        raise ApiError("the answer is not the row of our project among the members")
    try:
        return Member(project=project, status=text(row, "status"), since=_since(row))
    except RecordError as error:
        raise ApiError(f"our row among the members cannot be read: {error}") from error


def _since(row: Mapping[str, Any]) -> str | None:
    return optional_text(row, "updated_at") or optional_text(row, "created_at")
