"""Finds out whether anybody still reads a reply: whether they are there, and whether they take it.

A client that has sent its question may close its half of the connection and go on reading. To the
server this looks as if the client had closed all of it. Only data shows the difference: a client
that has closed answers it with RST. Every reply begins with the same byte, so that can be sent
before the reply is known.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any, BinaryIO

from relay.connection_reset import reset_stuck

FIRST_BYTE = b"H"


class ProbedSocket:
    """The socket of one reply. The first byte of the reply may have been sent before the rest.

    A client that takes nothing for `send_timeout` seconds is cut off; 0 is no limit. With
    `is_watched` a watch of `relay.clients` enforces that limit.
    """

    def __init__(self, sock: socket.socket, send_timeout: float) -> None:
        self._socket = sock
        self._send_timeout = send_timeout
        self._has_begun = False
        self.was_probed = self.is_watched = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            data = data[len(FIRST_BYTE) :] if self.was_probed else data
        if self.is_watched:
            self._socket.sendall(data)
        else:
            with self._in_time():
                self._socket.sendall(data)

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        with self._in_time():
            return self._socket.sendfile(file, offset, count)

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """Raises ConnectionResetError in place of TimeoutError, which would be logged as a bug."""
        self._socket.settimeout(self._send_timeout or None)
        try:
            yield
        except TimeoutError:
            reset_stuck(self._socket)
            raise ConnectionResetError(errno.ECONNRESET, "the client took nothing") from None
        finally:
            self._socket.settimeout(None)

    def probe(self) -> bool:
        """Sends the first byte. False if that is too late, because the reply has begun.

        Does not block. Raises OSError if the connection is known to be closed.
        """
        if not (self._has_begun or self.was_probed):
            os.write(self._socket.fileno(), FIRST_BYTE)
            self.was_probed = True
        return self.was_probed
