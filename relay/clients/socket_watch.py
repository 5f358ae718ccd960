"""Watches a reader's socket, under gevent and in a threaded server.

Under gevent it takes two watchers of the event loop. In a threaded server one thread watches all
readers.
"""

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import gevent
from gevent import monkey

from relay.reply_socket import ReplySocket

# How often to look at a reader whose unread next request hides the end of their input.
LOOK_SECONDS = 0.3

_TCP_ESTABLISHED, _TCP_CLOSE, _TCP_CLOSE_WAIT = 1, 7, 8


class Watch(Protocol):
    """The watch over one reader's socket."""

    def stop(self) -> None:
        """Called at the end of the exchange. After it the watch must not touch the socket."""


def watch(sock: Any, on_gone: Callable[[], None], send_timeout: float) -> Watch:
    """Starts the watch for the kind of server. `Reader` explains the arguments."""
    if sock is None or isinstance(sock, ssl.SSLSocket):
        # Inside TLS the end of the input is only seen after all data before it is read.
        return _NoWatch()
    if monkey.is_module_patched("socket"):
        return _GeventWatch(sock, on_gone)
    return _ThreadWatch(sock, on_gone, send_timeout)


def _has_left(sock: socket.socket) -> bool | None:
    """Whether the other side of a readable socket has closed it. None if that cannot be seen."""
    try:
        # Unread data may hide the end. And a worker ends the input of a connection itself if the
        # reply is its last: see `end_input`.
        if sock.recv(1, socket.MSG_PEEK) or _may_be_open(sock):
            return _is_half_closed(sock) or None
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def _is_half_closed(sock: socket.socket) -> bool:
    """Whether the other side has closed its half, also behind unread data; False if unknown.

    Of a unix socket it has closed both then.
    """
    if sock.family == socket.AF_UNIX:
        poll = monkey.get_original("select", "poll")()
        # POLLHUP is told also to those who ask for nothing.
        poll.register(sock.fileno(), 0)
        return bool(poll.poll(0))
    return _tcp_state(sock) in (_TCP_CLOSE, _TCP_CLOSE_WAIT)


def _may_be_open(sock: Any) -> bool:
    """Whether the end of the input may be of this side's own making; False if unknown."""
    return sock.family == socket.AF_UNIX or _tcp_state(sock) == _TCP_ESTABLISHED


def _tcp_state(sock: Any) -> int | None:
    """The first byte of Linux's `struct tcp_info` (tcp_states.h); None if unknown."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return int(sock.getsockopt(socket.IPPROTO_TCP, option, 1)[0])


class _NoWatch:
    """For servers that hide the socket or speak TLS: only a write notices that a reader left."""

    def stop(self) -> None: ...


class _GeventWatch:
    """Two watchers of the event loop, and no greenlet. The callbacks run in the hub."""

    def __init__(self, sock: Any, on_gone: Callable[[], None]) -> None:
        self._socket = sock
        self._on_gone = on_gone
        loop = gevent.get_hub().loop
        self._readable = loop.io(sock.fileno(), 1)
        self._readable.start(self._on_readable)
        self._look = loop.timer(LOOK_SECONDS, LOOK_SECONDS)
        self._is_looking = False

    def stop(self) -> None:
        self._readable.close()
        self._look.close()

    def _on_readable(self) -> None:
        gone = _has_left(self._socket)
        if gone and self._may_read_on():
            gone = None
        if gone is None:
            # The socket stays readable, so the loop would call again at once. A timer does instead.
            self._readable.stop()
            if not self._is_looking:
                self._is_looking = True
                self._look.start(self._on_readable)
        if gone:
            self._readable.stop()
            self._look.stop()
            self._on_gone()

    def _may_read_on(self) -> bool:
        """Whether a reader who has closed one half before the reply may still read the other."""
        if not isinstance(self._socket, ReplySocket):
            return False
        try:
            return _tcp_state(self._socket) == _TCP_CLOSE_WAIT and self._socket.probe()
        except OSError:
            return False


class _ThreadWatch:
    """Registers the socket with the thread that watches all readers."""

    def __init__(
        self, sock: socket.socket, on_gone: Callable[[], None], send_timeout: float
    ) -> None:
        self._socket = sock
        # A server with threads closes a connection whose write times out.
        sock.settimeout(send_timeout or None)
        _lookout().add(sock, on_gone)

    def stop(self) -> None:
        _lookout().remove(self._socket)


class _Lookout:
    """One thread that waits on the sockets of all readers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)
        # Readers whose unread next request hides the end of their input.
        self._unclear: dict[socket.socket, Callable[[], None]] = {}
        threading.Thread(target=self._run, name="askbot-lookout", daemon=True).start()

    def add(self, sock: socket.socket, on_gone: Callable[[], None]) -> None:
        with self._lock:
            self._selector.register(sock, selectors.EVENT_READ, on_gone)
        self._wake_sender.send(b"\0")

    def remove(self, sock: socket.socket) -> None:
        with self._lock, contextlib.suppress(KeyError, ValueError):
            self._unclear.pop(sock, None)
            self._selector.unregister(sock)

    def _run(self) -> None:
        while True:
            ready = self._selector.select(LOOK_SECONDS if self._unclear else None)
            for key, _ in ready:
                if key.data is None:
                    self._wake_receiver.recv(4096)
                else:
                    self._look(key)
            for on_gone in self._gone_after_all():
                on_gone()

    def _look(self, key: selectors.SelectorKey) -> None:
        sock, on_gone = key.fileobj, key.data
        if not isinstance(sock, socket.socket):
            return
        with self._lock:
            try:
                registered = self._selector.get_key(sock).data is on_gone
            except (KeyError, ValueError):
                registered = False
            gone = registered and _has_left(sock)
            if registered:
                self._selector.unregister(sock)
            if gone is None:
                self._unclear[sock] = on_gone
        if gone:
            on_gone()

    def _gone_after_all(self) -> list[Callable[[], None]]:
        with self._lock:
            gone = [sock for sock in self._unclear if _is_half_closed(sock)]
            return [self._unclear.pop(sock) for sock in gone]


@cache
def _lookout() -> _Lookout:
    return _Lookout()
