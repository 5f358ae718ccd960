"""Answers and their readers, while an answer is written and after its end.

The `Store` finds the `Completion` of an id, wherever it is written, and returns a `Reading` of it.
A `Receipt` says how the answer went.
"""

from relay.completions.completion import Ask, Completion
from relay.completions.ended_completion import EndedCompletion
from relay.completions.idempotency_key import is_key
from relay.completions.reading import MAX_PIECE_BYTES, Readable, Reading, Thought, content_range
from relay.completions.receipt import Failure, Receipt, State
from relay.completions.source import Source
from relay.completions.store import OnEnd, Store

__all__ = [
    "MAX_PIECE_BYTES",
    "Ask",
    "Completion",
    "EndedCompletion",
    "Failure",
    "OnEnd",
    "Readable",
    "Reading",
    "Receipt",
    "Source",
    "State",
    "Store",
    "Thought",
    "content_range",
    "is_key",
]
