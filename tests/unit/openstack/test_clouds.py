"""Configuration: what openstacksdk finds, and what a user is told."""

import subprocess
import sys

import pytest

from imagegate.errors import UsageError
from imagegate.transports.openstack import default_cloud


def test_unknown_cloud(cloud, transport):
    with pytest.raises(UsageError, match="unknown cloud 'nope'; there are: fake") as caught:
        transport.discover({"nope": None})
    assert "clouds.yaml" in str(caught.value)


def test_no_clouds_at_all(configured, transport, monkeypatch, tmp_path):
    configured({})
    with pytest.raises(UsageError, match="none is configured"):
        transport.discover({"nope": None})


@pytest.mark.parametrize(
    "text",
    [
        "clouds: {fake: {auth: {password: s3cr3t-value, auth_url: [}}",
        "clouds: [s3cr3t-value]",
        "clouds: {fake: s3cr3t-value}",
        "clouds: {fake: {auth: s3cr3t-value}}",
        "- s3cr3t-value",
        "clouds: {fake: {auth_type: v2password, auth: {password: s3cr3t-value}}}",
        "clouds: {fake: {auth_type: s3cr3t-plugin, auth: {}}}",
        "clouds: {fake: {auth_type: password, image_endpoint_override: 'http://x', auth: {auth_url: 'http://x/v3'}}}",
        "clouds: {fake: {auth_type: password, region_name: '{s3cr3t-value', auth: {auth_url: 'http://x/v3'}}}",
        "\x00",
        "clouds: {fake: {verify: false, cert: 7, key: [], auth_type: v3password, auth: {auth_url: 7}}}",
    ],
)
def test_malformed_configuration(configured, transport, text):
    configured(text)
    with pytest.raises(UsageError) as caught:
        transport.discover({"fake": ["KR1"]})
    assert "s3cr3t-value" not in str(caught.value)


def test_skipped_file_is_named_with_its_line(configured, transport):
    configured("clouds:\n  fake: {auth: [}\n")
    with pytest.raises(UsageError, match=r"clouds\.yaml: is not YAML: .* at line 2, column 17"):
        transport.discover({"fake": None})


def test_secrets_are_not_shown(cloud, transport, kit, capfd, caplog):
    caplog.set_level("DEBUG")
    found = transport.discover({"fake": None})
    shown = repr(transport) + repr(found) + repr(vars(transport)) + caplog.text + "".join(capfd.readouterr())
    assert kit.PASSWORD not in shown
    for token in cloud.tokens:
        assert token not in shown


def test_environment(cloud, configured, transport, monkeypatch, kit):
    configured({})
    for key, value in {
        "OS_AUTH_TYPE": "v3password", "OS_AUTH_URL": f"{cloud.url}/v3", "OS_USERNAME": "auditor",
        "OS_PASSWORD": kit.PASSWORD, "OS_PROJECT_ID": kit.PROJECT, "OS_USER_DOMAIN_ID": "default",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    name = default_cloud()
    assert name == "envvars"
    assert all(one.complete for one in transport.discover({name: None}).catalogs)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, None),
        ({"OS_CLOUD": "nhn", "OS_USERNAME": "x"}, "nhn"),
        ({"OS_USERNAME": "x"}, "envvars"),
        ({"OS_USERNAME": "x", "OS_CLOUD_NAME": "mine"}, "mine"),
        ({"OS_REGION_NAME": "KR1", "OS_CLIENT_CONFIG_FILE": "x", "OS_TEST_PATH": "x", "PATH": "x"}, None),
    ],
)
def test_default_cloud(environment, name):
    assert default_cloud(environment) == name


def test_secure_yaml(*, cloud, configured, transport, kit, monkeypatch, tmp_path):
    entry = kit.entry(cloud)
    del entry["auth"]["password"]
    configured({"fake": entry})
    secure = tmp_path / "secure.yaml"
    secure.write_text(f"clouds: {{fake: {{auth: {{password: '{kit.PASSWORD}'}}}}}}", encoding="utf-8")
    monkeypatch.setenv("OS_CLIENT_SECURE_FILE", str(secure))
    assert all(one.complete for one in transport.discover({"fake": None}).catalogs)


def test_unverified_tls_is_told(cloud, configured, transport, kit):
    configured({"fake": {**kit.entry(cloud), "verify": False}})
    assert transport.discover({"fake": None}).warnings == (
        "cloud fake: TLS certificates are not verified (verify: false)",
    )


def test_unknown_vendor_profile_is_told(cloud, configured, transport, kit):
    configured({"fake": {**kit.entry(cloud), "profile": "no-such-vendor"}})
    assert "no-such-vendor" in transport.discover({"fake": None}).warnings[0]


SCRIPT = """
import sys
from imagegate.transports.openstack.lazy import config_loader
loader = config_loader()
assert "openstack.connection" not in sys.modules
import openstack
assert "openstack.connection" not in sys.modules
assert openstack.config.loader is loader
{use}
assert "openstack.connection" in sys.modules
import openstack.compute.v2.server
from openstack import connect, exceptions
assert openstack.connect is connect
assert openstack.config.OpenStackConfig is loader.OpenStackConfig
try:
    openstack.no_such_name
except AttributeError:
    print("ok")
"""


@pytest.mark.parametrize(
    "use", ["openstack.connection.Connection", "openstack.connect", "from openstack import connect"]
)
def test_openstacksdk_is_whole_for_others(use):
    """Somebody else in the process can use openstacksdk after us."""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(use=use)], capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr
