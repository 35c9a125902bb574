"""A WinRM endpoint that says what a test tells it to, over TLS; what it is not told, it does as it should."""

from __future__ import annotations

import base64
import http.server
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from imagegate.inventory import Auth, Host, Via
from imagegate.sandbox.windows import certificates

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
SECRET = "hunter2-Xyzzy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; ``raw`` is written as it is, and the connection closed after it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


CLOSED = Reply(raw=b"")


def envelope(body: str, relates_to: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/'
        f'addressing" xmlns:rsp="{SHELL}"><s:Header><a:RelatesTo>{relates_to}</a:RelatesTo></s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def received(stdout: bytes = b"", stderr: bytes = b"", code: int | str | None = 0) -> str:
    streams = "".join(
        f'<rsp:Stream Name="{name}">{base64.b64encode(data).decode()}</rsp:Stream>'
        for name, data in (("stdout", stdout), ("stderr", stderr))
    )
    state = "Running" if code is None else "Done"
    end = "" if code is None else f"<rsp:ExitCode>{code}</rsp:ExitCode>"
    return f'{streams}<rsp:CommandState State="{SHELL}/CommandState/{state}">{end}</rsp:CommandState>'


def fault(code: int | str, said: str = "No.", subcode: str = "w:Some") -> Reply:
    detail = f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}"/>'
    body = (
        f"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f"<s:Reason><s:Text>{said}</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
    )
    return Reply(body=envelope(body, "uuid:0"), status=500)


TIMED_OUT = fault(2150858793)
DEFAULTS = {
    "Create": '<rsp:Shell><w Name="ShellId">S-1</w></rsp:Shell>',
    "Command": "<rsp:CommandId>C-1</rsp:CommandId>",
    "Receive": received(b"out\r\n"),
    "Send": "<rsp:SendResponse/>",
    "Signal": "<rsp:SignalResponse/>",
    "Delete": "",
}
Told = str | Reply | Callable[[], "str | Reply"]


class Endpoint:
    """``told[action]`` is the answer to all such requests, or a list of which each is given once. ``actions`` are the
    requests so far, ``sent`` their bodies."""

    def __init__(self, folder: Path) -> None:
        self.told: dict[str, Told | list[Told]] = {}
        self.actions: list[str] = []
        self.sent: list[str] = []
        self.connections = 0
        self.refused = 0
        certificates.ensure_authority(folder)
        self.ca_file = folder / certificates.CA_CERTIFICATE
        certificates.issue(folder, folder / "server.pem", address="127.0.0.1", name="win-01")
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(folder / "server.pem")
        endpoint = self

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address) -> None:
                endpoint.connections += 1
                if endpoint.refused >= endpoint.connections:
                    request.close()
                    return
                try:
                    tls = endpoint._tls.wrap_socket(request, server_side=True)
                except OSError:
                    return
                with tls:
                    super().finish_request(tls, client_address)

            def handle_error(self, request, client_address) -> None:
                """A client that went away is nothing to tell."""

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                endpoint._answer(self)

            def log_message(self, *_args) -> None:
                """Nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> Host:
        return Host(
            name="win-01",
            address="127.0.0.1",
            port=self._server.server_address[1],
            transport=Via.WINRM,
            user="Administrator",
            password_env="WINRM_TEST",
            auth=Auth.BASIC,
            ca_file=self.ca_file,
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        request = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        found = re.search(r"<a:Action[^>]*>[^<]*/(\w+)</a:Action>", request)
        action = found[1] if found else "?"
        self.actions.append(action)
        self.sent.append(request)
        told = self.told.get(action, DEFAULTS[action])
        if isinstance(told, list):
            told = told.pop(0) if told else DEFAULTS[action]
        given = told() if callable(told) else told
        message = re.search(r"<a:MessageID>([^<]*)</a:MessageID>", request)
        assert message
        reply = Reply(body=envelope(given, message[1])) if isinstance(given, str) else given
        if reply.raw is not None:
            handler.wfile.write(reply.raw)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)
