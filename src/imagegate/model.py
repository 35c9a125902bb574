"""The core types: frozen, slotted, without I/O. Imports nothing of imagegate but its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from imagegate.errors import Owner, Unobserved

T = TypeVar("T")


class Verdict(StrEnum):
    """What was seen, before any waiver, attestation or remedy."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class _Word(IntEnum):
    """An ordered enumeration that reads and prints as a lower-case word."""

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> Any:
        """The member called ``word``; ValueError names the valid ones."""
        for member in cls:
            if str(member) == word:
                return member
        raise ValueError(f"{word!r} is not one of {', '.join(map(str, cls))}")


class Severity(_Word):
    """How bad a fail is."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Level(_Word):
    """What a step may cost; enforced, not informative.

    SAFE has an undo, breaks no service and changes no identity. DISRUPTIVE: restart, changed identity, someone
    loses or gains access. DESTRUCTIVE: no way back from here. MANUAL: only a person can do it; nothing grants it.
    """

    SAFE = 1
    DISRUPTIVE = 2
    DESTRUCTIVE = 3
    MANUAL = 4


class Phase(IntEnum):
    """The order of the steps of one target. An instance and an image never share a plan."""

    # guests: what cuts the next login runs last, power at the very end
    CONTENT = 10
    ACCOUNTS = 20
    IDENTITY = 30
    LOGIN = 40
    RESTART = 70
    GENERALIZE = 80
    POWER = 90
    # images: narrow before widening, protect at the end; other regions get what has become of it
    UNPROTECT = 110
    PROPERTIES = 120
    REMOVE_MEMBERS = 130
    VISIBILITY = 140
    ADD_MEMBERS = 150
    PROTECTION = 160
    COPIES = 170


class Kind(StrEnum):
    """What a target is."""

    INSTANCE = "instance"
    IMAGE = "image"
    POLICY = "policy"


class Source(StrEnum):
    """Who can answer a probe, and who carries out a step."""

    GUEST = "guest"
    COMPUTE = "compute"
    IMAGE = "image"
    IDENTITY = "identity"
    POLICY = "policy"
    CONSOLE = "console"


class Fix(StrEnum):
    """Whether a check can mend what it finds. With NEVER its plan still has manual steps for a person."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


