"""What a reader does with the page, and finds on it: by role and name, as a person would."""

import contextlib
import threading
from collections.abc import Iterator

from playwright.sync_api import Locator, Page, expect

from helpers.upstream import Reply, Script, Upstream

WAIT_SECONDS = 20.0


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
    """Asks, and waits until there is nothing more to come."""
    ask(page, question)
    expect(conversation(page).get_by_text(question, exact=True).last).to_be_visible()
    expect(button(page, "Ask")).to_be_visible()


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
    """While it lasts the browser keeps nothing more, and does at its end."""
    page.evaluate(_HOLD)
    yield
    page.evaluate("window.letGo()")


def saying(text: str) -> Script:
    """A script that answers `text`."""

    def script(reply: Reply) -> None:
        reply.text(text)
        reply.finish()

    return script


def silent_after(text: str) -> Script:
    """A script that begins with `text`, and says nothing more until the relay has left."""

    def script(reply: Reply) -> None:
        reply.text(text)
        reply.until_gone()

    return script


class Paused:
    """A script that holds an answer back half-way, until it is let go on."""

    def __init__(self, upstream: Upstream) -> None:
        self.go_on = threading.Event()
        upstream.answers(self._answer)

    def _answer(self, reply: Reply) -> None:
        reply.text("햇빛은 공기에서 ")
        assert self.go_on.wait(WAIT_SECONDS)
        reply.text("흩어집니다 ☀️.")
        reply.finish()


WHOLE = "햇빛은 공기에서 흩어집니다 ☀️."
