"""What the relay sees of a request, for `python -m doctor`.

Proxies change a request on its way. Only the relay can say how it arrived.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

# A request with the first header gets the second one in its reply.
ASKING_HEADER, SEEN_HEADER = "Askbot-Doctor", "Askbot-Seen"


def seen(environ: Mapping[str, Any], now: float) -> str:
    """JSON about the request, for whoever has sent it.

    Of the addresses in X-Forwarded-For it has only the first one, which is the sender's own, and
    whether the relay takes that one for the client. The others belong to proxies, and nobody
    outside need know them.
    """
    forwarded = [each.strip() for each in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    address = environ.get("REMOTE_ADDR", "")
    return json.dumps(
        {
            "protocol": environ["SERVER_PROTOCOL"],
            "forwarded_for": forwarded[0],
            "is_believed": bool(address) and _without_port(forwarded[0]) == _without_port(address),
            "proxies": sum(1 for each in forwarded if each),
            "time": now,
        }
    )


def _without_port(address: str) -> str:
    """Some proxies write the port beside the address."""
    with_port = re.fullmatch(r"\[(.+)\](?::[0-9]+)?|([0-9.]+):[0-9]+", address)
    return (with_port[1] or with_port[2]) if with_port else address
