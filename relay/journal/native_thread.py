"""A native thread beside gevent's loop, for work that blocks.

gevent's `ThreadPool` does the same, but makes a watcher for each call. Nearly every question makes
one, and this costs half as much.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from gevent import get_hub, monkey
from gevent.hub import Waiter

T = TypeVar("T")

_start_native_thread = monkey.get_original("_thread", "start_new_thread")
_NativeQueue = monkey.get_original("queue", "SimpleQueue")


class NativeThread:
    """Does one piece of work after the other, while the greenlets that wait for it sleep."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._todo = _NativeQueue()
        self._done: deque[tuple[Any, Any]] = deque()
        self._bell = self._hub.loop.async_()
        self._bell.start(self._deliver)
        _start_native_thread(self._work, ())

    def do(self, work: Callable[[], T]) -> T:
        """The result of `work`, or its exception. Called from a greenlet."""
        waiter: Any = Waiter(self._hub)
        self._todo.put((work, waiter))
        result: T = waiter.get()
        return result

    def _work(self) -> None:
        while True:
            work, waiter = self._todo.get()
            try:
                self._done.append((waiter.switch, work()))
            except BaseException as error:
                self._done.append((waiter.throw, error))
            # The work may hold much text, and the next may come late.
            del work, waiter
            self._bell.send()

    def _deliver(self) -> None:
        """Wakes the greenlets whose work is done. Runs in the loop."""
        while self._done:
            wake, outcome = self._done.popleft()
            wake(outcome)
