"""Protection against deletion."""

from dataclasses import replace

from tests.checks.harness import BadParams, Fails, Fixes, NotApplicable, Passes, Refuses, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, ImageFact

OURS = ImageFact(
    id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="private", protected=False
)
PROTECT = ("protect the image against deletion", Level.SAFE)
OPEN = (wrong("protected", "true", "false"),)


def image(**change) -> Facts:
    """An unprotected image of ours, with changes."""
    return given({IMAGE: replace(OURS, **change)})


TABLE = Table(
    "catalog-image-protected",
    (
        Passes(name="protected", seen=image(protected=True)),
        Passes(name="protected, not ours", seen=image(protected=True, mine=False, owner="p-other")),
        Passes(name="protected, deactivated", seen=image(protected=True, status="deactivated")),
        Fails(name="open", seen=image(), violations=OPEN),
        Fails(name="open, not ours", seen=image(mine=False, owner="p-other"), violations=OPEN),
        Fails(name="open, still queued", seen=image(status="queued"), violations=OPEN),
        Fails(name="open and public", seen=image(visibility="public"), violations=OPEN),
        NotApplicable(name="deleted", seen=image(status="deleted"), reason="the image is deleted"),
        NotApplicable(name="pending delete", seen=image(status="pending_delete"), reason="the image is pending_delete"),
        NotApplicable(
            name="deleted though protected", seen=image(status="deleted", protected=True), reason="the image is deleted"
        ),
        Fixes(name="ours", seen=image(), steps=(PROTECT,)),
        Fixes(name="ours and shared", seen=image(visibility="shared"), steps=(PROTECT,)),
        Refuses(name="not ours", seen=image(mine=False, owner="p-other"), reasons=("project p-other owns the image",)),
        BadParams(name="it takes none", want={"strict": True}, message="Extra inputs"),
    ),
)

test_case, test_table_is_complete = TABLE.tests()
