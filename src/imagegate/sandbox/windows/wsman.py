"""The WS-Management service of a stand-in: shells and their commands, strictly by MS-WSMV."""

from __future__ import annotations

import base64
import binascii
import threading
import uuid
import xml.etree.ElementTree as ET  # only for types
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from imagegate.sandbox.windows import soap
from imagegate.sandbox.windows.backends import BackEnd
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.running import ClosedError, Command
from imagegate.sandbox.windows.soap import SHELL, FaultError, Request, tag

_TRANSFER = soap.NAMESPACES["x"]
_STATE = SHELL + "/CommandState/"
_TERMINATE = {f"{SHELL}/signal/terminate", f"{SHELL}/signal/ctrl_c", f"{SHELL}/signal/ctrl_break"}
_MAX_PROCESS_LINE = 32767
_OVERHEAD = 3000
"""Characters of a Receive's answer that are not output."""


@dataclass(slots=True)
class Shell:
    """A shell and its commands by id."""

    code_page: int
    folder: str
    commands: dict[str, Command] = field(default_factory=dict)


class Service:
    """Answers requests. Thread-safe."""

    def __init__(self, machine: Machine, back_end: BackEnd, *, max_shells: int, user: str) -> None:
        self._machine = machine
        self._back_end = back_end
        self._max_shells = max_shells
        self._user = user
        self._shells: dict[str, Shell] = {}
        self._lock = threading.Lock()

    @property
    def open_shells(self) -> int:
        """How many shells are open."""
        return len(self._shells)

    def answer(self, request: Request) -> bytes:
        """The answer's envelope. Raises FaultError."""
        work = {
            f"{_TRANSFER}/Create": self._create,
            f"{_TRANSFER}/Delete": self._delete,
            f"{SHELL}/Command": self._command,
            soap.RECEIVE: self._receive,
            f"{SHELL}/Send": self._send,
            f"{SHELL}/Signal": self._signal,
        }.get(request.action)
        try:
            if work is None:
                raise FaultError(
                    2150858753, "a:ActionNotSupported",
                    f"The action {request.action} is not supported by the service.",
                )  # fmt: skip
            return soap.envelope(request.action + "Response", request.message_id, work(request))
        except FaultError as fault:
            fault.relates_to = request.message_id
            raise

    def _create(self, request: Request) -> str:
        shell = _expected(request, "Shell")
        if request.shell_id is not None:
            raise soap.unexpected_selectors()
        page = _options(request, {"WINRS_NOPROFILE": _flag, "WINRS_CODEPAGE": _number}).get("WINRS_CODEPAGE", "437")
        if set(_words(shell, "InputStreams")) != {"stdin"}:
            raise FaultError(2150859147, "w:InvalidParameter", "The input stream is not valid for the shell.")
        if set(_words(shell, "OutputStreams")) != {"stdout", "stderr"}:
            raise FaultError(2150859149, "w:InvalidParameter", "The desired streams are not valid for the shell.")
        made = str(uuid.uuid4()).upper()
        with self._lock:
            if len(self._shells) >= self._max_shells:
                raise FaultError(
                    2150859173, "w:QuotaLimit",
                    "The WS-Management service cannot process the request. This user is allowed a maximum number of "
                    f"{self._max_shells} concurrent shells, which has been exceeded. Close existing shells or raise "
                    "the quota for this user.",
                )  # fmt: skip
            folder = shell.findtext(tag("rsp", "WorkingDirectory")) or rf"C:\Users\{self._user}"
            self._shells[made] = Shell(int(page), folder)
        selector = f'<w:SelectorSet><w:Selector Name="ShellId">{made}</w:Selector></w:SelectorSet>'
        return (
            f"<x:ResourceCreated><a:Address>{soap.ANONYMOUS}</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{soap.CMD}</w:ResourceURI>{selector}</a:ReferenceParameters></x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{made}</rsp:ShellId><rsp:ResourceUri>{soap.CMD}</rsp:ResourceUri>"
            f"<rsp:Owner>{escape(self._machine.state.name)}\\{escape(self._user)}</rsp:Owner>"
            "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )

    def _delete(self, request: Request) -> str:
        self._shell(request)
        if request.body is not None:
            raise _schema()
        with self._lock:
            shell = self._shells.pop(request.shell_id or "")
        for command in shell.commands.values():
            command.terminate()
        return ""

    def _command(self, request: Request) -> str:
        shell = self._shell(request)
        line = _expected(request, "CommandLine")
        given = _options(request, {"WINRS_CONSOLEMODE_STDIN": _flag, "WINRS_SKIP_CMD_SHELL": _flag})
        if given.get("WINRS_SKIP_CMD_SHELL", "FALSE").upper() == "TRUE":
            raise FaultError(2150858833, "w:InvalidOptions", "The stand-in for Windows runs commands through cmd.exe.")
        words = [_content(line, "Command"), *(part.text or "" for part in line.iterfind(tag("rsp", "Arguments")))]
        text = " ".join(words)
        if not words[0].strip() or "\n" in text or "\r" in text or "\0" in text:
            raise FaultError(87, "w:InvalidParameter", "The parameter is incorrect.")
        if len(text) > _MAX_PROCESS_LINE:
            raise FaultError(206, "w:InternalError", "The filename or extension is too long.", sender=False)
        command = Command()
        with self._lock:
            shell.commands[command.id] = command
        console_mode = given.get("WINRS_CONSOLEMODE_STDIN", "TRUE").upper() == "TRUE"
        if self._machine.lies("never-ends"):
            pass
        elif self._machine.lies("endless-output"):
            threading.Thread(target=_babble, args=(command,), daemon=True).start()
        else:
            self._back_end.run(command, text, code_page=shell.code_page, console_mode=console_mode, folder=shell.folder)
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    def _receive(self, request: Request) -> str:
        desired = _expected(request, "Receive").find(tag("rsp", "DesiredStream"))
        if desired is None or set((desired.text or "").split()) != {"stdout", "stderr"}:
            raise FaultError(2150859149, "w:InvalidParameter", "The desired streams are not valid for the shell.")
        command = self._known(request, desired)
        if self._machine.lies("envelope-too-small"):
            raise FaultError(
                2150858823, "w:EncodingLimit",
                "The WS-Management service cannot process the request because the response is larger than the "
                "MaxEnvelopeSize of the request.",
            )  # fmt: skip
        found = command.receive(request.timeout_s, (request.max_envelope - _OVERHEAD) * 3 // 4)
        if found is None:
            raise FaultError(*soap.OPERATION_TIMED_OUT, sender=False)
        names = ("stdout", "stderr")
        parts = [
            f'<rsp:Stream Name="{name}" CommandId="{command.id}">{base64.b64encode(data).decode()}</rsp:Stream>'
            for name, data in zip(names, found.output, strict=True)
            if data
        ]
        if found.exit_code is None:
            parts.append(f'<rsp:CommandState CommandId="{command.id}" State="{_STATE}Running"/>')
        else:
            parts += [f'<rsp:Stream Name="{name}" CommandId="{command.id}" End="true"/>' for name in names]
            code = f"<rsp:ExitCode>{found.exit_code & 0xFFFFFFFF}</rsp:ExitCode>"
            parts.append(f'<rsp:CommandState CommandId="{command.id}" State="{_STATE}Done">{code}</rsp:CommandState>')
        return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"

    def _send(self, request: Request) -> str:
        streams = _expected(request, "Send").findall(tag("rsp", "Stream"))
        if len(streams) != 1:
            raise _schema()
        command = self._known(request, streams[0])
        if streams[0].get("Name") != "stdin":
            raise FaultError(2150859147, "w:InvalidParameter", "The input stream is not valid for the shell.")
        try:
            data = base64.b64decode("".join((streams[0].text or "").split()), validate=True)
            command.send(data, end=streams[0].get("End", "false").lower() in ("true", "1"))
        except binascii.Error as problem:
            raise _schema() from problem
        except ClosedError as problem:
            raise FaultError(232, "w:InternalError", "The pipe is being closed.", sender=False) from problem
        return "<rsp:SendResponse/>"

    def _signal(self, request: Request) -> str:
        signal = _expected(request, "Signal")
        shell = self._shell(request)
        command = shell.commands.get(signal.get("CommandId", ""))
        if command is None:
            raise soap.unexpected_selectors()
        if _content(signal, "Code").strip() not in _TERMINATE:
            raise FaultError(87, "w:InvalidParameter", "The parameter is incorrect.")
        command.terminate()
        with self._lock:
            shell.commands.pop(command.id, None)
        return "<rsp:SignalResponse/>"

    def _shell(self, request: Request) -> Shell:
        shell = self._shells.get(request.shell_id or "")
        if shell is None:
            raise soap.unexpected_selectors()
        return shell

    def _known(self, request: Request, element: ET.Element) -> Command:
        command = self._shell(request).commands.get(element.get("CommandId", ""))
        if command is None or command.over:
            raise FaultError(2150859085, "w:InvalidParameter", "The command is not one of this shell.")
        return command


def _babble(command: Command) -> None:
    line = b"x" * 78 + b"\r\n"
    pause = threading.Event()
    while not command.terminated:
        command.write(line * 50)
        pause.wait(0.02)


def _schema() -> FaultError:
    return FaultError(2150858817, "w:SchemaValidationError", "The SOAP XML in the message does not match the "
                      "corresponding XML schema definition. Change the XML and retry.")  # fmt: skip


def _expected(request: Request, name: str) -> ET.Element:
    if request.body is None or request.body.tag != tag("rsp", name):
        raise _schema()
    return request.body


def _words(element: ET.Element, name: str) -> list[str]:
    return _content(element, name).split()


def _content(element: ET.Element, name: str) -> str:
    found = element.findall(tag("rsp", name))
    if len(found) != 1:
        raise _schema()
    return found[0].text or ""


def _flag(text: str) -> bool:
    return text.upper() in ("TRUE", "FALSE", "1", "0")


def _number(text: str) -> bool:
    return text.isdigit()


def _options(request: Request, known: dict[str, object]) -> dict[str, str]:
    for name, value in request.options.items():
        check = known.get(name)
        if check is None:
            raise FaultError(2150858834, "w:InvalidOptions", f"The option {name} is not known.")
        if not (_flag if check is _flag else _number)(value):
            raise FaultError(2150858835, "w:InvalidOptions", f"The value of the option {name} is not valid.")
    return request.options
