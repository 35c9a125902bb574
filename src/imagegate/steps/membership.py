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
    """Accept the image for our own project, with our own credentials: the API refuses the owner's (403). Or, to take
    that back, give the ``answer`` of before.

    ``owner`` is the project from which it is accepted: an image that has another one by now is left alone.
    """

    no_way_back: ClassVar[str] = "the answer of before is not one that can be given"

    owner: str
    answer: Answer = "accepted"

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        return (IMAGE, MEMBERSHIP)

    def basis(self, seen: Facts) -> object:
        image = seen[IMAGE]
        if image.mine or image.owner != self.owner:
            raise StepRefused(f"image {image.id} is not project {self.owner}'s to share with us: nothing was written")
        return (image.id, image.owner, image.visibility, seen[MEMBERSHIP].project, seen[MEMBERSHIP].status)

    def simulate(self, seen: Facts) -> Facts:
        return seen.with_fact(MEMBERSHIP, replace(seen[MEMBERSHIP], status=self.answer))

    def done(self, seen: Facts) -> bool:
        return seen[MEMBERSHIP].status == self.answer

    def call(self, seen: Facts) -> Call:
        image, project = quote(seen[IMAGE].id, safe=""), quote(seen[MEMBERSHIP].project, safe="")
        return Call(
            service="image", method="PUT", path=f"/v2/images/{image}/members/{project}", body={"status": self.answer},
            accepts=frozenset({200}),
        )  # fmt: skip

    def inverse(self, before: Facts) -> Step | None:
        was = next((answer for answer in get_args(Answer) if answer == before[MEMBERSHIP].status), None)
        if was is None:
            return None
        return replace(
            self,
            answer=was,
            summary=f"give the image the answer {was} again",
            why=f"takes back: {self.summary}",
            undo=f"answer {self.answer}",
            then=None,
        )
