"""A completion: one answer being written, which any number of readers read, each from anywhere.

The text is kept as it comes. Whoever waits for more of it pulls the next piece out of the model's
answer, for all of them: there is no writer to be woken beside the reader, and a lone reader pays
for nothing but the copy. Only for a completion that goes on without readers does a pump pull.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from relay.completions.receipt import Failure, Receipt, State
from relay.completions.source import Retold, Source, Stopped
from relay.deadline import Deadline
from relay.errors import Abandoned, RangeNotSatisfiable, RelayError, UpstreamError
from relay.upstream import Cancellation, Cancelled, Outcome

log = logging.getLogger("askbot")

# Beyond any model's longest answer; what is kept must have a bound.
MAX_ANSWER_BYTES = 4 * 1024 * 1024

# How far the pause between two writes may stretch under load.
MAX_STRETCH = 4

# Nobody watches what a pump pulls, so it need not hurry.
PUMP_SECONDS = 0.05

# How far a mirror may lag behind what its reader has seen from the worker that it mirrors.
CATCH_UP_SECONDS = 1.0

# The largest number that every JSON and JavaScript client can hold.
VERY_LARGE = 2**53 - 1


Ask = Callable[["Completion"], Source]


class Completion:
    """It has begun with its first text, see `begin`; then `read`, by every reader that joined.

    `ask` is how to begin. `grace_seconds` is for how long it goes on without a reader; with 0 it
    ends with its last one. `on_end` is called once, when the state is no longer "running".
    """

    def __init__(
        self,
        id: str,
        fingerprint: bytes,
        ask: Ask,
        *,
        grace_seconds: float,
        on_end: Callable[["Completion"], None],
    ) -> None:
        self.id = id
        self.fingerprint = fingerprint
        self.state: State = "running"
        self.error: RelayError | None = None
        self.first_token_seconds: float | None = None
        self.ended_at: float | None = None
        self.is_mirror = False
        self.cancellation = Cancellation()
        self._ask: Ask | None = ask
        self._grace_seconds = grace_seconds
        self._on_end = on_end
        self._asked_at = time.monotonic()
        self._changed = threading.Condition()
        self._answer: Source | None = None
        self._text = bytearray()
        self._pulling = False
        self._pumping = False
        self._stopped = False
        self._readers = 0
        self._alone_since: float | None = None

    @classmethod
    def restored(cls, id: str, fingerprint: bytes, text: bytes, receipt: Receipt) -> "Completion":
        """One that has ended, as it was."""
        told = Retold(b"", receipt)
        self = cls(id, fingerprint, lambda _: told, grace_seconds=0, on_end=lambda _: None)
        self._ask, self._text, self.state = None, bytearray(text), receipt.state
        # What failed before its first text never begins: `begin` raises what it failed with.
        self._answer = None if self.is_free else told
        self.error = receipt.failure.error() if receipt.failure else None
        if receipt.first_token_ms is not None:
            self.first_token_seconds = receipt.first_token_ms / 1000
        self.ended_at = self._asked_at + (receipt.duration_ms or 0) / 1000
        return self

    @property
    def size(self) -> int:
        """How many bytes have been written so far."""
        return len(self._text)

    @property
    def text(self) -> bytes:
        """What has been written so far."""
        return bytes(self._text)

    @property
    def is_free(self) -> bool:
        """Whether it failed without a word, so that its key may be asked with again."""
        return self.state == "failed" and not self._text

    @property
    def outcome(self) -> Outcome:
        """What the model has said so far besides the text."""
        return self._answer.outcome if self._answer else Outcome()

    @property
    def finish_reason(self) -> str | None:
        return self.outcome.finish_reason

    @property
    def usage(self) -> dict[str, int] | None:
        usage = self.outcome.usage
        return asdict(usage) if usage else None

    def receipt(self) -> Receipt:
        """What became of it, for the client to hold against what arrived."""
        first = self.first_token_seconds
        return Receipt(
            state=self.state,
            size=self.size,
            outcome=self.outcome,
            failure=Failure.of(self.error) if self.error else None,
            first_token_ms=None if first is None else round(1000 * first, 1),
            duration_ms=round(1000 * ((self.ended_at or time.monotonic()) - self._asked_at), 1),
        )

    def content_range(self, offset: int) -> str:
        """The value of `Content-Range` for the rest from `offset` on.

        Of an answer still being written the length is unknown, and its last byte is given as a
        very large number (RFC 8673, 2.2). Raises RangeNotSatisfiable.
        """
        if self.state == "running" and offset <= self.size:
            return f"bytes {offset}-{VERY_LARGE}/*"
        if offset >= self.size:
            raise RangeNotSatisfiable(self.size)
        return f"bytes {offset}-{self.size - 1}/{self.size}"

    def begin(self) -> None:
        """Asks the model, or waits for whoever does already; returns with the first text there.

        Raises RelayError or Cancelled, to all of them.
        """
        with self._changed:
            ask, self._ask = self._ask, None
        if ask is None:
            self.wait_until_begun()
            return
        try:
            answer = ask(self)
        except BaseException as error:
            self._end_by(error)
            if self.state != "stopped":
                raise
            return
        with self._changed:
            self.first_token_seconds = time.monotonic() - self._asked_at
            self._answer = answer
            self._changed.notify_all()

    def wait_until_begun(self, limit_seconds: float | None = None) -> bool:
        """Whether it has begun, or ended before that. Raises what `begin` raised."""
        with self._changed:
            begun = self._changed.wait_for(
                lambda: self._answer is not None or self.state != "running", limit_seconds
            )
        if self._answer is None and self.error is not None:
            raise self.error.with_traceback(None)
        return begun

    def become_mirror(self) -> None:
        """Another worker writes the answer: what is here is a copy, and ends with its readers."""
        self.is_mirror = True
        self._grace_seconds = 0

    def catch_up(self, offset: int) -> None:
        """Waits a moment for a mirror to have what its reader has seen from the other worker."""
        due = Deadline(CATCH_UP_SECONDS)
        while self.is_mirror and self.state == "running" and self.size < offset and not due.passed:
            self._piece(self.size, CATCH_UP_SECONDS)

    def join(self) -> "Reading":
        """One reader more."""
        with self._changed:
            self._readers += 1
            self._alone_since = None
        return Reading(self)

    def stop(self) -> None:
        """Ends the request to the model now. What was written stays."""
        self._stopped = True
        self._call_off("stopped")

    def give_up_if_alone(self) -> None:
        """Ends it if the grace time has passed since its last reader left."""
        since = self._alone_since
        if since is not None and time.monotonic() - since >= self._grace_seconds:
            self._call_off("failed", Abandoned())

    def read(self, offset: int = 0, *, interval: float, heartbeat: float = 0) -> Iterator[bytes]:
        """The text from byte `offset` on, in the pieces to be written, the first at once.

        Between two of them `interval` seconds pass, more under load, and what arrives meanwhile is
        gathered: nobody reads faster, and every write costs. With a `heartbeat`, b"" stands for
        each so many seconds of silence. Raises RelayError where the answer broke.
        """
        pause = interval
        while (piece := self._piece(offset, heartbeat)) is not None:
            offset += len(piece)
            yield piece
            # Without a pause the others get a turn all the same.
            if self.state == "running" and self.finish_reason is None:
                # Woken late, the server has more to write than it can: fewer, larger pieces cost
                # it less, and the text comes sooner than in small ones that wait for their turn.
                due = time.monotonic() + pause
                time.sleep(pause)
                late = time.monotonic() - due
                pause = min(interval + 2 * late, MAX_STRETCH * interval)
        if self.error is not None:
            # Every reader raises the same one, and each would add to its trace.
            raise self.error.with_traceback(None)

    def leave(self, reading: "Reading") -> None:
        """See `Reading`. Called by an event loop too, so nothing in it may wait."""
        with self._changed:
            if reading.has_left:
                return
            reading.has_left = True
            self._readers -= 1
            alone = self._readers == 0 and self.state == "running"
            if alone and self._grace_seconds:
                self._alone_since = time.monotonic()
        if alone and not self._grace_seconds:
            self._call_off("failed", Abandoned())

    def carry_on(self) -> None:
        """See `Reading`: if the answer is to go on with nobody pulling it, a pump does."""
        with self._changed:
            if self._pumping or self._readers or self._answer is None or self.state != "running":
                return
            self._pumping = True
        threading.Thread(target=self._pump, name="askbot-pump", daemon=True).start()

    def _piece(self, offset: int, patience: float) -> bytes | None:
        """What there is after `offset`, waiting for some; None at the end."""
        while True:
            with self._changed:
                while len(self._text) <= offset and self.state == "running" and self._pulling:
                    if not self._changed.wait(patience or None):
                        return b""
                if len(self._text) > offset:
                    return bytes(self._text[offset:])
                if self.state != "running" or self._answer is None:
                    return None
                self._pulling = True
            if not self._pull(self._answer, patience):
                return b""

    def _pull(self, answer: Source, patience: float) -> bool:
        """Takes the next piece of the answer. False if `patience` seconds passed without any."""
        text = b""
        try:
            if self.size > MAX_ANSWER_BYTES:
                raise UpstreamError(detail="an answer without end")
            text = answer.next_bytes(patience)
        except (RelayError, Cancelled) as error:
            self._end_by(error)
        finally:
            with self._changed:
                self._text += text
                self._pulling = False
                self._changed.notify_all()
        if answer.ended:
            self._end("finished")
        return bool(text) or self.state != "running"

    def _pump(self) -> None:
        offset = self.size
        while not self._readers and (piece := self._piece(offset, 0)) is not None:
            offset += len(piece)
            time.sleep(PUMP_SECONDS)
        self._pumping = False
        # The reader that came may have left again before it pulled.
        self.carry_on()

    def _call_off(self, state: State, error: RelayError | None = None) -> None:
        self.cancellation.cancel()
        # Whoever pulls is woken by that, and ends it.
        if self._answer is not None and not self._pulling:
            self._end(state, error)

    def _end_by(self, error: BaseException) -> None:
        if isinstance(error, Stopped) or (isinstance(error, Cancelled) and self._stopped):
            self._end("stopped")
        elif isinstance(error, Cancelled):
            self._end("failed", Abandoned())
        else:
            self._end("failed", error if isinstance(error, RelayError) else RelayError())

    def _end(self, state: State, error: RelayError | None = None) -> None:
        with self._changed:
            if self.state != "running":
                return
            self.error = error
            self.ended_at = time.monotonic()
            self.state = state
            self._changed.notify_all()
        if self._answer is not None:
            self._answer.close()
            # With the answer goes the request that it came from, the whole conversation in it.
            self._answer = Retold(b"", self.receipt())
        self._on_end(self)
        if not self.is_mirror:
            self._log_end(error)

    def _log_end(self, error: RelayError | None) -> None:
        receipt = self.receipt()
        log.log(
            logging.WARNING if error and error.status >= 500 else logging.INFO,
            "completion %s %s: %s bytes, first text after %s ms, end after %s ms, %s",
            self.id[:8],
            receipt.state,
            receipt.size,
            receipt.first_token_ms,
            receipt.duration_ms,
            f"{error.code} {error.detail}" if error else f"finish_reason {self.finish_reason}",
        )


class Reading:
    """One reader's part in a completion: `leave` once they are gone, `close` in every case.

    The last one to leave ends it, or, if it has a grace time, leaves it alone for that.
    """

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        self.has_left = False

    def leave(self) -> None:
        self._completion.leave(self)

    def close(self) -> None:
        """The reader's own greenlet or thread is done with it, and pulls no more."""
        self.leave()
        self._completion.carry_on()


def digest_of(id: str) -> str:
    """What a completion is filed under: looking one up tells nothing about the ids that exist."""
    return hashlib.sha256(id.encode()).hexdigest()
