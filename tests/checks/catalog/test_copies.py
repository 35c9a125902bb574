"""Copies: where they have to be, what makes an image one, what they have to be like, and how they come about."""

from dataclasses import replace

from hypothesis import strategies as st
from tests.checks.harness import (
    BadParams,
    ByHand,
    Fails,
    Fixes,
    NotApplicable,
    Passes,
    Refuses,
    Table,
    Unknown,
    given,
    wrong,
)  # fmt: skip

from imagegate.model import Facts, Level
from imagegate.probes import IMAGE, MEMBERS, Content, CopiesFact, CopiesProbe, Copy, ImageFact, Member, MembersFact

DATA = Content(size=1024, checksum="aa", hash_algo="sha512", hash_value="bb", disk_format="raw", container_format="bare")
OURS = ImageFact(
    id="i-1", name="golden-web-20260510", owner="p-owner", mine=True, status="active", visibility="shared",
    protected=True, size=1024, min_disk=20, min_ram=512, created_at="2026-05-10T09:00:00Z", tags=("golden",),
    properties=(("base_image_ref", "i-0"), ("description", "web"), ("empty", ""), ("os_type", "linux")),
)  # fmt: skip
THERE = replace(
    OURS, id="c-1", created_at="2026-05-11T09:00:00Z", updated_at="2026-11-22T10:00:00Z",
    properties=(("description", "web"), ("extra", "1"), ("os_type", "Linux"), ("source_image_id", "i-1")),
)  # fmt: skip
LINKED = ("link", "checksum")


def asked(region: str = "KR2", rules=LINKED, **more) -> CopiesProbe:
    """The probe of a region."""
    return CopiesProbe(
        region=region, link="source_image_id", linked="link" in rules, checksum="checksum" in rules,
        named="name" in rules, **more,
    )  # fmt: skip


KR2, JP1, HOME = asked(), asked("JP1"), asked("KR1")


def copy(content: Content = DATA, how: str = "link", members=None, **change) -> Copy:
    """A copy, good unless it is changed."""
    return Copy(image=replace(THERE, **change), content=content, how=how, members=members)


def there(*copies: Copy, source: Content = DATA, origin: Content | None = None) -> CopiesFact:
    """What a region has."""
    return CopiesFact(home="KR1", source=source, images=copies, origin=origin)


def image(found, *, members=None, probe: CopiesProbe = KR2, more=(), **change) -> Facts:
    """Our image, and what KR2 has of it."""
    facts = {IMAGE: replace(OURS, **change), probe: found, **dict(more)}
    if members is not None:
        facts[MEMBERS] = MembersFact(members=tuple(Member(project=one, status="accepted") for one in members))
    return given(facts)


def rows(*projects: str) -> tuple[Member, ...]:
    """Members of a copy."""
    return tuple(Member(project=project, status="pending") for project in projects)


def want(*regions, **more):
    """Parameters."""
    return {"regions": list(regions) or ["KR2"], **more}


def marked(status: str, **change) -> Copy:
    """What an earlier run left."""
    said = (("imagegate_copying", "w0"), ("source_image_id", "i-1"))
    return copy(Content(), status=status, properties=said, **change)


MISSING = wrong("KR2", "a copy", "no copy")
MAKE = ("copy the image to region KR2", Level.DISRUPTIVE)
COPY = {"copy_missing": True}
WITH_MEMBERS = asked(members=True)


def console(name: str = OURS.name, more: str = ", description web", before: str = "") -> tuple[str, Level]:
    """What a person does about a missing copy."""
    text = (
        f"{before}in the console, region KR1, Compute > Image: choose image i-1, Copy to another region, KR2, "
        f"name {name}{more}; then set the copy's property source_image_id to i-1"
    )
    return (text, Level.MANUAL)


def off(subject: str, expected: str, actual: str):
    """The violation of a copy that is there."""
    return wrong(f"KR2 {subject}", expected, actual, "image c-1")


def mend(subject: str, expected: str, actual: str) -> tuple[str, Level]:
    """What a person does about it."""
    return (f"image c-1, KR2 {subject}: should be {expected}, is {actual}", Level.MANUAL)


DAMAGED = replace(DATA, checksum="ab", hash_value="bc")
SILENT = replace(DATA, checksum=None, hash_value=None)
OLD = "2026-05-09T09:00:00Z"
NAMED = asked(rules=("name",), name="{name}-kr2")
BY_NAME = {"found_by": ["name"], "default": {"name": "{name}-kr2"}}

