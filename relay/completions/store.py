"""Finds completions: those written here, those written elsewhere, and those that ended.

Memory holds only the completions that this worker writes, and those that it reads while another
worker writes them. Ended ones are in the journal, for all workers.
"""

import contextlib
import hmac
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from relay.completions.completion import Ask, Completion
from relay.completions.ended_completion import EndedCompletion
from relay.completions.follower import Follower
from relay.completions.idempotency_key import digest_of, parse_key, spelled
from relay.completions.reading import Reading
from relay.completions.receipt import Failure, Receipt
from relay.deadline import Deadline
from relay.errors import (
    IdempotencyKeyReused,
    RelayError,
    ShuttingDown,
    StoreUnreachable,
    UnknownCompletion,
    UpstreamError,
)
from relay.intervals import CUT_SECONDS
from relay.journal import Addition, Journal, Letter, Record, Unavailable, Writing
from relay.upstream import Cancellation

# How long to wait for an unknown id: a request for it may overtake the question.
OVERTAKING_SECONDS = 0.25

# How often to look whether completions have ended.
POLL_SECONDS = 0.05

T = TypeVar("T")

# Locks by digest: questions with the same key are opened one after the other.
_STRIPES = 256


# Gets the end of an answer, and the beginning of the digest of its id. Must not wait, because an
# event loop may call it.
OnEnd = Callable[[str, Receipt, RelayError | None], None]


def unheeded(completion: str, receipt: Receipt, error: RelayError | None) -> None:
    """The `OnEnd` of an answer whose end nobody waits for."""


