"""A completion: one running answer and its readers, each of whom starts at any byte.

    waiting ── first thought ──▶ thinking ── first text ──▶ answering ── its end ──▶ finished
       ├────────────────────── first text ─────────────────────▲ │
       │                             │                           │
       ├───────── stopped ───────────┼───────────────────────────┼─────────────────▶ stopped
       └── failed, or given up ──────┴───────────────────────────┴─────────────────▶ failed

A model that says nothing at all finishes from `waiting`, with an empty text.

The text is kept in memory. A reader who waits for more pulls the next piece from the source, for
all readers. So a lone reader needs no second thread to write for it. If no reader pulls, a pump
does.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from relay.completions.reading import MAX_PIECE_BYTES, Reading, Thought, piece_of
from relay.completions.receipt import Failure, Phase, Receipt, State
from relay.completions.source import Source, Stopped
from relay.deadline import Deadline
from relay.errors import Abandoned, RelayError, UpstreamError
from relay.intervals import CATCH_UP_SECONDS, HEAD_SECONDS, READ_ELSEWHERE_SECONDS
from relay.journal import Addition, Verb, Writing
from relay.upstream import Cancellation, Cancelled, Outcome, Thoughts

# Beyond any model's longest answer. The text is kept in memory, so it needs a limit.
MAX_ANSWER_BYTES = 4 * 1024 * 1024

# The longest pause between two writes under load, in intervals.
MAX_STRETCH = 4

# After this time without a pull by a reader, a pump keeps the answer going.
UNREAD_SECONDS = 1.0
# How often a pump pulls. Nobody watches, so it need not hurry.
PUMP_SECONDS = 0.05

Ask = Callable[[Cancellation], Source]
OnEnd = Callable[[Receipt, RelayError | None], None]
Clock = Callable[[], float]
Verdict = tuple[State, RelayError | None]


class Completion:
    """Readers call `begin`, which waits for the first text, and then take `pieces`.

    `ask` returns the source once it has the first text or thought. The answer goes on without
    readers for `grace_seconds`; at 0 it ends with its last reader. `on_end` gets the receipt, and
    the error if there was one. `on_saved` is called when the journal has all of the answer.
    """

    def __init__(
        self,
        id: str,
        writing: Writing,
        ask: Ask,
        *,
        grace_seconds: float = 0,
        on_end: OnEnd = lambda _receipt, _error: None,
        on_saved: Callable[[], None] = lambda: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.id = id
        self.writing = writing
        self._grace_seconds = grace_seconds
        self._on_end = on_end
        self._on_saved = on_saved
        self._clock = clock
        self._cancellation = Cancellation()
        # This lock guards all fields below.
        self._changed = threading.Condition()
        self._ask: Ask | None = ask
        self._source: Source | None = None
        self._text = bytearray()
        # The verdict is set when the answer is called off. The ending is set when it has ended.
        self._verdict: Verdict | None = None
        self._ending: Receipt | None = None
        self._readers = 0
        self._reader_pulls = 0
        self._is_pulled = False
        self._is_pumped = False
        self._asked_at = self._pulled_at = self._read_at = clock()
        self._thoughts: Thoughts | None = None
        self._first_thought_at: float | None = None
        self._first_text_at: float | None = None
        # The phase and the signs of thinking in the last progress for the journal.
        self._progress: tuple[Phase, int] | None = None

    @property
    def etag(self) -> str:
        return self.writing.etag

    @property
    def is_called_off(self) -> bool:
        """Whether it was ended before the model's own end, or is about to be."""
        return self._verdict is not None

    @property
    def is_free(self) -> bool:
        """Whether it failed without text, so that its key may be used for another try."""
        return self._ending is not None and self._ending.is_free

    def receipt(self) -> Receipt:
        """The receipt so far."""
        with self._changed:
            return self._ending or self._receipt("running")

    def begin(self, reading: Reading, offset: int) -> None:
        """See `Reading.begin`. The first reader asks the model, and the others wait."""
        head_due = Deadline(HEAD_SECONDS, self._clock)
        with self._changed:
            ask, self._ask = self._ask, None
            if self._ending is not None and self._thoughts is not None:
                # Only those who read it while it was running get its thoughts.
                reading.signs = self._thoughts.signs
        if ask is not None:
            self._take_source_of(ask)
        with self._changed:
            self._changed.wait_for(lambda: self._source or self._ending or reading.has_left)
        self._wait_for_text(reading, head_due)
        ending = self._ending
        if ending is None and reading.has_left:
            raise Abandoned()
        if ending is not None and ending.is_free and ending.failure is not None:
            # The log has the reason under the completion's digest.
            raise ending.failure.error(detail=f"completion {self.writing.digest[:8]}")
        due = Deadline(CATCH_UP_SECONDS)
        while len(self._text) < offset and self._ending is None and not due.passed:
            self._piece(len(self._text), CATCH_UP_SECONDS, reading)

    def join(self) -> Reading:
        """Adds a reader."""
        with self._changed:
            self._readers += 1
        return Reading(self)

    def leave(self, reading: Reading) -> None:
        """See `Reading`. Must not wait, because an event loop may call it."""
        with self._changed:
            if reading.has_left:
                return
            reading.has_left = True
            self._readers -= 1
            if not self._readers:
                self._read_at = max(self._read_at, self._clock())
                if self._ending is not None:
                    # Thoughts are not kept.
                    self._thoughts = None
            # Wakes a wait for text on behalf of this reader.
            self._changed.notify_all()
            is_given_up = not self._grace_seconds and self._seconds_alone() >= 0
        if is_given_up:
            self._call_off("failed", Abandoned())

    def stop(self) -> None:
        """Ends the request to the model now. The text so far stays readable."""
        self._call_off("stopped")

    def fail(self, error: RelayError) -> None:
        """Ends the answer with an error from outside the model."""
        self._call_off("failed", error)

    def pieces(
        self, reading: Reading, offset: int, interval: float, heartbeat: float
    ) -> Iterator[bytes | Thought]:
        """See `Reading.pieces` and `Reading.pieces_and_thoughts`."""
        pause = interval
        while (piece := self._next(offset, heartbeat, reading)) is not None:
            yield piece
            if isinstance(piece, Thought):
                continue
            offset += len(piece)
            if len(piece) > MAX_PIECE_BYTES - 4 or self._is_written():
                continue
            # A late wake-up means that the server is overloaded. Fewer, larger pieces cost less, so
            # the text arrives sooner than in many small ones. A sleep of 0 still lets others run.
            due = time.monotonic() + pause
            time.sleep(pause)
            late = time.monotonic() - due
            pause = min(interval + 2 * late, MAX_STRETCH * interval)
        if self._ending is not None and self._ending.failure is not None:
            raise self._ending.failure.error()

    def addition(self, offset: int | None) -> Addition:
        """See `WrittenAnswer`."""
        # Read before the text, so that no lock is needed: after the end no text is added.
        ending = self._ending
        # The end is written with all of the text, so that no piece of it can be missing.
        is_first, offset = offset is None, 0 if ending else offset or 0
        # The text of an answer without a key cannot be asked for again.
        text = bytes(self._text[offset:]) if self.writing.fingerprint else b""
        if ending:
            return Addition(self.writing, offset, text, ending.encode())
        return Addition(self.writing, offset, text, progress=self._news(is_first=is_first))

    def receive(self, verb: Verb) -> None:
        """Takes a letter of another worker: the answer is read there, or must stop."""
        if verb == "stop":
            self.stop()
            return
        with self._changed:
            self._read_at = self._clock() + READ_ELSEWHERE_SECONDS

    def saved(self) -> None:
        self._on_saved()

    def tend(self) -> None:
        """Abandons an answer without readers, and starts a pump if nobody pulls."""
        # Usually somebody reads, and this check needs no lock.
        if self._readers and not self._needs_pump():
            return
        with self._changed:
            is_given_up = self._seconds_alone() >= self._grace_seconds
            needs_pump = self._needs_pump()
            self._is_pumped |= needs_pump
        if is_given_up:
            self._call_off("failed", Abandoned())
        if needs_pump:
            threading.Thread(target=self._pump, name="askbot-pump", daemon=True).start()

    def _seconds_alone(self) -> float:
        """Seconds since the last reader left; below 0 while there is one, here or elsewhere."""
        return -1.0 if self._readers or self._ending else self._clock() - self._read_at

    def _needs_pump(self) -> bool:
        if self._source is None or self._is_pulled or self._is_pumped:
            return False
        # An answer without a key has one reader, who may hold it up.
        is_shared = bool(self.writing.fingerprint)
        is_unread = not self._readers or self._clock() - self._pulled_at > UNREAD_SECONDS
        return is_shared and is_unread

    def _take_source_of(self, ask: Ask) -> None:
        try:
            source = ask(self._cancellation)
        except BaseException as error:
            self._end_by(error)
            return
        with self._changed:
            self._pulled_at = self._clock()
            self._source = source
            self._note_thoughts(source)
            self._changed.notify_all()
            verdict = self._verdict
        if verdict is not None:
            self._end(*verdict)

    def _wait_for_text(self, reading: Reading, head_due: Deadline) -> None:
        """See `Reading.begin`."""
        while self._source is not None and not self._text:
            left = head_due.left()
            if self._thoughts is not None and (reading.hears_thoughts or not left):
                return
            self._piece(0, left or 0, reading)

    def _is_written(self) -> bool:
        """Whether the source knows that no more text will come."""
        source = self._source
        return source is None or source.is_whole

    def _next(self, offset: int, patience: float, reading: Reading) -> bytes | Thought | None:
        """What the reader takes next: thoughts before the text, if they hear them."""
        if offset or not reading.hears_thoughts:
            return self._piece(offset, patience, reading)
        piece: bytes | None = b""
        if not self._has_thought_for(reading):
            piece = self._piece(0, patience, reading, until_thought=True)
        if not self._has_thought_for(reading):
            return piece
        with self._changed:
            thoughts, known = self._thoughts or Thoughts(), reading.thought_chars
            reading.signs, reading.thought_chars = thoughts.signs, len(thoughts.text)
        # Text is taken by its offset, so it can wait.
        return Thought(thoughts.text[known:])

    def _has_thought_for(self, reading: Reading) -> bool:
        thoughts = self._thoughts
        return thoughts is not None and thoughts.signs > reading.signs

    def _piece(
        self,
        offset: int,
        patience: float,
        reading: Reading | None,
        *,
        until_thought: bool = False,
    ) -> bytes | None:
        """The text after `offset`, after a wait if there is none; None at the end.

        It is b"" after `patience` seconds (0: no limit). With `until_thought` it is also b"" as
        soon as there are thoughts that the reader has not got. `reading` is None for the pump.
        Raises Abandoned once the reader has left.
        """
        due = Deadline(patience)
        while True:
            with self._changed:
                while True:
                    if reading is not None and reading.has_left:
                        raise Abandoned()
                    if len(self._text) > offset or self._ending is not None:
                        break
                    if until_thought and reading is not None and self._has_thought_for(reading):
                        return b""
                    if not self._is_pulled:
                        break
                    if not self._changed.wait(due.left()):
                        return b""
                if len(self._text) > offset:
                    return piece_of(self._text, offset)
                if self._ending is not None or self._source is None:
                    return None
                if (left := due.left()) == 0:
                    return b""
                source, self._is_pulled = self._source, True
                self._reader_pulls += reading is not None
            self._pull(source, left or 0)

    def _pull(self, source: Source, patience: float) -> None:
        """Takes what is next from the source."""
        try:
            if len(self._text) > MAX_ANSWER_BYTES:
                raise UpstreamError(detail="the answer is longer than 4 MiB")
            data = source.next_bytes(patience)
        except BaseException as error:
            self._end_by(error)
            return
        with self._changed:
            self._pulled_at = self._clock()
            if not self._text:
                self._note_thoughts(source)
                self._first_text_at = self._pulled_at if data else None
            self._text += data
            verdict: Verdict | None = ("finished", None) if source.ended else self._verdict
            # Keeps others from pulling at a source that is about to be closed.
            self._is_pulled = verdict is not None
            self._changed.notify_all()
        if verdict is not None:
            self._end(*verdict)

    def _pump(self) -> None:
        """Pulls until a reader does, for readers who may come back or who read elsewhere."""
        pulls, offset = self._reader_pulls, len(self._text)
        while pulls == self._reader_pulls and (piece := self._piece(offset, 0, None)) is not None:
            offset += len(piece)
            time.sleep(PUMP_SECONDS)
        with self._changed:
            self._is_pumped = False

    def _call_off(self, state: State, error: RelayError | None = None) -> None:
        with self._changed:
            if self._verdict is not None or self._ending is not None:
                return
            self._verdict = (state, error)
            # A thread that waits for the source is woken by the cancellation, and ends the answer.
            is_awaited = self._is_pulled or (self._source is None and self._ask is None)
            self._is_pulled, self._ask = True, None
        self._cancellation.cancel()
        if not is_awaited:
            self._end(state, error)

    def _end_by(self, error: BaseException) -> None:
        """Ends the answer. Raises `error` again if it is a bug."""
        match error:
            case RelayError():
                self._end("failed", error)
            case Stopped():
                self._end("stopped")
            case Cancelled():
                self._end(*(self._verdict or ("failed", Abandoned())))
            case _:
                self._end(
                    "failed", RelayError(detail=f"a bug of the relay: {type(error).__name__}")
                )
                raise error

    def _end(self, state: State, error: RelayError | None = None) -> None:
        with self._changed:
            if self._ending is not None:
                return
            ending = self._ending = self._receipt(state, error)
            # Frees the source, and with it the request and the whole conversation.
            source, self._source = self._source, None
            if not self._readers:
                self._thoughts = None
            self._changed.notify_all()
        if source is not None:
            source.close()
        self._on_end(ending, error)

    def _note_thoughts(self, source: Source) -> None:
        self._thoughts = source.thoughts
        if self._thoughts is not None and self._first_thought_at is None:
            self._first_thought_at = self._clock()

    @property
    def _phase(self) -> Phase:
        if self._text:
            return "answering"
        return "waiting" if self._thoughts is None else "thinking"

    def _news(self, *, is_first: bool) -> bytes | None:
        """The receipt so far for the journal, if it says something new to other workers."""
        phase, thoughts = self._phase, self._thoughts
        known, self._progress = self._progress, (phase, thoughts.signs if thoughts else 0)
        if (phase == "waiting") if is_first else (known == self._progress):
            return None
        with self._changed:
            receipt = self._receipt("running")
        # Like the text, the thoughts of an answer without a key cannot be asked for.
        return (receipt if self.writing.fingerprint else replace(receipt, thinking=None)).encode()

    def _receipt(self, state: State, error: RelayError | None = None) -> Receipt:
        now, thoughts = self._clock(), self._thoughts
        is_running = state == "running"
        return Receipt(
            state=state,
            size=len(self._text),
            outcome=self._outcome(error),
            failure=Failure.of(error) if error else None,
            first_token_ms=_milliseconds(self._asked_at, self._first_text_at),
            duration_ms=_milliseconds(self._asked_at, now),
            phase=self._phase if is_running else None,
            thinking_ms=_milliseconds(self._first_thought_at, self._first_text_at or now),
            thinking=thoughts.text or None if is_running and not self._text and thoughts else None,
        )

    def _outcome(self, error: RelayError | None) -> Outcome:
        if self._source is not None:
            return self._source.outcome
        reported = error.outcome if error else None
        return reported if isinstance(reported, Outcome) else Outcome()


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(1000 * (end - start), 1)
