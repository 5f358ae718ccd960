"""The words of the page: one for each thing, in the reader's language and nobody else's."""

import pytest
from playwright.sync_api import Page, Response, expect

from helpers.page_actions import ask, button, conversation, exchange
from helpers.upstream import Paused, Upstream

pytestmark = pytest.mark.usefixtures("relay")


def test_an_edit_is_sent(page: Page) -> None:
    """What sends an edited question is not called as what has an answer given once more."""
    exchange(page, "Who are you?")
    button(page, "Edit the question").click()
    page.get_by_role("textbox", name="Edited question").fill("Who are they?")
    button(page, "Send").click()
    expect(conversation(page)).to_contain_text("Who are they?")
    expect(conversation(page)).to_contain_text("2/2")
    expect(button(page, "Ask again")).to_be_visible()


@pytest.mark.browser_context_args(locale="ko-KR")
def test_korean_words(page: Page, upstream: Upstream) -> None:
    """A Korean reader finds a helper, and another answer instead of another question."""
    expect(page.get_by_role("group", name="답변할 도우미")).to_be_attached()
    field = page.get_by_role("textbox", name="질문 입력")
    field.fill("누구세요?")
    field.press("Enter")
    expect(button(page, "답변 다시 받기")).to_be_visible()
    expect(conversation(page)).to_contain_text("입력 7, 출력 3")
    assert len(upstream.requests) == 1
    button(page, "설정").click()
    expect(page.get_by_role("group", name="화면 테마")).to_be_visible()


def test_words_are_loaded_when_they_are_wanted(page: Page) -> None:
    """Korean comes when it is chosen, while the page goes on, and not before."""
    loaded: list[str] = []

    def on_response(response: Response) -> None:
        loaded.append(response.url)

    page.on("response", on_response)
    page.reload()
    expect(page.get_by_role("radio", name="Askbot")).to_be_visible()
    assert not [url for url in loaded if "/assets/ko" in url]
    button(page, "Settings").click()
    page.get_by_role("radio", name="한국어").check()
    expect(page.get_by_role("dialog", name="설정")).to_be_visible()


def test_a_language_in_mid_answer(page: Page, upstream: Upstream) -> None:
    """Another language can be chosen while an answer is written, which goes on."""
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    button(page, "Settings").click()
    page.get_by_role("radio", name="한국어").check()
    expect(page.get_by_role("dialog", name="설정")).to_be_visible()
    page.keyboard.press("Escape")
    paused.go_on.set()
    expect(conversation(page)).to_contain_text("흩어집니다")
