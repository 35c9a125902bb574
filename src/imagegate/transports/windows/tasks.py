r"""The scheduled tasks, as ``schtasks /query /xml ONE`` prints them: one document ``<Tasks>``, where a comment with the
name stands before each task. Several documents one after the other, each with a declaration, are understood too.

::

    <?xml version="1.0" encoding="UTF-16"?>
    <Tasks>
    <!-- \RenewIP -->
    <Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">…</Task>
    </Tasks>

What the declaration says of the encoding is not true of console output, so it is dropped. All is parsed as one
document inside an element of our own, where no document type can stand: what one task holds can neither hide nor
feign another. Source of the defaults: Task Scheduler schema, settingsType and triggerBaseType.
"""

from __future__ import annotations

import base64
import ntpath
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from imagegate.probes.task import RunLevel, ScheduledTask, TaskAction, TasksFact, TaskTrigger
from imagegate.transports.text import clean
from imagegate.transports.windows.registry import Unclear
from imagegate.transports.windows.text import decoded

MAX_XML = 16 << 20
"""Bytes. A server with all its roles has some 300 tasks of 3 KB."""

_NS = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}\?>")
_NAME_LINE = re.compile(r"^[ \t]*<!-- (.+) -->[ \t]*\r?$", re.MULTILINE)
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_DEPTH = 50
_MAX_TASKS = 20_000
_MAX_TEXT = 4096
_TRUE, _FALSE = {"true", "1"}, {"false", "0"}
_LEVELS: dict[str, RunLevel] = {"HighestAvailable": "highest", "LeastPrivilege": "least"}


class _Odd(Exception):
    """A task that cannot be understood."""


def parse(raw: bytes, code_page: int | None, *, program: str) -> TasksFact:
    """The tasks that run ``program``. Raises ``Unclear`` unless all of the list can be read."""
    if len(raw) > MAX_XML:
        raise Unclear(f"the list of scheduled tasks is larger than {MAX_XML >> 20} MiB")
    text, _ = decoded(raw, code_page)
    if not text.strip():
        raise Unclear("schtasks gave no answer")
    listed = _read(text)
    tasks, unreadable = [], []
    for name, element in listed:
        try:
            task = _task(name, element, program)
        except _Odd:
            unreadable.append(name)
            continue
        if task is not None:
            tasks.append(task)
    return TasksFact(
        tasks=tuple(sorted(tasks, key=lambda task: task.name)), total=len(listed), unreadable=tuple(sorted(unreadable))
    )


def _read(text: str) -> list[tuple[str, Element | None]]:
    """Names and elements of all tasks; None for what stands between tasks and is none. Raises ``Unclear``."""
    text = _DECLARATION.sub("", _NOT_XML.sub("\ufffd", text))
    text = _NAME_LINE.sub(lambda match: f"<?name {_packed(match[1])}?>", text)  # a name may hold what no comment may
    target = _Tasks()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        for piece in ("<all>", text, "</all>"):
            parser.feed(piece)
        parser.close()
    except ParseError as error:
        line = error.position[0]
        raise Unclear(f"the list of scheduled tasks is no well-formed XML, or broke off (line {line})") from None
    except DefusedXmlException:
        raise Unclear("the list of scheduled tasks has a document type or entities, which are refused") from None
    except (ValueError, LookupError):
        raise Unclear("the list of scheduled tasks is no XML that can be read") from None
    if not target.listed:
        raise Unclear("schtasks gave no list of tasks")
    return target.tasks


def _packed(name: str) -> str:
    return base64.b64encode(name.encode("utf-8")).decode("ascii")


