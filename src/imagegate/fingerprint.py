"""The name of one problem across runs: what reports print and waivers may be bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from imagegate.model import Violation

PATTERN = r"^[0-9a-f]{16}$"


def fingerprint(check: str, target: str, violations: Iterable[Violation] = ()) -> str:
    """The first 16 hex digits of the SHA-256 of the check's id, the target's key and the subjects of the violations.

    The same project with access to the same image has the same one tomorrow, whatever the status of its membership;
    another project makes another one.
    """
    text = json.dumps([check, target, *sorted({violation.subject for violation in violations})])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
