"""The relay as a Flask app: the route table, what every reply carries, the one error handler."""

import logging
import re
import resource
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from flask import Flask, Response, current_app, g, jsonify, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException

from openai_client import Model
from relay.clients.connection import Reader, read_body
from relay.clients.reply import event_chunks, json_body
from relay.completions.completion import Completion
from relay.completions.store import Store
from relay.errors import (
    InvalidRequest,
    MethodNotAllowed,
    NotConfigured,
    NotFound,
    RelayError,
    RequestTooLarge,
    UnknownPersona,
)
from relay.personas.catalog import Personas, persona_files
from relay.personas.front_matter import PersonaError
from relay.personas.persona import preferred_language
from relay.questions.prompt import make_prompt
from relay.questions.question import Form, Limits, Question, first_byte, parse_question, reply_form
from relay.settings import Settings, SettingsError, load_environ
from relay.upstream import Cancelled, Dialer, PlainClient, Transport

log = logging.getLogger("askbot")

# Proxies and browsers end a silent connection after 30 s or more.
HEARTBEAT_SECONDS = 10.0
EXPOSED_HEADERS = [
    "Completion-Id",
    "X-Request-Id",
    "Server-Timing",
    "Retry-After",
    "Content-Range",
]
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_CONNECTIONS = 4096


