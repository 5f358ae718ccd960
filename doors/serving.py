"""Shared by all doors: the relay's parts, and the way from a question to a reply."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from flask import Response, current_app, g, request

from openai_client import Model
from relay.access import Client, client_of
from relay.clients import Reader, Reply, read_body
from relay.completions import OnEnd, Reading, Receipt, Source, Store
from relay.errors import RelayError, UnsupportedContent, UnsupportedMediaType
from relay.limits import LimitedQuestion, Reservations
from relay.middleware import announce, at_or_above
from relay.personas import Language, Personas, preferred_language
from relay.questions import Limits, PictureLimits, Question
from relay.settings import Settings
from relay.telemetry import Asked, EndedAnswer, Refusal, Telemetry, log_question, timed
from relay.upstream import Cancellation

# The doors' short names, by the address at which and below which they are.
DOORS = {"/aiCompletion": "ai_completion", "/api": "ai_sdk", "/v1": "openai_api"}


@dataclass(frozen=True)
class Relay:
    """The parts that the views need, made once for each process."""

    settings: Settings
    personas: Personas
    model: Model
    store: Store
    reservations: Reservations
    telemetry: Telemetry

    @cached_property
    def limits(self) -> Limits:
        settings = self.settings
        return Limits(settings.max_question_chars, settings.max_messages, self.picture_limits)

    @cached_property
    def picture_limits(self) -> PictureLimits | None:
        """None if no persona accepts pictures."""
        accepted = any(persona.takes_pictures(self.settings) for persona in self.personas)
        return PictureLimits() if accepted else None

    @cached_property
    def max_body_bytes(self) -> int:
        """MAX_BODY_BYTES is for text. Pictures have room beside it; 0 is no limit."""
        most, pictures = self.settings.max_body_bytes, self.picture_limits
        return most + pictures.body_bytes if most and pictures else most


def serving() -> Relay:
    """The relay whose app handles this request."""
    relay: Relay = current_app.extensions["relay"]
    return relay


def client() -> Client:
    """Whose question this is."""
    if "client" not in g:
        g.client = client_of(request.environ, serving().settings)
    found: Client = g.client
    return found


def door() -> str:
    """The short name of the request's address. Addresses that do not exist share one name."""
    within = at_or_above(request.path, DOORS)
    if within is not None:
        return within
    if request.endpoint is None:
        return "unknown"
    if request.endpoint.startswith("page/"):
        return "page"
    return request.path.strip("/") or "home"


def note_refusal(error: RelayError, fault: Exception | None) -> None:
    """Tells the observers of a refusal."""
    asking: LimitedQuestion | None = g.get("asking")
    ended = asking is not None and asking.is_settled
    refusal = Refusal(g.request_id, door(), client().name, error, fault, ended)
    serving().telemetry.refused(refusal)


def request_body() -> bytes:
    """The body of a question.

    Raises UnsupportedMediaType, RequestTooLarge or InvalidRequest. Raises RateLimited, before
    reading, if the client is known to have no question left and the answer is not there yet.
    """
    relay = serving()
    refusal = relay.reservations.known_refusal(client())
    if refusal is not None:
        key = request.headers.get("Idempotency-Key")
        if key is None or not relay.store.knows(key):
            raise refusal
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    return read_body(
        request.stream,
        declared_bytes=request.content_length,
        max_bytes=relay.max_body_bytes,
        timeout=relay.settings.send_timeout,
    )


def open_answer(question: Question, key: str | None, form: str) -> Reading:
    """Opens a reading of the answer. The model is asked when the reading begins.

    `form` is the name of the reply's form, for the log. Raises UnknownPersona, UnsupportedContent,
    and the errors of `Store.open`.
    """
    asking, on_end = ask_for(question, form)
    return serving().store.open(key, question.fingerprint, asking, on_end)


def replace_answer(question: Question, key: str, form: str) -> Reading:
    """Opens a reading of a new answer, which takes over `key`. Raises as `open_answer` does."""
    asking, on_end = ask_for(question, form)
    return serving().store.replace(key, question.fingerprint, asking, on_end)


def ask_for(question: Question, form: str) -> tuple[LimitedQuestion, OnEnd]:
    """The call with which a completion asks the model, and the one that takes its end.

    Raises UnknownPersona or UnsupportedContent.
    """
    relay = serving()
    persona = relay.personas.asked(question.persona)
    if question.has_pictures and not persona.takes_pictures(relay.settings):
        raise UnsupportedContent(f"{persona.id} cannot look at pictures: leave them out.")
    prompt = persona.prompt(question.messages, relay.settings)
    asked = Asked(g.request_id, door(), form, client().name, persona.id, prompt.model)

    def ask(cancellation: Cancellation) -> Source:
        if relay.settings.log_questions:
            log_question(question.messages[-1].content)
        relay.telemetry.asks(asked)
        asked_at = time.monotonic()
        return timed(relay.model.ask(prompt, cancellation), asked.request_id, asked_at)

    asking = LimitedQuestion(relay.reservations, client(), prompt, ask)

    def end(completion: str, receipt: Receipt, error: RelayError | None) -> None:
        tokens = asking.settle(receipt, error)
        answer = EndedAnswer(asked, completion, receipt, error, tokens, asking.is_asked)
        relay.telemetry.ended(answer)

    announce(asking.fields)
    g.asking = asking
    return asking, end


def reader_language() -> Language:
    """Korean or English, by the reader's `Accept-Language`."""
    return preferred_language(tag for tag, quality in request.accept_languages if quality > 0)


def reply(
    reading: Reading,
    make: Callable[[Reader, float], Reply],
    *,
    offset: int = 0,
    with_thoughts: bool = False,
) -> Response:
    """The response that gives the answer to the client. The reading ends with the response.

    `make` gets the reader and the seconds between two writes. It is called when the answer has
    begun; see `Reading.begin`.
    """
    settings, readers = serving().settings, serving().telemetry.readers
    with Reader(request.environ, reading, settings.send_timeout, readers) as reader:
        reading.begin(offset, with_thoughts=with_thoughts)
        made = make(reader, settings.flush_interval_ms / 1000)
        response = Response(made.body, made.status, made.headers, content_type=made.content_type)
        response.call_on_close(reader.close)
    return response
