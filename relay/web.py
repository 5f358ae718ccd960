"""Common to all requests and replies: ids, headers, CORS, and the one error handler.

Only this module of the relay imports Flask.
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

# The allowed origins while CORS_ORIGINS is empty.
LOCAL_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?\Z")

# Clients can send any origin, so these limits keep them from filling the log.
MAX_TOLD, MAX_ORIGIN_CHARS = 100, 200

# Gives a refusal the form of a protocol.
Wording = Callable[[RelayError], Response]


def make_uniform(app: Flask, origins: Iterable[str], wordings: Mapping[str, Wording]) -> None:
    """Gives every reply, refusals too, the common headers. Pages of `origins` may read them.

    `wordings` maps an address to the form of refusals at it and below it, also for addresses that
    do not exist.
    """
    app.before_request(name_request)
    app.before_request(allow_preflight)
    app.after_request(add_headers)
    # Runs after flask-cors: Flask calls the function that was registered last first.
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
    """A pattern for one origin. flask-cors takes `http://[::1]:5173` itself for a pattern."""
    return origin if origin == "*" else re.compile(re.escape(origin) + r"\Z")


class RefusedOrigins:
    """Logs each refused origin once, because the page itself cannot see why it was refused."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, response: Response) -> Response:
        """For `after_request`."""
        origin = request.headers.get("Origin", "")[:MAX_ORIGIN_CHARS]
        is_refused = origin and "Access-Control-Allow-Origin" not in response.headers
        # A page from the relay's own origin needs no permission.
        is_own = origin.partition("://")[2] == request.host
        if is_refused and not is_own and origin not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(origin)
            log.warning("pages of %r may not read replies: CORS_ORIGINS does not name it", origin)
        return response


def allow_preflight() -> Response | None:
    """Answers preflights for unknown addresses, so that a page can read their 404."""
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
    # Keeps nginx from buffering the answer.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def refuse(wordings: Mapping[str, Wording], error: Exception) -> Response:
    """The error handler for everything that fails before the first byte of an answer."""
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
    """The default form of a refusal."""
    response = jsonify(refusal.body(g.request_id))
    response.status_code = refusal.status
    return response


def translated(error: Exception) -> RelayError:
    """Our error for one of Werkzeug's. Any other exception is a bug, and is logged as one."""
    if isinstance(error, RelayError):
        return error
    if isinstance(error, HTTPException) and error.code and 400 <= error.code < 500:
        return from_status(error.code)
    log.error("request %s: a fault of our own", g.request_id, exc_info=error)
    return RelayError()
