"""A question under the limits."""

from relay.access import Client
from relay.completions import Ask, Receipt, Source
from relay.errors import LimitReached, RelayError
from relay.limits.reservations import Reservation, Reservations
from relay.limits.tokens import NO_TOKENS, Tokens, answer_tokens, prompt_tokens, spent
from relay.questions import Prompt
from relay.upstream import Cancellation


class LimitedQuestion:
    """Asks the model after taking from the limits, and settles them at the end of the answer.

    `fields` are headers that tell the client about its limits. They are there once the question was
    counted. `is_asked` says whether the model was asked, `is_settled` whether the answer has ended.
    """

    def __init__(
        self, reservations: Reservations, client: Client, prompt: Prompt, ask: Ask
    ) -> None:
        self.fields: dict[str, str] = {}
        self._reservations = reservations
        self._client = client
        self._read = prompt_tokens(prompt)
        self._may_write = answer_tokens(prompt)
        self._ask: Ask | None = ask
        self._reservation: Reservation | None = None
        self.is_asked = self.is_settled = False

    def __call__(self, cancellation: Cancellation) -> Source:
        """The `Ask` of a completion. Also raises LimitReached."""
        # The conversation goes with it, which a running answer does not need.
        ask, self._ask = self._ask, None
        assert ask is not None, "a question is asked twice"
        try:
            self._reservation = self._reservations.take(self._client, self._read + self._may_write)
        except LimitReached as error:
            self.fields.update(error.fields)
            raise
        self.fields.update(self._reservation.fields)
        cancellation.check()
        self.is_asked = True
        return ask(cancellation)

    def settle(self, receipt: Receipt, error: RelayError | None) -> Tokens:
        """Gives back what the answer has not used. Returns what it has used."""
        self.is_settled = True
        tokens = NO_TOKENS
        if self.is_asked:
            tokens = spent(receipt, error, read=self._read, may_write=self._may_write)
        if self._reservation is not None:
            self._reservations.settle(self._reservation, tokens.count)
        return tokens
