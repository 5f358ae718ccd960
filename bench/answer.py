"""The order for an answer of the fake upstream: its length, its speed, and the silence before it.

The order is the text of the question, because every relay passes that on.
"""

import re
from dataclasses import dataclass

_ORDER = re.compile(r"Write (\d+) tokens at (\d+) a second after (\d+) seconds\.")


@dataclass(frozen=True)
class Answer:
    """What the upstream is to write."""

    tokens: int
    tokens_per_second: int = 0
    """0 is full speed."""
    wait_seconds: int = 0
    """Silence before the first byte, response headers included."""

    @property
    def seconds(self) -> float:
        """How long writing it takes the upstream; at full speed, nothing."""
        pace = self.tokens / self.tokens_per_second if self.tokens_per_second else 0.0
        return self.wait_seconds + pace

    def question(self) -> str:
        """The question that asks for this answer."""
        return (
            f"Write {self.tokens} tokens at {self.tokens_per_second} a second"
            f" after {self.wait_seconds} seconds."
        )

    @classmethod
    def to(cls, question: str) -> "Answer":
        """The answer that `question` asks for."""
        order = _ORDER.search(question)
        if order is None:
            raise ValueError(f"no order in the question {question!r}")
        tokens, tokens_per_second, wait_seconds = map(int, order.groups())
        return cls(tokens, tokens_per_second, wait_seconds)