class Scope(StrEnum):
    """Whether a check is judged per target, or once over all findings of an audit."""

    TARGET = "target"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing that is looked at.

    ``attributes`` are what selectors match, name → values (several for tags): image: name, id, owner, visibility,
    status, tag, region, property.KEY; instance: name, id, flavor, os, status, region, metadata.KEY. An attribute
    named in ``unseen`` (``metadata`` stands for all of ``metadata.*``) could not be seen; one in neither is known
    to be absent; ``owner.self`` stands there where it is not known whether the owner is one of ours. ``guest`` is the
    name of the inventory entry that tells how to reach it, if there is one.

    ``cloud`` is the entry of clouds.yaml that it is looked at and changed through, ``seen_from`` are all that list it,
    in the order in which they were named. ``deployment`` is the service that holds it: host and path of its public
    endpoint. ``key`` is unique in a run and the same in every run, whichever entries it names:
    ``image:image.example.com/KR1/ID``, or ``image:nhn/KR1/ID`` by the entry's name where no deployment is known.
    No secret is ever part of a target.
    """

    kind: Kind
    id: str
    name: str
    cloud: str | None = None
    region: str | None = None
    owner: str | None = None
    guest: str | None = None
    deployment: str | None = None
    seen_from: tuple[str, ...] = field(default=(), hash=False, compare=False)
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False, compare=False)
    unseen: frozenset[str] = field(default=frozenset(), hash=False, compare=False)
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        place = f"{self.kind}:{self.deployment or self.cloud or '-'}/{self.region or '-'}/{self.id}"
        object.__setattr__(self, "key", place)

    def sees(self, attribute: str) -> bool:
        """Whether ``attribute`` could be seen (it may still be absent)."""
        return attribute not in self.unseen and attribute.partition(".")[0] not in self.unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[T]):
    """What to look at, typed by what the look returns.

    Probes are values: equal probes of different checks are looked at once. ``fact`` is the type of what is seen: a
    frozen dataclass of JSON-like fields, without secrets, machine ids or contents of identity files.
    """

    source: ClassVar[Source]
    fact: ClassVar[type]

    @property
    def key(self) -> str:
        """Names the probe in recordings and messages: ``file:/etc/machine-id``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[T]):
    """A successful look. ``origin`` is set where the fact does not come from a look of just now."""

    value: T
    at: datetime
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A look that failed: why, and whose fault it is."""

    reason: str
    at: datetime
    owner: Owner = Owner.TARGET


Observation = Seen[Any] | Unseen


class Facts:
    """What was seen of one target, what could not be seen and why, and when. Immutable.

    ``facts[probe]`` returns the fact or raises ``Unobserved``: there are no default values, ever. ``today`` is the day
    (UTC) on which they are judged, which for recorded facts is not that of the look.
    """

    __slots__ = ("_observations", "at", "today")

    def __init__(
        self, observations: Mapping[Probe[Any], Observation], at: datetime, *, today: date | None = None
    ) -> None:
        self._observations = dict(observations)
        self.at = at
        self.today = today or at.date()

    def __getitem__(self, probe: Probe[T]) -> T:
        observation = self._observations.get(probe)
        if isinstance(observation, Seen):
            value: T = observation.value
            return value
        raise Unobserved(probe.key, observation.reason if observation else "was not looked at")

    def __contains__(self, probe: Probe[Any]) -> bool:
        """Whether the probe was seen."""
        return isinstance(self._observations.get(probe), Seen)

    def __iter__(self) -> Iterator[Probe[Any]]:
        return iter(self._observations)

    def __len__(self) -> int:
        return len(self._observations)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self.at == other.at and self._observations == other._observations

    __hash__ = None  # type: ignore[assignment]  # holds a dict

    def __repr__(self) -> str:
        return f"Facts({', '.join(probe.key for probe in self)})"

    def observation(self, probe: Probe[Any]) -> Observation | None:
        """The look behind a fact; None if the probe was not looked at."""
        return self._observations.get(probe)

    def items(self) -> Iterable[tuple[Probe[Any], Observation]]:
        """All looks."""
        return self._observations.items()

    def with_fact(self, probe: Probe[T], value: T) -> Facts:
        """These facts with one replaced: how steps simulate themselves."""
        return Facts({**self._observations, probe: Seen(value=value, at=self.at)}, self.at, today=self.today)

    def without(self, probe: Probe[Any], reason: str = "was not looked at") -> Facts:
        """These facts with one unseen."""
        return Facts({**self._observations, probe: Unseen(reason=reason, at=self.at)}, self.at, today=self.today)

    def reduced(self, probe: Probe[T], change: Callable[[T], T]) -> Facts:
        """These facts with what one look saw changed, its time and origin kept; as they are if it was not seen."""
        look = self._observations.get(probe)
        if not isinstance(look, Seen):
            return self
        lean = replace(look, value=change(look.value))
        return Facts({**self._observations, probe: lean}, self.at, today=self.today)

    def as_of(self, today: date) -> Facts:
        """These facts, judged on ``today``."""
        return self if today == self.today else Facts(self._observations, self.at, today=today)

    def merged(self, newer: Facts) -> Facts:
        """These facts with those of ``newer`` on top."""
        return Facts({**self._observations, **newer._observations}, newer.at, today=newer.today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is not as required."""

    subject: str
    expected: str
    actual: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a reader should know about a finding that is no violation."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A fix that the facts forbid: why, and what a person can do instead."""

    subject: str
    reason: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, as data: it can be shown, simulated and refused before anything happens.

    Subclasses say how it is carried out (``steps/``). ``reads`` are the probes that tell whether the step still fits
    and whether it took effect. ``undo`` tells a reader how to take it back, None if there is no way; ``inverse`` is
    the same as a step. ``then`` says what must come next. ``disconnects`` marks steps after which
    the guest cannot be reached (told, not yet acted on). ``lengthy`` steps move much data: they tell how far they are,
    and end early when the run is interrupted.
    """

    source: ClassVar[Source]
    no_way_back: ClassVar[str] = "there is no way to take it back"
    lengthy: ClassVar[bool] = False

    subject: str
    summary: str
    level: Level
    phase: Phase
    why: str
    undo: str | None = None
    then: str | None = None
    disconnects: bool = False
    patience_s: float = 0.0

    @property
    def reads(self) -> tuple[Probe[Any], ...]:
        """The probes that this step depends on and changes."""
        raise NotImplementedError

    def basis(self, seen: Facts) -> object:
        """The part of the facts that the step was planned from; compared again right before the write."""
        raise NotImplementedError

    def simulate(self, seen: Facts) -> Facts:
        """The facts as they will be once the step is done. Pure."""
        raise NotImplementedError

    def done(self, seen: Facts) -> bool:
        """Whether fresh facts show the step's effect."""
        raise NotImplementedError

    @property
    def reveals(self) -> tuple[Probe[Any], ...]:
        """Those of ``reads`` that show only after this step what was there before it, unseen by anybody. What comes to
        light is nobody's change: what the rest of a plan does not expect is then planned anew."""
        return ()

    def inverse(self, before: Facts) -> Step | None:
        """The step that takes this one back, given the facts (of ``reads``) from before it. Pure.

        None where there is no way: ``no_way_back`` says why. Raises ``Unobserved`` where ``before`` lacks a fact.
        """
        return None

    def kept(self, seen: Facts) -> Facts:
        """The part of the facts that a journal keeps: all that ``basis``, ``done`` and ``inverse`` use. Pure."""
        looks = {probe: seen.observation(probe) for probe in self.reads}
        return Facts({probe: look for probe, look in looks.items() if look is not None}, seen.at)

    def stuck(self, seen: Facts) -> str | None:
        """Why waiting any longer for the effect is in vain, told by fresh facts after the write; None if it is not."""
        return None


