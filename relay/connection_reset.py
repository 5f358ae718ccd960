"""Cuts a connection so that nobody takes its end for the end of an answer."""

import socket
import struct


def reset_on_close(sock: socket.socket) -> None:
    """Makes `close` send RST instead of FIN, and drop buffered data (SO_LINGER, socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
