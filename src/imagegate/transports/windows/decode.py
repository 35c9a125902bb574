"""From what a Windows guest answered to facts. Contents are classified here and go no further."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from imagegate.model import Probe
from imagegate.probes.answer_file import AnswerFile, AnswerFileFact
from imagegate.probes.identity import WindowsIdentity
from imagegate.probes.registry import Registry as RegistryProbe
from imagegate.probes.registry import RegistryFact
from imagegate.probes.service import Service, ServiceFact, ServiceStart, ServiceState
from imagegate.probes.task import TasksFact, TasksOf
from imagegate.probes.windows_file import WindowsFile
from imagegate.transports.text import clean
from imagegate.transports.windows import answer_file, identity, registry, script, shell_facts, tasks
from imagegate.transports.windows.asking import MAX_ANSWER_FILE, SERVICES, commands_of, key_of, request_of
from imagegate.transports.windows.diagnose import Trouble
from imagegate.transports.windows.frames import Fields
from imagegate.transports.windows.registry import NotListed, Unclear
from imagegate.transports.windows.script import Request
from imagegate.transports.windows.text import decoded

_ELEVATED = 12288
_LABEL = re.compile(r"S-1-16-([0-9]{1,6})")
_STARTS: Mapping[int, ServiceStart] = {0: "boot", 1: "system", 2: "auto", 3: "demand", 4: "disabled"}
_STATES: Mapping[int, ServiceState] = {
    1: "stopped",
    2: "start-pending",
    3: "stop-pending",
    4: "running",
    5: "continue-pending",
    6: "pause-pending",
    7: "paused",
}
_SC_FIELD = re.compile(r"^[ \t]+[^\s:][^:\r\n]*:[ \t]+([0-9a-fA-F]{1,8})[ \t]+[^\s:]", re.MULTILINE)
_NO_SUCH_SERVICE = re.compile(r"(?<![0-9A-Za-z])1060(?![0-9A-Za-z])")
_KEY_LINE = re.compile(r"(?m)^HKEY_")


@dataclass(frozen=True, kw_only=True, repr=False)
class Heard:
    """All that came from a guest in one look. It may hold contents: it has no readable ``repr``.

    ``sections`` are the outputs of commands, ``answers`` those of PowerShell; what is not in them did not come, for
    which ``no_section`` and ``no_answer`` are the reasons. ``errors`` is the number of lines on standard error;
    ``trouble`` is what ended the exchange before everything was asked.
    """

    sections: Mapping[str, bytes] = field(default_factory=dict)
    errors: int = 0
    answers: Mapping[Request, Fields] = field(default_factory=dict)
    no_section: str = "no answer came"
    no_answer: str = "PowerShell gave no answer"
    trouble: Trouble | None = None

    @cached_property
    def code_page(self) -> int | None:
        """The code page of the guest's console; None if ``chcp`` did not tell."""
        digits = re.findall(rb"[0-9]+", self.sections.get(script.CODE_PAGE, b""))
        return int(digits[0]) if len(digits) == 1 and len(digits[0]) <= 5 else None

    @cached_property
    def registry(self) -> registry.Registry:
        """All keys that were listed. A service that is not there accounts for one line of error, as its key is not."""
        listings = {}
        errors = self.errors
        for command in self.sections:
            if (match := re.fullmatch(r'reg query "(.+)"', command)) is not None:
                listings[match[1]] = registry.parse(self.text(command), match[1])
        for command in self.sections:
            if (match := re.fullmatch(r'sc query "(.+)"', command)) is not None:
                listing = listings.get(rf"{SERVICES}\{match[1]}")
                errors -= _no_such_service(self.text(command)) and listing is not None and not listing.listed
        return registry.Registry(listings, errors)

    def text(self, command: str) -> str:
        """The output of ``command``, decoded. Raises ``Unclear`` if none came."""
        if command not in self.sections:
            raise Unclear(self.no_section)
        return decoded(self.sections[command], self.code_page)[0]


class NotElevated(Unclear):
    """What the account does not see may still be there."""


