"""What moves on the page while an answer is written, and what stays where the reader has it."""

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from helpers.limits import HELD_SECONDS
from helpers.page_actions import ask, button, conversation, exchange, wait_until_kept
from helpers.relay_process import ServePage, StartRelay
from helpers.thinker import SECRET, Thinker
from helpers.upstream import Reply, Upstream, chunk, saying

pytestmark = pytest.mark.usefixtures("relay")


def test_an_answer_that_stalls(page: Page, upstream: Upstream) -> None:
    """A mark stands below an answer until its end; in a long silence it counts the seconds."""
    go_on, end = threading.Event(), threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Light from the sun ")
        assert go_on.wait(HELD_SECONDS)
        reply.text("is scattered.")
        assert end.wait(HELD_SECONDS)
        reply.finish()

    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Light from the sun")
    expect(conversation(page)).to_contain_text("Being written")
    silence = conversation(page).get_by_text(re.compile(r"Still writing …\s*[0-9]+ s"))
    expect(silence).to_be_visible()
    go_on.set()
    expect(conversation(page)).to_contain_text("is scattered.")
    expect(silence).to_have_count(0)
    expect(conversation(page)).to_contain_text("Being written")
    end.set()
    expect(button(page, "Ask")).to_be_visible()
    expect(conversation(page)).not_to_contain_text("Being written")


def test_a_model_that_thinks(page: Page, upstream: Upstream) -> None:
    """The mark says so and counts, and the answer begins where it stood."""
    thinker = Thinker(upstream)
    ask(page, "Hi")
    mark = conversation(page).get_by_text(re.compile(r"Thinking …\s*[0-9]+ s"))
    expect(mark).to_be_visible()
    before = mark.bounding_box()
    thinker.speaks.set()
    answer = conversation(page).get_by_text("안녕하세요")
    expect(answer).to_be_visible()
    expect(mark).to_have_count(0)
    after = answer.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    expect(conversation(page)).not_to_contain_text(SECRET)


def test_thoughts_that_the_relay_shows(
    page: Page, start_relay: StartRelay, serve_page: ServePage, upstream: Upstream
) -> None:
    """They are folded away under the mark, and go when the answer begins."""
    relay = start_relay(CORS_ORIGINS="*", SHOW_THINKING="true")
    page.goto(serve_page(relay.url).url)
    thinker = Thinker(upstream)
    ask(page, "Hi")
    thoughts = conversation(page).get_by_text(SECRET)
    mark = conversation(page).get_by_text("Thinking …")
    expect(mark).to_be_visible()
    expect(thoughts).not_to_be_visible()
    mark.click()
    expect(thoughts).to_be_visible()
    thinker.speaks.set()
    expect(conversation(page)).to_contain_text("안녕하세요")
    expect(thoughts).to_have_count(0)


