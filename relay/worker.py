"""gunicorn's gevent worker, whose own refusals look like all others of ours.

What is no HTTP never reaches the app: gunicorn answers it, with a page of HTML that quotes what it
could not read, and logs it.
"""

import contextlib
import json
import logging
import re
import ssl
import time
import uuid
from http import HTTPStatus
from socket import socket
from typing import Any

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

log = logging.getLogger("askbot")

# What is kept of GRACEFUL_TIMEOUT to write down how the last answers ended. Deadline(0) is none.
CLOSING_SECONDS = 2.0
MOMENT_SECONDS = 0.001

# RFC 9110, 7.2: a name or an IPv6 address in brackets, and a port; it may be empty.
HOST = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")

# The first that fits. A header that cannot be sent is one of the app's.
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


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types.
    """gevent's, but for what it says to requests that do not reach the app.

    It also knows how long it may take to end.
    """

    # The app, once it is loaded, which it may refuse.
    wsgi: Any = None

    _told_to_end_at: float | None = None

    @property
    def seconds_left(self) -> float:
        """How long after SIGTERM answers may go on, before gunicorn ends the process."""
        told_at = self._told_to_end_at or time.monotonic()
        end = told_at + self.cfg.graceful_timeout - CLOSING_SECONDS
        return max(float(end - time.monotonic()), MOMENT_SECONDS)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._told_to_end_at = time.monotonic()
        super().handle_exit(sig, frame)

    def handle_request(self, listener_name: Any, req: Any, sock: socket, addr: Any) -> None:
        """A request is for a host, which it names once and properly (RFC 9112, 3.2)."""
        host = next((value for name, value in req.headers if name == "HOST"), None)
        if host is None and req.version < (1, 1):
            host = ""
        if host is None or not HOST.fullmatch(host):
            raise gunicorn_errors.InvalidHeader("HOST", req=req)
        super().handle_request(listener_name, req, sock, addr)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Refuses what was not a request, or failed outside of the app; the connection closes."""
        del req, addr
        request_id = uuid.uuid4().hex
        refusal = refusal_of(exc)
        if refusal.status == 500:
            log.error("request %s: a fault of our own", request_id, exc_info=exc)
        else:
            # Not what it was: that may be somebody's secret, or lines made for the log.
            log.info("request %s: %s: %s", request_id, refusal.code, type(exc).__name__)
        # Whoever sent this may have left, or never meant to read.
        with contextlib.suppress(OSError):
            write_nonblock(client, written(refusal, request_id))
        # Closed with the rest of it unread, the connection would break before the reply arrives.
        close_graceful(client)


def refusal_of(error: BaseException) -> RelayError:
    """The relay's error for one of gunicorn's."""
    return next((ours for theirs, ours in REFUSALS if isinstance(error, theirs)), RelayError)()


def written(refusal: RelayError, request_id: str) -> bytes:
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
            "Cache-Control: no-store, no-transform",
            "X-Content-Type-Options: nosniff",
            "",
            body,
        ]
    ).encode("ascii")
