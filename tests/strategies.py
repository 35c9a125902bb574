"""Hypothesis strategies for every type of fact, for facts of a check, and for what a policy grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.strategies_windows import (
    accounts,
    answer_files,
    appx,
    commands,
    consoles,
    origins,
    rearms,
    registries,
    services,
    spaces,
    tasks_seen,
    windows,
    windows_files,
)
from tests.strategies_words import days, foreign, maybe, moments, numbers, pairs_of_text, times

from imagegate import probes
from imagegate.errors import Owner
from imagegate.model import Check, Facts, Kind, Level, Observation, Probe, Seen, Target, Unseen
from imagegate.plan import Grant
from imagegate.probes import FileKind

PROJECTS = ("p-owner", "p-prod", "p-stage", "p-old", "p-gone", "12345678901234567890123456789012")
PATHS = ("/etc/machine-id", "/var/lib/dbus/machine-id", "/tmp", "/", "relative", "")

files = st.builds(
    probes.FileFact,
    kind=st.sampled_from(FileKind),
    size=st.none() | numbers,
    mode=st.none() | st.sampled_from(("0444", "0644", "4755")),
    uid=st.none() | numbers,
    gid=st.none() | numbers,
    link_to=st.none() | st.sampled_from(PATHS) | foreign,
    resolved=st.none() | st.sampled_from(PATHS) | foreign,
    mount_point=st.booleans(),
    content=st.none()
    | st.sampled_from(
        ("empty", "uninitialized", "missing", "id", "id-irregular", "zeros", "whitespace", "binary", "dash-n")
    )
    | foreign,
    digest=maybe,
)
kernel_options = st.builds(probes.KernelOptionFact, state=st.sampled_from(("absent", "present", "not-booted")))
servers = st.builds(
    probes.ServerFact,
    id=foreign,
    name=foreign,
    status=st.sampled_from(("ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SHELVED_OFFLOADED", "active")) | foreign,
    power_state=st.none() | st.sampled_from((0, 1, 3, 4, 6, 7)) | numbers,
    task_state=st.none() | st.sampled_from(("powering-off", "image_snapshot")) | st.text(min_size=1, max_size=9),
    vm_state=maybe,
    flavor_id=maybe,
    flavor_name=maybe,
    image_id=maybe,
    created=maybe,
    updated=maybe,
    launched_at=maybe,
    locked=st.none() | st.booleans(),
    protected=st.none() | st.booleans(),
    metadata=pairs_of_text,
)
flavors = st.builds(probes.FlavorFact, id=maybe, name=foreign, type=st.sampled_from(("u2", "m2", "c2")) | maybe)
images = st.builds(
    probes.ImageFact,
    id=foreign,
    name=foreign,
    owner=st.sampled_from(PROJECTS) | foreign,
    mine=st.booleans(),
    status=st.sampled_from(("active", "queued", "deleted", "pending_delete", "deactivated")) | foreign,
    visibility=st.sampled_from(("private", "shared", "public", "community")) | foreign,
    protected=st.booleans(),
    size=st.none() | numbers,
    min_disk=st.none() | numbers,
    min_ram=st.none() | numbers,
    checksum=maybe,
    created_at=maybe,
    updated_at=maybe,
    tags=st.lists(foreign, max_size=3).map(tuple),
    properties=pairs_of_text,
)
members = st.builds(
    probes.MembersFact,
    members=st.lists(
        st.builds(
            probes.Member,
            project=st.sampled_from(PROJECTS) | foreign,
            status=st.sampled_from(("accepted", "pending", "rejected")) | foreign,
            since=times,
        ),
        max_size=5,
    ).map(tuple),
)
memberships = st.builds(
    probes.MembershipFact,
    members=members.map(lambda fact: fact.members),
)
member_projects = st.builds(
    probes.MemberProjectsFact, missing=st.lists(st.sampled_from(PROJECTS) | foreign, max_size=3).map(tuple)
)
namesakes = st.builds(probes.NamesakesFact, images=st.lists(foreign, max_size=3).map(tuple))
generations = st.builds(probes.GenerationsFact, newer=st.integers(0, 4) | numbers, newest=maybe)
contents = st.builds(
    probes.Content,
    size=st.sampled_from((1024, 2048, 0, None)),
    checksum=st.sampled_from(("c1", "C1", "c2", "", None)),
    hash_algo=st.sampled_from(("sha512", None)),
    hash_value=st.sampled_from(("h1", "h2", None)),
    disk_format=maybe,
    container_format=maybe,
)
of_copies = pairs_of_text | st.dictionaries(
    st.sampled_from(("source_image_id", "imagegate_copying", "nhncloud_allow_download", "token", "instance_uuid")),
    st.sampled_from(("", "false", "0000-1111")) | foreign,
).map(lambda said: tuple(sorted(said.items())))
copies = st.builds(
    probes.CopiesFact,
    home=st.sampled_from(("KR1", "KR2", "kr2")),
    source=contents,
    images=st.lists(
        st.builds(
            probes.Copy,
            image=st.builds(
                replace, images, status=st.sampled_from(("active", "queued", "saving", "killed")), properties=of_copies
            ),
            content=contents,
            how=st.sampled_from(("declared", "link", "checksum", "name")),
            members=st.none() | members.map(lambda fact: fact.members),
        ),
        max_size=3,
    ).map(tuple),
    origin=st.none() | contents,
)
source_images = st.builds(
    probes.SourceImageFact, image_id=maybe, image=st.none() | images, hidden=st.booleans(), gone=maybe, current=maybe
)
disk_spaces = st.builds(probes.DiskSpaceFact, free_kb=st.integers(0, 300) | numbers)
disk_uses = st.builds(probes.DiskUseFact, used_kb=numbers, size_kb=numbers)
fstab_entries = st.lists(
    st.builds(
        probes.FstabEntry,
        line=st.integers(1, 9),
        device=st.sampled_from(("disk", "removable", "file", "bind", "network", "pseudo", "other")),
        mount_point=st.sampled_from(("/", "/boot", "/data", "none")) | foreign,
        swap=st.booleans(),
        nofail=st.booleans(),
        noauto=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda entry: entry.line,
).map(lambda entries: tuple(sorted(entries, key=lambda entry: entry.line)))


@st.composite
def _fstabs(draw: st.DrawFn) -> probes.FstabFact:
    """Each line of a file is in force or parked, and the lines of both are in the file's order."""
    lines = [(entry, draw(st.booleans())) for entry in draw(fstab_entries)]
    return probes.FstabFact(
        kind=draw(st.sampled_from(FileKind)),
        mounted_over=draw(st.booleans()),
        entries=tuple(entry for entry, parked in lines if not parked),
        parked=tuple(entry for entry, parked in lines if parked),
    )


