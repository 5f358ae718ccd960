"""The page by its keys: nothing that is typed is lost, and every way leads back to the field."""

import pytest
from playwright.sync_api import Page, expect

from helpers.page_actions import ask, button, choose, conversation, exchange, question_field
from helpers.upstream import Paused, Reply, Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")

PHONE = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}


def typed(page: Page, text: str) -> None:
    """What is typed without looking where the focus is, and found in the field."""
    page.keyboard.type(text)
    expect(question_field(page)).to_have_value(text)
    question_field(page).fill("")


def test_what_is_typed_next_is_not_lost(page: Page, upstream: Upstream) -> None:
    """After a suggestion, Continue or asking again the keys write the next question."""
    page.get_by_role("list", name="Suggestions").get_by_role("button").first.click()
    expect(conversation(page)).to_contain_text("Hello there.")
    typed(page, "After a suggestion")

    @upstream.answers
    def begins(reply: Reply) -> None:
        reply.text("One,")
        reply.finish("length")

    exchange(page, "Count.")
    upstream.answers(saying(" two."))
    button(page, "Continue").click()
    expect(conversation(page)).to_contain_text("One, two.")
    typed(page, "After going on")
    button(page, "Ask again").click()
    typed(page, "After asking again")
    expect(button(page, "Ask")).to_be_visible()


def test_what_is_typed_anywhere(page: Page) -> None:
    """Where no element takes the keys, the field does, from the first character on."""
    page.evaluate("document.activeElement.blur()")
    typed(page, "From nowhere")
    exchange(page, "Why?")
    page.get_by_role("main").focus()
    typed(page, "From the conversation")


def test_a_question_that_comes_too_early(page: Page, upstream: Upstream) -> None:
    """Enter during an answer sends nothing, says why, and keeps the question to be sent later."""
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    question_field(page).fill("And at night?")
    question_field(page).press("Enter")
    note = page.get_by_text("An answer is still being written.")
    expect(note).to_be_visible()
    expect(question_field(page)).to_have_value("And at night?")
    paused.go_on.set()
    expect(note).to_have_count(0)
    upstream.answers(saying("Black."))
    question_field(page).press("Enter")
    expect(conversation(page)).to_contain_text("Black.")
    assert upstream.requests[1]["messages"][-1]["content"] == "And at night?"


def test_a_conversation_is_found_by_keys(page: Page) -> None:
    """Control and K, a word, and Enter or an arrow and Enter open what was found."""
    for question in ("Why is the sky blue?", "Why is the sea blue?", "What is a haiku?"):
        exchange(page, question)
        page.keyboard.press("Control+Shift+O")
        expect(page).to_have_title("Askbot")
    choose(page, "Pin", "Why is the sky blue?")
    page.keyboard.press("Control+k")
    page.keyboard.type("haiku")
    page.keyboard.press("Enter")
    expect(page).to_have_title("What is a haiku? – Askbot")
    expect(question_field(page)).to_be_focused()
    page.keyboard.press("Control+k")
    page.get_by_role("searchbox").fill("blue")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Why is the sky blue? – Askbot")
    page.keyboard.press("Control+k")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page).to_have_title("Why is the sea blue? – Askbot")
    expect(question_field(page)).to_be_focused()


def test_escape_leads_to_the_field(page: Page) -> None:
    """From wherever in the page the focus is, once there is nothing to stop, clear or close."""
    exchange(page, "Who are you?")
    for place in (conversation(page), button(page, "Settings"), page.get_by_role("searchbox")):
        place.focus()
        page.keyboard.press("Escape")
        expect(question_field(page)).to_be_focused()
    page.get_by_role("searchbox").fill("sky")
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question_field(page)).to_be_focused()


@pytest.mark.browser_context_args(**PHONE)
def test_a_phone_keeps_its_keyboard_down(page: Page) -> None:
    """Where a field brings up a keyboard it takes the focus only when it is touched."""
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    expect(question_field(page)).not_to_be_focused()
    page.get_by_role("list", name="Suggestions").get_by_role("button").first.tap()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(button(page, "Ask")).to_be_visible()
    page.get_by_role("banner").get_by_role("button", name="New conversation").tap()
    button(page, "Conversations").tap()
    page.get_by_role("dialog").get_by_role("link").tap()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(question_field(page)).not_to_be_focused()
