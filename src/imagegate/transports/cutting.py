"""Connections of urllib3 that somebody else can end while an answer is waited for."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

Opened = Callable[[socket.socket], None]


class Sockets:
    """The sockets of a session. After ``cut`` each one that opens is ended at once, too. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.ended = False

    def add(self, connection: socket.socket) -> None:
        """Take note of a connection that was opened."""
        with self._lock:
            self._open.add(connection)
            if self.ended:
                _end(connection)

    def cut(self) -> None:
        """End what is under way, from another thread, and whatever comes."""
        with self._lock:
            self.ended = True
            for connection in self._open:
                _end(connection)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was closed already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, opened: Opened, **more: Any) -> None:
        super().__init__(*args, **more)
        self._opened = opened

    def connect(self) -> None:
        super().connect()
        self._opened(self.sock)


class TlsConnection(HTTPSConnection):
    """As urllib3's, and tells ``opened`` its socket."""

    def __init__(self, *args: Any, opened: Opened, **more: Any) -> None:
        super().__init__(*args, **more)
        self._opened = opened

    def connect(self) -> None:
        """Connect, with TLS."""
        super().connect()
        if self.sock is not None:
            self._opened(self.sock)


class Pool(HTTPConnectionPool):
    """As urllib3's; takes ``opened``, which is told each socket."""

    ConnectionCls = _Connection


class TlsPool(HTTPSConnectionPool):
    """As urllib3's; takes ``opened``, which is told each socket."""

    ConnectionCls = TlsConnection
