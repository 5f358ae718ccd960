"""What a worker says to another about a completion: "<verb> <digest> <word>", on its channel.

    read      the reader <word> on another worker reads it: publish it; said again while they do
    left      the reader <word> does so no more
    stop      a client has stopped it
    receipt   put its receipt into the list askbot:reply:<word>

Nothing is said on the way of an answer from the model to a reader on the same worker.
"""

import time
import uuid
from collections.abc import Callable
from typing import Literal, cast

from redis import Redis

from relay.deadline import Deadline
from relay.errors import StoreUnreachable
from relay.sharing.directory import key
from relay.sharing.redis_link import BLOCK_SECONDS, Link

Verb = Literal["read", "left", "stop", "receipt"]

# A Redis that was restarted empty does not know the owners until they renew their leases.
MISSING_SECONDS = 3.0
LOOK_AGAIN_SECONDS = 0.1


class OwnerSilent(StoreUnreachable):
    """An owner holds its lease but does not listen: it may be dead, or have lost Redis."""


class Messages:
    """Every method raises StoreUnreachable."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def tell_owner(self, digest: str, verb: Verb, word: str = "-") -> str | None:
        """Passes a message to whoever writes a completion.

        Returns who that is, see `Title`; or None if it has ended, or if nobody was found to write
        it for MISSING_SECONDS. Raises OwnerSilent after as long.
        """
        limit = Deadline(MISSING_SECONDS)
        while True:
            owner, has_ended = self._look(digest)
            if has_ended:
                return None
            if owner is not None and self.tell(owner, digest, verb, word):
                return owner
            if limit.passed and owner is None:
                return None
            if limit.passed:
                raise OwnerSilent(detail="an owner does not listen", retry_after_seconds=2)
            time.sleep(LOOK_AGAIN_SECONDS)

    def tell(self, owner: str, digest: str, verb: Verb, word: str) -> bool:
        """Whether a known owner heard it."""
        channel = _channel(owner.partition(":")[0])
        message = f"{verb} {digest} {word}"
        return bool(self._link.do(lambda redis: redis.publish(channel, message)))

    def ask_owner(self, digest: str) -> bytes | None:
        """The owner's reply to "receipt"; None as in `tell_owner`, or if none came in time."""
        word = uuid.uuid4().hex
        if self.tell_owner(digest, "receipt", word) is None:
            return None
        found = self._link.do(
            lambda redis: redis.blpop([_reply(word)], timeout=BLOCK_SECONDS), waiting=True
        )
        return cast("tuple[bytes, bytes]", found)[1] if found else None

    def reply(self, word: str, data: bytes) -> None:
        """To a message that asked for one."""

        def work(redis: Redis) -> None:
            with redis.pipeline() as pipeline:
                pipeline.rpush(_reply(word), data)
                pipeline.expire(_reply(word), 10)
                pipeline.execute()

        self._link.do(work)

    def listen(self, worker: str, heed: Callable[[str, str, str], None]) -> None:
        """Calls `heed` with each message's verb, digest and word, until Redis is gone."""
        with self._link.listener() as listener:
            self._link.do(lambda _: listener.subscribe(_channel(worker)))
            while self._link.up:
                message = self._link.do(lambda _: listener.get_message(timeout=BLOCK_SECONDS))
                if message is not None:
                    heed(*message["data"].decode().split())

    def _look(self, digest: str) -> tuple[str | None, bool]:
        def work(redis: Redis) -> list[bytes | None]:
            with redis.pipeline(transaction=False) as pipeline:
                pipeline.get(key(digest, "lease"))
                pipeline.hget(key(digest, "record"), "receipt")
                return pipeline.execute()

        owner, receipt = self._link.do(work)
        return owner.decode() if owner else None, receipt is not None


def _channel(worker: str) -> str:
    return f"askbot:worker:{worker}"


def _reply(word: str) -> str:
    return f"askbot:reply:{word}"
