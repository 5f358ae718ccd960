"""The tables of the state file, and the statements on them.

Each beat writes its pieces of all running answers side by side into `pieces`. So it touches a few
pages of the file, and not one for each answer. A read collects an answer's pieces, from the newest
beat back. When the answer ends, its text is stored whole, beside its receipt.
"""

VERSION = 4

TABLES = [
    # `begun` is the beat of its first piece. `text` is the part that is no longer in pieces.
    """CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, etag TEXT NOT NULL, worker TEXT NOT NULL,
    fingerprint BLOB NOT NULL, begun INTEGER, text BLOB, progress BLOB, receipt BLOB, size INTEGER,
    ended REAL)""",
    "CREATE INDEX IF NOT EXISTS running ON answers (begun) WHERE begun IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS kept ON answers (ended, size) WHERE ended IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS pieces (
    beat INTEGER, etag TEXT, offset INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (beat, etag)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS workers (
    worker TEXT PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS letters (
    worker TEXT, etag TEXT, verb TEXT, PRIMARY KEY (worker, etag, verb)) WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS forget_letters AFTER DELETE ON workers BEGIN
    DELETE FROM letters WHERE worker = OLD.worker; END""",
    # With a worker, a count is the number of its running answers, otherwise a sum of all workers.
    """CREATE TABLE IF NOT EXISTS counts (
    key TEXT, worker TEXT, count INTEGER NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (key, worker)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS counted ON counts (until)",
    """CREATE TRIGGER IF NOT EXISTS forget_counts AFTER DELETE ON workers BEGIN
    DELETE FROM counts WHERE worker = OLD.worker; END""",
    f"PRAGMA user_version = {VERSION}",
]

# The number of the next beat. All workers share the count.
BEAT = """
SELECT max(1 + coalesce((SELECT max(beat) FROM pieces), 0),
    coalesce((SELECT max(begun) FROM answers WHERE begun IS NOT NULL), 0))"""

# None of these changes another writing under the same digest.
BEGIN = """
INSERT INTO answers (digest, etag, worker, fingerprint, begun) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET begun = excluded.begun, text = NULL
WHERE etag = excluded.etag"""
WHOLE = """
INSERT INTO answers (digest, etag, worker, fingerprint, text, receipt, size, ended)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET begun = NULL, text = excluded.text, progress = NULL,
    receipt = excluded.receipt, size = excluded.size, ended = excluded.ended
WHERE etag = excluded.etag"""
PROGRESS = "UPDATE answers SET progress = ? WHERE digest = ? AND etag = ? AND receipt IS NULL"
PIECE = "INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?)"
ENDING = """
SELECT id, begun, text FROM answers
WHERE digest = ? AND etag = ? AND (receipt IS NULL OR worker = ?)"""
END = """
UPDATE answers SET begun = NULL, text = ?, progress = NULL, receipt = ?, size = ?, ended = ?
WHERE id = ?"""

RECORD = """
SELECT etag, worker, fingerprint, receipt,
    worker IN (SELECT worker FROM workers WHERE seen BETWEEN ? AND ?), begun, substr(text, ? + 1),
    progress
FROM answers WHERE digest = ? AND (ended IS NULL OR ended > ?)"""
# From the newest beat back to the piece that contains the byte at the offset.
PIECES = """
WITH RECURSIVE back (beat, offset, data) AS (
    SELECT max(beat) + 1, NULL, NULL FROM pieces
    UNION ALL
    SELECT back.beat - 1, pieces.offset, pieces.data
    FROM back LEFT JOIN pieces ON pieces.beat = back.beat - 1 AND pieces.etag = :etag
    WHERE back.beat > :begun AND coalesce(back.offset > :offset, TRUE))
SELECT offset, data FROM back WHERE data IS NOT NULL ORDER BY beat"""

DEAD_WORKERS = "DELETE FROM workers WHERE seen NOT BETWEEN ? AND ?"
ORPHANS = """
DELETE FROM answers WHERE begun IS NOT NULL AND worker NOT IN (SELECT worker FROM workers)"""
OLD = "DELETE FROM answers WHERE ended <= ?"
SURPLUS = "SELECT total(size + ?) - ? FROM answers WHERE ended IS NOT NULL"
OLDEST = "SELECT id, size FROM answers WHERE ended IS NOT NULL ORDER BY ended"
LONG = "SELECT id, etag, begun, text FROM answers WHERE begun < ?"
GATHER = "UPDATE answers SET begun = ?, text = ? WHERE id = ?"
READ_NO_MORE = """
DELETE FROM pieces
WHERE beat < (SELECT coalesce(min(begun), ?) FROM answers WHERE begun IS NOT NULL)"""

# What a bucket holds: a sum, or the running answers of all workers that are alive.
SUM = "(SELECT count FROM counts WHERE key = ? AND worker = '')"
RUNNING = """(
SELECT sum(count) FROM counts
WHERE key = ? AND worker IN (SELECT worker FROM workers WHERE seen BETWEEN ? AND ?))"""
# For all rows at once. The time to keep a count begins with its first change.
TAKE = """
INSERT INTO counts (key, worker, count, until) VALUES {}
ON CONFLICT (key, worker) DO UPDATE SET count = count + excluded.count"""
ROW = "(?, ?, ?, ?)"
CHANGE = """
INSERT INTO counts (key, worker, count, until) VALUES (?1, ?2, max(?3, 0), ?4)
ON CONFLICT (key, worker) DO UPDATE SET count = max(count + ?3, 0)"""
COUNTED = "DELETE FROM counts WHERE until < ? AND (worker = '' OR count = 0)"
