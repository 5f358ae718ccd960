"""The text of an answer on its way to other workers: a Redis stream, there only if they read it.

Its first entry has the text so far, the next ones what came since, the last one the receipt. Each
says at which byte it stands, so that an owner may begin anew after a disturbance, and a follower
loses nothing and reads nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from relay.completions.receipt import Receipt
from relay.sharing.directory import LEASE_SECONDS, key
from relay.sharing.redis_link import BLOCK_SECONDS, Link

FROM_THE_START = b"0"


@dataclass(frozen=True, slots=True)
class Entry:
    """`text` at byte `offset`; or the `receipt`, which is the end. `owner` is a title's."""

    owner: str
    offset: int
    text: bytes = b""
    receipt: Receipt | None = None


class Stream:
    """That of one completion. Every method raises StoreUnreachable."""

    def __init__(self, link: Link, digest: str) -> None:
        self._link = link
        self._key = key(digest, "stream")

    def add(self, entry: Entry, *, anew: bool) -> None:
        """One entry more; `anew` is to begin the stream with it."""
        fields: dict[Any, Any] = {"owner": entry.owner, "offset": entry.offset}
        if entry.receipt is None:
            fields["text"] = entry.text
        else:
            fields["receipt"] = entry.receipt.encode()

        def work(redis: Redis) -> None:
            with redis.pipeline() as pipeline:
                if anew:
                    pipeline.delete(self._key)
                pipeline.xadd(self._key, fields)
                if anew:
                    # Renewing the lease prolongs it.
                    pipeline.expire(self._key, 10 * LEASE_SECONDS)
                pipeline.execute()

        self._link.do(work)

    def after(self, position: bytes) -> tuple[list[Entry], bytes]:
        """The entries after `position`, and the next position; waits BLOCK_SECONDS for some."""
        milliseconds = int(1000 * BLOCK_SECONDS)

        def work(redis: Redis) -> Any:
            return redis.xread({self._key: position}, block=milliseconds)

        found = self._link.do(work, waiting=True)
        entries: list[tuple[bytes, dict[bytes, bytes]]] = found[0][1] if found else []
        last = entries[-1][0] if entries else position
        return [_entry(fields) for _, fields in entries], last

    def text(self) -> bytes:
        """All the text in it."""
        found = self._link.do(lambda redis: redis.xrange(self._key))
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", found)
        return b"".join(_entry(fields).text for _, fields in entries)


def _entry(fields: Mapping[bytes, bytes]) -> Entry:
    receipt = fields.get(b"receipt")
    return Entry(
        fields[b"owner"].decode(),
        int(fields[b"offset"]),
        fields.get(b"text", b""),
        Receipt.decode(receipt) if receipt else None,
    )
