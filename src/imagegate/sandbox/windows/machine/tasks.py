r"""``schtasks``, and the task store: one file per task in ``C:\Windows\System32\Tasks``, UTF-16 LE with a BOM."""

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ET  # only to write what defusedxml has read
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from imagegate.sandbox.windows.machine.console import Console
from imagegate.sandbox.windows.machine.drive import TASKS, BadPathError, Drive
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.machine.words import options

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
SYSTEM_ACCOUNTS = frozenset({"", "system", "nt authority\\system", "s-1-5-18"})
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*?\?>\s*")
_DECLARED = re.compile(r"""encoding\s*=\s*["']([\w.-]+)["']""")
_NAME = re.compile(r'[^<>:"/|?*\x00-\x1f]+')


class TaskRefusedError(Exception):
    """The text that the Task Scheduler refuses a definition with."""


def store(drive: Drive, name: str, xml: str) -> None:
    """Put a task into the store as it is: ``xml`` without its declaration, or with one, which is dropped."""
    text = '<?xml version="1.0" encoding="UTF-16"?>\n' + _DECLARATION.sub("", xml, count=1).strip() + "\n"
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-16-le")
    drive.write(f"{TASKS}\\{name.strip(chr(92))}", codecs.BOM_UTF16_LE + data)


def stored(drive: Drive) -> Iterator[tuple[str, str]]:
    r"""Name (``\Folder\Task``) and definition of every task, without declaration, by folder as Windows lists them."""
    root = drive.find(TASKS)
    if root is not None:
        yield from _stored(root, "")


def _stored(folder: Path, prefix: str) -> Iterator[tuple[str, str]]:
    entries = sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name.casefold()))
    for entry in entries:
        name = f"{prefix}\\{entry.name}"
        if entry.is_dir():
            yield from _stored(entry, name)
        else:
            yield name, definition(entry.read_bytes())


def definition(content: bytes) -> str:
    """A task file's text without its declaration, with LF."""
    text = content.decode("utf-16") if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else content.decode()
    return _DECLARATION.sub("", text.replace("\r\n", "\n"), count=1).strip()


def accepted(content: bytes) -> str:
    """The definition in a file given to ``/create /xml``. Raises TaskRefusedError.

    Sources for the encodings: fatso83/vmware-auto-suspend issues 5, 7 and 8; chef/chef 6639. A file without BOM that
    declares UTF-16 is refused here: bytes and declaration differ; some builds are said to take it.
    """
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_BE)):
        raise TaskRefusedError("(1,2)::ERROR: incorrect document syntax")
    wide = content.startswith(codecs.BOM_UTF16_LE)
    try:
        text = content.decode("utf-16") if wide else content.decode("ascii")
    except UnicodeDecodeError as problem:
        raise TaskRefusedError("(1,1)::ERROR: An invalid character was found in text content.") from problem
    declaration = _DECLARATION.match(text)
    declared = _DECLARED.search(declaration.group()) if declaration else None
    if declared and (declared.group(1).lower() != "utf-16" or not wide):
        raise TaskRefusedError("(1,40)::ERROR: unable to switch the encoding")
    body = _DECLARATION.sub("", text, count=1)
    try:
        root = defusedxml.ElementTree.fromstring(body, forbid_dtd=True)
    except ET.ParseError as problem:
        line, column = problem.position
        raise TaskRefusedError(f"({line},{column + 1})::ERROR: incorrect document syntax") from problem
    except DefusedXmlException as problem:
        raise TaskRefusedError("(1,1)::ERROR: DTD is prohibited.") from problem
    if root.tag != f"{{{NAMESPACE}}}Task":
        raise TaskRefusedError("(2,2):Task:")
    names = {f"{{{NAMESPACE}}}{name}" for name in _CHILDREN}
    for child in root:
        if child.tag not in names:
            raise TaskRefusedError(f"(3,4):{child.tag.rpartition('}')[2]}:")
    actions = root.find(f"{{{NAMESPACE}}}Actions")
    if actions is None or not len(actions):
        raise TaskRefusedError("(2,2):Actions:")
    for command in actions.iterfind(f"{{{NAMESPACE}}}Exec"):
        if not (command.findtext(f"{{{NAMESPACE}}}Command") or "").strip():
            raise TaskRefusedError("(2,2):Command:")
    context, principals = actions.get("Context"), root.iterfind(f".//{{{NAMESPACE}}}Principal")
    if context is not None and context not in {principal.get("id") for principal in principals}:
        raise TaskRefusedError(f"(2,2):Context:{context}")
    return body.strip()


_CHILDREN = ("RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions")


def schtasks(machine: Machine, console: Console, words: list[str]) -> int:
    """The program: ``/query``, ``/create /xml`` and ``/delete``."""
    verb = words[0].lower() if words else "/query"
    work = {"/query": _query, "/create": _create, "/delete": _delete}.get(verb)
    if work is None:
        console.complain(console.say("syntax", "SCHTASKS"))
        return 1
    return work(machine, console, words[1:])


