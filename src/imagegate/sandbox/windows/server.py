"""The HTTP side of a stand-in: one endpoint, ``/wsman``, on a connection whose identity is checked first."""

from __future__ import annotations

import http.server
import secrets
import socket
import ssl
import sys
import threading
from collections.abc import Sequence
from typing import Any

from imagegate.sandbox.windows import soap
from imagegate.sandbox.windows.authentication import ENCRYPTED_TYPE, Credentials, Identity, UndecipherableError
from imagegate.sandbox.windows.machine.machine import Machine
from imagegate.sandbox.windows.soap import FaultError
from imagegate.sandbox.windows.wsman import Service

MAX_BODY = 512_000
"""Bytes: MaxEnvelopeSizekb is 500 by default; http.sys answers 413 to more."""
_DRAINED = 64 * 1024 * 1024
"""Bytes of a body too large that are read, so that the client can read the answer."""
_SOAP_TYPE = "application/soap+xml;charset=UTF-8"
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {name} "{f"&{old};" * 10}">' for old, name in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Proxy sign-in</h1></body></html>"


class Server(http.server.ThreadingHTTPServer):
    """Serves on a socket that listens already."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        listener: socket.socket,
        *,
        service: Service,
        machine: Machine,
        credentials: Credentials,
        schemes: frozenset[str],
        tls: ssl.SSLContext | None,
        certificate: bytes | None,
    ) -> None:
        super().__init__(listener.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.service = service
        self.machine = machine
        self.credentials = credentials
        self.schemes = schemes
        self.tls = tls
        self.certificate = certificate

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one connection, in its own thread: the TLS handshake too, so that nobody's holds up the others."""
        if self.tls is not None:
            request.settimeout(30)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
            request.settimeout(None)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell; anything else is, as usual, in the log."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError | TimeoutError):
            super().handle_error(request, client_address)


class _DroppedError(ConnectionError):
    """The connection is closed without an answer, as a liar wants it."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; its identity lives as long as it does."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def setup(self) -> None:
        super().setup()
        self._identity = Identity(self.server.credentials, self.server.schemes, self.server.certificate)

    def version_string(self) -> str:
        """What the header Server says."""
        return self.server_version

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: headers hold credentials."""

    def do_GET(self) -> None:
        """WinRM takes POST only."""
        self._reply(405)

    do_PUT = do_HEAD = do_GET  # noqa: N815  # as http.server calls them

    def do_POST(self) -> None:
        """One message."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            self._reply(411)
            return
        if int(length) > MAX_BODY:
            self.close_connection = True
            left = min(int(length), _DRAINED)
            while left > 0 and (part := self.rfile.read(min(65536, left))):
                left -= len(part)
            self._reply(413)
            return
        body = self.rfile.read(int(length))
        if self.path.rstrip("/").lower() != "/wsman":
            self._reply(404)
            return
        given = self.headers.get("Authorization")
        challenges = self._identity.challenges
        if given is not None:
            answer = self._identity.authenticate(given)
            if answer is not None:
                self._reply(401, challenges=answer)
                return
        if not self._identity.known or self.server.machine.lies("unauthorized"):
            self._reply(401, challenges=challenges)
            return
        self._message(body)

    def _message(self, body: bytes) -> None:
        kind = self.headers.get("Content-Type", "")
        encrypted = kind.startswith("multipart/encrypted")
        if not body:
            self._reply(200)
            return
        if encrypted != self._identity.encrypts:
            self._reply(500)  # AllowUnencrypted is false; over TLS nothing is encrypted twice
            return
        if encrypted:
            try:
                body = self._identity.decrypt(body)
            except UndecipherableError:
                self._reply(400)
                return
        elif kind.partition(";")[0].strip().lower() != "application/soap+xml":
            self._reply(415)
            return
        code, answer = self._answer(body)
        if encrypted:
            self._reply(code, self._identity.encrypt(answer), ENCRYPTED_TYPE)
        else:
            self._reply(code, answer, _SOAP_TYPE)

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        machine = self.server.machine
        try:
            request = soap.parse(body)
            if request.action == soap.RECEIVE:
                self._drop_or_stall()
            answer = self.server.service.answer(request)
        except FaultError as fault:
            return 500, soap.fault(fault, machine.state.name)
        if machine.lies("garbage"):
            return 200, b"\x00\xff<" + secrets.token_bytes(200)
        if machine.lies("entity-bomb"):
            text = answer.decode().replace("</s:Body>", "&i;</s:Body>")
            return 200, (_BOMB + text).encode()
        if machine.lies("html-page"):
            return 200, _PAGE
        return 200, answer

    def _drop_or_stall(self) -> None:
        if self.server.machine.lies("connection-closed"):
            self.close_connection = True
            raise _DroppedError("a liar closes the connection")
        if self.server.machine.lies("stalls"):
            threading.Event().wait()

    def _reply(self, code: int, body: bytes = b"", kind: str | None = None, *, challenges: Sequence[str] = ()) -> None:
        self.send_response(code)
        for challenge in challenges:
            self.send_header("WWW-Authenticate", challenge)
        if kind is not None:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
