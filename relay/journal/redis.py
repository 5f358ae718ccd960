"""The journal in a Redis, for the workers of many hosts.

    askbot:answer:<digest>   hash: etag, worker, fingerprint, progress; in the end also receipt
    askbot:text:<etag>       the text
    askbot:worker:<worker>   there while the worker is alive
    askbot:letters:<worker>  set: "<etag> <verb>"
    askbot:count:<key>       a count
    askbot:running:<key>     set: the workers that have such answers
    askbot:running:<key>:<worker>  set: the ids of those answers

Redis Cluster is not supported, because the scripts make up their keys themselves.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

import msgspec
from redis import BlockingConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from relay.intervals import ALIVE_SECONDS
from relay.journal.backend import (
    Addition,
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

CONNECT_SECONDS = 0.5
REPLY_SECONDS = 1.0
# More calls at once wait until one of them has ended.
MAX_CONNECTIONS = 50
# The longest time a key lives, also if ANSWER_TTL_SECONDS is 0.
LONGEST_SECONDS = 86_400

# A claim sets another mark than the beat, so that the beat still notices a lost mark.
# ARGV: digest, etag, worker, fingerprint, replaced, seconds alive, seconds at most.
_CLAIM = """
local answer = 'askbot:answer:' .. ARGV[1]
redis.call('SET', 'askbot:worker:' .. ARGV[3], 'claimed', 'EX', ARGV[6], 'NX')
local etag = redis.call('HGET', answer, 'etag')
if etag and etag ~= ARGV[5] and etag ~= ARGV[2] then return 0 end
redis.call('DEL', answer, 'askbot:text:' .. ARGV[5])
redis.call('HSET', answer, 'etag', ARGV[2], 'worker', ARGV[3], 'fingerprint', ARGV[4])
redis.call('EXPIRE', answer, ARGV[7])
return 1
"""
# The client is slow with a thousand arguments, so all additions are one argument. Their bytes are
# another, because `cmsgpack` reads only text.
# ARGV: worker, seconds alive, seconds at most, seconds kept, additions, their bytes, letters that
# have arrived.
_WRITE = """
local mark, letters = 'askbot:worker:' .. ARGV[1], 'askbot:letters:' .. ARGV[1]
local known = redis.call('GET', mark) == 'written' and 1 or 0
redis.call('SETEX', mark, ARGV[2], 'written')
local at = 1
local function take(size)
  at = at + size
  return string.sub(ARGV[6], at - size, at - 1)
end
for _, addition in ipairs(cmsgpack.unpack(ARGV[5])) do
  local digest, etag, worker, begin = unpack(addition, 1, 4)
  local fingerprint, data = take(addition[5]), take(addition[6])
  local receipt, progress = take(addition[7]), take(addition[8])
  local answer, text = 'askbot:answer:' .. digest, 'askbot:text:' .. etag
  if begin == 0 and redis.call('EXISTS', answer) == 0 then
    redis.call('HSET', answer, 'etag', etag, 'worker', worker, 'fingerprint', fingerprint)
    redis.call('EXPIRE', answer, ARGV[3])
  end
  local holder = redis.call('HGET', answer, 'etag')
  if not holder or (holder == etag and redis.call('STRLEN', text) < begin) then
    known = 0
  elseif holder == etag then
    if data ~= '' then redis.call('SETRANGE', text, begin, data) end
    if begin == 0 then redis.call('EXPIRE', text, ARGV[3]) end
    if progress ~= '' then redis.call('HSET', answer, 'progress', progress) end
    if receipt ~= '' and (worker == ARGV[1] or redis.call('HEXISTS', answer, 'receipt') == 0) then
      redis.call('HSET', answer, 'receipt', receipt)
      redis.call('HDEL', answer, 'progress')
      redis.call('EXPIRE', answer, ARGV[4])
      redis.call('EXPIRE', text, ARGV[4])
    end
  end
