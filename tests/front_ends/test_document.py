"""The code in docs/clients.md does what the document says, with the packages it is written for."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from helpers import front_end_process
from helpers.completions import Gated
from helpers.front_end_process import ADDRESS, Pages, code
from helpers.limits import GONE_SECONDS, HELD_SECONDS, WAIT_SECONDS
from helpers.network_line import Line
from helpers.pictures import GIF, PNG, address
from helpers.relay_process import RelayProcess, StartRelay
from helpers.thinker import SECRET, Thinker
from helpers.upstream import Reply, Upstream

Ask = Callable[[Page], None]
OpenPage = Callable[..., Page]

# What a page did not catch is shown in it, for a test to see.
SHOW_ERRORS = """
const show = (error) => document.body.append(Object.assign(document.createElement('pre'), {
  textContent: `uncaught ${error?.code}: ${error?.message}`,
}))
addEventListener('error', ({ error }) => show(error))
addEventListener('unhandledrejection', ({ reason }) => show(reason))
addEventListener('htmx:error', ({ detail }) => show(detail.error))
"""


def by_itself(page: Page) -> None:
    """The page has asked when it was opened."""


def with_a_form(page: Page) -> None:
    page.get_by_role("textbox", name="Question").fill("Why is the sky blue?")
    page.get_by_role("button", name="Ask").click()


def with_a_button(page: Page) -> None:
    page.get_by_role("button", name="Ask").click()


def in_deep_chat(page: Page) -> None:
    page.locator("#text-input").fill("Why is the sky blue?")
    page.locator("#text-input").press("Enter")


# The pages, and how each is made to ask.
LIVE: dict[str, Ask] = {
    "fetch": with_a_form,
    "askbot-page": by_itself,
    "chat": with_a_form,
    "completion": with_a_form,
    "resume": with_a_button,
    "openai": by_itself,
    "deep-chat": in_deep_chat,
    "assistant-ui": with_a_form,
    "axios": by_itself,
    "event-source": by_itself,
}
ALL = LIVE | {"htmx": with_a_form}
WITH_STOP = ["chat", "completion", "resume", "assistant-ui"]

SAYS_SO = "The model could not be asked"
# A browser on a busy machine may see the connection break before it has handed on why.
BREAKS = re.compile(f"{SAYS_SO}|network error")
# What each shows of an answer that broke off.
BROKEN = dict.fromkeys(LIVE, BREAKS) | {
    "axios": re.compile("Network Error"),
    "htmx": re.compile("uncaught"),
}


def sees(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.get_by_text(text).first).to_be_visible()


def stalls(reply: Reply) -> None:
    reply.text("안녕")
    reply.until_gone()


def breaks_off(reply: Reply) -> None:
    reply.text("Half an ans")
    reply.event("{broken")


@pytest.fixture(scope="session")
def pages() -> Iterator[Pages]:
    if reason := front_end_process.missing():
        pytest.skip(reason)
    front_end_process.build()
    pages = Pages()
    yield pages
    pages.close()


@pytest.fixture
def open_page(pages: Pages, context: BrowserContext, relay: RelayProcess) -> OpenPage:
    """Opens a page by its name: `open_page("fetch")`; the relay may be at another address."""
    context.add_init_script(SHOW_ERRORS)

    def open_one(name: str, relay_url: str = relay.url) -> Page:
        pages.relay_url = relay_url
        page = context.new_page()
        page.goto(f"{pages.url}/{name}.html")
        return page

    return open_one


@pytest.fixture
def line(relay: RelayProcess) -> Iterator[Line]:
    """A way to the relay that can be cut."""
    line = Line(int(relay.url.rpartition(":")[2]))
    yield line
    line.close()


@pytest.mark.parametrize("name", LIVE)
def test_a_model_that_thinks(open_page: OpenPage, upstream: Upstream, name: str) -> None:
    """No thoughts are on the page, and the answer is, as soon as it is there."""
    thinker = Thinker(upstream)
    page = open_page(name)
    LIVE[name](page)
    assert thinker.is_asked.wait(HELD_SECONDS)
    thinker.speaks.set()
    sees(page, "안녕하세요")
    expect(page.get_by_text(SECRET)).to_have_count(0)
    expect(page.get_by_text("uncaught")).to_have_count(0)


@pytest.mark.parametrize("name", LIVE)
def test_an_answer_is_seen_arriving(open_page: OpenPage, upstream: Upstream, name: str) -> None:
    """The first piece is on the page while the model still holds back the second."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    page = open_page(name)
    LIVE[name](page)
    sees(page, "안녕")
    expect(page.get_by_text("하세요")).to_have_count(0)
    gated.let(2)
    sees(page, "안녕하세요")
    assert len(upstream.requests) == 1


def test_htmx_shows_text(open_page: OpenPage, upstream: Upstream) -> None:
    """What a model writes is shown as it is, and never becomes a part of the page."""
    answer = "<img src=x onerror=\"document.title='Taken'\"> if a<b & c"

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text(answer)
        reply.finish()

    page = open_page("htmx")
    with_a_form(page)
    expect(page.locator("output")).to_have_text(answer)
    assert page.title() == "A page"


@pytest.mark.parametrize("name", ALL)
def test_a_refusal(open_page: OpenPage, upstream: Upstream, name: str) -> None:
    """A failure before the first word is told in the relay's own words."""
    upstream.answers(lambda reply: reply.refuse("503 Busy", {"message": "x"}))
    page = open_page(name)
    ALL[name](page)
    sees(page, SAYS_SO)


