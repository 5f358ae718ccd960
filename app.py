"""The relay as a Flask app: its parts, and the table of its addresses."""

import sys
from collections.abc import Mapping
from functools import cache

import click
from flask import Flask

from doors import ai_completion, ai_sdk, openai_api, page_files
from doors.health import readiness
from doors.metrics import show_metrics
from doors.personas import list_personas
from doors.serving import Relay, note_refusal
from openai_client import Model
from relay.access import Gate, Origins, check_address
from relay.completions import Store
from relay.descriptors import max_readers, raise_limit
from relay.journal import open_journal
from relay.limits import Reservations, check_limits
from relay.log import log, log_to_stderr
from relay.middleware import make_uniform, trust_proxies
from relay.personas import PersonaError, kept_personas, persona_files
from relay.settings import Settings, SettingsError, load_environ
from relay.telemetry import Telemetry
from relay.upstream import Dialer, Transport
from relay.version import version


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Makes the app. Without `environ` the settings come from the environment and `.env`.

    Raises SettingsError or PersonaError.
    """
    environ = load_environ() if environ is None else environ
    settings = Settings.from_environ(environ)
    check_limits(settings)
    log_to_stderr(settings.log_level)
    if settings.log_questions:
        log.warning("LOG_QUESTIONS IS ON: what people ask is written into this log")
    journal = open_journal(settings)
    transport = Transport(Dialer(environ), max_connections=max_readers())
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # DefaultJSONProvider has it.
    personas = kept_personas(settings.persona, settings.personas_dir, settings.owner_file)
    models = [persona.model or settings.openai_model for persona in personas]
    reservations = Reservations(settings, journal)
    telemetry = Telemetry([*models, *settings.openai_fallback_models], journal, reservations)
    app.extensions["relay"] = Relay(
        settings,
        personas,
        Model(settings, transport, telemetry.passed_over),
        Store(journal, grace_seconds=settings.resume_grace_seconds),
        reservations,
        telemetry,
    )

    app.add_url_rule("/", view_func=page_files.home)
    app.add_url_rule("/ready", view_func=readiness)
    app.add_url_rule("/metrics", view_func=show_metrics)
    app.add_url_rule("/aiCompletion", view_func=ai_completion.ask, methods=["POST"])
    app.add_url_rule("/aiCompletion/<id>", view_func=ai_completion.show_completion)
    app.add_url_rule(
        "/aiCompletion/<id>", view_func=ai_completion.stop_completion, methods=["DELETE"]
    )
    app.add_url_rule("/api/chat", view_func=ai_sdk.chat, methods=["POST"])
    app.add_url_rule("/api/chat/<path:chat_id>/stream", view_func=ai_sdk.take_up)
    app.add_url_rule("/api/completion", view_func=ai_sdk.complete, methods=["POST"])
    app.add_url_rule("/v1/chat/completions", view_func=openai_api.complete_chat, methods=["POST"])
    app.add_url_rule("/v1/models", view_func=openai_api.list_models)
    app.add_url_rule("/v1/models/<id>", view_func=openai_api.show_model)
    app.add_url_rule("/personas", view_func=list_personas)
    # Last: no file of the page takes an address of the relay's.
    pages = page_files.add_page(app, settings.page_dir) if settings.page_dir else frozenset()

    wordings = {
        "/aiCompletion": ai_completion.refusal,
        "/api": ai_sdk.refusal,
        "/v1": openai_api.refusal,
    }
    origins = Origins(settings.cors_origins)
    make_uniform(app, Gate(settings, pages).admit, origins.patterns, wordings, note_refusal)
    trust_proxies(app, settings.trusted_proxies)
    return app


@cache
def made_app() -> Flask:
    try:
        environ = load_environ()
        if (command := click.get_current_context(silent=True)) and "host" in command.params:
            # `flask run` has its address from its own options.
            check_address(command.params["host"], Settings.from_environ(environ))
        return create_app(environ)
    except (SettingsError, PersonaError) as error:
        print(f"askbot: {error}", file=sys.stderr)
        # gunicorn stops at status 3. At any other it would start new workers for ever.
        raise SystemExit(3) from None


def __getattr__(name: str) -> Flask:
    """Makes `app` when gunicorn or `flask run` first asks for it. An import does no work."""
    if name == "app":
        return made_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """Runs a server for development, with threads for a debugger and a reload on change.

    Raises SystemExit with a sentence for a wrong setting.
    """
    try:
        raise_limit()
        environ = load_environ()
        settings = Settings.from_environ(environ)
        check_address(settings.host, settings)
        app = create_app(environ)
    except (SettingsError, PersonaError) as error:
        sys.exit(f"askbot: {error}")
    log.info("This is Askbot %s", version())
    watched = [str(path) for path in persona_files(settings.personas_dir, settings.owner_file)]
    app.run(settings.host, settings.port, use_reloader=True, threaded=True, extra_files=watched)


if __name__ == "__main__":
    main()
