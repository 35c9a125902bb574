"""A catalog broken in all the ways that --fix mends, between images that are nobody's business: one run mends it all.

``IMAGEGATE_BROKEN`` says how many images are broken; 1000 is the full proof of issue 4.
"""

import os
import random
import re
import resource
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from tests.real import recipe
from tests.real.support import MEMBERS, PROTECTED, User, grants, imagegate, ledger, validate, write_policy

pytestmark = pytest.mark.real

BROKEN = int(os.environ.get("IMAGEGATE_BROKEN", "40"))
BYSTANDERS = BROKEN // 4 + 14
NAME, PROPERTIES = "catalog-name-conforms", "catalog-properties-conform"
VISIBLE, ACCEPTED, COPIES = "catalog-visibility-allowed", "catalog-members-accepted", "catalog-copies-complete"
CHECKS = {PROTECTED, MEMBERS, NAME, PROPERTIES, VISIBLE, ACCEPTED, COPIES}
DISRUPTIVE = ("--fix", "--fix-level", "disruptive", "--yes")
NOBODY = "12345678901234567890123456789012"
"""A project that does not exist: Glance shares with it all the same."""

OPEN, CLOSED, COPIED, OFFERED, APPROVED = "brk-open", "brk-closed", "brk-copied", "brk-offered", "brk-approved"
NAMES = re.compile(r"golden-[a-z0-9.-]+")
HOSTILE = tuple(name for name in recipe.HOSTILE if len(name) < 200)  # the longest leaves no room for a better name
SIZE = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One image: what it is made as, and who gets to see it. ``said`` are the properties."""

    name: str
    owner: str = "golden"
    region: str = "KR1"
    tags: tuple[str, ...] = ()
    visibility: str = "shared"
    members: tuple[tuple[str, str], ...] = (("web-prod", "pending"),)
    protected: bool = True
    hidden_members: bool = False
    said: dict[str, object] = field(default_factory=dict)
    data: bool = False


SOUND = {"os_type": "linux", "login_username": "ubuntu", "min_disk": 20, "min_ram": 512}


# the ways an image breaks; each takes a sound one and a number, and gives a broken one


def no_pattern(image, number):
    return replace(image, name=f"Web Server {number}")


def undated(image, number):
    return replace(image, name=f"golden-web-{number}")


def as_a_vendors(image, number):
    return replace(image, name=f"Ubuntu Server 24.04.{number} (2026.03.10)")


def twin(image, number):
    """Several of one name, one of them a bystander."""
    return replace(image, name=f"golden-twin-{number // 100}-20260110")


def hostile(image, number):
    return replace(image, name=HOSTILE[number % len(HOSTILE)])


def wrong_property(image, number):
    return replace(image, said={**image.said, "login_username": "root"})


def no_property(image, number):
    return replace(image, said={key: value for key, value in image.said.items() if key != "os_type"})


def other_os(image, number):
    return replace(image, said={**image.said, "os_type": "Windows", "min_disk": 10})


def forbidden_property(image, number):
    return replace(image, said={**image.said, "old": f"note {number}"})


def untagged(image, number):
    return replace(image, tags=tuple(tag for tag in image.tags if tag != APPROVED))


def too_small(image, number):
    return replace(image, said={**image.said, "min_disk": number % 19, "min_ram": 0})


def unprotected(image, number):
    return replace(image, protected=False)


def extra_member(image, number):
    other = ("golden", "web-stage")[image.owner == "golden"]
    status = ("pending", "accepted", "rejected")[number % 3]
    return replace(image, members=(*image.members, (other, status)), visibility="shared")


def mistyped_member(image, number):
    return replace(image, members=(*image.members, (NOBODY, "pending")), visibility="shared")


def no_member(image, number):
    return replace(image, members=tuple(one for one in image.members if one[0] != "web-prod"))


def private(image, number):
    """What must be shared is not, and a grant of old may wait behind it."""
    return replace(image, visibility="private", hidden_members=bool(number % 2))


def opened(image, number):
    """Everybody sees what is for few or nobody, and grants of old may wait behind it."""
    waiting = image.members or (("web-stage", "accepted"),)
    return replace(image, visibility="community", members=waiting if number % 2 else ())


ANY = (
    no_pattern, undated, as_a_vendors, twin, hostile, wrong_property, no_property, other_os, forbidden_property,
    untagged, too_small, unprotected, extra_member, mistyped_member,
)  # fmt: skip
OF_OPEN, OF_CLOSED = (private, no_member, opened, *ANY), (opened, *ANY)


def sound(number, shape):
    """An image as the policy wants it, but for those that are offered or lack a copy."""
    image = Broken(name=f"golden-web-{number}-20260110", tags=(OPEN, APPROVED), said=dict(SOUND))
    if shape == "closed":
        return replace(image, tags=(CLOSED, APPROVED), visibility="private", members=())
    if shape == "copied":
        return replace(image, tags=(OPEN, APPROVED, COPIED), data=True)
    if shape == "stage":
        return replace(image, owner="web-stage")
    if shape == "offered":
        status = ("pending", "rejected")[number % 2]
        receivers = tuple((one, status) for one in ("golden", "web-stage"))
        return replace(image, owner="web-prod", tags=(OFFERED,), members=receivers)
    return replace(image, region="KR2") if shape == "far" else image


SHAPES = ("open", "closed", "open", "copied", "closed", "far", "open", "offered", "stage", "closed")


def broken():
    """All broken images: the first of each shape have one fault each, in turn; the others up to five at once."""
    dice, turns, images = random.Random(4), Counter(), []
    for number in range(BROKEN):
        shape = SHAPES[number % len(SHAPES)]
        image = sound(number, shape)
        if shape != "offered":  # what another project owns, only that project mends
            ways = OF_CLOSED if shape == "closed" else OF_OPEN
            kind = "closed" if shape == "closed" else "open"
            few = turns[kind] < len(ways)
            chosen = [ways[turns[kind]]] if few else sorted(dice.sample(ways, dice.randint(1, 5)), key=ways.index)
            turns[kind] += 1
            for way in chosen:
                image = way(image, number)
        images.append(image)
    names = Counter((image.owner, image.region, image.name) for image in images)
    alone = {key for key, count in names.items() if count == 1 and "-twin-" in key[2]}
    return [
        unprotected(image, 0) if (image.owner, image.region, image.name) in alone else image for image in images
    ]


def bystanders():
    """As broken, but no rule selects them: without the tag, of another project, or with a tag spelled otherwise."""
    dice = random.Random(5)
    for number in range(BYSTANDERS):
        shape = ("open", "closed", "far", "copied", "stage")[number % 5]
        image = sound(number, shape)
        for way in dice.sample(OF_CLOSED if shape == "closed" else OF_OPEN, 3):
            image = way(image, number)
        image = twin(image, 0) if number % 2 else image
        tags = ((), (OPEN.upper(),), (f"{CLOSED}ed", APPROVED))[number % 3]
        yield replace(image, tags=tags, owner="web-prod") if number % 7 == 6 else replace(image, tags=tags)


def make(box, users, image):
    """Make one image through the real API; its id."""
    owner = users[image.owner, image.region]
    formats = {"disk_format": "raw", "container_format": "bare"}
    shared = "shared" if image.members else image.visibility
    ident = owner.create(image.name, visibility=shared, tags=list(image.tags), **formats, **image.said)
    if image.data:
        owner.call("PUT", f"/v2/images/{ident}/file", os.urandom(SIZE))
    late = image.visibility == "private" and not image.hidden_members
    for project, status in () if late else dict(image.members).items():  # two faults may share with the same one
        if project != image.owner:
            owner.share(ident, box.projects.get(project, project))
            if status != "pending":
                users[project, image.region].answer(ident, status)
    late_change = {"visibility": image.visibility} if shared != image.visibility else {}
    if late_change or image.protected:
        owner.change(ident, **late_change, **({"protected": True} if image.protected else {}))
    return ident


def plant(box):
    """Make all images, each region in a thread of its own; the broken ones by id."""
    users = {(name, region): User(box, name, region) for name in box.projects for region in ("KR1", "KR2")}
    for (name, _), user in users.items():
        user._token = users[name, "KR1"].token
    users["golden", "KR1"].images()  # two first questions at once for a token break a new Keystone (500)
    planned = [(True, image) for image in broken()] + [(False, image) for image in bystanders()]
    random.Random(6).shuffle(planned)
    selected, problems = {}, []

    def fill(region):
        try:
            for chosen, image in planned:
                if image.region == region:
                    ident = make(box, users, image)
                    selected.update({ident: image} if chosen else {})
        except BaseException as error:  # noqa: BLE001 - handed on below
            problems.append(error)

    threads = [threading.Thread(target=fill, args=(region,), daemon=True) for region in ("KR1", "KR2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return selected


def policy(box, folder):
    prod = box.projects["web-prod"]
    record = {
        "properties": {"os_type": "linux", "login_username": "ubuntu"}, "absent": ["old"], "tags": [APPROVED],
        "min_disk": {"linux": 20, "windows": 50}, "min_ram": 512,
    }  # fmt: skip
    named = {"pattern": NAMES.pattern, "dated": True, "rename": "golden-{name}-{created}-{id}"}
    both = {PROTECTED: None, NAME: named, PROPERTIES: record}
    private_or_shared = {"allowed": ["shared", "private"]}
    rules = [
        (
            {"tag": OPEN, "owner": "self"},
            {**both, VISIBLE: private_or_shared, MEMBERS: {"require": [{"project": prod}]}},
        ),
        ({"tag": CLOSED, "owner": "self"}, {**both, VISIBLE: {"allowed": ["private"]}, MEMBERS: {}}),
        (
            {"tag": COPIED, "owner": "self", "region": "KR1"},
            {COPIES: {"regions": ["KR2"], "copy_missing": True, "found_by": ["link"], "default": {"members": "same"}}},
        ),
        ({"tag": OFFERED, "owner": prod}, {ACCEPTED: {"pending_days": 0, "accept_from": [prod]}}),
    ]
    scope = {"clouds": {"sandbox": ["KR1", "KR2"], "sandbox-web-stage": ["KR1"]}}
    limits = {"changed_targets": 3 * BROKEN}
    return write_policy(folder / "policy.yaml", *rules, scope=scope, limits=limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was there, what two runs with --fix did, and what there was then. Books are by region."""

    box: object
    selected: dict[str, Broken]
    before: dict[str, object]
    first: object
    seconds: float
    between: dict[str, object]
    second: object
    after: dict[str, object]


