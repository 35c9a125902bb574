"""The instance's own delete protection is as the policy wants it.

Why it matters
--------------
NHN Cloud protects instances and images apart. A protected instance does not make its image protected, nor the other
way round: who takes one for the other loses the build host, or keeps paying for one that nobody can delete.

Passes when
-----------
The compute API says in ``NHN-EXT-ATTR:protect`` what ``protected`` wants. A cloud that does not say it leaves the
verdict unknown. The protection of images is ``catalog-image-protected``.

Fix
---
None by machine: there is no documented API for it. It is switched in the console.

References
----------
Compute API of NHN Cloud, "List instances", NHN-EXT-ATTR:protect; instance guide, "Delete protection".
"""

from collections.abc import Iterator

from pydantic import Field

from imagegate import Check, Facts, Fix, Kind, Level, Note, Params, Refusal, Severity, Step, Violation, steps
from imagegate.errors import Unobserved
from imagegate.probes import SERVER

WORDS = {True: "protected", False: "not protected"}


class Wanted(Params):
    """What the policy can say."""

    protected: bool = Field(default=True, description="Whether the instance has to be protected, or must not be.")


def held(seen: Facts) -> bool:
    """What the compute API says."""
    protected = seen[SERVER].protected
    if protected is None:
        raise Unobserved("server", "the compute API does not tell of instance protection (NHN-EXT-ATTR:protect)")
    return protected


def evaluate(seen: Facts, want: Wanted) -> Iterator[Violation | Note]:
    """Compare."""
    if held(seen) is not want.protected:
        yield Violation(subject="instance protection", expected=WORDS[want.protected], actual=WORDS[held(seen)])


def plan(seen: Facts, want: Wanted) -> Iterator[Step | Refusal]:
    """Lead to the console."""
    if held(seen) is not want.protected:
        yield steps.Manual(
            subject="instance protection", why="there is no API for it",
            summary=f"switch delete protection {'on' if want.protected else 'off'} for instance {seen[SERVER].name}"
            " in the console",
        )  # fmt: skip


CHECK = Check(
    id="capture-instance-protection-conforms",
    title="The instance's own protection is as wanted",
    severity=Severity.LOW,
    kind=Kind.INSTANCE,
    needs=(SERVER,),
    params=Wanted,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
)
