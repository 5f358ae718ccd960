"""Formulas in answers: drawn as they are meant, and nothing else taken for one."""

import threading

import pytest
from playwright.sync_api import Page, Response, expect

from helpers.limits import GONE_SECONDS, HELD_SECONDS
from helpers.page_actions import ask, button, conversation, exchange
from helpers.upstream import Reply, Upstream, saying, silent_after

pytestmark = pytest.mark.usefixtures("relay")

FORMULAS = r"""
In a line: \(a_1^2\,b\) and $e^{i\pi} + 1 = 0$, **bold \(x\)는** and `\(code\)`.

\[
\sum_{k=1}^{n} k
=
\frac{n(n+1)}{2}
\]

1. In a list:
   $$\int_0^1 x^2\,dx = \tfrac{1}{3}$$

| in a table | $|x|$ |
|---|---|
| \(y\) | $\sqrt{\vec{v}}$ |

```tex
\(source\) stays source
```
"""


def test_formulas_are_drawn(page: Page, upstream: Upstream) -> None:
    """All four kinds of delimiters make formulas, which screen readers get as MathML."""
    upstream.answers(saying(FORMULAS))
    exchange(page, "Show some.")
    drawn = conversation(page).locator(".katex")
    expect(drawn).to_have_count(8)
    expect(conversation(page).locator(".katex-display")).to_have_count(2)
    expect(conversation(page).locator("math mfrac")).to_have_count(2)
    expect(conversation(page).get_by_role("table").locator(".katex")).to_have_count(3)
    code = conversation(page).locator("code", has_text="code")
    expect(code.first).to_have_text(r"\(code\)")
    expect(conversation(page).get_by_role("region", name="Code")).to_contain_text(r"\(source\)")
    # What is seen has no delimiters: the source is there for the clipboard only.
    assert "$" not in "".join(drawn.locator(".katex-html").all_inner_texts())


def test_prices_are_no_formulas(page: Page, upstream: Upstream) -> None:
    """Amounts of money and names of variables stay as they are, and nothing is loaded for them."""
    prices = "It costs $5, or $10 for two, US$20 for $HOME and $PATH; \\$3 each."
    loaded: list[str] = []

    def on_response(response: Response) -> None:
        loaded.append(response.url)

    page.on("response", on_response)
    upstream.answers(saying(prices))
    exchange(page, "How much?")
    expect(conversation(page)).to_contain_text(prices.replace("\\", ""))
    expect(conversation(page).locator(".katex")).to_have_count(0)
    assert not [url for url in loaded if "Formula" in url]


@pytest.mark.parametrize("half", [r"So \(a^2 + ", "So $$\nx^2", r"So \[ x", "So $x^2 + y"])
def test_half_of_a_formula(page: Page, upstream: Upstream, half: str) -> None:
    """While it is written it is not shown; what comes before it is, and the whole in the end."""
    rest = threading.Event()
    ends = {"(": r"\)", "$": "$$", "[": r"\]", "x": "$"}

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text(half)
        assert rest.wait(HELD_SECONDS)
        reply.text(f"z{ends[half.split('So ')[1][1]]} it is.")
        reply.finish()

    ask(page, "Write.")
    expect(conversation(page)).to_contain_text("So …")
    for sign in ("$", "\\", "^"):
        expect(conversation(page)).not_to_contain_text(sign)
    rest.set()
    expect(conversation(page)).to_contain_text("it is.")
    expect(conversation(page).locator(".katex")).to_have_count(1)


def test_what_is_no_formula_is_shown_as_it_is(page: Page, upstream: Upstream) -> None:
    """What TeX does not know stays source, and one that was never ended is text in the end."""
    upstream.answers(saying(r"A \(\nosuchthing{x}\) and $\fcolorbox{red}{blue}{x}$, \(open"))
    exchange(page, "Write.")
    expect(conversation(page)).to_contain_text(r"\(\nosuchthing{x}\)")
    expect(conversation(page)).to_contain_text("(open")
    # This one has a style of its own, which must not break the page's policy.
    expect(conversation(page).locator(".katex")).to_have_count(1)


@pytest.mark.browser_context_args(permissions=["clipboard-read", "clipboard-write"])
def test_copying_a_formula(page: Page, upstream: Upstream) -> None:
    """What is selected is copied as the model wrote it."""
    upstream.answers(saying(r"Euler: \(e^{i\pi}\) is $-1$."))
    exchange(page, "Write.")
    expect(conversation(page).locator(".katex")).to_have_count(2)
    conversation(page).get_by_text("Euler:").evaluate(
        "element => getSelection().selectAllChildren(element)"
    )
    page.keyboard.press("Control+c")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == r"Euler: \(e^{i\pi}\) is $-1$."


def test_formulas_that_cannot_be_loaded(page: Page, upstream: Upstream) -> None:
    """Where what draws them is missing, they are what the model wrote."""
    page.route("**/assets/DrawnFormula*", lambda route: route.abort())
    upstream.answers(silent_after(r"Euler: \(e^{i\pi}\)."))
    ask(page, "Write.")
    expect(conversation(page)).to_contain_text(r"Euler: \(e^{i\pi}\).")
    button(page, "Stop").click()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
