"""Pictures in questions: added, drawn smaller, removed, asked about, kept and taken along."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from helpers import page_process
from helpers.axe import assert_axe_finds_nothing
from helpers.page_actions import (
    ask,
    button,
    choose,
    conversation,
    exchange,
    exported,
    import_one,
    question_field,
    wait_until_kept,
)
from helpers.pictures import png
from helpers.relay_process import PATIENT, RelayProcess, ServePage, StartRelay, start
from helpers.upstream import Paused, Upstream

pytestmark = pytest.mark.usefixtures("upstream")

# A persona that looks at pictures, beside those that do not.
EYE = """\
---
name: Eye
description: Looks at pictures.
greeting: Show me something.
suggestions: []
accept_images: true
---
You look at pictures.
"""

COPY = """
async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const picture = new Blob([bytes], { type: 'image/png' })
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })])
}
"""
# Copied from a program for texts: the words, and a picture of them.
PASTE_BOTH = """
(field, base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const data = new DataTransfer()
  data.items.add(new File([bytes], 'a.png', { type: 'image/png' }))
  data.setData('text/plain', 'words')
  const paste = { clipboardData: data, bubbles: true, cancelable: true }
  return field.dispatchEvent(new ClipboardEvent('paste', paste))
}
"""
# A drag over the page, and its drop; the last two are whether the page took them.
DROP = """
async ([base64, type]) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([bytes], 'a', { type }))
  const send = (name) => !document.querySelector('main').dispatchEvent(
    new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true }))
  return [send('dragover'), send('drop')]
}
"""
SIZE = "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def seeing_relay(upstream_server: Upstream) -> Iterator[RelayProcess]:
    """A relay whose personas all look at pictures."""
    relay = start(upstream_server, PATIENT | {"ACCEPT_IMAGES": "true"}, None)
    yield relay
    assert relay.stop() == 0


@pytest.fixture(scope="module")
def seeing_url(seeing_relay: RelayProcess, built_page: None) -> Iterator[str]:
    """The address of the page before it."""
    assert built_page is None
    server = page_process.serve(seeing_relay.url)
    yield server.url
    server.stop()


@pytest.fixture
def opened_url(opened_url: str | None, seeing_url: str) -> str | None:
    """What `page` opens here, unless a test serves its own."""
    return opened_url and seeing_url


def wait_for_tools(page: Page) -> None:
    """Returns when pictures are taken: the button and the row for them come one by one."""
    expect(button(page, "Add a picture")).to_be_visible()
    expect(page.locator("form [aria-live]")).to_have_count(1)


def pick(page: Page, *contents: bytes) -> None:
    """Chooses files in the browser's dialog."""
    with page.expect_file_chooser() as dialog:
        button(page, "Add a picture").click()
    dialog.value.set_files(
        [
            FilePayload(name=f"{place}.png", mimeType="image/png", buffer=content)
            for place, content in enumerate(contents)
        ]
    )


def waiting(page: Page) -> Locator:
    """The pictures in the form."""
    return page.get_by_role("form", name="Ask").get_by_role("img")


def seen_by(upstream: Upstream, place: int = -1) -> list[Any]:
    """What the model was sent as the last message."""
    content = upstream.requests[place]["messages"][-1]["content"]
    return content if isinstance(content, list) else [content]


def test_a_picture_is_asked_about(page: Page, upstream: Upstream) -> None:
    """It is drawn smaller, shown with the question while the answer is written, and kept."""
    paused = Paused(upstream)
    pick(page, png(3000, 1500))
    expect(waiting(page)).to_have_count(1)
    ask(page, "What is this?")
    expect(waiting(page)).to_have_count(0)
    picture = conversation(page).get_by_role("img", name="Picture 1")
    expect(picture).to_be_visible()
    paused.go_on.set()
    expect(button(page, "Ask")).to_be_visible()
    text, image = seen_by(upstream)
    assert text == {"type": "text", "text": "What is this?"}
    assert image["image_url"]["url"].startswith("data:image/webp;base64,")
    wait_until_kept(page)
    page.reload()
    assert picture.evaluate(SIZE) == [1024, 512]
    assert picture.get_attribute("src") == image["image_url"]["url"]
    exchange(page, "And what else?")
    assert seen_by(upstream) == ["And what else?"]
    assert upstream.requests[-1]["messages"][-3]["content"] == [text, image]