def _query(machine: Machine, console: Console, words: list[str]) -> int:
    xml = [word.lower() for word in words]
    one = any(pair == ("/xml", "one") for pair in pairwise(xml))
    parsed = options([word for word in words if not (one and word.lower() == "one")], {"xml"}, {"tn"})
    if parsed is None or parsed[1] or "xml" not in parsed[0]:
        console.complain(console.say("syntax", "SCHTASKS"))
        return 1
    found = list(stored(machine.drive))
    if not machine.state.elevated:
        found = [(name, text) for name, text in found if "S-1-5-18" not in text]
    wanted = parsed[0].get("tn")
    if wanted is not None:
        name = "\\" + wanted.strip("\\")
        found = [item for item in found if item[0].casefold() == name.casefold()]
        if not found:
            console.complain(console.say("no-task"))
            return 1
    declaration = '<?xml version="1.0" encoding="UTF-16"?>\n'
    if wanted is not None:
        document = declaration + found[0][1] + "\n"
    elif one:
        document = declaration + "<Tasks>\n"
        document += "\n".join(f"<!-- {name} -->\n{text}\n" for name, text in found) + "</Tasks>\n"
    else:  # one document after the other: no XML as a whole
        document = "\n".join(f"{declaration}<!-- {name} -->\n{text}\n" for name, text in found)
    _show(machine, console, document)
    return 0


def _show(machine: Machine, console: Console, document: str) -> None:
    """In the code page of the console, whatever the declaration says; or a liar's way."""
    if machine.lies("utf16-declared-utf8"):
        text = document.replace('encoding="UTF-16"', 'encoding="UTF-8"').replace("\n", "\r\n")
        console.write(text.encode("utf-16-le"))
    elif machine.lies("utf16-with-bom"):
        console.write(codecs.BOM_UTF16_LE + document.replace("\n", "\r\n").encode("utf-16-le"))
    elif machine.lies("utf8-declared-cp949"):
        console.write(console.encode(document.replace('encoding="UTF-16"', 'encoding="ks_c_5601-1987"')))
    else:
        console.write(console.encode(document))


def _create(machine: Machine, console: Console, words: list[str]) -> int:
    parsed = options(words, {"f"}, {"tn", "xml", "ru"})
    if parsed is None or parsed[1] or not {"tn", "xml"} <= parsed[0].keys():
        console.complain(console.say("syntax", "SCHTASKS"))
        return 1
    given = parsed[0]
    name = "\\" + given["tn"].strip("\\")
    if not machine.state.elevated:
        console.complain(console.say("denied"))
        return 1
    try:
        source = machine.drive.find(given["xml"], console.folder)
    except BadPathError:
        source = None
    if source is None or not source.is_file():
        console.complain(console.say("no-task"))
        return 1
    try:
        text = accepted(source.read_bytes())
    except TaskRefusedError as problem:
        console.complain(console.say("task-malformed", problem))
        return 1
    if not all(_NAME.fullmatch(part) for part in name[1:].split("\\")) or (
        "ru" in given and given["ru"].lower() not in SYSTEM_ACCOUNTS
    ):
        console.complain(console.say("syntax", "SCHTASKS"))
        return 1
    existing = next((known for known, _ in stored(machine.drive) if known.casefold() == name.casefold()), None)
    if existing is not None and "f" not in given:
        console.complain(console.say("task-exists"))
        return 1
    store(machine.drive, existing or name, registered(text, existing or name, system="ru" in given))
    console.print(console.say("task-made", given["tn"]))
    return 0


def registered(text: str, name: str, *, system: bool) -> str:
    """The definition as the service keeps it: its URI is the task's name, and ``/ru SYSTEM`` sets the account."""
    ET.register_namespace("", NAMESPACE)
    root = defusedxml.ElementTree.fromstring(text, forbid_dtd=True)
    about = root.find(f"{{{NAMESPACE}}}RegistrationInfo")
    if about is None:
        about = ET.Element(f"{{{NAMESPACE}}}RegistrationInfo")
        root.insert(0, about)
    uri = about.find(f"{{{NAMESPACE}}}URI")
    if uri is None:
        uri = ET.SubElement(about, f"{{{NAMESPACE}}}URI")
    uri.text = name
    if system:
        for principal in root.iterfind(f"{{{NAMESPACE}}}Principals/{{{NAMESPACE}}}Principal"):
            for child in list(principal):
                if child.tag.rpartition("}")[2] in ("UserId", "GroupId", "LogonType"):
                    principal.remove(child)
            user = ET.Element(f"{{{NAMESPACE}}}UserId")
            user.text = "S-1-5-18"
            principal.insert(0, user)
    return ET.tostring(root, encoding="unicode")


def _delete(machine: Machine, console: Console, words: list[str]) -> int:
    parsed = options(words, {"f"}, {"tn"})
    if parsed is None or parsed[1] or "tn" not in parsed[0] or "f" not in parsed[0]:
        # without /f it asks; nobody answers, so that nothing is deleted
        console.complain(console.say("syntax", "SCHTASKS"))
        return 1
    if not machine.state.elevated:
        console.complain(console.say("denied"))
        return 1
    name = parsed[0]["tn"].strip("\\")
    if not machine.drive.remove(f"{TASKS}\\{name}"):
        console.complain(console.say("no-task-to-delete", parsed[0]["tn"]))
        return 1
    console.print(console.say("task-deleted", parsed[0]["tn"]))
    return 0
