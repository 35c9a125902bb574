"""The process of one stand-in: ``python -m imagegate.sandbox.windows.peer FOLDER [boot]``."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

from imagegate.sandbox.paths import write_private
from imagegate.sandbox.windows import certificates, places
from imagegate.sandbox.windows.authentication import Credentials
from imagegate.sandbox.windows.backends import opened
from imagegate.sandbox.windows.machine.boot import boot
from imagegate.sandbox.windows.server import Server
from imagegate.sandbox.windows.wsman import Service

_REBOOT_S = 0.2
"""For how long a machine that restarts is away, at least."""


class Peer:
    """A machine that is on, and its power button."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = places.load(folder)
        self._ended = threading.Event()
        self._how = "pulled"
        self.machine, self._back_end = opened(folder, self._kept)
        self.machine.host = self

    def spawn(self, line: str, folder: str) -> int:
        """Start a program that outlives the session."""
        return self._back_end.spawn(line, folder)

    def power(self, action: str, delay_s: float = 0) -> None:
        """``off`` or ``reboot``, after a delay; the first of several counts."""
        timer = threading.Timer(delay_s, self._end, [action])
        timer.daemon = True
        timer.start()

    def pull(self) -> None:
        """The power goes from outside."""
        self._ended.set()

    def _end(self, how: str) -> None:
        if not self._ended.is_set():
            self._how = how
            self._ended.set()

    def run(self, *, booting: bool) -> str:
        """Be on until the power goes; how it went: ``pulled``, ``off`` or ``reboot``."""
        self._back_end.open()
        if booting:
            boot(self.machine)
        server = self._server()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        write_private(self._folder / places.READY, str(os.getpid()))
        while not self._ended.wait(0.5):
            pass  # a signal that another thread got is handled in this one, when it next wakes
        (self._folder / places.READY).unlink()
        server.shutdown()
        server.server_close()
        self._back_end.close()
        with self.machine.changing() as state:
            state.power = "off"
        return self._how

    def _server(self) -> Server:
        kept = self._kept
        tls = certificate = None
        if kept.scheme == "https":
            file = self._folder / certificates.SERVER_CERTIFICATE
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(file)
            certificate = certificates.der(file)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((kept.address, kept.port))
        listener.listen(128)
        return Server(
            listener,
            service=Service(self.machine, self._back_end, max_shells=kept.max_shells, user=kept.user),
            machine=self.machine,
            credentials=Credentials(self._folder / places.CREDENTIALS),
            schemes=frozenset(kept.auth),
            tls=tls,
            certificate=certificate,
        )

    def off(self) -> None:
        """Tell who wants to know that the machine powered itself off."""
        if self._kept.on_power_off:
            subprocess.Popen(self._kept.on_power_off, stdin=subprocess.DEVNULL, start_new_session=True)


def main(arguments: list[str]) -> None:
    """Run the stand-in in a folder until its power goes."""
    folder = Path(arguments[0])
    peer = Peer(folder)
    signal.signal(signal.SIGTERM, lambda *_: peer.pull())
    how = peer.run(booting="boot" in arguments[1:])
    if how == "off":
        peer.off()
    if how == "reboot":
        threading.Event().wait(_REBOOT_S)
        # the same process, so that who watches it sees that it is there; its connections are closed with it
        os.execv(sys.executable, [sys.executable, "-m", "imagegate.sandbox.windows.peer", str(folder), "boot"])  # noqa: S606
    os._exit(0)  # threads of commands that never end do not hold it up


if __name__ == "__main__":
    main(sys.argv[1:])
