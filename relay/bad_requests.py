"""What is refused before it reaches the app, because it is not valid HTTP.

gunicorn would answer it with a page of HTML, and would quote the request in the page and in the
log. Pages that may read replies may read these too, if the request's headers could be read.
"""

import json
import re
import ssl
from http import HTTPStatus
from typing import Any

from gunicorn.http import Request, RequestParser
from gunicorn.http import errors as gunicorn_errors
from gunicorn.util import http_date

from relay.errors import (
    AddressTooLong,
    ExpectationRefused,
    HeadTooLarge,
    InvalidRequest,
    RelayError,
    UnknownCoding,
)
from relay.reply_headers import COMMON_HEADERS

# RFC 9110, 7.2: a name or an IPv6 address in brackets, and a port. It may be empty.
HOST = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")

# The first match counts. An invalid response header is a bug of the app.
REFUSALS: list[tuple[type[Exception], type[RelayError]]] = [
    (gunicorn_errors.InvalidResponseHeader, RelayError),
    (gunicorn_errors.InvalidResponseHeaderName, RelayError),
    (gunicorn_errors.ConfigurationProblem, RelayError),
    (gunicorn_errors.LimitRequestLine, AddressTooLong),
    (gunicorn_errors.LimitRequestHeaders, HeadTooLarge),
    (gunicorn_errors.ExpectationFailed, ExpectationRefused),
    (gunicorn_errors.UnsupportedTransferCoding, UnknownCoding),
    (gunicorn_errors.ParseException, InvalidRequest),
    (ssl.SSLError, InvalidRequest),
]


ORIGIN = re.compile(rb"^origin:[ \t]*([^\s]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class TracedRequest(Request):  # type: ignore[misc]  # gunicorn ships no types.
    """gunicorn's request. It tells its error the origin of the page that sent it."""

    def __init__(self, *args: Any) -> None:
        self._head = b""
        try:
            super().__init__(*args)
        except gunicorn_errors.ParseException as error:
            error.origin = self.origin()
            raise

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        if not from_trailer:
            self._head = bytes(data)
        headers: list[tuple[str, str]] = super().parse_headers(data, from_trailer)
        return headers

    def origin(self) -> str:
        """The value of `Origin`; "" if there is not exactly one, or the headers never arrived."""
        found = ORIGIN.findall(self._head)
        return found[0].decode("latin-1") if len(found) == 1 else ""


# The class that gunicorn's parser makes requests of.
RequestParser.mesg_class = TracedRequest


def check_host(req: Any) -> None:
    """Raises gunicorn's InvalidHeader for a request without a valid `Host` (RFC 9112, 3.2)."""
    host = next((value for name, value in req.headers if name == "HOST"), None)
    if host is None and req.version < (1, 1):
        host = ""
    if host is None or not HOST.fullmatch(host):
        raise gunicorn_errors.InvalidHeader("HOST", req=req)


def origin_of(req: Any, error: BaseException) -> str:
    """The origin of the page that sent a refused request; "" if it is not known."""
    origin: str = req.origin() if req else getattr(error, "origin", "")
    return origin


def refusal_of(error: BaseException) -> RelayError:
    """The relay's error for one of gunicorn's."""
    return next((ours for theirs, ours in REFUSALS if isinstance(error, theirs)), RelayError)()


def written(refusal: RelayError, request_id: str, origin: str | None) -> bytes:
    """The whole reply. A page of `origin` may read it."""
    headers = dict(COMMON_HEADERS)
    if origin is not None:
        headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "X-Request-Id",
            "Vary": "Origin",
        }
    body = json.dumps(refusal.body(request_id))
    return "\r\n".join(
        [
            f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
            f"Date: {http_date()}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Request-Id: {request_id}",
            *(f"{name}: {value}" for name, value in headers.items()),
            "",
            body,
        ]
    ).encode("ascii")
