"""Who may read the metrics."""

import pytest

from relay.access import Gate
from relay.errors import NotFound, RelayError, Unauthorized
from relay.settings import Settings

TOKEN = "a-token-of-somebody"
BEARER = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
HERE, ELSEWHERE = {"REMOTE_ADDR": "127.0.0.1"}, {"REMOTE_ADDR": "192.0.2.7"}


def refusal(environ: dict[str, str], **settings: str) -> type[RelayError] | None:
    gate = Gate(Settings.from_environ({name.upper(): value for name, value in settings.items()}))
    try:
        gate.admit({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"} | environ)
    except RelayError as error:
        return type(error)
    return None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"])
def test_programs_of_the_same_machine(address: str) -> None:
    """They may, also where everybody else needs a token."""
    assert refusal({"REMOTE_ADDR": address}) is None
    assert refusal({"REMOTE_ADDR": address}, access_tokens=f"ana:{TOKEN}") is None


@pytest.mark.parametrize(
    "header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA"]
)
def test_a_proxy_of_the_same_machine(header: str) -> None:
    """It asks for somebody else, who may not."""
    assert refusal(HERE | {header: "127.0.0.1"}) is NotFound
    assert refusal(HERE, trusted_proxies="1") is NotFound


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "10.0.0.1", ""])
def test_others(address: str) -> None:
    """They find nothing, or are asked for a token where there are tokens."""
    others = {"REMOTE_ADDR": address}
    assert refusal(others) is NotFound
    tokens = {"access_tokens": f"ana:{TOKEN}"}
    assert refusal(others, **tokens) is Unauthorized
    assert refusal(others | {"HTTP_AUTHORIZATION": "Bearer x"}, **tokens) is Unauthorized
    assert refusal(others | BEARER, **tokens) is None
    assert refusal(others | BEARER) is NotFound


def test_everybody() -> None:
    """The operator can open them, also to pages."""
    assert refusal(ELSEWHERE, metrics_public="true") is None
    assert refusal(ELSEWHERE, metrics_public="true", access_tokens=f"ana:{TOKEN}") is None
    assert refusal(HERE | {"HTTP_ORIGIN": "https://a.example"}) is None
