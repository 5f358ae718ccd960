"""What a process knows of the buckets by itself."""

from helpers.backends import bucket
from relay.limits.local_counts import MAX_KEYS, LocalCounts


def test_it_is_bounded() -> None:
    """Of many clients those are forgotten that have not asked for longest, and never the total."""
    memory = LocalCounts()
    total = bucket("total", most=10**9)
    memory.take([bucket("first")])
    for number in range(MAX_KEYS):
        memory.take([total, bucket(f"client {number}")])
    assert memory.held("first") == 0
    assert memory.held("total") == MAX_KEYS
    assert memory.held(f"client {MAX_KEYS - 1}") == 1
