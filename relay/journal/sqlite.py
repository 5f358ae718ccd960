"""The journal in an SQLite file, for all workers of one host."""

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from gevent import monkey
from gevent.threadpool import ThreadPool

from relay.journal.backend import (
    ENTRY_BYTES,
    Addition,
    Letter,
    Record,
    Unavailable,
    Writing,
)
from relay.timing import ALIVE_SECONDS, LOCKED_SECONDS

VERSION = 1
# How long to wait for another process that writes: at the start nobody else waits with us.
LOCKED_AT_START_SECONDS = 10.0
CLEAN_SECONDS = 1.0
SWITCH_AGAIN_SECONDS = 0.01

_TABLES = [
    """CREATE TABLE IF NOT EXISTS answers (
    digest TEXT PRIMARY KEY, etag TEXT NOT NULL, worker TEXT NOT NULL, fingerprint BLOB NOT NULL,
    receipt BLOB, size INTEGER, ended REAL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS pieces (
    etag TEXT, offset INTEGER, data BLOB NOT NULL, PRIMARY KEY (etag, offset)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS workers (
    worker TEXT PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS letters (
    worker TEXT, digest TEXT, verb TEXT, PRIMARY KEY (worker, digest, verb)) WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS forget_text AFTER DELETE ON answers BEGIN
    DELETE FROM pieces WHERE etag = OLD.etag; END""",
    """CREATE TRIGGER IF NOT EXISTS forget_letters AFTER DELETE ON workers BEGIN
    DELETE FROM letters WHERE worker = OLD.worker; END""",
    f"PRAGMA user_version = {VERSION}",
]
_RECORD = """
SELECT etag, worker, fingerprint, receipt,
    worker IN (SELECT worker FROM workers WHERE seen BETWEEN ? AND ?)
FROM answers WHERE digest = ? AND (ended IS NULL OR ended > ?)"""
_PIECES = """
SELECT offset, data FROM pieces WHERE etag = ?1 AND offset >=
    (SELECT max(offset) FROM pieces WHERE etag = ?1 AND offset <= ?2) ORDER BY offset"""
# Another worker may have claimed the digest meanwhile.
_PIECE = """
INSERT OR REPLACE INTO pieces SELECT ?2, ?3, ?4
WHERE EXISTS (SELECT 1 FROM answers WHERE digest = ?1 AND etag = ?2)"""
_END = """
UPDATE answers SET receipt = ?, size = ?, ended = ?
WHERE digest = ? AND etag = ? AND (receipt IS NULL OR worker = ?)"""
_OLD = """
DELETE FROM answers WHERE ended <= ?
    OR (receipt IS NULL AND worker NOT IN (SELECT worker FROM workers))"""
_SURPLUS = """
DELETE FROM answers WHERE digest IN (SELECT digest FROM (
    SELECT digest, sum(size + ?) OVER (ORDER BY ended DESC, digest) AS newer
    FROM answers WHERE receipt IS NOT NULL) WHERE newer > ?)"""

T = TypeVar("T")

# gevent's own would begin another loop in the native thread.
_native_sleep = monkey.get_original("time", "sleep")


