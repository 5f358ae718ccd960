"""In whose name a request is made."""

import pytest

from relay.access import client_of
from relay.settings import Settings

SETTINGS = Settings.from_environ(
    {"ACCESS_TOKENS": "ana:a-token-of-ana-0001,bo:a-token-of-bo-00002"}
)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "no-address"),
        ("unknown", "no-address"),
        ("192.0.2.7, 192.0.2.8", "no-address"),
        ("token:ana", "no-address"),
    ],
)
def test_addresses(address: str, name: str) -> None:
    """Without a token the address counts; all that is no address counts as one."""
    assert client_of({"REMOTE_ADDR": address}, SETTINGS).name == name


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("Bearer a-token-of-ana-0001", "token:ana"),
        ("bearer  a-token-of-bo-00002 ", "token:bo"),
        ("Bearer a-token-of-ana-0002", "192.0.2.7"),
        ("Bearer", "192.0.2.7"),
        ("Basic a-token-of-ana-0001", "192.0.2.7"),
        ("a-token-of-ana-0001", "192.0.2.7"),
        ("Bearer t\xf6ken", "192.0.2.7"),
    ],
)
def test_tokens(authorization: str, name: str) -> None:
    """A known token has a name, whatever the address; an unknown one is nobody's."""
    environ = {"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": authorization}
    assert client_of(environ, SETTINGS).name == name


def test_nothing_else_takes_part() -> None:
    """What clients make up gives them no other name."""
    made_up = {
        "HTTP_X_FORWARDED_FOR": "203.0.113.1",
        "HTTP_FORWARDED": "for=203.0.113.1",
        "HTTP_X_REAL_IP": "203.0.113.1",
        "HTTP_IDEMPOTENCY_KEY": "a",
        "HTTP_USER_AGENT": "a",
        "HTTP_COOKIE": "id=a",
    }
    assert client_of({"REMOTE_ADDR": "192.0.2.7"} | made_up, SETTINGS).name == "192.0.2.7"
