"""The receiver's answer to an image that another project shares with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import quote

from imagegate.errors import StepRefused
from imagegate.model import Facts, Probe, Step
from imagegate.probes.image import IMAGE
from imagegate.probes.membership import MEMBERSHIP
from imagegate.steps.call import Call
from imagegate.steps.image import ImageStep

Answer = Literal["accepted", "pending", "rejected"]
"""What a member may say to an image (image API v2, "Update image member")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptImage(ImageStep):
    """Accept the image for ``project``, one of ours, with credentials of that project: the API refuses the owner's
    (403). Or, to take that back, give the ``answer`` of before.

    ``owner`` is the project from which it is accepted: an image that has another one by now is left alone.
    """

    no_way_back: ClassVar[str] = "the answer of before is not one that can be given"

    owner: str
    project: str
    answer: Answer = "accepted"

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE, MEMBERSHIP)

    def basis(self, seen: Facts) -> object:
        image = seen[IMAGE]
        if image.owner != self.owner:
            raise StepRefused(
                f"image {image.id} is not project {self.owner}'s to share with {self.project}: nothing was written"
            )
        row = seen[MEMBERSHIP].of(self.project)
        return (image.id, image.owner, image.visibility, self.project, None if row is None else row.status)

    def simulate(self, seen: Facts) -> Facts:
        members = (
            replace(one, status=self.answer) if one.project == self.project else one for one in seen[MEMBERSHIP].members
        )
        return seen.with_fact(MEMBERSHIP, replace(seen[MEMBERSHIP], members=tuple(members)))

    def done(self, seen: Facts) -> bool:
        row = seen[MEMBERSHIP].of(self.project)
        return row is not None and row.status == self.answer

    def call(self, seen: Facts) -> Call:
        image, project = quote(seen[IMAGE].id, safe=""), quote(self.project, safe="")
        return Call(
            service="image", method="PUT", path=f"/v2/images/{image}/members/{project}", body={"status": self.answer},
            accepts=frozenset({200}), project=self.project,
        )  # fmt: skip

    def inverse(self, before: Facts) -> Step | None:
        row = before[MEMBERSHIP].of(self.project)
        was = next((answer for answer in get_args(Answer) if row is not None and answer == row.status), None)
        if was is None:
            return None
        return replace(
            self,
            answer=was,
            summary=f"give the image the answer {was} of project {self.project} again",
            why=f"takes back: {self.summary}",
            undo=f"answer {self.answer}",
            then=None,
        )
