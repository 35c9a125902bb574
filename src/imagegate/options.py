"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagegate.errors import UsageError
from imagegate.model import Level, Severity

Clouds = Mapping[str, tuple[str, ...] | None]
"""Cloud names, each with its regions; None for all regions that its service catalog has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked to do; the command line's options of the same names say more.

    ``command`` is ``gate`` or ``audit``; ``images`` are ids of images that an audit is narrowed to.
    ``fix_level`` None means no ``--fix``. ``report_dir`` None keeps nothing on
    disk; ``formats`` are forms of the report beside those that are always written, ``language`` is that of their
    words.
    ``baseline`` is the run to compare with (``latest``: the last complete one of the same policy and command), None for
    no comparison; ``fail_on_new`` lets fails that stood there pass. ``keep_runs`` and ``keep_days`` say which runs are
    kept after this one; None, None: all. ``roots`` are folders of checks; empty means those that came with imagegate.
    """

    command: str
    policy: Path
    clouds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    inventory: Path | None = None
    instances: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    check_ids: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    checks_dirs: tuple[Path, ...] = ()
    record_facts: Path | None = None
    facts: Path | None = None
    fix_level: Level | None = None
    report_dir: Path | None = None
    formats: tuple[str, ...] = ()
    language: str = "en"
    look_workers: int = 32
    look_timeout_s: float = 60.0
    lock_timeout_s: float = 60.0
    catalog_timeout_s: float = 600.0
    fail_on: Severity = Severity.LOW
    max_unknown: int = 0
    baseline: str | None = None
    fail_on_new: bool = False
    keep_runs: int | None = None
    keep_days: int | None = None


def wanted_clouds(options: Options, scope: Clouds | None, default: str | None) -> dict[str, tuple[str, ...] | None]:
    """The clouds and regions to look at.

    ``--cloud`` picks from, or adds to, the policy's ``scope``; without either, ``default`` (what ``OS_*`` variables
    describe) is used. ``--region`` narrows; a region outside the policy's raises ``UsageError``.
    """
    clouds: dict[str, tuple[str, ...] | None]
    if options.clouds:
        clouds = {name: (scope or {}).get(name) for name in options.clouds}
    elif scope:
        clouds = dict(scope)
    else:
        clouds = {} if default is None else {default: None}
    if not options.regions:
        return clouds
    if not clouds:
        raise UsageError("--region needs a cloud: use --cloud NAME")
    named = {region.casefold() for region in options.regions}
    if all(regions is not None for regions in clouds.values()):
        allowed = sorted({region for regions in clouds.values() for region in regions or ()})
        outside = [r for r in options.regions if r.casefold() not in {region.casefold() for region in allowed}]
        if outside:
            raise UsageError(f"--region {outside[0]}: the policy's scope has {', '.join(allowed)}")
    return {
        name: options.regions if regions is None else tuple(r for r in regions if r.casefold() in named)
        for name, regions in clouds.items()
    }


def narrows(clouds: Clouds, scope: Clouds | None) -> bool:
    """Whether ``clouds`` leaves out some of the policy's ``scope``: such a run is a part of an audit."""
    for name, regions in (scope or {}).items():
        left = clouds.get(name, ())
        if left is not None and (regions is None or {r.casefold() for r in regions} - {r.casefold() for r in left}):
            return True
    return False
