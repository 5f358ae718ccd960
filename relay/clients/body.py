"""Reads a request's body, within limits of size and time."""

import contextlib
from typing import IO, Any

import gevent
from gevent import monkey

from relay.errors import BodyStalled, InvalidRequest, RequestTooLarge

NOT_WHOLE = "The body did not arrive whole."


def read_body(
    stream: IO[bytes], *, declared_bytes: int | None, max_bytes: int, timeout: float
) -> bytes:
    """The whole body of a request. `timeout` is in seconds. For both limits 0 is no limit.

    Raises RequestTooLarge, also for a chunked body, BodyStalled, and InvalidRequest for a body that
    breaks off.
    """
    if max_bytes and (declared_bytes or 0) > max_bytes:
        raise RequestTooLarge()
    try:
        with _deadline(timeout):
            body = stream.read(max_bytes + 1 if max_bytes else -1)
    except BodyStalled:
        raise
    except Exception as error:
        # gunicorn and Werkzeug raise different errors for bodies that break off or are malformed.
        raise InvalidRequest(NOT_WHOLE) from error
    if len(body) < (declared_bytes or 0):
        # gunicorn takes the end of the connection for the end of the body.
        raise InvalidRequest(NOT_WHOLE)
    if max_bytes and len(body) > max_bytes:
        raise RequestTooLarge()
    return body


def _deadline(seconds: float) -> contextlib.AbstractContextManager[Any]:
    if not seconds or not monkey.is_module_patched("socket"):
        return contextlib.nullcontext()
    return gevent.Timeout(seconds, BodyStalled())
