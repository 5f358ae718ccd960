"""The log's lines about answers and refusals, by an observer; and about questions if wanted."""

import hashlib
import logging
from functools import lru_cache
from typing import Any

from relay.errors import RelayError
from relay.log import Lines, log
from relay.telemetry.records import Asked, EndedAnswer, Refusal

_NAMED = "token:"


class Pseudonyms:
    """Names for clients in the log. An address is written as a keyed hash.

    With another key an address has another name. gunicorn gives all workers the same key.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key

    def of(self, client: str) -> str:
        return client if client.startswith(_NAMED) else _hashed(client, self.key)


@lru_cache(maxsize=1024)
def _hashed(address: str, key: bytes) -> str:
    digest = hashlib.blake2s(address.encode(), key=key, digest_size=6).hexdigest()
    return f"address:{digest}"


def log_question(text: str) -> None:
    """Writes what was asked (`LOG_QUESTIONS`)."""
    log.info("a question: %r", text)


class LogLines:
    """See `Observer`."""

    def __init__(self, pseudonyms: Pseudonyms, lines: Lines) -> None:
        self._pseudonyms = pseudonyms
        self._lines = lines

    def asks(self, asked: Asked) -> None:
        """Only the end is logged."""

    def ended(self, answer: EndedAnswer) -> None:
        asked, receipt, error = answer.asked, answer.receipt, answer.error
        fields = {
            "request_id": asked.request_id,
            "completion": answer.completion,
            "door": asked.door,
            "form": asked.form,
            "persona": asked.persona,
            "model": asked.model,
            "state": receipt.state,
            **_of_error(error),
            "finish_reason": receipt.outcome.finish_reason,
            "first_sign_ms": answer.first_sign_ms,
            "first_text_ms": receipt.first_token_ms,
            "duration_ms": receipt.duration_ms,
            "bytes": receipt.size,
            "tokens": answer.tokens.count,
            "tokens_estimated": answer.tokens.is_estimate,
            "client": self._pseudonyms.of(asked.client),
        }
        self._write("answer", fields, error)

    def refused(self, refusal: Refusal) -> None:
        if refusal.ended and refusal.fault is None:
            return
        fields = {
            "request_id": refusal.request_id,
            "door": refusal.door,
            **_of_error(refusal.error),
            "client": self._pseudonyms.of(refusal.client),
        }
        self._write("refusal", fields, refusal.error, refusal.fault)

    def passed_over(self, error: RelayError) -> None:
        """Whoever asks the next model logs it, with the name of this one."""

    def _write(
        self,
        event: str,
        fields: dict[str, Any],
        error: RelayError | None,
        fault: BaseException | None = None,
    ) -> None:
        level = logging.WARNING if error is not None and error.status >= 500 else logging.INFO
        told = {name: value for name, value in fields.items() if value is not None}
        self._lines.write(logging.ERROR if fault is not None else level, event, told, fault)


def _of_error(error: RelayError | None) -> dict[str, Any]:
    if error is None:
        return {}
    detail = error.detail or error.message
    return {"code": error.code, "status": error.status, "detail": detail}
