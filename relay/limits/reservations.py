"""Takes from all limits for a question, and settles them when its answer has ended."""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from relay.access import Client
from relay.errors import LimitReached
from relay.intervals import BEAT_SECONDS
from relay.journal import Bucket, Change, Journal, Settlement, Taking, Unavailable
from relay.limits.limits import MINUTE_SECONDS, Limit, digest_of, in_words, limits_of
from relay.limits.local_counts import LocalCounts
from relay.limits.ratelimit_headers import policy, state
from relay.settings import Settings

# How long a place may look taken after its answer has ended on another worker.
LAG_SECONDS = 2 * BEAT_SECONDS

MINUTE_MS = 1000 * MINUTE_SECONDS
# Whose buckets are kept at hand.
MAX_CLIENTS = 1024


class Part(NamedTuple):
    """What a question takes from one limit, and what the limit held before."""

    limit: Limit
    bucket: Bucket
    held: int

    @property
    def is_refused(self) -> bool:
        return self.bucket.lacks(self.held)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a question has taken. `fields` are headers that tell the client what is left.

    The `id` is unique in this process. `in_journal` is false if the journal was down, so that only
    this process has counted it.
    """

    id: str
    parts: Sequence[Part]
    in_journal: bool
    fields: Mapping[str, str]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _sleep(seconds: float) -> None:
    # Looked up now, because gevent patches `time` only after this module is imported.
    time.sleep(seconds)


class Reservations:
    """What questions take from the limits: one object for all threads of the process.

    The counts are exact between the workers that share a journal. While the journal is down, each
    process counts for itself.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        *,
        now_ms: Callable[[], int] = _now_ms,
        sleep: Callable[[float], None] = _sleep,
    ) -> None:
        self._limits = limits_of(settings)
        self._rates = tuple(limit for limit in self._limits if limit.is_rate)
        self._policy = policy(self._limits)
        self._journal = journal
        self._now_ms = now_ms
        self._sleep = sleep
        self._ids = itertools.count(1)
        self._local = LocalCounts()
        # The tokens that running answers of this process have reserved and may give back.
        self._reserved = LocalCounts()
        # All windows are whole minutes, so a client has the same ones for a minute.
        self._rate_buckets = lru_cache(maxsize=MAX_CLIENTS)(self._made_rate_buckets)

    def known_refusal(self, client: Client) -> LimitReached | None:
        """The refusal of a client whose questions are used up, if memory is enough to know it."""
        now_ms = self._now_ms()
        for limit, bucket in self._rate_buckets(client, now_ms // MINUTE_MS):
            held = self._local.held(bucket.key)
            if bucket.lacks(held):
                return self._refusal(Part(limit, bucket, held), now_ms, ())
        return None

    def take(self, client: Client, tokens: int) -> Reservation:
        """Takes a place in the rates, a running answer, and tokens.

        Raises LimitReached. A question that is refused for lack of something else keeps its place
        in the rates.
        """
        now_ms, id = self._now_ms(), str(next(self._ids))
        buckets = _buckets(self._limits, client, tokens, now_ms)
        parts, in_journal = self._take(id, self._limits, buckets)
        refused = _refused(parts)
        if refused is not None and in_journal and not refused.limit.seconds:
            self._sleep(LAG_SECONDS)
            parts, in_journal = self._take(id, self._limits, buckets)
            refused = _refused(parts)
        if refused is not None:
            if not refused.limit.is_rate:
                self._take(id, self._rates, _buckets(self._rates, client, 0, now_ms))
            raise self._refusal(refused, now_ms, parts)
        fields = self._fields(
            [(limit, held + bucket.amount) for limit, bucket, held in parts], now_ms
        )
        self._reserved.add(
            [(each.bucket.key, tokens) for each in parts if each.limit.counts_tokens]
        )
        return Reservation(id, parts, in_journal, fields)

    def settle(self, reservation: Reservation, spent: int) -> None:
        """Ends an answer that has spent so many tokens. Must not wait: an event loop calls it."""
        id, in_journal = reservation.id, reservation.in_journal
        running = [bucket.key for limit, bucket, _ in reservation.parts if not limit.seconds]
        counted = [bucket for limit, bucket, _ in reservation.parts if limit.counts_tokens]
        ended = [(key, -1) for key in running]
        self._local.add([*ended, *[(key, spent - amount) for key, amount, _, _ in counted]])
        self._reserved.add([(key, -amount) for key, amount, _, _ in counted])
        if not (running or counted):
            return
        # What was taken while the journal was down is not in it yet.
        left = [(key, id) for key in running] if in_journal else []
        changes = [
            Change(key, spent - amount if in_journal else spent, seconds)
            for key, amount, _, seconds in counted
        ]
        self._journal.give_back(Settlement(left, changes))

    def tokens_left(self) -> int | None:
        """What is left today of the tokens of all clients; None if they have no limit."""
        totals = [each for each in self._limits if each.counts_tokens and not each.per_client]
        if not totals:
            return None
        # Takes nothing, and so learns what is held.
        bucket = totals[0].bucket("", 0, self._now_ms())
        [part], _ = self._take("", totals, [bucket])
        return max(0, bucket.most - part.held)

    def _take(
        self, id: str, limits: Sequence[Limit], buckets: Sequence[Bucket]
    ) -> tuple[list[Part], bool]:
        """Takes from all buckets or from none. Also returns whether the journal has decided it."""
        has_room, held = self._local.take(buckets)
        if not (has_room and buckets):
            return list(map(Part, limits, buckets, held)), False
        try:
            taken = self._journal.take(Taking(id, buckets))
        except Unavailable:
            # The process goes on with its own counts. The beat looks for the journal.
            return list(map(Part, limits, buckets, held)), False
        parts = list(map(Part, limits, buckets, taken.held))
        if not taken.has_taken:
            self._forget(parts)
        return parts, True

    def _forget(self, parts: Sequence[Part]) -> None:
        """Gives back in memory what the journal has refused."""
        self._local.add((bucket.key, -bucket.amount) for _, bucket, _ in parts)
        for part in parts:
            if part.limit.is_rate and part.is_refused:
                self._local.fill(part.bucket)

    def _refusal(self, refused: Part, now_ms: int, parts: Iterable[Part]) -> LimitReached:
        limit = refused.limit
        tokens_may_return = limit.counts_tokens and self._may_return(refused, parts)
        seconds = limit.seconds_to_wait(now_ms, tokens_may_return=tokens_may_return)
        return limit.error(
            f"{limit.message} Try again in {in_words(seconds)}.",
            retry_after_seconds=seconds,
            fields=self._fields([(limit, limit.most)], now_ms),
            limit=limit.setting,
        )

    def _may_return(self, refused: Part, parts: Iterable[Part]) -> bool:
        """Whether running answers may give back tokens for which a question was refused.

        Those of this process have reserved a known number. Of other workers it is only known
        whether they have running answers.
        """
        if not refused.bucket.lacks(refused.held - self._reserved.held(refused.bucket.key)):
            return True
        return any(
            held > self._local.held(bucket.key)
            for limit, bucket, held in parts
            if not limit.seconds and limit.per_client == refused.limit.per_client
        )

    def _made_rate_buckets(self, client: Client, minute: int) -> list[tuple[Limit, Bucket]]:
        buckets = _buckets(self._rates, client, 0, minute * MINUTE_MS)
        return list(zip(self._rates, buckets, strict=True))

    def _fields(self, held: Iterable[tuple[Limit, int]], now_ms: int) -> Mapping[str, str]:
        fields = {"RateLimit-Policy": self._policy, "RateLimit": state(held, now_ms)}
        return {name: value for name, value in fields.items() if value}


def _buckets(limits: Iterable[Limit], client: Client, tokens: int, now_ms: int) -> list[Bucket]:
    digest = digest_of(client.name)
    return [limit.bucket(digest, tokens, now_ms) for limit in limits]


def _refused(parts: Iterable[Part]) -> Part | None:
    """The first part that was refused."""
    return next((part for part in parts if part.is_refused), None)
