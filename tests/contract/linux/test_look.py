"""What one exchange over real OpenSSH sees, through whatever noise the guest makes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.contract.linux.scene import ID, OPTION, empty, host, look, masters, reason, target

from imagegate.errors import Owner, StepError
from imagegate.inventory import Host, Inventory, Via
from imagegate.model import Kind, Level, Phase, Target
from imagegate.probes.disk import DiskSpace
from imagegate.probes.file import FileKind
from imagegate.probes.fstab import FstabProbe
from imagegate.probes.proxy import ProxyProbe
from imagegate.steps.fstab import CommentFstab
from imagegate.transports.linux import LinuxTransport

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")]


def test_looks_mends_and_looks_again(site, make, identity) -> None:
    transport = make(host(site, site.server()))
    before = look(transport, identity, OPTION)
    fact = before[identity]
    assert (fact.kind, fact.content, fact.size, fact.mode) == (FileKind.REGULAR, "id", 33, "0644")
    assert before[OPTION].state == "absent"
    assert ID.strip() not in repr(before)
    assert not masters(transport)

    fresh = look(transport, identity)
    assert fresh[identity] == fact
    transport.apply(target(), empty(identity), fresh, timeout_s=20)
    after = look(transport, identity)
    assert empty(identity).done(after)
    assert after[identity] == empty(identity).simulate(fresh)[identity]
    assert len(masters(transport)) == 1

    transport.close()
    transport.close()
    for _ in range(50):
        if not masters(transport):
            break
        time.sleep(0.02)
    assert not masters(transport)


def test_another_run_cannot_compare_digests(site, make, identity) -> None:
    server = site.server()
    one = look(make(host(site, server)), identity)[identity]
    other = LinuxTransport(Inventory(hosts={"web-01": host(site, server)}), b"z" * 32)
    assert look(other, identity)[identity].digest != one.digest
    other.close()


NOISE = """#!/bin/sh
printf 'Last login: yesterday'
echo 'ig00000000000000000000000000000000 0 - end 0 '
cat /usr/bin/env
echo "noise on stderr: Connection refused" >&2
{run}
printf '\\nbye, ig00000000000000000000000000000000 1 - end 0 '
cat /usr/bin/env
"""


@pytest.mark.parametrize(
    "run",
    ['/bin/sh -c "$SSH_ORIGINAL_COMMAND"', 'tee /dev/stderr | /bin/sh -c "$SSH_ORIGINAL_COMMAND"'],
    ids=["before-and-after", "echo"],
)
def test_noise_changes_nothing(site, make, identity, run: str) -> None:
    noisy = site.folder / "noisy"
    noisy.write_text(NOISE.format(run=run))
    noisy.chmod(0o755)
    banner = site.folder / "banner"
    banner.write_text("Authorised use only\nig0 0 - end 0 \n" * 50)
    quiet = look(make(host(site, site.server())), identity)[identity]
    transport = make(host(site, site.server(f"ForceCommand {noisy}\nBanner {banner}")))
    assert look(transport, identity)[identity] == quiet


def test_flood_ends_at_the_cap(site, make, identity) -> None:
    transport = make(host(site, site.server("ForceCommand yes")))
    assert reason(look(transport, identity), identity).startswith("web-01: it sent more than 4 MiB")


def test_login_shell_that_runs_nothing(site, make, identity) -> None:
    transport = make(host(site, site.server("ForceCommand echo 'Please login as the user ubuntu'; exit 142")))
    said = reason(look(transport, identity), identity)
    assert said == (
        "web-01: the login shell did not run our command (exit code 142; it said: Please login as the user ubuntu)"
    )


def test_exit_code_255_is_no_transport_failure(site, make, identity) -> None:
    transport = make(host(site, site.server('ForceCommand /bin/sh -c "$SSH_ORIGINAL_COMMAND"; exit 255')))
    assert look(transport, identity)[identity].content == "id"


def test_this_machine(make, identity, site) -> None:
    transport = make(Host(name="here", address="here", transport=Via.LOCAL))
    facts = look(transport, identity, OPTION, name="here")
    assert (facts[identity].content, facts[OPTION].state) == ("id", "absent")


def test_a_guest_that_the_inventory_does_not_name(make, identity, site) -> None:
    transport = make(Host(name="here", address="here", transport=Via.LOCAL))
    facts = transport.look(Target(kind=Kind.INSTANCE, id="x", name="x"), [identity], timeout_s=1, fresh=True)
    assert reason(facts, identity) == "x: no inventory entry tells how to reach it"
    assert facts.observation(identity).owner is Owner.USER


def test_close_gives_up_what_is_under_way(site, make, identity) -> None:
    transport = make(host(site, site.server("ForceCommand sleep 60")))
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look, transport, identity, timeout_s=60)
        time.sleep(0.7)
        transport.close()
        assert reason(looking.result(timeout=3), identity) == "web-01: the run was interrupted"
    assert reason(look(transport, identity), identity) == "web-01: the run was interrupted"


def test_lines_space_and_proxies_in_one_exchange(site, make, tmp_path) -> None:
    (tmp_path / "fstab").write_text("/dev/vda1 / ext4\n//nas/x /mnt cifs password=hunter2\n/dev/vdb1 /data ext4\n")
    (tmp_path / "environment").write_text("http_proxy=http://user:hunter2@proxy\nno_proxy=169.254.169.254\n")
    fstab, proxy = FstabProbe(path=f"{tmp_path}/fstab"), ProxyProbe(files=(f"{tmp_path}/env*",))
    transport = make(host(site, site.server()))
    facts = look(transport, fstab, DiskSpace(), proxy)
    assert [(one.line, one.device) for one in facts[fstab].entries] == [(1, "disk"), (2, "network"), (3, "disk")]
    assert facts[DiskSpace()].free_kb > 0
    assert [(one.proxy, one.bypass) for one in facts[proxy].files] == [(True, "address")]
    assert "hunter2" not in repr([facts[probe] for probe in facts])

    said = {"subject": "x", "summary": "x", "level": Level.DISRUPTIVE, "phase": Phase.CONTENT, "why": "test"}
    comment = CommentFstab(fstab=fstab, lines=((3, "/data"),), **said)
    transport.apply(target(), comment, facts, timeout_s=20)
    after = look(transport, fstab)
    assert comment.done(after)
    assert after[fstab] == comment.simulate(facts)[fstab]
    with pytest.raises(StepError, match=r"line 3 of .*/fstab is another by now") as refused:
        transport.apply(target(), comment, facts, timeout_s=20)
    assert not refused.value.changed
    transport.apply(target(), replace(comment, commented=False), after, timeout_s=20)
    assert look(transport, fstab)[fstab] == facts[fstab]