fstabs = _fstabs()
proxies = st.builds(
    probes.ProxyFact,
    files=st.lists(
        st.builds(
            probes.ProxyFile,
            path=st.sampled_from(("/etc/environment", "/etc/profile.d/proxy.sh", "/etc/systemd/system.conf"))
            | foreign.map("/".__add__),
            proxy=st.booleans(),
            bypass=st.sampled_from(("unset", "none", "address", "network")),
        ),
        max_size=4,
    ).map(tuple),
)
waivers = st.builds(
    probes.WaiversFact,
    waivers=st.lists(
        st.builds(
            probes.WaiverUse,
            what=st.sampled_from(("waiver", "attestation")),
            check=foreign,
            until=days,
            used=st.integers(0, 3),
            matches=st.integers(0, 30),
            line=st.integers(1, 9),
        ),
        max_size=4,
    ).map(tuple),
    complete=st.booleans(),
    most=st.integers(0, 20),
)

#: A strategy for what each type of probe sees; tests prove that no type is left out.
FACTS: Mapping[type[Probe[Any]], st.SearchStrategy[Any]] = {
    probes.CopiesProbe: copies,
    probes.DiskSpace: disk_spaces,
    probes.DiskUse: disk_uses,
    probes.File: files,
    probes.FlavorProbe: flavors,
    probes.FstabProbe: fstabs,
    probes.AccountsProbe: accounts,
    probes.AnswerFile: answer_files,
    probes.AppxProbe: appx,
    probes.ConsoleBox: consoles,
    probes.FreeSpace: spaces,
    probes.GenerationsProbe: generations,
    probes.ImageProbe: images,
    probes.KernelOption: kernel_options,
    probes.MemberProjectsProbe: member_projects,
    probes.MembersProbe: members,
    probes.MembershipProbe: memberships,
    probes.OriginImageProbe: origins,
    probes.RearmProbe: rearms,
    probes.Registry: registries,
    probes.NamesakesProbe: namesakes,
    probes.ProxyProbe: proxies,
    probes.ServerProbe: servers,
    probes.SourceImageProbe: source_images,
    probes.Service: services,
    probes.ShellCommand: commands,
    probes.TasksOf: tasks_seen,
    probes.WaiversProbe: waivers,
    probes.WindowsFile: windows_files,
    probes.WindowsProbe: windows,
}

