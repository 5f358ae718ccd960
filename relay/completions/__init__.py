"""One answer and its readers: while it is written, after its end, and how it is found again.

The `Store` gives out a `Reading` of a `Completion`, wherever that is written; what became of it is
its `Receipt`.
"""

from relay.completions.completion import Ask, Completion
from relay.completions.ended import EndedCompletion
from relay.completions.reading import MAX_PIECE_BYTES, Readable, Reading, content_range
from relay.completions.receipt import Failure, Receipt, State
from relay.completions.source import Source
from relay.completions.store import Store, is_key, open_store

__all__ = [
    "MAX_PIECE_BYTES",
    "Ask",
    "Completion",
    "EndedCompletion",
    "Failure",
    "Readable",
    "Reading",
    "Receipt",
    "Source",
    "State",
    "Store",
    "content_range",
    "is_key",
    "open_store",
]