@dataclass(frozen=True, slots=True)
class Relay:
    """What the views need, made once for the process."""

    settings: Settings
    personas: Personas
    model: Model
    store: Store


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """The app, with the settings in `environ`: unless given, the environment's and `.env`'s.

    Raises SettingsError or PersonaError.
    """
    environ = load_environ() if environ is None else environ
    settings = Settings.from_environ(environ)
    log_to_stderr(settings.log_level)
    # A reader takes two descriptors, its own connection and the one to the model.
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(MAX_CONNECTIONS, (descriptors - 128) // 2)
    transport = Transport(Dialer(environ), max_connections=most)
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # DefaultJSONProvider has it.
    personas, model = load_personas(settings), Model(settings, PlainClient(transport))
    app.extensions["relay"] = Relay(settings, personas, model, make_store(settings))

    app.add_url_rule("/", view_func=liveness)
    app.add_url_rule("/ready", view_func=readiness)
    app.add_url_rule("/aiCompletion", view_func=ask, methods=["POST"])
    app.add_url_rule("/aiCompletion/<id>", view_func=show_completion)
    app.add_url_rule("/aiCompletion/<id>", view_func=stop_completion, methods=["DELETE"])
    app.add_url_rule("/personas", view_func=list_personas)

    app.before_request(name_request)
    app.after_request(add_headers)
    app.register_error_handler(Exception, refuse)
    CORS(
        app,
        origins=[exactly(origin) for origin in settings.cors_origins],
        methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
        expose_headers=EXPOSED_HEADERS,
        max_age=600,
        always_send=False,
    )
    return app


def exactly(origin: str) -> str | re.Pattern[str]:
    """flask-cors takes some plain origins, `http://[::1]:5173` among them, for expressions."""
    return origin if origin == "*" else re.compile(re.escape(origin) + r"\Z")


def make_store(settings: Settings) -> Store:
    """Raises SettingsError for a REDIS_URL that cannot be used."""
    kind: Callable[..., Store] = Store
    if settings.redis_url:
        # Its client is loaded only where there is a Redis.
        from relay.sharing.shared_store import SharedStore

        kind = partial(SharedStore, settings.redis_url)
    try:
        return kind(
            grace_seconds=settings.resume_grace_seconds,
            ttl_seconds=settings.answer_ttl_seconds,
            max_bytes=settings.answer_store_max_bytes,
        )
    except ValueError as error:
        raise SettingsError(f"REDIS_URL cannot be used: {error}") from None


def load_personas(settings: Settings) -> Personas:
    return Personas.load(settings.persona, settings.personas_dir, settings.owner_file)


def liveness() -> dict[str, str]:
    return {"data": "success"}


def readiness() -> dict[str, bool]:
    """For load balancers. Asks nothing of the model, which costs money."""
    relay: Relay = current_app.extensions["relay"]
    if not relay.settings.configured:
        raise NotConfigured()
    relay.store.check()
    return {"ready": True}


def list_personas() -> Response:
    """The personas' cards, in Korean or English by the reader's `Accept-Language`."""
    relay: Relay = current_app.extensions["relay"]
    language = preferred_language(tag for tag, quality in request.accept_languages if quality > 0)
    cards = [persona.card(language) for persona in relay.personas]
    response = jsonify({"default": relay.personas.default.id, "personas": cards})
    response.vary.add("Accept-Language")
    return response


def ask() -> Response:
    """Passes a question on and streams the answer; in the reply the first text is already there."""
    relay: Relay = current_app.extensions["relay"]
    question = read_question(relay.settings)
    persona = relay.personas.get(question.persona) if question.persona else relay.personas.default
    if persona is None:
        raise UnknownPersona()
    prompt = make_prompt(persona, question.messages, relay.settings)
    completion = relay.store.open(
        request.headers.get("Idempotency-Key"),
        question.fingerprint,
        lambda completion: relay.model.ask(prompt, completion.cancellation),
    )
    with ExitStack() as cleanup:
        reader = join(completion, relay.settings, cleanup)
        completion.begin()
        response = reply(completion, question.form, reader, relay.settings)
        response.call_on_close(cleanup.pop_all().close)
    return response


def show_completion(id: str) -> Response:
    """The answer from the start, from a byte on, or its receipt, by `Range` and `Accept`."""
    relay: Relay = current_app.extensions["relay"]
    form = reply_form(request.headers.get("Accept", ""), streaming=True)
    if form is Form.JSON:
        return jsonify(relay.store.receipt(id))
    completion = relay.store.get(id)
    offset = first_byte(request.headers.get("Range", "")) if form is Form.TEXT else None
    with ExitStack() as cleanup:
        reader = join(completion, relay.settings, cleanup)
        completion.begin()
        completion.catch_up(offset or 0)
        content_range = completion.content_range(offset) if offset is not None else None
        response = reply(completion, form, reader, relay.settings, offset or 0)
        if content_range is not None:
            response.status_code = 206
            response.headers["Content-Range"] = content_range
        response.call_on_close(cleanup.pop_all().close)
    return response


def stop_completion(id: str) -> Response:
    relay: Relay = current_app.extensions["relay"]
    relay.store.stop(id)
    return Response(status=204)


def join(completion: Completion, settings: Settings, cleanup: ExitStack) -> Reader:
    """The client becomes a reader of the completion, until `cleanup`."""
    reading = completion.join()
    cleanup.callback(reading.close)
    reader = Reader(request.environ, reading.leave, settings.send_timeout)
    cleanup.callback(reader.close)
    return reader


def read_question(settings: Settings) -> Question:
    body = read_body(
        request.stream,
        declared_bytes=request.content_length,
        max_bytes=settings.max_body_bytes,
        timeout=settings.send_timeout,
    )
    return parse_question(
        body,
        content_type=request.headers.get("Content-Type", ""),
        accept=request.headers.get("Accept", ""),
        limits=Limits(settings.max_question_chars, settings.max_messages),
    )


def reply(
    completion: Completion, form: Form, reader: Reader, settings: Settings, offset: int = 0
) -> Response:
    interval = settings.flush_interval_ms / 1000
    if form is Form.JSON:
        body = json_body(completion, b"".join(completion.read(interval=interval)))
        response = Response(reader.deliver(iter([body])), content_type=form.value)
        response.content_length = len(body)
    elif form is Form.EVENTS:
        pieces = completion.read(interval=interval, heartbeat=HEARTBEAT_SECONDS)
        response = Response(reader.deliver(event_chunks(pieces)), content_type=form.value)
    else:
        pieces = completion.read(offset, interval=interval)
        response = Response(reader.deliver(pieces), content_type=form.value)
        response.headers["Accept-Ranges"] = "bytes"
    response.headers["Completion-Id"] = completion.id
    first_token_ms = 1000 * (completion.first_token_seconds or 0)
    response.headers["Server-Timing"] = f"first-token;dur={first_token_ms:.1f}"
    return response


def name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def add_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # nginx would gather the pieces of an answer before it passes them on.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def refuse(error: Exception) -> Response:
    """The one way in which a request fails before the first byte of its answer."""
    if isinstance(error, Cancelled):
        # Nobody sees this; nginx's number for it tells the story in an access log.
        log.info("request %s: the reader had left before the first text", g.request_id)
        return Response(status=499)
    refusal = error if isinstance(error, RelayError) else translated(error)
    if refusal.status >= 500:
        log.warning("request %s: %s: %s", g.request_id, refusal.code, refusal.detail)
    response = jsonify(refusal.body(g.request_id))
    response.status_code = refusal.status
    if isinstance(error, HTTPException):
        response.headers.extend(
            (name, value) for name, value in error.get_headers() if name == "Allow"
        )
    response.headers.update(refusal.headers)
    return response


def translated(error: Exception) -> RelayError:
    """Werkzeug's errors as ours; anything else is a fault of our own, and logged as one."""
    match getattr(error, "code", None) if isinstance(error, HTTPException) else None:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed()
        case 413:
            return RequestTooLarge()
        case int(status) if 400 <= status < 500:
            return InvalidRequest()
    log.error("request %s: a fault of our own", g.request_id, exc_info=error)
    return RelayError()


def log_to_stderr(level: str) -> None:
    log.setLevel(level)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.propagate = False


def __getattr__(name: str) -> Flask:
    """`app`, made when gunicorn or `flask run` asks for it, so that importing does no work."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return create_app()
    except (SettingsError, PersonaError) as error:
        print(f"askbot: {error}", file=sys.stderr)
        # The status at which gunicorn stops, where at others it would start workers for ever.
        raise SystemExit(3) from None


def main() -> None:
    """A server for development: threads, so that a debugger can stop one, and a reload on change.

    Raises SystemExit with a sentence for a wrong setting.
    """
    try:
        environ = load_environ()
        settings = Settings.from_environ(environ)
        app = create_app(environ)
    except (SettingsError, PersonaError) as error:
        sys.exit(f"askbot: {error}")
    watched = [str(path) for path in persona_files(settings.personas_dir, settings.owner_file)]
    app.run(settings.host, settings.port, use_reloader=True, threaded=True, extra_files=watched)


if __name__ == "__main__":
    main()