class _Tasks:
    """Takes the tasks out of the stream of the parser, one at a time."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, Element | None]] = []
        self.listed = False
        self._depth = 0
        self._builder: TreeBuilder | None = None
        self._top = 0
        self._name: str | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Unclear("the list of scheduled tasks is nested too deeply")
        if self._builder is None and self._depth > 1:
            if tag == "Tasks" and self._depth == 2:
                self.listed = True
                return
            self.listed = self.listed or tag == f"{_NS}Task"
            self._builder, self._top = TreeBuilder(), self._depth
        if self._builder is not None:
            self._builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        if self._builder is not None:
            self._builder.end(tag)
            if self._depth == self._top:
                self._add(self._builder.close())
                self._builder = None
        self._depth -= 1

    def data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
        elif text.strip() and (self._name is not None or not self.tasks or self.tasks[-1][1] is not None):
            self._add(None)

    def pi(self, target: str, text: str | None = None) -> None:
        if target == "name" and text is not None:
            self.comment(base64.b64decode(text).decode("utf-8"))

    def comment(self, text: str) -> None:
        if self._builder is None:
            if self._name is not None:
                self._add(None)
            self._name = text.strip()

    def close(self) -> None:
        if self._name is not None:
            self._add(None)

    def _add(self, element: Element | None) -> None:
        if len(self.tasks) >= _MAX_TASKS:
            raise Unclear(f"more than {_MAX_TASKS} scheduled tasks were listed")
        name = self._name or (_uri(element) if element is not None else None)
        self._name = None
        self.tasks.append((clean(name) if name else f"(without a name, number {len(self.tasks) + 1})", element))


def _uri(element: Element) -> str | None:
    return element.findtext(f"{_NS}RegistrationInfo/{_NS}URI")


def _task(name: str, element: Element | None, program: str) -> ScheduledTask | None:
    """The task, None if it does not run ``program``. Raises ``_Odd``."""
    if element is None or element.tag != f"{_NS}Task":
        raise _Odd
    actions = _only(element, "Actions")
    if actions is None:
        raise _Odd
    runs: list[TaskAction] = []
    others = 0
    for action in actions:
        command = _text(action, "Command") if action.tag == f"{_NS}Exec" else None
        if command is not None and runs_program(command, program):
            runs.append(TaskAction(command=command, arguments=_text(action, "Arguments") or ""))
        else:
            others += 1
    if not runs:
        return None
    settings = _only(element, "Settings")
    principal = _principal(element, actions.get("Context"))
    level = None if principal is None else _text(principal, "RunLevel")
    if level is not None and level not in _LEVELS:
        raise _Odd
    return ScheduledTask(
        name=name,
        enabled=_flag(settings, "Enabled", default=True),
        triggers=tuple(_triggers(element)),
        user=None if principal is None else _text(principal, "UserId"),
        group=None if principal is None else _text(principal, "GroupId"),
        run_level=None if level is None else _LEVELS[level],
        actions=tuple(runs),
        others=others,
        on_ac_only=_flag(settings, "DisallowStartIfOnBatteries", default=True),
        needs_network=_flag(settings, "RunOnlyIfNetworkAvailable", default=False),
        only_if_idle=_flag(settings, "RunOnlyIfIdle", default=False),
        expires=None if settings is None else _text(settings, "DeleteExpiredTaskAfter"),
    )


def runs_program(command: str, program: str) -> bool:
    """Whether a command is ``program``, whatever its folder, case, quotes and ``.exe``. A program that starts it
    (``cmd /c ipconfig``) is another one."""
    bare = command.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1].strip()
    name = ntpath.basename(bare).casefold()
    return name.removesuffix(".exe") == program.casefold().removesuffix(".exe")


def _principal(element: Element, context: str | None) -> Element | None:
    """Who the actions run as: the principal that their ``Context`` names."""
    group = _only(element, "Principals")
    principals = [] if group is None else [child for child in group if child.tag == f"{_NS}Principal"]
    named = [child for child in principals if context is not None and child.get("id") == context]
    if len(named) == 1 or len(principals) == 1:
        return (named or principals)[0]
    if principals:
        raise _Odd
    return None


def _triggers(element: Element) -> Iterator[TaskTrigger]:
    for trigger in _only(element, "Triggers") or ():
        if not trigger.tag.startswith(_NS):
            raise _Odd
        yield TaskTrigger(
            kind=trigger.tag.removeprefix(_NS).removesuffix("Trigger").lower(),
            enabled=_flag(trigger, "Enabled", default=True),
            start=_text(trigger, "StartBoundary"),
            end=_text(trigger, "EndBoundary"),
            delay=_text(trigger, "Delay"),
        )


def _only(element: Element | None, name: str) -> Element | None:
    """The child called ``name``, None if there is none. Raises ``_Odd`` if there are several."""
    found = [] if element is None else element.findall(f"{_NS}{name}")
    if len(found) > 1:
        raise _Odd
    return found[0] if found else None


def _text(element: Element, name: str) -> str | None:
    """The text of the child called ``name``, None if there is none or it is blank."""
    child = _only(element, name)
    if child is None:
        return None
    text: str = (child.text or "").strip()
    if len(child) or len(text) > _MAX_TEXT:
        raise _Odd
    return text or None


def _flag(element: Element | None, name: str, *, default: bool) -> bool:
    word = None if element is None else _text(element, name)
    if word is None:
        return default
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _Odd
