"""The way to the model and back: connections, HTTP, retries, and the stream of an answer's text.

`Transport` carries the requests, `Attempts` repeats them. `AnswerStream` reads an answer, and
`read_refusal` what came instead.
"""

from relay.upstream.cancellation import Cancellation, Cancelled
from relay.upstream.dialer import Dialer
from relay.upstream.exchange import Exchange
from relay.upstream.outcome import Outcome, Thoughts, Usage
from relay.upstream.refusal import read_refusal
from relay.upstream.retries import Attempts
from relay.upstream.stream import AnswerStream
from relay.upstream.transport import Transport

__all__ = [
    "AnswerStream",
    "Attempts",
    "Cancellation",
    "Cancelled",
    "Dialer",
    "Exchange",
    "Outcome",
    "Thoughts",
    "Transport",
    "Usage",
    "read_refusal",
]
