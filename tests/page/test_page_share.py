"""A conversation as one file that anybody can read, without this page and without a network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from helpers.page_actions import ask, button, choose, conversation, exchange, exported
from helpers.upstream import Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")

ANSWER = r"""
Light is **scattered**, with \(\lambda^{-4}\,m\), as a footnote says[^1].

```sql
SELECT 1;
```

- [x] look up

<script>window.broken = 1</script>

[^1]: Rayleigh's.
"""


def test_an_answer_that_cannot_be_drawn(page: Page, upstream: Upstream, tmp_path: Path) -> None:
    """Markdown that is too deep to be drawn is in the file as the text it is."""
    upstream.answers(saying(">" * 5000 + " deep"))
    # React tells the console of it, so this is for another tab.
    page = page.context.new_page()
    page.goto("/")
    exchange(page, "Quote.")
    file = exported(page, "Web page", tmp_path)
    assert "&gt;&gt;&gt; deep" in file.read_text(encoding="utf-8")


def test_a_file_to_share(page: Page, upstream: Upstream, browser: Browser, tmp_path: Path) -> None:
    """It looks as the page does, code and formulas included, and has no script in it."""
    upstream.answers(saying(ANSWER))
    exchange(page, "Why is the <sky> blue?")
    upstream.answers(saying("Hello there."))
    ask(page, "# A long one\n\n" + "with *many* words " * 30)
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(button(page, "Ask")).to_be_visible()
    file = exported(page, "Web page", tmp_path)
    assert file.name == "Why is the sky blue.html"
    assert "<script" not in file.read_text(encoding="utf-8")
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    shared = context.new_page()
    shared.goto(file.as_uri())
    expect(shared).to_have_title("Why is the <sky> blue?")
    expect(shared.get_by_role("paragraph").first).to_have_text("Why is the <sky> blue?")
    expect(shared.locator("strong")).to_have_text("scattered")
    expect(shared.locator("math").first).to_be_visible()
    space = shared.locator("mtext").bounding_box()
    assert space is not None
    assert space["width"] > 0
    expect(shared.locator(".hljs-keyword")).to_have_text("SELECT")
    tick = "box => getComputedStyle(box, '::after').borderBottomStyle"
    assert shared.locator("[data-done]").evaluate(tick) == "solid"
    expect(shared.get_by_text("<script>window.broken = 1</script>")).to_be_visible()
    expect(shared.locator("em").first).to_have_text("many")
    expect(shared.get_by_role("button")).to_have_count(0)
    expect(shared.locator("html")).to_have_css("background-color", "rgb(16, 22, 20)")
    shared.get_by_role("link", name="1", exact=True).click()
    expect(shared.get_by_text("Rayleigh's.")).to_be_in_viewport()
    for width in (320, 1440):
        shared.set_viewport_size({"width": width, "height": 900})
        body = shared.locator("body").bounding_box()
        assert body is not None
        assert body["width"] <= width
    shared.screenshot(path=tmp_path / "shared.png")
    assert complaints == []
    context.close()


def test_sharing_cannot_be_loaded(page: Page) -> None:
    """Where what makes the file is missing, the page says so."""
    page.route("**/assets/toHtml*", lambda route: route.abort())
    exchange(page, "Who are you?")
    choose(page, "Export")
    button(page, "Web page").click()
    expect(page.get_by_text("This part of the page could not be loaded.")).to_be_visible()
