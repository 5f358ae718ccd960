"""What moves on the page while an answer is written, and what stays where the reader has it."""

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from helpers.reader import WAIT_SECONDS, ask, button, conversation
from helpers.upstream import Reply, Upstream

pytestmark = pytest.mark.usefixtures("relay")


def test_an_answer_that_stalls(page: Page, upstream: Upstream) -> None:
    """A mark stands below an answer until its end; in a long silence it counts the seconds."""
    go_on, end = threading.Event(), threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Light from the sun ")
        assert go_on.wait(WAIT_SECONDS)
        reply.text("is scattered.")
        assert end.wait(WAIT_SECONDS)
        reply.finish()

    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("Light from the sun")
    expect(conversation(page)).to_contain_text("Being written")
    silence = conversation(page).get_by_text("Still writing …")
    expect(silence).to_have_text(re.compile(r"Still writing …\s*[0-9]+ s"), timeout=15_000)
    go_on.set()
    expect(conversation(page)).to_contain_text("is scattered.")
    expect(silence).to_have_count(0)
    expect(conversation(page)).to_contain_text("Being written")
    end.set()
    expect(button(page, "Ask")).to_be_visible()
    expect(conversation(page)).not_to_contain_text("Being written")
