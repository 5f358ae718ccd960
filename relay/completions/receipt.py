"""What became of an answer, for its reader and for the other workers; nothing of its text."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

from relay.errors import RelayError
from relay.upstream import Outcome

State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A RelayError that can be told to another process, without what is for the log alone."""

    code: str
    message: str
    status: int
    retry_after_seconds: int | None = None

    @classmethod
    def of(cls, error: RelayError) -> "Failure":
        return cls(error.code, error.message, error.status, error.retry_after_seconds)

    def error(self) -> RelayError:
        error = RelayError(self.message, retry_after_seconds=self.retry_after_seconds)
        error.code, error.status = self.code, self.status
        return error


@dataclass(frozen=True, slots=True)
class Receipt:
    """`size` is how many bytes of text there are; times are counted from the question."""

    state: State
    size: int
    outcome: Outcome
    failure: Failure | None
    first_token_ms: float | None
    duration_ms: float | None

    @classmethod
    def decode(cls, data: bytes) -> "Receipt":
        """Reads what `encode` has written."""
        return msgspec.json.decode(data, type=cls)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

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
