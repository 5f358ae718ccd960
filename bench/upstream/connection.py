"""One relay's connection to the upstream: requests in, one answer at a time out."""

import socket

from bench.answer import Answer
from bench.upstream.frames import HEAD, Frames


class Connection:
    """A kept-alive connection and the answer being written on it."""

    __slots__ = ("_frames", "_received", "_unsent", "answer", "due", "open", "sock", "written")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.open = True
        self.answer: Answer | None = None
        self.written = 0
        self.due = 0.0
        """When the next write is due, monotonic seconds."""
        self._frames: Frames | None = None
        self._received = b""
        self._unsent = bytearray()

    @property
    def blocked(self) -> bool:
        """Whether the relay is behind with reading, so that bytes wait here."""
        return bool(self._unsent)

    def receive(self) -> tuple[str, bytes] | None:
        """A request's first line and body, once one is there whole. Clears `open` at the end."""
        try:
            received = self.sock.recv(65536)
        except BlockingIOError:
            return None
        except ConnectionError:
            received = b""
        if not received:
            self.open = False
            return None
        self._received += received
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return None
        first_line, *fields = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
        }
        length = int(headers.get("content-length", "0"))
        if len(body) < length:
            return None
        self._received = body[length:]
        return first_line, body[:length]

    def begin(self, answer: Answer, frames: Frames, now: float) -> None:
        """Take the order; the first write is due when its silence is over."""
        self.answer, self._frames = answer, frames
        self.written = 0
        self.due = now + answer.wait_seconds

    def write_token(self, now: float) -> bool:
        """Write the next token as one event; False when that was the last one."""
        assert self.answer is not None
        assert self._frames is not None
        if not self.written:
            self.write(HEAD)
            self.write(self._frames.role)
        self.write(self._frames.token(self.written, now))
        self.written += 1
        if self.written < self.answer.tokens:
            return True
        for frame in self._frames.ending(self.written):
            self.write(frame)
        self.answer = self._frames = None
        return False

    def write(self, frame: bytes) -> None:
        """Send a frame of its own, or keep it in order when the relay does not read."""
        if self._unsent:
            self._unsent += frame
            return
        try:
            sent = self.sock.send(frame)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            self.open = False
            return
        if sent < len(frame):
            self._unsent += frame[sent:]

    def flush(self) -> None:
        """Send what was kept, as far as the relay takes it."""
        try:
            del self._unsent[: self.sock.send(self._unsent)]
        except BlockingIOError:
            return
        except ConnectionError:
            self.open = False
