"""HTTP to one WinRM endpoint: pywinrm's requests session on a connection pool of our own.

It has what pywinrm lacks: a deadline for each answer and a cap on its size, no proxy and no redirect, trust in the
certificates that the inventory names, an end to whatever is under way when somebody else calls ``abort``, and no XML
for pywinrm's parser that could hurt.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import ParseError

import requests
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from winrm.transport import Transport

from imagegate.inventory import Host
from imagegate.transports.cutting import Pool, TlsConnection, TlsPool

PORTS: Mapping[str, int] = {"http": 5985, "https": 5986}
MAX_ANSWER = 4 << 20
"""Bytes of one HTTP answer; an endpoint is asked for envelopes of at most 150 KB."""

_CONNECT_S = 10.0
_CHUNK = 1 << 16
_ENVELOPE = "{http://www.w3.org/2003/05/soap-envelope}Envelope"
_PAGE = re.compile(rb"\s*<(?:!doctype\s+)?html\b", re.IGNORECASE)


class Unacceptable(Exception):
    """What came back is refused. The message says why, without its content."""


class _Answer(requests.Response):
    """A response whose body is read until ``until`` (of ``time.monotonic``) and up to ``MAX_ANSWER``, as it comes."""

    until = 0.0

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: Any = None) -> Iterator[Any]:
        size = 0
        while True:
            try:
                chunk = self.raw.read1(_CHUNK, decode_content=False)
            except (HTTPError, OSError) as error:
                raise requests.ConnectionError(error) from None
            if not chunk:
                return
            size += len(chunk)
            if size > MAX_ANSWER:
                raise Unacceptable(f"an answer of more than {MAX_ANSWER >> 20} MiB came")
            if time.monotonic() > self.until:
                raise requests.ReadTimeout
            yield chunk


class _TlsConnection(TlsConnection):
    """``is_verified`` is what makes urllib3 warn at each request; the report says it once, of each host."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True


class _TlsPool(TlsPool):
    ConnectionCls = _TlsConnection


class Wire(HTTPAdapter):
    """The connections of one exchange. ``stop`` forbids further requests.

    ``until`` ends every answer; ``patience_s`` is how long an answer may take. ``requests`` counts what was sent;
    ``offers`` is what the endpoint last offered for a login, ``accepted`` whether a request ever came through.
    """

    def __init__(self, host: Host, *, until: float, stop: threading.Event) -> None:
        self.until = until
        self.patience_s = _CONNECT_S
        self.requests = 0
        self.offers = ""
        self.accepted = False
        self._stop = stop
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        port = host.port or PORTS[host.scheme]
        self._pool: HTTPConnectionPool = (
            _TlsPool(host.address, port, maxsize=1, ssl_context=_trust(host), opened=self._opened)
            if host.scheme == "https"
            else Pool(host.address, port, maxsize=1, opened=self._opened)
        )
        super().__init__()

    def _opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connection)

    def abort(self) -> None:
        """End what is under way, from another thread."""
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):  # it was closed already
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        left_s = self.until - time.monotonic()
        if self._stop.is_set() or left_s <= 0:
            raise requests.ReadTimeout
        self.requests += 1
        timeout = (min(_CONNECT_S, left_s), min(self.patience_s, left_s))
        response = super().send(request, stream=True, timeout=timeout, verify=True, cert=None, proxies=None)
        if 300 <= response.status_code < 400:
            response.close()
            raise Unacceptable("it answers with a redirect, which is not followed: this is no WinRM endpoint")
        if response.status_code == 401:
            self.offers = response.headers.get("WWW-Authenticate", self.offers)
        else:
            self.accepted = True
        return response

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        answer = _Answer()
        answer.__dict__.update(super().build_response(req, resp).__dict__)
        answer.until = min(self.until, time.monotonic() + self.patience_s)
        return answer

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the pool's TLS context decides."""

    def close(self) -> None:
        super().close()
        self._pool.close()
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()


def _trust(host: Host) -> ssl.SSLContext:
    """Raises OSError (``ssl.SSLError`` is one) if ``ca_file`` cannot be read."""
    context = ssl.create_default_context(cafile=None if host.ca_file is None else str(host.ca_file))
    if not host.certificate_checking:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class SafeTransport(Transport):
    """pywinrm's transport over a ``Wire``; what it hands on to be parsed has no document type and no entities."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        super().__init__(**options)
        self._wire = wire

    def build_session(self) -> requests.Session:
        session = self._over_wire(super().build_session())
        if isinstance(session.auth, HTTPBasicAuth):  # requests would write it in ISO 8859-1, where it can
            session.auth = HTTPBasicAuth((self.username or "").encode(), (self.password or "").encode())
        return session

    def setup_encryption(self, session: requests.Session) -> None:
        super().setup_encryption(self._over_wire(session))

    def _over_wire(self, session: requests.Session) -> requests.Session:
        session.headers["Accept-Encoding"] = "identity"
        session.mount("https://", self._wire)
        session.mount("http://", self._wire)
        return session

    def _get_message_response_text(self, response: requests.Response) -> bytes:
        body: bytes = super()._get_message_response_text(response)
        return body if is_soap(body, must_be=response.ok) else b""


def is_soap(body: bytes, *, must_be: bool) -> bool:
    """Whether ``body`` is a SOAP envelope that any parser may see. Raises ``Unacceptable`` if it would hurt one,
    and, where it ``must_be`` an envelope, if it is none."""
    try:
        if fromstring(body, forbid_dtd=True).tag == _ENVELOPE:
            return True
    except DefusedXmlException:
        if not _PAGE.match(body):
            raise Unacceptable("XML with a document type came, which is refused") from None
    except (ParseError, ValueError, LookupError):
        pass
    if must_be:
        came = "a web page came" if _PAGE.match(body) else "what came is no SOAP"
        raise Unacceptable(f"this is no WinRM endpoint ({came})")
    return False
