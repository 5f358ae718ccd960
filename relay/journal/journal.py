"""One worker's access to the journal, and the beat that writes.

After the first call that fails the journal counts as down. Calls then fail at once, and only the
beat tries again, until it succeeds.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, Protocol, TypeVar

from relay.intervals import ALIVE_SECONDS, BEAT_SECONDS, IDLE_SECONDS, LETTER_SECONDS
from relay.journal.backend import (
    ENTRY_BYTES,
    Addition,
    Backend,
    Change,
    Letter,
    Position,
    Record,
    Settlement,
    Taken,
    Taking,
    Unavailable,
    Verb,
    Writing,
)
from relay.journal.group_commit import GroupCommit

log = logging.getLogger("askbot")

LETTER_BEATS = round(LETTER_SECONDS / BEAT_SECONDS)
# A beat takes no further answer after this size, so that the worker's mark does not wait.
MAX_BEAT_BYTES = 4 * 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class WrittenAnswer(Protocol):
    """An answer that this worker writes, as the beat sees it."""

    @property
    def writing(self) -> Writing: ...

    def addition(self, offset: int | None) -> Addition:
        """What is new since the last addition, which went up to `offset`; None: all of it."""

    def receive(self, verb: Verb) -> None:
        """Takes a letter about the answer."""

    def tend(self) -> None:
        """Called at every beat, also while the journal is down."""

    def saved(self) -> None:
        """Called when the journal has all of it with its receipt, or when it was dropped."""


class FollowedAnswer(Protocol):
    """An answer that another worker writes and that is read here."""

    @property
    def writing(self) -> Writing: ...

    @property
    def position(self) -> Position: ...

    def take(self, record: Record | None) -> None:
        """Takes the record at the position; None if the journal has none or is down."""


class Journal:
    """One worker's access to the journal.

    Its beat writes down the worker's answers, ten times a second, and brings those of other workers
    that are read here. `claim`, `read`, `send`, `take` and `ping` do not wait for the beat, and
    raise Unavailable while the journal is down.

    While the journal is down, up to `max_unsaved_bytes` of ended answers wait in memory; 0 is no
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
        # When it was last written, or when the beat started.
        self._written_at: float | None = None
        self._lock = threading.Lock()
        # How many bytes of each answer are written, or None. Those that waited longest come first.
        self._written: dict[WrittenAnswer, int | None] = {}
        # The number of beats for which each was followed.
        self._followed: dict[FollowedAnswer, int] = {}
        # Receipts for answers of dead workers, by etag.
        self._settled: dict[str, Addition] = {}
        # What answers that have ended return to their buckets; the changes are by key.
        self._left: list[tuple[str, str]] = []
        self._changes: dict[str, Change] = {}
        self._settling = threading.Lock()
        # Looks once more whether the journal is up: those that have waited for a group that failed
        # must not wait for the same again.
        self._take_together: GroupCommit[Taking, Taken] = GroupCommit(
            lambda takings: self._do(lambda: self._take(takings))
        )
        self._beating = threading.Lock()
        self._is_busy = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_remote(self) -> bool:
        """Whether the backend is a server, which several hosts may share."""
        return self._backend.is_remote

    @property
    def age_seconds(self) -> float:
        """The time since the last beat that could write; 0 before the first request.

        It is not much longer than IDLE_SECONDS, unless the journal is down or slow.
        """
        return 0.0 if self._written_at is None else self._clock() - self._written_at

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        """See `Backend.claim`."""
        return self._judged(self._do(lambda: self._backend.claim(writing, replaced)))

    def read(self, digest: str, offset: int = 0) -> Record | None:
        """The record of a digest, with the text from `offset` on."""
        return self._judged(self._do(lambda: self._backend.read([Position(digest, offset)]))[0])

    def send(self, letter: Letter) -> None:
        """See `Backend.send`."""
        self._do(lambda: self._backend.send([letter]))

    def take(self, taking: Taking) -> Taken:
        """See `Backend.take`. What was given back until now is there to be taken."""
        owes = self._owes
        taken = self._take_together(taking)
        if not taken.has_taken and (owes or self._owes):
            self._do(self._settle_ended)
            taken = self._take_together(taking)
        return taken

    def give_back(self, settlement: Settlement) -> None:
        """Has the next beat settle ended answers. Must not wait, because an event loop calls it."""
        with self._lock:
            self._left += settlement.left
            for change in settlement.changes:
                known = self._changes.get(change.key)
                amount = change.amount + (known.amount if known else 0)
                self._changes[change.key] = change._replace(amount=amount)
        self._is_busy.set()

    @property
    def _owes(self) -> bool:
        """Whether something that was given back is not in the backend yet."""
        return bool(self._left or self._changes) or self._settling.locked()

    def ping(self) -> None:
        self._do(lambda: self._backend.read([]))

    def add(self, written: WrittenAnswer) -> None:
        """Has the beat write the answer down until it is saved."""
        with self._lock:
            self._written[written] = None
        self._is_busy.set()

    def settle(self, end: Addition) -> None:
        """Has the next beat write the end of an answer whose worker has died."""
        with self._lock:
            self._settled[end.writing.etag] = end
        self._is_busy.set()

    def follow(self, followed: FollowedAnswer) -> None:
        """Has every beat bring the answer its news from the journal."""
        with self._lock:
            self._followed[followed] = 0
        self._is_busy.set()

    def unfollow(self, followed: FollowedAnswer) -> None:
        with self._lock:
            self._followed.pop(followed, None)

    def start(self) -> None:
        """Starts the beat. Called by requests, because a thread does not survive the fork."""
        with self._lock:
            if self._thread is not None:
                return
            thread = self._thread = threading.Thread(
                target=self._run, name="askbot-beat", daemon=True
            )
            self._written_at = self._clock()
        # Outside the lock: the start takes a moment, and an event loop must not wait for the lock.
        thread.start()

    def close(self) -> None:
        """Writes down all ended answers and what they give back, in as many beats as needed."""
        self.beat()
        while self._is_up and any(each.receipt is not None for each in self._batch().values()):
            self.beat()

    def beat(self) -> None:
        """Writes news down, brings news to followed answers, and tends written ones."""
        with self._beating:
            _attempt(self._write_down)
            _attempt(self._bring_followed)
            for written in self._all_written():
                _attempt(written.tend)

    def _run(self) -> None:
        while True:
            if self._written or self._followed or self._settled or self._left or self._changes:
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
            self._settle_ended()
        except Unavailable as error:
            self._note_gone(error)
            self._drop_surplus()
        else:
            self._note_back()

    def _write_news(self) -> None:
        batch, settled = self._batch(), list(self._settled.values())
        was_known = self._write([*settled, *batch.values()])
        if not was_known and any(self._written[each] is not None for each in self._all_written()):
            # Earlier additions may be lost. If they are not, writing them again changes nothing.
            for written in self._all_written():
                self._written[written] = None
            batch = self._batch()
            self._write([*settled, *batch.values()])
        for end in settled:
            self._settled.pop(end.writing.etag)
        with self._lock:
            for written, addition in batch.items():
                # Moves the answer to the end of the queue.
                del self._written[written]
                if addition.receipt is None:
                    self._written[written] = addition.offset + len(addition.data)
        for written, addition in batch.items():
            if addition.receipt is not None:
                written.saved()

    def _batch(self) -> dict[WrittenAnswer, Addition]:
        """The news of each answer, up to the limit of one beat."""
        batch, size = {}, 0
        for written in self._all_written():
            offset = self._written[written]
            addition = written.addition(offset)
            if offset is None or addition.data or addition.receipt or addition.progress:
                batch[written] = addition
                size += ENTRY_BYTES + len(addition.data) + len(addition.progress or b"")
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

    def _take(self, takings: Sequence[Taking]) -> list[Taken]:
        try:
            return self._backend.take(self.worker, takings)
        except BaseException:
            # The backend may have done it all the same.
            running = [
                (each.key, id) for id, buckets in takings for each in buckets if not each.seconds
            ]
            self.give_back(Settlement(running))
            raise

    def _settle_ended(self) -> None:
        """Returns when all that was given back is in the backend. Raises Unavailable."""
        with self._settling:
            with self._lock:
                left, self._left = self._left, []
                changes, self._changes = list(self._changes.values()), {}
            if left or changes:
                self._give_back(left, changes)

    def _give_back(self, left: Sequence[tuple[str, str]], changes: Sequence[Change]) -> None:
        try:
            self._backend.give_back(self.worker, Settlement(left, changes))
        except Unavailable:
            # The backend may have done it all the same. An answer can leave twice, but tokens that
            # are given back twice would be spent twice.
            spent = [change for change in changes if change.amount > 0]
            self.give_back(Settlement(left, spent))
            raise

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
        positions = [each.position for each, _ in followed]
        try:
            records = self._do(lambda: self._backend.read(positions))
            if letters:
                self._do(lambda: self._backend.send(letters))
        except Unavailable:
            log.debug("answers of other workers cannot be read: the journal is unavailable")
        for (each, _), record in zip(followed, records, strict=True):
            _attempt(each.take, self._judged(record))

    def _drop_surplus(self) -> None:
        """Drops the ended answers that have waited longest, down to the limit."""
        if not self._max_unsaved_bytes:
            return
        sizes = {}
        for written in self._all_written():
            addition = written.addition(None)
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
        """For a while after an outage every worker counts as alive: none could write its mark."""
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
                "writes them, and each process counts its limits alone",
                self._backend.name,
                error,
            )

    def _note_back(self) -> None:
        self._written_at = self._clock()
        with self._lock:
            was_up, self._is_up = self._is_up, True
            self._back_at = self._back_at if was_up else self._clock()
        if not was_up:
            log.warning("%s can be used again", self._backend.name)


def _attempt(step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Runs a step of a beat. Logs a bug in it, so that the other steps still run."""
    try:
        step(*args, **kwargs)
    except Exception:
        log.exception("writing the journal failed: a bug of the relay")
