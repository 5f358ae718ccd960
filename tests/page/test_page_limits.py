"""What the relay takes at most is counted before it is sent; long questions are set as texts."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from helpers.page_actions import ask, button, conversation, exchange, question_field
from helpers.upstream import Upstream

pytestmark = pytest.mark.usefixtures("relay")


def tell(page: Page, limits: dict[str, int | None] | None) -> Page:
    """The page before a relay that tells of these limits, or of none."""

    def answer(route: Route) -> None:
        told = route.fetch()
        route.fulfill(response=told, body=json.dumps({**told.json(), "limits": limits}))

    page.route("**/personas", answer)
    with page.expect_response("**/personas"):
        page.reload()
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    return page


@pytest.fixture
def limited(page: Page) -> Page:
    return tell(page, {"max_question_chars": 100, "max_messages": 4, "images": None})


def test_the_field_counts(limited: Page, upstream: Upstream) -> None:
    """Near the limit it tells what is left, and beyond it sends nothing, but keeps the question."""
    field = question_field(limited)
    field.fill("x" * 80)
    expect(limited.get_by_text("characters")).to_have_count(0)
    # Which is one character, though more than one unit of what JavaScript counts.
    field.fill("x" * 94 + "😀")
    expect(limited.get_by_text("5 characters left")).to_be_visible()
    field.fill("x" * 103)
    expect(limited.get_by_text("Too long by 3 characters")).to_be_visible()
    field.press("Enter")
    expect(button(limited, "Ask")).to_be_disabled()
    expect(field).to_have_value("x" * 103)
    assert upstream.requests == []
    field.fill("x" * 100)
    field.press("Enter")
    expect(conversation(limited)).to_contain_text("Hello there.")


def test_an_edit_counts_too(limited: Page, upstream: Upstream) -> None:
    """Also a question that is asked in other words is not sent beyond the limit."""
    exchange(limited, "Who are you?")
    button(limited, "Edit the question").click()
    field = limited.get_by_role("textbox", name="Edited question")
    field.fill("x" * 101)
    field.press("Enter")
    expect(limited.get_by_text("Too long by 1 character", exact=True)).to_be_visible()
    expect(field).to_have_value("x" * 101)
    assert len(upstream.requests) == 1


def test_a_conversation_goes_on_beyond_the_limit(limited: Page) -> None:
    """Of its messages no more are sent than the relay takes, and the newest of them."""
    for number in range(3):
        exchange(limited, f"Question {number}")
    with limited.expect_request("**/aiCompletion") as asked:
        exchange(limited, "The last one")
    body = asked.value.post_data_json
    assert body is not None
    sent = [message["content"] for message in body["messages"]]
    assert sent == ["Question 2", "Hello there.", "The last one"]


def test_a_question_that_is_refused_for_its_length(page: Page, upstream: Upstream) -> None:
    """Where no limit was told, the refusal speaks of the question, which can be edited."""
    tell(page, None)
    ask(page, "x" * 16_001)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Shorten the question")
    expect(button(page, "Ask again")).to_have_count(0)
    conversation(page).get_by_role("button", name="Edit the question").last.click()
    field = page.get_by_role("textbox", name="Edited question")
    field.fill("Who are you?")
    field.press("Enter")
    expect(conversation(page)).to_contain_text("Hello there.")
    assert len(upstream.requests) == 1


LONG = "Please mend **this**:\n\n```py\n" + "x = 1\n" * 30 + "```\n\nThank you.\nIn advance."


def test_a_long_question_is_folded(page: Page) -> None:
    """It is set as the text it is, its code as code, and takes eight lines until it is unfolded."""
    ask(page, LONG)
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(conversation(page).locator("strong")).to_have_text("this")
    expect(conversation(page).get_by_role("region", name="Code")).to_be_attached()
    end = page.get_by_text("Thank you.")
    expect(end).not_to_be_in_viewport()
    button(page, "Show all").click()
    expect(end).to_be_visible()
    height = conversation(page).locator("article > :nth-child(2)").evaluate("e => e.clientHeight")
    button(page, "Show less").click()
    expect(button(page, "Show all")).to_be_visible()
    folded = conversation(page).locator("article > :nth-child(2)").evaluate("e => e.clientHeight")
    assert folded < height / 2
