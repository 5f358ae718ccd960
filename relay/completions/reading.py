"""One reader's part in an answer, and how much of it is written at once."""

from collections.abc import Iterator
from typing import Protocol

from relay.completions.receipt import Receipt
from relay.errors import RangeNotSatisfiable

# What is written at once: a slow reader has the time limit of a write for each of these, and a
# stuck one holds no more than this of an answer.
MAX_PIECE_BYTES = 64 * 1024

# The largest number that every JSON and JavaScript client can hold.
VERY_LARGE = 2**53 - 1


class Readable(Protocol):
    """An answer that can be read: a `Completion`, or an `EndedCompletion`."""

    @property
    def id(self) -> str: ...

    @property
    def etag(self) -> str:
        """Another writing of the answer has another one."""

    def begin(self, reading: "Reading", offset: int) -> None: ...

    def receipt(self) -> Receipt: ...

    def pieces(
        self, reading: "Reading", offset: int, interval: float, heartbeat: float
    ) -> Iterator[bytes]: ...

    def leave(self, reading: "Reading") -> None: ...


class Reading:
    """One reader of an answer: `leave` once they are gone, from wherever that is noticed."""

    def __init__(self, answer: Readable) -> None:
        self.answer = answer
        self.has_left = False

    def begin(self, offset: int = 0) -> None:
        """Returns once the first text is there.

        Whoever wants more of it from byte `offset` on has seen it on another worker, and so it
        will be here in a moment: then it returns with that there too.

        Raises the RelayError that the answer failed with, to all who wait for it, and Abandoned
        once this reader has left.
        """
        self.answer.begin(self, offset)

    def pieces(
        self, offset: int = 0, *, interval: float = 0, heartbeat: float = 0
    ) -> Iterator[bytes]:
        """The text from byte `offset` on, in the pieces to be written, the first at once.

        Between two of them `interval` seconds pass, more under load, and what arrives meanwhile is
        gathered: nobody reads faster, and every write costs. With a `heartbeat`, b"" stands for
        each so many seconds of silence. Raises RelayError where the answer broke.
        """
        return self.answer.pieces(self, offset, interval, heartbeat)

    def leave(self) -> None:
        self.answer.leave(self)


def piece_of(text: bytes | bytearray, offset: int) -> bytes:
    """What is written at once of the text from `offset` on; it ends with a whole character."""
    end = min(len(text), offset + MAX_PIECE_BYTES)
    # Within a character of UTF-8 the bytes begin with the bits 10.
    while offset < end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return bytes(text[offset:end])


def content_range(receipt: Receipt, offset: int) -> str:
    """The value of `Content-Range` for the rest from `offset` on.

    Of an answer still being written the length is unknown, and its last byte is given as a very
    large number (RFC 8673, 2.2). So it is of one that failed: the end of what there is is not its
    end, and whoever asks for more has to see it break. Raises RangeNotSatisfiable.
    """
    size = receipt.size
    if receipt.state == "failed" or (receipt.state == "running" and offset <= size):
        return f"bytes {offset}-{VERY_LARGE}/*"
    if offset >= size:
        raise RangeNotSatisfiable(size)
    return f"bytes {offset}-{size - 1}/{size}"
