"""The upstream's loop: accept, read requests, write what is due, count."""

import json
import select
import socket
import time

from bench.answer import Answer
from bench.upstream.calendar import TOOTH_SECONDS, Calendar
from bench.upstream.connection import Connection
from bench.upstream.frames import Frames

_IDLE_SECONDS = 1.0
_MAX_LAG_MS = 1000


class Upstream:
    """Answers `POST */chat/completions` as ordered, and `GET /stats` with its own counts."""

    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._poll = select.epoll()
        self._poll.register(listener.fileno(), select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._paced = Calendar(time.monotonic())
        self._bursts: list[Connection] = []
        self._tokens = 0
        self._lags_ms = [0] * (_MAX_LAG_MS + 1)

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            for fd, events in self._poll.poll(self._patience()):
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._attend(self._connections[fd], events)
            self._write_paced()
            self._write_bursts()

    def _patience(self) -> float:
        if self._bursts:
            return 0.0
        return TOOTH_SECONDS if self._paced else _IDLE_SECONDS

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            self._connections[sock.fileno()] = Connection(sock)
            self._poll.register(sock.fileno(), select.EPOLLIN)

    def _attend(self, connection: Connection, events: int) -> None:
        if events & select.EPOLLOUT:
            connection.flush()
            if not connection.blocked:
                self._poll.modify(connection.sock.fileno(), select.EPOLLIN)
                self._schedule(connection)
        if events & ~select.EPOLLOUT:
            request = connection.receive()
            if request:
                self._respond(connection, *request)
        self._forget_if_closed(connection)

    def _respond(self, connection: Connection, first_line: str, body: bytes) -> None:
        if first_line.startswith("GET /stats "):
            stats = json.dumps(self._stats()).encode()
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(stats) + stats)
            return
        asked = json.loads(body)
        include_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        frames = Frames(asked["model"], include_usage=include_usage)
        answer = Answer.to(asked["messages"][-1]["content"])
        connection.begin(answer, frames, time.monotonic())
        self._schedule(connection)

    def _schedule(self, connection: Connection) -> None:
        answer = connection.answer
        if answer is None:
            return
        waits = answer.wait_seconds and not connection.written
        if answer.tokens_per_second or waits:
            # A paced connection that was blocked never left the calendar.
            if not connection.written:
                self._paced.add(connection)
        else:
            self._bursts.append(connection)

    def _write_paced(self) -> None:
        for connection in self._paced.due(time.monotonic()):
            answer = connection.answer
            if answer is None or not connection.open:
                continue
            now = time.monotonic()
            self._lags_ms[min(int((now - connection.due) * 1000), _MAX_LAG_MS)] += 1
            self._tokens += 1
            if connection.write_token(now):
                if answer.tokens_per_second:
                    connection.due += 1 / answer.tokens_per_second
                    self._paced.add(connection)
                else:
                    self._schedule(connection)
            self._wait_if_blocked(connection)

    def _write_bursts(self) -> None:
        going_on = []
        now = time.monotonic()
        for connection in self._bursts:
            if not connection.open:
                continue
            self._tokens += 1
            more = connection.write_token(now)
            if connection.blocked:
                self._wait_if_blocked(connection)
            elif more:
                going_on.append(connection)
        self._bursts = going_on

    def _wait_if_blocked(self, connection: Connection) -> None:
        if connection.blocked and connection.open:
            self._poll.modify(connection.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _forget_if_closed(self, connection: Connection) -> None:
        if not connection.open:
            del self._connections[connection.sock.fileno()]
            connection.sock.close()

    def _stats(self) -> dict[str, float]:
        answering = sum(connection.answer is not None for connection in self._connections.values())
        return {
            "answering": answering,
            "tokens": self._tokens,
            "lag_p99_ms": self._lag_ms(0.99),
        }

    def _lag_ms(self, share: float) -> int:
        """How late paced tokens were written: so many whole milliseconds or less, for `share`."""
        left = share * sum(self._lags_ms)
        for lag_ms, count in enumerate(self._lags_ms):
            left -= count
            if left <= 0:
                return lag_ms
        return _MAX_LAG_MS
