"""Answers read aloud, and questions spoken. The browser's voices and ears are stood in for."""

import pytest
from playwright.sync_api import Page, expect

from helpers.axe import assert_axe_finds_nothing
from helpers.page_actions import button, conversation, exchange, question_field
from helpers.upstream import Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")

VOICES = """
window.spoken = []
const voices = [
  { lang: 'en-US', name: 'English' },
  { lang: 'ko-KR', name: 'Grandma (Korean (South Korea))' },
  { lang: 'ko_KR', name: 'Korean' },
]
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


def test_its_button_is_there_at_once(page: Page) -> None:
    """Were it loaded late, it would move the buttons beside it while a reader presses one."""
    page.wait_for_load_state("networkidle")
    page.route("**/assets/*", lambda route: route.abort())
    exchange(page, "Why is the sky blue?")
    expect(button(page, "Read aloud")).to_be_visible()


def test_a_browser_without_voices(page: Page) -> None:
    """It is not offered where there is nothing to read it with."""
    page.add_init_script("delete window.speechSynthesis")
    page.reload()
    exchange(page, "Who are you?")
    expect(button(page, "Copy the answer")).to_be_visible()
    expect(button(page, "Read aloud")).to_have_count(0)


RECOGNITION = """
window.listening = []
window.packs = { 'en-US': 'STATE' }
window.SpeechRecognition = class extends EventTarget {
  static async available({ langs, processLocally }) {
    return processLocally ? (window.packs[langs[0]] ?? 'unavailable') : 'available'
  }
  static async install({ langs }) {
    if (window.packs[langs[0]] !== 'downloadable') return false
    window.packs[langs[0]] = 'available'
    return true
  }
  start() { window.listening.push(this) }
  abort() {
    window.listening = window.listening.filter((each) => each !== this)
    this.dispatchEvent(new Event('end'))
  }
  hear(transcript, isFinal) {
    const results = [Object.assign([{ transcript }], { isFinal })]
    this.dispatchEvent(Object.assign(new Event('result'), { resultIndex: 0, results }))
  }
  fail(error) {
    this.dispatchEvent(Object.assign(new Event('error'), { error }))
    this.abort()
  }
}
"""
LOCALLY = "() => window.listening.map(({ lang, processLocally }) => [lang, processLocally])"


def listening(page: Page, state: str) -> Page:
    """The page in a browser whose own recognition of English is in this state."""
    page.add_init_script(RECOGNITION.replace("STATE", state))
    page.reload()
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    return page


def heard(page: Page, text: str, is_final: bool = True) -> None:
    page.evaluate("([text, final]) => window.listening[0].hear(text, final)", [text, is_final])


@pytest.mark.parametrize("state", ["available", "downloadable"])
def test_speaking_a_question(page: Page, upstream: Upstream, state: str) -> None:
    """Phrases are added to the question. The device itself listens, until it is asked."""
    listening(page, state)
    question_field(page).fill("Tell me:")
    button(page, "Speak the question").click()
    page.wait_for_function("window.listening.length === 1")
    assert page.evaluate(LOCALLY) == [["en-US", True]]
    heard(page, "why is", is_final=False)
    heard(page, " why is the sky blue")
    expect(question_field(page)).to_have_value("Tell me: why is the sky blue")
    heard(page, "today")
    expect(question_field(page)).to_have_value("Tell me: why is the sky blue today")
    question_field(page).press("Enter")
    expect(conversation(page)).to_contain_text("Hello there.")
    assert page.evaluate(LOCALLY) == []
    assert upstream.requests[0]["messages"][-1]["content"] == "Tell me: why is the sky blue today"
    expect(button(page, "Speak the question")).to_be_visible()
    expect(question_field(page)).to_have_value("")


def test_speaking_is_stopped(page: Page) -> None:
    """By the button, and by leaving the conversation."""
    listening(page, "available")
    button(page, "Speak the question").click()
    page.wait_for_function("window.listening.length === 1")
    button(page, "Stop listening").click()
    expect(button(page, "Speak the question")).to_be_visible()
    assert page.evaluate(LOCALLY) == []
    exchange(page, "Who are you?")
    button(page, "Speak the question").click()
    page.wait_for_function("window.listening.length === 1")
    button(page, "New conversation").click()
    page.wait_for_function("window.listening.length === 0")


def test_the_microphone_is_refused(page: Page) -> None:
    """The page says that it cannot listen, and can be asked again."""
    listening(page, "available")
    button(page, "Speak the question").click()
    page.wait_for_function("window.listening.length === 1")
    page.evaluate("window.listening[0].fail('not-allowed')")
    expect(page.get_by_text("This browser could not listen.")).to_be_visible()
    assert_axe_finds_nothing(page)
    button(page, "Speak the question").click()
    page.wait_for_function("window.listening.length === 1")
    expect(page.get_by_text("This browser could not listen.")).to_have_count(0)
    assert_axe_finds_nothing(page)


@pytest.mark.parametrize("script", [RECOGNITION, "delete window.SpeechRecognition"])
def test_a_browser_that_sends_the_voice_away(page: Page, script: str) -> None:
    """Speaking is not offered where the voice would leave the device."""
    page.add_init_script(script.replace("STATE", "unavailable"))
    page.reload()
    exchange(page, "Who are you?")
    expect(button(page, "Read aloud")).to_be_visible()
    expect(button(page, "Speak the question")).to_have_count(0)


# Whether the words in the empty field have room there.
PLACEHOLDER_FITS = """
(field) => {
  const style = getComputedStyle(field)
  const canvas = document.createElement('canvas').getContext('2d')
  canvas.font = style.font
  const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
  return canvas.measureText(field.placeholder).width <= room
}
"""


@pytest.mark.browser_context_args(locale="ko-KR", viewport={"width": 320, "height": 640})
def test_a_microphone_on_a_narrow_phone(page: Page) -> None:
    """It does not take the room of the words beside it."""
    page.add_init_script(RECOGNITION.replace("en-US", "ko-KR").replace("STATE", "available"))
    page.reload()
    expect(button(page, "질문을 말로 하기")).to_be_visible()
    assert page.get_by_role("textbox", name="질문 입력").evaluate(PLACEHOLDER_FITS)
