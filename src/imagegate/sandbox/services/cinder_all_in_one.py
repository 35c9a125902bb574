# mypy: ignore-errors
"""Cinder in one process on an inherited socket: cinder_all_in_one.py FD.

The real API, scheduler and volume manager, joined by oslo.messaging's in-memory transport in place of RabbitMQ, with a
volume driver of our own (cinder_driver.py).
"""

import os
import sys
import traceback

os.environ["OS_CINDER_DISABLE_EVENTLET_PATCHING"] = "1"
descriptor = int(sys.argv[1])
sys.argv = ["cinder-all-in-one", "--config-file", os.environ["SANDBOX_CINDER_CONFIG"]]

from cinder import monkey_patch

monkey_patch.patch(backend="threading")

import sqlite_immediate  # noqa: F401
from cinder import service
from cinder.wsgi import wsgi
from oslo_config import cfg
from serve import listen_forever

BACKEND = "files"


def main():
    """Start the services, then answer requests until SIGTERM."""
    application = wsgi.initialize_application()
    import os_brick  # noqa: PLC0415 - Cinder's options come first

    os_brick.setup(cfg.CONF)
    host = cfg.CONF.host
    for wanted in (
        {"binary": "cinder-volume", "host": f"{host}@{BACKEND}", "service_name": BACKEND},
        {"binary": "cinder-scheduler"},
    ):
        service.Service.create(**wanted).start()
    print("ready", flush=True)
    listen_forever(application, descriptor, threads=8)


try:
    main()
finally:  # main() only ends by failing, and threads of half-started services would keep the process alive
    traceback.print_exc()
    os._exit(1)
