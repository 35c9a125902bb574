"""What the tests of the engine share: a guest with two files, the checks they judge, and what the engine found."""

from tests.checks.harness import catalogue
from tests.checks.world import (
    a_file,
    full,
    instance,
    server,
    toy,
)  # fmt: skip

from imagegate.probes import SERVER

A, B = a_file("/a"), a_file("/b")
TOY = toy()
STOPPED, PROTECTED, ALLOWED, VISIBLE = (
    catalogue().checks[name]
    for name in (
        "capture-instance-stopped", "catalog-image-protected", "catalog-members-allowed", "catalog-visibility-allowed"
    )
)  # fmt: skip


def a_guest(world, name="web", file=None, **change):
    """An instance with a running server and a file."""
    return world.add(instance(name), {SERVER: server(name, **change), A: file or full(), B: full()})


def finding(machine, check, target):
    """What the engine found."""
    return machine.findings[check.id, target.key]


def remedy(machine, check, target):
    """State and reason of a remedy."""
    found = finding(machine, check, target).remedy
    return found.state, found.reason
