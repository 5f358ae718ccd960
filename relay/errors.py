"""Everything that can be refused or fail, as the client sees it.

    RelayError                      500 internal_error
    ├── InvalidRequest              400 invalid_request
    │   ├── UnknownPersona          400 unknown_persona
    │   ├── UnsupportedContent      400 unsupported_content
    │   ├── BodyStalled             408 invalid_request
    │   ├── ExpectationRefused      417 invalid_request
    │   └── UnknownCoding           501 invalid_request
    ├── Unauthorized                401 unauthorized
    ├── OriginNotAllowed            403 origin_not_allowed
    ├── NotFound                    404 not_found
    │   └── UnknownCompletion       404 not_found
    ├── MethodNotAllowed            405 method_not_allowed
    ├── RangeNotSatisfiable         416 range_not_satisfiable
    ├── RequestTooLarge             413 request_too_large
    │   ├── AddressTooLong          414 request_too_large
    │   └── HeadTooLarge            431 request_too_large
    ├── QuestionTooLong             413 question_too_long
    ├── UnsupportedMediaType        415 unsupported_media_type
    ├── ContentFiltered             422 content_filtered
    ├── IdempotencyKeyReused        422 idempotency_key_reused
    ├── LimitReached                one of the relay's own limits
    │   ├── RateLimited             429 rate_limited
    │   ├── TooManyStreams          429 too_many_streams
    │   └── BudgetExhausted         429 budget_exhausted
    ├── UpstreamRateLimited         429 upstream_rate_limited
    ├── Abandoned                   499 abandoned, where an answer is read on
    ├── UpstreamError               502 upstream_error
    │   └── NoAnswer                502 no_answer
    ├── NotConfigured               503 not_configured
    ├── Overloaded                  503 overloaded
    ├── ShuttingDown                503 shutting_down
    ├── StoreUnreachable            503 store_unreachable
    └── UpstreamTimeout             504 upstream_timeout

`message` is for people and is sent to the client. It must hold no key, no text of the upstream's
and no trace. `detail` is for the operator and goes to the log only.
"""

from collections.abc import Mapping
from typing import Any


class RelayError(Exception):
    """A failed request or answer, with the status and the message for the client.

    `may_cost` says whether the model may have worked on an answer that failed without text, and
    `outcome` is what its server has reported of one that failed before its first text or thought
    (a `relay.upstream.Outcome`), None if it has reported nothing.
    `retry_after_seconds` is the `Retry-After` of the reply, None for a reply without one. A class
    has it where waiting helps, and whoever raises the error may know better.
    """

    status = 500
    code = "internal_error"
    message = "Something went wrong on our side."
    may_cost = False
    outcome: object = None
    retry_after_seconds: int | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: str = "",
        retry_after_seconds: int | None = None,
    ) -> None:
        self.message = message or self.message
        self.detail = detail
        if retry_after_seconds is not None:
            self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the reply needs for this error."""
        seconds = self.retry_after_seconds
        return {} if seconds is None else {"Retry-After": str(seconds)}

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body of a reply: `{"error": {"code", "message", "request_id"}}`."""
        return {
            "error": {"code": self.code, "message": self.message, "request_id": request_id},
        }


class InvalidRequest(RelayError):
    status = 400
    code = "invalid_request"
    message = "The request could not be understood."


class UnknownPersona(InvalidRequest):
    code = "unknown_persona"
    message = "There is no persona of that name here."


class UnsupportedContent(InvalidRequest):
    code = "unsupported_content"
    message = "Only text can be asked here: leave pictures and files out."


class BodyStalled(InvalidRequest):
    status = 408
    message = "The body took too long to arrive."


class ExpectationRefused(InvalidRequest):
    status = 417
    message = "This server supports no other Expect than 100-continue."


class UnknownCoding(InvalidRequest):
    status = 501
    message = "This server does not support this Transfer-Encoding."


class Unauthorized(RelayError):
    status = 401
    code = "unauthorized"
    message = "This server asks for an access token."

    def __init__(self, *, was_sent: bool) -> None:
        super().__init__("The access token is not valid here." if was_sent else None)
        self.was_sent = was_sent

    @property
    def headers(self) -> dict[str, str]:
        """RFC 6750, 3."""
        challenge = 'Bearer realm="askbot"'
        if self.was_sent:
            challenge += ', error="invalid_token"'
        return {"WWW-Authenticate": challenge}


