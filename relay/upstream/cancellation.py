"""Ending a request to the model from outside, while whoever asks is blocked in it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar


class Cancelled(Exception):
    """The answer is no longer wanted. Never seen by a client: there is none."""


class Cancellation:
    """One question's way to be called off, in whatever phase it is.

    The transport attaches the socket it is about to block on. `cancel` shuts that socket down,
    which wakes a blocked connect, write or read, in this thread or another, in this greenlet or
    another. Closing it would not: a blocked reader sleeps on.
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
                    # Below TLS on purpose: its own shutdown would wait for the peer.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def attach(self, sock: socket.socket) -> None:
        """From here on `cancel` shuts `sock` down. Raises Cancelled if it is too late."""
        with self._lock:
            if self.cancelled:
                raise Cancelled
            self._socket = sock

    def detach(self) -> None:
        """The socket is about to be closed or to serve another question."""
        with self._lock:
            self._socket = None

    def check(self) -> None:
        """Raises Cancelled once `cancel` was called."""
        if self.cancelled:
            raise Cancelled

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Requests made inside can be called off; the HTTP client has no parameter for it."""
        token = current.set(self)
        try:
            yield
        finally:
            current.reset(token)


current: ContextVar[Cancellation] = ContextVar("current")
