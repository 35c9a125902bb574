"""Inventories."""

from __future__ import annotations

import shutil

import pytest

from imagegate.errors import InputErrors
from imagegate.inventory import Auth, Host, Via, load_inventory

CONTRACT = """\
defaults: {user: ubuntu, transport: ssh, port: 22, os: linux}
instances:
  web-01: {address: 192.0.2.10}
  web-02: {address: 192.0.2.11, user: rocky, via: bastion.example.com}
  win-01: {address: 192.0.2.20, transport: winrm, user: Administrator, password_env: WINRM_PASSWORD}
  image-root: {transport: chroot, address: ./image-root}
  here: {transport: local}
"""


@pytest.fixture
def load(tmp_path):
    def load(text: str):
        path = tmp_path / "inventory.yaml"
        path.write_text(text)
        return load_inventory(path).hosts

    return load


def mistakes(load, text: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        load(text)
    return [f"{mistake.line}:{mistake.column} {mistake.message}" for mistake in caught.value.mistakes]


def test_contract_example(load, tmp_path) -> None:
    hosts = load(CONTRACT)
    assert hosts["web-01"] == Host(name="web-01", address="192.0.2.10", user="ubuntu", port=22, os="linux")
    assert (hosts["web-02"].user, hosts["web-02"].via) == ("rocky", "bastion.example.com")
    win = hosts["win-01"]
    assert (win.transport, win.os, win.port, win.password_env) == (Via.WINRM, "windows", None, "WINRM_PASSWORD")
    assert hosts["image-root"].address == str(tmp_path / "image-root")
    assert (hosts["here"].transport, hosts["here"].user) == (Via.LOCAL, None)
    assert all(host.relaxed is None for host in hosts.values())


def test_files_are_relative_to_the_inventory(load, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/home/me")
    host = load("instances:\n  a: {ssh_config: ssh/config, identity_file: ~/key}\n")["a"]
    assert (host.address, str(host.ssh_config), str(host.identity_file)) == (
        "a", str(tmp_path / "ssh/config"), "/home/me/key",
    )  # fmt: skip


WINRM = """\
defaults: {transport: winrm, user: Administrator, password_env: WINRM_PASSWORD}
instances:
"""


@pytest.mark.parametrize(
    ("entry", "relaxed"),
    [
        ("{transport: ssh, host_key_checking: false}", "its SSH host key is not verified"),
        ("{certificate_checking: false}", "its TLS certificate is not verified"),
        ("{scheme: http}", "it is reached over HTTP: nothing proves that it is the right host"),
        ("{ca_file: ca.pem}", None),
        ("{certificate_checking: true}", None),
        ("{transport: ssh}", None),
    ],
)
def test_turning_verification_off_shows(load, entry: str, relaxed: str | None) -> None:
    assert load(f"{WINRM}  a: {entry}\n")["a"].relaxed == relaxed


def test_what_a_windows_host_says(load, tmp_path) -> None:
    hosts = load(
        f"{WINRM}  a: {{address: 192.0.2.20}}\n"
        "  b: {user: 'CORP\\admin', port: 15986, auth: basic, ca_file: ca.pem, password_env: OTHER}\n"
        "  c: {auth: kerberos, scheme: http}\n"
    )
    assert hosts["a"] == Host(
        name="a", address="192.0.2.20", transport=Via.WINRM, os="windows", user="Administrator",
        password_env="WINRM_PASSWORD", auth=Auth.NTLM, scheme="https",
    )  # fmt: skip
    b = hosts["b"]
    assert (b.user, b.port, b.auth, b.password_env) == ("CORP\\admin", 15986, Auth.BASIC, "OTHER")
    assert b.ca_file == tmp_path / "ca.pem"
    assert (hosts["c"].auth, hosts["c"].scheme) == (Auth.KERBEROS, "http")


def test_defaults_are_meant_for_the_transport_that_they_stand_with(load) -> None:
    hosts = load(
        "defaults: {transport: winrm, user: Administrator, password_env: X, port: 5986, auth: basic, ca_file: c.pem}\n"
        "instances: {win-01: {certificate_checking: false}, web-01: {transport: ssh}}\n"
    )
    assert hosts["web-01"] == Host(name="web-01", address="web-01")
    assert (hosts["win-01"].port, hosts["win-01"].auth) == (5986, Auth.BASIC)
    assert hosts["win-01"].relaxed == "its TLS certificate is not verified"


NEEDS = "transport winrm needs user, and password_env: the environment variable that holds the password"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("{transport: winrm}", NEEDS),
        ("{transport: winrm, user: a}", NEEDS),
        ("{transport: winrm, password_env: A}", NEEDS),
        ("{transport: winrm, auth: basic, password_env: A}", NEEDS),
        ("{transport: winrm, user: a, password_env: A, auth: basic, scheme: http}",
         "auth: basic sends the password as it is: not with scheme: http"),
        ("{transport: winrm, user: a, password_env: A, scheme: http, ca_file: c}",
         "ca_file, certificate_checking: only with scheme: https"),
        ("{transport: winrm, user: a, password_env: A, scheme: http, certificate_checking: true}",
         "ca_file, certificate_checking: only with scheme: https"),
        ("{transport: winrm, user: a, password_env: A, certificate_checking: false, ca_file: c}",
         "ca_file names whom to trust, certificate_checking: false trusts everybody: say one of them"),
        ("{transport: winrm, user: a, password_env: A, host_key_checking: false}",
         "host_key_checking: only with transport ssh, not winrm"),
        ("{transport: winrm, user: a, password_env: A, identity_file: k}",
         "identity_file: only with transport ssh, not winrm"),
        ("{transport: winrm, address: 'a b', user: a, password_env: A}", "'a b' is no host name or IP address"),
        ("{auth: ntlm, scheme: http}", "auth, scheme: only with transport winrm, not ssh"),
        ("{ca_file: c}", "ca_file: only with transport winrm, not ssh"),
        ("{transport: local, certificate_checking: false}",
         "certificate_checking: only with transport winrm, not local"),
        ("{transport: chroot, address: /x, password_env: A}", "password_env: only with transport winrm, not chroot"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_windows_host(load, entry: str, found: str) -> None:
    assert mistakes(load, f"instances:\n  a: {entry}\n") == [f"2:6 {found}"]


@pytest.mark.parametrize("value", ["auth: digest", "scheme: ftp", "certificate_checking: maybe", "ca_file: -x"])
def test_values_that_no_windows_host_has(load, value: str) -> None:
    assert len(mistakes(load, f"instances: {{a: {{transport: winrm, user: a, password_env: A, {value}}}}}\n")) == 1


@pytest.mark.parametrize("key", ["certificate_checking: false", "password: x"])
def test_what_no_default_can_say_of_windows_hosts(load, key: str) -> None:
    name = key.partition(":")[0]
    assert f'unknown key "{name}"' in mistakes(load, f"defaults: {{{key}}}\ninstances: {{a: {{}}}}\n")[0]


def test_turning_verification_off_for_all_is_not_possible(load) -> None:
    assert "host_key_checking" in mistakes(load, "defaults: {host_key_checking: false}\ninstances: {a: {}}\n")[0]


def test_names_that_look_like_numbers(load) -> None:
    assert set(load("instances:\n  0123: {address: 192.0.2.1}\n  1e5: {address: 192.0.2.2}\n")) == {"0123", "1e5"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("instances: {a: {addres: x}}\n", '1:17 unknown key "addres": did you mean "address"?'),
        ("instances: {a: {port: 0}}\n", "1:23 must be at least 1"),
        ("instances: {a: {transport: telnet}}\n", "1:28 "),
        ("instances: {a: {transport: chroot}}\n", "1:16 transport chroot needs address: the folder of the root"),
        ("instances: {a: {address: -oProxyCommand=x}}\n", "1:26 must be plain text that does not begin with a dash"),
        ("instances: {a: {address: 'a b'}}\n", "1:16 'a b' is no host name or IP address"),
        ("instances: {'a b': {}}\n", "1:20 'a b' is no host name or IP address: give the instance an address"),
        ("instances: {a: {via: -oProxyCommand=x}}\n", "1:22 must be [user@]host[:port], or several of them"),
        ("instances: {a: {via: 'b;reboot'}}\n", "1:22 must be [user@]host[:port], or several of them"),
        ("instances: {a: {password_env: s3cret!}}\n", "1:31 must be the name of an environment variable"),
        ("instances: {a: {password: x}}\n", '1:17 unknown key "password"'),
        ("instances: {a: {transport: winrm, via: b}}\n", "1:16 via: only with transport ssh, not winrm"),
        ("instances: {a: {transport: winrm, os: linux}}\n", "1:16 transport winrm is for os: windows"),
        ("defaults: {address: x}\ninstances: {a: {}}\n", '1:12 unknown key "address"'),
    ],
)
def test_mistakes_have_a_place(load, text: str, found: str) -> None:
    assert [mistake[: len(found)] for mistake in mistakes(load, text)] == [found]


def test_all_mistakes_at_once(load) -> None:
    assert len(mistakes(load, "defaults: {prot: 22}\ninstances: {a: {port: x}, b: {addres: y}}\n")) == 3


@pytest.mark.parametrize("via", ["bastion", "me@bastion", "me@bastion:2222", "[::1]:22", "a,b:22", "me@10.0.0.1"])
def test_jump_hosts(load, via: str) -> None:
    assert load(f"instances: {{a: {{via: '{via}'}}}}\n")["a"].via == via


@pytest.mark.parametrize("address", ["::1", "fe80::1%eth0", "web-01.example.com", "alias_1", "192.0.2.1"])
def test_addresses(load, address: str) -> None:
    assert load(f"instances: {{a: {{address: '{address}'}}}}\n")["a"].address == address


def test_ssh_takes_no_password(load) -> None:
    assert "password_env is for transport winrm" in mistakes(load, "instances: {a: {password_env: X}}\n")[0]


ANSIBLE_INI = """\
[web]
web-01 ansible_host=192.0.2.10 ansible_user=rocky ansible_port=2222
web-02 ansible_ssh_common_args='-o ProxyJump=me@bastion:22'

[other]
here ansible_connection=local
win ansible_host=192.0.2.20 ansible_connection=winrm ansible_user=Administrator ansible_password=hunter2
"""
ANSIBLE_YAML = """\
all:
  hosts:
    web-01: {ansible_host: 192.0.2.10, ansible_user: rocky, ansible_port: 2222}
  children:
    web: {hosts: {web-02: {ansible_ssh_extra_args: "-J me@bastion:22"}}}
    other:
      hosts:
        here: {ansible_connection: local}
        win: {ansible_host: 192.0.2.20, ansible_connection: winrm, ansible_user: Administrator}
"""


@pytest.mark.parametrize("text", [ANSIBLE_INI, ANSIBLE_YAML], ids=["ini", "yaml"])
def test_ansible_inventory_needs_ansible(load, text: str, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert mistakes(load, text) == ["0:0 this is an Ansible inventory: install ansible-core, so that it can be read"]


@pytest.mark.parametrize("text", [ANSIBLE_INI, ANSIBLE_YAML], ids=["ini", "yaml"])
def test_ansible_inventory(load, text: str) -> None:
    if shutil.which("ansible-inventory") is None:
        pytest.skip("needs ansible-core")
    hosts = load(text)
    assert hosts["web-01"] == Host(name="web-01", address="192.0.2.10", user="rocky", port=2222)
    assert hosts["web-02"] == Host(name="web-02", address="web-02", via="me@bastion:22")
    assert hosts["here"].transport is Via.LOCAL
    assert (hosts["win"].transport, hosts["win"].os) == (Via.WINRM, "windows")
    assert "hunter2" not in repr(hosts)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("ansible_connection=network_cli", "ansible_connection network_cli has no counterpart here"),
        ("ansible_ssh_common_args='-o StrictHostKeyChecking=no'", "says more than a jump host"),
        ("ansible_user='{{ who }}'", "ansible_user is a template"),
        ("ansible_host=-oProxyCommand=x", "is no host name"),
    ],
)
def test_ansible_without_counterpart(load, variables: str, said: str) -> None:
    if shutil.which("ansible-inventory") is None:
        pytest.skip("needs ansible-core")
    assert said in mistakes(load, f"[web]\na {variables}\n")[0]
