"""More of the conftest of a run inside a test: signals that come at exact points, as ``STRIKES`` says.

``STRIKES`` is JSON: ``at`` are points, ``signal`` a number; ``all``: at every call of one of them, not only at the first.
Each point writes its name into the file ``struck`` when it strikes.
"""

import json
import os
import signal
import threading

import imagegate.journal
import imagegate.pytest_gate
import imagegate.report.write
import imagegate.run
import imagegate.runs.store
import imagegate.shielded
from imagegate.engine import Engine
from imagegate.pytest_screen import Screen

HEARD = threading.Event()


def strike(point):
    if point in ORDERS["at"] and (ORDERS["all"] or point not in STRUCK):
        STRUCK.append(point)
        note("struck", point)  # noqa: F821 - of fake_cloud.py, behind which this stands
        HEARD.clear()
        signal.pthread_kill(threading.main_thread().ident, ORDERS["signal"])
        if threading.current_thread() is not threading.main_thread():
            HEARD.wait(30)


def striking(function, name):
    def struck(*args, **more):
        strike(f"before {name}")
        result = function(*args, **more)
        strike(f"after {name}")
        return result

    return struck


def hears(cls):
    came = cls._came

    def heard(self, number, frame):
        HEARD.set()
        return came(self, number, frame)

    cls._came = heard


ORDERS, STRUCK = json.loads(os.environ.get("STRIKES", "{}")), []
PLACES = {
    "look": (Cloud, "look"),  # noqa: F821 - as above
    "apply": (Cloud, "apply"),  # noqa: F821
    "journal": (imagegate.journal, "append"),
    "judge": (Engine, "judge"),
    "plan": (Engine, "plan"),
    "mend": (Engine, "mend"),
    "result": (imagegate.run.Run, "_result"),
    "item": (imagegate.pytest_gate.Gate, "_report"),
    "file": (imagegate.report.write, "write_file"),
    "link": (imagegate.report.write, "_point"),
    "index": (imagegate.runs.store, "remember"),
    "show": (Screen, "show"),
}
if ORDERS:
    for name, (owner, attribute) in PLACES.items():
        setattr(owner, attribute, striking(getattr(owner, attribute), name))
    for cls in (imagegate.shielded.Shielded, imagegate.pytest_gate.Gate):
        hears(cls)
