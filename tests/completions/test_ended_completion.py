"""An answer that has ended, read from what the journal kept of it."""

import pytest

from relay.completions import EndedCompletion, Failure, Reading, Receipt
from relay.completions.reading import MAX_PIECE_BYTES
from relay.errors import RelayError, UpstreamError

FAILURE = Failure.of(UpstreamError())


def reading_of(text: bytes, ending: Receipt) -> Reading:
    return Reading(EndedCompletion("an id", "an etag", text, ending))


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_all_of_it(state: str) -> None:
    """It is read from any byte on, as often as wanted, in pieces."""
    text = b"Hello" * MAX_PIECE_BYTES
    reading = reading_of(text, Receipt(state, len(text)))  # type: ignore[arg-type]
    reading.begin(7)
    pieces = list(reading.pieces(7))
    assert b"".join(pieces) == text[7:]
    assert max(map(len, pieces)) == MAX_PIECE_BYTES
    assert list(reading.pieces(len(text) + 1)) == []
    assert reading.answer.receipt().state == state


def test_one_that_failed() -> None:
    """What there is is read, and then the failure is raised, also past its end."""
    reading = reading_of(b"Hello", Receipt("failed", 5, failure=FAILURE))
    reading.begin()
    pieces = reading.pieces()
    assert next(pieces) == b"Hello"
    for rest in (pieces, reading.pieces(5), reading.pieces(99)):
        with pytest.raises(RelayError) as caught:
            next(rest)
        assert caught.value.code == "upstream_error"


def test_one_that_failed_without_a_word() -> None:
    """That is said before the first byte, as to whoever asked."""
    with pytest.raises(RelayError) as caught:
        reading_of(b"", Receipt("failed", 0, failure=FAILURE)).begin()
    assert caught.value.status == 502


def test_leaving() -> None:
    """There is nothing to end."""
    reading = reading_of(b"Hello", Receipt("finished", 5))
    reading.leave()
    assert reading.has_left