Evaluate = Callable[[Facts, Any], Iterable[Violation | Note]]
Planner = Callable[[Facts, Any], Iterable[Step | Refusal]]
Applies = Callable[[Facts, Any], str | None]
Asks = Callable[[Any], tuple[Probe[Any], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One requirement, how it is judged and how it is mended: the ``CHECK`` at the end of a check file.

    ``needs`` are the probes without which the verdict is unknown; ``uses`` are looked at too, but a missing one matters
    only if ``evaluate`` asks for it; so are those that ``asks`` makes of the parameters. ``evaluate`` and ``plan`` are
    pure generators. ``applies`` returns the reason why the check has no business with this target, else None.
    ``params`` is a subclass of ``Params``. ``effort`` is the highest level that a step of its plan can have, steps for
    a person aside. ``attestable`` checks ask what no API can answer: an attestation of the policy may stand beside
    their unknown.
    """

    id: str
    title: str
    severity: Severity
    kind: Kind
    needs: tuple[Probe[Any], ...]
    params: type[Any]
    evaluate: Evaluate
    plan: Planner
    fix: Fix
    effort: Level
    since: str
    uses: tuple[Probe[Any], ...] = ()
    asks: Asks | None = None
    applies: Applies | None = None
    scope: Scope = Scope.TARGET
    attestable: bool = False

    @property
    def probes(self) -> tuple[Probe[Any], ...]:
        """Everything that is looked at for this check, whatever its parameters."""
        return self.needs + self.uses

    def looks(self, params: Any) -> tuple[Probe[Any], ...]:
        """Everything that is looked at for this check with these parameters."""
        return self.probes if self.asks is None else (*self.probes, *self.asks(params))


class RemedyState(StrEnum):
    """How far a fix came; only VERIFIED counts as fixed."""

    NONE = "none"
    MANUAL = "manual"
    PLANNED = "planned"
    REFUSED = "refused"
    APPLIED = "applied"
    VERIFIED = "verified"
    NOT_VERIFIED = "not-verified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What was seen of a finding once its target was changed. ``reason`` says why the verdict is unknown or
    not-applicable."""

    verdict: Verdict
    observed_at: datetime
    violations: tuple[Violation, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What was planned or done about a finding. ``reason`` says why not, what went wrong, or what else mended it.

    ``after`` is there where the target was looked at again because something was attempted on it, be it for another
    check.
    """

    state: RemedyState
    steps: tuple[Step, ...] = ()
    done: tuple[Step, ...] = ()
    reason: str | None = None
    after: After | None = None


NO_REMEDY = Remedy(state=RemedyState.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check judged on one target.

    The verdict seen and what stands beside it (waiver, attestation, remedy) are kept apart. ``waiver`` and
    ``attestation`` are the policy's records. ``reason`` says why the verdict is unknown or not-applicable, ``owner``
    whose fault an unknown is.
    """

    check: Check
    target: Target
    verdict: Verdict
    rule: int | None
    params: Any
    observed_at: datetime
    violations: tuple[Violation, ...] = ()
    note: str | None = None
    reason: str | None = None
    owner: Owner | None = None
    waiver: Any = None
    attestation: Any = None
    remedy: Remedy = NO_REMEDY

    @property
    def waived(self) -> bool:
        """A fail that a waiver in force stands beside."""
        return self.verdict is Verdict.FAIL and self.waiver is not None

    @property
    def fixed(self) -> bool:
        """A fail that was mended and verified in this run."""
        return self.verdict is Verdict.FAIL and self.remedy.state is RemedyState.VERIFIED

    @property
    def attested(self) -> bool:
        """An unknown that an attestation in force stands beside."""
        return self.verdict is Verdict.UNKNOWN and self.attestation is not None

    @property
    def stands(self) -> bool:
        """A fail that counts: neither waived nor fixed."""
        return self.verdict is Verdict.FAIL and not self.waived and not self.fixed

    def with_remedy(self, remedy: Remedy) -> Finding:
        """The same finding with another remedy."""
        return replace(self, remedy=remedy)
