"""Who may ask, and in whose name they do.

This room knows access tokens, origins and addresses. It hands out the client of a request.
"""

from relay.access.client import Client, client_of

__all__ = ["Client", "client_of"]
