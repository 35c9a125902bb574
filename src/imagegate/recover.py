"""What earlier runs owe: protections that they lifted and, being killed, did not put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagegate.engine import Engine
from imagegate.errors import StepRefused
from imagegate.journal import append
from imagegate.journal_reader import Entry, JournalError, journals, read_journal
from imagegate.model import Target
from imagegate.shield import Debt


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was put back, what could not be, and journals that nobody can read: each a sentence for the report."""

    paid: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def debts(folder: Path) -> tuple[list[tuple[Path, Entry]], tuple[str, ...]]:
    """All unpaid debts in the journals below ``folder``, oldest first, and what is wrong with journals."""
    found: list[tuple[Path, Entry]] = []
    unread: list[str] = []
    for path in journals(folder):
        try:
            if b'"owes"' in path.read_bytes():
                found += [(path, entry) for entry in read_journal(path).debts]
        except (OSError, JournalError) as error:
            unread.append(f"what this run may owe is not known: {error}")
    return found, tuple(unread)


def pay_debts(folder: Path, targets: Mapping[str, Target], engine: Engine, run_id: str) -> Recovery:
    """Put back first what earlier runs owe ``targets`` (by key). What belongs to other targets stays as it is."""
    found, unread = debts(folder)
    paid: list[str] = []
    owed: list[str] = []
    for path, entry, target in _of(found, targets.values()):
        name = f"{path.parent.name}/{entry.number}"
        problem = _pay(path, entry, target, engine, run_id)
        if problem is None:
            paid.append(f"{target.name}: protected again; run {path.parent.name} had lifted that for a change ({name})")
        else:
            owed.append(problem)
    return Recovery(paid=tuple(paid), owed=tuple(owed), unread=unread)


def _of(found: list[tuple[Path, Entry]], targets: Iterable[Target]) -> Iterator[tuple[Path, Entry, Target]]:
    known: dict[tuple[str, str], list[Target]] = {}
    for target in targets if found else ():
        known.setdefault((target.kind, target.id), []).append(target)
    for path, entry in found:
        for target in known.get((entry.target.kind, entry.target.id), ()):
            if _payable(entry.target, target):
                yield path, entry, target
                break


def _payable(owing: Target, target: Target) -> bool:
    """Whether they are one, and it can be changed: through the entry of then, or as its owner through another."""
    if owing.cloud == target.cloud and owing.region == target.region:
        return True  # whatever the deployment's address is by now
    return owing.key == target.key and "self" in target.attributes.get("owner", ())


def _pay(path: Path, entry: Entry, target: Target, engine: Engine, run_id: str) -> str | None:
    assert entry.owes is not None  # noqa: S101 - it is a debt

    def settle() -> None:
        append(path, {"event": "settled", "of": entry.number, "by": run_id})

    def still() -> bool:
        """A run that is at work on this target may have paid while we waited for it."""
        try:
            return any(each.number == entry.number for each in read_journal(path).debts)
        except JournalError as error:
            raise StepRefused(str(error)) from error

    debt = Debt(step=entry.owes, name=f"{path.parent.name}/{entry.number}", settle=settle)
    return engine.pay(target, debt, still=still)
