"""gunicorn's gevent worker, with our form for the requests that gunicorn itself refuses.

A request that is not HTTP never reaches the app. gunicorn would answer it with a page of HTML, and
would quote the request in the page and in the log. Pages that may read replies may read these too,
if the request's headers could be read.
"""

import contextlib
import json
import logging
import re
import ssl
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from socket import socket
from typing import Any

import gevent
from gunicorn.glogging import Logger
from gunicorn.http import Request, RequestParser
from gunicorn.http import errors as gunicorn_errors
from gunicorn.util import close_graceful, http_date, write_nonblock
from gunicorn.workers.ggevent import GeventWorker

from relay.errors import (
    AddressTooLong,
    ExpectationRefused,
    HeadTooLarge,
    InvalidRequest,
    RelayError,
    UnknownCoding,
)
from relay.half_closed import ProbedSocket
from relay.headers import COMMON_HEADERS
from relay.log import line_format

# The part of GRACEFUL_TIMEOUT that is reserved for cutting readers off and for the last receipts.
CLOSING_SECONDS = 2.0
# Not 0, because Deadline(0) is no limit.
MOMENT_SECONDS = 0.001

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


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types.
    """The gevent worker with refusals of its own for requests that do not reach the app.

    When it is told to end it also closes what the app has open: `close` gets the seconds that
    running answers may take. `may_read` says whether pages of an origin may read replies.
    `on_refusal` gets each refusal with its request id, the connection's address, and the exception
    behind it if that is a bug.
    """

    close: Callable[[float], None] | None = None
    may_read: Callable[[str], bool] | None = None
    on_refusal: Callable[[str, str, RelayError, BaseException | None], None] | None = None

    _closing: Any = None

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM. gunicorn waits for connections, and kills the worker after GRACEFUL_TIMEOUT."""
        graceful = float(self.cfg.graceful_timeout)
        self._begin_closing(max(graceful - CLOSING_SECONDS, graceful / 2))
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT: at once."""
        self._begin_closing(MOMENT_SECONDS)
        super().handle_quit(sig, frame)

    def wait_until_closed(self) -> None:
        """Called last, in whatever way the worker ends."""
        self._begin_closing(MOMENT_SECONDS)
        if self._closing is not None:
            self._closing.join()

    def _begin_closing(self, seconds: float) -> None:
        # Without an app there is nothing to close.
        if self._closing is None and self.close is not None:
            self._closing = gevent.spawn(self.close, seconds)

    def handle_request(self, listener_name: Any, req: Any, sock: socket, addr: Any) -> None:
        """Refuses a request without a valid `Host` (RFC 9112, 3.2)."""
        host = next((value for name, value in req.headers if name == "HOST"), None)
        if host is None and req.version < (1, 1):
            host = ""
        if host is None or not HOST.fullmatch(host):
            raise gunicorn_errors.InvalidHeader("HOST", req=req)
        # Within TLS nothing can be sent behind the back of the library.
        line = sock if isinstance(sock, ssl.SSLSocket) else ProbedSocket(sock)
        super().handle_request(listener_name, req, line, addr)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Refuses a request that is malformed or failed outside the app, and closes."""
        request_id = uuid.uuid4().hex
        refusal = refusal_of(exc)
        # Without the request itself: it may hold a secret.
        refusal.detail = type(exc).__name__
        if self.on_refusal is not None:
            address = addr[0] if isinstance(addr, tuple) else ""
            fault = exc if refusal.status == 500 else None
            self.on_refusal(request_id, address, refusal, fault)
        # The client may have left.
        with contextlib.suppress(OSError):
            write_nonblock(client, written(refusal, request_id, self._cors_headers(req, exc)))
        # A close with unread input would reset the connection before the reply arrives.
        close_graceful(client)

    def _cors_headers(self, req: Any, error: BaseException) -> dict[str, str]:
        origin = req.origin() if req else getattr(error, "origin", "")
        if not origin or self.may_read is None or not self.may_read(origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "X-Request-Id",
            "Vary": "Origin",
        }


class Log(Logger):  # type: ignore[misc]  # gunicorn ships no types.
    """gunicorn's own log, in the form of the relay's."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setFormatter(line_format(handler.stream))


def refusal_of(error: BaseException) -> RelayError:
    """The relay's error for one of gunicorn's."""
    return next((ours for theirs, ours in REFUSALS if isinstance(error, theirs)), RelayError)()


def written(refusal: RelayError, request_id: str, headers: Mapping[str, str]) -> bytes:
    """The whole reply."""
    body = json.dumps(refusal.body(request_id))
    return "\r\n".join(
        [
            f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
            f"Date: {http_date()}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Request-Id: {request_id}",
            *(f"{name}: {value}" for name, value in {**COMMON_HEADERS, **headers}.items()),
            "",
            body,
        ]
    ).encode("ascii")
