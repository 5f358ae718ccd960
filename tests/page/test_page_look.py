"""How the page looks where that can be told without taste: nothing cut off, nothing said thrice."""

import pytest
from playwright.sync_api import Locator, Page, expect

from helpers.page_actions import button, choose, conversation, exchange, question_field
from helpers.upstream import Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")

QUESTION = "Why do jays jump?"


# Whether a text is seen so many times; what only screen readers get is a pixel or two high.
SEEN = """
([text, times]) => [...document.querySelectorAll('h1, p, span')].filter((element) =>
  element.childElementCount === 0 && element.textContent === text &&
  element.getBoundingClientRect().height > 4).length === times
"""


def middle(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["y"] + box["height"] / 2


def test_the_question_does_not_shout(page: Page) -> None:
    """What was asked stands in the list and above its answer, and a third time for nobody."""
    exchange(page, QUESTION)
    for width, places in ((1280, 2), (390, 1)):
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_function(SEEN, arg=[QUESTION, places])
    # For those who hear the page it is its heading all the same.
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)


def test_a_title_is_whole(page: Page) -> None:
    """What reaches below the line is not cut off."""
    exchange(page, QUESTION)
    choose(page, "Rename")
    page.get_by_role("textbox", name="Title").fill("Jumpy jays, gypsy jargon")
    button(page, "Save").click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("Jumpy jays, gypsy jargon")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.mouse.move(700, 400)
    box = title.bounding_box()
    assert box is not None
    box["height"] += 6
    before = page.screenshot(clip=box)
    title.evaluate("element => { element.style.overflow = 'visible' }")
    assert page.screenshot(clip=box) == before


def test_the_field_and_its_button(page: Page) -> None:
    """What is written stands at the height of the button's word."""
    assert abs(middle(question_field(page)) - middle(button(page, "Ask"))) < 1


def test_text_goes_out_of_sight(page: Page, upstream: Upstream) -> None:
    """At both edges of the conversation it fades, and does not look cut off."""
    upstream.answers(saying("".join(f"Line {number}.\n\n" for number in range(60))))
    exchange(page, QUESTION)
    around = conversation(page).locator("xpath=..")
    for edge in ("::before", "::after"):
        image = f"element => getComputedStyle(element, '{edge}').backgroundImage"
        assert "gradient" in around.evaluate(image)


def test_what_is_for_operators(page: Page, upstream: Upstream) -> None:
    """An error's code and ids are there for whoever wants them, and for nobody else."""
    upstream.answers(lambda reply: reply.refuse("401 Unauthorized", {"message": "Bad key"}))
    with page.expect_response("**/aiCompletion") as refusal:
        exchange(page, QUESTION)
    request_id = page.get_by_text(refusal.value.headers["x-request-id"])
    expect(page.get_by_role("alert")).to_be_visible()
    expect(request_id).to_be_hidden()
    page.get_by_text("Details", exact=True).click()
    expect(request_id).to_be_visible()
    expect(page.get_by_text("upstream_error")).to_be_visible()


def test_a_text_size_of_ones_own(page: Page) -> None:
    """Texts grow with it, stay in the page at every width, and keep it in all tabs."""
    exchange(page, QUESTION)
    answer = "getComputedStyle(document.querySelector('article p:last-of-type')).fontSize"
    normal = page.evaluate(f"parseFloat({answer})")
    other = page.context.new_page()
    other.goto(page.url)
    button(page, "Settings").click()
    page.get_by_role("radio", name="Largest").check()
    page.keyboard.press("Escape")
    page.reload()
    for tab in (page, other):
        expect(conversation(tab)).to_contain_text("Hello there.")
        tab.wait_for_function(f"normal => parseFloat({answer}) > 1.3 * normal", arg=normal)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert conversation(page).evaluate("e => e.scrollWidth <= e.clientWidth")
