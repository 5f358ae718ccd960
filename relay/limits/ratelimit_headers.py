"""The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).

They tell a client its own limits. Tokens are left out, because the draft has no unit for them.
"""

from collections.abc import Iterable

from relay.limits.limits import Limit


def is_announced(limit: Limit) -> bool:
    return limit.per_client and not limit.counts_tokens


def policy(limits: Iterable[Limit]) -> str:
    """The value of `RateLimit-Policy`; "" without a limit to announce."""
    return ", ".join(_policy(limit) for limit in limits if is_announced(limit))


def state(held: Iterable[tuple[Limit, int]], now_ms: int) -> str:
    """The value of `RateLimit`, from what each limit holds; "" without one to announce."""
    return ", ".join(_state(limit, count, now_ms) for limit, count in held if is_announced(limit))


def _policy(limit: Limit) -> str:
    unit = f";w={limit.seconds}" if limit.seconds else ';qu="concurrent-requests"'
    return f'"{limit.name}";q={limit.most}{unit}'


def _state(limit: Limit, count: int, now_ms: int) -> str:
    window = f";t={limit.seconds_left(now_ms)}" if limit.seconds else ""
    return f'"{limit.name}";r={max(0, limit.most - count)}{window}'
