"""What the relay tells the doctor about a request."""

import json
import time

from helpers.client import Exchange, ask
from helpers.relay_process import RelayProcess, StartRelay


def test_a_request_is_described(relay: RelayProcess) -> None:
    """A reply says how its request arrived: over which HTTP, for whom, through how many proxies,
    and when. Of the proxies' addresses it says nothing."""
    before = time.time()
    reply = ask(
        relay.url, Askbot_Doctor="1", X_Forwarded_For="203.0.113.9, 10.0.0.1", Origin=relay.url
    )
    seen = json.loads(reply.headers["Askbot-Seen"])
    assert before <= seen.pop("time") <= time.time()
    assert seen == {
        "protocol": "HTTP/1.1",
        "forwarded_for": "203.0.113.9",
        "is_believed": False,
        "proxies": 2,
    }


def test_a_client_behind_a_trusted_proxy(start_relay: StartRelay) -> None:
    """The relay takes what the proxy says for the client, with and without a port beside it."""
    relay = start_relay(TRUSTED_PROXIES="1")
    for written in ("203.0.113.9", "203.0.113.9:4711", "[2001:db8::9]:4711", "2001:db8::9"):
        reply = ask(relay.url, Askbot_Doctor="1", X_Forwarded_For=written)
        assert json.loads(reply.headers["Askbot-Seen"])["is_believed"], written


def test_refusals_too(relay: RelayProcess) -> None:
    """A refusal is described as well."""
    reply = Exchange(relay.url, method="GET", path="/nothing", headers={"Askbot-Doctor": "1"})
    assert reply.status == 404
    assert json.loads(reply.headers["Askbot-Seen"])["proxies"] == 0


def test_only_for_who_asks(relay: RelayProcess) -> None:
    """Other replies do not have the header, and no page of another origin can read it."""
    origin = {"Origin": "http://localhost:5173"}
    reply = Exchange(relay.url, method="GET", path="/personas", headers=origin)
    assert "Askbot-Seen" not in reply.headers
    assert "Askbot-Seen" not in reply.headers["Access-Control-Expose-Headers"]