class SqliteBackend:
    """See `Backend`. `path` names a file, or is ":memory:" for what nobody is to share.

    Ended answers are kept for `ttl_seconds`, and up to `max_bytes` altogether; 0 is no limit.
    """

    name = "The state file"
    is_remote = False

    def __init__(self, path: str, *, ttl_seconds: float, max_bytes: int) -> None:
        self._path = path
        self._ttl_seconds = ttl_seconds or math.inf
        self._max_bytes = max_bytes or math.inf
        self._clean_at = self._failed_at = -math.inf
        self._lock = threading.Lock()
        # Waiting for the disk would stop gevent's loop; there one native thread waits.
        self._thread = ThreadPool(1) if monkey.is_module_patched("threading") else None
        self._database = self._do(self._open)

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        return self._do(lambda: self._claim(writing, replaced))

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        return self._do(lambda: self._write(worker, additions))

    def read(self, places: Sequence[tuple[str, int]]) -> list[Record | None]:
        return self._do(lambda: self._read(places))

    def send(self, letters: Sequence[Letter]) -> None:
        self._do(lambda: self._send(letters))

    def _do(self, work: Callable[[], T]) -> T:
        asked_at = time.monotonic()
        if self._thread is not None:
            result: T | Exception = self._thread.apply(self._attempt, (work, asked_at))
        else:
            with self._lock:
                result = self._attempt(work, asked_at)
        if isinstance(result, Exception):
            raise Unavailable(f"{type(result).__name__}: {result}") from result
        return result

    def _attempt(self, work: Callable[[], T], asked_at: float) -> T | Exception:
        """What `work` returns, or raises: a thread of gevent's would print that with a trace."""
        if asked_at < self._failed_at:
            # Or all that waited for this one would wait for the same lock, one after the other.
            return TimeoutError("what came before it failed")
        try:
            return work()
        except sqlite3.Error as error:
            self._failed_at = time.monotonic()
            return error

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
            # A crash of the machine may lose the last moments, and nothing before them.
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA busy_timeout = {1000 * LOCKED_SECONDS:.0f}")
        except BaseException:
            database.close()
            raise
        return database

    def _make_tables(self, database: sqlite3.Connection) -> None:
        """In one transaction, for another worker may be at it as well."""
        with database:
            database.execute("BEGIN IMMEDIATE")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and version != VERSION:
                raise sqlite3.DatabaseError(
                    "another program, or another version of this one, made it"
                )
            for statement in _TABLES:
                database.execute(statement)

    def _claim(self, writing: Writing, replaced: str) -> Record | None:
        with self._database:
            self._mark(writing.worker)
            known = self._record(writing.digest, 0)
            if known is not None and known.writing.etag not in (replaced, writing.etag):
                return known
            self._database.execute("DELETE FROM answers WHERE digest = ?", [writing.digest])
            self._begin(writing)
            return None

    def _write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        pieces, ends = [], []
        with self._database as database:
            was_known = self._mark(worker)
            for writing, offset, data, receipt in additions:
                if offset == 0:
                    self._begin(writing)
                if offset == 0 and writing.worker == worker:
                    # All of it anew; the pieces that it was in before would stand in between.
                    database.execute("DELETE FROM pieces WHERE etag = ?", [writing.etag])
                if data:
                    pieces.append((writing.digest, writing.etag, offset, data))
                if receipt is not None:
                    size = offset + len(data)
                    ends.append((receipt, size, time.time(), writing.digest, writing.etag, worker))
            database.executemany(_PIECE, pieces)
            database.executemany(_END, ends)
            taken = database.execute("DELETE FROM letters WHERE worker = ? RETURNING *", [worker])
            letters = [Letter(*row) for row in taken]
            self._clean()
        return was_known, letters

    def _read(self, places: Sequence[tuple[str, int]]) -> list[Record | None]:
        with self._database as database:
            # A record and its text are of the same moment: between two it may be forgotten.
            database.execute("BEGIN")
            return [self._record(digest, offset) for digest, offset in places]

    def _send(self, letters: Sequence[Letter]) -> None:
        with self._database as database:
            database.executemany("INSERT OR IGNORE INTO letters VALUES (?, ?, ?)", letters)

    def _record(self, digest: str, offset: int) -> Record | None:
        now = time.monotonic()
        # A mark may be made after `now` and before it is read; one that is far ahead is from before
        # the machine started.
        alive = now - ALIVE_SECONDS, now + ALIVE_SECONDS
        row = self._database.execute(
            _RECORD, [*alive, digest, time.time() - self._ttl_seconds]
        ).fetchone()
        if row is None:
            return None
        etag, worker, fingerprint, receipt, is_alive = row
        text = bytearray()
        for begin, data in self._database.execute(_PIECES, [etag, offset]):
            if begin > offset + len(text):
                break
            text += data[offset + len(text) - begin :]
        writing = Writing(digest, etag, worker, fingerprint)
        return Record(writing, receipt, bool(is_alive), bytes(text))

    def _mark(self, worker: str) -> bool:
        """Whether the worker's last mark was still there."""
        mark = (time.monotonic(), worker)
        if self._database.execute("UPDATE workers SET seen = ? WHERE worker = ?", mark).rowcount:
            return True
        self._database.execute("INSERT INTO workers (seen, worker) VALUES (?, ?)", mark)
        return False

    def _begin(self, writing: Writing) -> None:
        """A running answer without text, unless the digest is taken."""
        self._database.execute(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, NULL, NULL, NULL)",
            writing,
        )

    def _clean(self) -> None:
        now = time.monotonic()
        if now < self._clean_at:
            return
        self._clean_at = now + CLEAN_SECONDS
        # The clock begins anew with the machine: a mark ahead of it is older than that.
        oldest = now - max(self._ttl_seconds, 10 * ALIVE_SECONDS)
        for statement, values in (
            ("DELETE FROM workers WHERE seen NOT BETWEEN ? AND ?", [oldest, now]),
            (_OLD, [time.time() - self._ttl_seconds]),
            (_SURPLUS, [ENTRY_BYTES, self._max_bytes]),
        ):
            self._database.execute(statement, values)


def _write_ahead(database: sqlite3.Connection) -> None:
    """Of several that switch a new file at once, SQLite lets all but one fail without waiting."""
    limit = time.monotonic() + LOCKED_AT_START_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > limit:
                raise
            _native_sleep(SWITCH_AGAIN_SECONDS)
