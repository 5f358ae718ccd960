"""Where a completion's text comes from: a model's `AnswerStream`, or what another worker tells."""

from typing import Protocol

from relay.completions.receipt import Receipt
from relay.upstream import Cancelled, Outcome


class Source(Protocol):
    """`next_bytes` until `ended`; `close` in every case."""

    @property
    def ended(self) -> bool: ...

    @property
    def outcome(self) -> Outcome: ...

    def next_bytes(self, patience: float = 0) -> bytes:
        """New text, or b"" at the end or after `patience` seconds (0: no limit)."""

    def close(self) -> None: ...


class Stopped(Cancelled):
    """The answer was stopped where it was being written."""


class Retold:
    """An answer that has ended: `text` is what is still to be told of it, `receipt` its end."""

    def __init__(self, text: bytes, receipt: Receipt | None) -> None:
        self._untold = text
        self._receipt = receipt

    @property
    def ended(self) -> bool:
        finished = self._receipt is not None and self._receipt.state == "finished"
        return finished and not self._untold

    @property
    def outcome(self) -> Outcome:
        return self._receipt.outcome if self._receipt else Outcome()

    def next_bytes(self, patience: float = 0) -> bytes:  # noqa: ARG002  # Nothing to wait for.
        """The text; b"" where it is whole. Raises Stopped, or the RelayError it failed with."""
        text, self._untold = self._untold, b""
        if text or self._receipt is None:
            return text
        if self._receipt.failure is not None:
            raise self._receipt.failure.error()
        if self._receipt.state == "stopped":
            raise Stopped
        return b""

    def close(self) -> None: ...
