"""Behind nginx, Caddy and HAProxy, each with its file in deploy/ and nothing else."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from bench.process import free_port
from helpers import page_process
from helpers.certificates import authority
from helpers.client import Cut, Exchange, ask
from helpers.completions import Gated, get, keyed, new_key, receipt
from helpers.limits import GONE_SECONDS, HELD_SECONDS, WORK_SECONDS
from helpers.page_actions import conversation, exchange
from helpers.page_files import SCRIPT, write_page
from helpers.proxy_process import PROXIES, Proxy, deployed
from helpers.relay_process import PATIENT, PROJECT, RelayProcess, start
from helpers.upstream import Reply, Upstream

HIDE_CUTS = ("caddy",)
LIMIT_QUESTIONS = ("nginx", "haproxy")
BROWSER = {"Accept": "text/html,*/*;q=0.8", "Accept-Encoding": "gzip"}
# More than any of the files lets pass.
MANY = 200
# As in haproxy.cfg.
CHECK_INTERVAL_MS = 2_000


def breaking_off(reply: Reply) -> None:
    reply.text("Hello ")
    reply.event("{broken")


@pytest.fixture(scope="module")
def page_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for the built page."""
    return write_page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def deployed_relay(upstream_server: Upstream, page_files: Path) -> Iterator[RelayProcess]:
    """As the files say: it believes the one proxy before it, and has the page for HAProxy."""
    settings = {"TRUSTED_PROXIES": "1", "PAGE_DIR": str(page_files)}
    relay = start(upstream_server, PATIENT | settings, None)
    yield relay
    relay.stop()


