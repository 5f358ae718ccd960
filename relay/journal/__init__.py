"""The record of answers, for other workers and for later processes.

A `Journal` is one worker's access to it. One thread of the worker writes. A `Backend` stores the
bytes: SQLite for the workers of one host, Redis for many hosts.
"""

from relay.journal.backend import (
    Addition,
    Backend,
    Bucket,
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
from relay.journal.journal import Journal
from relay.journal.location import MEMORY, default_path, open_backend, open_journal

__all__ = [
    "MEMORY",
    "Addition",
    "Backend",
    "Bucket",
    "Change",
    "Journal",
    "Letter",
    "Position",
    "Record",
    "Settlement",
    "Taken",
    "Taking",
    "Unavailable",
    "Verb",
    "Writing",
    "default_path",
    "open_backend",
    "open_journal",
]
