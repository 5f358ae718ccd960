"""Whether the machine has IPv6, which some containers lack."""

import contextlib
import socket


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


# As people write them.
IPV6_HOSTS = ["::", "::1", "[::1]"] if has_ipv6() else []
