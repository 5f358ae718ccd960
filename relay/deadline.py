"""How long to wait: until a point in time, or for an amount of waiting."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator

# Seconds that only ever grow; a test may have its own.
Clock = Callable[[], float]


class Deadline:
    """A point in time, carried across however many steps: `seconds` from now; 0 is never."""

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


class Allowance:
    """So many seconds of waiting, over however many waits; 0 is no limit.

    Between two waits it stays what it is, which a deadline does not.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._since = clock()
        self._left = seconds or math.inf

    def renew(self, seconds: float) -> None:
        """From now on there is this much, whatever was left."""
        self._since = self._clock()
        self._left = seconds or math.inf

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """Somebody waits inside."""
        self._since = self._clock()
        try:
            yield
        finally:
            self._left -= self._clock() - self._since

    @property
    def due(self) -> Deadline:
        """When it will be spent, for whoever waits now."""
        return Deadline.at(self._since + self._left, self._clock)
