"""One connected reader of an answer: notices that the reader left, and cuts a failed answer.

A WSGI generator notices that its reader left only at its next write, and it does not write while
the model is silent. So the reader's socket is watched for the end of its input.
"""

import errno
import logging
from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

from relay.clients.socket_watch import watch
from relay.completions import Reading
from relay.connection_reset import reset_unless_whole
from relay.errors import RelayError

log = logging.getLogger("askbot")


class Reader:
    """The client behind a WSGI `environ`, who reads an answer.

    The reading ends when the connection does. With threads `send_timeout` limits the seconds of one
    write; 0 is no limit. Under gevent `ReplySocket` has the limit. `crowd` holds all readers that
    are connected. Call `close` at the end of the exchange. As a context manager it closes only on
    an exception, because a response outlives the view that made it.
    """

    def __init__(
        self,
        environ: Mapping[str, Any],
        reading: Reading,
        send_timeout: float,
        crowd: set[Hashable],
    ) -> None:
        self.reading = reading
        self._crowd = crowd
        self._socket = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
        self._ends_by_closing = environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
        try:
            self._watch = watch(self._socket, reading.leave, send_timeout)
        except BaseException:
            reading.leave()
            raise
        crowd.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.close()

    def close(self) -> None:
        self._crowd.discard(self)
        self._watch.stop()
        self.reading.leave()

    def deliver(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Passes `chunks` to the server. A failure in them cuts the connection."""
        try:
            with self._cut_unless_whole:
                yield from chunks
        except RelayError:
            raise _cut() from None
        except Exception:
            log.exception("an answer broke off: a bug of the relay")
            raise _cut() from None

    @property
    def _cut_unless_whole(self) -> AbstractContextManager[None]:
        """HTTP/1.0 has no last chunk, so there the connection is reset."""
        if self._ends_by_closing and self._socket is not None:
            return reset_unless_whole(self._socket)
        return nullcontext()


def _cut() -> ConnectionResetError:
    """An error for the server, which then closes without the last chunk and without a log."""
    return ConnectionResetError(errno.ECONNRESET, "the answer was cut")
