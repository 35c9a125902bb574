"""What keeps a new instance from starting, on real SSH hosts: break → fail → fix → look → pass."""

import shlex

import pytest
from tests.real.guests import imagegate, require_guests, ssh, write_policy
from tests.real.support import Secrets

from imagegate.sandbox.fleet import fleet

SPACE, FSTAB, PROXY = "linux-disk-space-available", "linux-fstab-root-only", "linux-metadata-proxy-bypassed"
PASSWORD = "correct-horse-battery"
ROOT = "UUID=1b4e28ba / ext4 defaults 0 1"
NAS = f"//nas/share /srv cifs username=u,password={PASSWORD} 0 0"
DATA = r"/dev/vdb1 /my\040data ext4 defaults 0 2"
URL = f"http://user:{PASSWORD}@proxy:3128"


def lines(*texts):
    """A shell command that writes /etc/fstab."""
    return f"printf '%s\\n' {shlex.join(texts)} > /etc/fstab; chmod 0644 /etc/fstab"


BREAK = {
    "volumes": lines(ROOT, NAS, DATA, "/dev/vdc none swap sw"),
    "linked": f"{lines(ROOT, DATA)}; mv /etc/fstab /etc/real; ln -s real /etc/fstab",
    "mounted over": f"{lines(ROOT, DATA)}; cp /etc/fstab /run/f; mount --bind /run/f /etc/fstab",
    "proxy": f"{lines(ROOT, NAS)}; echo 'http_proxy={URL}' > /etc/environment",
    "clean": f"{lines(ROOT, NAS)}; echo 'http_proxy={URL}' > /etc/environment;"
    " echo 'no_proxy=localhost,169.254.0.0/16' >> /etc/environment",
}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """One host per state; yields the fleet and the host of each state."""
    require_guests()
    with fleet(len(BREAK), tmp_path_factory.mktemp("start") / "fleet") as made:
        names = {state: host.name for state, host in zip(BREAK, made.hosts, strict=True)}
        for state, name in names.items():
            ssh(made.root, name, BREAK[state])
        yield made, names


def test_what_keeps_an_instance_from_starting(hosts, tmp_path):
    made, names = hosts
    policy = write_policy(tmp_path / "policy.yaml", f"{SPACE}:", f"{FSTAB}:", f"{PROXY}:")
    audit = ["audit", "--policy", policy, "--inventory", made.inventory]

    def verdicts(ran, check):
        return {state: ran.verdicts()[name, check] for state, name in names.items()}

    before = imagegate(*audit, reports=tmp_path / "before")
    everywhere = dict.fromkeys(names, "pass")
    assert verdicts(before, SPACE) == everywhere, before.stdout
    assert verdicts(before, PROXY) == {**everywhere, "proxy": "fail"}
    assert verdicts(before, FSTAB) == {**everywhere, "volumes": "fail", "linked": "unknown", "mounted over": "fail"}
    found = before.finding(names["volumes"], FSTAB)
    assert [violation["subject"] for violation in found["violations"]] == ["/etc/fstab line 3", "/etc/fstab line 4"]

    fixed = imagegate(*audit, "--fix", "--fix-level", "disruptive", reports=tmp_path / "fix")
    states = {state: fixed.finding(name, FSTAB)["remedy"]["state"] for state, name in names.items()}
    assert states == {**dict.fromkeys(names, "none"), "volumes": "verified", "mounted over": "refused"}, fixed.stdout
    assert fixed.finding(names["proxy"], PROXY)["remedy"]["state"] == "manual"
    mark = "#imagegate# "
    now = ssh(made.root, names["volumes"], "cat /etc/fstab; stat -c '%a %u' /etc/fstab; ls -A /etc | grep imagegate || :")
    assert now.splitlines() == [ROOT, NAS, mark + DATA, f"{mark}/dev/vdc none swap sw", "644 0"]
    assert ssh(made.root, names["linked"], "cat /etc/real").splitlines() == [ROOT, DATA]

    ssh(made.root, names["proxy"], "echo 'export no_proxy=\"localhost 169.254.*\"' >> /etc/environment")
    after = imagegate(*audit, reports=tmp_path / "after")
    assert verdicts(after, PROXY) == everywhere
    assert verdicts(after, FSTAB) == {**everywhere, "linked": "unknown", "mounted over": "fail"}

    secrets = Secrets()
    secrets.plant("the password", PASSWORD)
    for ran in ("before", "fix", "after"):
        assert secrets.leaks_in_files(tmp_path / ran) == []
    assert secrets.leaks("stdout", before.stdout + fixed.stdout + after.stdout) == []


def test_recorded_facts_hold_no_password(hosts, tmp_path):
    made, names = hosts
    policy, facts = write_policy(tmp_path / "policy.yaml", f"{FSTAB}:", f"{PROXY}:"), tmp_path / "facts.jsonl"
    audit = ["audit", "--policy", policy, "--inventory", made.inventory, "--instance", names["clean"]]
    ran = imagegate(*audit, "--record-facts", facts, reports=tmp_path / "reports")
    assert ran.code == 0, ran.stdout
    assert "/etc/environment" in facts.read_text()
    assert PASSWORD not in facts.read_text()
    again = imagegate(
        *("audit", "--policy", policy, "--facts", facts, "--instance", names["clean"]), reports=tmp_path / "again"
    )
    assert again.verdicts() == ran.verdicts()


def test_a_disk_that_is_too_small_for_the_policy(hosts, tmp_path):
    made, names = hosts
    policy = write_policy(tmp_path / "policy.yaml", f"{SPACE}: {{min_kb: {2**40}}}")
    audit = ["audit", "--policy", policy, "--inventory", made.inventory, "--instance", names["clean"]]
    ran = imagegate(*audit, "--fix", reports=tmp_path / "reports")
    found = ran.finding(names["clean"], SPACE)
    assert (ran.code, found["verdict"], found["remedy"]["state"]) == (1, "fail", "manual")
    free = int(ssh(made.root, names["clean"], "df -kP / | awk 'NR == 2 {print $4}'"))
    told = int(found["violations"][0]["actual"].split()[0])
    assert abs(told - free) < 2**20, "others write meanwhile"
