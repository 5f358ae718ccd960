"""One thread of the process for what comes up where nothing may wait, and for regular rounds."""

import logging
import queue
import threading
from collections.abc import Callable

from relay.deadline import Deadline
from relay.errors import StoreUnreachable

log = logging.getLogger("askbot")

Task = Callable[[], object]


class Background:
    """Does tasks as they come, and `rounds` every so many `seconds`.

    Where a task meets StoreUnreachable it is dropped: the rounds must make up for it.
    """

    def __init__(self, rounds: Task, seconds: float) -> None:
        self._rounds = rounds
        self._seconds = seconds
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def start(self) -> None:
        threading.Thread(target=self._run, name="askbot-background", daemon=True).start()

    def soon(self, task: Task) -> None:
        """Can be called from anywhere, also from an event loop."""
        self._tasks.put(task)

    def run_round(self) -> None:
        """One round, in the caller's own thread."""
        self._do(self._rounds)

    def _run(self) -> None:
        while True:
            due = Deadline(self._seconds)
            while not due.passed:
                try:
                    self._do(self._tasks.get(timeout=due.left()))
                except queue.Empty:
                    break
            self.run_round()

    def _do(self, task: Task) -> None:
        try:
            task()
        except StoreUnreachable:
            log.debug("put off until Redis is back")
        except Exception:
            log.exception("a task in the background failed by a fault of our own")
