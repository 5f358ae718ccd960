"""Calls that come at the same time, as one: the group commit of databases.

A transaction costs as much for one question as for ten.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from relay.journal.backend import Unavailable

# SQLite limits the columns of a row, and each question asks for some.
MAX_CALLS = 50

A = TypeVar("A")
R = TypeVar("R")


class _Group(Generic[A, R]):
    """Calls that are committed together. `failure` or `results` are there once it is done."""

    def __init__(self) -> None:
        self.arguments: list[A] = []
        self.results: list[R] = []
        self.failure = ""
        self.is_done = threading.Event()


class GroupCommit(Generic[A, R]):
    """Called from any thread or greenlet, with one argument, for one result.

    The first call of a group leads it: it calls `commit` with the arguments of all, which returns
    their results in the same order. While it runs, the next group gathers. What `commit` raises,
    the leader raises, and the others raise Unavailable.
    """

    def __init__(self, commit: Callable[[list[A]], list[R]]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._gathering: _Group[A, R] | None = None
        self._committing = threading.Lock()

    def __call__(self, argument: A) -> R:
        with self._lock:
            group = self._gathering
            is_first = group is None
            if group is None:
                group = self._gathering = _Group()
            place = len(group.arguments)
            group.arguments.append(argument)
            if len(group.arguments) == MAX_CALLS:
                self._gathering = None
        if is_first:
            self._lead(group)
        else:
            group.is_done.wait()
            if group.failure:
                raise Unavailable(group.failure)
        return group.results[place]

    def _lead(self, group: _Group[A, R]) -> None:
        try:
            # The other questions of this turn of the event loop come along.
            time.sleep(0)
            with self._committing:
                self._close(group)
                group.results = self._commit(group.arguments)
        except BaseException as error:
            group.failure = str(error) or type(error).__name__
            raise
        finally:
            self._close(group)
            group.is_done.set()

    def _close(self, group: _Group[A, R]) -> None:
        """Takes no further call into the group."""
        with self._lock:
            if self._gathering is group:
                self._gathering = None
