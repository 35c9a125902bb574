"""WS-Management messages: reading requests strictly, writing answers and faults as Windows does.

Sources: DSP0226 (WS-Management), MS-WSMV, and the constants ERROR_WSMAN_* of the Windows SDK (wsmerror.h).
"""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET  # only for types and errors
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "e": "http://schemas.xmlsoap.org/ws/2004/08/eventing",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
SHELL = NAMESPACES["rsp"]
CMD = SHELL + "/cmd"
RECEIVE = SHELL + "/Receive"
ANONYMOUS = NAMESPACES["a"] + "/role/anonymous"
FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
FAULT_NAMESPACE = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
MIN_ENVELOPE = 8192
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_KNOWN_HEADERS = {("a", "To"), ("a", "ReplyTo"), ("a", "MessageID"), ("a", "Action"), ("w", "MaxEnvelopeSize"),
                  ("w", "Locale"), ("w", "OperationTimeout"), ("w", "ResourceURI"), ("w", "SelectorSet"),
                  ("w", "OptionSet"), ("p", "DataLocale"), ("p", "SessionId"), ("p", "OperationID"),
                  ("p", "SequenceId"), ("p", "Activityid")}  # fmt: skip
_REQUIRED = (("a", "To"), ("a", "ReplyTo"), ("a", "MessageID"), ("w", "ResourceURI"), ("w", "MaxEnvelopeSize"),
             ("w", "OperationTimeout"))  # fmt: skip


@dataclass(slots=True)
class FaultError(Exception):
    """A SOAP fault: ``code`` is that of WSManFault, ``sender`` tells whose fault it is."""

    code: int
    subcode: str
    reason: str
    sender: bool = True
    relates_to: str | None = None


