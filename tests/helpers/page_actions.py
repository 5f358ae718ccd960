"""A reader's actions on the page. Elements are found by role and name, as a person would."""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect


def question_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your question")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def conversation(page: Page) -> Locator:
    return page.get_by_role("main")


def ask(page: Page, question: str) -> None:
    question_field(page).fill(question)
    button(page, "Ask").click()


def exchange(page: Page, question: str) -> None:
    """Asks, and waits for the end of the answer."""
    ask(page, question)
    # A suggestion before the first question may have the same words.
    asked = conversation(page).get_by_role("article").filter(has_text=question)
    expect(asked.last).to_be_visible()
    expect(button(page, "Ask")).to_be_visible()


_NOTHING_RUNS = """
() => new Promise((resolve, reject) => {
  const opening = indexedDB.open('askbot')
  opening.onerror = reject
  opening.onsuccess = () => {
    const kept = opening.result.transaction('conversations').objectStore('conversations')
    const reading = kept.getAll()
    reading.onerror = reject
    reading.onsuccess = () => resolve(reading.result.every(({ running }) => running === null))
  }
})
"""


def wait_until_kept(page: Page) -> None:
    """Waits until the browser has stored the answer, a moment after it is shown."""
    page.wait_for_function(_NOTHING_RUNS)


_HOLD = """
() => new Promise((resolve, reject) => {
  const opening = indexedDB.open('askbot')
  opening.onerror = reject
  opening.onsuccess = () => {
    const disk = opening.result.transaction('conversations', 'readwrite')
    const kept = disk.objectStore('conversations')
    let isHeld = true
    window.letGo = () => { isHeld = false }
    const goOn = () => { if (isHeld) kept.count().onsuccess = goOn }
    kept.count().onsuccess = () => { resolve(); goOn() }
  }
})
"""


@contextlib.contextmanager
def slow_disk(page: Page) -> Iterator[None]:
    """Delays all writes of the browser to the end of the block."""
    page.evaluate(_HOLD)
    yield
    page.evaluate("window.letGo()")


@contextlib.contextmanager
def stopped_clock(page: Page) -> Iterator[None]:
    """Stops the page's clock in the block. Only `page.clock` moves it."""
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(minutes=1))
    yield
    page.clock.resume()


def choose(page: Page, action: str, title: str | None = None) -> None:
    """Chooses from the menu of the shown conversation, or of a listed one."""
    what = "this conversation" if title is None else f"“{title}”"
    button(page, f"Options for {what}").click()
    button(page, action).click()


def exported(page: Page, kind: str, folder: Path) -> Path:
    """Exports the shown conversation into a file in `folder`. The dialog stays open."""
    choose(page, "Export")
    with page.expect_download() as download:
        button(page, kind).click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def import_one(page: Page, file: Path) -> None:
    """Imports a file with one conversation. The dialog stays open."""
    button(page, "Settings").click()
    page.get_by_label("Import a file").set_input_files(file)
    expect(page.get_by_text("One conversation was imported.")).to_be_visible()
