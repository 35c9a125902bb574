"""An answer file for sysprep: what it would do, never what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from imagegate.model import Probe, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFileFact:
    """What was read off an answer file on arrival.

    ``state``: ``malformed`` is no well-formed XML of the namespace ``urn:schemas-microsoft-com:unattend``, with
    ``problem``. ``passes`` are the names of its configuration passes (``generalize``, ``oobeSystem`` …), sorted.
    ``password`` tells whether a password stands in it in clear text (Base64 is clear text too), ``skip_rearm`` the
    setting of that name. ``sha256`` is the digest of its bytes; None where it holds a password, which a digest would
    help to guess.
    """

    state: Literal["absent", "malformed", "readable"]
    problem: str | None = None
    passes: tuple[str, ...] = ()
    password: bool = False
    skip_rearm: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile(Probe[AnswerFileFact]):
    """The answer file at ``path``, at most 1 MB."""

    source: ClassVar[Source] = Source.GUEST
    fact: ClassVar[type] = AnswerFileFact

    path: str

    @property
    def key(self) -> str:
        return f"answer-file:{self.path}"
