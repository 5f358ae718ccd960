"""A point in time after which waiting ends, carried across however many steps."""

import math
import time


class Deadline:
    """`seconds` from now; 0 is never."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds if seconds else math.inf

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._at

    def left(self) -> float | None:
        """Seconds until then, 0.0 once it has passed; None for never, as sockets have it."""
        if self._at == math.inf:
            return None
        return max(self._at - time.monotonic(), 0.0)

    def share(self, parts: int) -> "Deadline":
        """A deadline after the first of so many equal parts of the time left."""
        shared = Deadline(0)
        now = time.monotonic()
        shared._at = now + (self._at - now) / parts
        return shared

    def or_sooner(self, other: "Deadline") -> "Deadline":
        return self if self._at <= other._at else other