end
for _, letter in ipairs(cmsgpack.unpack(ARGV[7])) do redis.call('SREM', letters, letter) end
return {known, redis.call('SMEMBERS', letters)}
"""
# ARGV: digest and offset of each place.
_READ = """
local found = {}
for i = 1, #ARGV, 2 do
  local known = redis.call('HMGET', 'askbot:answer:' .. ARGV[i],
    'etag', 'worker', 'fingerprint', 'receipt', 'progress')
  if known[1] then
    known[6] = redis.call('EXISTS', 'askbot:worker:' .. known[2])
    known[7] = redis.call('GETRANGE', 'askbot:text:' .. known[1], ARGV[i + 1], -1)
  end
  found[#found + 1] = known
end
return found
"""

# ARGV: seconds kept; then worker, etag and verb of each letter.
_SEND = """
for i = 2, #ARGV, 3 do
  local letters = 'askbot:letters:' .. ARGV[i]
  redis.call('SADD', letters, ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  redis.call('EXPIRE', letters, ARGV[1])
end
"""
# An id enters and leaves a set, and is not just counted: if a reply was lost, the journal has the
# answers leave once more.
_ADD = """
local running = 'askbot:running:'
local function add(key, amount, seconds)
  local count = 'askbot:count:' .. key
  local sum = redis.call('INCRBY', count, amount)
  if sum < 0 then redis.call('INCRBY', count, -sum) end
  if redis.call('TTL', count) < 0 then redis.call('EXPIRE', count, seconds) end
end
"""
# ARGV: worker, seconds alive, seconds at most, takings.
_TAKE = (
    _ADD
    + """
local worker = ARGV[1]
redis.call('SET', 'askbot:worker:' .. worker, 'claimed', 'EX', ARGV[2], 'NX')
local function running_answers(key)
  local held = 0
  for _, each in ipairs(redis.call('SMEMBERS', running .. key)) do
    local ids = running .. key .. ':' .. each
    local count = redis.call('EXISTS', 'askbot:worker:' .. each) * redis.call('SCARD', ids)
    if count == 0 then
      redis.call('SREM', running .. key, each)
      redis.call('DEL', ids)
    end
    held = held + count
  end
  return held
end
local function take(id, buckets)
  local held, fits = {}, 1
  for i, bucket in ipairs(buckets) do
    local key, amount, most, seconds = unpack(bucket)
    if seconds > 0 then
      held[i] = tonumber(redis.call('GET', 'askbot:count:' .. key) or 0)
    else
      held[i] = running_answers(key)
    end
    if held[i] + amount > most then fits = 0 end
  end
  if fits == 0 then return {0, held} end
  for _, bucket in ipairs(buckets) do
    local key, amount, _, seconds = unpack(bucket)
    if seconds > 0 then
      add(key, amount, seconds)
    else
      redis.call('SADD', running .. key, worker)
      redis.call('SADD', running .. key .. ':' .. worker, id)
      redis.call('EXPIRE', running .. key, ARGV[3])
      redis.call('EXPIRE', running .. key .. ':' .. worker, ARGV[3])
    end
  end
  return {1, held}
end
local taken = {}
for i, taking in ipairs(cmsgpack.unpack(ARGV[4])) do taken[i] = take(unpack(taking)) end
return taken
"""
)
# ARGV: worker, buckets with ids that leave them, changes.
_GIVE_BACK = (
    _ADD
    + """
for _, left in ipairs(cmsgpack.unpack(ARGV[2])) do
  redis.call('SREM', running .. left[1] .. ':' .. ARGV[1], left[2])
end
for _, change in ipairs(cmsgpack.unpack(ARGV[3])) do add(unpack(change)) end
"""
)


class RedisBackend:
    """See `Backend`. Ended answers are kept for `ttl_seconds`. Redis itself limits their size.

    Raises ValueError for an invalid address.
    """

    name = "Redis"
    is_remote = True

    def __init__(self, url: str, *, ttl_seconds: float) -> None:
        self._redis = _client(url)
        self._ttl_seconds = math.ceil(ttl_seconds) or LONGEST_SECONDS
        register = self._redis.register_script
        self._claim, self._write = register(_CLAIM), register(_WRITE)
        self._read, self._send = register(_READ), register(_SEND)
        self._take, self._give_back = register(_TAKE), register(_GIVE_BACK)
        # What the last write brought for the worker, which is the only one that writes here. Redis
        # keeps it until the next, because a reply may be lost. Letters that are sent again
        # meanwhile tell nothing new.
        self._letters: list[str] = []

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        limits = int(ALIVE_SECONDS), LONGEST_SECONDS
        is_claimed = _run(self._claim, *writing, replaced, *limits)
        return None if is_claimed else self.read([Position(writing.digest)])[0]

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        limits = int(ALIVE_SECONDS), LONGEST_SECONDS, self._ttl_seconds
        arrived = msgspec.msgpack.encode(self._letters)
        known, taken = _run(self._write, worker, *limits, *_packed(additions), arrived)
        self._letters = [each.decode() for each in taken]
        letters = map(str.split, self._letters)
        return bool(known), [Letter(worker, etag, cast(Verb, verb)) for etag, verb in letters]

    def read(self, positions: Sequence[Position]) -> list[Record | None]:
        found = _run(self._read, *chain.from_iterable(each[:2] for each in positions))
        return [_record(each.digest, row) for each, row in zip(positions, found, strict=True)]

    def send(self, letters: Sequence[Letter]) -> None:
        _run(self._send, 10 * int(ALIVE_SECONDS), *chain.from_iterable(letters))

    def take(self, worker: str, takings: Sequence[Taking]) -> list[Taken]:
        limits = int(ALIVE_SECONDS), LONGEST_SECONDS
        taken = _run(self._take, worker, *limits, msgspec.msgpack.encode(takings))
        return [Taken(bool(has_taken), held) for has_taken, held in taken]

    def give_back(self, worker: str, settlement: Settlement) -> None:
        _run(self._give_back, worker, *map(msgspec.msgpack.encode, settlement))


def _run(script: Script, *args: Any) -> Any:
    try:
        return script(args=args)
    except RedisError as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


def _packed(additions: Sequence[Addition]) -> tuple[bytes, bytes]:
    """The additions of `_WRITE`, and their bytes."""
    rows: list[tuple[str | int, ...]] = []
    parts: list[bytes] = []
    for writing, offset, data, receipt, progress in additions:
        held = (writing.fingerprint, data, receipt or b"", progress or b"")
        rows.append((writing.digest, writing.etag, writing.worker, offset, *map(len, held)))
        parts += held
    return msgspec.msgpack.encode(rows), b"".join(parts)


def _record(digest: str, row: list[Any]) -> Record | None:
    if row[0] is None:
        return None
    etag, worker, fingerprint, receipt, progress, is_alive, data = row
    writing = Writing(digest, etag.decode(), worker.decode(), fingerprint)
    return Record(writing, receipt, bool(is_alive), data, progress)


def _client(url: str) -> Redis:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=REPLY_SECONDS,
            # Redis may have done what it could not reply to, and must not do it twice. The pool
            # itself replaces connections that Redis has closed while they were idle.
            retry=Retry(NoBackoff(), 0),
            # The older protocol needs no handshake.
            protocol=2,
        )
        # Does not connect, but checks the options in the address.
        pool.make_connection()  # type: ignore[no-untyped-call]
    except TypeError as error:
        raise ValueError("it has an option that Redis' client does not know") from error
    pool.timeout = pool.connection_kwargs["socket_timeout"]
    return Redis(connection_pool=pool)
