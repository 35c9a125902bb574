"""Images, recordings of them, and a policy about them."""

from datetime import UTC, datetime

from imagegate.model import Facts, Kind, Seen, Target, Unseen
from imagegate.probes import IMAGE, ImageFact
from imagegate.recording import write_recording
from imagegate.transports import CatalogScope, Discovery

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CHECK = "catalog-image-protected"
FILE = "checks/catalog/image_protected.py"
POLICY = """\
policy: golden
version: 3
rules:
  - for: {image: {name: "*"}}
    require:
      catalog-image-protected:
"""
WAIVERS = """\
limits: {waiver_days: 400}
waivers:
  - check: catalog-image-protected
    for: {image: {name: "waived*"}}
    reason: moving house
    approved_by: security
    until: %s
"""


def image(name, *, protected=True, status="active", region="KR1", number=0, unseen=None):
    """A target and its facts."""
    identity = f"{number:08d}-0000-4000-8000-000000000000"
    attributes = {"name": frozenset({name}), "owner": frozenset({"p1", "self"}), "status": frozenset({status})}
    target = Target(
        kind=Kind.IMAGE, id=identity, name=name, cloud="nhn", region=region, owner="p1", attributes=attributes,
    )  # fmt: skip
    fact = ImageFact(
        id=identity, name=name, owner="p1", mine=True, status=status, visibility="private", protected=protected,
    )  # fmt: skip
    look = Seen(value=fact, at=NOW) if unseen is None else Unseen(reason=unseen, at=NOW)
    return target, Facts({IMAGE: look}, NOW)


def record(path, *images, complete=True):
    """A recording of these images."""
    scope = CatalogScope(
        what="images", cloud="nhn", region="KR1", project="p1", pages=1, count=len(images), complete=complete,
        reason=None if complete else "the second page was lost",
    )  # fmt: skip
    facts = {target.key: seen for target, seen in images}
    write_recording(path, Discovery(catalogs=(scope,)), [target for target, _ in images], facts)
    return path


ALL = (
    image("good", number=1),
    image("bad", number=2, protected=False),
    image("lost", number=3, unseen="503 from the image API"),
    image("leaving", number=4, status="deleted"),
    image("waived-web", number=5, protected=False),
)
