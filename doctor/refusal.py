"""The sentence of a refusal."""

import json


def refusal(body: bytes | str, status: int) -> str:
    """The relay's own sentence, or what can be said of a reply that is not the relay's."""
    try:
        error = json.loads(body)["error"]
        return f"{status} {error['code']}, {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"status {status}, with a body that is not the relay's."
