"""No machine id and no content of an identity file leaves the guest: outputs, reports, recordings, journal, argv."""

import pytest
from tests.real.guests import require_guests, ssh, write_policy
from tests.real.support import Secrets, imagegate

from imagegate.sandbox.fleet import fleet

ETC, DBUS = "/etc/machine-id", "/var/lib/dbus/machine-id"
VALUES = {
    "the machine id": "4f1c9a77d05e4b1c8a9de2f0b7c3a615",
    "the D-Bus id": "b2e6d8409c7f4a35a1e0c4d97f8b6132",
    "a password in the id file": "correct-horse-battery-staple",
    "a key in the D-Bus file": "AKIAIOSFODNN7EXAMPLE-and-more",
    "the id of a step that fails": "c0ffee00c0ffee11c0ffee22c0ffee33",
}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Hosts whose identity files hold the values above; yields the fleet and the planted values."""
    require_guests()
    secrets = Secrets()
    for label, value in VALUES.items():
        secrets.plant(label, value)
    ident, dbus, password, key, stuck = VALUES.values()
    with fleet(3, tmp_path_factory.mktemp("secrets") / "fleet") as made:
        one, other, odd = (host.name for host in made.hosts)
        ssh(made.root, one, f"echo {ident} >{ETC}; rm -f {DBUS}; echo {dbus} >{DBUS}")
        ssh(made.root, other, f"echo {password} >{ETC}; rm -f {DBUS}; echo {key} >{DBUS}")
        ssh(
            made.root, odd, f"echo {stuck} >{ETC}; rm -f {DBUS}; ln -s {ETC} {DBUS}; mkdir {ETC}.d; mv /bin/mv /bin/mv-"
        )
        yield made, secrets


def test_no_identity_leaves_the_guest(hosts, tmp_path):
    made, secrets = hosts
    policy = write_policy(tmp_path / "policy.yaml", "linux-machine-id-reset:")
    clouds = tmp_path / "no-clouds.yaml"
    audit = ["audit", "--policy", policy, "--inventory", made.inventory]
    fix = ["--fix", "--fix-level", "disruptive"]
    log = ["-vv", "--log-file", tmp_path / "debug.log", "-o", "log_file_level=DEBUG"]
    codes = []
    for more in (
        [],
        ["--record-facts", tmp_path / "facts.jsonl", *log],
        [*fix, *log],
        ["--junitxml", tmp_path / "j.xml"],
    ):
        ran = imagegate(*audit, *more, cwd=tmp_path, clouds=clouds, watch=True)
        codes.append(ran.code)
        assert ran.argvs, "no process was seen"
        assert secrets.leaks_of(ran) == []
    assert codes == [1, 1, 11, 1]  # the fix fails on the host that cannot rename, and works on the others
    replay = imagegate("audit", "--policy", policy, "--facts", tmp_path / "facts.jsonl", cwd=tmp_path, clouds=clouds)
    assert replay.code == 1
    assert secrets.leaks_of(replay) == []
    assert (tmp_path / "debug.log").stat().st_size > 0
    assert secrets.leaks_in_files(tmp_path) == []


def test_the_search_would_find_an_identity(hosts, tmp_path):
    _, secrets = hosts
    (tmp_path / "report.json").write_text(f'{{"actual": "{VALUES["the machine id"]}"}}')
    assert f"the machine id in {tmp_path / 'report.json'} (plain)" in secrets.leaks_in_files(tmp_path)
