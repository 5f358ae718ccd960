"""An amount of waiting, which a `Deadline` is not: it lasts as long as nobody waits."""

import contextlib
import math
from collections.abc import Iterator

from relay.deadline import Clock, Deadline


class Allowance:
    """So many seconds of waiting, spread over however many waits; 0 is no limit."""

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
