"""Whatever a cloud sends, its records become facts or reasons, never a crash, and never a value made up."""

import contextlib
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from imagegate.model import Seen, Unseen
from imagegate.transports.openstack.failures import ApiError
from imagegate.transports.openstack.fields import Sets
from imagegate.transports.openstack.http import parse_json
from imagegate.transports.openstack.images import image_target, properties
from imagegate.transports.openstack.limits import Limits
from imagegate.transports.openstack.members import parse_members
from imagegate.transports.openstack.paging import Page, read_list
from imagegate.transports.openstack.reason import LENGTH, reason_of
from imagegate.transports.openstack.region import Region, observe_flavor, observe_image, observe_server
from imagegate.transports.openstack.servers import server_target

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROJECT = "p1"

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
)

IMAGE_FIELDS = [
    "name",
    "owner",
    "status",
    "visibility",
    "protected",
    "size",
    "min_disk",
    "tags",
    "properties",
    "os_type",
]
SERVER_FIELDS = [
    "name", "status", "flavor", "image", "metadata", "tenant_id", "locked", "OS-EXT-STS:power_state",
    "OS-EXT-STS:task_state", "OS-SRV-USG:launched_at",
]  # fmt: skip


def records(fields):
    """Records with an id, whose known fields hold anything or are missing."""
    known = st.dictionaries(st.sampled_from(fields), anything, max_size=len(fields))
    return st.builds(lambda ident, some, other: {**other, **some, "id": ident}, st.text(min_size=1), known,
                     st.dictionaries(st.text(max_size=8), anything, max_size=3))  # fmt: skip


def encodable(value):
    json.dumps(str(value)).encode()


@given(records(IMAGE_FIELDS))
def test_any_image(record):
    seen = observe_image(record, PROJECT, NOW)
    target = image_target(record, cloud="c", region="r", project=PROJECT, sets=Sets())
    assert target.id == record["id"]
    if isinstance(seen, Unseen):
        assert seen.reason
    else:
        assert seen.value.protected is record["protected"]
        assert seen.value.mine is (record["owner"] == PROJECT)
    for name in ("name", "owner", "status", "visibility"):
        assert (name in target.unseen) is (name not in target.attributes)
    assert ("self" in target.attributes.get("owner", ())) is (record.get("owner") == PROJECT)


@given(records(SERVER_FIELDS))
def test_any_server(record):
    region = Region(cloud="c", name="r", project=PROJECT, image=None, compute=None, projects=None)
    flavor = observe_flavor(region, record, NOW, None)
    seen = observe_server(record, flavor, NOW)
    target = server_target(record, cloud="c", region="r", flavor=None, image_os=None, sets=Sets())
    assert "flavor" in target.unseen
    assert ("os" in target.unseen) is ("os" not in target.attributes)
    if isinstance(seen, Seen):
        assert seen.value.power_state == record.get("OS-EXT-STS:power_state")


@given(anything)
def test_any_member_list(answer):
    with contextlib.suppress(ApiError):
        assert parse_members(answer).members is not None


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.dictionaries(st.text(max_size=5), st.text(max_size=5))
)
def test_flat_properties_win(flat, nested):
    flat.pop("properties", None)
    found = properties({**flat, "properties": nested})
    assert all(found[key] == value for key, value in properties(flat).items())
    assert set(found) == set(properties(flat)) | set(nested)


@given(st.binary() | st.text().map(str.encode) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_error_body(body):
    reason = reason_of(body, ("secret-token",))
    assert len(reason) <= LENGTH * 10
    assert reason.isprintable()


@given(st.text(), st.text())
def test_token_is_never_echoed(before, after):
    html = f"<html><body>{before}secret-token{after}</body></html>".encode()
    assert "secret-token" not in reason_of(html, ("secret-token",))


@given(st.binary())
def test_any_body_is_json_or_refused(body):
    with contextlib.suppress(ApiError):
        encodable(parse_json(body))


@given(st.lists(st.sampled_from(["\\ud800", "\\udc00", "\\ud83d\\ude00", "a", "\\u0000"])))
def test_lone_surrogates_are_replaced(pieces):
    value = parse_json(('{"k": ["' + "".join(pieces) + '"]}').encode())
    value["k"][0].encode()


class Shop:
    """A list that shrinks between its pages, read as Glance serves it: newest last, 400 for an unknown marker."""

    def __init__(self, size, gone, limit):
        self.ids = [f"i{number}" for number in range(size)]
        self.gone = dict(gone)
        self.limit = limit
        self.calls = 0
        self.kept = None

    def fetch(self, query):
        self.calls += 1
        for ident in self.gone.pop(self.calls, ()):
            if ident in self.ids:
                self.ids.remove(ident)
        start = 0
        if "marker" in query:
            if query["marker"] not in self.ids:
                raise ApiError("No image found", status=400)
            start = self.ids.index(query["marker"]) + 1
        rows = self.ids[start : start + self.limit]
        more = {"marker": rows[-1]} if len(rows) == self.limit else None
        return Page(records=[{"id": ident} for ident in rows], more=more)


@given(
    size=st.integers(0, 40),
    limit=st.integers(1, 7),
    gone=st.dictionaries(st.integers(1, 12), st.lists(st.integers(0, 40).map("i{}".format), max_size=12), max_size=4),
)
def test_paging_misses_nothing_that_was_there_all_along(size, limit, gone):
    shop = Shop(size, gone, limit)
    listing = read_list(shop.fetch, [{}], most=Limits().records)
    if listing.problem is None:
        assert set(shop.ids) <= set(listing.records)
    else:
        assert "400" in listing.problem or "No image found" in listing.problem
    assert shop.calls < 400


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), min_size=1, max_size=6), st.booleans())
def test_paging_ends_whatever_the_server_repeats(pages, announced):
    calls = 0

    def fetch(query):
        nonlocal calls
        rows = pages[calls % len(pages)]
        calls += 1
        return Page(records=[{"id": ident} for ident in rows], more={"marker": "x"}, announced=announced)

    listing = read_list(fetch, [{}], most=100)
    assert calls <= 10
    assert (listing.problem is not None) is announced
