"""Redis, which may be gone: whoever wants something of it learns that at once, and not again.

The first that fails waits for a time-out; from then on nobody tries but `probe`, until it succeeds.
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from redis import ConnectionError, Redis, RedisError
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.commands.core import Script
from redis.retry import Retry

from relay.errors import StoreUnreachable

log = logging.getLogger("askbot")

CONNECT_SECONDS = 0.5
REPLY_SECONDS = 1.0

# The longest that a command may wait in Redis for something to happen, see `do`.
BLOCK_SECONDS = 1.0

# Each completion that is read here and written elsewhere waits on a connection of its own.
MAX_CONNECTIONS = 8192

# Answers to a ping also come from a Redis that takes no writes, being full or a replica.
_PROBE = "return redis.call('SET', KEYS[1], '1', 'EX', 10)"

T = TypeVar("T")


class Link:
    """The way to one Redis, shared by all threads of the process.

    Raises ValueError for an address that cannot be one.
    """

    def __init__(self, url: str) -> None:
        self.up = True
        self._lock = threading.Lock()
        self._client = _client(url, REPLY_SECONDS)
        self._waiting_client = _client(url, BLOCK_SECONDS + REPLY_SECONDS)

    def do(self, work: Callable[[Redis], T], *, waiting: bool = False) -> T:
        """What `work` returns; if `waiting`, it may block in Redis for BLOCK_SECONDS.

        Raises StoreUnreachable.
        """
        if not self.up:
            raise StoreUnreachable(detail="Redis is not back yet", retry_after_seconds=2)
        try:
            return work(self._waiting_client if waiting else self._client)
        except RedisError as error:
            self._is_down(error)
            raise StoreUnreachable(
                detail=f"{type(error).__name__}: {error}", retry_after_seconds=2
            ) from error

    def probe(self) -> bool:
        """Whether Redis is up (again)."""
        try:
            self._client.eval(_PROBE, 1, "askbot:probe")
        except RedisError as error:
            self._is_down(error)
            return False
        with self._lock:
            was_down, self.up = not self.up, True
        if was_down:
            log.warning("Redis is back")
        return True

    def script(self, lua: str) -> Script:
        """To be called with keys, arguments and the client or pipeline that `do` gives."""
        return Script(self._client, lua)

    def listener(self) -> PubSub:
        """For messages from a channel; to be closed, and used inside of `do`."""
        return PubSub(self._waiting_client.connection_pool, ignore_subscribe_messages=True)

    def _is_down(self, error: RedisError) -> None:
        with self._lock:
            was_up, self.up = self.up, False
        if was_up:
            log.warning(
                "Redis cannot be used (%s: %s): until it can, answers are known only to the "
                "process that writes them",
                type(error).__name__,
                error,
            )


def _client(url: str, reply_seconds: float) -> Redis:
    client = Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=reply_seconds,
        # Redis closes idle connections, and all of them when it restarts: that is no outage.
        retry=Retry(NoBackoff(), 1, (ConnectionError,)),
        max_connections=MAX_CONNECTIONS,
        # The older protocol needs no handshake.
        protocol=2,
    )
    try:
        # It does not connect yet, but it is where options in the address are looked at.
        client.connection_pool.make_connection()
    except TypeError as error:
        raise ValueError("it has an option that Redis' client does not know") from error
    return client