def test_a_model_that_only_thinks(page: Page, upstream: Upstream) -> None:
    """An answer that comes to nothing is no empty one: the page says what happened."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event(chunk({"reasoning_content": "Hm."}))
        reply.finish("length")

    ask(page, "Hi")
    expect(
        page.get_by_text(
            "The model ended without an answer: it used up its tokens, or only thought."
        )
    ).to_be_visible()
    upstream.answers(saying("Hello there."))
    button(page, "Ask again").click()
    expect(conversation(page)).to_contain_text("Hello there.")


def lines(first: int, last: int) -> str:
    return "".join(f"Line {number}.\n\n" for number in range(first, last + 1))


def scroll_top(page: Page) -> float:
    top: float = conversation(page).evaluate("element => element.scrollTop")
    return top


def test_a_long_answer_is_read_from_its_beginning(page: Page, upstream: Upstream) -> None:
    """A new question goes to the top, and stays there when its answer is longer than the screen."""
    exchange(page, "Who are you?")
    more = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Line 1.")
        assert more.wait(HELD_SECONDS)
        reply.text(f"\n\n{lines(2, 60)}The very end.")
        reply.finish()

    ask(page, "Why is the sky blue?")
    expect(page.get_by_text("Line 1.", exact=True)).to_be_in_viewport()
    question = conversation(page).get_by_text("Why is the sky blue?")
    expect(page.get_by_text("Hello there.")).not_to_be_in_viewport()
    expect(question).to_be_in_viewport()
    before = scroll_top(page)
    more.set()
    expect(button(page, "Ask")).to_be_visible()
    expect(page.get_by_text("The very end.")).to_be_attached()
    expect(question).to_be_in_viewport()
    expect(page.get_by_text("The very end.")).not_to_be_in_viewport()
    assert scroll_top(page) == before
    button(page, "Jump to the latest").click()
    expect(page.get_by_text("The very end.")).to_be_in_viewport()
    expect(button(page, "Jump to the latest")).to_have_count(0)


def test_only_who_goes_to_the_end_follows_it(page: Page, upstream: Upstream) -> None:
    """From there the end stays in sight as it is written, until the reader scrolls up."""
    more, rest = threading.Event(), threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text(lines(1, 60))
        assert more.wait(HELD_SECONDS)
        reply.text(lines(61, 90))
        assert rest.wait(HELD_SECONDS)
        reply.text("The very end.")
        reply.finish()

    ask(page, "Why is the sky blue?")
    button(page, "Jump to the latest").click()
    expect(page.get_by_text("Line 60.")).to_be_in_viewport()
    more.set()
    expect(page.get_by_text("Line 90.")).to_be_in_viewport()
    expect(button(page, "Jump to the latest")).to_have_count(0)
    conversation(page).hover()
    page.mouse.wheel(0, -60)
    expect(button(page, "Jump to the latest")).to_be_visible()
    before = scroll_top(page)
    rest.set()
    expect(button(page, "Ask")).to_be_visible()
    assert scroll_top(page) == before


# Safari tells of a place beyond the end, and then of the end.
BOUNCE = """
() => {
  const view = document.querySelector('main')
  const end = view.scrollHeight - view.clientHeight
  for (const place of [end + 40, end]) {
    Object.defineProperty(view, 'scrollTop', { configurable: true, get: () => place })
    view.dispatchEvent(new Event('scroll'))
  }
  delete view.scrollTop
}
"""


def test_the_bounce_at_the_end(page: Page, upstream: Upstream) -> None:
    """A reader who has scrolled to the end follows it, though the view bounces there."""
    more = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text(lines(1, 60))
        assert more.wait(HELD_SECONDS)
        reply.text(lines(61, 90))
        reply.finish()

    ask(page, "Why is the sky blue?")
    expect(button(page, "Jump to the latest")).to_be_visible()
    conversation(page).hover()
    page.mouse.wheel(0, 100_000)
    expect(page.get_by_text("Line 60.")).to_be_in_viewport()
    expect(button(page, "Jump to the latest")).to_have_count(0)
    page.evaluate(BOUNCE)
    more.set()
    expect(page.get_by_text("Line 90.")).to_be_in_viewport()


def test_there_is_nothing_to_jump_to(page: Page, upstream: Upstream) -> None:
    """When what was long has been replaced by what is short, the latest is in sight."""
    upstream.answers(saying(lines(1, 60)))
    exchange(page, "Why is the sky blue?")
    expect(button(page, "Jump to the latest")).to_be_visible()
    upstream.answers(saying("In short: the air."))
    button(page, "Edit the question").click()
    field = page.get_by_role("textbox", name="Edited question")
    field.fill("Why is the sky blue, in short?")
    field.press("Enter")
    expect(page.get_by_text("In short: the air.")).to_be_in_viewport()
    expect(button(page, "Ask")).to_be_visible()
    expect(button(page, "Jump to the latest")).to_have_count(0)


def test_a_conversation_opens_at_its_end(page: Page, upstream: Upstream) -> None:
    """The last of what was written is what a reader who comes back sees."""
    upstream.answers(saying(f"{lines(1, 60)}The very end."))
    exchange(page, "Why is the sky blue?")
    # An answer that is still to be stored would be resumed, and read from its beginning.
    wait_until_kept(page)
    page.reload()
    expect(page.get_by_text("The very end.")).to_be_in_viewport()
    expect(button(page, "Jump to the latest")).to_have_count(0)
