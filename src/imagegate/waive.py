"""A finding of a stored run → the waiver that covers it, and the policy file with that waiver in it."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from imagegate.errors import UsageError
from imagegate.model import Check
from imagegate.policy import read_policy
from imagegate.policy_edit import Item, with_waiver
from imagegate.policy_model import Waiver
from imagegate.report.build import Record
from imagegate.report.safe import visible
from imagegate.report.words import plural
from imagegate.runs.brief import State, state_of_record
from imagegate.strict_yaml import read_bytes, read_text

_LEAST = 4
"""So many digits of a fingerprint must be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is said of the waivers. ``any_subject``: they cover whatever the check finds wrong with the target."""

    reason: str
    until: date
    approved_by: str
    ticket: str | None = None
    any_subject: bool = False


def pick(findings: Iterable[Record], prints: Sequence[str]) -> list[Record]:
    """The findings whose fingerprints begin so, in this order.

    Raises ``UsageError`` where there is none, where there are several, and where it is none that a waiver can cover.
    """
    wanted = [each.strip().lower() for each in prints]
    for each in wanted:
        if len(each) < _LEAST or set(each) - set("0123456789abcdef"):
            raise UsageError(f"{visible(each)} is no fingerprint: 16 hex digits, or at least the first {_LEAST}")
    found: dict[str, dict[str, Record]] = {each: {} for each in wanted}
    for finding in findings:
        for each, matching in found.items():
            if str(finding["fingerprint"]).startswith(each):
                matching[finding["fingerprint"]] = finding
    picked: dict[str, Record] = {}
    for each, matching in found.items():
        if not matching:
            raise UsageError(f"no finding of this run has the fingerprint {each}")
        if len(matching) > 1:
            raise UsageError(f"{each} is the beginning of {plural(len(matching), 'fingerprint')}: {_some(matching)}")
        ((name, finding),) = matching.items()
        _check_waivable(name, finding)
        picked[name] = finding
    return list(picked.values())


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:5]) + (" …" if len(listed) > 5 else "")


def _check_waivable(name: str, finding: Record) -> None:
    what = f"{name}, {finding['check']} on {visible(str(finding['target']['name']))},"
    if finding["target"]["kind"] == "policy":
        raise UsageError(f"{what} is about the policy itself: put that right")
    if finding["verdict"] == "unknown":
        raise UsageError(f"{what} is unknown: a waiver never covers what could not be seen ({finding['reason']})")
    if finding["verdict"] != "fail":
        raise UsageError(f"{what} does not fail: there is nothing to waive ({finding['verdict']})")
    state = state_of_record(finding)
    if state is State.GOOD:
        raise UsageError(f"{what} was fixed in that run: there is nothing to waive")
    if state is State.WAIVED:
        waiver = finding["waiver"]
        raise UsageError(f"{what} is waived until {waiver['until']} already (line {waiver.get('line')} of the policy)")


def item_of(finding: Record, wanted: Wanted) -> Item:
    """The waiver of a finding as it stands in a policy: the narrowest selector that names its target."""
    item: dict[str, Any] = {"check": finding["check"], "for": _selector(finding["target"])}
    if not wanted.any_subject:
        item["fingerprint"] = finding["fingerprint"]
    item["reason"] = wanted.reason
    if wanted.ticket is not None:
        item["ticket"] = wanted.ticket
    item |= {"approved_by": wanted.approved_by, "until": f"{wanted.until}"}
    return item


def _selector(target: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By id and region. A guest that only the inventory knows has neither: its name is exact there."""
    kind, region = str(target["kind"]), target["region"]
    if target["cloud"] is None and region is None:
        return {kind: {"name": glob.escape(str(target["name"]))}}
    return {kind: {"id": str(target["id"]), **({} if region is None else {"region": str(region)})}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A policy file before and after."""

    path: Path
    before: bytes
    after: bytes

    def write(self) -> None:
        """Replace the file, whole or not at all, with its mode. A link stays one: what it points to is replaced.

        Raises ``UsageError`` if the file is not what it was, ``OSError`` if it cannot be written.
        """
        path = self.path.resolve()
        status = path.stat()
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.after)
                with contextlib.suppress(PermissionError):  # only root may give files away
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
                os.fchmod(file.fileno(), status.st_mode & 0o7777)
                file.flush()
                os.fsync(file.fileno())
            if path.read_bytes() != self.before:
                raise UsageError(f"{self.path} was changed meanwhile, and nothing was written: run the command again")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _covers(waiver: Waiver, finding: Record) -> bool:
    """Whether a waiver is about just this finding, or whatever is wrong with just its target: as this module writes."""
    if waiver.check != finding["check"]:
        return False
    if waiver.fingerprint is not None:
        return waiver.fingerprint == str(finding["fingerprint"])
    if waiver.selector is None:
        return False
    named = {one.attribute: one.alternatives for one in waiver.selector.conditions}
    ((kind, wanted),) = _selector(finding["target"]).items()
    return waiver.selector.kind == kind and named == {name: (value,) for name, value in wanted.items()}


def edit(path: Path, findings: Sequence[Record], wanted: Wanted, checks: Mapping[str, Check]) -> Edit:
    """The policy at ``path`` with a waiver for each finding; nothing is written yet.

    Raises ``UserError`` for days that are over or too far ahead, and if the outcome is no valid policy.
    """
    today = datetime.now(UTC).date()
    if wanted.until < today:
        raise UsageError(f"--until {wanted.until} is over: a waiver that has expired covers nothing")
    before = read_bytes(path)
    policy = read_policy(before, path, checks, today=today)
    text = read_text(path, before)
    for finding in findings:
        for waiver in policy.waivers:
            if waiver.in_force(today) and _covers(waiver, finding):
                raise UsageError(
                    f"{finding['fingerprint']} is waived until {waiver.until} already, by line {waiver.line} of "
                    f"{visible(str(path))}: change that"
                )
        text = with_waiver(text, item_of(finding, wanted), str(path))
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    after = mark + text.encode()
    read_policy(after, path, checks, today=today)
    return Edit(path=path, before=before, after=after)
