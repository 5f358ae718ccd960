"""The list of conversations: found by day, by words and by what it was given; also on a phone."""

import pytest
from playwright.sync_api import Locator, Page, expect

from helpers.page_actions import button, choose, conversation, exchange
from helpers.upstream import Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")

PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}

# Makes all that is kept older by some days.
AGE = """
(days) => new Promise((resolve, reject) => {
  const opening = indexedDB.open('askbot')
  opening.onerror = reject
  opening.onsuccess = () => {
    const transaction = opening.result.transaction('conversations', 'readwrite')
    const kept = transaction.objectStore('conversations')
    const reading = kept.getAll()
    reading.onsuccess = () => reading.result.forEach((one) => {
      one.changedAt -= days * 86_400_000
      kept.put(one, one.id)
    })
    transaction.onabort = reject
    transaction.oncomplete = () => { opening.result.close(); resolve() }
  }
})
"""


def listed(page: Page, group: str) -> Locator:
    section = page.get_by_role("navigation", name="Conversations").locator("section")
    return section.filter(has=page.get_by_role("heading", name=group)).get_by_role("link")


def begin(page: Page) -> None:
    page.keyboard.press("Control+Shift+O")
    expect(page).to_have_title("Askbot")


def test_by_day(page: Page) -> None:
    """Conversations stand under their day, each with its time, so that namesakes differ."""
    for days, question in ((30, "Who are you?"), (1, "Who are you?"), (0, "Why?")):
        exchange(page, question)
        begin(page)
        page.evaluate(AGE, days)
    page.reload()
    expect(listed(page, "Today")).to_have_text(["Why?"])
    expect(listed(page, "Yesterday")).to_have_text(["Who are you?"])
    expect(listed(page, "Earlier")).to_have_text(["Who are you?"])
    times = page.get_by_role("navigation").locator("time").all_inner_texts()
    assert all(times)
    assert times[1] != times[2]


def test_a_pin(page: Page) -> None:
    """What is pinned stands on top, in all tabs and after a reload, until it is unpinned."""
    for question in ("Why is the sky blue?", "What is a haiku?"):
        exchange(page, question)
        begin(page)
    other = page.context.new_page()
    other.goto("/")
    choose(page, "Pin", "Why is the sky blue?")
    for tab in (page, other):
        expect(listed(tab, "Pinned")).to_have_text(["Why is the sky blue?"])
        expect(listed(tab, "Today")).to_have_text(["What is a haiku?"])
    page.reload()
    choose(page, "Unpin", "Why is the sky blue?")
    expect(listed(page, "Pinned")).to_have_count(0)
    expect(listed(page, "Today")).to_have_count(2)


def test_a_search_shows_what_it_found(page: Page, upstream: Upstream) -> None:
    """The words are marked, in the title and in a piece of the answer around them."""
    upstream.answers(saying(f"{'At first a lot of other words. ' * 9}Then Rayleigh scattering."))
    exchange(page, "Why is the sky blue?")
    page.keyboard.press("Control+k")
    page.get_by_role("searchbox").fill("rayleigh SKY")
    entry = page.get_by_role("navigation").get_by_role("listitem")
    expect(entry.locator("mark")).to_have_text(["sky", "Rayleigh"])
    expect(entry.get_by_role("paragraph")).to_contain_text("Then Rayleigh scattering.")
    page.get_by_role("searchbox").fill("")
    expect(entry.locator("mark")).to_have_count(0)


def test_the_menu(page: Page) -> None:
    """It renames and exports a conversation that is not shown, and closes by Escape."""
    exchange(page, "Why is the sky blue?")
    begin(page)
    menu = button(page, "Options for “Why is the sky blue?”")
    menu.focus()
    page.keyboard.press("Enter")
    expect(button(page, "Rename")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button(page, "Rename")).to_have_count(0)
    expect(menu).to_be_focused()
    choose(page, "Rename", "Why is the sky blue?")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type("Colours")
    page.keyboard.press("Enter")
    expect(listed(page, "Today")).to_have_text(["Colours"])
    choose(page, "Export", "Colours")
    with page.expect_download() as download:
        button(page, "Markdown").click()
    assert download.value.suggested_filename == "Colours.md"
    expect(page).to_have_title("Askbot")


@pytest.mark.browser_context_args(**PHONE)
def test_undo_on_a_phone(page: Page) -> None:
    """What is deleted in the list can be had back there: nothing stands in front of it."""
    exchange(page, "Why is the sky blue?")
    button(page, "Conversations").tap()
    button(page, "Options for “Why is the sky blue?”").tap()
    button(page, "Delete").tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    button(page, "Undo").tap()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(conversation(page)).to_contain_text("Hello there.")


@pytest.mark.browser_context_args(viewport={"width": 320, "height": 256})
def test_a_strong_zoom(page: Page) -> None:
    """At 400% all of the list can be scrolled to, and is not squeezed to nothing."""
    exchange(page, "Why is the sky blue?")
    button(page, "Conversations").click()
    link = page.get_by_role("dialog").get_by_role("link")
    link.scroll_into_view_if_needed()
    expect(link).to_be_in_viewport(ratio=1)
    button(page, "Settings").scroll_into_view_if_needed()
    expect(button(page, "Settings")).to_be_in_viewport(ratio=1)


@pytest.mark.browser_context_args(**PHONE)
def test_a_wide_table(page: Page, upstream: Upstream) -> None:
    """Its words stay whole, it is scrolled by itself, and a shadow tells that there is more."""
    names = ["Municipality", "Administration", "Infrastructure", "Telecommunications"]
    row = " | ".join(names)
    upstream.answers(saying(f"| {row} |\n|{'---|' * 4}\n| {row} |\n"))
    exchange(page, "?")
    table = page.get_by_role("region", name="Table")
    for name in names:
        cell = table.get_by_role("cell", name=name)
        line_height = "cell => parseFloat(getComputedStyle(cell).lineHeight)"
        text_height = "cell => { const range = document.createRange(); "
        text_height += (
            "range.selectNodeContents(cell); return range.getBoundingClientRect().height }"
        )
        assert cell.evaluate(text_height) <= cell.evaluate(line_height)
    needed, there = table.evaluate("element => [element.scrollWidth, element.clientWidth]")
    assert needed > there
    image = "element => getComputedStyle(element).backgroundAttachment"
    assert "local" in table.evaluate(image)
    assert "scroll" in table.evaluate(image)
