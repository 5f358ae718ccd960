"""The page as an app: kept for when there is no network, renewed when the reader says so, small."""

import gzip
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from helpers import page_process
from helpers.limits import GONE_SECONDS, WAIT_SECONDS
from helpers.page_actions import (
    ask,
    button,
    conversation,
    exchange,
    question_field,
    wait_until_kept,
)
from helpers.relay_process import RelayProcess, ServePage, StartRelay
from helpers.upstream import Reply, Upstream

pytestmark = pytest.mark.usefixtures("relay")

MOST_SCRIPT_BYTES = 165_000
MOST_STYLE_BYTES = 12_000
# No relay is there.
NOBODY = "http://127.0.0.1:9"
READY = "navigator.serviceWorker.ready.then(() => true)"


@pytest.fixture
def copy(built_page: None, tmp_path: Path) -> Path:
    """A copy of the built page that a test may change."""
    assert built_page is None
    return Path(shutil.copytree(page_process.BUILT.parent, tmp_path / "dist"))


def test_without_its_server(
    page: Page, relay: RelayProcess, copy: Path, serve_page: ServePage
) -> None:
    """A page that was there once opens without its server, says so, and shows what it keeps."""
    server = serve_page(relay.url, copy)
    page.goto(server.url)
    page.evaluate(READY)
    exchange(page, "Who are you?")
    wait_until_kept(page)
    server.stop()
    page.reload()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(page.get_by_text("The assistant cannot be reached")).to_be_visible()
    expect(question_field(page)).to_be_editable()


def test_a_new_version(page: Page, relay: RelayProcess, copy: Path, serve_page: ServePage) -> None:
    """It is offered, waits until it is wanted, and then shows itself; another tab is left alone."""
    server = serve_page(relay.url, copy)
    page.goto(server.url)
    page.evaluate(READY)
    page.reload()
    other = page.context.new_page()
    other.goto(server.url)
    other.evaluate("window.isOld = true")
    shell = copy / "index.html"
    html = shell.read_text(encoding="utf-8")
    shell.write_text(html.replace("<title>", "<title>New: "), encoding="utf-8")
    worker = copy / "sw.js"
    code = worker.read_text(encoding="utf-8")
    revision = code.split('url:"index.html",revision:"')[1].split('"')[0]
    worker.write_text(code.replace(revision, "0" * 32), encoding="utf-8")
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    expect(page.get_by_text("There is a new version of this page.")).to_be_visible()
    page.evaluate("window.isOld = true")
    # A worker that has just been busy makes the next one wait.
    page.wait_for_load_state("networkidle")
    button(page, "Reload").click()
    page.wait_for_function("() => window.isOld === undefined")
    expect(page.get_by_text("There is a new version of this page.")).to_have_count(0)
    assert "New: " in page.evaluate("fetch('./').then((shell) => shell.text())")
    assert other.evaluate("window.isOld")


def test_the_worker_leaves_questions_alone(
    page: Page, relay: RelayProcess, copy: Path, serve_page: ServePage
) -> None:
    """Once it is in control, asking still goes to the relay, and what is kept is the page only."""
    server = serve_page(relay.url, copy)
    page.goto(server.url)
    page.evaluate(READY)
    page.reload()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    exchange(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    kept = page.evaluate("""async () => {
        const opened = (await caches.keys()).map((name) => caches.open(name))
        const kept = (await Promise.all(opened)).map((cache) => cache.keys())
        return (await Promise.all(kept)).flat().map(({ url }) => new URL(url).pathname)
    }""")
    assert any(path.endswith("index.html") for path in kept)
    assert not [path for path in kept if "aiCompletion" in path or "personas" in path]


def test_apart_from_its_relay(
    page: Page, start_relay: StartRelay, serve_page: ServePage, upstream: Upstream, tmp_path: Path
) -> None:
    """Built for a relay of another origin, the page asks there, and stops there."""
    relay = start_relay(CORS_ORIGINS="*")
    page_process.build_into(tmp_path / "dist", VITE_API_URL=relay.url)
    server = serve_page(NOBODY, tmp_path / "dist")
    page.goto(server.url)
    exchange(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    upstream.answers(Reply.until_gone)
    ask(page, "And then?")
    assert upstream.wait_until(lambda server: server.open == 1)
    button(page, "Stop").click()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_it_can_be_installed(page: Page) -> None:
    """The browser finds nothing missing in the web app's manifest."""
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    problems = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A window that leaves no traces cannot keep an app either.
    assert [each["errorId"] for each in problems if each["errorId"] != "in-incognito"] == []


def test_the_first_visit_is_small(browser: Browser, base_url: str) -> None:
    """Scripts and styles of a first visit, compressed as hosts do, keep to what was promised."""
    responses: list[Response] = []
    # The worker fetches everything once more, for the visits after this one.
    page = browser.new_page(base_url=base_url, service_workers="block")
    page.set_default_timeout(1000 * WAIT_SECONDS)
    page.on("response", lambda response: responses.append(response))
    page.goto("/", wait_until="networkidle")
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    sizes = {"script": 0, "stylesheet": 0}
    for response in responses:
        kind = response.request.resource_type
        if kind in sizes:
            sizes[kind] += len(gzip.compress(response.body(), 9))
    page.close()
    assert 0 < sizes["script"] <= MOST_SCRIPT_BYTES
    assert 0 < sizes["stylesheet"] <= MOST_STYLE_BYTES
