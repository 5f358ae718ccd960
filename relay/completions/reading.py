"""One reader of an answer, and the size of the pieces that are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from relay.completions.receipt import Receipt
from relay.errors import RangeNotSatisfiable

# The most that one write holds. A stuck reader keeps one piece in memory, and with threads each
# piece has SEND_TIMEOUT.
MAX_PIECE_BYTES = 64 * 1024

# The largest integer that is exact in JSON and JavaScript.
VERY_LARGE = 2**53 - 1


class Readable(Protocol):
    """An answer that can be read: a `Completion`, or an `EndedCompletion`."""

    @property
    def id(self) -> str: ...

    @property
    def etag(self) -> str:
        """The tag of this writing of the answer. Another writing has another tag."""

    def begin(self, reading: "Reading", offset: int) -> None:
        """See `Reading.begin`."""

    def receipt(self) -> Receipt: ...

    def pieces(
        self, reading: "Reading", offset: int, interval: float, heartbeat: float
    ) -> Iterator["bytes | Thought"]:
        """See `Reading.pieces` and `Reading.pieces_and_thoughts`."""

    def leave(self, reading: "Reading") -> None:
        """Removes the reader. Must not wait, because an event loop may call it."""


@dataclass(frozen=True, slots=True)
class Thought:
    """A sign that the model thinks. `text` is what is new of its thoughts, "" unless shown."""

    text: str


class Reading:
    """One reader of an answer. Call `leave` when the reader is gone; any thread may."""

    def __init__(self, answer: Readable) -> None:
        self.answer = answer
        self.has_left = False
        self.hears_thoughts = False
        # How much of the thoughts the reader has got; see `Thoughts`.
        self.signs = self.thought_chars = 0

    def begin(self, offset: int = 0, *, with_thoughts: bool = False) -> None:
        """Returns once the first text is there.

        While the model thinks it returns after HEAD_SECONDS; with the first thought for a reader
        `with_thoughts`. A reader who asks from byte `offset` on may have seen the text before it on
        another worker. The journal brings it in a moment, and `begin` waits for it too.

        Raises the RelayError of an answer that failed without text, and Abandoned once this reader
        has left.
        """
        self.hears_thoughts = with_thoughts
        self.answer.begin(self, offset)

    def pieces(
        self, offset: int = 0, *, interval: float = 0, heartbeat: float = 0
    ) -> Iterator[bytes]:
        """The text from byte `offset` on, in pieces to write. The first comes at once.

        Between two pieces `interval` seconds pass, more under load. Text that arrives meanwhile is
        gathered, because every write costs. After each `heartbeat` seconds of silence comes b"".
        Raises RelayError at the end of a failed answer.
        """
        self.hears_thoughts = False
        # Without thoughts among them.
        return cast(Iterator[bytes], self.answer.pieces(self, offset, interval, heartbeat))

    def pieces_and_thoughts(
        self, offset: int = 0, *, interval: float = 0, heartbeat: float = 0
    ) -> Iterator[bytes | Thought]:
        """Like `pieces`, and while the model thinks also its new thoughts, about once a second."""
        self.hears_thoughts = True
        return self.answer.pieces(self, offset, interval, heartbeat)

    def leave(self) -> None:
        self.answer.leave(self)


def piece_of(text: bytes | bytearray, offset: int) -> bytes:
    """The next piece to write from `offset` on. It ends with a whole character."""
    end = min(len(text), offset + MAX_PIECE_BYTES)
    # All bytes of a UTF-8 character but its first begin with the bits 10.
    while offset < end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return bytes(text[offset:end])


def content_range(receipt: Receipt, offset: int) -> str:
    """The value of `Content-Range` for the rest from `offset` on.

    A running answer has no known length, so its last byte is given as a very large number
    (RFC 8673, 2.2). A failed answer gets the same, because its text is not complete: a reader who
    asks for the rest must see the cut. Raises RangeNotSatisfiable.
    """
    size = receipt.size
    if receipt.state == "failed" or (receipt.state == "running" and offset <= size):
        return f"bytes {offset}-{VERY_LARGE}/*"
    if offset >= size:
        raise RangeNotSatisfiable(size)
    return f"bytes {offset}-{size - 1}/{size}"
