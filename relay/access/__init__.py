"""Who may ask, and in whose name they do.

This room knows access tokens, origins and addresses. It hands out the gate before all views, the
client of a request, and the check of a server's address at its start.
"""

from relay.access.client_name import Client, address_name, client_of
from relay.access.gate import Gate
from relay.access.listen_address import check_address
from relay.access.origins import Origins

__all__ = ["Client", "Gate", "Origins", "address_name", "check_address", "client_of"]
