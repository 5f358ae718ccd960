"""Finds out whether anybody is still there to read a reply.

A client that has sent its question may close its half of the connection and go on reading. To the
server this looks as if the client had closed all of it. Only data shows the difference: a client
that has closed answers it with RST. Every reply begins with the same byte, so that can be sent
before the reply is known.
"""

import os
import socket
from typing import Any

FIRST_BYTE = b"H"


class ProbedSocket:
    """The socket of one reply. The first byte of the reply may have been sent before the rest."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._has_begun = False
        self.was_probed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            data = data[len(FIRST_BYTE) :] if self.was_probed else data
        self._socket.sendall(data)

    def probe(self) -> bool:
        """Sends the first byte. False if that is too late, because the reply has begun.

        Does not block. Raises OSError if the connection is known to be closed.
        """
        if not (self._has_begun or self.was_probed):
            os.write(self._socket.fileno(), FIRST_BYTE)
            self.was_probed = True
        return self.was_probed
