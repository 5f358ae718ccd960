"""What the relay sees of a request, for `python -m doctor`.

Proxies change a request on its way. Only the relay can say how it arrived.
"""

import json
from collections.abc import Mapping
from typing import Any

# A request with the first header gets the second one in its reply.
ASKING_HEADER, SEEN_HEADER = "Askbot-Doctor", "Askbot-Seen"


def seen(environ: Mapping[str, Any], now: float) -> str:
    """JSON about the request, for whoever has sent it.

    Of the addresses in X-Forwarded-For it has only the first one, which is the sender's own. The
    others belong to the proxies, and so does `address` if TRUSTED_PROXIES is too low.
    """
    forwarded = [each.strip() for each in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    return json.dumps(
        {
            "protocol": environ["SERVER_PROTOCOL"],
            "address": environ.get("REMOTE_ADDR", ""),
            "forwarded_for": forwarded[0],
            "proxies": sum(1 for each in forwarded if each),
            "time": now,
        }
    )
