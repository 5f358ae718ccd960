"""Common to all requests and replies: ids, headers, CORS, and the one error handler.

Only this module of the relay imports Flask.
"""

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from flask import Flask, Response, g, jsonify, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from relay.doctor_header import ASKING_HEADER, SEEN_HEADER, seen
from relay.errors import RelayError, from_status
from relay.reply_headers import COMMON_HEADERS, EXPOSED_HEADERS

METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]
PREFLIGHT_SECONDS = 600
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

T = TypeVar("T")

# Gives a refusal the form of a protocol.
Wording = Callable[[RelayError], Response]
# Gets each refusal, and the exception behind it if that is a bug.
OnRefusal = Callable[[RelayError, Exception | None], None]


def make_uniform(
    app: Flask,
    admit: Callable[[Mapping[str, Any]], None],
    origins: Sequence[str | re.Pattern[str]],
    wordings: Mapping[str, Wording],
    on_refusal: OnRefusal,
) -> None:
    """Gives every reply, refusals too, the common headers. Pages of `origins` may read them.

    `admit` gets a request's environ before anything else does, and raises what refuses it.
    `wordings` maps an address to the form of refusals at it and below it, also for addresses that
    do not exist.
    """
    app.before_request(name_request)
    app.before_request(lambda: admit(request.environ))
    app.before_request(allow_preflight)
    app.after_request(add_headers)
    app.register_error_handler(Exception, partial(refuse, wordings, on_refusal))
    CORS(
        app,
        origins=origins,
        methods=METHODS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
        always_send=False,
    )


def trust_proxies(app: Flask, count: int) -> None:
    """Takes the client's address, and the scheme and host it used, from the last proxies' headers.

    Each proxy adds the address that it sees to X-Forwarded-For. The other two have one value, which
    the last proxy wrote.
    """
    if count:
        fixed = ProxyFix(app.wsgi_app, x_for=count, x_proto=1, x_host=1)
        app.wsgi_app = fixed  # type: ignore[method-assign]  # As Flask's documentation does it.


def allow_preflight() -> Response | None:
    """Answers preflights for unknown addresses, so that a page can read their 404."""
    is_preflight = "Access-Control-Request-Method" in request.headers
    if request.method == "OPTIONS" and is_preflight and request.routing_exception is not None:
        return Response()
    return None


def name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def announce(fields: Mapping[str, str]) -> None:
    """Has the reply to this request carry the headers that `fields` will hold by then."""
    g.announced = fields


def add_headers(response: Response) -> Response:
    headers = response.headers
    # A file of the page has others of these. Looking each up would read all headers every time.
    present = {name.lower() for name, _ in headers}
    headers.extend(
        (name, value) for name, value in COMMON_HEADERS.items() if name.lower() not in present
    )
    headers.extend(g.get("announced", {}))
    headers.add("X-Request-Id", g.request_id)
    # Keeps nginx from buffering the answer.
    headers.add("X-Accel-Buffering", "no")
    if ASKING_HEADER in request.headers:
        headers[SEEN_HEADER] = seen(request.environ, time.time())
    return response


def refuse(wordings: Mapping[str, Wording], on_refusal: OnRefusal, error: Exception) -> Response:
    """The error handler for everything that fails before the first byte of an answer."""
    known = translated(error)
    refusal = known or RelayError()
    on_refusal(refusal, None if known else error)
    response = (at_or_above(request.path, wordings) or in_json)(refusal)
    response.headers.update(refusal.headers)
    if isinstance(error, HTTPException):
        allowed = [value for name, value in error.get_headers() if name == "Allow"]
        response.headers.extend(("Allow", value) for value in allowed)
    return response


def at_or_above(path: str, places: Mapping[str, T]) -> T | None:
    """What stands at the address itself, or at one that it is below; None for any other."""
    path = f"{path}/"
    return next((place for at, place in places.items() if path.startswith(f"{at}/")), None)


def in_json(refusal: RelayError) -> Response:
    """The default form of a refusal."""
    response = jsonify(refusal.body(g.request_id))
    response.status_code = refusal.status
    return response


def translated(error: Exception) -> RelayError | None:
    """Our error for one of Werkzeug's. None for any other exception, which is a bug."""
    if isinstance(error, RelayError):
        return error
    if isinstance(error, HTTPException) and error.code and 400 <= error.code < 500:
        return from_status(error.code)
    return None
