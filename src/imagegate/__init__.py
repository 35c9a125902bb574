"""The policy and compliance harness for golden machine images: what an author of checks needs.

The names are imported when they are first used, so that ``imagegate --version`` and a plugin without a policy cost
next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegate import probes, steps
    from imagegate.model import (
        Check,
        Facts,
        Fix,
        Kind,
        Level,
        Note,
        Phase,
        Refusal,
        Scope,
        Severity,
        Step,
        Violation,
    )
    from imagegate.params import Id, NoParams, Params

__all__ = [
    "Check",
    "Facts",
    "Fix",
    "Id",
    "Kind",
    "Level",
    "NoParams",
    "Note",
    "Params",
    "Phase",
    "Refusal",
    "Scope",
    "Severity",
    "Step",
    "Violation",
    "probes",
    "steps",
]

_MODULES = {"probes": "imagegate.probes", "steps": "imagegate.steps"}
_PARAMS = {"Id", "NoParams", "Params"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    return getattr(importlib.import_module("imagegate.params" if name in _PARAMS else "imagegate.model"), name)
