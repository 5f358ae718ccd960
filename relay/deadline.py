"""A point in time after which waiting ends, carried across however many steps."""

import math
import time
from collections.abc import Callable

# Seconds that only ever grow; a test may have its own.
Clock = Callable[[], float]


class Deadline:
    """`seconds` from now; 0 is never."""

    __slots__ = ("_at", "_clock")

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds if seconds else math.inf

    @classmethod
    def at(cls, moment: float, clock: Clock = time.monotonic) -> "Deadline":
        """Whatever the time is now."""
        deadline = cls(0, clock)
        deadline._at = moment
        return deadline

    @property
    def passed(self) -> bool:
        return self._clock() >= self._at

    def left(self) -> float | None:
        """Seconds until then, 0.0 once it has passed; None for never, as sockets have it."""
        if self._at == math.inf:
            return None
        return max(self._at - self._clock(), 0.0)

    def share(self, parts: int) -> "Deadline":
        """A deadline after the first of so many equal parts of the time left."""
        now = self._clock()
        return Deadline.at(now + (self._at - now) / parts, self._clock)

    def or_sooner(self, other: "Deadline") -> "Deadline":
        return self if self._at <= other._at else other