def tell(words):
    """For whoever runs it with -s."""
    sys.stdout.write(f"{words}\n")


@pytest.fixture(scope="module")
def story(cloud, tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    since = time.monotonic()
    selected = plant(cloud)
    tell(f"{len(selected)} broken beside {BYSTANDERS}, made in {time.monotonic() - since:.1f} s")
    file = policy(cloud, folder)

    def books():
        return {region: ledger(cloud, region) for region in ("KR1", "KR2")}

    def mend():
        return imagegate(
            "audit", "--policy", file, *DISRUPTIVE, cwd=folder, clouds=cloud.clouds_yaml, timeout=120 + 2 * BROKEN
        )

    before, since = books(), time.monotonic()
    first = replace(mend(), reports=folder / "none")
    reports = {"first": (folder / "reports" / "latest").resolve()}
    seconds = time.monotonic() - since
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    (folder / "none").mkdir()
    (folder / "none" / "latest").symlink_to(reports["first"])
    scope = first.report["scope"]
    tell(f"mended in {seconds:.1f} s, {scope['requests']} requests, at most {peak} MiB; {first.report['counts']}")
    between, since = books(), time.monotonic()
    second = mend()
    tell(f"looked again in {time.monotonic() - since:.1f} s, {second.report['scope']['requests']} requests")
    return Story(
        box=cloud, selected=selected, before=before, first=first, seconds=seconds, between=between, second=second,
        after=books(),
    )  # fmt: skip


def left(ran):
    """What a run did not bring in order."""
    return [
        (f["check"], f["target"]["name"], f["verdict"], f["remedy"]["state"], f["remedy"].get("reason"))
        for f in ran.report["findings"]
        if f["verdict"] not in {"pass", "not-applicable"} and f["remedy"]["state"] != "verified"
    ]


def test_one_run_mends_all(story):
    assert left(story.first) == []
    assert story.first.code == 0, story.first.stdout[-3000:] + story.first.stderr[-3000:]
    validate(story.first.report)
    mended = Counter(f["check"] for f in story.first.report["findings"] if f["remedy"]["state"] == "verified")
    assert mended.keys() == CHECKS, "each check that can mend had something to mend"
    changed = {f["target"]["id"] for f in story.first.report["findings"] if f["remedy"]["state"] == "verified"}
    assert changed == story.selected.keys(), "all that was broken was found, and nothing else"


def test_a_second_run_plans_nothing(story):
    assert story.second.code == 0
    remedies = [f["remedy"] for f in story.second.report["findings"]]
    assert {remedy["state"] for remedy in remedies} == {"none"}
    assert [remedy["steps"] for remedy in remedies if remedy.get("steps")] == []
    assert {f["verdict"] for f in story.second.report["findings"]} <= {"pass", "not-applicable"}
    assert not (story.second.folder / "journal.jsonl").exists()
    assert story.after == story.between


def copies(story):
    """The rows of images that were not there before: by region and id."""
    return {
        (region, image): rows
        for region, book in story.between.items()
        for image, rows in book.items()
        if image not in story.before[region]
    }


def test_what_the_policy_does_not_select_is_as_it_was(story):
    made = copies(story)
    for region, book in story.before.items():
        untouched = book.keys() - story.selected.keys()
        assert len(untouched) > BYSTANDERS // 6
        assert {image: book[image] for image in untouched} == {
            image: story.between[region].get(image) for image in untouched
        }
        assert book.keys() <= story.between[region].keys()
    wanted = [image for image in story.selected.values() if COPIED in image.tags]
    assert len(made) == len(wanted)
    assert {region for region, _ in made} == {"KR2"}


def rows(book, image, table):
    """What the database has of an image in one table, but for what is deleted."""
    found = [dict(row) for name, row in book[image] if name == table]
    return [row for row in found if not row["deleted"]]


def test_the_database_says_what_the_policy_wants(story):
    prod = story.box.projects["web-prod"]
    judged = {(image.region, ident): image for ident, image in story.selected.items()}
    names = Counter()
    for (region, ident), image in {**judged, **dict.fromkeys(copies(story), Broken(name="", tags=(OPEN,)))}.items():
        book = story.between[region]
        (record,) = rows(book, ident, "images")
        said = {row["name"]: row["value"] for row in rows(book, ident, "image_properties")}
        tags = {row["value"] for row in rows(book, ident, "image_tags")}
        if OFFERED in image.tags:
            answers = dict.fromkeys((story.box.projects["golden"], story.box.projects["web-stage"]), "accepted")
            assert grants(book, ident) == answers
            continue
        names[region, record["owner"], record["name"]] += 1
        assert NAMES.fullmatch(record["name"])
        assert record["protected"] == 1
        assert record["min_disk"] >= 20
        assert record["min_ram"] >= 512
        assert (said["os_type"], said["login_username"], "old" in said) == ("linux", "ubuntu", False)
        assert APPROVED in tags
        shared = OPEN in image.tags
        assert record["visibility"] == ("shared" if shared else "private")
        assert set(grants(book, ident)) == ({prod} if shared else set())
    assert set(names.values()) == {1}
