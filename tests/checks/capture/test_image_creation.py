"""What an instance's image says about images made from it."""

from tests.checks.harness import BadParams, ByHand, Fails, Passes, Table, Unknown, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import SOURCE_IMAGE, ImageFact, SourceImageFact

PROPERTY = "nhncloud_allow_image_create"


def made_from(value: str | None) -> Facts:
    """An instance whose image says this."""
    said = () if value is None else ((PROPERTY, value),)
    image = ImageFact(
        id="i-1", name="golden-web", owner="p-owner", mine=True, status="active", visibility="private", protected=True,
        properties=said,
    )  # fmt: skip
    return given({SOURCE_IMAGE: SourceImageFact(image_id="i-1", image=image)})


ASK = (
    "start from another image, or have project p-owner allow image creation on image i-1", Level.MANUAL,
)  # fmt: skip
FALSE = (wrong(PROPERTY, "true, or not there", "false on image i-1"),)
TABLE = Table(
    "capture-image-creation-allowed",
    (
        Passes(name="it says nothing", seen=made_from(None)),
        Passes(name="true", seen=made_from("true")),
        Passes(name="null", seen=made_from("null")),
        Fails(name="false", seen=made_from("false"), violations=FALSE),
        Fails(name="False", seen=made_from("False"), violations=FALSE),
        Unknown(
            name="gone", seen=given({SOURCE_IMAGE: SourceImageFact(image_id="i-1", gone="gone (HTTP 404)")}),
            reason="image i-1: gone (HTTP 404)",
        ),
        Unknown(
            name="booted from a volume", seen=given({SOURCE_IMAGE: SourceImageFact(image_id=None)}),
            reason="booted from a volume: the compute API does not tell its image",
        ),
        ByHand(name="false", seen=made_from("false"), steps=(ASK,), left=(PROPERTY,)),
        BadParams(name="it takes none", want={"allow": True}, message="Extra inputs"),
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