OPERATION_TIMED_OUT = (
    2150858793, "w:TimedOut",
    "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
)  # fmt: skip
_SCHEMA = (
    "The SOAP XML in the message does not match the corresponding XML schema definition. Change the XML and retry."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that is well-formed; whether what it asks for exists is for the service to say."""

    action: str
    message_id: str
    timeout_s: float
    max_envelope: int
    shell_id: str | None
    options: dict[str, str]
    body: ET.Element | None


def tag(prefix: str, name: str) -> str:
    """A name in the way of ElementTree."""
    return f"{{{NAMESPACES[prefix]}}}{name}"


def parse(data: bytes) -> Request:
    """Read a request. Raises FaultError for whatever Windows or the standard would not take."""
    try:
        root = defusedxml.ElementTree.fromstring(data, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise FaultError(2150858817, "w:SchemaValidationError", _SCHEMA) from problem
    if root.tag != tag("s", "Envelope"):
        raise FaultError(2150858765, "s:VersionMismatch", "The SOAP version of the request is not supported.")
    header, body = root.find(tag("s", "Header")), root.find(tag("s", "Body"))
    if header is None or body is None or len(body) > 1:
        raise FaultError(2150858817, "w:SchemaValidationError", _SCHEMA)
    message_id = (header.findtext(tag("a", "MessageID")) or "").strip() or None
    try:
        return _read(header, body, message_id)
    except FaultError as fault:
        fault.relates_to = message_id
        raise


def _read(header: ET.Element, body: ET.Element, message_id: str | None) -> Request:
    found: dict[tuple[str, str], ET.Element] = {}
    prefixes = {uri: prefix for prefix, uri in NAMESPACES.items()}
    for element in header:
        namespace, _, name = element.tag[1:].partition("}")
        known = (prefixes.get(namespace, ""), name)
        if known not in _KNOWN_HEADERS:
            if _must_understand(element):
                raise FaultError(2150858768, "s:MustUnderstand",
                                 f"The WS-Management service cannot process the header {name}.")  # fmt: skip
            continue
        if known in found:
            raise FaultError(2150858817, "w:SchemaValidationError", _SCHEMA)
        found[known] = element
    action = _text(found.get(("a", "Action")))
    if not action:
        raise _required("Action")
    for key in _REQUIRED:
        if key not in found:
            raise _required(key[1])
    for key in (("a", "Action"), ("w", "ResourceURI")):
        if not _must_understand(found[key]):
            raise FaultError(2150858767, "a:InvalidMessageInformationHeader",
                             f"The header {key[1]} must be marked mustUnderstand.")  # fmt: skip
    reply_to = found["a", "ReplyTo"].findtext(tag("a", "Address"), "").strip()
    if message_id is None or not message_id.startswith("uuid:") or reply_to != ANONYMOUS:
        raise FaultError(2150858767, "a:InvalidMessageInformationHeader",
                         "A header is not valid and the message cannot be processed.")  # fmt: skip
    if _text(found["w", "ResourceURI"]) != CMD:
        raise FaultError(
            2150858752, "a:DestinationUnreachable",
            "The WS-Management service cannot process the request. The resource URI "
            f"({_text(found['w', 'ResourceURI'])}) was not found in the WS-Management catalog.",
        )  # fmt: skip
    selectors = [] if ("w", "SelectorSet") not in found else found["w", "SelectorSet"].findall(tag("w", "Selector"))
    if len(selectors) > 1 or any(selector.get("Name") != "ShellId" for selector in selectors):
        raise unexpected_selectors()
    options = [] if ("w", "OptionSet") not in found else found["w", "OptionSet"].findall(tag("w", "Option"))
    return Request(
        action=action,
        message_id=message_id,
        timeout_s=_seconds(_text(found["w", "OperationTimeout"])),
        max_envelope=_envelope(_text(found["w", "MaxEnvelopeSize"])),
        shell_id=_text(selectors[0]) if selectors else None,
        options={option.get("Name", ""): _text(option) for option in options},
        body=body[0] if len(body) else None,
    )


def unexpected_selectors() -> FaultError:
    """The fault for a selector too many, one too few, or a shell that is not there."""
    return FaultError(
        2150858843, "w:InvalidSelectors",
        "The WS-Management service cannot process the request because the request contained invalid selectors for the "
        "resource.",
    )  # fmt: skip


def _required(name: str) -> FaultError:
    reason = f"The WS-Management service cannot process the request because the required header {name} is missing."
    return FaultError(2150858769, "a:MessageInformationHeaderRequired", reason)


def _must_understand(element: ET.Element) -> bool:
    """Marked with the attribute of SOAP, or, as pywinrm and others write it, without its namespace."""
    marks = (element.get(tag("s", "mustUnderstand")), element.get("mustUnderstand"))
    return any(mark is not None and mark.strip().lower() in ("true", "1") for mark in marks)


def _text(element: ET.Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        raise FaultError(2150858881, "w:InvalidTimeout", "The OperationTimeout header is not valid.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _envelope(text: str) -> int:
    if not text.isdigit() or int(text) < MIN_ENVELOPE:
        raise FaultError(
            2150858878, "w:EncodingLimit",
            f"The WS-Management service cannot process the request. MaxEnvelopeSize must be at least {MIN_ENVELOPE}.",
        )  # fmt: skip
    return int(text)


def envelope(action: str, relates_to: str | None, body: str) -> bytes:
    """An answer."""
    declared = " ".join(f'xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in ("s", "a", "x", "w", "rsp", "p"))
    related = "" if relates_to is None else f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>"
    return (
        f'<s:Envelope xml:lang="en-US" {declared}><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{ANONYMOUS}</a:To>{related}</s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault(problem: FaultError, machine: str) -> bytes:
    """A fault as an answer; it goes with HTTP 500."""
    who = "s:Sender" if problem.sender else "s:Receiver"
    reason = escape(problem.reason)
    body = (
        f"<s:Fault><s:Code><s:Value>{who}</s:Value><s:Subcode><s:Value>{problem.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{reason}</s:Text></s:Reason>'
        f'<s:Detail><f:WSManFault xmlns:f="{FAULT_NAMESPACE}" Code="{problem.code}" Machine={quoteattr(machine)}>'
        f"<f:Message>{reason}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )
    return envelope(FAULT_ACTION, problem.relates_to, body)
