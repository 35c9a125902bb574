"""Records and error bodies as Glance, Nova, NHN Cloud and proxies write them."""

import subprocess
import sys

import pytest

from imagegate.probes import FlavorFact, ServerFact
from imagegate.transports.openstack.fields import RecordError, Sets
from imagegate.transports.openstack.identity import identity_root
from imagegate.transports.openstack.images import image_root, image_target, parse_image
from imagegate.transports.openstack.reason import reason_of
from imagegate.transports.openstack.servers import embedded_flavor, flavor_fact, parse_server, server_target

NHN_IMAGE = {
    "id": "b5b1e0d4-8a2c-4f0e-8f9d-1c2d3e4f5061", "name": "golden-web-ubuntu2204-20260510", "status": "active",
    "visibility": "shared", "protected": False, "owner": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "tags": ["_AVAILABLE_"],
    "container_format": "bare", "disk_format": "qcow2", "min_disk": 20, "min_ram": 0, "size": 3221225472,
    "virtual_size": None, "checksum": "fedcba9876543210fedcba9876543210", "created_at": "2026-05-10T09:00:00Z",
    "updated_at": "2026-05-10T09:21:00Z", "self": "/v2/images/b5b1", "file": "/v2/images/b5b1/file",
    "schema": "/v2/schemas/image", "os_type": "linux", "nhncloud_allow_download": "false", "deprecate_date": None,
}  # fmt: skip
SERVER = {
    "id": "3d5b0d7e", "name": "web-01", "status": "SHUTOFF", "tenant_id": "0a1b", "image": {"id": "6f0c"},
    "flavor": {"id": "aaaa", "links": []}, "OS-EXT-STS:vm_state": "stopped", "OS-EXT-STS:task_state": None,
    "OS-EXT-STS:power_state": 4, "OS-SRV-USG:launched_at": "2026-05-01T01:16:20.000000",
    "metadata": {"os_type": "Windows", "volume_size": "50"}, "created": "2026-05-01T01:15:46Z",
}  # fmt: skip


def image(**changes):
    return {key: value for key, value in {**NHN_IMAGE, **changes}.items() if value is not ...}


def test_image():
    fact = parse_image(NHN_IMAGE, "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
    assert fact.mine
    assert fact.tags == ("_AVAILABLE_",)
    assert fact.properties == (
        ("deprecate_date", "null"),
        ("nhncloud_allow_download", "false"),
        ("os_type", "linux"),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protected": "true"}, "record's 'protected' is a string, not a boolean"),
        ({"protected": None}, "record's 'protected' is null, not a boolean"),
        ({"protected": 1}, "record's 'protected' is a number, not a boolean"),
        ({"protected": ...}, "record lacks 'protected'"),
        ({"owner": ...}, "record lacks 'owner'"),
        ({"name": ...}, "record lacks 'name'"),
        ({"status": None}, "record's 'status' is null, not a string"),
        ({"visibility": ["shared"]}, "record's 'visibility' is a list, not a string"),
        ({"size": 1.5}, "record's 'size' is a number, not a whole number"),
        ({"size": True}, "record's 'size' is a boolean, not a whole number"),
        ({"tags": {"a": 1}}, "record's 'tags' is not a list of strings"),
        ({"tags": [1]}, "record's 'tags' is not a list of strings"),
    ],
)
def test_image_that_cannot_be_read(changes, reason):
    with pytest.raises(RecordError) as caught:
        parse_image(image(**changes), "p")
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"name": None}, "name", ""),
        ({"owner": None}, "owner", ""),
        ({"size": None}, "size", None),
        ({"size": "12"}, "size", 12),
        ({"min_disk": ...}, "min_disk", None),
        ({"tags": "b, a"}, "tags", ("a", "b")),
        ({"tags": None}, "tags", ()),
        ({"tags": ...}, "tags", ()),
    ],
)
def test_image_of_another_shape(changes, attribute, value):
    assert getattr(parse_image(image(**changes), "p"), attribute) == value


def test_nested_properties():
    nested = parse_image(image(properties={"os_type": "windows", "os_distro": "x", "n": [1]}), "p")
    assert dict(nested.properties)["os_type"] == "linux", "a flat key wins"
    assert dict(nested.properties)["os_distro"] == "x"
    assert dict(nested.properties)["n"] == "[1]"
    assert dict(parse_image(image(properties="text"), "p").properties)["properties"] == "text"


def test_image_target():
    target = image_target(NHN_IMAGE, cloud="nhn", region="KR1", project="p", sets=Sets())
    assert target.key == "image:nhn/KR1/b5b1e0d4-8a2c-4f0e-8f9d-1c2d3e4f5061"
    assert target.attributes["owner"] == {NHN_IMAGE["owner"]}
    assert target.attributes["tag"] == {"_AVAILABLE_"}
    assert target.attributes["property.nhncloud_allow_download"] == {"false"}
    assert not target.unseen
    poor = image_target({"id": "x", "tags": 7}, cloud="nhn", region="KR1", project="p", sets=Sets())
    assert poor.unseen == {"name", "owner", "visibility", "status", "tag"}