class Store:
    """All completions. One with a client's key goes on without readers for `grace_seconds`."""

    def __init__(self, journal: Journal, *, grace_seconds: float) -> None:
        self._journal = journal
        self._grace_seconds = grace_seconds
        self._stripes = [threading.Lock() for _ in range(_STRIPES)]
        self._lock = threading.Lock()
        # By digest.
        self._written: dict[str, Completion] = {}
        self._followed: dict[str, Completion] = {}
        # By etag, as long as they are read: all readers of an answer share one copy of its text.
        self._ended: WeakValueDictionary[str, EndedCompletion] = WeakValueDictionary()
        self._is_draining = self._is_closing = False

    def open(
        self, key: str | None, fingerprint: bytes, ask: Ask, on_end: OnEnd = unheeded
    ) -> Reading:
        """A reading of the completion that `key` names, or of a new one that `ask` begins.

        `on_end` is called when the new one ends.

        A completion that failed without text is replaced by a new one. Without a key the completion
        is new, and ends with its reader. Raises InvalidRequest for a key that is no UUID,
        IdempotencyKeyReused for a key of another question, and ShuttingDown after `close`.
        """
        self._journal.start()
        if key is None:
            self._check_open()
            id = str(uuid.uuid4())
            writing = self._new_writing(digest_of(id), b"")
            return self._begin(id, writing, ask, on_end, grace_seconds=0)
        id = parse_key(key)
        with self._stripe(digest_of(id)):
            return self._open(id, fingerprint, ask, on_end)

    def replace(self, key: str, fingerprint: bytes, ask: Ask, on_end: OnEnd = unheeded) -> Reading:
        """A reading of a new completion, which takes over `key`.

        A running completion under the key is stopped. Raises InvalidRequest and ShuttingDown.
        """
        self._journal.start()
        self._check_open()
        id = parse_key(key)
        digest = digest_of(id)
        with self._stripe(digest):
            with self._lock:
                known = [self._followed.pop(digest, None), self._written.get(digest)]
            for completion in known:
                if completion is not None:
                    completion.stop()
            writing, replaced = self._new_writing(digest, fingerprint), ""
            while (record := self._claim(writing, replaced)) is not None:
                if record.writing.worker != self._journal.worker:
                    self._stop_elsewhere(record)
                replaced = record.writing.etag
            return self._begin(id, writing, ask, on_end, grace_seconds=self._grace_seconds)

    def knows(self, key: str) -> bool:
        """Whether a question with this key would not ask the model, as far as can be found out."""
        id = spelled(key)
        known = self._known(digest_of(id))
        if known is not None and not known.is_free:
            return True
        try:
            record = self._record(digest_of(id), known)
        except StoreUnreachable:
            return False
        receipt = self._settle(record, len(record.data)) if record is not None else None
        return record is not None and not (receipt is not None and receipt.is_free)

    def get(self, id: str) -> Reading:
        """A reading of a completion. Raises UnknownCompletion or StoreUnreachable."""
        return _found(lambda: self.find(id))

    def find(self, id: str) -> Reading | None:
        """A reading of a completion, or None if it is not known now.

        Raises StoreUnreachable.
        """
        return self._get(spelled(id))

    def receipt(self, id: str) -> tuple[Receipt, str]:
        """The receipt of a completion, and the etag of the writing that it belongs to.

        Raises UnknownCompletion or StoreUnreachable.
        """
        return _found(lambda: self._receipt(spelled(id)))

    def stop(self, id: str) -> None:
        """Stops a completion on any worker. Raises UnknownCompletion or StoreUnreachable."""
        _found(lambda: self._stop(spelled(id)))

    def check(self) -> None:
        """Raises ShuttingDown after `drain`.

        Raises StoreUnreachable if the journal is shared by hosts and cannot be reached.
        """
        if self._is_draining:
            raise ShuttingDown()
        if self._journal.is_remote:
            # Only the beat finds out that the journal is back.
            self._journal.start()
            with _reachable():
                self._journal.ping()

    def drain(self) -> None:
        """Has `check` say that the server is about to stop. Questions are still taken."""
        self._is_draining = True

    def close(self, is_late: Callable[[], bool]) -> None:
        """Takes no more questions. Fails what runs once `is_late`, and writes all down.

        Completions without a connection here go on too: they may be read on another worker, or
        their readers may come back.
        """
        self._is_closing = True
        self._wait_for_ends(is_late)
        for completion in self._running():
            completion.fail(ShuttingDown())
        limit = Deadline(CUT_SECONDS)
        self._wait_for_ends(lambda: limit.passed)
        self._journal.close()

    def _get(self, id: str) -> Reading | None:
        digest = digest_of(id)
        with self._stripe(digest):
            known = self._known(digest)
            if known is not None and not known.is_free:
                return known.join()
            record = self._record(digest, known)
            if record is not None:
                # A completion without a client's key has only a receipt.
                return self._join(id, record) if record.writing.fingerprint else None
        return known.join() if known is not None else None

    def _receipt(self, id: str) -> tuple[Receipt, str] | None:
        known = self._written.get(digest_of(id))
        if known is not None and not known.is_free:
            return known.receipt(), known.etag
        record = self._record(digest_of(id), known)
        if record is not None:
            size = len(record.data)
            receipt = self._settle(record, size) or Receipt.running(size, record.progress)
            return receipt, record.writing.etag
        return (known.receipt(), known.etag) if known is not None else None

    def _stop(self, id: str) -> bool | None:
        known = self._written.get(digest_of(id))
        if known is not None and not known.is_free:
            known.stop()
            return True
        record = self._record(digest_of(id), known)
        if record is not None:
            self._stop_elsewhere(record)
        return True if known or record else None

    def _stop_elsewhere(self, record: Record) -> None:
        """Raises StoreUnreachable."""
        if self._settle(record, len(record.data)) is None:
            with _reachable():
                self._journal.send(Letter(record.writing.worker, record.writing.etag, "stop"))

    def _open(self, id: str, fingerprint: bytes, ask: Ask, on_end: OnEnd) -> Reading:
        digest, replaced = digest_of(id), ""
        known = self._known(digest)
        if known is not None:
            _check_question(known.writing, fingerprint)
            if not known.is_free:
                return known.join()
            replaced = known.etag
        self._check_open()
        writing = self._new_writing(digest, fingerprint)
        while (record := self._claim(writing, replaced)) is not None:
            _check_question(record.writing, fingerprint)
            receipt = self._settle(record, len(record.data))
            if receipt is None or not receipt.is_free:
                return self._join(id, record)
            replaced = record.writing.etag
        return self._begin(id, writing, ask, on_end, grace_seconds=self._grace_seconds)

    def _check_open(self) -> None:
        if self._is_closing:
            raise ShuttingDown()

    def _claim(self, writing: Writing, replaced: str) -> Record | None:
        """See `Backend.claim`. Every claim succeeds while the journal is down."""
        try:
            return self._journal.claim(writing, replaced)
        except Unavailable:
            return None

    def _begin(
        self, id: str, writing: Writing, ask: Ask, on_end: OnEnd, *, grace_seconds: float
    ) -> Reading:
        completion = Completion(
            id,
            writing,
            ask,
            grace_seconds=grace_seconds,
            on_end=partial(on_end, writing.digest[:8]),
            on_saved=lambda: self._forget(self._written, completion),
        )
        reading = completion.join()
        with self._lock:
            self._written[writing.digest] = completion
        self._journal.add(completion)
        return reading

    def _join(self, id: str, record: Record) -> Reading:
        """A reading of a completion in the journal, which has ended or is written elsewhere."""
        receipt = self._settle(record, len(record.data))
        if receipt is not None:
            return Reading(self._ended_completion(id, record, receipt))
        follower = Follower(self._journal, record, self._settle)

        def ask(cancellation: Cancellation) -> Follower:
            begun = follower.begin(cancellation)
            completion.writing = begun.writing
            return begun

        completion = Completion(
            id,
            record.writing,
            ask,
            on_end=lambda _receipt, _error: self._forget(self._followed, completion),
        )
        reading = completion.join()
        with self._lock:
            self._followed[record.writing.digest] = completion
        return reading

    def _ended_completion(self, id: str, record: Record, receipt: Receipt) -> EndedCompletion:
        etag = record.writing.etag
        with self._lock:
            known = self._ended.get(etag)
            if known is None or known.ending != receipt:
                known = self._ended[etag] = EndedCompletion(id, etag, record.data, receipt)
        return known

    def _settle(self, record: Record, size: int) -> Receipt | None:
        """The receipt of a record with `size` bytes of text; None while it is running.

        An answer has failed if its worker died without a receipt. The failure is written down, so
        that all workers report the same.
        """
        if record.receipt is not None:
            receipt = Receipt.decode(record.receipt)
            # An answer without a key has no text here. Other text may be lost for lack of room.
            is_whole = receipt.size == size or not record.writing.fingerprint
            return receipt if is_whole else _lost(size, "its text is not in the journal any more")
        if record.is_alive:
            return None
        receipt = _lost(size, "the process that wrote it has died")
        self._journal.settle(Addition(record.writing, size, b"", receipt.encode()))
        return receipt

    def _record(self, digest: str, known: Completion | None) -> Record | None:
        """The journal's record, unless it is the writing `known`.

        Raises StoreUnreachable, unless something is known here.
        """
        self._journal.start()
        try:
            with _reachable():
                record = self._journal.read(digest)
        except StoreUnreachable:
            if known is None:
                raise
            return None
        is_known = record is not None and known is not None and record.writing.etag == known.etag
        return None if is_known else record

    def _known(self, digest: str) -> Completion | None:
        followed = self._followed.get(digest)
        # A follower without readers is about to end, although the answer goes on.
        if followed is not None and not followed.is_called_off:
            return followed
        return self._written.get(digest)

    def _running(self) -> list[Completion]:
        with self._lock:
            written = list(self._written.values())
        return [each for each in written if each.receipt().state == "running"]

    def _forget(self, place: dict[str, Completion], completion: Completion) -> None:
        with self._lock:
            # A failed completion may have been replaced under its key.
            if place.get(completion.writing.digest) is completion:
                del place[completion.writing.digest]

    def _wait_for_ends(self, is_late: Callable[[], bool]) -> None:
        while self._running() and not is_late():
            time.sleep(POLL_SECONDS)

    def _new_writing(self, digest: str, fingerprint: bytes) -> Writing:
        return Writing(digest, secrets.token_hex(16), self._journal.worker, fingerprint)

    def _stripe(self, digest: str) -> threading.Lock:
        return self._stripes[int(digest[:8], 16) % _STRIPES]


def _found(find: Callable[[], T | None]) -> T:
    """The result of `find`, on the second try at the latest. Raises UnknownCompletion."""
    found = find()
    if found is None:
        time.sleep(OVERTAKING_SECONDS)
        found = find()
    if found is None:
        raise UnknownCompletion()
    return found


def _lost(size: int, detail: str) -> Receipt:
    return Receipt("failed", size, failure=Failure.of(UpstreamError(detail=detail)))


def _check_question(writing: Writing, fingerprint: bytes) -> None:
    if not hmac.compare_digest(writing.fingerprint, fingerprint):
        raise IdempotencyKeyReused()


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    """Raises StoreUnreachable if the journal cannot be used."""
    try:
        yield
    except Unavailable as error:
        raise StoreUnreachable(detail=str(error)) from None
