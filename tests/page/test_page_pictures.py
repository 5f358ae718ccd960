"""Pictures in questions: added, drawn smaller, removed, asked about, kept and taken along."""

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from helpers.axe import violations
from helpers.pictures import png
from helpers.reader import (
    Paused,
    ask,
    button,
    choose,
    conversation,
    exchange,
    question_field,
    wait_until_kept,
)
from helpers.relay_process import RelayProcess, ServePage, StartRelay
from helpers.upstream import Upstream

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


def open_page(page: Page, relay: RelayProcess, serve_page: ServePage) -> Page:
    page.goto(serve_page(relay.url).url)
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    return page


@pytest.fixture
def seeing(page: Page, start_relay: StartRelay, serve_page: ServePage) -> Page:
    """The page of a relay whose personas all look at pictures."""
    return open_page(page, start_relay(ACCEPT_IMAGES="true"), serve_page)


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


def test_a_picture_is_asked_about(seeing: Page, upstream: Upstream) -> None:
    """It is drawn smaller, shown with the question while the answer is written, and kept."""
    paused = Paused(upstream)
    pick(seeing, png(3000, 1500))
    expect(waiting(seeing)).to_have_count(1)
    ask(seeing, "What is this?")
    expect(waiting(seeing)).to_have_count(0)
    picture = conversation(seeing).get_by_role("img", name="Picture 1")
    expect(picture).to_be_visible()
    paused.go_on.set()
    expect(button(seeing, "Ask")).to_be_visible()
    text, image = seen_by(upstream)
    assert text == {"type": "text", "text": "What is this?"}
    assert image["image_url"]["url"].startswith("data:image/webp;base64,")
    wait_until_kept(seeing)
    seeing.reload()
    assert picture.evaluate(SIZE) == [1024, 512]
    assert picture.get_attribute("src") == image["image_url"]["url"]
    exchange(seeing, "And what else?")
    assert seen_by(upstream) == ["And what else?"]
    assert upstream.requests[-1]["messages"][-3]["content"] == [text, image]


def test_a_small_picture_keeps_its_size(seeing: Page) -> None:
    """It is not blown up."""
    pick(seeing, png(40, 30))
    assert waiting(seeing).evaluate(SIZE) == [40, 30]


def test_pasting(seeing: Page, upstream: Upstream) -> None:
    """A picture in the clipboard is pasted as one. Words are pasted as words."""
    seeing.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seeing.evaluate(COPY, encoded(png(8, 8)))
    expect(button(seeing, "Add a picture")).to_be_visible()
    question_field(seeing).press("Control+v")
    expect(waiting(seeing)).to_have_count(1)
    assert question_field(seeing).evaluate(PASTE_BOTH, encoded(png(8, 8))) is True
    ask(seeing, "What is this?")
    expect(conversation(seeing)).to_contain_text("Hello there.")
    assert len(seen_by(upstream)) == 2


def test_dropping(seeing: Page) -> None:
    """A picture may be dropped anywhere on the page. What is none is named, and not added."""
    expect(button(seeing, "Add a picture")).to_be_visible()
    assert seeing.evaluate(DROP, [encoded(png(8, 8)), "image/png"]) == [True, True]
    expect(waiting(seeing)).to_have_count(1)
    assert seeing.evaluate(DROP, [encoded(b"not a picture"), "image/png"]) == [True, True]
    expect(seeing.get_by_text("This file is not a picture that can be shown.")).to_be_visible()
    expect(waiting(seeing)).to_have_count(1)


def test_no_more_than_allowed(seeing: Page, upstream: Upstream) -> None:
    """Four pictures fit into a question, and each can be removed before it is sent."""
    pick(seeing, *[png(8 * size, 8) for size in range(1, 6)])
    expect(seeing.get_by_text("A question can have 4 pictures at most.")).to_be_visible()
    expect(waiting(seeing)).to_have_count(4)
    button(seeing, "Remove picture 2").click()
    expect(waiting(seeing)).to_have_count(3)
    expect(question_field(seeing)).to_be_focused()
    expect(seeing.get_by_text("A question can have 4 pictures at most.")).to_have_count(0)
    sizes = [waiting(seeing).nth(place).evaluate(SIZE)[0] for place in range(3)]
    assert sizes == [8, 24, 32]
    ask(seeing, "What are these?")
    expect(conversation(seeing)).to_contain_text("Hello there.")
    assert len(seen_by(upstream)) == 1 + 3


def test_a_picture_needs_words(seeing: Page, upstream: Upstream) -> None:
    """Without a question nothing is sent, and the page says what is missing."""
    pick(seeing, png(8, 8))
    expect(waiting(seeing)).to_have_count(1)
    question_field(seeing).press("Enter")
    expect(seeing.get_by_text("Write what you would like to know")).to_be_visible()
    expect(waiting(seeing)).to_have_count(1)
    assert upstream.requests == []


def test_a_draft_with_a_picture(seeing: Page) -> None:
    """It waits, like the text of a draft, while the reader looks at another conversation."""
    exchange(seeing, "Who are you?")
    pick(seeing, png(8, 8))
    expect(waiting(seeing)).to_have_count(1)
    seeing.keyboard.press("Control+Shift+O")
    expect(seeing.get_by_role("radio", name="Askbot")).to_be_visible()
    expect(waiting(seeing)).to_have_count(0)
    seeing.go_back()
    expect(waiting(seeing)).to_have_count(1)