def test_server():
    assert parse_server(SERVER, "u2.c1m2") == ServerFact(
        id="3d5b0d7e", name="web-01", status="SHUTOFF", power_state=4, task_state=None, vm_state="stopped",
        flavor_id="aaaa", flavor_name="u2.c1m2", image_id="6f0c", created="2026-05-01T01:15:46Z",
        launched_at="2026-05-01T01:16:20.000000", metadata=(("os_type", "Windows"), ("volume_size", "50")),
    )  # fmt: skip


@pytest.mark.parametrize("said", [True, False, None])
def test_instance_protection(said):
    assert parse_server(SERVER if said is None else {**SERVER, "NHN-EXT-ATTR:protect": said}, None).protected is said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"OS-EXT-STS:power_state": "4"}, "is a string, not a whole number"),
        ({"OS-EXT-STS:power_state": True}, "is a boolean, not a whole number"),
        ({"OS-EXT-STS:task_state": 0}, "is a number, not a string"),
        ({"NHN-EXT-ATTR:protect": "true"}, "is a string, not a boolean"),
        ({"flavor": None}, "record lacks 'flavor'"),
        ({"flavor": "m1"}, "is not an object"),
        ({"image": {}}, "record lacks 'id'"),
        ({"image": 7}, "neither an object nor empty"),
        ({"metadata": None}, "record lacks 'metadata'"),
        ({"status": None}, "is null"),
        ({"name": 7}, "is a number"),
    ],
)
def test_server_that_cannot_be_read(changes, reason):
    with pytest.raises(RecordError, match=reason):
        parse_server({**SERVER, **changes}, None)


def test_server_without_extended_status():
    fact = parse_server({key: value for key, value in SERVER.items() if "OS-" not in key} | {"image": ""}, None)
    assert (fact.power_state, fact.task_state, fact.image_id) == (None, None, None)


@pytest.mark.parametrize(
    ("metadata", "image_os", "os"),
    [
        ({"os_type": "Windows"}, "linux", "windows"),
        ({}, "Linux", "linux"),
        ({"os_type": " "}, None, None),
        ({}, None, None),
    ],
)
def test_operating_system(metadata, image_os, os):
    target = server_target(
        {**SERVER, "metadata": metadata}, cloud="c", region="r", flavor="x", image_os=image_os, sets=Sets()
    )
    assert target.attributes.get("os") == (frozenset({os}) if os else None)
    assert ("os" in target.unseen) is (os is None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("u2.c1m2", "u2"), ("x1.c32m256", "x1"), ("m2.c1m2.gpu", None), ("zz.special", None), ("M2.c1m2", None),
        ("m2.c1m2\n", None), ("", None),
    ],
)  # fmt: skip
def test_flavor_type(name, kind):
    assert flavor_fact("id", name).type == kind


def test_embedded_flavor():
    record = {"flavor": {"vcpus": 1, "original_name": "t2.c1m1"}}
    assert embedded_flavor(record) == FlavorFact(id=None, name="t2.c1m1", type="t2")
    assert embedded_flavor(SERVER) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ""),
        (
            (
                b"<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  <h1>403 Forbidden</h1>\n"
                b"  Attribute &#x27;status&#x27; is read-only.<br /><br />\n\n\n </body>\n</html>"
            ),
            "Attribute 'status' is read-only.",
        ),
        (b'{"conflictingRequest": {"code": 409, "message": "Instance is locked"}}', "Instance is locked"),
        (b'{"error": {"code": 401, "title": "Unauthorized", "message": "No"}}', "No"),
        (b'{"code": 400}', '{"code": 400}'),
        (b'"just text"', "just text"),
        (b"<script>evil()</script><p>a<b>b</b>", "a b"),
        (b"\x1b[31mred\x00\r\nline", r"\x1b[31mred\x00 line"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 1000, "x" * 299 + "…"),
    ],
)
def test_reason(body, said):
    assert reason_of(body) == said


def test_urls():
    assert image_root("https://kr1-api-image-infrastructure.nhncloudservice.com") == image_root(
        "https://kr1-api-image-infrastructure.nhncloudservice.com/v2/"
    )
    assert (
        identity_root("https://x/v2.0") == identity_root("https://x/v3/") == identity_root("https://x") == "https://x"
    )


def test_package_is_cheap_until_it_is_used():
    code = "import sys, imagegate.transports.openstack as o; o.default_cloud(); assert 'requests' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
