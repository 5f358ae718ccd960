"""What the page says when something is not as it should be, and what it lets the reader do."""

import contextlib
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserType, Page, Route, expect

from helpers import page_process
from helpers.limits import GONE_SECONDS, HELD_SECONDS, WAIT_SECONDS, WORK_SECONDS
from helpers.network_line import Line
from helpers.nginx_process import start_nginx
from helpers.page_actions import (
    ask,
    button,
    conversation,
    exchange,
    question_field,
    stopped_clock,
    wait_until_kept,
)
from helpers.relay_process import RelayProcess, ServePage, StartRelay
from helpers.upstream import WHOLE, Paused, Reply, Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")


def counted_down(page: Page, seconds: int) -> None:
    """Sees a wait of `seconds` from its beginning to its end."""
    expect(button(page, f"Ask again in {seconds} seconds")).to_be_visible()
    page.clock.run_for(1000 * (seconds - 1))
    expect(button(page, "Ask again in 1 second")).to_be_visible()
    page.clock.run_for(1000)
    expect(button(page, "Ask again")).to_be_visible()


def test_too_many_questions(
    page: Page, start_relay: StartRelay, serve_page: ServePage, upstream: Upstream
) -> None:
    """A reader who has asked too much is told so, and how long to wait."""
    relay = start_relay(QUESTIONS_PER_DAY="1")
    page.goto(serve_page(relay.url).url)
    exchange(page, "Who are you?")
    with stopped_clock(page):
        ask(page, "Who are they?")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("That was too many questions for now. Please wait")
        expect(page.get_by_role("button", name="Ask again in")).to_be_visible()
    assert len(upstream.requests) == 1


def test_try_again_later(page: Page, upstream: Upstream) -> None:
    """A wait that is asked for is counted down; then nothing is sent by itself."""
    status = "429 Too Many Requests"
    upstream.answers(lambda reply: reply.refuse(status, {"message": "No"}, Retry_After="30"))
    with stopped_clock(page):
        ask(page, "Why is the sky blue?")
        expect(page.get_by_role("alert")).to_contain_text("The model is getting too many questions")
        expect(page.get_by_role("alert")).to_contain_text("Please wait 30 seconds")
        counted_down(page, 30)
        page.clock.run_for("01:00")
    assert len(upstream.requests) == 1
    upstream.forget()
    button(page, "Ask again").click()
    expect(conversation(page)).to_contain_text("Hello there.")


BUSY = """
default_type application/json;
add_header Retry-After 30 always;
if ($request_method = POST) {
    return 503 '{"error": {"code": "overloaded", "message": "Busy.", "request_id": "r"}}';
}
"""


def test_a_busy_relay(
    page: Page, relay: RelayProcess, serve_page: ServePage, upstream: Upstream, tmp_path: Path
) -> None:
    """The same for a server that refuses in front of the model."""
    with start_nginx(relay.url, tmp_path, BUSY) as busy:
        page.goto(serve_page(busy).url)
        with stopped_clock(page):
            ask(page, "Why is the sky blue?")
            expect(page.get_by_role("alert")).to_contain_text("The server is busy.")
            counted_down(page, 30)
    assert upstream.requests == []


def test_waiting(page: Page, upstream: Upstream) -> None:
    """Before the first text the page says that it waits; Stop works then, too."""
    seen = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        seen.set()
        reply.until_gone()

    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Waiting for the first words")
    expect(button(page, "Stop")).to_be_visible()
    assert seen.wait(WAIT_SECONDS)
    page.keyboard.press("Escape")
    expect(conversation(page)).to_contain_text("You stopped this answer.")
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_the_receipt(page: Page) -> None:
    """An answer that is whole says how long it took and how many tokens it had."""
    exchange(page, "Who are you?")
    expect(conversation(page)).to_contain_text("s to the first words")
    expect(conversation(page)).to_contain_text("7 in, 3 out")


