"""One worker's access to the journal: whether it can be used, and the beat that writes.

The first call that fails finds out that the journal is gone. From then on calls fail at once, and
only the beat tries again, until it succeeds.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, Protocol, TypeVar

from relay.journal.backend import (
    ENTRY_BYTES,
    Addition,
    Backend,
    Letter,
    Record,
    Unavailable,
    Verb,
    Writing,
)
from relay.timing import ALIVE_SECONDS, BEAT_SECONDS, IDLE_SECONDS, LETTER_SECONDS

log = logging.getLogger("askbot")

LETTER_BEATS = round(LETTER_SECONDS / BEAT_SECONDS)
# What one beat writes at most, but for its last answer, each counted with its ENTRY_BYTES: the mark
# of the worker must not wait.
MAX_BEAT_BYTES = 4 * 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class WrittenAnswer(Protocol):
    """What this worker writes, as the beat sees it."""

    @property
    def writing(self) -> Writing: ...

    def addition(self, offset: int) -> Addition:
        """What there is after `offset`."""

    def receive(self, verb: Verb) -> None:
        """A letter about it."""

    def tend(self) -> None:
        """At every beat, also while the journal is gone."""

    def saved(self) -> None:
        """The journal has all of it, the receipt too, or has no room to wait for."""


class FollowedAnswer(Protocol):
    """What another worker writes and somebody reads here."""

    @property
    def writing(self) -> Writing: ...

    @property
    def offset(self) -> int: ...

    def take(self, record: Record | None) -> None:
        """What the journal has after `offset`; None where it knows nothing, or is gone."""


class Journal:
    """`claim`, `read`, `send` and `ping` raise Unavailable.

    While the journal is gone at most `max_unsaved_bytes` of ended answers wait for it; 0 is no
    limit.
    """

    def __init__(
        self,
        backend: Backend,
        worker: str,
        *,
        max_unsaved_bytes: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.worker = worker
        self._backend = backend
        self._max_unsaved_bytes = max_unsaved_bytes
        self._clock = clock
        self._is_up = True
        self._try_again_at = self._back_at = -math.inf
        self._lock = threading.Lock()
        # Up to which byte each is written down, None for not at all; in the order of waiting.
        self._written: dict[WrittenAnswer, int | None] = {}
        # For how many beats each was followed.
        self._followed: dict[FollowedAnswer, int] = {}
        # The ends of other workers' answers, by etag.
        self._settled: dict[str, Addition] = {}
        self._beating = threading.Lock()
        self._is_busy = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is a server of its own, which other hosts may share."""
        return self._backend.is_remote

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        """See `Backend.claim`."""
        return self._judged(self._do(lambda: self._backend.claim(writing, replaced)))

    def read(self, digest: str, offset: int = 0) -> Record | None:
        """The record of a digest, with the text from `offset` on."""
        return self._judged(self._do(lambda: self._backend.read([(digest, offset)]))[0])

    def send(self, letter: Letter) -> None:
        """See `Backend.send`."""
        self._do(lambda: self._backend.send([letter]))

    def ping(self) -> None:
        self._do(lambda: self._backend.read([]))

    def add(self, written: WrittenAnswer) -> None:
        """From here on the beat writes it down, until it is saved."""
        with self._lock:
            self._written[written] = None
        self._is_busy.set()

    def settle(self, end: Addition) -> None:
        """The next beat writes down the end of an answer whose worker does not."""
        with self._lock:
            self._settled[end.writing.etag] = end
        self._is_busy.set()

    def follow(self, followed: FollowedAnswer) -> None:
        """From here on every beat brings it what the journal has of it."""
        with self._lock:
            self._followed[followed] = 0
        self._is_busy.set()

    def unfollow(self, followed: FollowedAnswer) -> None:
        with self._lock:
            self._followed.pop(followed, None)

    def start(self) -> None:
        """Starts the beat. With the first request: threads do not survive the fork of a worker."""
        with self._lock:
            if self._thread is not None:
                return
            thread = self._thread = threading.Thread(
                target=self._run, name="askbot-beat", daemon=True
            )
        # To start it takes a moment, and an event loop may not wait for the lock.
        thread.start()

    def close(self) -> None:
        """Writes down all that has ended, in as many beats as that takes."""
        self.beat()
        while self._is_up and any(each.receipt is not None for each in self._batch().values()):
            self.beat()

    def beat(self) -> None:
        """Writes down what is new, brings what is followed, and tends what is written."""
        with self._beating:
            _attempt(self._write_down)
            _attempt(self._bring_followed)
            for written in self._all_written():
                _attempt(written.tend)

    def _run(self) -> None:
        while True:
            if self._written or self._followed or self._settled:
                time.sleep(BEAT_SECONDS)
            elif self._is_busy.wait(IDLE_SECONDS):
                self._is_busy.clear()
                continue
            self.beat()

    def _write_down(self) -> None:
        if not self._is_up and self._clock() < self._try_again_at:
            return
        try:
            self._write_news()
        except Unavailable as error:
            self._note_gone(error)
            self._drop_surplus()
        else:
            self._note_back()

    def _write_news(self) -> None:
        batch, settled = self._batch(), list(self._settled.values())
        was_known = self._write([*settled, *batch.values()])
        if not was_known and any(self._written[each] is not None for each in self._all_written()):
            # What was written before may be lost. Writing it again changes nothing otherwise.
            for written in self._all_written():
                self._written[written] = None
            batch = self._batch()
            self._write([*settled, *batch.values()])
        for end in settled:
            self._settled.pop(end.writing.etag)
        with self._lock:
            for written, addition in batch.items():
                # To the end of the line: what has waited longest comes first.
                del self._written[written]
                if addition.receipt is None:
                    self._written[written] = addition.offset + len(addition.data)
        for written, addition in batch.items():
            if addition.receipt is not None:
                written.saved()

    def _batch(self) -> dict[WrittenAnswer, Addition]:
        """What is new of each answer, up to the most that one beat writes."""
        batch, size = {}, 0
        for written in self._all_written():
            offset = self._written[written]
            addition = written.addition(offset or 0)
            if offset is None or addition.data or addition.receipt is not None:
                batch[written] = addition
                size += ENTRY_BYTES + len(addition.data)
            if size > MAX_BEAT_BYTES:
                break
        return batch

    def _write(self, additions: Sequence[Addition]) -> bool:
        """Whether the backend still knew this worker; see `Backend.write`."""
        was_known, letters = self._backend.write(self.worker, additions)
        if letters:
            by_etag = {each.writing.etag: each for each in self._all_written()}
            for letter in letters:
                if letter.etag in by_etag:
                    by_etag[letter.etag].receive(letter.verb)
        return was_known

    def _bring_followed(self) -> None:
        with self._lock:
            followed = list(self._followed.items())
            for each, beats in followed:
                self._followed[each] = beats + 1
        if not followed:
            return
        records: Sequence[Record | None] = [None] * len(followed)
        letters = [
            Letter(each.writing.worker, each.writing.etag, "read")
            for each, beats in followed
            if beats % LETTER_BEATS == 0
        ]
        places = [(each.writing.digest, each.offset) for each, _ in followed]
        try:
            records = self._do(lambda: self._backend.read(places))
            if letters:
                self._do(lambda: self._backend.send(letters))
        except Unavailable:
            log.debug("what is read elsewhere waits for the journal")
        for (each, _), record in zip(followed, records, strict=True):
            _attempt(each.take, self._judged(record))

    def _drop_surplus(self) -> None:
        """Forgets ended answers that have waited longest, so that the rest has room."""
        if not self._max_unsaved_bytes:
            return
        sizes = {}
        for written in self._all_written():
            addition = written.addition(0)
            if addition.receipt is not None:
                sizes[written] = ENTRY_BYTES + len(addition.data)
        surplus = sum(sizes.values()) - self._max_unsaved_bytes
        for written, size in sizes.items():
            if surplus <= 0:
                return
            surplus -= size
            with self._lock:
                del self._written[written]
            written.saved()

    def _all_written(self) -> list[WrittenAnswer]:
        with self._lock:
            return list(self._written)

    def _judged(self, record: Record | None) -> Record | None:
        """While the journal was gone nobody could write: for a moment then nobody is dead."""
        if record is None or self._clock() - self._back_at > ALIVE_SECONDS:
            return record
        return record._replace(is_alive=True)

    def _do(self, work: Callable[[], T]) -> T:
        if not self._is_up:
            raise Unavailable("it is not back yet")
        try:
            return work()
        except Unavailable as error:
            self._note_gone(error)
            raise

    def _note_gone(self, error: Unavailable) -> None:
        with self._lock:
            was_up, self._is_up = self._is_up, False
            self._try_again_at = self._clock() + IDLE_SECONDS
        if was_up:
            log.warning(
                "%s cannot be used (%s): until it can, answers are known only to the process that "
                "writes them",
                self._backend.name,
                error,
            )

    def _note_back(self) -> None:
        with self._lock:
            was_up, self._is_up = self._is_up, True
            self._back_at = self._back_at if was_up else self._clock()
        if not was_up:
            log.warning("%s can be used again", self._backend.name)


def _attempt(step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """A fault of our own in one step of a beat must not keep the others from theirs."""
    try:
        step(*args, **kwargs)
    except Exception:
        log.exception("a beat of the journal failed by a fault of our own")