TABLE = Table(
    "catalog-copies-complete",
    (
        Passes(name="a copy by link", seen=image(there(copy())), want=want()),
        Passes(name="a copy by checksum", seen=image(there(copy(how="checksum"))), want=want()),
        Passes(
            name="a copy by checksum was there first", seen=image(there(copy(how="checksum", created_at=OLD))), want=want(),
        ),
        Passes(name="its own region", seen=image(there(), probe=HOME), want=want("KR1")),
        Passes(
            name="its own region, spelled otherwise", seen=image(there(), probe=asked("kr1")), want=want("kr1"),
        ),
        Passes(
            name="two regions", seen=image(there(copy()), more=[(JP1, there(copy(id="c-2")))]), want=want("KR2", "JP1"),
        ),
        Passes(name="a finished one beside a half-made one", seen=image(there(marked("queued"), copy())), want=want()),
        Passes(name="the right one beside a wrong one", seen=image(there(copy(DAMAGED, id="c-0"), copy())), want=want()),
        Passes(
            name="no checksum, and younger", seen=image(there(copy(SILENT))), want=want(),
            note="KR2: no checksum tells whether image c-1 has the same data",
        ),
        Passes(name="MD5 alone", seen=image(there(copy(replace(DATA, hash_algo=None, checksum="AA")))), want=want()),
        Passes(name="properties of the policy", seen=image(there(copy(properties=(("description", "web"), ("os_type", "x"))))),
               want=want({"region": "KR2", "properties": {"os_type": "x"}})),
        Passes(
            name="the region's own business", seen=image(there(copy(properties=(("description", "web"),)))),
            want=want(ignore=["os_type"]),
        ),
        Passes(name="protected though the source is not", seen=image(there(copy()), protected=False), want=want()),
        Passes(
            name="members as the source's", want=want(default={"members": "same"}),
            seen=image(there(copy(members=rows("p-1"))), members=("p-1", "p-owner"), probe=WITH_MEMBERS),
        ),
        Passes(
            name="shared with nobody, as said", seen=image(there(copy(members=())), probe=WITH_MEMBERS),
            want=want({"region": "KR2", "members": []}),
        ),
        Passes(
            name="a secret cannot be compared", want=want(),
            seen=image(there(copy()), properties=(*THERE.properties[:1], ("token", "(withheld)"))),
        ),
        Passes(
            name="a captured image of another copy is judged itself", want=want(),
            seen=image(there(copy()), properties=(*OURS.properties, ("source_image_id", "i-x"))),
        ),
        Passes(
            name="it says that it is a copy, and has other data", want=want(),
            seen=image(there(copy(), origin=DAMAGED), properties=(*OURS.properties[1:], ("source_image_id", "i-x"))),
        ),
        Passes(name="a declared copy", seen=image(there(copy(how="declared")), probe=asked(declared=(("i-1", "c-1"),))),
               want=want(declared=[{"source": "i-1", "region": "kr2", "image": "c-1"}])),
        Fails(name="no copy", seen=image(there()), want=want(), violations=(MISSING,)),
        Fails(
            name="one of two", seen=image(there(copy()), more=[(JP1, there())]), want=want("KR2", "JP1"),
            violations=(wrong("JP1", "a copy", "no copy"),),
        ),
        Fails(
            name="missing here, unseen there", seen=image(there()).without(JP1, "403"), want=want("KR2", "JP1"),
            violations=(MISSING,), note="copies:JP1 could not be seen: 403",
        ),
        Fails(
            name="half-made", seen=image(there(marked("queued"))), want=want(),
            violations=(wrong("KR2", "a finished copy", "image c-1 is half-made by imagegate, queued"),),
        ),
        Fails(
            name="all there, and not proved", seen=image(there(marked("active"))), want=want(),
            violations=(wrong("KR2", "a finished copy", "image c-1 is half-made by imagegate, active"),),
        ),
        Fails(
            name="somebody else's half-made one", seen=image(there(copy(Content(), status="saving"))), want=want(),
            violations=(wrong("KR2", "a finished copy", "image c-1 is saving"),),
        ),
        Fails(
            name="other data", seen=image(there(copy(DAMAGED))), want=want(),
            violations=(off("data", "1024 bytes, checksum aa", "1024 bytes, checksum ab"),),
        ),
        Fails(
            name="MD5 the same, the better hash not", seen=image(there(copy(replace(DATA, hash_value="bc", size=9)))),
            want=want(), violations=(off("data", "1024 bytes, checksum aa", "9 bytes, checksum aa"),),
        ),
        Fails(
            name="the last release under the same name", want=want(**BY_NAME),
            seen=image(there(copy(DAMAGED, how="name", created_at=OLD, name=f"{OURS.name}-kr2")), probe=NAMED),
            violations=(
                off("data", "1024 bytes, checksum aa", "1024 bytes, checksum ab"),
                off("age", "not older than its source (2026-05-10 09:00)", "2026-05-09 09:00"),
            ),
        ),
        Fails(
            name="older, and no checksum", seen=image(there(copy(SILENT, created_at=OLD))), want=want(),
            violations=(off("age", "not older than its source (2026-05-10 09:00)", "2026-05-09 09:00"),),
            note="KR2: no checksum tells whether image c-1 has the same data",
        ),
        Fails(
            name="a record that drifted", want=want(default={"name": "{name}-kr2"}),
            seen=image(there(copy(min_disk=10, min_ram=None, protected=False, properties=(("os_type", "windows"),))),
                       probe=asked(name="{name}-kr2")),
            violations=(
                off("name", f'"{OURS.name}-kr2"', f'"{OURS.name}"'), off("min_disk", "20 GB", "10 GB"),
                off("min_ram", "512 MB", "0 MB"), off("property description", '"web"', "absent"),
                off("property os_type", '"linux"', '"windows"'), off("protected", "true", "false"),
            ),
        ),
        Fails(
            name="protected where the policy forbids it", seen=image(there(copy())), want=want(default={"protected": False}),
            violations=(off("protected", "false", "true"),),
        ),
        Fails(
            name="too many members and too few", want=want(default={"members": ["p-1", "p-2"]}),
            seen=image(there(copy(members=rows("p-2", "p-9", "p-owner"))), probe=WITH_MEMBERS),
            violations=(off("member p-9", "no access", "pending"), off("member p-1", "access", "no access")),
        ),
        Fails(
            name="members of a private copy", want=want(default={"members": ["p-1"]}),
            seen=image(there(copy(members=(), visibility="private")), probe=WITH_MEMBERS),
            violations=(off("member p-1", "access", "no access"),),
        ),
        Fails(
            name="a name that nothing gives", want=want(default={"name": "{property.none}"}),
            seen=image(there(copy()), probe=asked(name="{property.none}")),
            violations=(off("name", "what the policy's templates give", "the record lacks what they need"),),
        ),
        Unknown(name="unseen", seen=image(there()).without(KR2, "KR2 is down"), want=want(), reason="KR2 is down"),
        Unknown(
            name="good here, unseen there", seen=image(there(copy())).without(JP1, "JP1 is closed"),
            want=want("KR2", "JP1"), reason="JP1 is closed",
        ),
        Unknown(
            name="unseen twice", seen=image(there()).without(KR2, "KR2 is down").without(JP1, "JP1 is closed"),
            want=want("KR2", "JP1"), reason="KR2 is down; JP1 is closed",
        ),
        Unknown(
            name="members of the source unseen", seen=image(there(copy(members=())), probe=WITH_MEMBERS).without(MEMBERS, "503"),
            want=want(default={"members": "same"}), reason="503",
        ),
        Unknown(
            name="nothing tells", seen=image(there(copy(SILENT)), created_at=None), want=want(),
            reason="neither a checksum nor a date tells whether image c-1 is its copy",
        ),
        NotApplicable(name="queued", seen=image(there(), status="queued"), want=want(), reason="the image is queued"),
        NotApplicable(
            name="a copy", want=want(), reason="a copy of image i-0 (source_image_id)",
            seen=image(there(), properties=(("source_image_id", "i-0"),)),
        ),
        NotApplicable(
            name="a copy whose source was seen", want=want(), reason="a copy of image i-0 (source_image_id)",
            seen=image(there(origin=DATA), properties=(("source_image_id", "i-0"),)),
        ),
        NotApplicable(
            name="a copy by another property", want=want(link="copied_from"), reason="a copy of image i-0 (copied_from)",
            seen=image(there(), properties=(("copied_from", "i-0"),), probe=replace(KR2, link="copied_from")),
        ),
        NotApplicable(
            name="a declared copy itself", seen=image(there(), probe=asked(declared=())), reason="a copy of image i-0 (declared)",
            want=want(declared=[{"source": "i-0", "region": "KR1", "image": "i-1"}]),
        ),
        NotApplicable(
            name="not finished", seen=image(there(), properties=marked("active").image.properties), want=want(),
            reason="a copy that is not finished",
        ),
        Fixes(name="copied", seen=image(there()), want=want(**COPY), steps=(MAKE,)),
        Fixes(
            name="copied to two", seen=image(there(), more=[(JP1, there())]), want=want("KR2", "JP1", **COPY),
            steps=(MAKE, ("copy the image to region JP1", Level.DISRUPTIVE)),
        ),
        Fixes(name="begun again", seen=image(there(marked("queued"))), want=want(**COPY), steps=(MAKE,)),
        Fixes(name="finished", seen=image(there(marked("active"))), want=want(**COPY), steps=(MAKE,)),
        Fixes(
            name="an upload that hangs", seen=image(there(marked("saving", updated_at="2026-11-21T10:14:00Z"))),
            want=want(**COPY), steps=(MAKE,),
        ),
        Fixes(
            name="an upload that hangs for the policy", seen=image(there(marked("saving", updated_at="2026-11-22T09:14:00Z"))),
            want=want(**COPY, stuck_hours=1), steps=(MAKE,),
        ),
        Fixes(
            name="as the policy says", want=want(
                {"region": "KR2", "name": "{name}-kr2", "description": "{name} of {region}", "protected": True},
                default={"members": "same", "properties": {"tier": "gold"}}, **COPY,
            ),
            seen=image(there(), members=("p-1",), protected=False, probe=asked(name="{name}-kr2", members=True)),
            steps=(MAKE,),
        ),
        Fixes(
            name="found by name", seen=image(there(), probe=NAMED), want=want(**BY_NAME, **COPY), steps=(MAKE,),
        ),
        ByHand(name="no leave", seen=image(there()), want=want(), steps=(console(),), left=("KR2",)),
        ByHand(
            name="no leave, and half-made", seen=image(there(marked("killed"))), want=want(), left=("KR2",),
            steps=(console(before="delete image c-1 in region KR2, then "),),
        ),
        ByHand(
            name="may not be downloaded", want=want(**COPY), left=("KR2",), steps=(console(more=""),),
            seen=image(there(), properties=(("nhncloud_allow_download", "False"),)),
        ),
        ByHand(
            name="no name to be had", seen=image(there(), probe=asked(name="{property.x}")), left=("KR2",),
            want=want(default={"name": "{property.x}"}, **COPY), steps=(console("as the policy says", ""),),
        ),
        ByHand(
            name="no description to be had", seen=image(there()), left=("KR2",),
            want=want(default={"description": "{property.x}"}, **COPY), steps=(console("as the policy says", ""),),
        ),
        ByHand(
            name="could not be proved", seen=image(there(source=Content(size=5))), want=want(**COPY), steps=(console(),),
            left=("KR2",),
        ),
        ByHand(
            name="a record that drifted, by hand", seen=image(there(copy(min_disk=10, protected=False))), want=want(**COPY),
            steps=(mend("min_disk", "20 GB", "10 GB"), mend("protected", "true", "false")),
            left=("KR2 min_disk", "KR2 protected"),
        ),
        Refuses(
            name="somebody may be uploading", seen=image(there(marked("saving"))), want=want(**COPY),
            reasons=("image c-1 in region KR2 is being uploaded since 2026-11-22 10:00 UTC",),
        ),
        Refuses(
            name="uploading, nobody knows since when", seen=image(there(marked("saving", updated_at=None))), want=want(**COPY),
            reasons=("image c-1 in region KR2 is being uploaded since an unknown time",),
        ),
        Refuses(
            name="not ours", seen=image(there(), mine=False, owner="p-other"), want=want(**COPY),
            reasons=("project p-other owns the image",),
        ),
        BadParams(name="nowhere", want={"regions": []}, message="at least 1 item"),
        BadParams(name="twice", want=want("KR2", {"region": "kr2"}), message="region KR2 stands twice"),
        BadParams(name="a bad name", want=want(default={"name": "{nmae}"}), message="{nmae} is none of {name}"),
        BadParams(name="a bad description", want=want(default={"description": "{x}"}), message="{region} and"),
        BadParams(name="the link is ours", want=want(default={"properties": {"source_image_id": "x"}}), message="written by"),
        BadParams(name="the mark is ours", want=want(link="imagegate_copying"), message="written by imagegate itself"),
        BadParams(
            name="required and ignored", want=want({"region": "KR2", "properties": {"a": "b"}}, ignore=["a"]),
            message="both required and ignored",
        ),
        BadParams(
            name="two declared copies", message="two declared copies",
            want=want(declared=[{"source": "i", "region": region, "image": region} for region in ("KR2", "kr2")]),
        ),
        BadParams(name="a misspelt parameter", want=want(copy=True), message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries(
        {"regions": st.sampled_from((["KR2"], ["KR1", "KR2"], ["KR2", "JP1"]))},
        optional={
            "copy_missing": st.booleans(),
            "default": st.fixed_dictionaries(
                {},
                optional={
                    "name": st.sampled_from(("{name}-kr2", "{property.none}")), "description": st.just("{name}, {region}"),
                    "protected": st.sampled_from((True, False, "same")), "members": st.sampled_from(("same", [], ["p-1"])),
                },
            ),
            "found_by": st.sampled_from((["link"], ["name"], [])),
            "ignore": st.just(["os_type", "description"]),
        },
    ),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()
