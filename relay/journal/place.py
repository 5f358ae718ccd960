"""Where the journal is: the Redis or the file that the settings name, or a default file."""

import logging
import os
import re
from pathlib import Path

from relay.journal.backend import Backend, Unavailable
from relay.journal.sqlite import VERSION, SqliteBackend
from relay.settings import Settings, SettingsError

log = logging.getLogger("askbot")

MEMORY = ":memory:"


def open_backend(settings: Settings) -> Backend:
    """The backend that the settings ask for; where its file cannot be used, one in memory.

    Raises SettingsError for a REDIS_URL that cannot be an address.
    """
    ttl_seconds = settings.answer_ttl_seconds
    if settings.redis_url:
        # Its client is loaded only where there is a Redis.
        from relay.journal.redis import RedisBackend

        try:
            return RedisBackend(settings.redis_url, ttl_seconds=ttl_seconds)
        except ValueError as error:
            raise SettingsError(f"REDIS_URL cannot be used: {error}") from None
    path = settings.state_file or default_path(settings.host, settings.port)
    max_bytes = settings.answer_store_max_bytes
    try:
        if path != MEMORY:
            _make_private(Path(path))
        return SqliteBackend(path, ttl_seconds=ttl_seconds, max_bytes=max_bytes)
    except (OSError, Unavailable) as error:
        log.warning(
            "The state file %s cannot be used (%s). Answers are kept in memory: other workers do "
            "not find them, and they end with this process. Name another file in STATE_FILE.",
            path,
            error,
        )
        return SqliteBackend(MEMORY, ttl_seconds=ttl_seconds, max_bytes=max_bytes)


def default_path(host: str, port: int) -> str:
    """The file of a relay that listens there; of two relays on a machine, each has its own.

    It is in the folder for what programs remember (XDG Base Directory Specification). Without a
    port of its own a relay has nothing to be known by, and keeps answers in memory.
    """
    if not port:
        return MEMORY
    folder = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = re.sub(r"[^0-9A-Za-z.-]", "_", f"{host}-{port}.v{VERSION}.sqlite3")
    return str(Path(folder).expanduser() / "askbot" / name)


def _make_private(path: Path) -> None:
    """The file exists, and nobody but its owner can read it; SQLite's files beside it neither."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
