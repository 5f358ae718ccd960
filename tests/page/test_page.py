"""The page in Chromium, as a reader meets it: built and served, before the real relay."""

import contextlib
import re
import threading
from itertools import product
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from helpers.limits import GONE_SECONDS, HELD_SECONDS, WORK_SECONDS
from helpers.network_line import Line
from helpers.page_actions import ask, button, conversation, question_field
from helpers.relay_process import RelayProcess, ServePage, StartRelay
from helpers.upstream import WHOLE, Paused, Reply, Upstream, silent_after
from local.fetch import weights_path
from local.model_process import start_model

LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2


# Set up before the page and torn down after it.
pytestmark = pytest.mark.usefixtures("relay")


def test_an_answer_is_seen_arriving(page: Page, upstream: Upstream) -> None:
    """The first piece is on the page while the model still holds back the second."""
    seen = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Light from the sun ")
        assert seen.wait(HELD_SECONDS)
        reply.text("is scattered by the air.")
        reply.finish()

    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Light from the sun")
    expect(conversation(page)).not_to_contain_text("scattered")
    expect(button(page, "Stop")).to_be_visible()
    seen.set()
    expect(conversation(page)).to_contain_text("Light from the sun is scattered by the air.")
    expect(button(page, "Ask")).to_be_visible()
    assert [asked["messages"][-1] for asked in upstream.requests] == [
        {"role": "user", "content": "Why is the sky blue?"}
    ]


def test_stop(page: Page, upstream: Upstream) -> None:
    """Stop closes the request to the model within a second, and keeps the text there is."""
    upstream.answers(silent_after("Light from the sun "))
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Light from the sun")
    button(page, "Stop").click()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
    expect(conversation(page)).to_contain_text("You stopped this answer.")
    expect(conversation(page)).to_contain_text("Light from the sun")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(button(page, "Ask")).to_be_visible()


def test_an_error_in_words(page: Page, upstream: Upstream) -> None:
    """A failure of the model's server is a sentence, with what to quote to the operator."""
    upstream.answers(lambda reply: reply.refuse("401 Unauthorized", {"message": "Bad key"}))
    with page.expect_response("**/aiCompletion") as refusal:
        ask(page, "Why is the sky blue?")
    expect(page.get_by_role("alert")).to_contain_text("The model could not answer.")
    expect(conversation(page)).to_contain_text(refusal.value.headers["x-request-id"])
    expect(page.get_by_text("Bad key")).to_have_count(0)


