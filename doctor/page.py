"""The host of the page: its policy, what it lets browsers cache, its scheme."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import httpx2

from doctor.deployment import CONNECT_SECONDS, REPLY_SECONDS, origin_of
from doctor.report import Finding, fine, wrong

POLICY, CACHING, ADDRESS = "page's policy", "page's caching", "page's address"

# A relay that serves its page itself gives it to whoever prefers HTML.
BROWSER = "text/html,*/*;q=0.8"

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

_META = re.compile(
    r"<meta\s[^>]*http-equiv=[\"']?Content-Security-Policy[\"']?[^>]*>", re.IGNORECASE
)
_CONTENT = re.compile(r"\scontent=(\"[^\"]*\"|'[^']*')", re.IGNORECASE)

# What a browser asks the host about before it takes a file out of its cache.
ALWAYS_ASKED = re.compile(r"no-store|no-cache|max-age=0\b", re.IGNORECASE)


def check_page(url: str, relay_url: str) -> Iterator[Finding]:
    """All that can be seen of the page without a browser."""
    with httpx2.Client(
        timeout=httpx2.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS), follow_redirects=True
    ) as client:
        try:
            page = client.get(url, headers={"Accept": BROWSER})
            worker = client.get(urljoin(str(page.url), "sw.js"))
        except httpx2.RequestError as error:
            yield wrong(ADDRESS, f"No page comes from {url}: {error}.", "See that its host runs.")
            return
    if page.status_code != 200 or "html" not in page.headers.get("Content-Type", ""):
        kind = page.headers.get("Content-Type", "no type")
        yield wrong(
            ADDRESS,
            f"{url} is no page: status {page.status_code}, {kind}.",
            "Serve frontend/dist there.",
        )
        return
    yield _address(str(page.url), relay_url)
    yield from _policy(page, relay_url)
    yield from _caching(page, worker)


def _address(url: str, relay_url: str) -> Finding:
    page, relay = urlsplit(url), urlsplit(relay_url)
    if page.scheme == "https" and relay.scheme == "http" and relay.hostname not in LOCAL_HOSTS:
        return wrong(
            ADDRESS,
            "The page is served over https and the relay over http: browsers block its questions.",
            "Serve the relay over https too.",
        )
    if page.scheme == "http" and page.hostname not in LOCAL_HOSTS:
        return wrong(
            ADDRESS,
            "The page is served over http: browsers then let it neither be installed nor opened "
            "without a network, and everybody on the way can read along.",
            "Serve it over https.",
        )
    return fine(ADDRESS, "Browsers let the page ask the relay, and install it.")


def _policy(page: httpx2.Response, relay_url: str) -> Iterator[Finding]:
    in_headers = page.headers.get_list("Content-Security-Policy")
    policies = [_directives(each) for each in [*in_headers, *_in_meta(page.text)]]
    mistakes = []
    if not any({"default-src", "script-src"} & each.keys() for each in policies):
        mistakes.append(
            wrong(
                POLICY,
                "The page has no Content-Security-Policy about scripts.",
                "Serve index.html as `npm run build` makes it: the policy is in it.",
            )
        )
    own, relay = origin_of(str(page.url)), origin_of(relay_url)
    if not all(_may_connect(each, own, relay) for each in policies):
        mistakes.append(
            wrong(
                POLICY,
                f"The page's policy does not let it ask {relay}: connect-src does not name it.",
                f"Build the page with VITE_API_URL={relay_url}, and name the relay in a "
                "connect-src of the host's own header too.",
            )
        )
    framed = any("frame-ancestors" in _directives(each) for each in in_headers)
    if not framed and "X-Frame-Options" not in page.headers:
        mistakes.append(
            wrong(
                POLICY,
                "Every site may put the page into a frame, and lead a reader's clicks astray.",
                "Send the header Content-Security-Policy: frame-ancestors 'none' with it. It "
                "does not work in the page itself.",
            )
        )
    yield from mistakes or [fine(POLICY, "The page has a policy, and may ask the relay.")]


def _in_meta(text: str) -> list[str]:
    contents = (_CONTENT.search(tag) for tag in _META.findall(text))
    return [html.unescape(match[1][1:-1]) for match in contents if match is not None]


def _directives(policy: str) -> dict[str, list[str]]:
    words = (directive.split() for directive in policy.split(";"))
    return {name.lower(): sources for name, *sources in (each for each in words if each)}


def _may_connect(policy: dict[str, list[str]], own: str, relay: str) -> bool:
    sources = policy.get("connect-src", policy.get("default-src"))
    if sources is None or "*" in sources:
        return True
    scheme = f"{relay.partition(':')[0]}:"
    named = {each.rstrip("/") for each in sources}
    return (own == relay and "'self'" in named) or relay in named or scheme in named


def _caching(page: httpx2.Response, worker: httpx2.Response) -> Iterator[Finding]:
    mistakes = []
    if worker.status_code != 200 or "javascript" not in worker.headers.get("Content-Type", ""):
        kind = worker.headers.get("Content-Type", "no type")
        mistakes.append(
            wrong(
                CACHING,
                f"sw.js beside the page is no script: status {worker.status_code}, {kind}. The "
                "page cannot be opened without a network.",
                "Serve all of frontend/dist, sw.js as text/javascript, and no page in its place.",
            )
        )
    cached = [
        name
        for name, response in (("The page", page), ("sw.js", worker))
        if not ALWAYS_ASKED.search(response.headers.get("Cache-Control", ""))
    ]
    if cached:
        mistakes.append(
            wrong(
                CACHING,
                f"{' and '.join(cached)} may be taken from a cache without asking the host, so "
                "readers may not get new versions.",
                "Send Cache-Control: no-cache with index.html and sw.js. Files in assets/ may "
                "be cached for ever.",
            )
        )
    yield from mistakes or [fine(CACHING, "Browsers ask for new versions of the page.")]
