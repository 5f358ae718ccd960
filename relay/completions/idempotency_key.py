"""The key of an answer: the UUID by which a client names it (`Idempotency-Key`), and its digest.

draft-ietf-httpapi-idempotency-key-header-07
"""

import hashlib
import re

from relay.errors import InvalidRequest

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def digest_of(id: str) -> str:
    """The name of a completion in memory and journal. It does not give away the id."""
    return hashlib.sha256(id.encode()).hexdigest()


def is_key(text: str) -> bool:
    """Whether the text can be a client's key: a UUID, in any spelling."""
    return _UUID.fullmatch(spelled(text)) is not None


def spelled(id: str) -> str:
    """An id in its canonical spelling. Some clients quote it, as the header's draft does."""
    return id.strip().strip('"').lower()


def parse_key(key: str) -> str:
    """The canonical spelling of a key. Raises InvalidRequest."""
    if not is_key(key):
        raise InvalidRequest("Idempotency-Key must be a UUID.")
    return spelled(key)
