"""The records that observers get. They hold no question, no answer and no id that opens one."""

from dataclasses import dataclass
from typing import Protocol

from relay.completions import Receipt
from relay.errors import RelayError
from relay.limits import Tokens


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the request it came with, and whom it asks.

    `client` is the name of a `Client`. `model` is the one that is asked first.
    """

    request_id: str
    door: str
    form: str
    client: str
    persona: str
    model: str


@dataclass(frozen=True, slots=True)
class EndedAnswer:
    """An answer that has ended, or that was refused by a limit before the model was asked.

    `completion` is the beginning of the digest of its id.
    """

    asked: Asked
    completion: str
    receipt: Receipt
    error: RelayError | None
    tokens: Tokens
    was_asked: bool

    @property
    def first_sign_ms(self) -> float | None:
        """The time of the first thought or text."""
        receipt = self.receipt
        if receipt.thinking_ms is None:
            return receipt.first_token_ms
        end = receipt.duration_ms if receipt.first_token_ms is None else receipt.first_token_ms
        return None if end is None else round(end - receipt.thinking_ms, 1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply with a status of 400 or more.

    `fault` is the exception of a bug. `ended` says that the request's own answer has ended with
    this refusal, so that there is a record of it already.
    """

    request_id: str
    door: str
    client: str
    error: RelayError
    fault: BaseException | None = None
    ended: bool = False


class Observer(Protocol):
    """Gets each record once. The methods must not wait, because event loops call them."""

    def asks(self, asked: Asked) -> None:
        """The model is about to be asked. The answer's end follows in every case."""

    def ended(self, answer: EndedAnswer) -> None: ...

    def refused(self, refusal: Refusal) -> None: ...

    def passed_over(self, error: RelayError) -> None:
        """A model has failed, and the next one is asked."""
