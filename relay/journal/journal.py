"""One worker's access to the journal: whether it can be used, and the beat that writes.

The first call that fails finds out that the journal is gone. From then on calls fail at once, and
only the beat tries again, until it succeeds.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

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

log = logging.getLogger("askbot")

BEAT_SECONDS = 0.1
# How often to write with nothing to be written, and to try again while the journal is gone.
IDLE_SECONDS = 1.0
# When the journal is there again, every worker has so long to find out and to mark itself alive.
RETURN_SECONDS = 3.0
# A worker that reads an answer elsewhere says so every so many beats.
READ_BEATS = 10
# What one beat writes at most, but for its last answer, each counted with its ENTRY_BYTES: the mark
# of the worker must not wait.
MAX_BEAT_BYTES = 4 * 1024 * 1024

T = TypeVar("T")


class Written(Protocol):
    """An answer that this worker writes, as the beat sees it."""

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


class Followed(Protocol):
    """An answer that another worker writes and somebody reads here."""

    @property
    def writing(self) -> Writing: ...

    @property
    def offset(self) -> int: ...

    def take(self, record: Record | None) -> None:
        """What the journal has after `offset`; None where it knows nothing, or is gone."""


class _Entry:
    """How far an answer is written down; None is not at all."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self.offset: int | None = None


