"""The receipt of an answer: its state, size, times and failure, without its text."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from relay.errors import RelayError
from relay.upstream import Outcome

NOTHING_SAID = Outcome()

State = Literal["running", "finished", "stopped", "failed"]
# What a running answer does.
Phase = Literal["waiting", "thinking", "answering"]


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
    """`size` is the number of bytes of text. Times are counted from the question.

    `phase` and `thinking` are those of a running answer. `thinking` is the text of the thoughts so
    far, if the model thinks and SHOW_THINKING is set. `thinking_ms` is the time from the first
    thought to the first text, None for a model that did not think.
    """

    state: State
    size: int
    outcome: Outcome = NOTHING_SAID
    failure: Failure | None = None
    first_token_ms: float | None = None
    duration_ms: float | None = None
    phase: Phase | None = None
    thinking_ms: float | None = None
    thinking: str | None = None

    @classmethod
    def decode(cls, data: bytes) -> "Receipt":
        """The inverse of `encode`."""
        return msgspec.json.decode(data, type=cls)

    @classmethod
    def running(cls, size: int, progress: bytes | None) -> "Receipt":
        """The receipt of an answer that runs elsewhere, from what its worker wrote down last."""
        known = cls.decode(progress) if progress else cls("running", 0, phase="waiting")
        size = max(size, known.size)
        if not size:
            return replace(known, duration_ms=None)
        return replace(known, size=size, phase="answering", thinking=None, duration_ms=None)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @property
    def is_free(self) -> bool:
        """Whether the answer failed without text, so that its key may be used for another try."""
        return self.state == "failed" and self.size == 0

    def body(self, id: str) -> dict[str, Any]:
        """The JSON for the client. The `id` is passed in: it allows to read, so it is not kept."""
        failure, usage = self.failure, self.outcome.usage
        body = {
            "id": id,
            "state": self.state,
            "phase": self.phase,
            "bytes": self.size,
            "finish_reason": self.outcome.finish_reason,
            "usage": usage.body() if usage else None,
            "error": {"code": failure.code, "message": failure.message} if failure else None,
            "first_token_ms": self.first_token_ms,
            "thinking_ms": self.thinking_ms,
            "duration_ms": self.duration_ms,
            "model": self.outcome.model,
        }
        return body if self.thinking is None else body | {"thinking": self.thinking}
