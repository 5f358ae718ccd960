"""From a question to the model's text as it arrives. The only importer of `openai`.

The package builds the request, knows the key and the address, and sorts the failures. What it
costs too much for is the stream, a validated object for every token: the bytes of a response are
decoded here instead, for the one field that is relayed.
"""

import logging
import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai

from relay.cancellation import Cancellation
from relay.deadline import Deadline
from relay.decoder import ChunkDecoder, Usage
from relay.errors import (
    ContentFiltered,
    NotConfigured,
    Overloaded,
    QuestionTooLong,
    RelayError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from relay.message import Message
from relay.settings import Settings
from relay.transport import Body

RETRYABLE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.WriteError, httpx2.ReadError)

# Once the model has said why it ended, the text is whole: what may follow is the usage.
TAIL_SECONDS = 2.0
RETRY_SECONDS, MAX_RETRY_SECONDS = 0.25, 2.0
MAX_RETRY_AFTER_SECONDS = 86_400

_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")
_FILTERED = ("content_filter", "content_policy_violation")


class Model:
    """The configured model. One for the process; `ask` may be called from many threads."""

    def __init__(self, settings: Settings, transport: httpx2.BaseTransport) -> None:
        self._settings = settings
        # At its debug level the package logs questions.
        logging.getLogger("openai").setLevel(logging.WARNING)
        self._client = openai.OpenAI(
            # A server without keys still wants the header.
            api_key=settings.openai_api_key or "none",
            base_url=settings.openai_base_url or "https://api.openai.com/v1",
            max_retries=0,
            http_client=httpx2.Client(
                transport=transport,
                # A compressor would hold text back until its block is full.
                headers={"Accept-Encoding": "identity"},
                trust_env=False,
            ),
        )

    def ask(self, messages: Sequence[Message], cancellation: Cancellation) -> "Answer":
        """Asks for the answer to a conversation, of which the system message is part.

        Returns once the upstream has accepted the question. Raises RelayError or Cancelled.
        """
        if not self._settings.configured:
            raise NotConfigured()
        deadline = Deadline(self._settings.first_text_timeout)
        body = {
            "model": self._settings.openai_model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._settings.max_answer_tokens:
            body["max_completion_tokens"] = self._settings.max_answer_tokens
        with cancellation.applied():
            response = self._post(body, deadline, cancellation)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise UpstreamError(detail="the upstream compressed the stream unasked")
        return Answer(response, self._settings, deadline)

    def _post(
        self, body: Mapping[str, Any], deadline: Deadline, cancellation: Cancellation
    ) -> httpx2.Response:
        """Tries again only while nothing came back: a question must never cost two answers."""
        retries = 0
        while True:
            try:
                return self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    body=body,
                    options={"timeout": self._timeout(deadline)},
                    stream=True,
                    stream_cls=openai.Stream[object],
                )  # type: ignore[return-value]  # cast_to is what comes back.
            except openai.APIConnectionError as error:
                if retries == self._settings.upstream_retries or not _unanswered(error):
                    raise translated(error) from None
                if deadline.passed:
                    raise UpstreamTimeout(detail="no time left to try again") from None
                time.sleep(
                    min(RETRY_SECONDS * 2**retries, MAX_RETRY_SECONDS) * random.uniform(0.5, 1)
                )
                cancellation.check()
                retries += 1
            except openai.OpenAIError as error:
                raise translated(error) from None

    def _timeout(self, deadline: Deadline) -> httpx2.Timeout:
        left = deadline.left()
        connect = self._settings.connect_timeout or None
        if left is None:
            return httpx2.Timeout(None, connect=connect)
        return httpx2.Timeout(left, connect=min(left, connect or left))


