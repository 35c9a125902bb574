"""The second region, the source's record, and a transport that does not wait long."""

import hashlib
from dataclasses import replace

import pytest
from tests.unit.openstack.copying.scene import DATA, Region2


@pytest.fixture
def there(cloud, kit):
    cloud.regions["image"] = ["KR1", "KR2"]
    return Region2(cloud, kit)


@pytest.fixture
def source(cloud, kit, there):
    """The source's record; its data is to be had."""
    record = cloud.image(
        name="golden", size=len(DATA), checksum=hashlib.md5(DATA).hexdigest(), disk_format="raw", os_hash_algo="sha256",
        container_format="bare", os_hash_value=hashlib.sha256(DATA).hexdigest(), os_type="linux", tags=["a", "_B"],
    )  # fmt: skip
    cloud.on(
        lambda request: kit.Reply(body=DATA) if request.path.endswith(f"/KR1/v2/images/{record['id']}/file") else None
    )
    return record


@pytest.fixture
def quick(make_transport, kit):
    return make_transport(replace(kit.QUICK, stall_s=0.6))
