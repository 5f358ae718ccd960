"""What all requests and replies have in common: ids, headers, CORS, and the one error handler.

The only module in here that knows Flask.
"""

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from flask import Flask, Response, g, jsonify, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException

from relay.errors import RelayError, from_status

log = logging.getLogger("askbot")

METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]
EXPOSED_HEADERS = [
    "Completion-Id",
    "X-Request-Id",
    "Server-Timing",
    "Retry-After",
    "Content-Range",
    "ETag",
    "Askbot-Ignored",
    "x-vercel-ai-ui-message-stream",
]
PREFLIGHT_SECONDS = 600
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# What is welcome where CORS_ORIGINS names nobody.
LOCAL_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?\Z")

# Anybody can name any origin: the log is not to be filled.
MAX_TOLD, MAX_ORIGIN_CHARS = 100, 200

# How a door words a refusal.
Wording = Callable[[RelayError], Response]


def make_uniform(app: Flask, origins: Iterable[str], wordings: Mapping[str, Wording]) -> None:
    """Every reply of the app gets this, refusals too; pages of these origins may read them.

    At an address in `wordings`, and below it, refusals are worded as the clients there know them,
    where nothing is there too.
    """
    app.before_request(name_request)
    app.before_request(allow_preflight)
    app.after_request(add_headers)
    # After flask-cors has had its say: the last to be registered is the first to be called.
    app.after_request(RefusedOrigins().tell)
    app.register_error_handler(Exception, partial(refuse, wordings))
    CORS(
        app,
        origins=[exactly(origin) for origin in origins] or LOCAL_ORIGIN,
        methods=METHODS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
        always_send=False,
    )


def exactly(origin: str) -> str | re.Pattern[str]:
    """flask-cors takes some plain origins, `http://[::1]:5173` among them, for expressions."""
    return origin if origin == "*" else re.compile(re.escape(origin) + r"\Z")


class RefusedOrigins:
    """A page that may not read a reply is told nothing of it: its operator is, once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, response: Response) -> Response:
        """For `after_request`."""
        origin = request.headers.get("Origin", "")[:MAX_ORIGIN_CHARS]
        is_refused = origin and "Access-Control-Allow-Origin" not in response.headers
        # A page that the relay's own host serves needs no leave, and asks like others.
        is_own = origin.partition("://")[2] == request.host
        if is_refused and not is_own and origin not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(origin)
            log.warning("pages of %r may not read replies: CORS_ORIGINS does not name it", origin)
        return response


def allow_preflight() -> Response | None:
    """Or a wrong address would look to a page like an origin that is not allowed."""
    is_preflight = "Access-Control-Request-Method" in request.headers
    if request.method == "OPTIONS" and is_preflight and request.routing_exception is not None:
        return Response()
    return None


def name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def add_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # nginx would gather the pieces of an answer before it passes them on.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def refuse(wordings: Mapping[str, Wording], error: Exception) -> Response:
    """The one way in which a request fails before the first byte of its answer."""
    refusal = translated(error)
    if refusal.status >= 500:
        log.warning("request %s: %s: %s", g.request_id, refusal.code, refusal.detail)
    path = f"{request.path}/"
    worded = next((wordings[at] for at in wordings if path.startswith(f"{at}/")), in_json)
    response = worded(refusal)
    response.headers.update(refusal.headers)
    if isinstance(error, HTTPException):
        allowed = [value for name, value in error.get_headers() if name == "Allow"]
        response.headers.extend(("Allow", value) for value in allowed)
    return response


def in_json(refusal: RelayError) -> Response:
    """The wording where clients know no other."""
    response = jsonify(refusal.body(g.request_id))
    response.status_code = refusal.status
    return response


def translated(error: Exception) -> RelayError:
    """Werkzeug's errors as ours; anything else is a fault of our own, and logged as one."""
    if isinstance(error, RelayError):
        return error
    if isinstance(error, HTTPException) and error.code and 400 <= error.code < 500:
        return from_status(error.code)
    log.error("request %s: a fault of our own", g.request_id, exc_info=error)
    return RelayError()
