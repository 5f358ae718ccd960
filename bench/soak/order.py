"""What an answer of the soak's upstream is to be. The order is the text of the question.

The text follows from the order, so a reader knows what must arrive.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Way(Enum):
    """How the upstream answers."""

    QUICK = "quick"
    SLOW = "slow"
    CUT = "cut"
    """The connection ends in the middle of an event."""
    GARBLED = "garbled"
    """An event is not JSON."""
    SILENT = "silent"
    """It says no more, and keeps the connection."""
    REFUSED = "refused"
    PAGE = "page"
    """A page of HTML in place of an answer."""
    MUTE = "mute"
    """It takes the question and says nothing at all."""


WHOLE = {Way.QUICK, Way.SLOW}
REFUSALS = {Way.REFUSED: 429, Way.PAGE: 502, Way.MUTE: 504}
"""The statuses of those that end before the first text."""


@dataclass(frozen=True)
class Order:
    way: Way
    pieces: int
    """How many the upstream writes."""
    number: int
    """No two orders of a run have the same one, so no two texts are the same."""

    @property
    def is_whole(self) -> bool:
        return self.way in WHOLE

    def question(self) -> str:
        return f"{self.way.value} {self.pieces} {self.number}"

    @classmethod
    def of(cls, question: str) -> "Order":
        way, pieces, number = question.split()
        return cls(Way(way), int(pieces), int(number))

    def texts(self) -> Iterator[str]:
        """The pieces. Their characters are of different lengths in UTF-8."""
        for place in range(self.pieces):
            yield f"{self.number}.{place} 대답의 한 조각, é 🙂\n" * (1 + place % 3)

    def text(self) -> bytes:
        """All that the upstream writes."""
        return "".join(self.texts()).encode()
