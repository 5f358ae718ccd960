"""Where a completion's text comes from: the model, or the journal."""

from typing import Protocol

from relay.upstream import Cancelled, Outcome


class Source(Protocol):
    """`next_bytes` until `ended`; `close` in every case."""

    @property
    def ended(self) -> bool: ...

    @property
    def is_whole(self) -> bool:
        """Whether no text will follow, as far as is known; what the answer cost still may."""

    @property
    def outcome(self) -> Outcome: ...

    def next_bytes(self, patience: float = 0) -> bytes:
        """New text in whole characters, or b"" at the end or after `patience` seconds (0: none).

        Raises RelayError, Stopped or Cancelled.
        """

    def close(self) -> None: ...


class Stopped(Cancelled):
    """The answer was stopped on the worker that wrote it."""
