"""From a prompt to the model's answer. The only importer of `openai`.

The package knows the address, the key and the headers of a request. Its stream is too slow, as it
makes a validated object of every token, and it takes a third of a millisecond to build a request.
So `relay.upstream` sends the requests and reads the responses.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import msgspec
import openai

from relay.deadline import Deadline
from relay.errors import (
    NotConfigured,
    QuestionTooLong,
    RelayError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from relay.questions import Prompt
from relay.settings import Settings, SettingsError
from relay.upstream import AnswerStream, Attempts, Cancellation, Exchange, Transport, read_refusal

log = logging.getLogger("askbot")


class Model:
    """The configured model and its fallbacks: one object for all threads of the process.

    `on_passed_over` gets the failure of each model after which the next one is asked. Raises
    SettingsError for an address or a header that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        on_passed_over: Callable[[RelayError], None] = lambda _error: None,
    ) -> None:
        self._settings = settings
        self._on_passed_over = on_passed_over
        self._transport = transport
        try:
            # A server that needs no key may still want the header.
            client = openai.OpenAI(
                api_key=settings.openai_api_key or "none",
                base_url=settings.openai_base_url or "https://api.openai.com/v1",
                # It sends nothing.
                http_client=httpx2.Client(transport=httpx2.BaseTransport(), trust_env=False),
            )
            headers = httpx2.Headers(client.auth_headers)
            # Without regard to case, as the package does: OPENAI_CUSTOM_HEADERS may name the same.
            for name, value in client.default_headers.items():
                if isinstance(value, str):
                    headers[name] = value
            url = f"{str(client.base_url).rstrip('/')}/chat/completions"
            self._endpoint = transport.endpoint(url, headers)
        except httpx2.InvalidURL:
            raise SettingsError(
                "OPENAI_BASE_URL must be an address such as https://api.openai.com/v1."
            ) from None
        except (UnicodeEncodeError, httpx2.LocalProtocolError):
            # Without the error, which may hold the value.
            raise SettingsError(
                "OPENAI_API_KEY, OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS are "
                "sent in headers: they must be of ASCII characters, without line breaks."
            ) from None
        # The set is replaced, never changed: another thread may be iterating over it.
        self._refused: frozenset[tuple[str, str]] = frozenset()

    def ask(self, prompt: Prompt, cancellation: Cancellation) -> AnswerStream:
        """Returns with the first text or thought of the answer. Raises RelayError or Cancelled.

        The models share the deadline for it: each gets an equal part of the time that is left.
        """
        if not self._settings.configured:
            raise NotConfigured()
        whole = Deadline(self._settings.first_text_timeout)
        models = [prompt.model, *self._settings.openai_fallback_models]
        for position, model in enumerate(models[:-1]):
            share = whole.share(len(models) - position)
            try:
                return self._ask_one(replace(prompt, model=model), share, cancellation)
            except (UpstreamError, UpstreamRateLimited, UpstreamTimeout) as error:
                log.warning("model %s: %s: %s; asking the next", model, error.code, error.detail)
                self._on_passed_over(error)
        return self._ask_one(replace(prompt, model=models[-1]), whole, cancellation)

    def _ask_one(
        self, prompt: Prompt, deadline: Deadline, cancellation: Cancellation
    ) -> AnswerStream:
        try:
            exchange = self._request(prompt, deadline, cancellation)
        except QuestionTooLong:
            shorter = prompt.shorter()
            if shorter is None:
                raise
            exchange = self._request(shorter, deadline, cancellation)
        answer = AnswerStream(exchange, self._settings, deadline)
        try:
            answer.begin()
        except BaseException as error:
            answer.close()
            if isinstance(error, RelayError):
                error.may_cost, error.outcome = True, answer.outcome
            raise
        return answer

    def _request(self, prompt: Prompt, deadline: Deadline, cancellation: Cancellation) -> Exchange:
        """The exchange with the prompt's answer, its head read. Raises RelayError or Cancelled."""
        attempts = Attempts(self._transport, self._settings, deadline, cancellation)
        while True:
            body = self._body(prompt)
            exchange = attempts.post(self._endpoint, msgspec.json.encode(body))
            if 200 <= exchange.status < 300:
                return exchange
            refusal = read_refusal(exchange)
            refused = refusal.parameter
            if refused not in body:
                raise refusal.error()
            log.info("model %s does not take %s; asking without", prompt.model, refused)
            self._refused |= {(prompt.model, refused)}

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        system, *others = prompt.messages
        messages = [{**system, "role": self._settings.openai_system_role}, *others]
        body: dict[str, Any] = {"model": prompt.model, "messages": messages, "stream": True}
        if prompt.max_answer_tokens:
            body[self._settings.token_limit_parameter] = prompt.max_answer_tokens
        if self._settings.openai_stream_usage:
            body["stream_options"] = {"include_usage": True}
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if prompt.reasoning_effort:
            body["reasoning_effort"] = prompt.reasoning_effort
        refused = {parameter for model, parameter in self._refused if model == prompt.model}
        return {name: value for name, value in body.items() if name not in refused}
