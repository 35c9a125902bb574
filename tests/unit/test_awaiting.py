"""Waiting for threads: in the order in which they end, and not deaf to signals."""

import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from imagegate.awaiting import as_done, result_of

WAYS = [result_of, lambda future: next(as_done([future]))]


class Watched(Future):
    """One that never ends, and tells when it is waited for."""

    def __init__(self, told):
        self.told = told
        super().__init__()

    def done(self):
        self.told()
        return super().done()

    def add_done_callback(self, fn):
        self.told()
        super().add_done_callback(fn)


@pytest.mark.parametrize("way", WAYS, ids=["one", "several"])
def test_a_signal_that_wakes_nobody_interrupts_the_wait(way):
    """The system may hand it to any thread: then the main thread sleeps on."""

    def strike():
        while not waiting.is_set():
            time.sleep(0.001)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    waiting = threading.Event()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=strike)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            way(Watched(waiting.set))
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


def test_the_result_or_the_error_of_the_work():
    with ThreadPoolExecutor() as pool:
        assert result_of(pool.submit(lambda: 7)) == 7
        with pytest.raises(TimeoutError, match="its own"):
            result_of(pool.submit(raising, TimeoutError("its own")))


def raising(error):
    raise error


def test_each_future_once_in_the_order_in_which_they_end():
    futures = [Future() for _ in range(4)]
    futures[2].set_result(2)
    ended = as_done(futures)
    assert next(ended) is futures[2]
    futures[3].set_exception(ValueError())
    futures[0].cancel()
    futures[1].set_result(1)
    assert list(ended) == [futures[3], futures[0], futures[1]]
    assert list(as_done([])) == []
