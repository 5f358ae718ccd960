"""What answers look like whose Markdown has more in it than paragraphs, code and tables."""

import pytest
from playwright.sync_api import Page, expect

from helpers.page_actions import conversation, exchange
from helpers.upstream import Upstream, saying

pytestmark = pytest.mark.usefixtures("relay")


def test_a_new_line_in_a_cell(page: Page, upstream: Upstream) -> None:
    """`<br>` is a new line, as models write it in tables; other HTML stays the text it is."""
    upstream.answers(saying("| a |\n|---|\n| one<br>two<br/>three <b>four</b> |\n"))
    exchange(page, "?")
    cell = conversation(page).get_by_role("cell")
    expect(cell).to_have_text("one two three <b>four</b>")
    expect(cell.locator("br")).to_have_count(2)


def test_each_block_in_its_direction(page: Page, upstream: Upstream) -> None:
    """Hebrew and Arabic begin at the right, and English beside them at the left."""
    upstream.answers(saying("# שלום\n\nEnglish text.\n\nمرحبا بالعالم\n\n- שלום\n- עולם\n"))
    exchange(page, "מה שלומך?")
    for text, direction in [
        ("מה שלומך?", "rtl"),
        ("English text.", "ltr"),
        ("مرحبا بالعالم", "rtl"),
        ("עולם", "rtl"),
    ]:
        place = conversation(page).get_by_text(text, exact=True).last
        expect(place).to_have_css("direction", direction)


def test_footnotes(page: Page, upstream: Upstream) -> None:
    """A mark leads to its footnote and back, in each of two answers, at the same address."""
    upstream.answers(saying("A claim[^1], another[^b].\n\n[^1]: Its source.\n[^b]: And its."))
    exchange(page, "First?")
    exchange(page, "Second?")
    address = page.url
    turn = page.get_by_role("article").last
    turn.get_by_role("link", name="2", exact=True).click()
    expect(turn.get_by_role("listitem").filter(has_text="And its.")).to_be_focused()
    turn.get_by_role("link", name="Back to footnote mark 2").click()
    expect(turn.get_by_role("link", name="2", exact=True)).to_be_focused()
    assert page.url == address


@pytest.mark.browser_context_args(locale="ko-KR")
def test_footnotes_in_korean(page: Page, upstream: Upstream) -> None:
    """What the page itself adds to an answer is in the reader's language."""
    upstream.answers(saying("주장[^1].\n\n[^1]: 출처."))
    page.get_by_role("textbox", name="질문 입력").fill("?")
    page.keyboard.press("Enter")
    expect(conversation(page).get_by_role("heading", name="각주")).to_be_visible()


def test_tasks(page: Page, upstream: Upstream) -> None:
    """A task that is done has a tick, also for those who have chosen their own colours."""
    upstream.answers(saying("- [x] asked\n- [ ] answered\n"))
    exchange(page, "?")
    page.emulate_media(forced_colors="active")
    boxes = conversation(page).locator(".task-list-item > span")
    expect(boxes).to_have_count(2)
    tick = "box => getComputedStyle(box, '::after').content"
    assert boxes.first.evaluate(tick) != "none"
    assert boxes.last.evaluate(tick) == "none"


def test_languages_are_coloured(page: Page, upstream: Upstream) -> None:
    """Each of the rarer languages comes when it is met, and by all of its names."""
    written = {
        "sql": "SELECT name FROM sky WHERE colour = 'blue';",
        "go": "func main() { return }",
        "c": "int main(void) { return 0; }",
        "C++": "class Sky { public: int blue; };",
        "java": "public class Sky {}",
        "yaml": "sky: true",
        "diff": "- red\n+ blue",
        "rs": "fn main() { let sky = 1; }",
        "toml": 'sky = "blue"',
    }
    blocks = [f"```{language}\n{code}\n```\n" for language, code in written.items()]
    upstream.answers(saying("\n".join(blocks)))
    exchange(page, "?")
    regions = conversation(page).get_by_role("region", name="Code")
    for place in range(len(written)):
        expect(regions.nth(place).locator("[class^=hljs-]").first).to_be_visible()
    expect(regions.locator("code")).to_have_text(list(written.values()))


def test_a_language_that_nobody_knows(page: Page, upstream: Upstream) -> None:
    """Mermaid, and whatever else there is, stays a block of code."""
    upstream.answers(saying("```mermaid\ngraph TD; A-->B;\n```\n\n```constructor\nx\n```\n"))
    exchange(page, "?")
    regions = conversation(page).get_by_role("region", name="Code")
    expect(regions.first).to_have_text("graph TD; A-->B;")
    expect(regions.last).to_have_text("x")
    expect(regions.locator("[class^=hljs-]")).to_have_count(0)
