"""Which pages may ask."""

from collections.abc import Mapping

import pytest

from relay.access import Origins
from relay.errors import OriginNotAllowed


def is_allowed(origins: Origins, **environ: str) -> bool:
    try:
        origins.check({"wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1:2000"} | environ)
    except OriginNotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("listed", "origin", "allowed"),
    [
        ((), "http://localhost:3000", True),
        ((), "http://127.0.0.1:5174", True),
        ((), "http://[::1]:8080", True),
        ((), "https://localhost", True),
        ((), "http://localhost.example:3000", False),
        ((), "http://127.0.0.1.example", False),
        ((), "http://127.0.0.1:5173.example", False),
        ((), "http://127x0x0x1", False),
        ((), "http://mylocalhost", False),
        ((), "http://localhost\n", False),
        ((), "file://localhost", False),
        ((), "null", False),
        (("https://a.example",), "https://a.example", True),
        (("https://a.example",), "https://a.example.evil.com", False),
        (("https://a.example",), "https://axexample", False),
        (("https://a.example",), "http://a.example", False),
        (("https://a.example",), "http://localhost:5173", False),
        (("https://a.example",), "null", False),
        (("http://[::1]:5173",), "http://[::1]:5173", True),
        (("*",), "https://anywhere.example", True),
        (("*",), "null", True),
    ],
)
def test_origins(listed: tuple[str, ...], origin: str, allowed: bool) -> None:
    """An origin is allowed as it is written, and no other that only begins or looks like it."""
    origins = Origins(listed)
    assert is_allowed(origins, HTTP_ORIGIN=origin) is allowed
    assert origins.include(origin) is allowed


@pytest.mark.parametrize(
    ("site", "allowed"),
    [("cross-site", False), ("same-site", True), ("same-origin", True), ("none", True), ("", True)],
)
def test_requests_without_an_origin(site: str, allowed: bool) -> None:
    """A picture or a link in a foreign page is refused; curl and servers say nothing and pass."""
    headers = {"HTTP_SEC_FETCH_SITE": site} if site else {}
    assert is_allowed(Origins(("https://a.example",)), **headers) is allowed
    assert is_allowed(Origins(("*",)), **headers)


BEHIND_TLS = {"wsgi.url_scheme": "https", "HTTP_HOST": "chat.example"}


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [
        # A proxy that passes scheme and host on, with the port or without.
        (BEHIND_TLS | {"HTTP_ORIGIN": "https://chat.example"}, True),
        (
            BEHIND_TLS | {"HTTP_HOST": "Chat.example:443", "HTTP_ORIGIN": "https://chat.example"},
            True,
        ),
        (BEHIND_TLS | {"HTTP_ORIGIN": "https://chat.example.evil"}, False),
        (BEHIND_TLS | {"HTTP_ORIGIN": "http://chat.example"}, False),
        # A proxy that passes nothing on. Only the browser can say that the origin is the same.
        ({"HTTP_ORIGIN": "https://chat.example", "HTTP_SEC_FETCH_SITE": "same-origin"}, True),
        ({"HTTP_ORIGIN": "https://chat.example", "HTTP_SEC_FETCH_SITE": "same-site"}, False),
        ({"HTTP_ORIGIN": "https://chat.example"}, False),
        # Addresses without a name, in a home network.
        ({"HTTP_ORIGIN": "http://192.0.2.7:80", "HTTP_HOST": "192.0.2.7:80"}, False),
        ({"HTTP_ORIGIN": "http://192.0.2.7", "HTTP_HOST": "192.0.2.7:80"}, True),
        ({"HTTP_ORIGIN": "http://192.0.2.7:5173", "HTTP_HOST": "192.0.2.7:5173"}, True),
        ({"HTTP_ORIGIN": "http://[2001:db8::1]", "HTTP_HOST": "[2001:db8::1]"}, True),
        ({"HTTP_ORIGIN": "http://192.0.2.8", "HTTP_HOST": "192.0.2.7"}, False),
        # A name that an attacker's name server leads here, with what a page there can make up.
        ({"HTTP_ORIGIN": "http://evil.example:2000", "HTTP_HOST": "evil.example:2000"}, False),
        ({"HTTP_ORIGIN": "http://evil.example", "HTTP_SEC_FETCH_SITE": "same-origin"}, False),
        ({"HTTP_ORIGIN": "http://[evil", "HTTP_HOST": "[evil"}, False),
        ({"HTTP_ORIGIN": "null", "HTTP_HOST": "null", "HTTP_SEC_FETCH_SITE": "same-origin"}, False),
    ],
)
def test_pages_under_the_same_address(environ: Mapping[str, str], allowed: bool) -> None:
    """They may ask, unless their name could have been led here by somebody else's name server."""
    assert is_allowed(Origins(("https://a.example",)), **environ) is allowed