def test_a_small_picture_keeps_its_size(page: Page) -> None:
    """It is not blown up."""
    pick(page, png(40, 30))
    assert waiting(page).evaluate(SIZE) == [40, 30]


def test_pasting(page: Page, upstream: Upstream) -> None:
    """A picture in the clipboard is pasted as one. Words are pasted as words."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, encoded(png(8, 8)))
    wait_for_tools(page)
    question_field(page).press("Control+v")
    expect(waiting(page)).to_have_count(1)
    assert question_field(page).evaluate(PASTE_BOTH, encoded(png(8, 8))) is True
    ask(page, "What is this?")
    expect(conversation(page)).to_contain_text("Hello there.")
    assert len(seen_by(upstream)) == 2


def test_dropping(page: Page) -> None:
    """A picture may be dropped anywhere on the page. What is none is named, and not added."""
    wait_for_tools(page)
    assert page.evaluate(DROP, [encoded(png(8, 8)), "image/png"]) == [True, True]
    expect(waiting(page)).to_have_count(1)
    assert page.evaluate(DROP, [encoded(b"not a picture"), "image/png"]) == [True, True]
    expect(page.get_by_text("This file is not a picture that can be shown.")).to_be_visible()
    expect(waiting(page)).to_have_count(1)


def test_no_more_than_allowed(page: Page, upstream: Upstream) -> None:
    """Four pictures fit into a question, and each can be removed before it is sent."""
    pick(page, *[png(8 * size, 8) for size in range(1, 6)])
    expect(page.get_by_text("A question can have 4 pictures at most.")).to_be_visible()
    expect(waiting(page)).to_have_count(4)
    button(page, "Remove picture 2").click()
    expect(waiting(page)).to_have_count(3)
    expect(question_field(page)).to_be_focused()
    expect(page.get_by_text("A question can have 4 pictures at most.")).to_have_count(0)
    sizes = [waiting(page).nth(place).evaluate(SIZE)[0] for place in range(3)]
    assert sizes == [8, 24, 32]
    ask(page, "What are these?")
    expect(conversation(page)).to_contain_text("Hello there.")
    assert len(seen_by(upstream)) == 1 + 3


def test_a_picture_needs_words(page: Page, upstream: Upstream) -> None:
    """Without a question nothing is sent, and the page says what is missing."""
    pick(page, png(8, 8))
    expect(waiting(page)).to_have_count(1)
    question_field(page).press("Enter")
    expect(page.get_by_text("Write what you would like to know")).to_be_visible()
    expect(waiting(page)).to_have_count(1)
    assert upstream.requests == []


def test_a_draft_with_a_picture(page: Page) -> None:
    """It waits, like the text of a draft, while the reader looks at another conversation."""
    exchange(page, "Who are you?")
    pick(page, png(8, 8))
    expect(waiting(page)).to_have_count(1)
    page.keyboard.press("Control+Shift+O")
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    expect(waiting(page)).to_have_count(0)
    page.go_back()
    expect(waiting(page)).to_have_count(1)


def test_an_edit_keeps_pictures(page: Page, upstream: Upstream) -> None:
    """Other words are asked of the same pictures, unless some are removed or added."""
    pick(page, png(8, 8), png(16, 8))
    expect(waiting(page)).to_have_count(2)
    exchange(page, "What are these?")
    button(page, "Edit the question").click()
    button(page, "Remove picture 1").click()
    field = page.get_by_role("textbox", name="Edited question")
    expect(field).to_be_focused()
    field.fill("What is this?")
    field.press("Enter")
    expect(page.get_by_text("2/2")).to_be_visible()
    assert len(seen_by(upstream)) == 1 + 1
    picture = conversation(page).get_by_role("img")
    expect(picture).to_have_count(1)
    assert picture.evaluate(SIZE) == [16, 8]
    button(page, "Earlier version").click()
    expect(picture).to_have_count(2)
    button(page, "Later version").click()
    expect(picture).to_have_count(1)
    button(page, "Ask again").click()
    expect(page.get_by_text("3/3")).to_be_visible()
    assert len(seen_by(upstream)) == 1 + 1


def test_only_where_pictures_are_accepted(
    page: Page, relay: RelayProcess, upstream: Upstream
) -> None:
    """Elsewhere nothing is offered or taken, and the browser does as it always does."""
    assert relay
    page.goto("/")
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    expect(button(page, "Add a picture")).to_have_count(0)
    assert page.evaluate(DROP, [encoded(png(8, 8)), "image/png"]) == [False, False]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, encoded(png(8, 8)))
    question_field(page).press("Control+v")
    exchange(page, "Who are you?")
    assert seen_by(upstream) == ["Who are you?"]


def test_a_persona_that_cannot_look(
    page: Page,
    start_relay: StartRelay,
    serve_page: ServePage,
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    """It is not asked about pictures, neither by the form nor instead of one that can."""
    (tmp_path / "eye.md").write_text(EYE, encoding="utf-8")
    relay = start_relay(PERSONAS_DIR=str(tmp_path), PERSONA="eye")
    page.goto(serve_page(relay.url).url)
    pick(page, png(8, 8))
    expect(waiting(page)).to_have_count(1)
    conversation(page).get_by_text("Askbot", exact=True).click()
    expect(page.get_by_text("This assistant cannot look at pictures.")).to_be_visible()
    question_field(page).fill("What is this?")
    question_field(page).press("Enter")
    expect(button(page, "Ask")).to_be_disabled()
    assert upstream.requests == []
    conversation(page).get_by_text("Eye", exact=True).click()
    exchange(page, "What is this?")
    assert len(seen_by(upstream)) == 2
    expect(button(page, "Ask somebody else")).to_have_count(0)
    exchange(page, "And without it?")
    button(page, "Ask somebody else").click()
    page.get_by_role("button", name="Askbot").click()
    expect(page.get_by_text("2/2")).to_be_visible()
    assert upstream.requests[-1]["messages"][-3]["content"] == (
        "What is this?\n\n[pictures that are no longer sent: 1]"
    )


def test_pictures_that_are_refused(page: Page, upstream: Upstream) -> None:
    """The refusal speaks of the pictures, and the question can be edited."""
    error = {"message": "x", "type": "invalid_request_error", "code": "invalid_image"}
    upstream.answers(lambda reply: reply.refuse("400 Bad Request", error))
    pick(page, png(8, 8))
    expect(waiting(page)).to_have_count(1)
    ask(page, "What is this?")
    expect(page.get_by_role("alert")).to_contain_text("cannot look at these pictures")
    expect(button(page, "Ask again")).to_have_count(0)
    conversation(page).get_by_role("button", name="Edit the question").last.click()
    expect(button(page, "Remove picture 1")).to_be_visible()


@pytest.mark.parametrize("kind", ["Markdown", "JSON"])
def test_files_have_the_pictures(page: Page, kind: str, tmp_path: Path) -> None:
    """A conversation that was exported, deleted and imported has its pictures again."""
    pick(page, png(8, 8), png(16, 8))
    expect(waiting(page)).to_have_count(2)
    exchange(page, "What are these?")
    picture = conversation(page).get_by_role("img", name="Picture 2")
    address = picture.get_attribute("src")
    file = exported(page, kind, tmp_path)
    button(page, "Close").click()
    choose(page, "Delete")
    import_one(page, file)
    button(page, "Close").click()
    page.get_by_role("link", name="What are these?").click()
    expect(picture).to_have_attribute("src", address or "")


def test_a_shared_file_has_the_pictures(page: Page, browser: Browser, tmp_path: Path) -> None:
    """They are in the file itself, where nothing is loaded."""
    pick(page, png(8, 8))
    expect(waiting(page)).to_have_count(1)
    exchange(page, "What is this?")
    file = exported(page, "Web page", tmp_path)
    context = browser.new_context()
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    shared = context.new_page()
    shared.goto(file.as_uri())
    assert shared.get_by_role("img", name="Picture 1").evaluate(SIZE) == [8, 8]
    assert complaints == []
    context.close()


def test_pictures_cannot_be_loaded(
    page: Page, seeing_relay: RelayProcess, serve_page: ServePage
) -> None:
    """Where the part for pictures is missing, the page asks without them."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**/assets/PictureTools*", refuse)
    page.goto(serve_page(seeing_relay.url).url)
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    exchange(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    assert asked
    expect(button(page, "Add a picture")).to_have_count(0)


def test_axe(page: Page) -> None:
    """Nothing that axe can find stands in anybody's way, before the question and after it."""
    page.set_viewport_size({"width": 320, "height": 640})
    pick(page, *[png(8, 8)] * 5)
    expect(waiting(page)).to_have_count(4)
    assert_axe_finds_nothing(page)
    exchange(page, "What are these?")
    assert_axe_finds_nothing(page)
    button(page, "Edit the question").click()
    assert_axe_finds_nothing(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
