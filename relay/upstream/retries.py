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


def post_with_retries(
    transport: Transport,
    endpoint: Endpoint,
    body: bytes,
    settings: Settings,
    deadline: Deadline,
    cancellation: Cancellation,
) -> Exchange:
    """The exchange, with the head of a response of any status. Raises RelayError or Cancelled."""
    retries = 0
    while True:
        if deadline.passed:
            raise UpstreamTimeout(detail="no time left to ask")
        try:
            return transport.post(
                endpoint,
                body,
                deadline=deadline,
                connect_seconds=settings.connect_timeout,
                cancellation=cancellation,
            )
        except httpx2.TransportError as error:
            if retries == settings.upstream_retries or not isinstance(error, RETRYABLE):
                raise translated(error) from None
        pause = min(RETRY_SECONDS * 2**retries, MAX_RETRY_SECONDS)
        # Retries shall not come all at once: nothing secret is drawn.
        time.sleep(pause * random.uniform(0.5, 1))  # nosec B311
        cancellation.check()
        retries += 1
