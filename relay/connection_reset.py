"""Cuts a connection so that nobody takes its end for the end of an answer."""

import contextlib
import socket
import struct
from collections.abc import Iterator


def reset_on_close(sock: socket.socket) -> None:
    """Makes `close` send RST instead of FIN, and drop buffered data (SO_LINGER, socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def reset_unless_whole(sock: socket.socket) -> Iterator[None]:
    """Has the connection reset if the block fails, or if the process is killed in it."""
    reset_on_close(sock)
    yield
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
