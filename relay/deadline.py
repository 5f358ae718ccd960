"""Limits on waiting: a point in time, or an amount of time spent waiting."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator

# Monotonic seconds. Tests pass a clock of their own.
Clock = Callable[[], float]


class Deadline:
    """A point in time, `seconds` from now, that limits any number of steps; 0 is never."""

    __slots__ = ("_at", "_clock")

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds if seconds else math.inf

    @classmethod
    def at(cls, moment: float, clock: Clock = time.monotonic) -> "Deadline":
        """A deadline at `moment` on the clock."""
        deadline = cls(0, clock)
        deadline._at = moment
        return deadline

    @property
    def passed(self) -> bool:
        return self._clock() >= self._at

    def left(self) -> float | None:
        """Seconds until the deadline: 0.0 once it has passed, None for never."""
        if self._at == math.inf:
            return None
        return max(self._at - self._clock(), 0.0)

    def share(self, parts: int) -> "Deadline":
        """A deadline at the end of the first of `parts` equal parts of the time left."""
        now = self._clock()
        return Deadline.at(now + (self._at - now) / parts, self._clock)

    def or_sooner(self, other: "Deadline") -> "Deadline":
        return self if self._at <= other._at else other


class Allowance:
    """A number of seconds to spend on any number of waits; 0 is no limit.

    Unlike a deadline it stands still between two waits.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._since = clock()
        self._left = seconds or math.inf

    def renew(self, seconds: float) -> None:
        """Sets what is left to `seconds`."""
        self._since = self._clock()
        self._left = seconds or math.inf

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """Counts the time inside the block as waiting."""
        self._since = self._clock()
        try:
            yield
        finally:
            self._left -= self._clock() - self._since

    @property
    def due(self) -> Deadline:
        """The moment at which the current wait will have used it up."""
        return Deadline.at(self._since + self._left, self._clock)
