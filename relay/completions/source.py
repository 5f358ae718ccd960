"""Where the text of a completion comes from: a model's `Answer`, or what another worker tells."""

from typing import Protocol

from relay.completions.receipt import Receipt
from relay.upstream.cancellation import Cancelled
from relay.upstream.decoder import Usage


class Source(Protocol):
    """`next_text` until `ended`; `close` in every case. `relay.answer` has the first of them."""

    @property
    def ended(self) -> bool: ...

    @property
    def finish_reason(self) -> str | None: ...

    @property
    def usage(self) -> Usage | None: ...

    @property
    def model(self) -> str | None: ...

    def next_text(self, patience: float = 0) -> str:
        """New text, or "" at the end or after `patience` seconds (0: no limit)."""

    def close(self) -> None: ...


class Stopped(Cancelled):
    """The answer was stopped where it was being written."""


class Retold:
    """An answer that has ended: `text` is what is still to be told of it, `receipt` its end."""

    def __init__(self, text: str, receipt: Receipt | None) -> None:
        self._untold = text
        self._receipt = receipt

    @property
    def ended(self) -> bool:
        finished = self._receipt is not None and self._receipt.state == "finished"
        return finished and not self._untold

    @property
    def finish_reason(self) -> str | None:
        return self._receipt.finish_reason if self._receipt else None

    @property
    def usage(self) -> Usage | None:
        return self._receipt.usage if self._receipt else None

    @property
    def model(self) -> str | None:
        return self._receipt.model if self._receipt else None

    def next_text(self, patience: float = 0) -> str:  # noqa: ARG002  # There is nothing to wait for.
        """The text; "" where it is whole. Raises Stopped, or the RelayError it failed with."""
        text, self._untold = self._untold, ""
        if text or self._receipt is None:
            return text
        if self._receipt.failure is not None:
            raise self._receipt.failure.error()
        if self._receipt.state == "stopped":
            raise Stopped
        return ""

    def close(self) -> None: ...
