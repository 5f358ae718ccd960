"""/ready, for load balancers: whether the relay can take questions."""

from typing import Any

from doors.serving import serving
from relay.errors import NotConfigured
from relay.version import version


def readiness() -> dict[str, Any]:
    """For load balancers. Does not ask the model, because each request to it costs money."""
    relay = serving()
    if not relay.settings.configured:
        raise NotConfigured()
    relay.store.check()
    return {"ready": True, "version": version()}
