"""The relay as a Flask app: the route table and its views."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from flask import Flask, Response, current_app, jsonify, request

from openai_client import Model
from relay.clients import Form, Reader, first_byte, make_reply, quoted, read_body, reply_form
from relay.completions import Reading, Store, open_store
from relay.descriptors import max_readers, raise_limit
from relay.errors import NotConfigured, UnknownPersona
from relay.log import log_to_stderr
from relay.personas import PersonaError, Personas, persona_files, preferred_language
from relay.questions import Limits, Question, parse_question
from relay.settings import Settings, SettingsError, load_environ
from relay.upstream import Dialer, PlainClient, Transport
from relay.web import make_uniform


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
    transport = Transport(Dialer(environ), max_connections=max_readers())
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # DefaultJSONProvider has it.
    app.extensions["relay"] = Relay(
        settings,
        Personas.load(settings.persona, settings.personas_dir, settings.owner_file),
        Model(settings, PlainClient(transport)),
        open_store(settings),
    )

    app.add_url_rule("/", view_func=liveness)
    app.add_url_rule("/ready", view_func=readiness)
    app.add_url_rule("/aiCompletion", view_func=ask, methods=["POST"])
    app.add_url_rule("/aiCompletion/<id>", view_func=show_completion)
    app.add_url_rule("/aiCompletion/<id>", view_func=stop_completion, methods=["DELETE"])
    app.add_url_rule("/personas", view_func=list_personas)

    make_uniform(app, settings.cors_origins)
    return app


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
    prompt = persona.prompt(question.messages, relay.settings)
    reading = relay.store.open(
        request.headers.get("Idempotency-Key"),
        question.fingerprint,
        lambda cancellation: relay.model.ask(prompt, cancellation),
    )
    accept = request.headers.get("Accept", "")
    return reply(reading, reply_form(accept, is_streamed=question.is_streamed))


def show_completion(id: str) -> Response:
    """The answer from the start, from a byte on, or its receipt, by `Range` and `Accept`."""
    relay: Relay = current_app.extensions["relay"]
    form = reply_form(request.headers.get("Accept", ""))
    if form is Form.JSON:
        receipt, etag = relay.store.receipt(id)
        response = jsonify(receipt.body(id.lower()))
        # Weak: it is the same writing in another form (RFC 9110, 8.8.1).
        response.headers["ETag"] = f"W/{quoted(etag)}"
        response.vary.add("Accept")
        return response
    return reply(relay.store.get(id), form, request.headers.get("Range", ""))


def stop_completion(id: str) -> Response:
    relay: Relay = current_app.extensions["relay"]
    relay.store.stop(id)
    return Response(status=204)


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
        limits=Limits(settings.max_question_chars, settings.max_messages),
    )


def reply(reading: Reading, form: Form, range_header: str = "") -> Response:
    """The client reads the answer, until its response is closed or cannot be made."""
    settings: Settings = current_app.extensions["relay"].settings
    interval = settings.flush_interval_ms / 1000
    with Reader(request.environ, reading, settings.send_timeout) as reader:
        if_range = request.headers.get("If-Range", "")
        offset = first_byte(range_header, if_range, quoted(reading.answer.etag))
        reading.begin(offset or 0)
        made = make_reply(reader, form, interval=interval, offset=offset)
        response = Response(made.body, made.status, made.headers, content_type=form.value)
        response.vary.add("Accept")
        response.call_on_close(reader.close)
    return response


@cache
def made_app() -> Flask:
    try:
        return create_app()
    except (SettingsError, PersonaError) as error:
        print(f"askbot: {error}", file=sys.stderr)
        # The status at which gunicorn stops, where at others it would start workers for ever.
        raise SystemExit(3) from None


def __getattr__(name: str) -> Flask:
    """`app`, made when gunicorn or `flask run` first asks for it: importing does no work."""
    if name == "app":
        return made_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """A server for development: threads, so that a debugger can stop one, and a reload on change.

    Raises SystemExit with a sentence for a wrong setting.
    """
    try:
        raise_limit()
        environ = load_environ()
        settings = Settings.from_environ(environ)
        app = create_app(environ)
    except (SettingsError, PersonaError) as error:
        sys.exit(f"askbot: {error}")
    watched = [str(path) for path in persona_files(settings.personas_dir, settings.owner_file)]
    app.run(settings.host, settings.port, use_reloader=True, threaded=True, extra_files=watched)


if __name__ == "__main__":
    main()
