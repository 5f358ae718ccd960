"""For everyone: in both themes and languages, by keyboard, by ear, on a phone."""

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from helpers.axe import assert_axe_finds_nothing
from helpers.limits import GONE_SECONDS, HELD_SECONDS
from helpers.page_actions import (
    ask,
    button,
    choose,
    conversation,
    exchange,
    question_field,
    wait_until_kept,
)
from helpers.upstream import Paused, Reply, Upstream, saying, silent_after

pytestmark = pytest.mark.usefixtures("relay")

# What has the focus, and whether it, or the field it is part of, looks like it.
FOCUS = """
() => {
  const element = document.activeElement
  const around = [element.closest('label'), element.closest('form > div'), element.parentElement]
  const parts = [element, ...around].filter(Boolean)
  const isShown = parts.map((part) => getComputedStyle(part)).some(
    ({ outlineStyle, outlineWidth, boxShadow }) =>
      (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none',
  )
  if (element === document.body) return [null, true]
  return [element.getAttribute('aria-label') ?? element.textContent, isShown]
}
"""

RICH = """\
# One

Text with **bold**, `code`, ~~struck~~ and a [link](https://example.org).

- a
- b
  1. c

- [x] done
- [ ] open

> quoted

| a | b |
|---|---|
| 1 | 2 |

```python
def f(x):
    return x + 1  # a comment
```

한국어도 **굵게(bold)** 쓸 수 있습니다.
"""


def nothing(page: Page, upstream: Upstream) -> None:
    assert page, upstream


def rich(page: Page, upstream: Upstream) -> None:
    upstream.answers(saying(RICH))
    exchange(page, "Show everything.")
    expect(page.locator(".hljs-keyword").first).to_be_visible()


def waiting(page: Page, upstream: Upstream) -> None:
    upstream.answers(Reply.until_gone)
    ask(page, "Why?")
    expect(conversation(page)).to_contain_text("Waiting")


def answering(page: Page, upstream: Upstream) -> None:
    upstream.answers(silent_after(RICH))
    ask(page, "Why?")
    expect(conversation(page)).to_contain_text("굵게")


def stopped(page: Page, upstream: Upstream) -> None:
    answering(page, upstream)
    button(page, "Stop").click()
    expect(button(page, "Continue")).to_be_visible()


def cut(page: Page, upstream: Upstream) -> None:
    seen = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Light ")
        assert seen.wait(HELD_SECONDS)
        reply.reset()

    ask(page, "Why?")
    expect(conversation(page)).to_contain_text("Light")
    seen.set()
    expect(page.get_by_role("alert")).to_be_visible()


def refused(page: Page, upstream: Upstream) -> None:
    upstream.answers(
        lambda reply: reply.refuse("429 Too Many Requests", {"message": "No"}, Retry_After="60")
    )
    ask(page, "Why?")
    expect(page.get_by_role("alert")).to_be_visible()


