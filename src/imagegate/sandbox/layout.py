"""The names in a sandbox: services, regions, projects, flavors, and which folder holds what."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from imagegate.sandbox.errors import SandboxUsageError

REGIONS = ("KR1", "KR2")
NOVA_REGION = "KR1"
GLANCES = {f"glance-{region}": region for region in REGIONS}
IMAGE_SERVICES = ("keystone", *GLANCES)
ALL_SERVICES = (*IMAGE_SERVICES, "placement", "neutron", "nova")
"""The services that are started unless others are named, in the order of their dependencies."""
BLOCK_STORAGE = "cinder"
EVERY_SERVICE = (*ALL_SERVICES, BLOCK_STORAGE)
"""All services that there are: block storage is started for whoever asks for it, or for a guest on a volume."""

OWNER = "golden"
PROJECTS = (OWNER, "web-prod", "web-stage")
"""Each project has one user of the same name."""
ADMIN = "admin"

FLAVORS = (
    ("u2.c1m2", 1, 2048, 20),
    ("m2.c1m2", 1, 2048, 0),
    ("c2.c2m4", 2, 4096, 0),
    ("t2.c1m1", 1, 1024, 0),
    ("zz.special", 1, 512, 1),
)
"""Name, virtual CPUs, MiB of memory, GiB of disk."""

_NEEDS = {
    "nova": ("keystone", f"glance-{NOVA_REGION}", "placement", "neutron"),
    "placement": ("keystone",),
    BLOCK_STORAGE: ("keystone", f"glance-{NOVA_REGION}"),
}

MARKER = ".imagegate-sandbox"
"""A folder without this file is never removed."""

STATE = "state.json"
SECRETS = "secrets.json"


def with_dependencies(wanted: Collection[str]) -> tuple[str, ...]:
    """The services to start so that the wanted ones work, in order."""
    unknown = sorted(set(wanted) - set(EVERY_SERVICE))
    if unknown or not wanted:
        named = ", ".join(unknown) or "(none named)"
        message = f"No such sandbox services: {named}; there are {', '.join(EVERY_SERVICE)}."
        raise SandboxUsageError(message)
    needed = set(wanted)
    for name in wanted:
        needed.update(_NEEDS.get(name, ("keystone",)))
    return tuple(name for name in EVERY_SERVICE if name in needed)


def databases(service: str) -> tuple[str, ...]:
    """The database files of a service, by name."""
    if service in GLANCES:
        return ("glance",)
    several = {"nova": ("nova_api", "nova", "nova_cell0")}
    return several.get(service, () if service == "neutron" else (service,))


def database_file(root: Path, service: str, name: str) -> Path:
    """Where a database is."""
    return root / service / f"{name}.sqlite"


def database_url(root: Path, service: str, name: str) -> str:
    """How SQLAlchemy is told where a database is."""
    return f"sqlite:///{database_file(root, service, name)}?timeout=60"


def image_store(root: Path, service: str) -> Path:
    """Where a Glance keeps its images' data."""
    return root / service / "images"
