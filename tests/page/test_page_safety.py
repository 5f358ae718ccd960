"""What a model's text must not be able to do in the page, and what it must look like."""

import pytest
from playwright.sync_api import Page, Route, expect

from helpers.limits import GONE_SECONDS
from helpers.page_actions import ask, button, conversation, exchange
from helpers.relay_process import PROJECT
from helpers.upstream import Reply, Upstream, saying, silent_after

pytestmark = pytest.mark.usefixtures("relay")

HOSTILE = """\
<script>window.broken = 1</script>
<img src="https://evil.test/pixel.png" onerror="window.broken = 2">
<svg onload="window.broken = 3"></svg>
<iframe src="https://evil.test/frame"></iframe>
<a href="javascript:window.broken = 4">raw</a>
<style>body { background: url(https://evil.test/style.png) }</style>

[script](javascript:window.broken=5) [data](data:text/html,<script>alert(1)</script>) \
[tricky](java&#10;script:window.broken=6) [colon](javascript&colon;window.broken=7) \
[relative](/aiCompletion) [file](file:///etc/passwd) <javascript:window.broken=8>

![pixel](https://evil.test/image.png) ![inline](data:image/svg+xml;base64,PHN2Zy8+)

[good](https://example.org/good) https://example.org/plain

```html
<script>window.broken = 9</script>
```

| <b onclick="window.broken = 10">cell</b> | [x](vbscript:window.broken) |
|---|---|
| ![t](https://evil.test/table.png) | `<img src=x onerror=window.broken=11>` |

That is all.
"""


MAKE_MARKUP = """
() => {
  try { document.createElement('p').innerHTML = '<b>x</b>' } catch ({ name }) { return name }
}
"""
MAKE_SCRIPT = """
() => {
  const script = document.createElement('script')
  script.append('window.broken = 1')
  document.body.append(script)
  return window.broken
}
"""


def test_hostile_text(page: Page, upstream: Upstream) -> None:
    """No script runs, no element is made, nothing is loaded, no link leads where it should not."""
    foreign: list[str] = []

    def refuse(route: Route) -> None:
        foreign.append(route.request.url)
        route.abort()

    page.route("**://evil.test/**", refuse)

    @upstream.answers
    def script(reply: Reply) -> None:
        for place in range(0, len(HOSTILE), 7):
            reply.text(HOSTILE[place : place + 7])
        reply.finish()

    ask(page, "Break the page.")
    expect(conversation(page)).to_contain_text("That is all.")
    expect(button(page, "Ask")).to_be_visible()
    for link in conversation(page).get_by_role("link").all():
        assert (link.get_attribute("href") or "").startswith("https://")
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
        link.evaluate(
            "element => element.addEventListener('click', event => event.preventDefault())"
        )
        link.click()
    expect(conversation(page).get_by_role("link", name="good")).to_be_visible()
    expect(conversation(page).get_by_role("link", name="Image: pixel")).to_be_visible()
    made = "script, iframe, img, style, object, embed, form, [onclick], [onerror], [onload]"
    expect(conversation(page).locator(made)).to_have_count(0)
    assert page.evaluate("window.broken") is None
    assert foreign == []


def test_a_hostile_question_and_title(page: Page) -> None:
    """What the reader writes is text, wherever it is shown."""
    question = "<img src=x onerror='window.broken = 1'> **bold**"
    exchange(page, question)
    expect(page.get_by_role("heading", level=1)).to_have_text(question)
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(question)
    assert page.evaluate("window.broken") is None


def test_the_policy_is_strict(page: Page) -> None:
    """The browser itself refuses inline scripts, strings as markup, and other hosts."""
    # One more tab, as this one must not break the policy.
    page = page.context.new_page()
    page.goto("/")
    assert page.evaluate(MAKE_MARKUP) == "TypeError"
    assert page.evaluate(MAKE_SCRIPT) is None
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 1, (e) => e.name)") == "TypeError"
    # The browser tells of it after it has refused.
    for directive in ("require-trusted-types-for", "connect-src"):
        told = "name => window.violations.some((violation) => violation.startsWith(name))"
        page.wait_for_function(told, arg=directive)
    broken = {text.split(" ")[0] for text in page.evaluate("window.violations")}
    assert broken == {"require-trusted-types-for", "connect-src"}


def test_bold_in_korean_and_japanese(page: Page, upstream: Upstream) -> None:
    """Bold ends where its readers expect, also right before a particle; no asterisk is left."""
    bold = {
        "마크다운(Markdown)": "이것은 **마크다운(Markdown)**을 설명합니다.",
        "「강조」": "**「강조」**입니다.",
        "“안녕하세요.”": "그는 **“안녕하세요.”**라고 말했다.",
        "「重要」": "これは**「重要」**です。",
        "東京（とうきょう）": "**東京（とうきょう）**は首都です。",
    }
    upstream.answers(saying("\n\n".join(bold.values())))
    exchange(page, "?")
    expect(conversation(page).locator("strong")).to_have_text(list(bold))
    expect(conversation(page)).not_to_contain_text("**")


def test_half_of_the_markdown(page: Page, upstream: Upstream) -> None:
    """While it is written, what is not complete yet never shows its signs."""
    for half, shown, never in [
        ("Some **bold te", "bold te", "**"),
        ("A [link](https://exam", "link", "https://exam"),
        ("Look: `code", "code", "`"),
        ("```py\nx = 1", "x = 1", "```"),
        ("| a | b |\n|---|---|\n| 1 | 2", "2", "|"),
        ("Look:\n\n| a | b |\n|---|", "Look:", "|"),
        ("Look:\n| a | ", "Look:", "|"),
        ("So ~~struck ou", "struck ou", "~~"),
    ]:
        upstream.answers(silent_after(half))
        # The question must not hold the signs itself.
        ask(page, "Write.")
        expect(conversation(page)).to_contain_text(shown)
        expect(conversation(page)).not_to_contain_text(never)
        button(page, "Stop").click()
        assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
        # In a stopped answer the signs are shown as they were written.
        button(page, "New conversation").click()


def test_an_entity(page: Page, upstream: Upstream) -> None:
    """HTML's names for characters are read as Markdown says, and unknown ones are left alone."""
    upstream.answers(
        saying("&rarr; &amp; &frac12; &semi; &notit; &CounterClockwiseContourIntegral;")
    )
    exchange(page, "?")
    expect(conversation(page)).to_contain_text("→ & ½ ; &notit; ∳")


def test_headers(page: Page) -> None:
    """The page's server sends what a page cannot say of itself, as the document lists it."""
    response = page.reload()
    assert response is not None
    document = (PROJECT / "frontend/README.md").read_text(encoding="utf-8")
    block = next(each for each in document.split("```") if "frame-ancestors" in each)
    listed = dict(line.split(": ", 1) for line in block.strip().splitlines())
    assert len(listed) == 5
    assert {name: response.headers.get(name.lower()) for name in listed} == listed
