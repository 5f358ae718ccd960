"""What is not sent again."""

import math

import httpx2
import pytest

from relay.deadline import Deadline
from relay.errors import UpstreamTimeout
from relay.settings import Settings
from relay.upstream.cancellation import Cancellation
from relay.upstream.dialer import Dialer
from relay.upstream.retries import Attempts
from relay.upstream.transport import Transport


def test_no_time_is_left() -> None:
    """A question that was never sent costs nothing."""
    transport = Transport(Dialer({}), max_connections=1)
    endpoint = transport.endpoint("http://127.0.0.1:9/", httpx2.Headers())
    attempts = Attempts(transport, Settings(), Deadline.at(-math.inf), Cancellation())
    with pytest.raises(UpstreamTimeout) as failure:
        attempts.post(endpoint, b"{}")
    assert not failure.value.may_cost