@pytest.fixture(scope="module", params=PROXIES)
def running(
    request: pytest.FixtureRequest,
    deployed_relay: RelayProcess,
    page_files: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp(request.param)
    with deployed(request.param, deployed_relay.url, page_files, folder) as proxy:
        yield proxy


@pytest.fixture
def proxied(running: Proxy, upstream: Upstream) -> str:
    """The address of the proxy, before a relay with a scripted model."""
    assert upstream
    return running.url


def test_nothing_is_held_back(proxied: str, upstream: Upstream) -> None:
    """Each piece reaches the reader before the model has written the next."""
    answer = Gated(upstream, "안녕", "하세요", "!")
    reply = ask(proxied)
    answer.let()
    assert reply.piece() == "안녕"
    answer.let()
    assert reply.piece() == "하세요"
    answer.let(2)
    assert reply.text() == "!"
    assert reply.headers["Content-Encoding"] is None


def test_events_are_not_held_back(proxied: str, upstream: Upstream) -> None:
    """Nor are server-sent events, for a browser that would take them packed."""
    answer = Gated(upstream, "One", "Two")
    reply = ask(proxied, Accept="text/event-stream", Accept_Encoding="gzip, br, zstd")
    answer.let()
    assert '{"text":"One"}' in reply.piece().replace(" ", "")
    answer.let(2)
    assert reply.text().endswith("data: [DONE]\n\n")
    assert reply.headers["Content-Encoding"] is None


def test_a_cut_is_told(proxied: str, running: Proxy, upstream: Upstream) -> None:
    """An answer that breaks off is seen to, or its receipt says so where the proxy hides it."""
    upstream.answers(breaking_off)
    key = new_key()
    reply = keyed(proxied, key)
    with contextlib.suppress(Cut) if running.name in HIDE_CUTS else pytest.raises(Cut):
        reply.text()
    assert receipt(proxied, key)["state"] == "failed"


@pytest.mark.parametrize(
    ("running", "version"), [("nginx", b"2"), ("haproxy", b"1.1")], indirect=["running"]
)
def test_a_cut_in_a_browser(
    proxied: str, upstream: Upstream, tmp_path: Path, version: bytes
) -> None:
    """A cut is seen over the version of HTTP that browsers choose there."""
    trusted = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(trusted)
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        gate.wait(HELD_SECONDS)
        reply.reset()

    command = ["curl", "-sSN", "--http2", "--cacert", str(trusted), "-d", "userPrompt=Hi"]
    command += ["-w", "%{http_version}", f"{proxied}/aiCompletion"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout
        assert curl.stdout.read(6) == b"Hello "
        gate.set()
        assert curl.stdout.read() == version
    assert curl.returncode != 0


def test_reading_on(proxied: str, upstream: Upstream) -> None:
    """A reader whose connection broke reads on from where it was."""
    answer = Gated(upstream, "Hello ", "there.")
    key = new_key()
    first = keyed(proxied, key)
    answer.let()
    assert first.piece() == "Hello "
    first.leave()
    rest = get(proxied, key, start=6)
    answer.let(2)
    assert rest.status == 206
    assert rest.text() == "there."


@pytest.mark.parametrize("has_begun", [False, True], ids=["before the first text", "later"])
def test_leaving(proxied: str, upstream: Upstream, has_begun: bool) -> None:
    """The request to the model ends when its reader leaves."""

    @upstream.answers
    def script(reply: Reply) -> None:
        if has_begun:
            reply.text("Hello ")
        reply.until_gone()

    reply = ask(proxied)
    if has_begun:
        assert reply.piece() == "Hello "
    assert upstream.wait_until(lambda server: server.open == 1)
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_refusals_pass(proxied: str) -> None:
    """The relay's own refusals arrive in the relay's words."""
    assert Exchange(proxied, {"userPrompt": ""}).error() == (400, "invalid_request")
    assert Exchange(proxied, method="GET", path="/v1/nothing").status == 404


@pytest.mark.parametrize(
    ("running", "size"), [("nginx", 1_500_000), ("caddy", 10_000_000)], indirect=["running"]
)
def test_too_large(proxied: str, size: int) -> None:
    """What is too large does not reach the relay. The refusal has the form that pages know."""
    reply = Exchange(proxied, {"userPrompt": "x"}, headers={"Content-Length": str(size)})
    assert reply.status == 413
    assert "X-Request-Id" not in reply.headers
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json()["error"]["code"] == "request_too_large"


def test_the_operators_own(proxied: str) -> None:
    """What is for the operator only is not reached from outside."""
    reply = Exchange(proxied, method="GET", path="/metrics")
    assert reply.status == 404
    assert "X-Request-Id" not in reply.headers


@pytest.mark.parametrize("running", ["nginx", "haproxy"], indirect=True)
def test_plain_http(running: Proxy) -> None:
    """Whoever comes without TLS is sent to the address with it. Caddy does so by itself."""
    reply = Exchange(running.plain_url, method="GET", path="/")
    assert reply.status == 301
    assert reply.headers["Location"].startswith("https://")


def test_the_doctor(proxied: str, tmp_path: Path) -> None:
    """It finds nothing wrong with what these files set up, the page included."""
    trusted = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(trusted)
    doctor = subprocess.run(
        [sys.executable, "-m", "doctor", proxied, "--page", f"{proxied}/", "--no-question"],
        cwd=PROJECT,
        env=os.environ | {"SSL_CERT_FILE": str(trusted)},
        capture_output=True,
        text=True,
        timeout=WORK_SECONDS,
        check=False,
    )
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr


@pytest.mark.parametrize("name", PROXIES)
def test_no_relay(name: str, page_files: Path, tmp_path: Path) -> None:
    """While the relay is away, pages are told so in a form that they understand."""
    port = free_port()
    with deployed(name, f"http://127.0.0.1:{port}", page_files, tmp_path) as proxy:
        reply = ask(proxy.url)
        assert reply.status in (502, 503)
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.json()["error"]["code"] == "relay_unreachable"


def test_a_late_check(page_files: Path, tmp_path: Path) -> None:
    """HAProxy does not take a busy relay for down because it is slow to say that it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with deployed("haproxy", url, page_files, tmp_path) as proxy:
            late = proxy.process.wait_for_line(r"is DOWN, reason: Layer7 timeout.*?(\d+)ms")
    assert int(late[1]) > 2 * CHECK_INTERVAL_MS


@pytest.mark.usefixtures("upstream")
@pytest.mark.parametrize("name", LIMIT_QUESTIONS)
def test_too_many_questions(
    name: str, deployed_relay: RelayProcess, page_files: Path, tmp_path: Path
) -> None:
    """Who asks without pause is told to wait, and can still read what was answered."""
    key = new_key()
    with deployed(name, deployed_relay.url, page_files, tmp_path) as proxy:
        assert keyed(proxy.url, key).text() == "Hello there."
        replies = (ask(proxy.url) for _ in range(MANY))
        refused = next(reply for reply in replies if reply.status != 200)
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.json()["error"]["code"] == "rate_limited"
        assert get(proxy.url, key).text() == "Hello there."


def test_the_page(running: Proxy) -> None:
    """It has its headers, is asked for anew each time, and what its names fix is kept for ever."""

    def fetched(path: str) -> Exchange:
        reply = Exchange(running.url, method="GET", path=path, headers=BROWSER)
        assert reply.status == 200
        assert reply.headers.get_all("Content-Security-Policy") == ["frame-ancestors 'none'"]
        assert reply.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert reply.headers["Strict-Transport-Security"]
        return reply

    for path in ("/", "/index.html", "/sw.js", "/manifest.webmanifest"):
        assert fetched(path).headers.get_all("Cache-Control") == ["no-cache"]
    assert fetched("/").headers["Content-Type"].startswith("text/html")
    manifest = fetched("/manifest.webmanifest")
    assert manifest.headers["Content-Type"].startswith("application/manifest+json")
    asset = fetched(SCRIPT)
    caching = asset.headers["Cache-Control"].split(", ")
    assert set(caching) == {"public", "max-age=31536000", "immutable"}
    assert asset.headers["Content-Encoding"] == "gzip"
    assert Exchange(running.url, method="GET", path="/nothing").status == 404


def test_a_readers_page(
    browser: Browser,
    built_page: None,
    deployed_relay: RelayProcess,
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    """Behind nginx the page asks the relay under its own name, and shows the answer."""
    assert built_page is None
    assert upstream
    dist = page_process.BUILT.parent
    with (
        deployed("nginx", deployed_relay.url, dist, tmp_path) as proxy,
        browser.new_context(ignore_https_errors=True) as context,
    ):
        page = context.new_page()
        page.goto(proxy.url)
        exchange(page, "Who are you?")
        expect(conversation(page)).to_contain_text("Hello there.")
