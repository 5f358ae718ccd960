"""The socket of one reply: whether the client takes it, and whether they are still there.

A client that has sent its question may close its half of the connection and go on reading. To the
server this looks as if the client had closed all of it. Only data shows the difference: a client
that has closed answers it with RST. Every reply begins with the same byte, so that can be sent
before the reply is known.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any, BinaryIO

from relay.connection_reset import reset_stuck

FIRST_BYTE = b"H"

# A write waits for its limit in so many parts, and tries again after each. If the worker itself
# stands still, only one part is lost. The client keeps the others.
PARTS = 4

# How much of a file is in memory at a time.
_FILE_PIECE_BYTES = 64 * 1024


class ReplySocket:
    """gevent's socket for one reply. The first byte may have been sent before the rest.

    A client that takes nothing for `send_timeout` seconds is cut off; 0 is no limit.
    """

    def __init__(self, sock: socket.socket, send_timeout: float) -> None:
        self._socket = sock
        # The last try does not wait. The kernel ends a wait when much of the buffer is free, and a
        # client may have taken less.
        self._waits: Sequence[float | None] = (
            [send_timeout / PARTS] * PARTS + [0] if send_timeout else [None]
        )
        self._has_begun = False
        self._was_probed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def send(self, data: bytes | memoryview) -> int:
        """Sends some of `data`, and returns how many bytes. gunicorn sends "100 Continue" by it.

        Raises ConnectionResetError if the client is cut off.
        """
        try:
            for seconds in self._waits:
                self._socket.settimeout(seconds)
                with contextlib.suppress(TimeoutError, BlockingIOError):
                    return self._socket.send(data)
        finally:
            self._socket.settimeout(None)
        reset_stuck(self._socket)
        # A TimeoutError would be logged as a bug.
        raise ConnectionResetError(errno.ECONNRESET, "the client took nothing")

    def sendall(self, data: bytes) -> None:
        """Raises ConnectionResetError if the client is cut off."""
        rest = memoryview(data)
        if not self._has_begun:
            self._has_begun = True
            rest = rest[len(FIRST_BYTE) :] if self._was_probed else rest
        while rest:
            rest = rest[self.send(rest) :]

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> int:
        """Sends `count` bytes of a file, or fewer if it ends before. Returns how many.

        Raises ConnectionResetError if the client is cut off.
        """
        file.seek(offset)
        sent = 0
        while piece := file.read(min(_FILE_PIECE_BYTES, count - sent)):
            self.sendall(piece)
            sent += len(piece)
        return sent

    def probe(self) -> bool:
        """Sends the first byte. False if that is too late, because the reply has begun.

        Does not block. Raises OSError if the connection is known to be closed.
        """
        if not (self._has_begun or self._was_probed):
            os.write(self._socket.fileno(), FIRST_BYTE)
            self._was_probed = True
        return self._was_probed
