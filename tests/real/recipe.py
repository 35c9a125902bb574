"""The catalog of 1,000 images: what is planted, what must be found, and how it gets into a real Glance."""

import contextlib
import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.real.support import MEMBERS, PROTECTED, User, running

from imagegate import sandbox
from imagegate.sandbox import template

PROD, STAGE = "web-prod", "web-stage"
DIGITS = "12345678901234567890123456789012"
MISTYPED = "12345678901234567890123456789013"
KR1_IMAGES = 1012
"""What the project sees in KR1: more than one page of 1,000."""

FIRST_RULE = ("plain-", "unprotected-", "extra-", "both-")
"""How the images begin that the first rule selects."""

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "\x1b[2J\x1b[31mred\x1b]0;owned\x07",
    "two\nlines\r\nPASSED",
    "gpj.\u202enedlog\u202c",
    "x" * 255,
    " before and after ",
    "'; DROP TABLE images; --",
    "]]>&amp;<![CDATA[",
    "zero\u200bwidth\ufeff",
    "a::check[web-01]",
    "line\u2028and\u2029paragraph",
    "../../../../etc/passwd",
    "%s%n{0}{{7*7}}${jndi:ldap://x}",
    "\x00nul",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One image. ``members`` are statuses by project; ``expected`` verdicts by check, none if no rule selects it."""

    name: str
    expected: dict[str, str] = field(default_factory=dict)
    region: str = "KR1"
    owner: str = "golden"
    visibility: str = "private"
    protected: bool = True
    tags: tuple[str, ...] = ()
    members: dict[str, str] = field(default_factory=dict)
    os_hidden: bool = False


def _verdicts(protected: str, members: str | None = None) -> dict[str, str]:
    return {PROTECTED: protected} if members is None else {PROTECTED: protected, MEMBERS: members}


def _kinds() -> Iterator[tuple[int, dict[str, Any]]]:
    """How many of each kind, and what they are. Names are made of the kind and a number."""
    good, bad_members = _verdicts("pass", "pass"), _verdicts("pass", "fail")
    yield 150, {"name": "plain", "expected": good}
    yield 60, {"name": "unprotected", "protected": False, "expected": _verdicts("fail", "pass")}
    for status in ("pending", "accepted", "rejected"):
        yield 20, {"name": f"extra-{status}", "members": {STAGE: status}, "expected": bad_members}
    yield 20, {"name": "both", "members": {STAGE: "pending"}, "protected": False, "expected": _verdicts("fail", "fail")}
    yield 60, {"name": "lacking", "visibility": "shared", "expected": bad_members}
    yield 60, {"name": "private", "expected": bad_members}
    yield 60, {"name": "good", "members": {PROD: "pending"}, "expected": good}
    yield 60, {"name": "ended", "members": {STAGE: "pending"}, "expected": bad_members}
    yield 20, {"name": "exact", "members": {PROD: "pending"}, "expected": bad_members}
    yield 30, {"name": "digits", "members": {DIGITS: "pending"}, "expected": good}
    yield 30, {"name": "digits-mistyped", "members": {MISTYPED: "pending"}, "expected": bad_members}
    yield 5, {"name": "hidden", "protected": False, "os_hidden": True, "expected": _verdicts("fail")}
    foreign = {"owner": PROD, "protected": False, "tags": ("foreign",)}
    yield 5, {"name": "foreign", **foreign, "members": {"golden": "accepted"}, "expected": _verdicts("fail", "unknown")}
    pending = {"members": {"golden": "pending"}, "expected": _verdicts("fail", "unknown")}
    yield 3, {"name": "foreign-pending", **foreign, **pending}
    public = {"owner": "admin", "visibility": "public"}
    yield 2, {"name": "public", **public, "expected": _verdicts("pass")}
    yield 1, {"name": "public-open", **public, "protected": False, "expected": _verdicts("fail")}
    yield 3, {"name": "community", "visibility": "community", "expected": {MEMBERS: "fail"}}
    yield 10, {"name": "plain", "region": "KR2", "expected": good}
    yield 20, {"name": "good", "region": "KR2", "members": {PROD: "pending"}, "expected": good}
    yield 10, {"name": "extra", "region": "KR2", "members": {STAGE: "pending"}, "expected": bad_members}


def planted() -> list[Planted]:
    """All images, in the order in which they are made: faults lie on every page."""
    images = []
    for count, kind in _kinds():
        fields = {"visibility": "shared", **kind} if "members" in kind else kind
        images += [Planted(**{**fields, "name": f"{kind['name']}-{number:03}"}) for number in range(count)]
    images += [Planted(name=n, protected=False, tags=("hostile",), expected=_verdicts("fail")) for n in HOSTILE]
    seen = sum(1 for image in images if image.region == "KR1")
    images += [
        Planted(name=f"noise-{number:03}", visibility="shared", protected=bool(number % 2))
        for number in range(KR1_IMAGES - seen)
    ]
    random.Random(1).shuffle(images)
    return images


def rules(box: sandbox.Sandbox) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The policy that the catalog is audited with."""
    prod, stage = {"project": box.projects[PROD], "name": PROD}, {"project": box.projects[STAGE]}

    def mine(*names: str) -> dict[str, Any]:
        return {"name": list(names), "owner": "self"}

    def both(**members: Any) -> dict[str, Any]:
        return {PROTECTED: None, MEMBERS: members}

    return [
        (mine(*(f"{start}*" for start in FIRST_RULE)), both(allow=[prod])),
        (mine("lacking-*", "private-*", "good-*"), both(require=[prod])),
        (mine("ended-*"), both(allow=[prod, {**stage, "until": "2026-01-31"}])),
        (mine("exact-*"), both(allow=[prod, stage], exact=True)),
        (mine("digits-*"), both(allow=[{"project": DIGITS}])),
        (mine("hidden-*"), {PROTECTED: None}),
        ({"tag": "hostile"}, {PROTECTED: None}),
        ({"tag": "foreign"}, both(allow=[prod])),
        ({"visibility": "public"}, {PROTECTED: None}),
        ({"visibility": "community"}, {MEMBERS: {}}),
    ]


