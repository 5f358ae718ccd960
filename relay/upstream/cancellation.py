"""Ending a request to the model from outside, while its thread or greenlet is blocked in it."""

import contextlib
import socket
import threading


class Cancelled(Exception):
    """The answer is no longer wanted. No client sees this error, because none is left."""


class Cancellation:
    """Cancels one question in any phase.

    The transport attaches the socket before it blocks on it. `cancel` shuts the socket down, which
    wakes a connect, write or read that is blocked in any thread or greenlet. A close would not wake
    it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.cancelled = False

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    # Not the shutdown of an SSLSocket, which would wait for the peer.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def attach(self, sock: socket.socket) -> None:
        """From here on `cancel` shuts `sock` down. Raises Cancelled if it is too late."""
        with self._lock:
            if self.cancelled:
                raise Cancelled
            self._socket = sock

    def detach(self) -> None:
        """Lets go of the socket before it is closed or serves another question."""
        with self._lock:
            self._socket = None

    def check(self) -> None:
        """Raises Cancelled once `cancel` was called."""
        if self.cancelled:
            raise Cancelled
