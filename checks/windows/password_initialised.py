"""The password of Windows is initialised when an instance is made from the image.

Why it matters
--------------
A generalised Windows has a blank password, with which nobody can log in. The tick box "initialise the password of
Windows created from this image", in the console's dialog for making an image, gives every instance one of its own.

Passes when
-----------
Somebody attests it. No API tells whether the box was ticked, and none can tick it: as far as imagegate can see, it is
unknown. An attestation of the policy stands beside that, with a name and an end.

Fix
---
By hand: tick the box when the image is made, then write an attestation into the policy.

References
----------
NHN Cloud image guide, "Create an image" and "Windows Sysprep"; release notes of 2020-08-25.
"""

from collections.abc import Iterator

from imagegate import (
    Check, Facts, Fix, Kind, Level, NoParams, Note, Refusal, Severity, Step, Violation, probes, steps,
)  # fmt: skip

BOX = probes.ConsoleBox(name="initialise-password")
LABEL = "initialise the password of Windows created from this image"


def evaluate(seen: Facts, want: NoParams) -> Iterator[Violation | Note]:
    """Judge what somebody saw: never a look of our own."""
    if not seen[BOX].ticked:
        yield Violation(subject="password initialisation", expected="ticked", actual="not ticked")


def plan(seen: Facts, want: NoParams) -> Iterator[Step | Refusal]:
    """Tell a person what to tick, what comes of it, and how to say so."""
    if BOX in seen and seen[BOX].ticked:
        return
    yield steps.Manual(
        subject="password initialisation", why="a generalised Windows has a blank password: nobody could log in",
        summary=f'in the console, when the image is made of this instance, tick "{LABEL}"',
        then="the password of a new instance appears in the console, on the instance's access tab, "
        "and is decrypted there with the key pair",
    )  # fmt: skip
    yield steps.Manual(
        subject="attestation", why="no API tells that the box was ticked",
        summary="write an attestation for windows-password-initialised into the policy: who ticked it, and when",
    )  # fmt: skip


CHECK = Check(
    id="windows-password-initialised",
    title="The password is initialised on new instances",
    severity=Severity.HIGH,
    kind=Kind.INSTANCE,
    needs=(BOX,),
    params=NoParams,
    evaluate=evaluate,
    plan=plan,
    fix=Fix.NEVER,
    effort=Level.MANUAL,
    since="0.1",
    attestable=True,
)
