"""What this process knows of the buckets: what it has taken itself, and which are full.

So a client far beyond a limit is refused without the journal. While the journal is down, these are
the only counts.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from gevent import monkey

from relay.journal import Bucket

# Held for moments in which nothing waits, so that gevent's own lock would only cost more.
_lock = monkey.get_original("_thread", "allocate_lock")

# The buckets that were not used for the longest time are forgotten first.
MAX_KEYS = 10_000


class LocalCounts:
    """What this process has counted in each bucket.

    That is never more than the journal has, so a refusal by it is right.
    """

    def __init__(self) -> None:
        self._lock = _lock()
        self._counts: OrderedDict[str, int] = OrderedDict()

    def held(self, key: str) -> int:
        return self._counts.get(key, 0)

    def take(self, buckets: Sequence[Bucket]) -> tuple[bool, list[int]]:
        """Takes from all buckets or from none. See `Backend.take`."""
        with self._lock:
            held = [self._counts.get(bucket.key, 0) for bucket in buckets]
            if any(map(Bucket.lacks, buckets, held)):
                return False, held
            for bucket in buckets:
                self._add(bucket.key, bucket.amount)
            return True, held

    def add(self, changes: Iterable[tuple[str, int]]) -> None:
        """Adds amounts to buckets, by key."""
        with self._lock:
            for key, amount in changes:
                self._add(key, amount)

    def fill(self, bucket: Bucket) -> None:
        """Remembers that a bucket gives nothing more until its window ends."""
        with self._lock:
            self._add(bucket.key, bucket.most - self.held(bucket.key))

    def _add(self, key: str, amount: int) -> None:
        counts = self._counts
        counts[key] = max(0, counts.get(key, 0) + amount)
        counts.move_to_end(key)
        if len(counts) > MAX_KEYS:
            counts.popitem(last=False)
