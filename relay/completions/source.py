"""The source of a completion's text: the model or the journal."""

from typing import Protocol

from relay.upstream import Cancelled, Outcome, Thoughts


class Source(Protocol):
    """Call `next_bytes` until `ended`, and `close` in every case."""

    @property
    def ended(self) -> bool: ...

    @property
    def is_whole(self) -> bool:
        """Whether it is known that no text will follow. The usage may still follow."""

    @property
    def outcome(self) -> Outcome: ...

    @property
    def thoughts(self) -> Thoughts | None:
        """The model's thoughts so far; None if there were none."""

    def next_bytes(self, patience: float = 0) -> bytes:
        """New text in whole characters.

        It is b"" at the end, after `patience` seconds (0: no limit), and when there are new
        thoughts.

        Raises RelayError, Stopped or Cancelled.
        """

    def close(self) -> None: ...


class Stopped(Cancelled):
    """The answer was stopped on the worker that wrote it."""
