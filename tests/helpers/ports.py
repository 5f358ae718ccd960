"""Ports for servers that cannot be told to take any free one."""

import socket
import sys

_held: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1, for one server of this test run.

    Linux gives it to nobody else: a socket stays bound to it. As that does not listen, the server
    can bind it too, and nobody is connected before.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    if sys.platform == "linux":
        _held.append(probe)
    else:
        probe.close()
    return port
