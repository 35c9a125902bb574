"""What two entries of clouds.yaml must share to be taken for one deployment."""

import pytest

from imagegate.transports.openstack.deployment import deployment_of

P = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
Q = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.mark.parametrize(
    ("url", "deployment"),
    [
        ("https://kr1-api-image-infrastructure.nhncloudservice.com", "kr1-api-image-infrastructure.nhncloudservice.com"),
        ("https://KR1-API-image.example.com./v2/", "kr1-api-image.example.com"),
        (f"https://kr1-api-instance.example.com/v2/{P}", "kr1-api-instance.example.com"),
        (f"https://cloud.example.com/volume/v3/AUTH_{P}", "cloud.example.com/volume"),
        (f"https://cloud.example.com/volume/v3/AUTH%5F{P}", "cloud.example.com/volume"),
        (f"https://cloud.example.com/compute/v2.1/{Q}", f"cloud.example.com/compute/v2.1/{Q}"),
        ("http://192.0.2.7:9292", "192.0.2.7:9292"),
        ("http://192.0.2.7:80/image", "192.0.2.7/image"),
        ("https://192.0.2.7:443/image/v2", "192.0.2.7/image"),
        ("https://192.0.2.7:80/image", "192.0.2.7:80/image"),
        ("http://[2001:db8::1]:9292/v2", "[2001:db8::1]:9292"),
        ("https://someone:secret@cloud.example.com/image?token=secret#secret", "cloud.example.com/image"),
        ("https://cloud.example.com/v2/images", "cloud.example.com/v2/images"),
        ("https://cloud.example.com:port/image", None),
        ("https://[::1/image", None),
        ("https:///image", None),
        ("(no auth_url)", None),
    ],
)
def test_what_is_the_same_for_all_projects(url, deployment):
    assert deployment_of(url, P) == deployment


def test_two_projects_endpoints_are_of_one_deployment():
    told = {deployment_of(f"https://api.example.com/v2/{project}", project) for project in (P, Q)}
    assert told == {"api.example.com"}


def test_a_project_that_is_unknown_is_no_reason_to_cut():
    assert deployment_of("https://api.example.com//image//", "") == "api.example.com/image"
