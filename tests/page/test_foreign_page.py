"""A page that somebody else made, in a browser that can reach the relay: it gets nothing."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserType, Page, expect

from helpers.completions import keyed, new_key
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import RelayProcess
from helpers.upstream import Upstream

# A name whose owner decides where it leads. The browser is told that it leads here.
FOREIGN_HOST = "foreign.test"

# Each function resolves to what the page has got, or rejects.
ATTEMPTS = """
window.relay = (url, id) => {
  const answer = url + '/aiCompletion/' + id
  const get = (path, init) => fetch(url + path, init).then((reply) => reply.text())
  const form = { method: 'POST', body: new URLSearchParams({ userPrompt: 'Hi' }) }
  const body = '{"userPrompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}'
  const headers = { 'Content-Type': 'application/json' }
  const load = (name, where) => new Promise((resolve, reject) => {
    const element = document.createElement(name)
    element.onload = () => resolve(name)
    element.onerror = () => reject(new Error(name))
    element.src = where
    document.body.append(element)
  })
  return {
    form: () => get('/aiCompletion', form),
    json: () => get('/aiCompletion', { method: 'POST', headers, body }),
    openai: () => get('/v1/chat/completions', { method: 'POST', mode: 'no-cors', body }),
    blind: () => get('/aiCompletion', { ...form, mode: 'no-cors' }),
    beacon: async () => navigator.sendBeacon(url + '/aiCompletion', form.body) && '',
    read: () => get('/aiCompletion/' + id),
    stop: () => get('/aiCompletion/' + id, { method: 'DELETE' }),
    personas: () => get('/personas'),
    liveness: () => get('/'),
    image: () => load('img', answer),
    script: () => load('script', url + '/personas'),
    events: () => new Promise((resolve, reject) => {
      const source = new EventSource(answer)
      source.onmessage = ({ data }) => resolve(data)
      source.onerror = () => { source.close(); reject(new Error('events')) }
    }),
  }
}
"""
NAMES = [
    *("form", "json", "openai", "blind", "beacon", "read", "stop"),
    *("personas", "liveness", "image", "script", "events"),
]
PAGE = f"""<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<body>
<form method="post"><input name="userPrompt" value="Hi"><button>Win a prize</button></form>
<script>{ATTEMPTS}</script>
"""


class Site(http.server.BaseHTTPRequestHandler):
    """The server of the foreign page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def foreign_site() -> Iterator[str]:
    """The address of the foreign page."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{FOREIGN_HOST}:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def foreign_page(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], foreign_site: str
) -> Iterator[Page]:
    """The foreign page, open in a browser of its own."""
    rules = f"--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1"
    options = browser_type_launch_args | {"args": [*browser_type_launch_args["args"], rules]}
    with browser_type.launch(**options) as browser:
        # No policy of the relay's may be what stops it: the attacker's page has none.
        page = browser.new_page(bypass_csp=True)
        page.set_default_timeout(1000 * WAIT_SECONDS)
        page.goto(foreign_site)
        yield page


def attempt(page: Page, name: str, url: str, id: str) -> str:
    """What the page gets; "nothing" if the browser gives it an error."""
    script = "([name, url, id]) => relay(url, id)[name]().catch(() => 'nothing')"
    return str(page.evaluate(script, [name, url, id]))


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_page(
    relay: RelayProcess, upstream: Upstream, foreign_page: Page, name: str
) -> None:
    """Whatever it tries, it gets nothing and costs nothing, even if it knows an answer's id."""
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    seen: list[str] = []
    foreign_page.on("request", lambda request: seen.append(request.url))
    assert attempt(foreign_page, name, relay.url, key) in ("", "nothing")
    assert any(url.startswith(relay.url) for url in seen)
    # It was not stopped either, and the relay has handled all before this.
    assert keyed(relay.url, key).text() == "Hello there."
    assert len(upstream.requests) == 1


def test_a_foreign_form(relay: RelayProcess, upstream: Upstream, foreign_page: Page) -> None:
    """A form that leads to the relay asks nothing, whoever presses its button."""
    form = foreign_page.locator("form")
    form.evaluate("(form, url) => form.action = url", f"{relay.url}/aiCompletion")
    with foreign_page.expect_response(f"{relay.url}/aiCompletion") as refused:
        foreign_page.get_by_role("button", name="Win a prize").click()
    assert refused.value.status == 403
    expect(foreign_page.get_by_text("origin_not_allowed")).to_be_visible()
    assert not upstream.requests


@pytest.mark.parametrize("name", ["form", "json"])
def test_a_name_that_was_led_here(
    relay: RelayProcess, upstream: Upstream, foreign_page: Page, name: str
) -> None:
    """A page whose name leads to the relay (DNS rebinding) has its origin, and is refused."""
    url = f"http://{FOREIGN_HOST}:{urlsplit(relay.url).port}"
    foreign_page.goto(url)
    foreign_page.evaluate(ATTEMPTS)
    assert "origin_not_allowed" in attempt(foreign_page, name, url, "")
    assert not upstream.requests
