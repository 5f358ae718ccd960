"""What is limited: for whom, in which window, and what a refused client is told."""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache

from relay.errors import BudgetExhausted, LimitReached, RateLimited, TooManyStreams
from relay.journal import Bucket
from relay.limits.tokens import UNLIMITED_ANSWER_TOKENS
from relay.settings import Settings, SettingsError

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400

NEEDED_IN_PUBLIC = (
    "questions_per_minute",
    "questions_per_day",
    "max_streams_per_client",
    "max_streams",
    "daily_tokens_per_client",
    "daily_tokens",
    # Without it nobody knows how much to reserve for an answer.
    "max_answer_tokens",
)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in a window of `seconds`, or at the same time if there is no window.

    A window begins at a multiple of its length, so a day begins at midnight UTC. The limit is for
    each client, or for all together. `setting` is the name of the setting that it comes from.
    """

    name: str
    setting: str
    most: int
    seconds: int
    per_client: bool
    counts_tokens: bool
    error: type[LimitReached]
    message: str

    @property
    def is_rate(self) -> bool:
        """Whether it counts questions. A question that is refused later keeps its place here."""
        return self.seconds > 0 and not self.counts_tokens

    def bucket(self, client: str, tokens: int, now_ms: int) -> Bucket:
        """What a question of the client, with its tokens, takes from this limit."""
        key = f"{self.name}:{client}" if self.per_client else self.name
        if self.seconds:
            key += f":{now_ms // (1000 * self.seconds)}"
        # Clocks of hosts differ, and an answer may end after its window.
        return Bucket(key, tokens if self.counts_tokens else 1, self.most, 2 * self.seconds)

    def seconds_left(self, now_ms: int) -> int:
        """The seconds to the end of the window, rounded up."""
        length_ms = 1000 * self.seconds
        return math.ceil((length_ms - now_ms % length_ms) / 1000)

    def seconds_to_wait(self, now_ms: int, *, tokens_may_return: bool) -> int:
        """What a refused client is told.

        `tokens_may_return` says whether those that running answers have reserved would be enough.
        """
        if not self.seconds or tokens_may_return:
            return self.error.retry_after_seconds
        return self.seconds_left(now_ms)


def limits_of(settings: Settings) -> tuple[Limit, ...]:
    """The limits that are set. The first that refuses a question names the reason."""
    every = (
        Limit(
            "minute",
            "questions_per_minute",
            settings.questions_per_minute,
            MINUTE_SECONDS,
            per_client=True,
            counts_tokens=False,
            error=RateLimited,
            message="You have asked too many questions in a short time.",
        ),
        Limit(
            "day",
            "questions_per_day",
            settings.questions_per_day,
            DAY_SECONDS,
            per_client=True,
            counts_tokens=False,
            error=RateLimited,
            message="You have used up the questions of today.",
        ),
        Limit(
            "streams",
            "max_streams_per_client",
            settings.max_streams_per_client,
            0,
            per_client=True,
            counts_tokens=False,
            error=TooManyStreams,
            message="Too many of your answers are being written at the same time.",
        ),
        Limit(
            "all-streams",
            "max_streams",
            settings.max_streams,
            0,
            per_client=False,
            counts_tokens=False,
            error=TooManyStreams,
            message="Too many answers are being written at the moment.",
        ),
        Limit(
            "tokens",
            "daily_tokens_per_client",
            settings.daily_tokens_per_client,
            DAY_SECONDS,
            per_client=True,
            counts_tokens=True,
            error=BudgetExhausted,
            message="Your tokens for today are used up.",
        ),
        Limit(
            "all-tokens",
            "daily_tokens",
            settings.daily_tokens,
            DAY_SECONDS,
            per_client=False,
            counts_tokens=True,
            error=BudgetExhausted,
            message="This server's tokens for today are used up.",
        ),
    )
    return tuple(limit for limit in every if limit.most)


def check_limits(settings: Settings) -> None:
    """Raises SettingsError for limits that let everybody ask without end, or nobody at all."""
    for name in NEEDED_IN_PUBLIC:
        if settings.public and not getattr(settings, name):
            raise SettingsError(
                f"With PUBLIC=1 everybody may ask, so {name.upper()} must not be 0 (no limit)."
            )
    reserved = settings.max_answer_tokens or UNLIMITED_ANSWER_TOKENS
    for name in ("daily_tokens_per_client", "daily_tokens"):
        if 0 < getattr(settings, name) <= reserved:
            raise SettingsError(
                f"{name.upper()} must be more than {reserved}, which each answer reserves: "
                f"MAX_ANSWER_TOKENS, or {UNLIMITED_ANSWER_TOKENS} if that is 0."
            )


@lru_cache(maxsize=1024)
def digest_of(name: str) -> str:
    """A client's name in keys. It may be an address, which is not written down."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def in_words(seconds: int) -> str:
    """A wait in seconds, minutes or hours, rounded up."""
    for length, unit in ((3600, "hours"), (60, "minutes")):
        if seconds > 2 * length:
            return f"{math.ceil(seconds / length)} {unit}"
    return f"{seconds} seconds" if seconds > 1 else "a second"
