"""The receipt of an answer: its state, size, times and failure, without its text."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

from relay.errors import RelayError
from relay.upstream import Outcome

NOTHING_SAID = Outcome()

State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A RelayError as data, without the detail for the log.

    A kept exception would keep its frames, and with them the request and the reply.
    """

    code: str
    message: str
    status: int
    retry_after_seconds: int | None = None

    @classmethod
    def of(cls, error: RelayError) -> "Failure":
        return cls(error.code, error.message, error.status, error.retry_after_seconds)

    def error(self, detail: str = "") -> RelayError:
        """The failure as an exception again. `detail` is for the log."""
        seconds = self.retry_after_seconds
        error = RelayError(self.message, detail=detail, retry_after_seconds=seconds)
        error.code, error.status = self.code, self.status
        return error


@dataclass(frozen=True, slots=True)
class Receipt:
    """`size` is the number of bytes of text. Times are counted from the question."""

    state: State
    size: int
    outcome: Outcome = NOTHING_SAID
    failure: Failure | None = None
    first_token_ms: float | None = None
    duration_ms: float | None = None

    @classmethod
    def decode(cls, data: bytes) -> "Receipt":
        """The inverse of `encode`."""
        return msgspec.json.decode(data, type=cls)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @property
    def is_free(self) -> bool:
        """Whether the answer failed without text, so that its key may be used for another try."""
        return self.state == "failed" and self.size == 0

    def body(self, id: str) -> dict[str, Any]:
        """The JSON for the client. The `id` is passed in: it allows to read, so it is not kept."""
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
