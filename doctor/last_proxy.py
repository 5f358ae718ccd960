"""What the last proxy makes of a request: its version of HTTP, and its sender.

All of it is told by the relay itself, in the header `Askbot-Seen`.
"""

import time
from collections.abc import Callable, Iterator

from doctor.clock import CLOCK, check_clock
from doctor.deployment import SPEAKS_HTTP_2, Deployment, Seen
from doctor.report import Finding, fine, not_checked, wrong

# No client has this address (RFC 5737).
INVENTED_ADDRESS = "192.0.2.77"

HTTP, HTTP_2 = "HTTP version", "HTTP/2"
PROXIES = "client's address"
UNSEEN = (
    "The replies have no header Askbot-Seen: the relay is older than this program, or a proxy "
    "removes the header."
)


def check_last_proxy(
    deployment: Deployment, clock: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Also compares the clocks, by the same reply. Raises Unreachable."""
    before = clock()
    response = deployment.request("GET", "/personas")
    after = clock()
    seen = Seen.in_reply(response.headers)
    yield from check_http(response.http_version, seen)
    if deployment.url.startswith("https:") and not SPEAKS_HTTP_2:
        yield not_checked(
            HTTP_2,
            "Browsers speak it over https where they can, and some proxies hide cuts in it. This "
            "program speaks it once h2 is installed: pip install h2",
        )
    if seen is None:
        yield not_checked(PROXIES, UNSEEN)
        yield not_checked(CLOCK, UNSEEN)
        return
    invented = deployment.request("GET", "/personas", X_Forwarded_For=INVENTED_ADDRESS)
    is_direct = "gunicorn" in response.headers.get("Server", "")
    yield check_proxies(seen, Seen.in_reply(invented.headers), is_direct=is_direct)
    yield check_clock(seen.time, before, after)


def check_http(version: str, seen: Seen | None) -> Iterator[Finding]:
    if version == "HTTP/1.0":
        yield wrong(
            HTTP,
            "The replies are HTTP/1.0, which has no last chunk: an answer that breaks off may look "
            "whole.",
            "Let the proxy speak HTTP/1.1 or later to its clients.",
        )
    if seen is None:
        yield not_checked(HTTP, UNSEEN)
    elif seen.protocol == "HTTP/1.0":
        yield wrong(
            HTTP,
            "The last proxy speaks HTTP/1.0 to the relay, which has no last chunk: another "
            "proxy on the way may take an answer that breaks off for a whole one.",
            "In nginx: proxy_http_version 1.1;",
        )
    elif version != "HTTP/1.0":
        yield fine(HTTP, f"{seen.protocol} arrives at the relay, and {version} here.")


def check_proxies(seen: Seen, invented: Seen | None, *, is_direct: bool) -> Finding:
    """`invented` is how a request arrived that came with an invented X-Forwarded-For."""
    is_invented = invented is not None and invented.forwarded_for == INVENTED_ADDRESS
    if invented is not None and is_invented and invented.is_believed:
        return wrong(
            PROXIES,
            "The relay believes an address that the client itself has written into "
            "X-Forwarded-For, so limits for each client have no effect.",
            "Set TRUSTED_PROXIES to the number of proxies that add to X-Forwarded-For: "
            f"{seen.proxies}.",
        )
    if seen.proxies and not seen.is_believed:
        return wrong(
            PROXIES,
            f"A proxy says that the client is {seen.forwarded_for}, and the relay takes the proxy "
            "for the client: all clients count as one.",
            f"Set TRUSTED_PROXIES={seen.proxies}, if clients can reach the relay only through "
            "the proxy.",
        )
    if not (seen.proxies or is_direct):
        return wrong(
            PROXIES,
            "A proxy stands before the relay and does not say for whom it asks: all clients "
            "count as one.",
            "In nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; in HAProxy: "
            "option forwardfor. Then set TRUSTED_PROXIES.",
        )
    return fine(PROXIES, "The relay knows the client's address.")