def test_the_receipt_after_a_reload(page: Page, upstream: Upstream) -> None:
    """It tells how long the first words took, and not how soon the page had them again."""
    first, rest = threading.Event(), threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        assert first.wait(WAIT_SECONDS)
        reply.text("Light ")
        assert rest.wait(WAIT_SECONDS)
        reply.text("is scattered.")
        reply.finish()

    ask(page, "Why is the sky blue?")
    # That it has lasted for seconds is what the page says itself.
    expect(conversation(page).get_by_text(re.compile(r"^([5-9]|\d\d) s$"))).to_be_visible()
    first.set()
    expect(conversation(page)).to_contain_text("Light")
    page.reload()
    expect(conversation(page)).to_contain_text("Light")
    rest.set()
    expect(conversation(page)).to_contain_text("s to the first words")
    # As a page that had just been loaded would count.
    expect(conversation(page)).not_to_contain_text(re.compile(r"\b[01]\.[0-9] s to the first"))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("length", "The answer reached the longest length allowed here."),
        ("content_filter", "The model’s provider ended this answer."),
    ],
)
def test_an_early_end(page: Page, upstream: Upstream, reason: str, words: str) -> None:
    """An answer that its provider ended early says so, and keeps what there is."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("As far as")
        reply.finish(reason)

    exchange(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("As far as")
    expect(conversation(page)).to_contain_text(words)


def test_an_empty_answer(page: Page, upstream: Upstream) -> None:
    """It is said to be empty, and can be asked for again."""
    upstream.answers(lambda reply: reply.finish())
    exchange(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("The answer was empty.")
    expect(button(page, "Ask again")).to_be_visible()


def test_no_relay_at_the_start(page: Page, relay: RelayProcess, serve_page: ServePage) -> None:
    """The page says so once, in a visitor's words; a relay that comes back it notices by itself."""
    with contextlib.ExitStack() as cleanup:
        line = Line(urlsplit(relay.url).port or 0)
        cleanup.callback(line.close)
        line.cut()
        page.goto(serve_page(line.url).url)
        away = page.get_by_text("The assistant cannot be reached")
        expect(away).to_have_count(1)
        expect(page.get_by_text("make run")).to_have_count(0)
        ask(page, "Who are you?")
        expect(page.get_by_role("alert")).to_contain_text("The assistant cannot be reached.")
        expect(away).to_have_count(1)
        button(page, "New conversation").click()
        expect(button(page, "Reconnect")).to_be_visible()
        line.mend()
        expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
        expect(away).to_have_count(0)
        exchange(page, "Who are you?")


def test_a_page_that_was_hidden(page: Page, relay: RelayProcess, serve_page: ServePage) -> None:
    """It notices a relay that is back as soon as it is seen again."""
    show = """(state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }"""
    with contextlib.ExitStack() as cleanup:
        line = Line(urlsplit(relay.url).port or 0)
        cleanup.callback(line.close)
        line.cut()
        page.clock.install()
        page.goto(serve_page(line.url).url)
        expect(page.get_by_text("The assistant cannot be reached")).to_be_visible()
        page.evaluate(show, "hidden")
        page.clock.run_for(60_000)
        line.mend()
        page.evaluate(show, "visible")
        expect(page.get_by_role("radio", name="Askbot")).to_be_visible()


def test_no_relay_in_development(page: Page) -> None:
    """Who works on the page is told how to start the relay, or to name another."""
    with contextlib.ExitStack() as cleanup:
        # Nobody listens where nobody may.
        server = page_process.develop("http://127.0.0.1:1")
        cleanup.callback(server.stop)
        page.goto(server.url)
        notice = page.get_by_text("The assistant cannot be reached.")
        expect(notice).to_contain_text("make run", timeout=1000 * WORK_SECONDS)
        expect(notice).to_contain_text("RELAY_URL")


def test_the_last_known_greeting(page: Page) -> None:
    """Who answers is shown at once, as it was last told, while the relay is asked again."""
    page.get_by_role("radio", name="Secretary").check()
    held: list[Route] = []
    page.route("**/personas", lambda route: held.append(route))
    with page.expect_request("**/personas"):
        page.reload()
        expect(page.get_by_role("radio", name="Secretary")).to_be_checked()
        expect(conversation(page)).to_contain_text("I am the secretary of Hong Gildong.")
    for route in held:
        route.continue_()


TOKEN = "a-token-of-the-page"


@pytest.fixture
def guarded(start_relay: StartRelay) -> str:
    """The address of a relay that asks for a token."""
    return start_relay(ACCESS_TOKENS=f"reader:{TOKEN}").url


def test_an_access_code(page: Page, guarded: str, serve_page: ServePage) -> None:
    """It is asked for, refused when wrong, and kept for as long as the tab is there."""
    page.goto(serve_page(guarded).url)
    notice = page.get_by_text("This server asks for an access code.")
    expect(notice).to_be_visible()
    field = page.get_by_label("Access code")
    field.fill("guess")
    field.press("Enter")
    expect(page.get_by_text("This code was not accepted.")).to_be_visible()
    field.fill(TOKEN)
    button(page, "Enter").click()
    expect(notice).to_have_count(0)
    exchange(page, "Who are you?")
    page.reload()
    expect(conversation(page)).to_contain_text("Hello there.")
    exchange(page, "And who am I?")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_text("This server asks for an access code.")).to_be_visible()


