"""At the debug level: when each piece of an answer arrived from the model."""

import logging
import time

from relay.completions import Source
from relay.upstream import Outcome, Thoughts

log = logging.getLogger("askbot")


def timed(source: Source, request_id: str, asked_at: float) -> Source:
    """The source itself, unless the log's level is debug."""
    return TimedSource(source, request_id, asked_at) if log.isEnabledFor(logging.DEBUG) else source


class TimedSource:
    """See `Source`. Logs when a piece came, but not what is in it."""

    def __init__(self, source: Source, request_id: str, asked_at: float) -> None:
        self._source = source
        self._request_id = request_id
        self._asked_at = asked_at

    @property
    def ended(self) -> bool:
        return self._source.ended

    @property
    def is_whole(self) -> bool:
        return self._source.is_whole

    @property
    def outcome(self) -> Outcome:
        return self._source.outcome

    @property
    def thoughts(self) -> Thoughts | None:
        return self._source.thoughts

    def next_bytes(self, patience: float = 0) -> bytes:
        piece = self._source.next_bytes(patience)
        fields = {
            "request_id": self._request_id,
            "after_ms": round(1000 * (time.monotonic() - self._asked_at), 1),
            "bytes": len(piece),
        }
        log.debug("piece", extra=fields)
        return piece

    def close(self) -> None:
        self._source.close()
