"""The way to the model and back: connections, HTTP, and the stream of an answer's text.

`Transport` carries the requests that `openai` builds, and `AnswerStream` reads the responses.
"""

from relay.upstream.cancellation import Cancellation, Cancelled
from relay.upstream.dialer import Dialer
from relay.upstream.outcome import Outcome, Thoughts, Usage
from relay.upstream.stream import AnswerStream
from relay.upstream.transport import PlainClient, Transport

__all__ = [
    "AnswerStream",
    "Cancellation",
    "Cancelled",
    "Dialer",
    "Outcome",
    "PlainClient",
    "Thoughts",
    "Transport",
    "Usage",
]
