"""An ended answer, read from the journal."""

from collections.abc import Iterator
from dataclasses import dataclass

from relay.completions.reading import Reading, Thought, piece_of
from relay.completions.receipt import Receipt


@dataclass(frozen=True, slots=True, weakref_slot=True)
class EndedCompletion:
    """See `Readable`."""

    id: str
    etag: str
    text: bytes
    ending: Receipt

    def begin(self, reading: Reading, offset: int) -> None:  # noqa: ARG002  # All of it is there.
        """See `Reading.begin`."""
        if self.ending.is_free and self.ending.failure is not None:
            raise self.ending.failure.error()

    def receipt(self) -> Receipt:
        return self.ending

    def pieces(
        self,
        reading: Reading,  # noqa: ARG002  # A write notices that the reader left.
        offset: int,
        interval: float,  # noqa: ARG002  # All of it is there.
        heartbeat: float,  # noqa: ARG002
    ) -> Iterator[bytes | Thought]:
        """See `Reading.pieces`."""
        while piece := piece_of(self.text, offset):
            offset += len(piece)
            yield piece
        if self.ending.failure is not None:
            raise self.ending.failure.error()

    def leave(self, reading: Reading) -> None:
        reading.has_left = True
