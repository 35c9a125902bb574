"""The base of what a policy can say to a check."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Params(BaseModel):
    """Parameters of a check: frozen and strict. Every field has a description, which becomes its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoParams(Params):
    """For checks that take no parameters."""


Id = Annotated[str, Field(min_length=1)]
"""An identifier. Policies give text fields the source text (``strict_yaml``), so that all-digit or exponent-looking
ids survive YAML."""
