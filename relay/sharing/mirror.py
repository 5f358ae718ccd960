"""A copy of an answer that another worker is writing, as a source of text: see `Source`."""

import contextlib
import time
import uuid
from collections.abc import Callable

from relay.completions.source import Retold
from relay.deadline import Deadline
from relay.errors import StoreUnreachable, UpstreamError
from relay.sharing.directory import Ended
from relay.sharing.messages import OwnerSilent
from relay.sharing.stream import FROM_THE_START, Entry, Stream
from relay.upstream import Cancellation

# For how long Redis may be gone before readers are told that the answer broke off.
PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 0.25


class Mirror(Retold):
    """Follows the stream to its end. Waits in Redis, but not for long without looking up.

    `say_reading` tells the owner that the mirror of that name reads, and returns the owner, or how
    the answer ended if there is none any more. `on_close` must not wait.
    """

    def __init__(
        self,
        stream: Stream,
        cancellation: Cancellation,
        say_reading: Callable[[str], str | Ended],
        on_close: Callable[["Mirror"], None],
    ) -> None:
        super().__init__(b"", None)
        self.name = uuid.uuid4().hex
        self.owner = ""
        self._stream = stream
        self._cancellation = cancellation
        self._say_reading = say_reading
        self._on_close = on_close
        self._position = FROM_THE_START
        self._size = 0
        self._gone = Deadline(PATIENCE_SECONDS)

    def begin(self) -> None:
        """Waits for the first text, for `next_bytes` to return; raises what that does."""
        try:
            # Whether a silent owner is dead shows when its lease runs out.
            with contextlib.suppress(OwnerSilent):
                self._look_for_owner()
            self._untold = self.next_bytes()
        except BaseException:
            self.close()
            raise

    def next_bytes(self, patience: float = 0) -> bytes:
        """See `Source`. Raises RelayError, Cancelled, or Stopped if it was stopped elsewhere."""
        wake = Deadline(patience)
        while not self._untold and self._receipt is None and not wake.passed:
            self._cancellation.check()
            self._advance()
        return super().next_bytes()

    def close(self) -> None:
        self._on_close(self)

    def _advance(self) -> None:
        try:
            entries, self._position = self._stream.after(self._position)
            if not entries:
                self._look_for_owner()
        except StoreUnreachable:
            if self._gone.passed:
                raise UpstreamError(detail="Redis was gone for too long") from None
            time.sleep(RETRY_SECONDS)
            # It may come back empty, and number the entries anew.
            self._position = FROM_THE_START
            return
        self._gone = Deadline(PATIENCE_SECONDS)
        for entry in entries:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        if entry.owner != self.owner:
            return
        if entry.offset <= self._size:
            self._add(entry.text[self._size - entry.offset :])
        if entry.receipt is not None:
            if entry.receipt.size != self._size:
                raise UpstreamError(detail="a part of the answer was lost between workers")
            self._receipt = entry.receipt

    def _look_for_owner(self) -> None:
        found = self._say_reading(self.name)
        if isinstance(found, Ended):
            self._add(found.text[self._size :])
            self._receipt = found.receipt
        elif self._size and found != self.owner:
            raise UpstreamError(detail="the answer is being written anew")
        else:
            self.owner = found

    def _add(self, text: bytes) -> None:
        self._untold += text
        self._size += len(text)
