"""Which pages may ask.

A browser names the page that a request comes from in `Origin` and `Sec-Fetch-Site`. No page can
change them, but every other program can: an origin is no proof of who asks.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from relay.errors import OriginNotAllowed

# The allowed origins while CORS_ORIGINS is empty.
LOCAL_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?\Z")

_USUAL_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Origins:
    """The allowed origins: those that are listed, or without a list those of this machine."""

    listed: tuple[str, ...]

    @property
    def patterns(self) -> list[str | re.Pattern[str]]:
        """For flask-cors, which takes `http://[::1]:5173` itself for a pattern."""
        if not self.listed:
            return [LOCAL_ORIGIN]
        return [
            each if each == "*" else re.compile(re.escape(each) + r"\Z") for each in self.listed
        ]

    def include(self, origin: str) -> bool:
        """Whether pages of this origin may ask, and read the replies."""
        if not self.listed:
            return LOCAL_ORIGIN.match(origin) is not None
        return origin in self.listed or "*" in self.listed

    def check(self, environ: Mapping[str, Any]) -> None:
        """Raises OriginNotAllowed for a page that may not ask. Other clients pass."""
        origin, site = environ.get("HTTP_ORIGIN", ""), environ.get("HTTP_SEC_FETCH_SITE", "")
        if "*" in self.listed:
            return
        if not origin:
            # Browsers leave `Origin` out where a page loads a picture or follows a link.
            if site == "cross-site":
                raise OriginNotAllowed()
        elif not (self.include(origin) or _is_own(origin, site, environ)):
            raise OriginNotAllowed()


def _is_own(origin: str, site: str, environ: Mapping[str, Any]) -> bool:
    """Whether the page was served under the relay's own address.

    The browser's word for it is not enough. An attacker's name may lead to the relay's address (DNS
    rebinding), and then the attacker's page has the same origin as the relay.
    """
    is_same = site == "same-origin" or origin == _origin_of(environ)
    return is_same and _cannot_be_rebound(origin)


def _cannot_be_rebound(origin: str) -> bool:
    """Whether the origin has a certificate, or no name that the DNS could lead elsewhere."""
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origin_of(environ: Mapping[str, Any]) -> str:
    """The origin of the request's own address, as browsers write origins."""
    scheme, host = environ.get("wsgi.url_scheme", ""), environ.get("HTTP_HOST", "")
    return f"{scheme}://{host}".lower().removesuffix(_USUAL_PORTS.get(scheme, " "))
