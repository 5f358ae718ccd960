"""The first check of every request: who may ask at all."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from relay.access.listen_address import is_loopback
from relay.access.origins import Origins
from relay.access.token import authorization, holder
from relay.errors import NotFound, OriginNotAllowed, Unauthorized
from relay.settings import Settings

log = logging.getLogger("askbot")

# Monitors ask at these addresses. They cost nothing, and say nothing that a page could use.
METRICS = "/metrics"
FOR_EVERY_PAGE = ("/", "/ready", METRICS)
WITHOUT_TOKEN = ("/", "/ready")

# Clients can send any origin, so these limits keep them from filling the log.
MAX_TOLD, MAX_ORIGIN_CHARS = 100, 200

PROXY_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


class Gate:
    """Refuses whoever may not ask, by the head of the request alone.

    It logs each refused origin once, because the page itself cannot see why it was refused.
    `public` are the addresses of files that everybody may have.
    """

    def __init__(self, settings: Settings, public: Collection[str] = ()) -> None:
        self._origins = Origins(settings.cors_origins)
        self._tokens = settings.access_tokens
        self._knows_proxies = self._is_behind_proxies = settings.trusted_proxies > 0
        self._shows_metrics = settings.metrics_public
        self._for_every_page = frozenset([*FOR_EVERY_PAGE, *public])
        self._without_token = frozenset([*WITHOUT_TOKEN, *public])
        self._told: set[str] = set()

    def admit(self, environ: Mapping[str, Any]) -> None:
        """Raises OriginNotAllowed, Unauthorized, or NotFound for metrics that are not shown."""
        self._notice_proxy(environ)
        is_read = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        path = environ["PATH_INFO"]
        if is_read and path == METRICS:
            self._check_metrics(environ)
            return
        if not (is_read and path in self._for_every_page):
            self._check_origin(environ)
        is_free = (is_read and path in self._without_token) or _is_preflight(environ)
        if self._tokens and not is_free:
            self._check_token(environ)

    def _check_origin(self, environ: Mapping[str, Any]) -> None:
        try:
            self._origins.check(environ)
        except OriginNotAllowed:
            self._tell(environ.get("HTTP_ORIGIN", "")[:MAX_ORIGIN_CHARS])
            raise

    def _check_metrics(self, environ: Mapping[str, Any]) -> None:
        """Metrics are for programs of the same machine, and for whoever has a token.

        A proxy of the same machine is no such program: it asks for others.
        """
        is_from_here = is_loopback(environ.get("REMOTE_ADDR", "")) and not (
            self._is_behind_proxies or _came_by_proxy(environ)
        )
        if self._shows_metrics or is_from_here:
            return
        if not self._tokens:
            raise NotFound()
        self._check_token(environ)

    def _check_token(self, environ: Mapping[str, Any]) -> None:
        if holder(environ, self._tokens) is None:
            raise Unauthorized(was_sent=bool(authorization(environ)))

    def _tell(self, origin: str) -> None:
        if origin and origin not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(origin)
            log.warning("pages of %r may not ask: CORS_ORIGINS does not name it", origin)

    def _notice_proxy(self, environ: Mapping[str, Any]) -> None:
        if self._knows_proxies or not _came_by_proxy(environ):
            return
        self._knows_proxies = True
        log.warning(
            "a request seems to come through a proxy, and TRUSTED_PROXIES is 0: all clients behind "
            "that proxy count as one"
        )


def _came_by_proxy(environ: Mapping[str, Any]) -> bool:
    return any(name in environ for name in PROXY_HEADERS)


def _is_preflight(environ: Mapping[str, Any]) -> bool:
    """Browsers send no token with the question whether they may."""
    is_options = environ["REQUEST_METHOD"] == "OPTIONS"
    return is_options and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
