"""Sends a request again that failed before any byte of a response had arrived."""

import random
import time

import httpx2

from relay.deadline import Deadline
from relay.errors import UpstreamTimeout
from relay.settings import Settings
from relay.upstream.cancellation import Cancellation
from relay.upstream.exchange import Exchange
from relay.upstream.refusal import translated
from relay.upstream.transport import Endpoint, Transport

# No byte of a response has arrived, so the reader has seen nothing of an answer.
RETRYABLE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.WriteError, httpx2.ReadError)
RETRY_SECONDS, MAX_RETRY_SECONDS = 0.25, 2.0


class Attempts:
    """The attempts to get one answer. Together they repeat UPSTREAM_RETRIES requests at most."""

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        deadline: Deadline,
        cancellation: Cancellation,
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._deadline = deadline
        self._cancellation = cancellation
        self._retries = 0

    def post(self, endpoint: Endpoint, body: bytes) -> Exchange:
        """The exchange, with the head of a response of any status.

        Raises RelayError or Cancelled.
        """
        while True:
            if self._deadline.passed:
                failure = UpstreamTimeout(
                    detail="FIRST_TEXT_TIMEOUT passed before the request was sent"
                )
                failure.may_cost = False
                raise failure
            try:
                return self._transport.post(
                    endpoint,
                    body,
                    deadline=self._deadline,
                    connect_seconds=self._settings.connect_timeout,
                    cancellation=self._cancellation,
                )
            except httpx2.TransportError as error:
                exhausted = self._retries == self._settings.upstream_retries
                if exhausted or not isinstance(error, RETRYABLE):
                    raise translated(error) from None
            pause = min(RETRY_SECONDS * 2**self._retries, MAX_RETRY_SECONDS)
            # Retries shall not come all at once: nothing secret is drawn.
            time.sleep(pause * random.uniform(0.5, 1))  # nosec B311
            self._cancellation.check()
            self._retries += 1
