"""Calls that are committed together, in whatever order they come."""

import threading
from functools import partial

import pytest

from helpers.completions import eventually
from helpers.sources import Task, waited_for
from relay.journal import Unavailable
from relay.journal.group_commit import MAX_CALLS, GroupCommit


class Doubling:
    """Doubles numbers. Each commit waits until it is allowed."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.allowed = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None

    def __call__(self, numbers: list[int]) -> list[int]:
        self.begun.release()
        waited_for(self.allowed)
        self.groups.append(sorted(numbers))
        if self.error is not None:
            raise self.error
        return [2 * number for number in numbers]


class Crowd:
    """A call whose commit has begun, and others that have come meanwhile."""

    def __init__(self, others: int) -> None:
        self.commit = Doubling()
        self.together = GroupCommit(self.commit)
        self.first = Task(lambda: self.together(0))
        waited_for(self.commit.begun)
        self.others = [Task(partial(self.together, number)) for number in range(1, others + 1)]
        eventually(lambda: self._waiting() == others % MAX_CALLS)

    def _waiting(self) -> int:
        group = self.together._gathering
        return len(group.arguments) if group else 0

    def results(self) -> list[int]:
        """What all calls get, once their commits are allowed."""
        self.commit.allowed.release(3)
        return [each.result() for each in (self.first, *self.others)]


def test_a_lone_call() -> None:
    """It waits for nobody."""
    commit = Doubling()
    commit.allowed.release()
    assert GroupCommit(commit)(21) == 42


def test_calls_during_a_commit() -> None:
    """They are committed together after it, and each gets its own result."""
    crowd = Crowd(others=7)
    assert crowd.results() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert crowd.commit.groups == [[0], [1, 2, 3, 4, 5, 6, 7]]


def test_a_large_crowd() -> None:
    """No commit grows beyond the limit."""
    crowd = Crowd(others=MAX_CALLS + 5)
    assert crowd.results() == [2 * number for number in range(MAX_CALLS + 6)]
    assert [len(group) for group in crowd.commit.groups] == [1, MAX_CALLS, 5]


def test_a_commit_that_fails() -> None:
    """All of its calls fail, and the next ones do not."""
    crowd = Crowd(others=2)
    crowd.commit.error = Unavailable("a reason")
    crowd.commit.allowed.release(2)
    for call in (crowd.first, *crowd.others):
        with pytest.raises(Unavailable, match="a reason"):
            call.result()
    crowd.commit.error = None
    crowd.commit.allowed.release()
    assert crowd.together(21) == 42


def test_a_leader_that_is_ended() -> None:
    """Its end is its own. The others learn that nothing may have been committed."""
    crowd = Crowd(others=3)
    crowd.commit.allowed.release()
    assert crowd.first.result() == 0
    crowd.commit.error = SystemExit("ended")
    crowd.commit.allowed.release()
    errors = []
    for call in crowd.others:
        with pytest.raises((SystemExit, Unavailable)) as raised:
            call.result()
        errors.append(raised.type)
    assert sorted(errors, key=str) == [SystemExit, Unavailable, Unavailable]
