"""An answer read aloud by the browser, whose voices are stood in for: test machines have none."""

import pytest
from playwright.sync_api import Page, expect

from helpers.reader import button, exchange, saying
from helpers.upstream import Upstream

pytestmark = pytest.mark.usefixtures("relay")

VOICES = """
window.spoken = []
const voices = [{ lang: 'en-US', name: 'English' }, { lang: 'ko_KR', name: 'Korean' }]
class Utterance extends EventTarget {
  constructor(text) { super(); this.text = text }
}
window.SpeechSynthesisUtterance = Utterance
Object.defineProperty(window, 'speechSynthesis', { value: {
  getVoices: () => voices,
  speak: (utterance) => window.spoken.push(utterance),
  cancel: () => { window.spoken = [] },
} })
"""
SPOKEN = "window.spoken.map(({ text, voice }) => [text, voice.name])"
END = "window.spoken.at(-1).dispatchEvent(new Event('end'))"

ANSWER = r"""
# Light

It is **scattered** by \(\lambda^{-4}\).

- 하늘이 파랗습니다.

```py
x = 1
```
"""


@pytest.fixture
def speaking(page: Page) -> Page:
    page.add_init_script(VOICES)
    page.reload()
    return page


def test_reading_aloud(speaking: Page, upstream: Upstream) -> None:
    """Each paragraph is read in its language, code is not, and it can be stopped."""
    upstream.answers(saying(ANSWER))
    exchange(speaking, "Why is the sky blue?")
    expect(speaking.locator(".katex")).to_have_count(1)
    button(speaking, "Read aloud").click()
    assert speaking.evaluate(SPOKEN) == [
        ["Light", "English"],
        [r"It is scattered by \(\lambda^{-4}\).", "English"],
        ["하늘이 파랗습니다.", "Korean"],
    ]
    button(speaking, "Stop reading").click()
    assert speaking.evaluate(SPOKEN) == []
    button(speaking, "Read aloud").click()
    speaking.evaluate(END)
    expect(button(speaking, "Read aloud")).to_be_visible()


def test_reading_ends_with_the_conversation(speaking: Page) -> None:
    """Nothing goes on being read that is no longer shown, and one answer at a time."""
    exchange(speaking, "Who are you?")
    exchange(speaking, "And who am I?")
    button(speaking, "Read aloud").first.click()
    button(speaking, "Read aloud").click()
    expect(button(speaking, "Stop reading")).to_have_count(1)
    assert len(speaking.evaluate(SPOKEN)) == 1
    button(speaking, "New conversation").click()
    expect(button(speaking, "Stop reading")).to_have_count(0)
    assert speaking.evaluate(SPOKEN) == []


def test_a_browser_without_voices(page: Page) -> None:
    """It is not offered where there is nothing to read it with."""
    page.add_init_script("delete window.speechSynthesis")
    page.reload()
    exchange(page, "Who are you?")
    expect(button(page, "Copy the answer")).to_be_visible()
    expect(button(page, "Read aloud")).to_have_count(0)
