"""The reader's side: taking in the question, noticing that they left, cutting an answer off.

A WSGI generator learns that its reader left only when it next writes, and while the model is
silent it does not write. So the reader's socket is watched for the end of its input.
"""

import contextlib
import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import gevent
from gevent import monkey

from relay.clients.watch import reset_on_close, watch
from relay.errors import InvalidRequest, RelayError, RequestTooLarge
from relay.upstream import Cancelled

log = logging.getLogger("askbot")


def read_body(
    stream: IO[bytes], *, declared_bytes: int | None, max_bytes: int, timeout: float
) -> bytes:
    """A request's body, whole. `timeout` is in seconds; for both limits 0 is none.

    Raises RequestTooLarge, also for a body sent in chunks without a length, or InvalidRequest for
    one that does not arrive.
    """
    if max_bytes and (declared_bytes or 0) > max_bytes:
        raise RequestTooLarge()
    try:
        with _body_deadline(timeout):
            body = stream.read(max_bytes + 1 if max_bytes else -1)
    except Exception as error:
        # Servers have errors of their own for bodies that break off or are badly framed.
        raise InvalidRequest("The body did not arrive whole.") from error
    if max_bytes and len(body) > max_bytes:
        raise RequestTooLarge()
    return body


def _body_deadline(seconds: float) -> contextlib.AbstractContextManager[Any]:
    if not seconds or not monkey.is_module_patched("socket"):
        return contextlib.nullcontext()
    return gevent.Timeout(seconds, TimeoutError("the body stalled"))


class Reader:
    """Whoever waits for an answer, as far as the server's `environ` lets us know.

    `on_gone` is called, from wherever, when they close their connection or it breaks.
    `send_timeout` is how many seconds one write may take; 0 is no limit.
    """

    def __init__(
        self, environ: Mapping[str, Any], on_gone: Callable[[], None], send_timeout: float
    ) -> None:
        self._socket = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
        self._ends_by_closing = environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
        self._watch = watch(self._socket, on_gone, send_timeout)

    def deliver(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Passes `chunks` on, for the server to write. A failure in them cuts the connection."""
        try:
            for chunk in chunks:
                self._watch.sending()
                yield chunk
                self._watch.sent()
        except (RelayError, Cancelled):
            raise self._cut() from None
        except Exception:
            log.exception("an answer broke off by a fault of our own")
            raise self._cut() from None

    def close(self) -> None:
        self._watch.stop()

    def _cut(self) -> ConnectionResetError:
        """To be raised at the server: it closes without the last chunk, and without a trace.

        HTTP/1.0 has no last chunk, so there the connection itself must be seen to break.
        """
        if self._ends_by_closing and self._socket is not None:
            reset_on_close(self._socket)
        return ConnectionResetError(errno.ECONNRESET, "the answer was cut")
