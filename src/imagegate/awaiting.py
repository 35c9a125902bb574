"""Waiting for other threads so that Ctrl-C is heard.

A signal that comes right before the main thread goes to sleep, or that the system hands to another thread, does not
wake it: CPython runs handlers in the main thread only, between two of its instructions. Who waits without an end would
hear of it when the work ends by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Future, wait
from queue import Empty, SimpleQueue
from typing import TypeVar

_T = TypeVar("_T")

HEARTBEAT_S = 0.2
"""The longest sleep."""


def result_of(future: Future[_T]) -> _T:
    """What came of ``future``, once it is done; raises what it raised."""
    while not future.done():
        wait([future], timeout=HEARTBEAT_S)
    return future.result()


def as_done(futures: Collection[Future[_T]]) -> Iterator[Future[_T]]:
    """``futures`` in the order in which they end."""
    ended: SimpleQueue[Future[_T]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    left = len(futures)
    while left:
        try:
            future = ended.get(timeout=HEARTBEAT_S)
        except Empty:
            continue
        left -= 1
        yield future
