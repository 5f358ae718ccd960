"""What Redis knows of each completion: who writes it, and in the end its receipt and its text.

    askbot:<digest>:lease    who writes it, "<worker>:<number>"; runs out if they die
    askbot:<digest>:record   hash: state, fingerprint, owner; in the end also receipt and text
    askbot:<digest>:stream   the text while it is written, if others read it (`relay/stream.py`)
    askbot:worker:<worker>   channel: what others want of a worker (`relay/messages.py`)

The digest is that of the id. The id itself is the capability to read, and never in Redis.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from redis import Redis

from relay.completions.receipt import Receipt
from relay.sharing.redis_link import Link

# An owner that has not renewed its lease for so long is taken for dead.
LEASE_SECONDS = 6

Args = list[bytes | str | int]

# ANSWER_TTL_SECONDS=0 is no limit, but nothing else would ever clear them out of Redis.
LONGEST_TTL_SECONDS = 86_400

# "orphaned": it is not ended, and nobody has the lease.
Claim = Literal["claimed", "running", "orphaned", "ended", "other question"]

# KEYS: lease, record, stream. ARGV: owner, its worker, fingerprint, lease's and record's seconds.
_CLAIM = """
local owner = redis.call('GET', KEYS[1])
local state, fingerprint = unpack(redis.call('HMGET', KEYS[2], 'state', 'fingerprint'))
if fingerprint and fingerprint ~= ARGV[3] then return 'other question' end
local ours = owner and string.sub(owner, 1, #ARGV[2]) == ARGV[2]
if owner and not ours then return 'running' end
if state == 'running' and not ours then return 'orphaned' end
local free = state == 'failed' and redis.call('HSTRLEN', KEYS[2], 'text') == 0
if state and state ~= 'running' and not free then return 'ended' end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
redis.call('HSET', KEYS[2], 'state', 'running', 'fingerprint', ARGV[3], 'owner', ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 'claimed'
"""

# KEYS: the same. ARGV: owner, fingerprint, the same seconds, then the record's other fields. After
# Redis came back empty this puts everything there again. It takes nothing from another owner, and
# whoever was declared dead stays dead. Followers of the stream have a minute to come to its end.
_KEEP = """
local owner = redis.call('GET', KEYS[1])
local state, last = unpack(redis.call('HMGET', KEYS[2], 'state', 'owner'))
if owner and owner ~= ARGV[1] then return end
if not owner and state and not (state == 'running' and last == ARGV[1]) then return end
redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'fingerprint', ARGV[2], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[2], ARGV[4])
if redis.call('HGET', KEYS[2], 'state') == 'running' then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
else
  redis.call('DEL', KEYS[1])
  redis.call('EXPIRE', KEYS[3], 60)
end
"""

# KEYS: lease, record. ARGV: receipt, text, seconds.
_BURY = """
if redis.call('EXISTS', KEYS[1]) == 1 then return end
if redis.call('HGET', KEYS[2], 'state') ~= 'running' then return end
redis.call('HSET', KEYS[2], 'state', 'failed', 'receipt', ARGV[1], 'text', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
"""


@dataclass(frozen=True, slots=True)
class Title:
    """What an owner has to a completion: `owner` is its worker and a number of its own."""

    digest: str
    owner: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """All there is of an answer that has ended; the text only where it was wanted."""

    receipt: Receipt
    text: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a completion; `ended` is None while it is being written."""

    fingerprint: bytes
    ended: Ended | None


def key(digest: str, kind: Literal["lease", "record", "stream"]) -> str:
    return f"askbot:{digest}:{kind}"


class Directory:
    """Every method raises StoreUnreachable. `ttl_seconds` is how long ended answers are kept."""

    def __init__(self, link: Link, ttl_seconds: float) -> None:
        self._link = link
        self._ttl_seconds = math.ceil(ttl_seconds) or LONGEST_TTL_SECONDS
        # A running one must outlive the pauses between renewals.
        self._running_seconds = self._ttl_seconds + 10 * LEASE_SECONDS
        self._claim = link.script(_CLAIM)
        self._keep = link.script(_KEEP)
        self._bury = link.script(_BURY)

    def claim(self, title: Title) -> Claim:
        """Whether the completion is the title's to write from now on, and if not, why.

        Of claims that race one succeeds. A worker may claim what it holds: it knows best.
        """
        worker = title.owner.partition(":")[0] + ":"
        args: Args = [title.owner, worker, title.fingerprint]
        args += [LEASE_SECONDS, self._running_seconds]
        outcome = self._link.do(lambda redis: self._claim(_keys(title), args, redis))
        return cast(Claim, outcome.decode())

    def renew(self, titles: Iterable[Title]) -> None:
        """The owner is alive."""

        def work(redis: Redis) -> None:
            with redis.pipeline(transaction=False) as pipeline:
                for title in titles:
                    args: Args = [title.owner, title.fingerprint]
                    args += [LEASE_SECONDS, self._running_seconds, "state", "running"]
                    self._keep(_keys(title), args, pipeline)
                pipeline.execute()

        self._link.do(work)

    def save(self, title: Title, text: bytes, receipt: Receipt) -> None:
        """The answer has ended."""
        args: Args = [title.owner, title.fingerprint, LEASE_SECONDS, self._ttl_seconds]
        args += ["state", receipt.state, "receipt", receipt.encode(), "text", text]
        self._link.do(lambda redis: self._keep(_keys(title), args, redis))

    def find(self, digest: str, *, text: bool = True) -> Record | None:
        """The record of a completion, if it has one; with the text only if that is wanted."""
        fields = ["fingerprint", "receipt", *(["text"] if text else [])]
        found = self._link.do(lambda redis: redis.hmget(key(digest, "record"), fields))
        fingerprint, receipt, *texts = cast("list[bytes | None]", found)
        if fingerprint is None:
            return None
        if receipt is None:
            return Record(fingerprint, None)
        return Record(fingerprint, Ended(Receipt.decode(receipt), b"".join(filter(None, texts))))

    def bury(self, digest: str, text: bytes, receipt: Receipt) -> None:
        """The owner is dead, and this is all that is left. Does nothing if it is not."""
        args: Args = [receipt.encode(), text, self._ttl_seconds]
        keys = [key(digest, "lease"), key(digest, "record")]
        self._link.do(lambda redis: self._bury(keys, args, redis))


def _keys(title: Title) -> list[str]:
    return [key(title.digest, "lease"), key(title.digest, "record"), key(title.digest, "stream")]