def test_a_cut(page: Page, upstream: Upstream) -> None:
    """An answer that breaks off stays, is said to be incomplete, and can be asked for again."""
    seen = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Light from the sun ")
        assert seen.wait(HELD_SECONDS)
        reply.reset()

    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Light from the sun")
    seen.set()
    expect(page.get_by_role("alert")).to_contain_text("incomplete")
    expect(conversation(page)).to_contain_text("Light from the sun")
    upstream.forget()
    button(page, "Ask again").click()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_network_comes_back(
    page: Page, relay: RelayProcess, serve_page: ServePage, upstream: Upstream
) -> None:
    """An answer whose connection is lost on the way is whole in the end, and was asked once."""
    with contextlib.ExitStack() as cleanup:
        line = Line(urlsplit(relay.url).port or 0)
        cleanup.callback(line.close)
        page.goto(serve_page(line.url).url)
        paused = Paused(upstream)
        ask(page, "Why is the sky blue?")
        expect(conversation(page)).to_contain_text("햇빛은 공기에서")
        # A browser told to be offline keeps the connections it has: the line itself is cut.
        page.context.set_offline(True)
        with page.expect_event("requestfailed"):
            line.cut()
        paused.go_on.set()
        line.mend()
        page.context.set_offline(False)
        expect(conversation(page)).to_contain_text(WHOLE)
        expect(button(page, "Ask")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
    assert len(upstream.requests) == 1


def test_the_network_comes_back_before_the_first_text(
    page: Page, relay: RelayProcess, serve_page: ServePage, upstream: Upstream
) -> None:
    """A question that was long on its way is not given up: it is answered, and asked once."""
    begin = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        assert begin.wait(HELD_SECONDS)
        reply.text(WHOLE)
        reply.finish()

    with contextlib.ExitStack() as cleanup:
        line = Line(urlsplit(relay.url).port or 0)
        cleanup.callback(line.close)
        page.goto(serve_page(line.url).url)
        ask(page, "Why is the sky blue?")
        expect(conversation(page).get_by_text(re.compile(r"\d s$"))).to_be_visible()
        line.cut()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("may still be writing")
        line.mend()
        begin.set()
        expect(conversation(page)).to_contain_text(WHOLE)
        expect(alert).to_have_count(0)
    assert len(upstream.requests) == 1


def test_a_reload(page: Page, upstream: Upstream) -> None:
    """A page reloaded in mid answer shows the conversation, and reads the answer to its end."""
    ask(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은 공기에서")
    page.reload()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(conversation(page)).to_contain_text("햇빛은 공기에서")
    paused.go_on.set()
    expect(conversation(page)).to_contain_text(WHOLE)
    expect(button(page, "Ask")).to_be_visible()
    assert len(upstream.requests) == 2


def test_a_conversation(page: Page, upstream: Upstream) -> None:
    """The second question goes with the first one and its answer."""
    ask(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    ask(page, "And who am I?")
    expect(page.get_by_text("Hello there.", exact=True)).to_have_count(2)
    sent = [message["content"] for message in upstream.requests[1]["messages"][-3:]]
    assert sent == ["Who are you?", "Hello there.", "And who am I?"]


@pytest.mark.browser_context_args(locale="ko-KR")
def test_in_korean(page: Page, upstream: Upstream) -> None:
    """A Korean reader finds a Korean page; question and answer keep every character."""

    @upstream.answers
    def script(reply: Reply) -> None:
        for text in ("안녕하세요! ", "저는 ", "Askbot", "입니다."):
            reply.text(text)
        reply.finish()

    page.get_by_role("textbox", name="질문 입력").fill("당신은 누구인가요?")
    button(page, "질문하기").click()
    expect(conversation(page)).to_contain_text("안녕하세요! 저는 Askbot입니다.")
    assert upstream.requests[0]["messages"][-1]["content"] == "당신은 누구인가요?"
    expect(page.locator("html")).to_have_attribute("lang", "ko")


def test_enter_in_an_input_method(page: Page, upstream: Upstream) -> None:
    """The Enter that ends a composition sends nothing; the next one sends the question, once."""
    field = question_field(page)
    field.focus()
    keyboard = page.context.new_cdp_session(page)
    composing = {"text": "누구세요", "selectionStart": 4, "selectionEnd": 4}
    keyboard.send("Input.imeSetComposition", composing)
    # 229 is what browsers give for a key that an input method has taken for itself.
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    keyboard.send("Input.insertText", {"text": "누구세요"})
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    expect(field).to_have_value("누구세요")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("?")
    page.keyboard.press("Enter")
    expect(conversation(page)).to_contain_text("Hello there.")
    assert [asked["messages"][-1]["content"] for asked in upstream.requests] == ["누구세요\n?"]


@pytest.mark.browser_context_args(viewport={"width": 320, "height": 568})
def test_a_narrow_window(page: Page, upstream: Upstream) -> None:
    """At 320 pixels nothing has to be scrolled sideways: not words, code, tables or errors."""
    code = f"```\nprint('{LONG_WORD}')\n```\n\n"
    table = f"| a | b |\n|---|---|\n| {LONG_WORD} | {LONG_WORD} |\n\n"

    seen = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text(f"{LONG_WORD}\n\n{code}{table}https://example.org/{LONG_WORD}\n\nThat is all.")
        assert seen.wait(HELD_SECONDS)
        reply.reset()

    ask(page, LONG_WORD)
    expect(conversation(page)).to_contain_text("That is all.")
    seen.set()
    expect(page.get_by_role("alert")).to_be_visible()
    for selector in ("html", "main"):
        widths = "element => [element.scrollWidth, element.clientWidth]"
        needed, there = page.locator(selector).evaluate(widths)
        assert needed <= there <= 320


# It waits for a model four times.
@pytest.mark.timeout(5 * WORK_SECONDS)
def test_a_real_model(page: Page, start_relay: StartRelay, serve_page: ServePage) -> None:
    """The embedded model answers as each persona, in English and in Korean, to the end."""
    if not weights_path().is_file():
        pytest.skip("the model is not there: python -m local.fetch")
    with start_model() as model:
        relay = start_relay(
            OPENAI_BASE_URL=model.base_url,
            OPENAI_API_KEY=model.api_key,
            OPENAI_MODEL=model.name,
            # So that it comes to an end at all: small models like to go on for ever.
            MAX_ANSWER_TOKENS="40",
            FIRST_TEXT_TIMEOUT=f"{WORK_SECONDS:g}",
            IDLE_TIMEOUT=f"{WORK_SECONDS:g}",
        )
        page.goto(serve_page(relay.url).url)
        english = ("What is the capital of France?", re.compile("[A-Za-z]"))
        korean = ("안녕하세요? 당신은 누구인가요?", re.compile("[가-힣]"))
        for persona, (question, letter) in product(("Askbot", "Secretary"), (english, korean)):
            page.get_by_role("radio", name=persona).check()
            ask(page, question)
            turn = page.get_by_role("article").filter(has_text=question)
            heading = turn.get_by_role("heading", name=f"{persona} answered")
            expect(turn).to_contain_text("s to the first words", timeout=1000 * WORK_SECONDS)
            expect(heading.locator("+ div")).to_contain_text(letter)
            expect(button(page, "Ask")).to_be_visible()
            expect(page.get_by_role("alert")).to_have_count(0)
            # A small model sometimes keeps the language of the conversation.
            button(page, "New conversation").click()
