"""What an answer file for sysprep would do. Its content, which may hold passwords, goes no further than this.

Source: Microsoft, "Unattended Windows Setup Reference": ``settings pass=…``, passwords with ``Value`` and
``PlainText``, ``SkipRearm`` of the component Microsoft-Windows-Security-SPP.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from imagegate.probes.answer_file import AnswerFileFact
from imagegate.transports.text import clean

_NS = "{urn:schemas-microsoft-com:unattend}"
_SPP = "microsoft-windows-security-spp"
_DELETED = "*SENSITIVE*DATA*DELETED*"
_DECLARED = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']""")
_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,300}\?>")
_FOREIGN = re.compile(r"(?:euc[-_]?kr|ks_c_5601[-_]1987|cp[0-9]{3,5}|windows-[0-9]{3,4}|shift[-_]jis|big5|gb[a-z0-9]+)")
"""Encodings of several bytes, which Windows reads and the parser here does not."""


def classify(content: bytes) -> AnswerFileFact:
    """What ``content`` is and does."""
    try:
        root = fromstring(_readable(content), forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        return _malformed(
            f"no well-formed XML (line {line}, column {column + 1})" if content.strip() else "it is empty"
        )
    except DefusedXmlException:
        return _malformed("it has a document type")
    except (ValueError, LookupError):
        return _malformed("its encoding cannot be read")
    if root.tag != f"{_NS}unattend":
        return _malformed("it is no answer file of the namespace urn:schemas-microsoft-com:unattend")
    rearms = {(element.text or "").strip() for element in _rearms(root)}
    if len(rearms) > 1 or not all(re.fullmatch("[0-9]", rearm) for rearm in rearms):
        return _malformed("its SkipRearm is not one number")
    password = any(map(_is_password, root.iter()))
    return AnswerFileFact(
        state="readable",
        passes=tuple(sorted({clean(name, 40) for name in _passes(root)})),
        password=password,
        skip_rearm=int(rearms.pop()) if rearms else None,
        sha256=None if password else hashlib.sha256(content).hexdigest(),
    )


def _malformed(problem: str) -> AnswerFileFact:
    return AnswerFileFact(state="malformed", problem=problem)


def _readable(content: bytes) -> bytes | str:
    declared = _DECLARED.match(content)
    encoding = declared[1].decode("ascii").lower() if declared else ""
    if not _FOREIGN.fullmatch(encoding):
        return content
    return _DECLARATION.sub("", content.decode(encoding), count=1)


def _passes(root: Element) -> Iterator[str]:
    for settings in root.iter(f"{_NS}settings"):
        name = settings.get("pass")
        if name:
            yield name


def _rearms(root: Element) -> Iterator[Element]:
    for component in root.iter(f"{_NS}component"):
        if (component.get("name") or "").strip().lower() == _SPP:
            yield from component.iter(f"{_NS}SkipRearm")


def _is_password(element: Element) -> bool:
    """Whether an element holds a password: as its text, or in ``Value``, in clear or in Base64. Setup itself writes a
    mark in place of those that it has used."""
    name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    if not name.lower().endswith("password"):
        return False
    values = [element.text, *(child.text for child in element if _local(child) == "value")]
    return any(not _is_blank((value or "").strip(), name) for value in values)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _is_blank(value: str, name: str) -> bool:
    """Whether a value is no password: nothing, the mark of Setup, or the Base64 of an empty one, which is that of the
    element's name (Windows SIM appends it to each password before it is encoded)."""
    if not value or value == _DELETED:
        return True
    try:
        return base64.b64decode(value, validate=True).decode("utf-16-le") == name
    except ValueError:  # no Base64, or no text
        return False
