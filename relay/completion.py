"""A completion: one answer being written, which any number of readers read, each from anywhere.

The text is kept as it comes. Whoever waits for more of it pulls the next piece out of the model's
answer, for all of them: there is no writer to be woken beside the reader, and a lone reader pays
for nothing but the copy. Only for a completion that goes on without readers does a pump pull.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Literal

from relay.answer import Answer
from relay.cancellation import Cancellation, Cancelled
from relay.errors import Abandoned, RangeNotSatisfiable, RelayError, UpstreamError

log = logging.getLogger("askbot")

State = Literal["running", "finished", "stopped", "failed"]

# Beyond any model's longest answer; what is kept must have a bound.
MAX_ANSWER_BYTES = 4 * 1024 * 1024

# How far the pause between two writes may stretch under load.
MOST_INTERVALS = 4

# The largest number that every JSON and JavaScript client can hold.
VERY_LARGE = 2**53 - 1


class Completion:
    """It has begun with its first text, see `begin`; then `read`, by every reader that joined.

    `grace_seconds` is for how long it goes on without a reader; with 0 it ends with its last one.
    `on_end` is called once, when the state is no longer "running".
    """

    def __init__(
        self,
        id: str,
        fingerprint: bytes,
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
        self._grace_seconds = grace_seconds
        self._on_end = on_end
        self._asked_at = time.monotonic()
        self._cancellation = Cancellation()
        self._changed = threading.Condition()
        self._answer: Answer | None = None
        self._text = bytearray()
        self._pulling = False
        self._pumping = False
        self._stopped = False
        self._readers = 0
        self._alone_since: float | None = None

    @property
    def size(self) -> int:
        """How many bytes have been written so far."""
        return len(self._text)

    @property
    def finish_reason(self) -> str | None:
        return self._answer.finish_reason if self._answer else None

    @property
    def usage(self) -> dict[str, int] | None:
        usage = self._answer.usage if self._answer else None
        return asdict(usage) if usage else None

    def receipt(self) -> dict[str, Any]:
        """What became of it, for the client to hold against what arrived."""
        error = {"code": self.error.code, "message": self.error.message} if self.error else None
        return {
            "id": self.id,
            "state": self.state,
            "bytes": self.size,
            "finish_reason": self.finish_reason,
            "usage": self.usage,
            "error": error,
            "first_token_ms": _milliseconds(self.first_token_seconds),
            "duration_ms": _milliseconds((self.ended_at or time.monotonic()) - self._asked_at),
            "model": self._answer.model if self._answer else None,
        }

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

    def begin(self, ask: Callable[[Cancellation], Answer]) -> None:
        """Asks the model; returns with the first text there. Raises RelayError or Cancelled."""
        try:
            answer = ask(self._cancellation)
        except BaseException as error:
            self._end_by(error)
            if self.state != "stopped":
                raise
            return
        with self._changed:
            self.first_token_seconds = time.monotonic() - self._asked_at
            self._answer = answer
            self._changed.notify_all()

    def wait_until_begun(self) -> None:
        """For a reader who did not ask. Raises what `begin` raised to the one who did."""
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None or self.state != "running")
        if self._answer is None and self.error is not None:
            raise self.error

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
            if pause and self.state == "running" and self.finish_reason is None:
                # Woken late, the server has more to write than it can: fewer, larger pieces cost
                # it less, and the text comes sooner than in small ones that wait for their turn.
                due = time.monotonic() + pause
                time.sleep(pause)
                late = time.monotonic() - due
                pause = min(interval + 2 * late, MOST_INTERVALS * interval)
        if self.error is not None:
            raise self.error

    def leave(self) -> None:
        """See `Reading`. Called by an event loop too, so nothing in it may wait."""
        with self._changed:
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

    def _pull(self, answer: Answer, patience: float) -> bool:
        """Takes the next piece of the answer. False if `patience` seconds passed without any."""
        text = b""
        try:
            text = answer.next_text(patience).encode()
            if self.size + len(text) > MAX_ANSWER_BYTES:
                raise UpstreamError(detail="an answer without end")
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
        self._pumping = False
        # The reader that came may have left again before it pulled.
        self.carry_on()

    def _call_off(self, state: State, error: RelayError | None = None) -> None:
        self._cancellation.cancel()
        # Whoever pulls is woken by that, and ends it.
        if self._answer is not None and not self._pulling:
            self._end(state, error)

    def _end_by(self, error: BaseException) -> None:
        if isinstance(error, Cancelled) and self._stopped:
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
        self._on_end(self)
        log.log(
            logging.WARNING if error and error.status >= 500 else logging.INFO,
            "completion %s %s: %s bytes, first text after %s ms, end after %s ms, %s",
            self.id[:8],
            state,
            self.size,
            _milliseconds(self.first_token_seconds),
            _milliseconds(self.ended_at - self._asked_at),
            f"{error.code} {error.detail}" if error else f"finish_reason {self.finish_reason}",
        )


class Reading:
    """One reader's part in a completion: `leave` once they are gone, `close` in every case.

    The last one to leave ends it, or, if it has a grace time, leaves it alone for that.
    """

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        self._left = False

    def leave(self) -> None:
        if not self._left:
            self._left = True
            self._completion.leave()

    def close(self) -> None:
        """The reader's own greenlet or thread is done with it, and pulls no more."""
        self.leave()
        self._completion.carry_on()


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
