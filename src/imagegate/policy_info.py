"""What a report says of the policy that was judged, and where in it each requirement stands."""

from __future__ import annotations

from pathlib import Path

from imagegate.policy_model import Policy
from imagegate.result import PolicyInfo


def policy_info(policy: Policy) -> PolicyInfo:
    """The policy as reports name it. Its file is told relative to the current folder, and never by an absolute path."""
    return PolicyInfo(
        name=policy.name,
        version=policy.version,
        title=policy.title,
        digest=policy.digest,
        file=_near(Path(policy.path)),
        places=tuple({one.check.id: one.line for one in rule.required if one.line > 0} for rule in policy.rules),
    )


def _near(path: Path) -> str:
    here, real = Path.cwd().resolve(), path.resolve()
    return real.relative_to(here).as_posix() if real.is_relative_to(here) else path.name
