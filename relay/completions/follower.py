"""The text of an answer that another worker writes, read from the journal."""

import threading
import time
from collections.abc import Callable

from relay.completions.receipt import Receipt
from relay.completions.source import Stopped
from relay.errors import UpstreamError
from relay.intervals import LOST_SECONDS
from relay.journal import Journal, Position, Record, Writing
from relay.upstream import Cancellation, Outcome, Thoughts

# From a record and its size to its receipt. Settles an answer whose worker has died.
Settle = Callable[[Record, int], Receipt | None]


class Follower:
    """A `Source`, and for the journal a `FollowedAnswer`.

    `settle` returns the receipt of a record with a number of bytes, or None while it is running.
    """

    def __init__(
        self,
        journal: Journal,
        record: Record,
        settle: Settle,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.writing: Writing = record.writing
        self.offset = self._beat = 0
        self._journal = journal
        self._settle = settle
        self._clock = clock
        self._changed = threading.Condition()
        self._text = bytearray()
        self._receipt: Receipt | None = None
        self._progress: bytes | None = None
        self._thoughts: Thoughts | None = None
        self._has_news = False
        self._has_begun = self._is_lost = False
        self._known_at = clock()
        self.take(record)

    @property
    def position(self) -> Position:
        return Position(self.writing.digest, self.offset, self.writing.etag, self._beat)

    @property
    def ended(self) -> bool:
        is_finished = self._receipt is not None and self._receipt.state == "finished"
        return is_finished and not self._text

    @property
    def is_whole(self) -> bool:
        return self._receipt is not None

    @property
    def outcome(self) -> Outcome:
        return self._receipt.outcome if self._receipt else Outcome()

    @property
    def thoughts(self) -> Thoughts | None:
        return self._thoughts

    def begin(self, cancellation: Cancellation) -> "Follower":
        """Returns with the first text or thought. Raises the errors of `next_bytes`."""
        self._cancellation = cancellation
        self._journal.follow(self)
        try:
            self._wait(0)
            if not (self._text or self._thoughts):
                self._raise_end()
            self._has_begun = True
        except BaseException:
            self.close()
            raise
        return self

    def take(self, record: Record | None) -> None:
        """See `FollowedAnswer`."""
        is_same_question = record is not None and (
            record.writing.fingerprint == self.writing.fingerprint
        )
        if record is not None and is_same_question and not (self.offset or self._has_begun):
            # No byte was read yet, so another writing will do. It exists because the one before
            # failed without text and the question was asked again.
            self.writing = record.writing
        is_ours = record is not None and record.writing.etag == self.writing.etag
        size = self.offset + len(record.data) if record is not None else 0
        receipt = self._settle(record, size) if record is not None and is_ours else None
        with self._changed:
            if record is not None and is_ours:
                self._text += record.data
                self.offset, self._receipt, self._known_at = size, receipt, self._clock()
                self._beat = record.beat
                self._take_progress(record.progress)
            # Another etag means another text.
            was_replaced = record is not None and not is_ours
            self._is_lost = was_replaced or self._clock() - self._known_at > LOST_SECONDS
            # Without news too, so that waiting readers check for a loss.
            self._changed.notify_all()

    def next_bytes(self, patience: float = 0) -> bytes:
        """See `Source`."""
        self._wait(patience)
        with self._changed:
            text, self._text = bytes(self._text), bytearray()
            has_news, self._has_news = self._has_news, False
        if not (text or has_news):
            self._raise_end()
        return text

    def close(self) -> None:
        self._journal.unfollow(self)

    def _wait(self, patience: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._text
                    or self._has_news
                    or self._receipt
                    or self._is_lost
                    or self._cancellation.cancelled
                ),
                patience or None,
            )

    def _take_progress(self, progress: bytes | None) -> None:
        if progress in (None, self._progress):
            return
        self._progress = progress
        receipt = Receipt.running(self.offset, progress)
        if receipt.phase == "thinking":
            signs = self._thoughts.signs if self._thoughts else 0
            self._thoughts = Thoughts(signs + 1, receipt.thinking or "")
            self._has_news = True

    def _raise_end(self) -> None:
        self._cancellation.check()
        if self._receipt is not None and self._receipt.failure is not None:
            raise self._receipt.failure.error()
        if self._receipt is not None and self._receipt.state == "stopped":
            raise Stopped
        if self._is_lost and self._receipt is None:
            raise UpstreamError(detail="the answer is not in the journal any more")
