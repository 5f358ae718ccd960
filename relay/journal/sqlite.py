"""The journal in an SQLite file, for all workers of one host."""

import math
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

from gevent import monkey

from relay.intervals import ALIVE_SECONDS, LOCKED_SECONDS
from relay.journal.backend import (
    ENTRY_BYTES,
    Addition,
    Bucket,
    Letter,
    Position,
    Record,
    Settlement,
    Taken,
    Taking,
    Unavailable,
    Writing,
)
from relay.journal.native_thread import NativeThread
from relay.journal.sqlite_tables import (
    BEAT,
    BEGIN,
    CHANGE,
    COUNTED,
    DEAD_WORKERS,
    END,
    ENDING,
    GATHER,
    LONG,
    OLD,
    OLDEST,
    ORPHANS,
    PIECE,
    PIECES,
    PROGRESS,
    READ_NO_MORE,
    RECORD,
    ROW,
    RUNNING,
    SUM,
    SURPLUS,
    TABLES,
    TAKE,
    VERSION,
    WHOLE,
)

# How long to wait for a locked file at the start, when no reader waits yet.
LOCKED_AT_START_SECONDS = 10.0
# How long a dead worker's answers are kept at most, also where ANSWER_TTL_SECONDS is no limit.
LONGEST_SECONDS = 86_400.0
CLEAN_SECONDS = 1.0
# How often taking from buckets marks the worker alive: far more often than is needed.
MARK_SECONDS = 0.5
# After this many beats the pieces of an answer are gathered, so that reads stay short.
LONG_BEATS = 1000
SWITCH_AGAIN_SECONDS = 0.01

T = TypeVar("T")

# gevent's `sleep` would start another event loop in the native thread.
_native_sleep = monkey.get_original("time", "sleep")


