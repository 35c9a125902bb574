"""Every broken state of the machine id on a real SSH host: break → fail → fix → look → pass."""

import pytest
from tests.real.guests import imagegate, require_guests, ssh, write_policy

from imagegate.sandbox.fleet import fleet

ETC, DBUS = "/etc/machine-id", "/var/lib/dbus/machine-id"
ID = "0123456789abcdef0123456789abcdef"
LINK = f"rm -f {DBUS}; ln -s {ETC} {DBUS}"
BREAK = {
    "an id, D-Bus linked": f"printf '{ID}\\n' > {ETC}; {LINK}",
    "an id, D-Bus copy": f"printf '{ID}\\n' > {ETC}; rm -f {DBUS}; cp {ETC} {DBUS}",
    "emptied, D-Bus copy": f": > {ETC}; rm -f {DBUS}; printf '{ID}\\n' > {DBUS}",
    "uninitialized, D-Bus copy": f"echo uninitialized > {ETC}; rm -f {DBUS}; printf '{ID}\\n' > {DBUS}",
    "emptied, D-Bus empty": f": > {ETC}; rm -f {DBUS}; : > {DBUS}",
    "emptied, D-Bus linked elsewhere": f": > {ETC}; rm -f {DBUS}; ln -s /etc/hostname {DBUS}",
    "missing": f"rm -f {ETC}; {LINK}",
    "zeros": f"printf '%032d\\n' 0 > {ETC}; {LINK}",
    "whitespace": f"printf ' \\n' > {ETC}; {LINK}",
    "-n": f"printf -- '-n\\n' > {ETC}; {LINK}",
    "upper case": f"printf '{ID}\\n' | tr a-f A-F > {ETC}; {LINK}",
    "no newline": f"printf '{ID}' > {ETC}; {LINK}",
    "binary": f"head -c 33 /dev/urandom | tr '\\n' x > {ETC}; {LINK}",
    "too long": f"head -c 5000 /dev/zero | tr '\\000' a > {ETC}; {LINK}",
}
REFUSED = {
    "a link": f"mv {ETC} /etc/other-id; ln -s /etc/other-id {ETC}; {LINK}",
    "a folder": f"rm -f {ETC}; mkdir {ETC}; {LINK}",
    "a bind mount": f"echo x > /run/id; mount --bind /run/id {ETC}; {LINK}",
    "a device": f"rm -f {ETC}; mknod {ETC} c 1 3; {LINK}",
}
PASSING = {
    "empty, linked": f": > {ETC}; {LINK}",
    "empty, linked relatively": f": > {ETC}; rm -f {DBUS}; ln -s ../../../etc/machine-id {DBUS}",
    "empty, absent": f": > {ETC}; rm -f {DBUS}",
    "empty, no folder": f": > {ETC}; rm -rf /var/lib/dbus",
    "uninitialized, linked": f"echo uninitialized > {ETC}; {LINK}",
}
STATE = f"stat -c '%F %s %a %u:%g' {ETC}; readlink {DBUS}; ls -A /etc /var/lib/dbus | grep imagegate || true"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """One host per state; yields the fleet and the host of each state."""
    require_guests()
    states = {**BREAK, **REFUSED, **PASSING}
    with fleet(len(states), tmp_path_factory.mktemp("states") / "fleet") as made:
        names = {state: host.name for state, host in zip(states, made.hosts, strict=True)}
        for state, name in names.items():
            ssh(made.root, name, states[state])
        yield made, names


