"""Cuts a connection so that nobody takes its end for the end of an answer."""

import contextlib
import logging
import socket
import struct
from collections.abc import Iterator

log = logging.getLogger("askbot")


def reset_on_close(sock: socket.socket) -> None:
    """Makes `close` send RST instead of FIN, and drop buffered data (SO_LINGER, socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def reset_unless_whole(sock: socket.socket) -> Iterator[None]:
    """Has the connection reset if the block fails, or if the process is killed in it.

    Does nothing if the connection is broken already.
    """
    with contextlib.suppress(OSError):
        reset_on_close(sock)
    yield
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))


def reset_stuck(sock: socket.socket) -> None:
    """Makes `close` cut off a client that takes nothing, and logs it."""
    log.info("a reader took nothing for too long and was cut off")
    with contextlib.suppress(OSError):
        reset_on_close(sock)