class Journal:
    """`claim`, `read`, `write`, `send` and `ping` raise Unavailable.

    While the journal is gone at most `max_unsaved_bytes` of ended answers wait for it; 0 is no
    limit.
    """

    def __init__(self, backend: Backend, worker: str, *, max_unsaved_bytes: int = 0) -> None:
        self.worker = worker
        self._backend = backend
        self._max_unsaved_bytes = max_unsaved_bytes
        self._is_up = True
        self._back_at = -math.inf
        self._try_again_at = 0.0
        self._lock = threading.Lock()
        # By etag, in the order in which they came.
        self._entries: dict[str, _Entry] = {}
        # With the beats for which each was followed.
        self._followed: dict[Followed, int] = {}
        self._is_busy = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is a server of its own, which other hosts may share."""
        return self._backend.is_remote

    @property
    def tells_who_is_alive(self) -> bool:
        """Not for some time after it was gone, when nobody could mark themselves alive."""
        return self._is_up and time.monotonic() - self._back_at > RETURN_SECONDS

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        """See `Backend.claim`."""
        return self._do(lambda: self._backend.claim(writing, replaced))

    def read(self, digest: str, offset: int = 0) -> Record | None:
        """The record of a digest, with the text from `offset` on."""
        return self._do(lambda: self._backend.read([(digest, offset)]))[0]

    def write(self, addition: Addition) -> None:
        """Writes down at once what no beat would: the end of another worker's answer."""
        self._do(lambda: self._backend.write(self.worker, [addition]))

    def send(self, letter: Letter) -> None:
        """See `Backend.send`."""
        self._do(lambda: self._backend.send([letter]))

    def ping(self) -> None:
        self._do(lambda: self._backend.read([]))

    def add(self, written: Written) -> None:
        """From here on the beat writes it down, until it is saved."""
        with self._lock:
            self._entries[written.writing.etag] = _Entry(written)
        self._is_busy.set()

    def follow(self, followed: Followed) -> None:
        """From here on every beat brings it what the journal has of it."""
        with self._lock:
            self._followed[followed] = 0
        self._is_busy.set()

    def unfollow(self, followed: Followed) -> None:
        with self._lock:
            self._followed.pop(followed, None)

    def start(self) -> None:
        """Starts the beat. With the first request: threads do not survive the fork of a worker."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="askbot-beat", daemon=True)
                self._thread.start()

    def beat(self) -> None:
        """Writes down what is new, brings what is followed, and tends what is written."""
        if self._is_up or time.monotonic() >= self._try_again_at:
            try:
                self._write_down()
            except Unavailable as error:
                self._is_gone(error)
                self._drop_surplus()
            else:
                self._is_back()
        self._bring()
        for entry in self._all_entries():
            entry.written.tend()

    def _run(self) -> None:
        while True:
            if self._entries or self._followed:
                time.sleep(BEAT_SECONDS)
            elif self._is_busy.wait(IDLE_SECONDS):
                self._is_busy.clear()
                continue
            try:
                self.beat()
            except Exception:
                log.exception("a beat of the journal failed by a fault of our own")

    def _write_down(self) -> None:
        batch = self._batch()
        was_known, letters = self._backend.write(self.worker, [addition for _, addition in batch])
        if not was_known and any(entry.offset for entry in self._all_entries()):
            # What was written before may be lost. Writing it again changes nothing otherwise.
            for entry in self._all_entries():
                entry.offset = None
            batch = self._batch()
            self._backend.write(self.worker, [addition for _, addition in batch])
        for entry, addition in batch:
            entry.offset = addition.offset + len(addition.data)
            if addition.receipt is not None:
                self._release(entry)
        if letters:
            self._deliver(letters)

    def _deliver(self, letters: Sequence[Letter]) -> None:
        by_digest = {entry.written.writing.digest: entry for entry in self._all_entries()}
        for letter in letters:
            if letter.digest in by_digest:
                by_digest[letter.digest].written.receive(letter.verb)

    def _batch(self) -> list[tuple[_Entry, Addition]]:
        """What is new of each answer, up to the most that one beat writes."""
        batch, size = [], 0
        for entry in self._all_entries():
            addition = entry.written.addition(entry.offset or 0)
            if entry.offset is None or addition.data or addition.receipt is not None:
                batch.append((entry, addition))
                size += ENTRY_BYTES + len(addition.data)
            if size > MAX_BEAT_BYTES:
                break
        return batch

    def _bring(self) -> None:
        with self._lock:
            followed = list(self._followed.items())
            for each, beats in followed:
                self._followed[each] = beats + 1
        if not followed:
            return
        records: Sequence[Record | None] = [None] * len(followed)
        letters = [
            Letter(each.writing.worker, each.writing.digest, "read")
            for each, beats in followed
            if beats % READ_BEATS == 0
        ]
        places = [(each.writing.digest, each.offset) for each, _ in followed]
        try:
            records = self._do(lambda: self._backend.read(places))
            if letters:
                self._do(lambda: self._backend.send(letters))
        except Unavailable:
            log.debug("what is read elsewhere waits for the journal")
        for (each, _), record in zip(followed, records, strict=True):
            each.take(record)

    def _drop_surplus(self) -> None:
        """Forgets ended answers that have waited longest, so that the rest has room."""
        if not self._max_unsaved_bytes:
            return
        ended, surplus = [], -self._max_unsaved_bytes
        for entry in self._all_entries():
            addition = entry.written.addition(0)
            if addition.receipt is not None:
                ended.append((entry, ENTRY_BYTES + len(addition.data)))
                surplus += ENTRY_BYTES + len(addition.data)
        for entry, size in ended:
            if surplus <= 0:
                return
            surplus -= size
            self._release(entry)

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            self._entries.pop(entry.written.writing.etag, None)
        entry.written.saved()

    def _all_entries(self) -> list[_Entry]:
        with self._lock:
            return list(self._entries.values())

    def _do(self, work: Callable[[], T]) -> T:
        if not self._is_up:
            raise Unavailable("it is not back yet")
        try:
            return work()
        except Unavailable as error:
            self._is_gone(error)
            raise

    def _is_gone(self, error: Unavailable) -> None:
        with self._lock:
            was_up, self._is_up = self._is_up, False
            self._try_again_at = time.monotonic() + IDLE_SECONDS
        self._is_busy.set()
        if was_up:
            log.warning(
                "%s cannot be used (%s): until it can, answers are known only to the process that "
                "writes them",
                self._backend.name,
                error,
            )

    def _is_back(self) -> None:
        with self._lock:
            was_up, self._is_up = self._is_up, True
            if not was_up:
                self._back_at = time.monotonic()
        if not was_up:
            log.warning("%s can be used again", self._backend.name)
