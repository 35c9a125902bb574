"""What can go wrong, sorted by whose fault it is.

::

    ImagegateError
    ├── UserError              the operator's input is wrong: exit code 4
    │   ├── UsageError         options that do not fit together, a name that does not exist
    │   ├── InputErrors        a policy or inventory file: all its mistakes at once
    │   └── CatalogueError     a check file that breaks the rules for checks
    ├── TargetError            a guest, a cloud or one of its records is at fault: unknown, exit code 10
    │   ├── Unobserved         a fact was asked for that could not be seen
    │   └── StepError          a step could not be applied, or did not take effect
    │       ├── StepRefused    a step was not begun: the target is not as it was when the plan was made
    │       │   └── StepOvertaken  … because an earlier step of the plan brought to light what nobody could see
    │       └── StepBlocked    the cloud refuses to change what is protected
    └── ToolError              imagegate itself is at fault: exit code 3

An error's ``owner`` goes into the report, so that the right person reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Owner(StrEnum):
    """Whose fault something is."""

    USER = "user"
    TARGET = "target"
    TOOL = "tool"


class ImagegateError(Exception):
    """Base of everything that imagegate raises on purpose."""

    owner: ClassVar[Owner] = Owner.TOOL


class UserError(ImagegateError):
    """The operator's input is wrong; the message says what to do next."""

    owner = Owner.USER


class UsageError(UserError):
    """Options that do not fit together, or a name that does not exist."""


class CatalogueError(UserError):
    """A check file that breaks the rules for checks."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mistake:
    """One mistake in an input file.

    ``line`` and ``column`` count from 1; 0 means that the place is not known.
    """

    line: int
    column: int
    message: str

    def render(self, path: str) -> str:
        """The mistake as editors and CI logs expect it: ``file:line:column: message``."""
        return f"{path}:{self.line}:{self.column}: {self.message}" if self.line else f"{path}: {self.message}"


class InputErrors(UserError):
    """All mistakes of one input file."""

    def __init__(self, path: str, mistakes: list[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(mistake.render(path) for mistake in self.mistakes))


class TargetError(ImagegateError):
    """A guest, a cloud or one of its records is at fault."""

    owner = Owner.TARGET


class Unobserved(TargetError):
    """A fact was asked for that could not be seen: the verdict is unknown."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        self.reason = reason
        super().__init__(f"{subject}: {reason}")


class StepError(TargetError):
    """A step could not be applied, or did not take effect.

    ``changed`` tells whether the target may have been changed: False only when that is certain.
    """

    def __init__(self, message: str, *, changed: bool) -> None:
        self.changed = changed
        super().__init__(message)


class StepRefused(StepError):
    """A step was not begun: the target is not as it was when the plan was made."""

    def __init__(self, message: str) -> None:
        super().__init__(message, changed=False)


class StepOvertaken(StepRefused):
    """A step was not begun: nobody but the plan's own steps changed the target, and what they brought to light was not
    in the plan."""


class StepBlocked(StepError):
    """The cloud refuses to change a target that is protected; nothing was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, changed=False)


class ToolError(ImagegateError):
    """imagegate itself is at fault."""