def check_elevated(heard: Heard) -> None:
    """Raises ``NotElevated``, or ``Unclear``, unless the account is elevated: its integrity level is high (the group
    S-1-16-12288), or that of the system."""
    try:
        rows = list(csv.reader(heard.text(script.GROUPS).splitlines()))
    except csv.Error:
        rows = []
    labels = [match[1] for row in rows if len(row) > 2 and (match := _LABEL.fullmatch(row[2].strip()))]
    if len(labels) != 1:
        raise Unclear("whoami does not tell whether the account is elevated")
    if int(labels[0]) < _ELEVATED:
        raise NotElevated(
            "the account is not elevated (UAC remote filtering): use the built-in Administrator, or set "
            "LocalAccountTokenFilterPolicy"
        )


def decode(probe: Probe[Any], heard: Heard, *, run_key: bytes | None = None) -> Any:
    """The fact that was heard about ``probe``. Raises ``Unclear``.

    ``run_key`` is what identities are hashed with; without one they are not looked at.
    """
    match probe:
        case RegistryProbe():
            return _registry(probe, heard)
        case Service():
            return _service(probe, heard)
        case TasksOf():
            return _tasks(probe, heard)
    request = request_of(probe)
    if request is None:
        raise Unclear(f"the Windows transport cannot look at {clean(probe.key)}")
    fields = heard.answers.get(request)
    if fields is None:
        raise Unclear(heard.no_answer)
    if "error" in fields:
        raise Unclear(f"{clean(probe.key)}: PowerShell says: {clean(fields['error'][0], 200) or 'nothing'}")
    match probe:
        case WindowsFile():
            return shell_facts.file(fields, sha256=probe.sha256, tail=probe.tail)
        case AnswerFile():
            return _answer_file(fields)
    if isinstance(probe, WindowsIdentity):
        return identity.decode(fields, run_key)
    return shell_facts.decode(probe, fields, heard.code_page)


def _registry(probe: RegistryProbe, heard: Heard) -> RegistryFact:
    try:
        if probe.name is None:
            return RegistryFact(present=heard.registry.present(probe.path))
        value = heard.registry.value(probe.path, probe.name)
    except NotListed as unclear:
        missing = any(command not in heard.sections for command in commands_of(probe))
        raise Unclear(heard.no_section if missing else str(unclear)) from None
    if value is None:
        return RegistryFact(present=False)
    try:
        number, text = registry.number(*value), registry.string(*value)
    except Unclear as unclear:
        raise Unclear(f"{probe.path}: {probe.name} is {unclear}") from None
    return RegistryFact(present=True, type=value[0], text=text, number=number)


def _service(probe: Service, heard: Heard) -> ServiceFact:
    listed = heard.text(script.reg_query(key_of(probe)))
    said = heard.text(script.sc_query(probe.name))
    if _no_such_service(said):
        if _KEY_LINE.search(listed):
            raise Unclear(f"{probe.name}: the registry knows it, the service manager does not (is a restart due?)")
        return ServiceFact(present=False)
    fields = _SC_FIELD.findall(said)
    value = registry.parse(listed, key_of(probe)).values.get("start")
    start = _STARTS.get(registry.number(*value) or 0) if value is not None and value[0] == "REG_DWORD" else None
    if start is None:
        raise Unclear(f"{probe.name}: neither its start type nor its absence could be seen")
    state = _STATES.get(int(fields[1])) if len(fields) > 1 and fields[1].isdecimal() else None
    return ServiceFact(present=True, start=start, state=state)


def _no_such_service(said: str) -> bool:
    """Whether ``sc query`` says that there is no such service: ERROR_SERVICE_DOES_NOT_EXIST, whatever the words."""
    return not _SC_FIELD.search(said) and bool(_NO_SUCH_SERVICE.search(said))


def _tasks(probe: TasksOf, heard: Heard) -> TasksFact:
    heard.text(script.TASKS)
    found = tasks.parse(heard.sections[script.TASKS], heard.code_page, program=probe.program)
    if heard.registry.unexplained:
        return replace(found, unreadable=(*found.unreadable, "(what an error message may be about)"))
    return found


def _answer_file(fields: Fields) -> AnswerFileFact:
    found = shell_facts.file(fields, sha256=True, tail=0)
    if found.kind == "absent":
        return AnswerFileFact(state="absent")
    if found.kind != "regular":
        raise Unclear(f"it is no file but a {found.kind}")
    if found.size is None or found.size > MAX_ANSWER_FILE:
        raise Unclear(f"it is larger than {MAX_ANSWER_FILE >> 20} MB, and was not read")
    content = shell_facts.one(fields, "whole")
    if hashlib.sha256(content).hexdigest() != found.sha256:
        raise Unclear("it changed while it was read")
    return answer_file.classify(content)