all_probes: st.SearchStrategy[Probe[Any]] = st.one_of(
    st.builds(
        probes.File,
        path=foreign,
        read=st.integers(0, 2**20),
        classify=st.sampled_from((None, "machine-id")),
    ),
    st.builds(probes.KernelOption, name=foreign),
    st.builds(
        probes.CopiesProbe,
        region=foreign,
        link=foreign,
        linked=st.booleans(),
        checksum=st.booleans(),
        named=st.booleans(),
        name=maybe,
        declared=pairs_of_text,
        members=st.booleans(),
    ),
    st.builds(probes.DiskSpace, path=foreign),
    st.builds(probes.DiskUse, path=foreign),
    st.builds(probes.FstabProbe, path=foreign),
    st.builds(probes.ProxyProbe, files=st.lists(foreign, max_size=3).map(tuple)),
    st.builds(probes.Registry, path=foreign, name=maybe),
    st.builds(probes.WindowsFile, path=foreign, sha256=st.booleans(), tail=st.integers(0, 2**16)),
    st.builds(probes.AnswerFile, path=foreign),
    st.builds(probes.FreeSpace, drive=foreign),
    st.builds(probes.TasksOf, program=foreign),
    *(st.builds(named, name=foreign) for named in (probes.ConsoleBox, probes.Service, probes.ShellCommand)),
    st.builds(probes.NamesakesProbe, name=maybe),
    st.builds(probes.GenerationsProbe, generation=maybe),
    st.sampled_from(
        (
            probes.ACCOUNTS, probes.APPX, probes.FLAVOR, probes.GENERATIONS, probes.IMAGE, probes.MEMBER_PROJECTS,
            probes.MEMBERS, probes.MEMBERSHIP, probes.NAMESAKES, probes.ORIGIN, probes.REARM, probes.SERVER,
            probes.SOURCE_IMAGE, probes.WAIVERS, probes.WINDOWS,
        )
    ),
)
owners = st.sampled_from(Owner)
unseen = st.builds(Unseen, reason=foreign, at=moments, owner=owners)


def seen(probe: Probe[Any]) -> st.SearchStrategy[Seen[Any]]:
    """Successful looks of a probe."""
    return st.builds(Seen, value=FACTS[type(probe)], at=moments, origin=maybe)


@st.composite
def facts_of(draw: st.DrawFn, probes_: Iterable[Probe[Any]], may_miss: Iterable[Probe[Any]] = ()) -> Facts:
    """Facts of all ``probes_`` and some of ``may_miss``; the rest of these is unseen or was not looked at."""
    observations: dict[Probe[Any], Observation] = {probe: draw(seen(probe)) for probe in probes_}
    for probe in may_miss:
        look = draw(st.one_of(seen(probe), unseen, st.none()))
        if look is not None:
            observations[probe] = look
    image = observations.get(probes.IMAGE)
    if isinstance(image, Seen) and image.value.visibility != "shared" and probes.MEMBERS in observations:
        known = observations[probes.MEMBERS]  # the image API has no members for an image that is not shared
        if isinstance(known, Seen):
            observations[probes.MEMBERS] = replace(known, value=probes.MembersFact(members=()))
    return Facts(observations, draw(moments))


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    """Facts of any probes."""
    return draw(facts_of((), draw(st.lists(all_probes, max_size=5, unique=True))))


@st.composite
def grants(draw: st.DrawFn, check: Check, target: Target) -> Grant:
    """What a command line and a policy may grant; names that fit are as likely as names that do not."""
    return Grant(
        level=draw(st.none() | st.sampled_from((Level.SAFE, Level.DISRUPTIVE, Level.DESTRUCTIVE))),
        ceiling=draw(st.sampled_from((Level.SAFE, Level.DISRUPTIVE, Level.DESTRUCTIVE))),
        never=frozenset(draw(st.sets(st.sampled_from((check.id, "another-check-here"))))),
        named_checks=frozenset(draw(st.sets(st.sampled_from((check.id, "another-check-here"))))),
        named_targets=frozenset(draw(st.sets(st.sampled_from((target.id, target.name, "another"))))),
    )


targets = st.builds(
    Target,
    kind=st.sampled_from(Kind),
    id=foreign,
    name=foreign,
    cloud=maybe,
    region=maybe,
    owner=maybe,
    guest=maybe,
    attributes=st.dictionaries(foreign, st.frozensets(foreign, max_size=3), max_size=3),
    unseen=st.frozensets(foreign, max_size=3),
)

#: For tests whose examples take their time: no law depends on how fast this machine is.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

#: For laws that are cheap to try and easy to miss.
thorough = settings(patient, max_examples=400)
