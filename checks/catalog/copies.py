"""Every region that needs a copy of the image has one, as the policy wants it there.

Why it matters
--------------
Regions share no images. A region without its copy, or with last month's, scales out from something else than what was
released and approved; protection and sharing are each region's own, and do not travel with a copy.

Passes when
-----------
Each of ``regions`` but the image's own has a finished copy in the same project: found by the policy's list
(``declared``), by the property ``link`` that holds the source's id, by checksum or by name. Its data are the source's;
where no checksum tells, it is not older. ``min_disk``, ``min_ram``, properties (but for those of ``ignore``, of the
cloud itself and of copying) are the source's or what the policy says for that region; it is protected where the source
is, and its members are judged where the policy speaks of them. What a copy says beyond that is its own business. A
region that the service catalog lacks, or whose images could not all be listed, is unknown. A copy is no source: of an
image that says it is one, and has the data of the image that it names, no copies are asked.

Fix
---
With ``copy_missing`` a missing copy is made: its data passes through this machine, hashed on both ends, with constant
memory. DISRUPTIVE: it costs storage and traffic, and with members gives them access. It is born with the name,
properties, protection and members that the policy wants. What an earlier run left half-made is finished if its data is
whole, else removed and made again. Where ``nhncloud_allow_download`` is false, and without ``copy_missing``, a person
copies it in the console. What is wrong with a copy that is there is mended by the other checks in its own region, or by
a person; no copy is ever deleted or overwritten.

References
----------
NHN Cloud image guide, "Copy an image to another region" (there is no API for it). Image API v2, "Create image",
"Upload binary image data", "Download binary image data".
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from imagegate import (
    Check, Facts, Fix, Id, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.copies import (
    MARKER, Blueprint, Terms, blueprint, finished, origin_of, ours, pick, unlike, withheld,
)  # fmt: skip
from imagegate.dates import moment
from imagegate.errors import Unobserved
from imagegate.model import Probe
from imagegate.probes import IMAGE, MEMBERS, CopiesFact, CopiesProbe, Copy, ImageFact
from imagegate.properties import ComparableKey, Key, Word, spoken
from imagegate.templates import NameTemplate, TextTemplate

UPLOADING = {"saving", "importing", "uploading"}


class Words(Params):
    """What can be said of copies."""

    name: NameTemplate | None = Field(
        default=None, description="The copy's name: text with `{name}`, `{created}`, `{id}`, `{property.KEY}`."
    )
    description: TextTemplate | None = Field(
        default=None, description="The copy's property `description`: the same, and `{region}`, where the source is."
    )
    properties: dict[ComparableKey, Word] = Field(
        default={}, description="Properties that are not as the source's there."
    )
    protected: bool | Literal["same"] | None = Field(
        default=None, description="Whether the copy is protected; `same` (as without it): if the source is."
    )
    members: list[Id] | Literal["same"] | None = Field(
        default=None, description="The projects that the copy is shared with, or `same`; not judged without it."
    )


class Region(Words):
    """One region."""

    region: Id = Field(description="The region's id, as KR2.")


class Declared(Params):
    """A copy that a person vouches for."""

    source: Id = Field(description="The id of the source.")
    region: Id = Field(description="The copy's region.")
    image: Id = Field(description="The id of the copy.")


class Wanted(Params):
    """What the policy can say."""

    regions: list[Id | Region] = Field(min_length=1, description="Where the image has to be, and what holds there.")
    default: Words | None = Field(default=None, description="What holds in all regions that say nothing else.")
    found_by: list[Literal["link", "checksum", "name"]] = Field(
        default=["link", "checksum"], description="What makes an image a copy, beside `declared`."
    )
    declared: list[Declared] = Field(default=[], description="Copies that nothing else tells.")
    link: Key = Field(default="source_image_id", description="The property of a copy that holds its source's id.")
    ignore: list[Key] = Field(default=[], description="Properties that are each region's own business.")
    copy_missing: bool = Field(default=False, description="Copies may be made by machine, through this one.")
    stuck_hours: int = Field(
        default=24, ge=1, le=87_600, description="How long an unfinished copy of ours may be uploading."
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [region.region.casefold() for region in self.asked()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"region {twice[0].upper()} stands twice in regions")
        places = [(one.source, one.region.casefold()) for one in self.declared]
        if twice_ := sorted({one for one in places if places.count(one) > 1}):
            raise ValueError(f"image {twice_[0][0]} has two declared copies in one region")
        said = {key for words in (self.default or Words(), *self.asked()) for key in words.properties}
        if self.link in said or MARKER in {*said, self.link}:
            raise ValueError(f"{self.link if self.link in said else MARKER} is written by imagegate itself")
        if both := sorted(said & {*self.ignore}):
            raise ValueError(f"property {both[0]} cannot be both required and ignored")
        return self

    def asked(self) -> list[Region]:
        """The regions with what is said of each."""
        return [Region(region=one) if isinstance(one, str) else one for one in self.regions]


def terms(want: Wanted, region: Region) -> Terms:
    """What holds in a region."""
    base = want.default or Words()
    members = base.members if region.members is None else region.members
    protected = base.protected if region.protected is None else region.protected
    return Terms(
        region=region.region, link=want.link, name=region.name or base.name,
        description=region.description or base.description, ignore=tuple(want.ignore),
        properties=tuple(sorted({**base.properties, **region.properties}.items())),
        protected=None if protected == "same" else protected,
        members=tuple(members) if isinstance(members, list) else None, members_of_source=members == "same",
    )  # fmt: skip


def places(want: Wanted) -> list[tuple[Terms, CopiesProbe]]:
    """Each region with the probe that asks for it."""
    return [
        (
            said := terms(want, region),
            CopiesProbe(
                region=region.region, link=want.link, linked="link" in want.found_by,
                checksum="checksum" in want.found_by, named="name" in want.found_by, name=said.name,
                declared=tuple((d.source, d.image) for d in want.declared if same_region(d.region, region.region)),
                members=said.about_members,
            ),
        )
        for region in want.asked()
    ]  # fmt: skip


def same_region(one: str, other: str) -> bool:
    """Clouds spell regions as they like."""
    return one.casefold() == other.casefold()


def asks(want: Wanted) -> tuple[Probe[object], ...]:
    """What is looked at for these parameters."""
    found = places(want)
    return (*((MEMBERS,) if any(said.members_of_source for said, _ in found) else ()), *(probe for _, probe in found))


def applies(seen: Facts, want: Wanted) -> str | None:
    """Leave alone what is not there, and what is a copy itself."""
    image = seen[IMAGE]
    if image.status != "active":
        return f"the image is {image.status or 'without a status'}"
    if MARKER in dict(image.properties):
        return "a copy that is not finished"
    if source := next((one.source for one in want.declared if one.image == image.id), None):
        return f"a copy of image {source} (declared)"
    source = origin_of(image, want.link) if "link" in want.found_by else None
    if source is None or source == image.id:
        return None
    facts = [seen[probe] for _, probe in places(want) if probe in seen]
    stale = any(fact.origin is not None and fact.source.same(fact.origin) is False for fact in facts)
    return None if stale else f"a copy of image {source[:255]} ({want.link})"


def shared_with(seen: Facts, said: Terms) -> tuple[str, ...]:
    """The projects of the source, where they matter."""
    return tuple(member.project for member in seen[MEMBERS].members) if said.members_of_source else ()


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge region by region; what cannot be seen in one does not hide what is wrong in another."""
    image, unseen, wrong = seen[IMAGE], list[Unobserved](), False
    for said, probe in places(want):
        try:
            found = list(judged(seen, image, said, seen[probe]))
        except Unobserved as error:
            unseen.append(error)
            continue
        wrong = wrong or any(isinstance(one, Violation) for one in found)
        yield from found
    if unseen and not wrong:
        raise Unobserved(unseen[0].subject, "; ".join(dict.fromkeys(error.reason for error in unseen)))
    yield from (Note(text=f"{error.subject} could not be seen: {error.reason}") for error in unseen)


