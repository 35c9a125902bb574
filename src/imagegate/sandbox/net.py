"""Loopback addresses, free ports, and a little HTTP."""

from __future__ import annotations

import http.client
import json
import random
import socket
from dataclasses import dataclass
from typing import Any

from imagegate.sandbox.errors import SandboxError

LOOPBACK = "127.0.0.1"
GUEST_PORT = 2222
"""Where the sshd of each guest listens, each on an address of its own."""
_PORTS = range(20000, 32000)  # below the kernel's own choices, so that a stopped service finds its port again
_TRIES = 200


def listen(port: int | None = None) -> socket.socket:
    """A listening socket on loopback: on ``port``, or on a free one."""
    for _ in range(_TRIES):
        candidate = port or random.choice(_PORTS)  # noqa: S311  # a port number is no secret
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, candidate))
        except OSError as problem:
            listener.close()
            if port is not None:
                message = f"Port {port} of the sandbox is in use by another program ({problem}); end that one first."
                raise SandboxError(message) from problem
        else:
            listener.listen(128)
            return listener
    message = f"No free port found on {LOOPBACK} in {_TRIES} tries."
    raise SandboxError(message)


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def speaks_ssh(address: str, port: int) -> bool:
    """Whether an SSH server answers there."""
    try:
        with socket.create_connection((address, port), 1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def free_network() -> str:
    """The first three numbers of a loopback network nobody listens in, for guests: ``127.a.b``."""
    for _ in range(_TRIES):
        second, third = random.randint(16, 254), random.randint(1, 254)  # noqa: S311
        network = f"127.{second}.{third}"
        if is_free(f"{network}.2", GUEST_PORT):
            return network
    message = f"Port {GUEST_PORT} is taken on every loopback network: does something listen on it on all addresses?"
    raise SandboxError(message)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body or b"null")


def request(
    port: int,
    method: str,
    path: str,
    *,
    body: object = None,
    headers: dict[str, str] | None = None,
    timeout: float = 60,
) -> Answer:
    """One HTTP request to a service of the sandbox; no proxies, no redirects. A body of bytes is sent as it is."""
    sent = dict(headers or {})
    data: bytes | None = None
    if isinstance(body, bytes):
        data = body
        sent.setdefault("Content-Type", "application/octet-stream")
    elif body is not None:
        data = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, response.read())
    finally:
        connection.close()
