"""Signals interrupt where they may; elsewhere the first is told, and none goes through."""

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
        assert (told, shield.pending) == ([], 0)
        for _ in range(3):  # while it tidies up and reports
            signal.raise_signal(number)
        assert (told, shield.pending) == (["busy"], 3)
    assert signal.getsignal(number) is before


@BOTH
def test_a_stretch_may_wait_for_more_signals(number):
    told, done = [], []
    with Shielded(lambda: told.append("once more to give up")) as shield:
        with pytest.raises(KeyboardInterrupt), shield.open(after=1):  # noqa: PT012 - the second, not the first
            signal.raise_signal(number)
            done.append("one")
            signal.raise_signal(number)
            done.append("two")
        assert (told, done, shield.pending) == (["once more to give up"], ["one"], 0)
        signal.raise_signal(number)
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt), shield.open(after=1):
            done.append("what came before counts")
        assert done == ["one"]


@BOTH
def test_what_nobody_was_interrupted_by_can_be_passed_on(number):
    heard, before = [], signal.getsignal(number)
    signal.signal(number, lambda *_: heard.append(number))
    try:
        with Shielded(lambda: None) as shield:
            signal.raise_signal(number)
        assert heard == []
        shield.pass_on()
        assert heard == [number]
        with Shielded(lambda: None) as shield, pytest.raises(KeyboardInterrupt), shield.open():
            signal.raise_signal(number)
        shield.pass_on()
        assert heard == [number], "that one has interrupted something"
    finally:
        signal.signal(number, before)


@BOTH
def test_a_signal_that_is_ignored_stays_so(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Shielded(lambda: None) as shield, shield.open():
            assert signal.getsignal(number) is signal.SIG_IGN
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


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