def expected(images: list[Planted]) -> Counter[tuple[str, str, str, str]]:
    """What an audit must find: region, name, check, verdict, each once."""
    return Counter((i.region, i.name, check, verdict) for i in images for check, verdict in i.expected.items())


def member_requests(images: list[Planted]) -> int:
    """How many images an audit has to ask the members of: shared ones of its own that are judged for them."""
    return sum(1 for i in images if i.owner == "golden" and i.visibility == "shared" and MEMBERS in i.expected)


def digest() -> str:
    """Names the saved catalog: other images, another name."""
    return hashlib.sha256(json.dumps([asdict(image) for image in planted()]).encode()).hexdigest()[:12]


@contextlib.contextmanager
def loaded(root: Path) -> Iterator[sandbox.Sandbox]:
    """A sandbox that holds the catalog. Made through the real API the first time, from the saved state afterwards."""
    name = f"catalog-{digest()}"
    known = template.exists(name)
    with running(root, services=sandbox.IMAGE_SERVICES, template=name if known else None) as box:
        if not known:
            load(box)
            sandbox.save_template(box.root, name)
        yield box


def load(box: sandbox.Sandbox) -> None:
    """Make all images, each region in a thread of its own: a Glance has one CPU's worth of work to do."""
    problems: list[BaseException] = []

    def fill(region: str) -> None:
        try:
            users = {name: User(box, name, region) for name in box.projects}
            for image in planted():
                if image.region == region:
                    _make(box, users, image)
        except BaseException as error:  # noqa: BLE001 - handed on below
            problems.append(error)

    threads = [threading.Thread(target=fill, args=(region,), daemon=True) for region in ("KR1", "KR2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def _make(box: sandbox.Sandbox, users: dict[str, User], image: Planted) -> None:
    owner = users[image.owner]
    ident = owner.create(
        image.name,
        visibility=image.visibility,
        protected=image.protected,
        tags=list(image.tags),
        os_hidden=image.os_hidden,
        disk_format="raw",
        container_format="bare",
    )
    for project, status in image.members.items():
        owner.share(ident, box.projects.get(project, project))
        if status != "pending":
            users[project].answer(ident, status)