def deleted(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    choose(page, "Delete")
    expect(button(page, "Undo")).to_be_visible()


def edited(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    question_field(page).press("ArrowUp")
    expect(page.get_by_role("textbox", name="Edited question")).to_be_focused()


def settings(page: Page, upstream: Upstream) -> None:
    assert upstream
    button(page, "Settings").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def keys(page: Page, upstream: Upstream) -> None:
    assert upstream
    page.keyboard.press("Control+/")
    expect(page.get_by_role("dialog")).to_be_visible()


def renamed(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    choose(page, "Rename")
    expect(page.get_by_role("dialog")).to_be_visible()


def exported(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    choose(page, "Export")
    expect(page.get_by_role("dialog")).to_be_visible()


def menu(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    button(page, "Options for this conversation").click()
    expect(button(page, "Rename")).to_be_focused()


def versions(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    button(page, "Ask again").click()
    expect(conversation(page)).to_contain_text("2/2")
    expect(button(page, "Ask")).to_be_visible()


def searched(page: Page, upstream: Upstream) -> None:
    assert upstream
    exchange(page, "Who are you?")
    page.keyboard.press("Control+k")
    page.get_by_role("searchbox").fill("hello")
    expect(page.locator("mark")).to_have_text("Hello")


STATES = [
    nothing,
    rich,
    waiting,
    answering,
    stopped,
    cut,
    refused,
    deleted,
    edited,
    settings,
    keys,
    renamed,
    exported,
    menu,
    searched,
    versions,
]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(
    page: Page, upstream: Upstream, state: Callable[[Page, Upstream], None]
) -> None:
    """In every state and both themes: names, roles, contrast, targets, headings, landmarks."""
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    state(page, upstream)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 720})
        assert_axe_finds_nothing(page)
    if button(page, "Stop").is_visible():
        button(page, "Stop").click()
        assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_only_the_status_line_speaks(page: Page, upstream: Upstream) -> None:
    """Screen readers hear that an answer is written and that it is complete, not every piece."""
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    status = page.get_by_role("status").filter(has_text="Answering")
    expect(status).to_be_attached()
    live = conversation(page).locator("[aria-live], [role=log], [role=status]:not(output)")
    expect(live).to_have_count(0)
    paused.go_on.set()
    expect(page.get_by_role("status").filter(has_text="Answer complete")).to_be_attached()
    wait_until_kept(page)
    page.reload()
    expect(conversation(page)).to_contain_text("흩어집니다")
    expect(page.get_by_role("status").filter(has_text="Answer complete")).to_have_count(0)


def test_by_keyboard_alone(page: Page, upstream: Upstream) -> None:
    """Asking, stopping, a new conversation, the list, a dialog: all without a mouse."""
    expect(question_field(page)).to_be_focused()
    page.keyboard.type("Who are you?")
    page.keyboard.press("Enter")
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(question_field(page)).to_be_focused()
    expect(button(page, "Ask")).to_be_visible()
    upstream.answers(Reply.until_gone)
    page.keyboard.type("And then?")
    page.keyboard.press("Enter")
    expect(button(page, "Stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(conversation(page)).to_contain_text("You stopped this answer.")
    page.keyboard.press("Control+Shift+O")
    expect(page).to_have_title("Askbot")
    expect(question_field(page)).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.press("Tab")
    link = page.get_by_role("navigation").get_by_role("link")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(conversation(page)).to_contain_text("Hello there.")
    page.keyboard.press("Control+/")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_the_focus_is_seen(page: Page) -> None:
    """Whatever has the focus, going through the page by Tab, shows it."""
    exchange(page, "Who are you?")
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        name, is_shown = page.evaluate(FOCUS)
        # After the last one comes the browser's own.
        if name is None:
            continue
        seen.add(name)
        assert is_shown, name
    assert {
        "New conversation",
        "Search",
        "Conversation",
        "Copy the answer",
        "Your question",
    } <= seen


@pytest.mark.parametrize(
    ("choice", "background"), [("Dark", "rgb(16, 22, 20)"), ("Light", "rgb(250, 251, 248)")]
)
def test_a_theme_of_ones_own(page: Page, choice: str, background: str) -> None:
    """It holds whatever the system says, in all tabs and after a reload."""
    page.emulate_media(color_scheme="light" if choice == "Dark" else "dark")
    other = page.context.new_page()
    other.goto(page.url)
    button(page, "Settings").click()
    page.get_by_role("radio", name=choice).check()
    color = "getComputedStyle(document.documentElement).backgroundColor"
    for tab in (page, other):
        tab.wait_for_function(f"() => {color} === '{background}'")
    page.reload()
    page.wait_for_function(f"() => {color} === '{background}'")
    metas = page.locator("meta[name=theme-color][media=all]")
    expect(metas).to_have_attribute("data-theme", choice.lower())


def test_a_language_of_ones_own(page: Page) -> None:
    """Korean can be chosen, personas included, and stays."""
    button(page, "Settings").click()
    page.get_by_role("radio", name="한국어").check()
    expect(page.get_by_role("dialog", name="설정")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("textbox", name="질문 입력")).to_be_visible()
    expect(conversation(page)).to_contain_text("애스크봇이에요")
    expect(page.locator("html")).to_have_attribute("lang", "ko")


@pytest.mark.browser_context_args(
    viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True, device_scale_factor=2
)
def test_on_a_phone(page: Page) -> None:
    """The list of conversations opens beside the conversation, and goes when one is chosen."""
    exchange(page, "Who are you?")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("banner").get_by_role("button", name="New conversation").tap()
    button(page, "Conversations").tap()
    dialog = page.get_by_role("dialog", name="Conversations")
    dialog.get_by_role("link", name="Who are you?").tap()
    expect(dialog).to_have_count(0)
    expect(conversation(page)).to_contain_text("Hello there.")


def test_motion_is_reduced(page: Page, upstream: Upstream) -> None:
    """Nothing moves for those who asked for that."""
    page.emulate_media(reduced_motion="reduce")
    waiting(page, upstream)
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function("() => document.getAnimations().length > 0")
    button(page, "Stop").click()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_the_focus_comes_back(page: Page) -> None:
    """A dialog gives it back to the button that opened it; what goes away gives it to the field."""
    exchange(page, "Who are you?")
    options = "Options for this conversation"
    for name in ("Settings", options):
        for close in ("Escape", "Enter"):
            button(page, name).focus()
            page.keyboard.press("Enter")
            if name == options:
                expect(button(page, "Rename")).to_be_focused()
                page.keyboard.press("Enter")
            expect(page.get_by_role("dialog")).to_be_visible()
            button(page, "Close").focus()
            page.keyboard.press(close)
            expect(page.get_by_role("dialog")).to_have_count(0)
            expect(button(page, name)).to_be_focused()
    button(page, "Ask again").focus()
    page.keyboard.press("Enter")
    expect(question_field(page)).to_be_focused()
    expect(button(page, "Ask")).to_be_visible()
    choose(page, "Delete", "Who are you?")
    expect(question_field(page)).to_be_focused()
    button(page, "Undo").focus()
    page.keyboard.press("Enter")
    expect(button(page, "Undo")).to_have_count(0)
    expect(question_field(page)).to_be_focused()


@pytest.mark.browser_context_args(viewport={"width": 390, "height": 700})
def test_search_where_the_list_is_hidden(page: Page) -> None:
    """The keys for it open the list, in the search field."""
    expect(question_field(page)).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.set_viewport_size({"width": 1280, "height": 700})
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 700})
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_forced_colours(page: Page, upstream: Upstream) -> None:
    """They leave the conversation that is shown and the signs of waiting to be seen."""
    upstream.answers(silent_after("Light "))
    page.emulate_media(forced_colors="active")
    ask(page, "Why?")
    # What only screen readers get stands beside the sign, or in it.
    in_answer = page.get_by_text("Being written", exact=True).locator("xpath=preceding::span[1]")
    in_list = page.get_by_text("being answered", exact=True).locator("xpath=..")
    background = "element => getComputedStyle(element).backgroundColor"
    behind = page.locator("html").evaluate(background)
    for sign in (in_answer, in_list):
        expect(sign).to_be_visible()
        assert sign.evaluate(background) != behind
    shown = page.get_by_role("listitem").filter(has=page.locator("a[aria-current=page]"))
    expect(shown).to_have_css("outline-style", "solid")
    button(page, "Stop").click()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


@pytest.mark.browser_context_args(viewport={"width": 320, "height": 256})
def test_a_strong_zoom(page: Page, upstream: Upstream) -> None:
    """At 400% a long draft leaves the conversation some lines, and can be scrolled to its end."""
    upstream.answers(saying("One.\n\nTwo.\n\nThree."))
    exchange(page, "Why?")
    question_field(page).fill("And why\nis it\nnot green\nor red?")
    # A fraction of a pixel may be out of view.
    most = 0.9
    for line in ("Two.", "Three."):
        page.get_by_text(line, exact=True).scroll_into_view_if_needed()
    for line in ("Two.", "Three."):
        expect(page.get_by_text(line, exact=True)).to_be_in_viewport(ratio=most)
    button(page, "Ask").scroll_into_view_if_needed()
    expect(button(page, "Ask")).to_be_in_viewport(ratio=most)
