# mypy: ignore-errors
"""Serve one WSGI application on an inherited listening socket: serve.py FD MODULE THREADS.

The sandbox opens the socket itself and hands it over, so the port cannot be lost to anybody between
choosing and binding it, and a client that comes early simply waits in the queue.

MODULE holds `application`. Keystone reads sys.argv while it is imported, so our arguments are taken
away first.
"""

import faulthandler
import importlib
import os
import signal
import socket
import sys

import waitress


def listen_forever(application, descriptor, threads):
    """Serve `application` on the listening socket `descriptor` until SIGTERM. SIGUSR1 writes all stacks to the log."""
    faulthandler.register(signal.SIGUSR1)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    listener = socket.socket(fileno=descriptor)
    waitress.serve(application, sockets=[listener], threads=threads, _quiet=True)


def main():
    """Import the application and serve it."""
    descriptor, module, threads = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    sys.argv = [module]
    if module != "neutron_stub":
        importlib.import_module("sqlite_immediate")
    listen_forever(importlib.import_module(module).application, descriptor, threads)


if __name__ == "__main__":
    main()