def judged(seen: Facts, image: ImageFact, said: Terms, fact: CopiesFact) -> Iterator[Violation | Note]:
    """What is wrong in one region."""
    region = said.region
    if same_region(region, fact.home):
        return
    copy = pick(fact)
    if copy is None:
        yield Violation(subject=region, expected="a copy", actual="no copy")
        return
    there = copy.image
    if not finished(there):
        state = f"half-made by imagegate, {there.status}" if ours(there) else f"{there.status or 'without a status'}"
        yield Violation(subject=region, expected="a finished copy", actual=f"image {there.id} is {state}")
        return
    plan = blueprint(image, fact.home, said, shared_with(seen, said))
    if plan is None:
        yield Violation(
            subject=f"{region} name", expected="what the policy's templates give",
            actual="the record lacks what they need", hint=f"image {there.id}",
        )  # fmt: skip
        return
    if fact.source.same(copy.content) is None and moment(image.created_at) is None:
        raise Unobserved(IMAGE.key, f"neither a checksum nor a date tells whether image {there.id} is its copy")
    for what, expected, actual in unlike(copy, image, fact, plan, said):
        yield Violation(subject=f"{region} {what}", expected=expected, actual=actual, hint=f"image {there.id}")
    if fact.source.same(copy.content) is None:
        yield Note(text=f"{region}: no checksum tells whether image {there.id} has the same data")


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Copy what is missing; name what a person has to do."""
    image = seen[IMAGE]
    if not any(isinstance(found, Violation) for found in evaluate(seen, want)):
        return
    if not image.mine:
        hint = "ask the owner, or copy the image into your own project"
        yield Refusal(subject="copies", reason=f"project {image.owner} owns the image", hint=hint)
        return
    for said, probe in places(want):
        if probe not in seen:
            yield by_hand(said.region, f"see to it that the images of region {said.region} can be listed", "unseen")
        elif not same_region(said.region, seen[probe].home):
            yield from mended(seen, want, said, probe)


def mended(seen: Facts, want: Wanted, said: Terms, probe: CopiesProbe) -> Iterator[Step | Refusal]:
    """What is to be done in one region."""
    image, fact, region = seen[IMAGE], seen[probe], said.region
    copy = pick(fact)
    made = blueprint(image, fact.home, said, shared_with(seen, said))
    if copy is not None and (finished(copy.image) or not ours(copy.image)):
        for found in judged(seen, image, said, fact):
            if isinstance(found, Violation):
                what = f"image {copy.image.id}, {found.subject}: should be {found.expected}, is {found.actual}"
                yield by_hand(found.subject, what, "a copy that is there is not overwritten")
    elif copy is not None and (since := uploading(seen, want, copy)):
        yield Refusal(
            subject=region, reason=f"image {copy.image.id} in region {region} is being uploaded since {since}",
            hint="wait for it, or delete it",
        )  # fmt: skip
    elif (why := forbidden(want, image, fact, made)) or made is None:
        before = "" if copy is None else f"delete image {copy.image.id} in region {region}, then "
        yield by_hand(region, before + console(image, want, said, fact, made), why)
    else:
        lost = withheld(image)
        yield steps.CopyImage(
            probe=probe, terms=said, subject=region, level=Level.DISRUPTIVE, phase=Phase.COPIES,
            summary=f"copy the image to region {region}", patience_s=30.0,
            why="the policy requires a copy there" if copy is None else f"image {copy.image.id} there is half-made",
            undo=f"delete the copy in region {region}",
            then=f"properties named like secrets are not copied: {', '.join(lost)}" if lost else None,
        )  # fmt: skip


def uploading(seen: Facts, want: Wanted, copy: Copy) -> str | None:
    """Since when somebody may still be uploading what another run of ours began."""
    since = moment(copy.image.updated_at)
    if copy.image.status not in UPLOADING or (since and seen.at - since > timedelta(hours=want.stuck_hours)):
        return None
    return f"{since:%Y-%m-%d %H:%M} UTC" if since else "an unknown time"


def forbidden(want: Wanted, image: ImageFact, fact: CopiesFact, made: Blueprint | None) -> str:
    """Why no machine copies it; empty if one may."""
    if not want.copy_missing:
        return "the policy does not let a machine copy it (copy_missing)"
    if spoken(image).get("nhncloud_allow_download", "").casefold() == "false":
        return "the image may not be downloaded (nhncloud_allow_download)"
    if made is None:
        return "the record lacks what the policy's templates need"
    if not (fact.source.known and fact.source.size):
        return "the image does not say its size and checksum: a copy could not be proved"
    return ""


def console(image: ImageFact, want: Wanted, said: Terms, fact: CopiesFact, made: Blueprint | None) -> str:
    """The console's steps."""
    name = "as the policy says" if made is None else made.name[:255]
    description = dict(made.properties).get("description") if made else None
    more = f", description {description[:255]}" if description else ""
    return (
        f"in the console, region {fact.home}, Compute > Image: choose image {image.id}, Copy to another region, "
        f"{said.region}, name {name}{more}; then set the copy's property {want.link} to {image.id}"
    )


def by_hand(subject: str, summary: str, why: str) -> Step:
    """A step for a person."""
    return steps.Manual(subject=subject, summary=summary, why=why, phase=Phase.COPIES)


CHECK = Check(
    id="catalog-copies-complete",
    title="Every required region has a copy of the image",
    severity=Severity.MEDIUM,
    kind=Kind.IMAGE,
    needs=(IMAGE,),
    asks=asks,
    params=Wanted,
    applies=applies,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.SOMETIMES,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
