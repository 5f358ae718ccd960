"""Work in a native thread beside gevent's loop."""

import threading

import gevent
import pytest
from gevent import monkey

from helpers.limits import WAIT_SECONDS
from relay.journal.native_thread import NativeThread

native_ident = monkey.get_original("_thread", "get_ident")


def test_the_loop_goes_on() -> None:
    """While one greenlet waits for its work, others run, and each gets the result of its own."""
    thread, is_released = NativeThread(), threading.Event()

    def work() -> str:
        assert is_released.wait(WAIT_SECONDS)
        return "the first"

    first = gevent.spawn(thread.do, work)
    second = gevent.spawn(thread.do, lambda: "the second")
    gevent.sleep(0)
    assert not first.ready()
    is_released.set()
    assert gevent.joinall([first, second], WAIT_SECONDS)
    assert (first.value, second.value) == ("the first", "the second")


def test_one_thread() -> None:
    """All work is done in the same thread, which is not the loop's."""
    thread = NativeThread()
    threads = {thread.do(native_ident) for _ in range(3)}
    assert len(threads) == 1
    assert native_ident() not in threads


def test_work_that_fails() -> None:
    """Whoever waits gets the exception, and the next work is done."""
    thread = NativeThread()

    def fail() -> None:
        raise ZeroDivisionError("a reason")

    with pytest.raises(ZeroDivisionError, match="a reason"):
        thread.do(fail)
    assert thread.do(lambda: 7) == 7


def test_nobody_waits_any_more() -> None:
    """A greenlet that was killed meanwhile does not keep others from their results."""
    thread, is_released = NativeThread(), threading.Event()
    killed = gevent.spawn(thread.do, lambda: is_released.wait(WAIT_SECONDS))
    gevent.sleep(0)
    killed.kill()
    is_released.set()
    assert thread.do(lambda: 7) == 7
