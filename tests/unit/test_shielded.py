"""Signals interrupt where they may; elsewhere the first is told, and the second goes through."""

import signal
import threading

import pytest

from imagegate.shielded import Shielded

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_an_open_stretch_is_interrupted_and_the_tidying_up_is_not(number):
    told, before = [], signal.getsignal(number)
    with Shielded(lambda: told.append("busy")) as shield:
        with pytest.raises(KeyboardInterrupt), shield.open():
            signal.raise_signal(number)
        assert told == []
        signal.raise_signal(number)  # while it tidies up
        assert told == ["busy"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


@BOTH
def test_a_signal_before_an_open_stretch_is_raised_by_it(number):
    done = []
    with Shielded(lambda: None) as shield:
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt), shield.open():
            done.append("work")
    assert done == []


def test_handlers_are_put_back_after_an_error_too():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="x"), Shielded(lambda: None):
        raise ValueError("x")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_change_no_handlers():
    seen = []

    def work():
        with Shielded(lambda: None) as shield, shield.open():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
