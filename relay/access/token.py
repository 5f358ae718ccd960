"""Access tokens: `Authorization: Bearer <token>` (RFC 6750)."""

import hmac
from collections.abc import Iterable

from relay.settings import AccessToken, token_digest


def holder(authorization: str, tokens: Iterable[AccessToken]) -> str | None:
    """The name of the token in the header `Authorization`; None if it is none of `tokens`.

    The time it takes says nothing about the tokens.
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest = token_digest(given.strip())
    matches = [token.name for token in tokens if hmac.compare_digest(token.digest, digest)]
    return matches[0] if matches else None
