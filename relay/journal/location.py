"""Opens the journal's storage: a Redis, the file in the settings, or the default file."""

import logging
import os
import re
import stat
import uuid
from pathlib import Path

from relay.journal.backend import Backend, Unavailable
from relay.journal.journal import Journal
from relay.journal.sqlite import SqliteBackend
from relay.journal.sqlite_tables import VERSION
from relay.settings import Settings, SettingsError

log = logging.getLogger("askbot")

MEMORY = ":memory:"


def open_journal(settings: Settings) -> Journal:
    """The journal of one worker. Raises SettingsError for an unusable REDIS_URL."""
    return Journal(
        open_backend(settings),
        worker=uuid.uuid4().hex,
        max_unsaved_bytes=settings.answer_store_max_bytes,
    )


def open_backend(settings: Settings) -> Backend:
    """The backend for these settings. If its file cannot be used, one in memory.

    Raises SettingsError for an unusable REDIS_URL.
    """
    ttl_seconds = settings.answer_ttl_seconds
    if settings.redis_url:
        # Imported here, so that the client is loaded only if it is used.
        from relay.journal.redis import RedisBackend

        try:
            return RedisBackend(settings.redis_url, ttl_seconds=ttl_seconds)
        except ValueError as error:
            raise SettingsError(f"REDIS_URL cannot be used: {error}") from None
    path = settings.state_file or default_path((settings.host, settings.port))
    max_bytes = settings.answer_store_max_bytes
    try:
        if path != MEMORY:
            _prepare(Path(path))
        return SqliteBackend(path, ttl_seconds=ttl_seconds, max_bytes=max_bytes)
    except (OSError, Unavailable) as error:
        log.warning(
            "The state file %s cannot be used (%s). Answers and the counts of the limits are in "
            "memory: other workers do not find them, and they end with this process. Name another "
            "file in STATE_FILE.",
            path,
            error,
        )
        return SqliteBackend(MEMORY, ttl_seconds=ttl_seconds, max_bytes=max_bytes)


def default_path(address: tuple[str, int] | str) -> str:
    """The state file of a relay that listens on `address`: each relay of a machine has its own.

    The address is a host with a port, or the path of a socket. The file is in the folder for state
    of the XDG Base Directory Specification. A relay with port 0 has no lasting address, and keeps
    answers in memory.
    """
    if not isinstance(address, str):
        host, port = address
        if not port:
            return MEMORY
        address = f"{host}-{port}"
    folder = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = re.sub(r"[^0-9A-Za-z.-]", "_", f"{address}.v{VERSION}.sqlite3")
    return str(Path(folder).expanduser() / "askbot" / name)


def _prepare(path: Path) -> None:
    """Makes the file if it is missing, readable by its owner only. SQLite's own files follow suit.

    The mode of a file that is not empty stays as it is.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a file")
        if not status.st_size:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