def test_an_edit_keeps_pictures(seeing: Page, upstream: Upstream) -> None:
    """Other words are asked of the same pictures, unless some are removed or added."""
    pick(seeing, png(8, 8), png(16, 8))
    expect(waiting(seeing)).to_have_count(2)
    exchange(seeing, "What are these?")
    button(seeing, "Edit the question").click()
    button(seeing, "Remove picture 1").click()
    field = seeing.get_by_role("textbox", name="Edited question")
    expect(field).to_be_focused()
    field.fill("What is this?")
    field.press("Enter")
    expect(seeing.get_by_text("2/2")).to_be_visible()
    assert len(seen_by(upstream)) == 1 + 1
    picture = conversation(seeing).get_by_role("img")
    expect(picture).to_have_count(1)
    assert picture.evaluate(SIZE) == [16, 8]
    button(seeing, "Earlier version").click()
    expect(picture).to_have_count(2)
    button(seeing, "Later version").click()
    expect(picture).to_have_count(1)
    button(seeing, "Ask again").click()
    expect(seeing.get_by_text("3/3")).to_be_visible()
    assert len(seen_by(upstream)) == 1 + 1


def test_only_where_pictures_are_accepted(
    page: Page, relay: RelayProcess, upstream: Upstream
) -> None:
    """Elsewhere nothing is offered or taken, and the browser does as it always does."""
    assert relay
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
    open_page(page, start_relay(PERSONAS_DIR=str(tmp_path), PERSONA="eye"), serve_page)
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


def test_pictures_that_are_refused(seeing: Page, upstream: Upstream) -> None:
    """The refusal speaks of the pictures, and the question can be edited."""
    error = {"message": "x", "type": "invalid_request_error", "code": "invalid_image"}
    upstream.answers(lambda reply: reply.refuse("400 Bad Request", error))
    pick(seeing, png(8, 8))
    expect(waiting(seeing)).to_have_count(1)
    ask(seeing, "What is this?")
    expect(seeing.get_by_role("alert")).to_contain_text("cannot look at these pictures")
    expect(button(seeing, "Ask again")).to_have_count(0)
    conversation(seeing).get_by_role("button", name="Edit the question").last.click()
    expect(button(seeing, "Remove picture 1")).to_be_visible()


@pytest.mark.parametrize("kind", ["Markdown", "JSON"])
def test_files_have_the_pictures(seeing: Page, kind: str, tmp_path: Path) -> None:
    """A conversation that was exported, deleted and imported has its pictures again."""
    pick(seeing, png(8, 8), png(16, 8))
    expect(waiting(seeing)).to_have_count(2)
    exchange(seeing, "What are these?")
    picture = conversation(seeing).get_by_role("img", name="Picture 2")
    address = picture.get_attribute("src")
    choose(seeing, "Export")
    with seeing.expect_download() as download:
        button(seeing, kind).click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    button(seeing, "Close").click()
    choose(seeing, "Delete")
    button(seeing, "Settings").click()
    seeing.get_by_label("Import a file").set_input_files(file)
    expect(seeing.get_by_text("One conversation was imported.")).to_be_visible()
    button(seeing, "Close").click()
    seeing.get_by_role("link", name="What are these?").click()
    expect(picture).to_have_attribute("src", address or "")


def test_a_shared_file_has_the_pictures(seeing: Page, browser: Browser, tmp_path: Path) -> None:
    """They are in the file itself, where nothing is loaded."""
    pick(seeing, png(8, 8))
    expect(waiting(seeing)).to_have_count(1)
    exchange(seeing, "What is this?")
    choose(seeing, "Export")
    with seeing.expect_download() as download:
        button(seeing, "Web page").click()
    file = tmp_path / "shared.html"
    download.value.save_as(file)
    context = browser.new_context()
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    shared = context.new_page()
    shared.goto(file.as_uri())
    assert shared.get_by_role("img", name="Picture 1").evaluate(SIZE) == [8, 8]
    assert complaints == []
    context.close()


def test_pictures_cannot_be_loaded(
    page: Page, start_relay: StartRelay, serve_page: ServePage
) -> None:
    """Where the part for pictures is missing, the page asks without them."""
    page.route("**/assets/PictureTools*", lambda route: route.abort())
    open_page(page, start_relay(ACCEPT_IMAGES="true"), serve_page)
    exchange(page, "Who are you?")
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(button(page, "Add a picture")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe(seeing: Page, scheme: Any) -> None:
    """Nothing that axe can find stands in anybody's way, before the question and after it."""
    seeing.emulate_media(color_scheme=scheme)
    seeing.set_viewport_size({"width": 320, "height": 640})
    pick(seeing, *[png(8, 8)] * 5)
    expect(waiting(seeing)).to_have_count(4)
    assert violations(seeing) == []
    exchange(seeing, "What are these?")
    assert violations(seeing) == []
    button(seeing, "Edit the question").click()
    assert violations(seeing) == []
    assert seeing.evaluate("document.documentElement.scrollWidth") == 320