def test_an_access_code_for_a_question(page: Page, guarded: str, serve_page: ServePage) -> None:
    """Asked without it, a question is not lost: with the code it is answered."""
    page.goto(serve_page(guarded).url)
    ask(page, "Who are you?")
    form = conversation(page).get_by_label("Access code")
    form.fill(TOKEN)
    form.press("Enter")
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(page.get_by_label("Access code")).to_have_count(0)


def test_offline(
    start_relay: StartRelay,
    serve_page: ServePage,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
) -> None:
    """Without a network the page opens, says so, shows what it has, and keeps what is written."""
    server = serve_page(start_relay(CORS_ORIGINS="*").url)
    # A relay on the reader's own machine needs no network; this one looks like another's.
    address = server.url.replace("127.0.0.1", page_process.OTHER_HOST)
    options = browser_type_launch_args | {
        "args": [
            *browser_type_launch_args["args"],
            f"--host-resolver-rules=MAP {page_process.OTHER_HOST} 127.0.0.1",
            f"--unsafely-treat-insecure-origin-as-secure={address}",
        ]
    }
    with browser_type.launch(**options) as browser:
        context = browser.new_context(base_url=address)
        context.set_default_timeout(1000 * WAIT_SECONDS)
        page = context.new_page()
        page.goto("/")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        exchange(page, "Who are you?")
        wait_until_kept(page)
        context.set_offline(True)
        expect(page.get_by_text("You are offline.")).to_be_visible()
        page.reload()
        expect(page.get_by_text("You are offline.")).to_be_visible()
        expect(conversation(page)).to_contain_text("Hello there.")
        question_field(page).fill("And who am I?")
        context.set_offline(False)
        expect(page.get_by_text("You are offline.")).to_have_count(0)
        question_field(page).press("Enter")
        expect(page.get_by_text("Hello there.", exact=True)).to_have_count(2)


def test_a_browser_that_keeps_nothing(page: Page) -> None:
    """The conversation goes on, and the page says that it will end with it."""
    page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    page.reload()
    expect(page.get_by_text("This browser keeps nothing")).to_be_visible()
    exchange(page, "Who are you?")
    exchange(page, "And who am I?")
    expect(page.get_by_text("Hello there.", exact=True)).to_have_count(2)


def test_a_browser_that_is_full(page: Page) -> None:
    """So it does where a conversation could be read, but not written."""
    page.add_init_script("""
        const put = IDBObjectStore.prototype.put
        IDBObjectStore.prototype.put = function (...record) {
          const request = put.apply(this, record)
          this.transaction.abort()
          return request
        }
    """)
    page.reload()
    exchange(page, "Who are you?")
    expect(page.get_by_text("This browser keeps nothing")).to_be_visible()
    exchange(page, "And who am I?")


def test_a_relay_that_goes_away(
    page: Page, relay: RelayProcess, serve_page: ServePage, upstream: Upstream
) -> None:
    """An answer whose relay is away for long is not given up: it is read on later, asked once."""
    with contextlib.ExitStack() as cleanup:
        line = Line(urlsplit(relay.url).port or 0)
        cleanup.callback(line.close)
        page.goto(serve_page(line.url).url)
        paused = Paused(upstream)
        ask(page, "Why is the sky blue?")
        expect(conversation(page)).to_contain_text("햇빛은 공기에서")
        line.cut()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("may still be writing")
        expect(conversation(page)).to_contain_text("햇빛은 공기에서")
        expect(button(page, "Reconnect")).to_be_visible()
        paused.go_on.set()
        line.mend()
        expect(conversation(page)).to_contain_text(WHOLE)
        expect(alert).to_have_count(0)
        assert len(upstream.requests) == 1


def test_an_answer_that_alone_is_out_of_reach(
    page: Page, relay: RelayProcess, serve_page: ServePage, upstream: Upstream
) -> None:
    """It is read on by itself also where the relay has answered everything else all the time."""
    with contextlib.ExitStack() as cleanup:
        line = Line(urlsplit(relay.url).port or 0)
        cleanup.callback(line.close)
        page.goto(serve_page(line.url).url)
        paused = Paused(upstream)
        ask(page, "Why is the sky blue?")
        expect(conversation(page)).to_contain_text("햇빛은 공기에서")
        page.route("**/aiCompletion/*", lambda route: route.abort())
        line.cut()
        line.mend()
        expect(page.get_by_role("alert")).to_contain_text("may still be writing")
        paused.go_on.set()
        page.unroute("**/aiCompletion/*")
        expect(conversation(page)).to_contain_text(WHOLE)
        assert len(upstream.requests) == 1