class OriginNotAllowed(RelayError):
    status = 403
    code = "origin_not_allowed"
    message = "This server does not answer pages of this origin."


class NotFound(RelayError):
    status = 404
    code = "not_found"
    message = "There is nothing at this address."


class UnknownCompletion(NotFound):
    message = "There is no such answer here, or it has been forgotten."


class MethodNotAllowed(RelayError):
    status = 405
    code = "method_not_allowed"
    message = "This address does not answer that method."


class RequestTooLarge(RelayError):
    status = 413
    code = "request_too_large"
    message = "The request is larger than this server accepts."


class AddressTooLong(RequestTooLarge):
    status = 414
    message = "The request's address is longer than this server accepts."


class HeadTooLarge(RequestTooLarge):
    status = 431
    message = "The request's headers, cookies among them, are larger than this server accepts."


class QuestionTooLong(RelayError):
    status = 413
    code = "question_too_long"
    message = "The question is too long for the model. Shorten it, or start a new conversation."


class RangeNotSatisfiable(RelayError):
    status = 416
    code = "range_not_satisfiable"
    message = "The answer has no bytes in this range."

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @property
    def headers(self) -> dict[str, str]:
        """RFC 9110, 14.4."""
        return {"Content-Range": f"bytes */{self.size}"}


class UnsupportedMediaType(RelayError):
    status = 415
    code = "unsupported_media_type"
    message = "Send application/json or application/x-www-form-urlencoded."


class ContentFiltered(RelayError):
    status = 422
    code = "content_filtered"
    message = "The model's provider does not allow this question."


class IdempotencyKeyReused(RelayError):
    status = 422
    code = "idempotency_key_reused"
    message = "This Idempotency-Key belongs to another question."


class LimitReached(RelayError):
    """`fields` are headers that tell the client about its limits. `limit` is the setting's name."""

    status = 429
    # Until some running answer has probably ended, and has given back what it took.
    retry_after_seconds: int = 5

    def __init__(
        self, message: str, *, retry_after_seconds: int, fields: Mapping[str, str], limit: str
    ) -> None:
        super().__init__(message, detail=limit, retry_after_seconds=retry_after_seconds)
        self.fields = fields
        self.limit = limit

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, **self.fields}


class RateLimited(LimitReached):
    code = "rate_limited"


class TooManyStreams(LimitReached):
    code = "too_many_streams"


class BudgetExhausted(LimitReached):
    code = "budget_exhausted"


class UpstreamRateLimited(RelayError):
    status = 429
    code = "upstream_rate_limited"
    message = "The model is being asked too much at the moment. Try again in a little while."


class Abandoned(RelayError):
    """The status is nginx's for a request that the client closed."""

    status = 499
    code = "abandoned"
    message = "The answer was given up because its reader had left."
    may_cost = True


class UpstreamError(RelayError):
    status = 502
    code = "upstream_error"
    message = "The model could not be asked. Try again in a little while."


class NoAnswer(UpstreamError):
    code = "no_answer"
    message = "The model ended without an answer: it used up its tokens, or only thought."


class NotConfigured(RelayError):
    status = 503
    code = "not_configured"
    message = "No model to ask: the server's operator has to set OPENAI_API_KEY or OPENAI_BASE_URL."


class Overloaded(RelayError):
    status = 503
    code = "overloaded"
    message = "Too many answers are being written at the moment. Try again in a few seconds."
    retry_after_seconds = 1


class ShuttingDown(RelayError):
    status = 503
    code = "shutting_down"
    message = "The server is being restarted. Try again in a few seconds."
    may_cost = True
    retry_after_seconds = 2


class StoreUnreachable(RelayError):
    status = 503
    code = "store_unreachable"
    message = "The store of answers cannot be reached to look this one up. Try again in a moment."
    retry_after_seconds = 2


class UpstreamTimeout(RelayError):
    status = 504
    code = "upstream_timeout"
    message = "The model took too long. Try again in a little while."
    may_cost = True


def from_status(status: int) -> RelayError:
    """The error for a status with which Flask refused a request."""
    match status:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed()
        case 413:
            return RequestTooLarge()
    return InvalidRequest()
