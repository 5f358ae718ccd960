"""One question, and the bytes of its answer with their times of arrival."""

import socket
import time
from dataclasses import dataclass

from bench.load.chunks import Chunks
from bench.stamp import age_seconds, stamps

_READ_BYTES = 262_144
_LAST_CHUNK = b"0\r\n\r\n"
_OK = b"HTTP/1.1 200 "


class Reader:
    """Asks on a connection of its own, and keeps what comes with as little work as can be."""

    __slots__ = ("_request", "asked_at", "failure", "pieces", "sock")

    def __init__(self, port: int, request: bytes, now: float) -> None:
        self._request = request
        self.asked_at = now
        self.pieces: list[tuple[float, bytes]] = []
        self.failure: str | None = None
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", port))

    def ask(self) -> None:
        """Send the question; the connection is there."""
        try:
            self.sock.send(self._request)
        except ConnectionError as error:
            self.failure = type(error).__name__

    def read(self) -> bool:
        """Take what is there; False when nothing more will come."""
        try:
            received = self.sock.recv(_READ_BYTES)
        except ConnectionError as error:
            self.failure = type(error).__name__
            return False
        if not received:
            self.failure = "cut"
            return False
        if not self.pieces and not received.startswith(_OK):
            self.failure = received.partition(b"\r\n")[0].decode("latin-1")
            return False
        # After the read: nothing can be younger than the moment it is counted from.
        self.pieces.append((time.monotonic(), received))
        end = received
        if len(end) < len(_LAST_CHUNK) and len(self.pieces) > 1:
            end = self.pieces[-2][1] + end
        return not end.endswith(_LAST_CHUNK)


@dataclass(frozen=True)
class Reading:
    """What became of one answer."""

    complete: bool
    first_byte_seconds: float | None
    """From the wish to connect to the first token's text."""
    ages_seconds: list[float]
    """Of every token, from the upstream's write to its arrival."""

    @classmethod
    def of(cls, reader: Reader, tokens: int) -> "Reading":
        """Take apart what the reader kept; `tokens` is how many there should be."""
        chunks = Chunks()
        text = b""
        arrivals: list[tuple[int, float]] = []
        for arrived, piece in reader.pieces:
            text += chunks.feed(piece)
            arrivals.append((len(text), arrived))
        ages: list[float] = []
        places: list[int] = []
        first_arrived: float | None = None
        upcoming = iter(arrivals)
        have, arrived = next(upcoming, (0, 0.0))
        for end, place, stamp in stamps(text):
            while have < end:
                have, arrived = next(upcoming)
            if first_arrived is None:
                first_arrived = arrived
            ages.append(age_seconds(stamp, arrived))
            places.append(place)
        return cls(
            complete=reader.failure is None and chunks.clean_end and places == list(range(tokens)),
            first_byte_seconds=None if first_arrived is None else first_arrived - reader.asked_at,
            ages_seconds=ages,
        )
