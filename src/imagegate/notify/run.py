"""Tell the hooks of a run what came of it, after its reports were written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from imagegate.notify.delivery import THREAD, Message, Patience, Undelivered, deliver
from imagegate.notify.hooks import Hook, NotifyOptions
from imagegate.notify.payload import payload
from imagegate.notify.slack import message
from imagegate.report.document import encode
from imagegate.report.stored import Document


def notify(
    document: Document, options: NotifyOptions, say: Callable[[str], None], patience: Patience | None = None
) -> None:
    """Tell every hook, if there is something to tell. What goes wrong is said, and changes nothing else."""
    for name in options.silent:
        say(f"--notify {name}: its variable is empty, so that nobody was told")
    if not options.hooks:
        return
    told = payload(document)
    if not due(told, options.when):
        return
    tool, run = told["tool"], told["run"]["id"]
    bounds = patience or Patience()
    deliveries: list[_Delivery] = []
    for hook in options.hooks:
        body = encode(message(told) if hook.kind == "slack" else told).encode("ascii")
        sent = Message(body=body, name=run, agent=f"{tool['name']}/{tool['version']}")
        deliveries.append(_Delivery(hook=hook, message=sent, bounds=bounds))
    for name, problem in _wait(deliveries, time.monotonic() + bounds.total_s):
        say(f"--notify {name}: the hook was not told of run {run}: {problem}")


class _Delivery(threading.Thread):
    """One hook, told in a thread of its own: a hook that never ends its answer is left alone when time is up."""

    def __init__(self, *, hook: Hook, message: Message, bounds: Patience) -> None:
        super().__init__(name=f"{THREAD}-{hook.variable}", daemon=True)
        self.hook = hook
        self.problem: str | None = None
        self._message = message
        self._bounds = bounds

    def run(self) -> None:
        try:
            deliver(self.hook, self._message, self._bounds)
        except Undelivered as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - a traceback would show the URL, and nothing else depends on it
            self.problem = f"the delivery failed ({type(error).__name__})"


def _wait(deliveries: Sequence[_Delivery], until: float) -> Iterator[tuple[str, str]]:
    for each in deliveries:
        each.start()
    for each in deliveries:
        try:
            each.join(max(0.0, until - time.monotonic()))
        except KeyboardInterrupt:
            until = 0.0
        if each.is_alive():
            yield each.hook.name, "interrupted" if until == 0.0 else "it did not answer in time"
        elif each.problem is not None:
            yield each.hook.name, each.problem


def due(told: dict[str, Any], when: str) -> bool:
    """Whether a run is worth a message.

    ``problem``: its exit code is not 0. ``new``: a fail that stands is new since the baseline, or the run ended with
    something else than 0 and 1 (something could not be seen, a fix failed); without a baseline the same as ``problem``.
    """
    code = told["run"]["exit_code"]
    if when == "always":
        return True
    if when == "new" and told["baseline"] is not None:
        return bool(told["findings"]["new"]) or code not in {0, 1}
    return bool(code != 0)
