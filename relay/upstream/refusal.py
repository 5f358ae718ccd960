"""Why there is no answer: what the model's server says instead, or how the connection failed."""

import json
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

from relay.errors import (
    ContentFiltered,
    Overloaded,
    QuestionTooLong,
    RelayError,
    UnsupportedContent,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from relay.upstream.exchange import Exchange

MAX_RETRY_AFTER_SECONDS = 86_400

# Some models refuse these. The refusal names the parameter.
OPTIONAL_PARAMETERS = ("temperature", "reasoning_effort", "stream_options")

_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_FILTERED = {"content_filter", "content_policy_violation", "image_content_policy_violation"}
_UNREADABLE_PICTURE = {
    *("invalid_image", "invalid_image_format", "invalid_image_url", "invalid_base64_image"),
    *("image_parse_error", "image_too_large", "image_too_small", "image_file_too_large"),
    *("unsupported_image_media_type", "empty_image_file"),
}


@dataclass(frozen=True, slots=True)
class UpstreamRefusal:
    """A response with an error of the OpenAI API. What its body does not say is empty."""

    status: int
    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""
    retry_after: str = ""

    @classmethod
    def read(
        cls, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> "UpstreamRefusal":
        """Reads the refusal from a response. Never fails: a proxy may have written the body."""
        retry_after = next((v for n, v in headers if n.lower() == b"retry-after"), b"")
        try:
            said = json.loads(body.decode(errors="replace"))
        except (ValueError, RecursionError):
            said = None
        said = said.get("error", said) if isinstance(said, dict) else None
        texts = said if isinstance(said, dict) else {}
        words = {
            name: value
            for name in ("message", "code", "type")
            if isinstance(value := texts.get(name), str)
        }
        param = str(texts.get("param") or "")
        wait = retry_after.decode("latin-1").strip()
        return cls(status, **words, param=param, retry_after=wait)

    @property
    def parameter(self) -> str | None:
        """The optional parameter that it is about: its `param`, or a word of its message."""
        name = self.param.partition(".")[0]
        if name in OPTIONAL_PARAMETERS:
            return name
        if self.param or self.status not in (400, 422):
            return None
        words = re.findall(r"[a-z_]+", self.message)
        return next((name for name in OPTIONAL_PARAMETERS if name in words), None)

    @property
    def retry_after_seconds(self) -> int | None:
        """The seconds of `Retry-After`, which is a number or a date (RFC 9110, 10.2.3)."""
        if re.fullmatch(r"[0-9]{1,18}", self.retry_after):
            return min(int(self.retry_after), MAX_RETRY_AFTER_SECONDS)
        try:
            seconds = parsedate_to_datetime(self.retry_after).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
        return min(max(math.ceil(seconds), 0), MAX_RETRY_AFTER_SECONDS)

    def error(self) -> RelayError:
        """The relay's error for it, without its message, which quotes the upstream."""
        labels = {self.code, self.type}
        plain = sorted(label for label in labels if re.fullmatch(r"[a-z_]{1,64}", label))
        detail = " ".join([f"the upstream answered {self.status}", *plain])
        if self.status in (401, 403):
            return UpstreamError(detail=f"{detail}: it did not accept OPENAI_API_KEY")
        if self.status == 429:
            return UpstreamRateLimited(detail=detail, retry_after_seconds=self.retry_after_seconds)
        if self.status == 413 or labels & _TOO_LONG:
            return QuestionTooLong(detail=detail)
        if labels & _FILTERED:
            return ContentFiltered(detail=detail)
        if labels & _UNREADABLE_PICTURE:
            return UnsupportedContent("The model cannot read the picture.", detail=detail)
        return UpstreamError(detail=detail)


def read_refusal(exchange: Exchange) -> UpstreamRefusal:
    """Reads a response that is no answer. Raises UpstreamError, UpstreamTimeout or Cancelled."""
    try:
        body = exchange.read_whole()
    except httpx2.TransportError as error:
        failure = translated(error)
        failure.detail = f"in a refusal: {failure.detail}"
        raise failure from None
    return UpstreamRefusal.read(exchange.status, exchange.headers, body)


def translated(error: httpx2.TransportError) -> RelayError:
    """The relay's error for one of the transport's."""
    if isinstance(error, httpx2.PoolTimeout):
        return Overloaded(detail=str(error))
    kind = UpstreamTimeout if isinstance(error, httpx2.TimeoutException) else UpstreamError
    failure = kind(detail=f"{type(error).__name__}: {error}")
    if isinstance(error, httpx2.ConnectTimeout):
        # The question has not been sent.
        failure.may_cost = False
    return failure