class Answer:
    """One answer on its way. `next_text` until `ended`; `close` in every case.

    `finish_reason`, `usage` and `model` are what the upstream has said so far.
    """

    def __init__(
        self,
        response: httpx2.Response,
        settings: Settings,
        first_text: Deadline,
    ) -> None:
        self._response = response
        self._body: Body = response.extensions["body"]
        self._settings = settings
        self._decoder = ChunkDecoder()
        self._whole = Deadline(settings.answer_timeout)
        self._text_due = first_text.or_sooner(self._whole)
        self._started = False
        self._tail: Deadline | None = None
        self.ended = False

    @property
    def finish_reason(self) -> str | None:
        return self._decoder.finish_reason

    @property
    def usage(self) -> Usage | None:
        return self._decoder.usage

    @property
    def model(self) -> str | None:
        return self._decoder.model

    def next_text(self, patience: float = 0) -> str:
        """All the text that has arrived since the last call, waiting for some if there is none.

        "" when the answer has ended, or when `patience` seconds (0: no limit) have passed.
        Raises UpstreamError, UpstreamTimeout, ContentFiltered or Cancelled; never before the text
        that arrived ahead of the fault was returned.
        """
        wake = Deadline(patience)
        while not self.ended:
            text = "" if self._decoder.failure else self._advance(wake)
            if text:
                self._started = True
                self._text_due = Deadline(self._settings.idle_timeout).or_sooner(self._whole)
                return text
            if self._decoder.failure is not None:
                self._fail(UpstreamError(detail=str(self._decoder.failure)))
            elif wake.passed:
                return ""
        if self.finish_reason == "content_filter" and not self._started:
            raise ContentFiltered()
        return ""

    def close(self) -> None:
        """Ends the request to the model, if it still runs."""
        self._response.close()

    def _advance(self, wake: Deadline) -> str:
        due = self._tail or self._text_due
        try:
            data = self._body.read(due.or_sooner(wake).left())
        except httpx2.ReadTimeout:
            if due.passed:
                self._fail(UpstreamTimeout(detail="the answer stalled"))
            return ""
        except httpx2.TransportError as error:
            self._fail(UpstreamError(detail=f"{type(error).__name__}: {error}"))
            return ""
        text = self._decoder.feed(data) if data else self._at_end_of_body()
        if self._decoder.done:
            self.ended = True
        elif self.finish_reason is not None and self._tail is None:
            self._tail = Deadline(TAIL_SECONDS)
        return text

    def _at_end_of_body(self) -> str:
        text = self._decoder.end()
        whole = not self._settings.require_finish_reason and self._decoder.chunks > 0
        if whole:
            self.ended = True
        else:
            self._fail(UpstreamError(detail="the stream ended without a finish_reason"))
        return text

    def _fail(self, error: RelayError) -> None:
        """A fault after the model has said why it ended takes nothing from the text."""
        if self.finish_reason is not None:
            self.ended = True
        else:
            raise error


def _unanswered(error: openai.APIConnectionError) -> bool:
    """Whether the request failed before a single byte came back."""
    return isinstance(error.__cause__, RETRYABLE)


def translated(error: openai.OpenAIError) -> RelayError:
    """The relay's error for one of the package's, without its text, which quotes the upstream."""
    if isinstance(error, openai.APIStatusError):
        return _refused(error)
    cause = error.__cause__
    if isinstance(cause, httpx2.PoolTimeout):
        return Overloaded(detail=str(cause), retry_after_seconds=1)
    detail = f"{type(cause or error).__name__}: {cause or 'no detail'}"
    if isinstance(error, openai.APITimeoutError):
        return UpstreamTimeout(detail=detail)
    return UpstreamError(detail=detail)


def _refused(error: openai.APIStatusError) -> RelayError:
    labels = {str(label) for label in (error.code, error.type) if label}
    plain = sorted(label for label in labels if re.fullmatch(r"[a-z_]{1,64}", label))
    detail = " ".join([f"the upstream answered {error.status_code}", *plain])
    if error.status_code in (401, 403):
        return UpstreamError(detail=f"{detail}: it did not accept OPENAI_API_KEY")
    if error.status_code == 429:
        return UpstreamRateLimited(
            detail=detail, retry_after_seconds=_retry_after(error.response.headers)
        )
    if error.status_code == 413 or labels & set(_TOO_LONG):
        return QuestionTooLong(detail=detail)
    if labels & set(_FILTERED):
        return ContentFiltered(detail=detail)
    return UpstreamError(detail=detail)


def _retry_after(headers: httpx2.Headers) -> int | None:
    """`Retry-After` (RFC 9110, 10.2.3) in seconds, from either of its forms."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value), MAX_RETRY_AFTER_SECONDS)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except ValueError:
        return None
    return min(max(math.ceil(seconds), 0), MAX_RETRY_AFTER_SECONDS)
