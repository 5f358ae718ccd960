"""Access tokens: `Authorization: Bearer <token>` (RFC 6750)."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from relay.settings import AccessToken, token_digest


def authorization(environ: Mapping[str, Any]) -> str:
    """What a request has sent as its token."""
    sent: str = environ.get("HTTP_AUTHORIZATION", "")
    return sent


def holder(environ: Mapping[str, Any], tokens: Iterable[AccessToken]) -> str | None:
    """The name of the token that a request has sent; None if it is none of `tokens`.

    The time it takes says nothing about the tokens.
    """
    scheme, _, given = authorization(environ).partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest = token_digest(given.strip())
    matches = [token.name for token in tokens if hmac.compare_digest(token.digest, digest)]
    return matches[0] if matches else None
