"""What can go wrong with the sandbox, sorted by whose fault it is."""

from __future__ import annotations

from imagegate.errors import ToolError, UsageError


class SandboxError(ToolError):
    """The sandbox itself failed: one of its services, its environment or a guest; the message says where to look."""


class SandboxUsageError(UsageError):
    """The sandbox was asked for something that cannot be had here; the message says what to do next."""
