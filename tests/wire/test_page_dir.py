"""A relay that serves the page as well, with PAGE_DIR."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.client import Exchange, ask, connected
from helpers.completions import eventually
from helpers.page_files import SCRIPT, write_page
from helpers.relay_process import RelayProcess, StartRelay, start, worker_of, workers_of
from helpers.upstream import Upstream

# What browsers send when a person goes to an address.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGE = "Askbot</title>"
TOKEN = "a-token-of-ana-0001"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, with a file that has the name of one of the relay's addresses."""
    folder = write_page(tmp_path_factory.mktemp("page"))
    (folder / "ready").write_text("Not the relay's.", encoding="ascii")
    (folder.parent / "secret").write_text("A file beside the page.", encoding="ascii")
    return folder


@pytest.fixture(scope="module")
def serving(upstream_server: Upstream, folder: Path) -> Iterator[RelayProcess]:
    relay = start(upstream_server, {"PAGE_DIR": str(folder)}, None)
    yield relay
    assert relay.stop() == 0


def get(relay: RelayProcess, path: str, **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(relay.url, method="GET", path=path, headers=named)


def test_the_home_page(serving: RelayProcess) -> None:
    """Browsers get the page at `/`; monitors get the sign of life that they have always got."""
    page = get(serving, "/", Accept=BROWSER)
    assert PAGE in page.text()
    assert page.headers["Content-Type"].startswith("text/html")
    for monitor in (get(serving, "/"), get(serving, "/", Accept="*/*")):
        assert monitor.json() == {"data": "success"}
        assert monitor.headers["Vary"] == page.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("path", "content_type", "caching"),
    [
        ("/", "text/html", "no-cache"),
        ("/index.html", "text/html", "no-cache"),
        ("/sw.js", "text/javascript", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        (SCRIPT, "text/javascript", "public, max-age=31536000, immutable"),
    ],
)
def test_headers(serving: RelayProcess, path: str, content_type: str, caching: str) -> None:
    """Every file has its type and its security headers; only names that change are kept."""
    reply = get(serving, path, Accept=BROWSER)
    assert reply.status == 200
    # What the machine calls JavaScript differs.
    assert (
        reply.headers["Content-Type"]
        .replace("application/java", "text/java")
        .startswith(content_type)
    )
    assert set(reply.headers["Cache-Control"].split(", ")) == set(caching.split(", "))
    assert reply.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_has_not_changed(serving: RelayProcess) -> None:
    """It is not sent again."""
    etag = get(serving, "/sw.js").headers["ETag"]
    assert get(serving, "/sw.js", If_None_Match=etag).status == 304


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/aiCompletion", 405),
        ("GET", "/aiCompletion/none", 404),
        ("GET", "/api/chat", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
        ("POST", "/", 405),
        ("GET", "/personas", 200),
        ("GET", "/ready", 200),
    ],
)
def test_the_relays_addresses(serving: RelayProcess, method: str, path: str, status: int) -> None:
    """What a browser meets there is the relay's, as without a page, and so it is elsewhere."""
    reply = Exchange(serving.url, method=method, path=path, headers={"Accept": BROWSER})
    assert reply.status == status
    assert reply.headers["Cache-Control"] == "no-store, no-transform"
    assert "html" not in reply.headers["Content-Type"]


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/assets/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "//etc/passwd",
        "/assets",
    ],
)
def test_nothing_beside_it(serving: RelayProcess, path: str) -> None:
    """No address leads out of the folder, or lists it."""
    assert get(serving, path).status == 404


def test_asking(serving: RelayProcess, upstream: Upstream) -> None:
    """The page asks the relay at its own address."""
    assert upstream
    assert ask(serving.url, Origin=serving.url).text() == "Hello there."


@pytest.mark.usefixtures("upstream")
def test_with_access_tokens(upstream_server: Upstream, folder: Path) -> None:
    """Whoever has no token sees the page, which asks for one, and nothing else."""
    settings = {"PAGE_DIR": str(folder), "ACCESS_TOKENS": f"ana:{TOKEN}"}
    relay = start(upstream_server, settings, None)
    for path in ("/", "/index.html", SCRIPT):
        assert get(relay, path, Accept=BROWSER, Sec_Fetch_Site="cross-site").status == 200
    assert get(relay, "/personas").status == 401
    assert get(relay, "/personas", Authorization=f"Bearer {TOKEN}").status == 200
    assert relay.stop() == 0


@pytest.mark.parametrize("part", ["", "Range: bytes=1-\r\n"], ids=["all", "a part"])
def test_a_client_that_stops_reading(start_relay: StartRelay, tmp_path: Path, part: str) -> None:
    """It is cut off after SEND_TIMEOUT, as the reader of an answer is, and its worker can end."""
    folder = write_page(tmp_path)
    (folder / "large.bin").write_bytes(bytes(50_000_000))
    relay = start_relay(PAGE_DIR=str(folder), SEND_TIMEOUT="1")
    old = worker_of(relay)
    with connected(relay.url) as sock:
        sock.sendall(f"GET /large.bin HTTP/1.1\r\nHost: relay\r\n{part}\r\n".encode())
        assert sock.recv(1) == b"H"
        relay.process.send_signal(signal.SIGHUP)
        relay.wait_for_line("a reader took nothing for too long")
        with sock.makefile("rb") as rest, pytest.raises(ConnectionResetError):
            rest.read()
        eventually(lambda: old not in workers_of(relay))
    assert "Traceback" not in relay.log
