"""Status: usable, still in the making, stuck, or at its end."""

from dataclasses import replace

from tests.checks.harness import BadParams, ByHand, Fails, NotApplicable, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, ImageFact

OURS = ImageFact(
    id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="private", protected=True,
    created_at="2026-05-10T09:00:00Z", updated_at="2026-05-10T09:00:00Z",
)  # fmt: skip
YESTERDAY = "2026-11-21T10:14:59Z"
"""A second more than a day before the look."""
JUST_NOW = "2026-11-21T10:15:00Z"


def image(status: str = "active", deprecated: str | None = None, **change) -> Facts:
    """Our image, and what its deprecate_date says."""
    said = () if deprecated is None else (("deprecate_date", deprecated),)
    return given({IMAGE: replace(OURS, status=status, properties=said, **change)})


def status(actual: str):
    """The violation of a status."""
    return wrong("status", "active", actual)


def over(day: str):
    """The violation of a date that has passed."""
    return wrong("deprecate_date", "none, or not passed", f"passed on {day}")


def by_hand(what: str) -> tuple[str, Level]:
    """What a person does."""
    return (f"image i-1: {what}", Level.MANUAL)


AGAIN = "delete it and capture it again"

TABLE = Table(
    "catalog-status-usable",
    (
        Passes(name="active", seen=image()),
        Passes(name="still queued", seen=image("queued", updated_at=JUST_NOW), note="still queued"),
        Passes(
            name="saving, with patience", seen=image("saving", updated_at=YESTERDAY), want={"stuck_hours": 25},
            note="still saving",
        ),
        Passes(
            name="never changed, just created", seen=image("importing", updated_at=None, created_at=JUST_NOW),
            note="still importing",
        ),
        Passes(name="last day of support", seen=image(deprecated="2026.11.22")),
        Passes(name="no end of support", seen=image(deprecated="null")),
        Passes(name="an empty end of support", seen=image(deprecated="")),
        Passes(name="an unreadable end of support", seen=image(deprecated="soon"), note="deprecate_date is no date"),
        Fails(
            name="stuck in queued", seen=image("queued", updated_at=YESTERDAY),
            violations=(status("queued since 2026-11-21 10:14 UTC"),),
        ),
        Fails(
            name="stuck in uploading", seen=image("uploading"),
            violations=(status("uploading since 2026-05-10 09:00 UTC"),),
        ),
        Fails(name="killed", seen=image("killed"), violations=(status("killed"),)),
        Fails(name="deactivated", seen=image("deactivated"), violations=(status("deactivated"),)),
        Fails(name="one that nobody knows", seen=image("resting"), violations=(status("resting"),)),
        Fails(name="none", seen=image(""), violations=(status("(none)"),)),
        Fails(name="support has ended", seen=image(deprecated="2026.11.21"), violations=(over("2026-11-21"),)),
        Fails(
            name="killed, and support has ended", seen=image("killed", deprecated="2020-01-31T00:00:00"),
            violations=(status("killed"), over("2020-01-31")),
        ),
        Unknown(
            name="nobody knows since when", seen=image("saving", updated_at="soon"),
            reason="it is saving, and does not say since when",
        ),
        NotApplicable(name="deleted", seen=image("deleted"), reason="the image is deleted"),
        NotApplicable(name="on its way out", seen=image("pending_delete"), reason="the image is pending_delete"),
        ByHand(name="stuck", seen=image("queued"), steps=(by_hand(AGAIN),), left=("status",)),
        ByHand(name="killed", seen=image("killed"), steps=(by_hand(AGAIN),), left=("status",)),
        ByHand(
            name="deactivated", seen=image("deactivated"), left=("status",),
            steps=(by_hand("ask an administrator of the cloud why it was deactivated, and to reactivate it"),),
        ),
        ByHand(
            name="unknown", seen=image("resting"), left=("status",),
            steps=(by_hand("ask the cloud's support what its status means"),),
        ),
        ByHand(
            name="support has ended", seen=image(deprecated="2026.11.21"), left=("deprecate_date",),
            steps=(by_hand("replace it by a newer one, or correct its deprecate_date"),),
        ),
        BadParams(name="no time at all", want={"stuck_hours": 0}, message="greater than or equal to 1"),
        BadParams(name="a misspelt parameter", want={"hours": 1}, message="Extra inputs"),
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