def test_a_part_of_the_page_that_cannot_be_loaded(page: Page) -> None:
    """What is loaded only when it is opened says so when it cannot be; the rest goes on."""
    page.route("**/assets/Panels*", lambda route: route.abort())
    button(page, "Settings").click()
    expect(page.get_by_role("dialog", name="Not loaded")).to_be_visible()
    page.keyboard.press("Escape")
    exchange(page, "Who are you?")


def test_an_answer_that_cannot_be_drawn(page: Page, upstream: Upstream) -> None:
    """Markdown that is too deep to be drawn is shown as the text it is, also after a reload."""
    upstream.answers(saying(">" * 5000 + " deep"))
    # React tells the console of it, so this is for another tab.
    page = page.context.new_page()
    page.goto("/")
    exchange(page, "Quote.")
    for _ in range(2):
        expect(conversation(page)).to_contain_text(">>>> deep")
        expect(button(page, "Ask")).to_be_visible()
        page.reload()


# As a browser does that translates pages: each text gets an element of its own.
TRANSLATE = """
() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = []
  while (texts.nextNode()) {
    const text = texts.currentNode
    if (!text.parentElement.closest('[translate=no]')) found.push(text)
  }
  for (const text of found) {
    const translated = document.createElement('font')
    translated.textContent = text.data
    text.replaceWith(translated)
  }
}
"""


@pytest.mark.browser_context_args(permissions=["clipboard-read", "clipboard-write"])
def test_a_page_that_the_browser_translates(page: Page, upstream: Upstream) -> None:
    """It shows the whole answer, and goes on working."""
    steps = [threading.Event() for _ in range(3)]

    @upstream.answers
    def script(reply: Reply) -> None:
        for step, text in zip(
            steps, ["Light **from** the", " sun **is", "** scattered."], strict=True
        ):
            assert step.wait(HELD_SECONDS)
            reply.text(text)
        reply.finish()

    ask(page, "Why is the sky blue?")
    expect(page.get_by_text("Waiting for the first words")).to_be_visible()
    for step, shown in zip(steps, ["from the", "sun is", "is scattered."], strict=True):
        page.evaluate(TRANSLATE)
        step.set()
        expect(conversation(page)).to_contain_text(shown)
    expect(conversation(page)).to_contain_text("Light from the sun is scattered.")
    expect(button(page, "Ask")).to_be_visible()
    button(page, "Copy the answer").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    page.evaluate(TRANSLATE)
    expect(page.get_by_text("Copied")).to_have_count(0)
    page.get_by_role("searchbox").fill("sk")
    page.evaluate(TRANSLATE)
    page.get_by_role("searchbox").fill("sky")
    expect(page.get_by_role("navigation").locator("mark").first).to_have_text("sky")
    upstream.answers(lambda reply: reply.refuse("401 Unauthorized", {"message": "Bad key"}))
    ask(page, "And red?")
    expect(page.get_by_role("alert")).to_contain_text("The model could not answer.")


def test_a_page_that_cannot_be_drawn(page: Page) -> None:
    """It says so, and lets the reader take what the browser has stored."""
    exchange(page, "Who are you?")
    wait_until_kept(page)
    # React tells the console of it, so this is for another tab.
    broken = page.context.new_page()
    broken.add_init_script("Intl.DateTimeFormat = function () { throw new Error('A defect.') }")
    broken.goto("/")
    expect(broken.get_by_role("alert")).to_contain_text(
        "Your conversations are still in this browser"
    )
    with broken.expect_download() as download:
        button(broken, "Export all").click()
    assert "Hello there." in download.value.path().read_text(encoding="utf-8")
    button(broken, "Reload").click()
    expect(broken.get_by_role("alert")).to_be_visible()


def test_an_access_code_that_cannot_be_sent(
    page: Page, guarded: str, serve_page: ServePage
) -> None:
    """Letters of an input method that was left on are refused at once, and can be written anew."""
    page.goto(serve_page(guarded).url)
    field = page.get_by_label("Access code")
    field.fill("열려라 참깨")
    field.press("Enter")
    expect(page.get_by_text("This code was not accepted.")).to_be_visible()
    field.fill(TOKEN)
    field.press("Enter")
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
