"""The truth table of the contract for machine ids, row by row, against every state of the D-Bus file."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, ByHand, Fails, Fixes, Passes, Refuses, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import File, FileFact, FileKind, KernelOption, KernelOptionFact

ETC = File(path="/etc/machine-id", read=64, classify="machine-id")
DBUS = File(path="/var/lib/dbus/machine-id", read=64, classify="machine-id")
OPTION = KernelOption(name="systemd.machine_id")
USR_LIB, LIB = File(path="/usr/lib/systemd/systemd"), File(path="/lib/systemd/systemd")

ABSENT = FileFact(kind=FileKind.ABSENT)
PROGRAM = FileFact(kind=FileKind.REGULAR, size=100_000, mode="0755", uid=0, gid=0)
WISHED, LINKED = "an empty file", "absent, or a link to /etc/machine-id"
FIRST_BOOT = "`uninitialized` counts as a first boot: presets and ConditionFirstBoot units will run"
CHROOT = "not booted: the kernel command line was not looked at"
EMPTY_IT = ("empty /etc/machine-id", Level.DISRUPTIVE)
LINK_IT = ("replace /var/lib/dbus/machine-id by a link to /etc/machine-id", Level.DISRUPTIVE)
EDIT_BOOT = ("remove systemd.machine_id= from the boot loader's configuration and reboot", Level.MANUAL)


def holds(content: str, size: int = 33) -> FileFact:
    """A regular file of a class of content."""
    return FileFact(kind=FileKind.REGULAR, size=size, mode="0444", uid=0, gid=0, content=content, digest="d1")


def link(to: str, resolved: str | None = None) -> FileFact:
    """A link; ``resolved`` where it leads."""
    return FileFact(kind=FileKind.LINK, link_to=to, resolved=resolved or to, uid=0, gid=0)


def mounted(file: FileFact) -> FileFact:
    """The same file with something mounted over it."""
    return FileFact(kind=file.kind, size=file.size, content=file.content, mount_point=True)


EMPTY, UNINITIALIZED, ID = holds("empty", 0), holds("uninitialized", 14), holds("id")


def host(
    etc: FileFact = EMPTY,
    dbus: FileFact = ABSENT,
    option: str = "absent",
    *,
    systemd: FileFact = PROGRAM,
    lib: FileFact = ABSENT,
) -> Facts:
    """A host of which everything was seen."""
    return given({ETC: etc, DBUS: dbus, OPTION: KernelOptionFact(state=option), USR_LIB: systemd, LIB: lib})


HARMLESS = {
    "no D-Bus file": ABSENT,
    "an absolute link": link("/etc/machine-id"),
    "a relative link": link("../../../etc/machine-id", "/etc/machine-id"),
}
HARMFUL = {
    "an id": (ID, "a regular file: id"),
    "an empty file": (holds("empty", 0), "a regular file: empty"),
    "uninitialized": (UNINITIALIZED, "a regular file: uninitialized"),
    "a link elsewhere": (link("/run/id"), "a link to /run/id"),
    "a dangling link": (FileFact(kind=FileKind.LINK, link_to="gone"), "a link to gone"),
}
ODD_DBUS = {
    "a folder": (FileFact(kind=FileKind.DIRECTORY), "a directory", "a directory"),
    "a device": (FileFact(kind=FileKind.DEVICE), "a device", "a device"),
    "a bind mount": (mounted(ID), "a regular file: a mount point", "a mount point"),
    "a mounted link": (
        FileFact(kind=FileKind.LINK, link_to="x", resolved="/etc/machine-id", mount_point=True),
        "a mount point",
        "a mount point",
    ),
}
GOOD_ETC = {"empty": (EMPTY, None), "uninitialized": (UNINITIALIZED, FIRST_BOOT)}
BAD_CONTENT = ("id", "id-irregular", "zeros", "whitespace", "dash-n", "binary", "too-long", "other")
ODD_ETC = {
    "a link": (link("/run/machine-id"), "a link to /run/machine-id"),
    "a link to the D-Bus file": (link("/var/lib/dbus/machine-id"), "a link to /var/lib/dbus/machine-id"),
    "a folder": (FileFact(kind=FileKind.DIRECTORY), "a directory"),
    "a device": (FileFact(kind=FileKind.DEVICE), "a device"),
    "a pipe": (FileFact(kind=FileKind.FIFO), "a fifo"),
    "a socket": (FileFact(kind=FileKind.SOCKET), "a socket"),
    "an empty bind mount": (mounted(EMPTY), "a mount point"),
    "a bind mount with an id": (mounted(ID), "a mount point"),
}
NEVER_FOLLOWED = "look at who made it so; imagegate never follows it"
BELOW = "look at the file below the mount"
KNOWN = wrong("kernel command line", "no systemd.machine_id", "sets it")


def etc_is(actual: str, expected: str = WISHED, hint: str | None = None):
    """The violation of /etc/machine-id."""
    return wrong("/etc/machine-id", expected, actual, hint)


def dbus_is(actual: str):
    """The violation of the D-Bus file."""
    hint = "systemd takes an id from here when /etc/machine-id is empty"
    return wrong("/var/lib/dbus/machine-id", LINKED, actual, hint)


ROWS_THAT_PASS = [
    Passes(name=f"{etc}, {dbus}", seen=host(fact, file), note=note)
    for etc, (fact, note) in GOOD_ETC.items()
    for dbus, file in HARMLESS.items()
]
ROWS_WITH_BAD_DBUS = [
    Fails(name=f"{etc}, D-Bus has {dbus}", seen=host(fact, file), violations=(dbus_is(actual),), note=note)
    for etc, (fact, note) in GOOD_ETC.items()
    for dbus, (file, actual) in {**HARMFUL, **{name: odd[:2] for name, odd in ODD_DBUS.items()}}.items()
]
ROWS_WITH_BAD_ETC = [
    Fails(name=f"{content}, {dbus}", seen=host(holds(content), file), violations=(etc_is(content),))
    for content in BAD_CONTENT
    for dbus, file in HARMLESS.items()
]
ROWS_WITH_BOTH = [
    Fails(
        name=f"{content}, D-Bus has {dbus}",
        seen=host(holds(content), file),
        violations=(etc_is(content), dbus_is(actual)),
    )
    for content in BAD_CONTENT
    for dbus, (file, actual) in HARMFUL.items()
]
ROWS_MISSING = [
    Fails(name=f"missing, {dbus}", seen=host(ABSENT, file), violations=(etc_is("missing"),))
    for dbus, file in HARMLESS.items()
] + [
    Fails(name=f"missing, D-Bus has {dbus}", seen=host(ABSENT, file), violations=(etc_is("missing"), dbus_is(actual)))
    for dbus, (file, actual) in HARMFUL.items()
]
ROWS_ODD = [
    Fails(
        name=f"{odd}, {dbus}",
        seen=host(fact, file),
        violations=(etc_is(actual, hint=BELOW if fact.mount_point else NEVER_FOLLOWED), *found),
    )
    for odd, (fact, actual) in ODD_ETC.items()
    for dbus, file, found in (
        ("no D-Bus file", ABSENT, ()),
        ("a link", link("/etc/machine-id"), ()),
        ("D-Bus has an id", ID, (dbus_is("a regular file: id"),)),
    )
]
ROWS_ACCEPT = [
    *(
        Passes(name=f"missing is accepted, {dbus}", seen=host(ABSENT, file), want={"accept": ["empty", "missing"]})
        for dbus, file in HARMLESS.items()
    ),
    *(
        Fails(
            name=f"missing is accepted, but D-Bus has {dbus}",
            seen=host(ABSENT, file),
            want={"accept": ["empty", "missing"]},
            violations=(dbus_is(actual),),
        )
        for dbus, (file, actual) in HARMFUL.items()
    ),
    Fails(
        name="uninitialized is not accepted",
        seen=host(UNINITIALIZED),
        want={"accept": ["empty"]},
        violations=(etc_is("uninitialized"),),
    ),
    Fails(
        name="missing is accepted, an id is not",
        seen=host(ID),
        want={"accept": ["empty", "missing"]},
        violations=(etc_is("id"),),
    ),
    Fails(
        name="empty is not accepted",
        seen=host(EMPTY),
        want={"accept": ["uninitialized"]},
        violations=(etc_is("empty", "uninitialized"),),
    ),
]
ROWS_OF_THE_KERNEL = [
    *(
        Fails(
            name=f"{etc}, {dbus}, but the kernel sets an id",
            seen=host(fact, file, "present"),
            violations=(KNOWN,),
            note=note,
        )
        for etc, (fact, note) in GOOD_ETC.items()
        for dbus, file in HARMLESS.items()
    ),
    Fails(
        name="all three at once",
        seen=host(ID, ID, "present"),
        violations=(etc_is("id"), dbus_is("a regular file: id"), KNOWN),
    ),
    Passes(name="chroot: empty", seen=host(option="not-booted"), note=CHROOT),
    Passes(
        name="chroot: uninitialized",
        seen=host(UNINITIALIZED, option="not-booted"),
        note=f"{FIRST_BOOT}; {CHROOT}",
    ),
    Fails(
        name="chroot: an id",
        seen=host(ID, option="not-booted"),
        violations=(etc_is("id"),),
        note=CHROOT,
    ),
]

FIXED = [
    *(
        Fixes(name=f"{content} is emptied, {dbus}", seen=host(holds(content), file), steps=(EMPTY_IT,))
        for content in BAD_CONTENT
        for dbus, file in HARMLESS.items()
    ),
    *(
        Fixes(name=f"an id is emptied after D-Bus, which has {dbus}", seen=host(ID, file), steps=(LINK_IT, EMPTY_IT))
        for dbus, (file, _) in HARMFUL.items()
    ),
    *(
        Fixes(name=f"empty, D-Bus has {dbus}: only D-Bus", seen=host(EMPTY, file), steps=(LINK_IT,))
        for dbus, (file, _) in HARMFUL.items()
    ),
    Fixes(name="uninitialized stays, D-Bus is mended", seen=host(UNINITIALIZED, ID), steps=(LINK_IT,)),
    Fixes(name="a missing one is made", seen=host(ABSENT), steps=(EMPTY_IT,)),
    Fixes(name="a missing one is made after D-Bus", seen=host(ABSENT, ID), steps=(LINK_IT, EMPTY_IT)),
    Fixes(
        name="a missing one stays where it is accepted",
        seen=host(ABSENT, ID),
        want={"accept": ["empty", "missing"]},
        steps=(LINK_IT,),
    ),
    Fixes(name="not accepted: uninitialized", seen=host(UNINITIALIZED), want={"accept": ["empty"]}, steps=(EMPTY_IT,)),
    Fixes(name="in a chroot", seen=host(ID, ID, "not-booted"), steps=(LINK_IT, EMPTY_IT)),
    Fixes(name="systemd is in /lib only", seen=host(ID, systemd=ABSENT, lib=PROGRAM), steps=(EMPTY_IT,)),
]
BY_HAND = [
    ByHand(
        name="the kernel's option is for a person",
        seen=host(option="present"),
        steps=(EDIT_BOOT,),
        left=("kernel command line",),
    ),
    ByHand(
        name="the files are mended, the option is for a person",
        seen=host(ID, ID, "present"),
        steps=(LINK_IT, EMPTY_IT, EDIT_BOOT),
        left=("kernel command line",),
    ),
]
NO_SYSTEMD = "the host has no systemd: nothing would fill an empty id, D-Bus may not start"
REFUSED = [
    *(
        Refuses(name=f"/etc/machine-id is {odd}", seen=host(fact), reasons=(f"/etc/machine-id is {actual}",))
        for odd, (fact, actual) in ODD_ETC.items()
    ),
    *(
        Refuses(name=f"the D-Bus file is {odd}", seen=host(ID, fact), reasons=(f"/var/lib/dbus/machine-id is {short}",))
        for odd, (fact, _, short) in ODD_DBUS.items()
    ),
    Refuses(name="no systemd", seen=host(ID, systemd=ABSENT), reasons=(NO_SYSTEMD,)),
    Refuses(
        name="whether there is systemd was not seen",
        seen=host(ID).without(USR_LIB, "permission denied"),
        reasons=("file:/usr/lib/systemd/systemd could not be seen: permission denied",),
    ),
    Refuses(
        name="the policy does not accept what the fix makes",
        seen=host(ID, ID),
        want={"accept": ["uninitialized"]},
        reasons=("the fix makes an empty file, which the policy does not accept",),
    ),
]

TABLE = Table(
    "linux-machine-id-reset",
    (
        *ROWS_THAT_PASS,
        *ROWS_WITH_BAD_DBUS,
        *ROWS_WITH_BAD_ETC,
        *ROWS_WITH_BOTH,
        *ROWS_MISSING,
        *ROWS_ODD,
        *ROWS_ACCEPT,
        *ROWS_OF_THE_KERNEL,
        *FIXED,
        *BY_HAND,
        *REFUSED,
        BadParams(name="accept nothing", want={"accept": []}, message="at least 1 item"),
        BadParams(name="accept an id", want={"accept": ["id"]}, message="'empty', 'uninitialized' or 'missing'"),
        BadParams(name="a misspelt parameter", want={"acept": ["empty"]}, message="Extra inputs"),
    ),
    wants=st.fixed_dictionaries(
        {"accept": st.lists(st.sampled_from(("empty", "uninitialized", "missing")), min_size=1, max_size=3)}
    ),
)

test_case, test_table_is_complete = TABLE.tests()


def test_the_steps_say_what_must_follow_on_a_live_host_and_nothing_in_a_chroot():
    plan = TABLE.subject.plan
    want = TABLE.subject.params()
    [live] = plan(host(ID), want)
    [offline] = plan(host(ID, option="not-booted"), want)
    assert live.then == "stop the instance before it is captured, or reboot it: it then gets a new id"
    assert offline.then is None


def test_no_content_of_an_id_file_is_part_of_any_message():
    """The digest is there for comparing; neither it nor the size may be printed."""
    said = [*TABLE.subject.evaluate(host(ID, ID), TABLE.subject.params())]
    assert "d1" not in repr(said)
    assert "33" not in repr(said)