@pytest.mark.parametrize("name", ALL)
def test_a_failure_in_mid_answer(open_page: OpenPage, upstream: Upstream, name: str) -> None:
    """An answer that breaks off never looks whole."""
    upstream.answers(breaks_off)
    page = open_page(name)
    ALL[name](page)
    sees(page, BROKEN[name])


@pytest.mark.parametrize("name", WITH_STOP)
def test_stop(open_page: OpenPage, upstream: Upstream, name: str) -> None:
    """The page's own button ends the request to the model; what was written stays."""
    upstream.answers(stalls)
    page = open_page(name)
    LIVE[name](page)
    sees(page, "안녕")
    page.get_by_role("button", name="Stop").click()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    sees(page, "안녕")


def test_closing_the_page(open_page: OpenPage, upstream: Upstream) -> None:
    """It ends the request to the model."""
    upstream.answers(stalls)
    page = open_page("fetch")
    with_a_form(page)
    sees(page, "안녕")
    page.close()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_a_reload(open_page: OpenPage, upstream: Upstream) -> None:
    """A chat with a UUID takes its answer up again, and the model is not asked again."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    page = open_page("resume")
    with_a_button(page)
    sees(page, "안녕")
    page.reload()
    sees(page, "안녕")
    gated.let(2)
    sees(page, "안녕하세요")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("name", ["askbot-page", "event-source"])
def test_a_lost_connection(open_page: OpenPage, upstream: Upstream, line: Line, name: str) -> None:
    """The answer goes on where it was, and the model is not asked again."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    page = open_page(name, line.url)
    sees(page, "안녕")
    line.drop()
    gated.let(2)
    expect(page.locator("output")).to_have_text("안녕하세요")
    assert len(upstream.requests) == 1


def test_vites_proxy(
    pages: Pages,
    context: BrowserContext,
    relay: RelayProcess,
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    """Behind it `useChat()` needs no options, and a broken answer is a broken answer."""
    assert pages.url
    server = front_end_process.serve_behind_proxy(relay.url, tmp_path)
    page = context.new_page()
    page.goto(f"{server.url}/chat-by-default.html")
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    with_a_form(page)
    sees(page, "안녕")
    gated.let(2)
    sees(page, "안녕하세요")
    upstream.answers(breaks_off)
    outcome = page.evaluate(
        """() => fetch('/aiCompletion', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: '{"userPrompt": "Hi"}',
        }).then((response) => response.text()).catch((error) => error.name)"""
    )
    assert outcome == "TypeError"
    page.close()
    server.stop()


def test_curl(relay: RelayProcess, upstream: Upstream) -> None:
    """It prints the answer, and its exit status tells a refusal and a cut."""
    command = code("curl").replace(ADDRESS, relay.url)
    assert shell(command) == (0, "Hello there.")
    upstream.answers(breaks_off)
    assert shell(command) == (18, "Half an ans")
    upstream.answers(lambda reply: reply.refuse("503 Busy", {"message": "x"}))
    status, told = shell(command)
    assert status == 22
    assert SAYS_SO in told


def test_curl_goes_on(upstream: Upstream, line: Line, tmp_path: Path) -> None:
    """What broke off on the way is had without asking the model again."""
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    command = code("curl", 1).replace(ADDRESS, line.url)
    curl = subprocess.Popen(["bash", "-c", command], cwd=tmp_path, stderr=subprocess.PIPE)
    answer = tmp_path / "answer.txt"
    while not (answer.exists() and answer.read_text(encoding="utf-8") == "안녕"):
        assert curl.poll() is None
    line.drop()
    gated.let(2)
    curl.communicate(timeout=WAIT_SECONDS)
    assert curl.returncode == 0
    assert answer.read_text(encoding="utf-8") == "안녕하세요"
    assert len(upstream.requests) == 1


def test_openai_for_python(relay: RelayProcess, upstream: Upstream) -> None:
    """It prints the answer, and raises its own error for one that breaks off."""
    program = code("openai for Python").replace(ADDRESS, relay.url)
    assert python(program) == "Hello there."
    upstream.answers(breaks_off)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        python(program)
    assert SAYS_SO in failed.value.stderr


def shell(command: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=WAIT_SECONDS
    )
    return done.returncode, done.stdout


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=WAIT_SECONDS,
    )
    return done.stdout


def test_pictures(
    open_page: OpenPage, start_relay: StartRelay, relay: RelayProcess, upstream: Upstream
) -> None:
    """The AI SDK shows the model the chosen files, or the page the relay's reason against them."""
    files: list[FilePayload] = [
        {"name": "a.png", "mimeType": "image/png", "buffer": PNG},
        {"name": "b.gif", "mimeType": "image/gif", "buffer": GIF},
    ]
    for url in (start_relay(ACCEPT_IMAGES="true").url, relay.url):
        page = open_page("pictures", url)
        page.get_by_label("Pictures").set_input_files(files)
        with_a_form(page)
        sees(page, "Hello there." if url != relay.url else "only text can be asked here")
    (asked,) = upstream.requests
    text, *pictures = asked["messages"][-1]["content"]
    assert text == {"type": "text", "text": "Why is the sky blue?"}
    assert [each["image_url"]["url"] for each in pictures] == [
        address(PNG),
        address(GIF, "image/gif"),
    ]
