"""What became of an answer, for its reader and for the other workers; nothing of its text."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

from relay.errors import RelayError
from relay.upstream import Outcome

NOTHING_SAID = Outcome()

State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A RelayError as data, without what is for the log alone.

    An exception that is kept keeps its frames, and with them the request and the reply.
    """

    code: str
    message: str
    status: int
    retry_after_seconds: int | None = None

    @classmethod
    def of(cls, error: RelayError) -> "Failure":
        return cls(error.code, error.message, error.status, error.retry_after_seconds)

    def error(self, detail: str = "") -> RelayError:
        """The same failure, to be raised once more; `detail` is for the log."""
        seconds = self.retry_after_seconds
        error = RelayError(self.message, detail=detail, retry_after_seconds=seconds)
        error.code, error.status = self.code, self.status
        return error


@dataclass(frozen=True, slots=True)
class Receipt:
    """`size` is how many bytes of text there are; times are counted from the question."""

    state: State
    size: int
    outcome: Outcome = NOTHING_SAID
    failure: Failure | None = None
    first_token_ms: float | None = None
    duration_ms: float | None = None

    @classmethod
    def decode(cls, data: bytes) -> "Receipt":
        """Reads what `encode` has written."""
        return msgspec.json.decode(data, type=cls)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @property
    def is_free(self) -> bool:
        """Whether the answer failed without a word, so that its key may be asked with again."""
        return self.state == "failed" and self.size == 0

    def body(self, id: str) -> dict[str, Any]:
        """As the client gets it; `id` is kept apart because it is the capability to read."""
        failure, usage = self.failure, self.outcome.usage
        return {
            "id": id,
            "state": self.state,
            "bytes": self.size,
            "finish_reason": self.outcome.finish_reason,
            "usage": asdict(usage) if usage else None,
            "error": {"code": failure.code, "message": failure.message} if failure else None,
            "first_token_ms": self.first_token_ms,
            "duration_ms": self.duration_ms,
            "model": self.outcome.model,
        }
