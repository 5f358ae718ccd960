"""The page as the relay itself serves it, with PAGE_DIR: one process for everything."""

from pathlib import Path

from playwright.sync_api import Page, expect

from helpers import page_process
from helpers.page_actions import conversation, exchange, question_field, wait_until_kept
from helpers.relay_process import StartRelay
from helpers.upstream import Upstream

READY = "navigator.serviceWorker.ready.then(() => true)"
# The browser keeps connections open that a relay which ends would wait for.
SERVING = {"PAGE_DIR": str(page_process.BUILT.parent), "GRACEFUL_TIMEOUT": "1"}


def test_one_process(page: Page, start_relay: StartRelay, upstream: Upstream) -> None:
    """A reader asks, gets the answer, and finds it again when the relay is gone."""
    assert upstream
    relay = start_relay(**SERVING)
    page.goto(relay.url)
    page.evaluate(READY)
    exchange(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    wait_until_kept(page)
    page.reload()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    relay.stop()
    page.reload()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(question_field(page)).to_be_editable()


def test_in_a_frame(page: Page, start_relay: StartRelay, tmp_path: Path) -> None:
    """No other page can show it in a frame, to have a reader press its buttons unseen."""
    relay = start_relay(**SERVING)
    frames = f"<iframe src='{relay.url}/index.html'></iframe>"
    (tmp_path / "index.html").write_text(frames, encoding="ascii")
    framing = start_relay(**SERVING | {"PAGE_DIR": str(tmp_path)})
    other = page.context.new_page()
    other.goto(framing.url)
    # What Chromium shows instead of what it may not.
    assert other.frames[1].url == "chrome-error://chromewebdata/"