class SqliteBackend:
    """See `Backend`. `path` names a file, or is ":memory:" for a journal of one process.

    Ended answers are kept for `ttl_seconds`, and up to `max_bytes` in total; 0 is no limit. A call
    waits `locked_seconds` for a file that another process has locked.
    """

    name = "The state file"
    is_remote = False

    def __init__(
        self,
        path: str,
        *,
        ttl_seconds: float,
        max_bytes: int,
        locked_seconds: float = LOCKED_SECONDS,
    ) -> None:
        self._path = path
        self._ttl_seconds = ttl_seconds or math.inf
        self._max_bytes = max_bytes or math.inf
        self._locked_seconds = locked_seconds
        self._clean_at = self._failed_at = self._marked_at = -math.inf
        self._marked = ""
        # The running answers that this worker has entered, by bucket and id.
        self._running: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        # Waiting for the disk would stop gevent's loop, so a native thread does it.
        self._thread = NativeThread() if monkey.is_module_patched("threading") else None
        self._database = self._do(self._open)

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        return self._do(lambda: self._claim(writing, replaced))

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        return self._do(lambda: self._write(worker, additions))

    def read(self, positions: Sequence[Position]) -> list[Record | None]:
        return self._do(lambda: self._read(positions))

    def send(self, letters: Sequence[Letter]) -> None:
        self._do(lambda: self._send(letters))

    def take(self, worker: str, takings: Sequence[Taking]) -> list[Taken]:
        return self._do(lambda: self._take(worker, takings))

    def give_back(self, worker: str, settlement: Settlement) -> None:
        self._do(lambda: self._give_back(worker, settlement))

    def _do(self, work: Callable[[], T]) -> T:
        asked_at = time.monotonic()
        try:
            if self._thread is not None:
                return self._thread.do(lambda: self._attempt(work, asked_at))
            with self._lock:
                return self._attempt(work, asked_at)
        except (sqlite3.Error, TimeoutError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _attempt(self, work: Callable[[], T], asked_at: float) -> T:
        if asked_at < self._failed_at:
            # Calls that queued behind a failed one fail too: each would wait for the same lock.
            raise TimeoutError("what came before it failed")
        try:
            return work()
        except sqlite3.Error:
            self._failed_at = time.monotonic()
            raise

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self._path,
            timeout=LOCKED_AT_START_SECONDS,
            isolation_level="IMMEDIATE",
            check_same_thread=False,
        )
        try:
            self._make_tables(database)
            _write_ahead(database)
            # A crash of the machine may lose the last moments, but nothing older.
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA busy_timeout = {1000 * self._locked_seconds:.0f}")
        except BaseException:
            database.close()
            raise
        return database

    def _make_tables(self, database: sqlite3.Connection) -> None:
        """One transaction, because another worker may do the same."""
        with database:
            database.execute("BEGIN IMMEDIATE")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            (count,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if count and version != VERSION:
                raise sqlite3.DatabaseError(
                    "another program, or another version of this one, made it"
                )
            for statement in TABLES:
                database.execute(statement)

    def _claim(self, writing: Writing, replaced: str) -> Record | None:
        with self._database as database:
            self._mark(writing.worker)
            known = self._record(Position(writing.digest))
            if known is not None and known.writing.etag not in (replaced, writing.etag):
                return known
            database.execute("DELETE FROM answers WHERE digest = ?", [writing.digest])
            database.execute(BEGIN, [*writing, self._beat()])
            return None

    def _write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        pieces = []
        with self._database as database:
            is_known, beat = self._mark(worker), self._beat()
            for addition in additions:
                writing, offset, data, receipt, progress = addition
                if receipt is not None:
                    is_known &= self._end(worker, addition)
                    continue
                if offset == 0:
                    database.execute(BEGIN, [*writing, beat])
                if data:
                    pieces.append((beat, writing.etag, offset, data))
                if progress is not None:
                    database.execute(PROGRESS, [progress, writing.digest, writing.etag])
            database.executemany(PIECE, pieces)
            taken = database.execute("DELETE FROM letters WHERE worker = ? RETURNING *", [worker])
            letters = [Letter(*row) for row in taken]
            self._clean(beat)
        return is_known, letters

    def _end(self, worker: str, addition: Addition) -> bool:
        """Writes the end of an answer. False if earlier text is missing."""
        (writing, offset, data, receipt, _), is_ours = addition, addition.writing.worker == worker
        end = (receipt, offset + len(data), time.time())
        if is_ours and offset == 0:
            self._database.execute(WHOLE, [*writing, data, *end])
            return True
        place = [writing.digest, writing.etag, worker]
        row = self._database.execute(ENDING, place).fetchone()
        if row is None:
            # Another worker has claimed the digest, or has written the end first.
            return True
        id, begun, text = row
        text = self._text(writing.etag, begun, text)
        if is_ours and len(text) < offset:
            return False
        text = text[:offset] + data if is_ours else text
        self._database.execute(END, [text, *end, id])
        return True

    def _read(self, positions: Sequence[Position]) -> list[Record | None]:
        with self._database as database:
            # One transaction: between two queries the answer may be deleted.
            database.execute("BEGIN")
            newest = self._beat() - 1
            return [self._record(position, newest) for position in positions]

    def _send(self, letters: Sequence[Letter]) -> None:
        with self._database as database:
            database.executemany("INSERT OR IGNORE INTO letters VALUES (?, ?, ?)", letters)

    def _take(self, worker: str, takings: Sequence[Taking]) -> list[Taken]:
        now, taken = time.time(), []
        known = {bucket.key: bucket for _, buckets in takings for bucket in buckets}
        with self._database as database:
            database.execute("BEGIN IMMEDIATE")
            self._mark_if_due(worker)
            before = dict(zip(known, self._held(list(known.values())), strict=True))
            counts = before.copy()
            for _, buckets in takings:
                held = [counts[bucket.key] for bucket in buckets]
                has_taken = not any(map(Bucket.lacks, buckets, held))
                taken.append(Taken(has_taken, held))
                if has_taken:
                    for bucket in buckets:
                        counts[bucket.key] += bucket.amount
            rows = [
                (key, "" if seconds else worker, more, now + (seconds or LONGEST_SECONDS))
                for key, _, _, seconds in known.values()
                if (more := counts[key] - before[key])
            ]
            if rows:
                statement = TAKE.format(", ".join([ROW] * len(rows)))
                database.execute(statement, list(chain.from_iterable(rows)))
        self._running.update(
            (bucket.key, id)
            for (id, buckets), (has_taken, _) in zip(takings, taken, strict=True)
            for bucket in buckets
            if has_taken and not bucket.seconds
        )
        return taken

    def _give_back(self, worker: str, settlement: Settlement) -> None:
        now = time.time()
        left = self._running.intersection(settlement.left)
        ended = Counter(key for key, _ in left)
        rows = [(key, worker, -count, now + LONGEST_SECONDS) for key, count in ended.items()]
        rows += [(key, "", amount, now + seconds) for key, amount, seconds in settlement.changes]
        with self._database as database:
            database.executemany(CHANGE, rows)
        self._running -= left

    def _held(self, buckets: Sequence[Bucket]) -> list[int]:
        """What each bucket holds, in one row.

        At each statement and each row, this thread and the one with the loop compete for Python's
        lock.
        """
        columns = ", ".join(SUM if bucket.seconds else RUNNING for bucket in buckets)
        alive = _alive()
        values: list[str | float] = []
        for bucket in buckets:
            values += [bucket.key] if bucket.seconds else [bucket.key, *alive]
        row = self._database.execute(f"SELECT {columns}", values).fetchone()
        return [count or 0 for count in row]

    def _record(self, position: Position, newest: int = 0) -> Record | None:
        digest, offset, known_etag, known_beat = position
        oldest = time.time() - self._ttl_seconds
        row = self._database.execute(RECORD, [*_alive(), offset, digest, oldest]).fetchone()
        if row is None:
            return None
        etag, worker, fingerprint, receipt, is_alive, begun, text, progress = row
        writing = Writing(digest, etag, worker, fingerprint)
        if begun is not None and etag == known_etag:
            begun = max(begun, known_beat + 1)
        data = self._text(etag, begun, text, offset)
        return Record(writing, receipt, bool(is_alive), data, progress, newest)

    def _text(self, etag: str, begun: int | None, text: bytes | None, offset: int = 0) -> bytes:
        """The text from `offset` on: the gathered `text`, and then the pieces since `begun`."""
        if begun is None:
            return text or b""
        gathered = bytearray(text or b"")
        place = {"etag": etag, "begun": begun, "offset": offset + len(gathered)}
        for begin, data in self._database.execute(PIECES, place):
            if begin > offset + len(gathered):
                break
            gathered += data[offset + len(gathered) - begin :]
        return bytes(gathered)

    def _beat(self) -> int:
        (beat,) = self._database.execute(BEAT).fetchone()
        return int(beat)

    def _mark_if_due(self, worker: str) -> None:
        if worker != self._marked or time.monotonic() - self._marked_at > MARK_SECONDS:
            self._mark(worker)

    def _mark(self, worker: str) -> bool:
        """Marks the worker alive. Returns whether its last mark was still there."""
        self._marked, self._marked_at = worker, time.monotonic()
        mark = (self._marked_at, worker)
        if self._database.execute("UPDATE workers SET seen = ? WHERE worker = ?", mark).rowcount:
            return True
        self._database.execute("INSERT INTO workers (seen, worker) VALUES (?, ?)", mark)
        return False

    def _clean(self, beat: int) -> None:
        now = time.monotonic()
        if now < self._clean_at:
            return
        self._clean_at = now + CLEAN_SECONDS
        # The clock restarts with the machine, so a mark ahead of it is from before that.
        oldest = now - min(max(self._ttl_seconds, 10 * ALIVE_SECONDS), LONGEST_SECONDS)
        self._database.execute(DEAD_WORKERS, [oldest, now])
        self._database.execute(ORPHANS)
        self._database.execute(OLD, [time.time() - self._ttl_seconds])
        self._database.execute(COUNTED, [time.time()])
        self._make_room()
        for id, etag, begun, text in self._database.execute(LONG, [beat - LONG_BEATS]).fetchall():
            gathered = self._text(etag, begun, text)
            self._database.execute(GATHER, [beat, gathered, id])
        self._database.execute(READ_NO_MORE, [beat + 1])

    def _make_room(self) -> None:
        """Deletes the oldest ended answers if they take too much room."""
        sizes = [ENTRY_BYTES, self._max_bytes]
        (surplus,) = self._database.execute(SURPLUS, sizes).fetchone()
        if surplus <= 0:
            return
        oldest, forgotten = self._database.execute(OLDEST), []
        while surplus > 0:
            id, size = next(oldest)
            surplus -= ENTRY_BYTES + size
            forgotten.append([id])
        oldest.close()
        self._database.executemany("DELETE FROM answers WHERE id = ?", forgotten)


def _alive() -> tuple[float, float]:
    """The first and the last mark of a worker that counts as alive."""
    now = time.monotonic()
    # A mark may be slightly later than `now`. One far ahead is from before the machine started.
    return now - ALIVE_SECONDS, now + ALIVE_SECONDS


def _write_ahead(database: sqlite3.Connection) -> None:
    """Sets the journal mode. Retries, because SQLite fails at once if others do the same."""
    limit = time.monotonic() + LOCKED_AT_START_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > limit:
                raise
            _native_sleep(SWITCH_AGAIN_SECONDS)
