"""The way to the model and back: connections, HTTP, and the stream of an answer's text.

`Transport` carries the requests, and `AnswerStream` reads the responses.
"""

from relay.upstream.cancellation import Cancellation, Cancelled
from relay.upstream.dialer import Dialer
from relay.upstream.exchange import Exchange
from relay.upstream.outcome import Outcome, Thoughts, Usage
from relay.upstream.refusal import UpstreamRefusal, read_refusal
from relay.upstream.retries import post_with_retries
from relay.upstream.stream import AnswerStream
from relay.upstream.transport import Transport

__all__ = [
    "AnswerStream",
    "Cancellation",
    "Cancelled",
    "Dialer",
    "Exchange",
    "Outcome",
    "Thoughts",
    "Transport",
    "UpstreamRefusal",
    "Usage",
    "post_with_retries",
    "read_refusal",
]