def test_each_broken_state_fails_is_mended_and_passes(hosts, tmp_path):
    made, names = hosts
    policy = write_policy(tmp_path / "policy.yaml", "linux-machine-id-reset:")
    audit = ["audit", "--policy", policy, "--inventory", made.inventory]

    before = imagegate(*audit, reports=tmp_path / "before")
    verdicts = {state: before.verdicts()[name, "linux-machine-id-reset"] for state, name in names.items()}
    assert verdicts == {
        **dict.fromkeys(BREAK, "fail"),
        **dict.fromkeys(REFUSED, "fail"),
        **dict.fromkeys(PASSING, "pass"),
    }, before.stdout
    assert before.code == 1
    untouched = {state: ssh(made.root, names[state], STATE) for state in {**REFUSED, **PASSING}}

    fixed = imagegate(*audit, "--fix", "--fix-level", "disruptive", reports=tmp_path / "fix")
    states = {s: fixed.finding(n, "linux-machine-id-reset")["remedy"]["state"] for s, n in names.items()}
    assert states == {
        **dict.fromkeys(BREAK, "verified"),
        **dict.fromkeys(REFUSED, "refused"),
        **dict.fromkeys(PASSING, "none"),
    }, fixed.stdout
    assert fixed.code == 1  # the refused ones stand
    assert {state: ssh(made.root, names[state], STATE) for state in untouched} == untouched

    after = imagegate(*audit, reports=tmp_path / "after")
    passed = {state for state, name in names.items() if after.verdicts()[name, "linux-machine-id-reset"] == "pass"}
    assert passed == {*BREAK, *PASSING}
    for state in BREAK:
        etc, *rest = ssh(made.root, names[state], STATE).splitlines()
        left = "regular file 14" if state.startswith("uninitialized") else "regular empty file 0"  # accepted as it is
        assert etc == f"{left} 444 0:0", state  # mode and owner as before; 0444 for a new file
        assert rest == [ETC], state  # linked, and no temporary file is left


def test_a_second_fix_changes_nothing(hosts, tmp_path):
    made, names = hosts
    policy = write_policy(tmp_path / "policy.yaml", "linux-machine-id-reset:")
    name = names["empty, linked"]
    inode = ssh(made.root, name, f"stat -c '%i %Z' {ETC} {DBUS}")
    ran = imagegate(
        *("audit", "--policy", policy, "--inventory", made.inventory, "--instance", name),
        *("--fix", "--fix-level", "disruptive"),
        reports=tmp_path / "reports",
    )
    assert ran.code == 0, ran.stdout
    assert ssh(made.root, name, f"stat -c '%i %Z' {ETC} {DBUS}") == inode
    assert not list((tmp_path / "reports").glob("*/journal.jsonl"))


def test_hosts_that_do_not_answer_are_one_line_each_and_others_go_on(hosts, tmp_path):
    made, names = hosts
    name = names["empty, linked"]
    good = next(host for host in made.hosts if host.name == name)
    inventory, empty = tmp_path / "inventory.yaml", tmp_path / "ssh_config"
    empty.write_text(f"UserKnownHostsFile {tmp_path}/known_hosts\n")
    inventory.write_text(
        f"defaults: {{user: root, port: {good.port}, os: linux, ssh_config: {made.ssh_config}}}\n"
        f"instances:\n  {name}: {{address: {name}}}\n"
        "  closed: {address: 127.0.0.1, port: 1}\n"
        f"  stranger: {{address: {good.address}, ssh_config: {empty}, identity_file: {made.root}/id_ed25519}}\n"
    )
    policy = write_policy(tmp_path / "policy.yaml", "linux-machine-id-reset:")
    ran = imagegate("audit", "--policy", policy, "--inventory", inventory, reports=tmp_path / "reports")
    assert ran.code == 10
    assert ran.verdicts() == {
        (name, "linux-machine-id-reset"): "pass",
        ("closed", "linux-machine-id-reset"): "unknown",
        ("stranger", "linux-machine-id-reset"): "unknown",
    }
    reasons = {item["target"]: item["reason"] for item in ran.report["scope"]["unreachable"]}
    assert "refused" in reasons["closed"]
    assert "known_hosts" in reasons["stranger"] or "host key" in reasons["stranger"]
    assert all("\n" not in reason for reason in reasons.values())
