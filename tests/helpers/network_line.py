"""A network line with a delay, which a test can cut and mend."""

import contextlib
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path


class Line:
    """Forwards connections to a server on this machine, from an address of its own.

    Data arrives `delay_seconds` later, in both directions.
    """

    def __init__(self, port: int, delay_seconds: float = 0) -> None:
        self._port = port
        self._delay_seconds = delay_seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._is_cut = self._loses_a_reply = False
        # Guards against a new connection that is neither cut nor refused.
        self._changing = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Breaks all connections, and new ones at once."""
        with self._changing:
            self._is_cut = True
            self._drop()

    def drop(self) -> None:
        """Every connection breaks, and new ones do not."""
        with self._changing:
            self._drop()

    def _drop(self) -> None:
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def lose_a_reply(self) -> None:
        """The next data from the server does not arrive; its connection breaks instead."""
        self._loses_a_reply = True

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._changing:
                if self._is_cut:
                    near.close()
                else:
                    self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._port))
        self._open += [near, far]
        for source, target, loses in ((near, far, None), (far, near, self._loses_this)):
            # Without Nagle's algorithm, which would add its own delay.
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            way = _Way(source, target, self._delay_seconds, loses)
            threading.Thread(target=way.receive, daemon=True).start()
            threading.Thread(target=way.send, daemon=True).start()

    def _loses_this(self) -> bool:
        with self._changing:
            loses, self._loses_a_reply = self._loses_a_reply, False
            return loses


_IN_A_PROCESS = """
import sys
from helpers.network_line import Line
line = Line(int(sys.argv[1]), float(sys.argv[2]))
print(line.port, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def line_in_a_process(port: int, delay_seconds: float) -> Iterator[int]:
    """The port of a line that no thread of the test slows down."""
    with subprocess.Popen(
        [sys.executable, "-c", _IN_A_PROCESS, str(port), str(delay_seconds)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        # It ends with its input, which is closed at the end of the block.
        yield int(process.stdout.readline())


class _Way:
    """One direction of a connection: passes data from `source` to `target` after the delay.

    `loses` is asked at all data: if it says so, the connection breaks in its place.
    """

    def __init__(
        self,
        source: socket.socket,
        target: socket.socket,
        delay_seconds: float,
        loses: Callable[[], bool] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._delay_seconds = delay_seconds
        self._loses = loses
        # Data with its time of arrival. b"" is the end.
        self._under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def receive(self) -> None:
        data = b"more"
        while data:
            try:
                data = self._source.recv(65536)
            except OSError:
                data = b""
            if data and self._loses is not None and self._loses():
                data = b""
            self._under_way.put((time.monotonic() + self._delay_seconds, data))

    def send(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                moment, data = self._under_way.get()
                time.sleep(max(moment - time.monotonic(), 0))
                if not data:
                    break
                self._target.sendall(data)
        for sock in (self._source, self._target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
