"""Every AppX package that somebody installed is provisioned for all users.

Why it matters
--------------
Sysprep stops at the first package that was installed for one user and is not provisioned for all ("was installed for
a user, but not provisioned for all users"), and leaves an installation half generalised. A Store program that a user
updated by hand is enough.

Passes when
-----------
Each package that a user has is provisioned for all users, a framework, part of Windows, or allowed by ``allow``.
Versions of Windows without AppX pass.

Fix
---
Remove each of the others for all users. DISRUPTIVE: whoever used the program loses it.

References
----------
Microsoft, "Sysprep fails after you remove or update Microsoft Store apps that include built-in Windows images"
(KB 2769827); actions/runner-images issue 14499.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydantic import Field

from imagegate import (
    Check, Facts, Fix, Kind, Level, Note, Params, Phase, Refusal, Severity, Step, Violation, steps,
)  # fmt: skip
from imagegate.probes import APPX, AppxPackage


class Wanted(Params):
    """What the policy can say."""

    allow: list[str] = Field(
        default=[], description="Names of packages that may stay (`Contoso.*`); sysprep may stop at them all the same."
    )


def allowed(package: AppxPackage, want: Wanted) -> bool:
    """Whether the policy lets it stay."""
    return any(fnmatchcase(package.name, pattern) for pattern in want.allow)


def disturbing(seen: Facts) -> list[AppxPackage]:
    """The packages at which sysprep stops."""
    return [
        package
        for package in seen[APPX].packages
        if package.users > 0 and not (package.provisioned or package.framework or package.system)
    ]


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Judge each package."""
    if not seen[APPX].supported:
        yield Note(text="this version of Windows has no AppX packages")
    for package in disturbing(seen):
        if allowed(package, want):
            yield Note(text=f"allowed by the policy, though sysprep may stop at it: {package.full_name}")
        else:
            yield Violation(
                subject=f"package {package.full_name}", expected="provisioned for all users, or removed",
                actual=f"installed for {package.users} of them only",
            )  # fmt: skip


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Remove what is neither provisioned nor allowed."""
    for package in disturbing(seen):
        if not allowed(package, want):
            yield steps.RemoveAppxPackage(
                full_name=package.full_name, subject=package.full_name, phase=Phase.CONTENT, level=Level.DISRUPTIVE,
                summary=f"remove the package {package.full_name} for all users",
                why="sysprep would stop at it", undo="install it again from where it came, for each user",
            )  # fmt: skip


CHECK = Check(
    id="windows-appx-provisioned",
    title="AppX packages are provisioned for all users",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(APPX,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.ALWAYS,
    effort=Level.DISRUPTIVE,
    since="0.1",
)
