"""A token's text: its place in the answer, and the time at which the upstream wrote it.

A relay passes on nothing but the text, so the text carries the time. Both ends read
CLOCK_MONOTONIC, which all processes of a machine share.
"""

import re
from collections.abc import Iterator

TOKEN_FORMAT = b"%04d:%010d "
"""Place and microseconds; the length never changes, so an event's length is known beforehand."""

TOKEN_BYTES = len(TOKEN_FORMAT % (0, 0))
MAX_TOKENS = 10_000

_TOKEN = re.compile(rb"(\d{4}):(\d{10}) ")
_CYCLE = 10**10


def microseconds(now: float) -> int:
    """`now` (monotonic seconds) as a token carries it; the count starts over after 10,000 s."""
    return int(now * 1e6) % _CYCLE


def stamps(text: bytes) -> Iterator[tuple[int, int, int]]:
    """(where the token ends in `text`, its place, its microseconds) of every token in `text`."""
    for token in _TOKEN.finditer(text):
        yield token.end(), int(token[1]), int(token[2])


def age_seconds(stamp: int, arrived: float) -> float:
    """How old a token with this stamp was when it arrived, in seconds."""
    return (microseconds(arrived) - stamp) % _CYCLE / 1e6
