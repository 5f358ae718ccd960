"""Many conversations, kept in the browser: found again, changed, deleted, carried elsewhere."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from helpers.limits import GONE_SECONDS
from helpers.page_actions import (
    ask,
    button,
    choose,
    conversation,
    exchange,
    exported,
    import_one,
    question_field,
    slow_disk,
    stopped_clock,
)
from helpers.upstream import Paused, Reply, Upstream, saying, silent_after

pytestmark = pytest.mark.usefixtures("relay")


def listed(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Conversations").get_by_role("link")


def test_two_conversations(page: Page, upstream: Upstream) -> None:
    """A new conversation knows nothing of the one before, and each has its place in the list."""
    exchange(page, "Why is the sky blue?")
    button(page, "New conversation").click()
    expect(conversation(page)).not_to_contain_text("Hello there.")
    exchange(page, "What is a haiku?")
    expect(listed(page)).to_have_text(["What is a haiku?", "Why is the sky blue?"])
    assert [m["content"] for m in upstream.requests[1]["messages"]][-1] == "What is a haiku?"
    assert "Hello there." not in [m["content"] for m in upstream.requests[1]["messages"]]
    listed(page).nth(1).click()
    expect(page).to_have_title("Why is the sky blue? – Askbot")
    expect(conversation(page)).to_contain_text("Hello there.")
    page.go_back()
    expect(page).to_have_title("What is a haiku? – Askbot")


def test_an_answer_goes_on_while_another_conversation_is_read(
    page: Page, upstream: Upstream
) -> None:
    """The list shows that it is being written, and it is whole when the reader comes back."""
    exchange(page, "What is a haiku?")
    button(page, "New conversation").click()
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    listed(page).filter(has_text="haiku").click()
    expect(button(page, "Ask")).to_be_visible()
    running = listed(page).filter(has_text="sky")
    expect(running).to_contain_text("being answered")
    paused.go_on.set()
    expect(running).not_to_contain_text("being answered")
    running.click()
    expect(conversation(page)).to_contain_text("흩어집니다")


def test_an_answer_that_ends_elsewhere(page: Page, upstream: Upstream) -> None:
    """It leaves a mark in the list, also after reloads, until it has been seen in some tab."""
    exchange(page, "What is a haiku?")
    button(page, "New conversation").click()
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    listed(page).filter(has_text="haiku").click()
    page.reload()
    sky = listed(page).filter(has_text="sky")
    expect(sky).to_contain_text("being answered")
    paused.go_on.set()
    expect(sky).to_contain_text("new answer")
    expect(listed(page).filter(has_text="haiku")).not_to_contain_text("new answer")
    page.reload()
    expect(sky).to_contain_text("new answer")
    other = page.context.new_page()
    other.goto(page.url)
    listed(other).filter(has_text="sky").click()
    expect(conversation(other)).to_contain_text("흩어집니다")
    for tab in (page, other):
        expect(listed(tab)).to_have_count(2)
        expect(listed(tab).filter(has_text="new answer")).to_have_count(0)


def test_search(page: Page, upstream: Upstream) -> None:
    """Words of a question, of an answer or of both find a conversation, Hangul included."""
    exchange(page, "Why is the sky blue?")
    button(page, "New conversation").click()
    upstream.answers(saying("세종대왕이 만들었습니다."))
    exchange(page, "한글은 누가 만들었나요?")
    page.keyboard.press("Control+k")
    search = page.get_by_role("searchbox", name="Search")
    expect(search).to_be_focused()
    for query, found in [
        ("세종", ["한글은 누가 만들었나요?"]),
        ("SKY hello", ["Why is the sky blue?"]),
        ("", ["한글은 누가 만들었나요?", "Why is the sky blue?"]),
    ]:
        search.fill(query)
        expect(listed(page)).to_have_text(found)
    search.fill("nowhere")
    expect(page.get_by_text("Nothing found.")).to_be_visible()


def test_a_deleted_conversation_can_be_had_back(page: Page) -> None:
    """Deleting asks nothing and loses nothing: the last one can be undone."""
    exchange(page, "Why is the sky blue?")
    choose(page, "Delete", "Why is the sky blue?")
    expect(listed(page)).to_have_count(0)
    expect(conversation(page)).not_to_contain_text("Hello there.")
    expect(question_field(page)).to_be_visible()
    with slow_disk(page):
        button(page, "Undo").click()
        expect(listed(page)).to_have_text(["Why is the sky blue?"])
        expect(conversation(page)).to_contain_text("Hello there.")
        # What is said to be deleted might still be, for whoever leaves the page now.
        expect(button(page, "Undo")).to_be_visible()
    expect(button(page, "Undo")).to_have_count(0)
    page.reload()
    expect(conversation(page)).to_contain_text("Hello there.")


def test_undoing_is_for_what_was_done_last(page: Page) -> None:
    """The offer does not follow into another conversation, and not beyond the next question."""
    for question in ("Why is the sky blue?", "What is a haiku?", "Who are you?"):
        exchange(page, question)
        button(page, "New conversation").click()
    choose(page, "Delete", "Why is the sky blue?")
    expect(button(page, "Undo")).to_be_visible()
    listed(page).first.click()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(button(page, "Undo")).to_have_count(0)
    choose(page, "Delete", "What is a haiku?")
    expect(button(page, "Undo")).to_be_visible()
    exchange(page, "And who am I?")
    expect(button(page, "Undo")).to_have_count(0)


def test_deleting_stops_the_answer(page: Page, upstream: Upstream) -> None:
    """What nobody will read is not written, nor paid for."""
    upstream.answers(silent_after("햇빛은 "))
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    choose(page, "Delete", "Why is the sky blue?")
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_a_title_of_ones_own(page: Page) -> None:
    """Once its dialog is closed, it is in the list, the header and the title for good."""
    exchange(page, "Why is the sky blue?")
    choose(page, "Rename")
    page.get_by_role("textbox", name="Title").fill("Colours")
    with slow_disk(page):
        button(page, "Save").click()
        expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    expect(listed(page)).to_have_text(["Colours"])
    expect(page.get_by_role("heading", name="Colours")).to_be_visible()
    expect(page).to_have_title("Colours – Askbot")


@pytest.mark.parametrize("kind", ["Markdown", "JSON"])
def test_a_file_brings_a_conversation_back(page: Page, tmp_path: Path, kind: str) -> None:
    """A conversation goes out as a file, is deleted, and comes back out of the file."""
    exchange(page, "Why is the sky blue?")
    file = exported(page, kind, tmp_path)
    assert file.stem == "Why is the sky blue"
    text = file.read_text(encoding="utf-8")
    assert "Hello there." in text
    page.keyboard.press("Escape")
    choose(page, "Delete")
    expect(listed(page)).to_have_count(0)
    import_one(page, file)
    page.keyboard.press("Escape")
    listed(page).click()
    expect(conversation(page)).to_contain_text("Hello there.")
    page.reload()
    expect(conversation(page)).to_contain_text("Hello there.")


def test_everything_in_one_file(page: Page, tmp_path: Path) -> None:
    """All conversations go into one file; a file that is something else is refused in words."""
    for question in ("Why is the sky blue?", "What is a haiku?"):
        exchange(page, question)
        button(page, "New conversation").click()
    button(page, "Settings").click()
    with page.expect_download() as download:
        button(page, "Export all").click()
    kept = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert [len(each["turns"]) for each in kept["conversations"]] == [1, 1]
    other = tmp_path / "other.json"
    other.write_text('{"messages": []}', encoding="ascii")
    page.get_by_label("Import a file").set_input_files(other)
    expect(page.get_by_text("There are no Askbot conversations in this file.")).to_be_visible()


def test_an_answer_from_a_clock_that_is_ahead(page: Page, tmp_path: Path) -> None:
    """A conversation whose last answer has not ended yet by this machine's clock can be read."""
    exchange(page, "Who are you?")
    file = json.loads(exported(page, "JSON", tmp_path).read_text(encoding="utf-8"))
    page.keyboard.press("Escape")
    choose(page, "Delete")
    [ahead] = file["conversations"]
    ahead["seenAt"] = 0
    ahead["changedAt"] += 3_600_000
    ahead["turns"][0]["endedAt"] += 3_600_000
    other = tmp_path / "ahead.json"
    other.write_text(json.dumps(file), encoding="utf-8")
    import_one(page, other)
    page.keyboard.press("Escape")
    listed(page).click()
    expect(conversation(page)).to_contain_text("Hello there.")
    expect(listed(page)).to_have_text(["Who are you?"])
    question_field(page).fill("Can I write?")
    expect(question_field(page)).to_have_value("Can I write?")


def test_two_tabs(page: Page, upstream: Upstream) -> None:
    """What is asked in one tab is read in the other as it is written, and asked once."""
    exchange(page, "Who are you?")
    other = page.context.new_page()
    other.goto(page.url)
    expect(conversation(other)).to_contain_text("Hello there.")
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    for tab in (page, other):
        expect(conversation(tab)).to_contain_text("햇빛은")
        expect(button(tab, "Stop")).to_be_visible()
    paused.go_on.set()
    for tab in (page, other):
        expect(conversation(tab)).to_contain_text("흩어집니다")
        expect(button(tab, "Ask")).to_be_visible()
        expect(tab.get_by_role("article")).to_have_count(2)
    assert len(upstream.requests) == 2
    choose(other, "Delete", "Who are you?")
    expect(listed(page)).to_have_count(0)
    button(other, "Undo").click()
    expect(listed(page)).to_have_count(1)


def test_a_stop_in_the_other_tab(page: Page, upstream: Upstream) -> None:
    """Either tab can stop the answer, and it is stopped in both."""
    upstream.answers(silent_after("햇빛은 "))
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    other = page.context.new_page()
    other.goto(page.url)
    expect(conversation(other)).to_contain_text("햇빛은")
    button(other, "Stop").click()
    for tab in (page, other):
        expect(conversation(tab)).to_contain_text("You stopped this answer.")
        expect(conversation(tab)).to_contain_text("햇빛은")
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)


def test_the_tab_that_asked_is_closed(page: Page, upstream: Upstream) -> None:
    """The other one reads the answer to its end, without asking again."""
    other = page.context.new_page()
    paused = Paused(upstream)
    ask(page, "Why is the sky blue?")
    expect(conversation(page)).to_contain_text("햇빛은")
    address = page.url
    other.goto(address)
    expect(conversation(other)).to_contain_text("햇빛은")
    page.goto("about:blank")
    paused.go_on.set()
    expect(conversation(other)).to_contain_text("흩어집니다")
    expect(button(other, "Ask")).to_be_visible()
    assert len(upstream.requests) == 1
    page.goto(address)
    expect(conversation(page)).to_contain_text("흩어집니다")


def test_a_question_in_other_words(page: Page, upstream: Upstream) -> None:
    """An edited question takes the place of what came after it, which stays as another version."""
    exchange(page, "Who are you?")
    exchange(page, "And who am I?")
    button(page, "Edit the question").first.click()
    field = page.get_by_role("textbox", name="Edited question")
    expect(field).to_be_focused()
    field.fill("Who are they?")
    field.press("Enter")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(conversation(page)).to_contain_text("Who are they?")
    expect(button(page, "Ask")).to_be_visible()
    assert upstream.requests[2]["messages"][-1]["content"] == "Who are they?"
    assert len(upstream.requests[2]["messages"]) == len(upstream.requests[0]["messages"])
    button(page, "Earlier version").click()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(conversation(page)).to_contain_text("And who am I?")


def test_the_last_question_from_the_keyboard(page: Page, upstream: Upstream) -> None:
    """Arrow up in the empty field edits the last question; Escape leaves it as it was."""
    exchange(page, "Who are you?")
    question_field(page).press("ArrowUp")
    field = page.get_by_role("textbox", name="Edited question")
    expect(field).to_be_focused()
    field.fill("Something else")
    button(page, "New conversation").click()
    listed(page).click()
    expect(field).to_have_value("Something else")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(question_field(page)).to_be_focused()
    expect(conversation(page)).to_contain_text("Who are you?")
    assert len(upstream.requests) == 1


def test_versions(page: Page, upstream: Upstream) -> None:
    """What another answer takes the place of is kept: in all tabs, and beyond the next question."""
    exchange(page, "Who are you?")
    upstream.answers(saying("Someone else."))
    button(page, "Ask again").click()
    expect(conversation(page)).to_contain_text("Someone else.")
    exchange(page, "Really?")
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        expect(conversation(tab)).to_contain_text("2/2")
    earlier, later = button(page, "Earlier version"), button(page, "Later version")
    earlier.focus()
    page.keyboard.press("Enter")
    for tab in (page, other):
        expect(conversation(tab)).to_contain_text("Hello there.")
        expect(conversation(tab)).to_contain_text("1/2")
        expect(tab.get_by_role("article")).to_have_count(1)
    expect(earlier).to_be_focused()
    expect(earlier).to_be_disabled()
    page.reload()
    expect(conversation(page)).to_contain_text("1/2")
    later.click()
    expect(conversation(page)).to_contain_text("Someone else.")
    expect(conversation(page)).to_contain_text("Really?")
    exchange(page, "Truly?")
    sent = [message["content"] for message in upstream.requests[-1]["messages"][1:]]
    assert sent[-5:-2] == ["Who are you?", "Someone else.", "Really?"]


@pytest.mark.parametrize("kind", ["Markdown", "JSON"])
def test_versions_go_into_files(page: Page, upstream: Upstream, tmp_path: Path, kind: str) -> None:
    """They are all in an exported file, and come back out of it."""
    exchange(page, "Who are you?")
    upstream.answers(saying("Someone else."))
    button(page, "Ask again").click()
    expect(conversation(page)).to_contain_text("Someone else.")
    expect(button(page, "Ask")).to_be_visible()
    file = exported(page, kind, tmp_path)
    page.keyboard.press("Escape")
    choose(page, "Delete")
    import_one(page, file)
    page.keyboard.press("Escape")
    listed(page).click()
    expect(conversation(page)).to_contain_text("2/2")
    button(page, "Earlier version").click()
    expect(conversation(page)).to_contain_text("Hello there.")


def test_somebody_else_is_asked(page: Page, upstream: Upstream) -> None:
    """Another persona gives the next version of an answer, and goes on answering from there."""
    exchange(page, "Who are you?")
    button(page, "Ask somebody else").click()
    button(page, "Secretary").click()
    expect(page.get_by_role("heading", name="Secretary answered")).to_be_attached()
    expect(conversation(page)).to_contain_text("2/2")
    exchange(page, "And who am I?")
    assert "secretary" in upstream.requests[1]["messages"][0]["content"]
    assert upstream.requests[2]["messages"][0] == upstream.requests[1]["messages"][0]
    button(page, "Earlier version").click()
    expect(page.get_by_role("heading", name="Askbot answered")).to_be_attached()


def test_continue(page: Page, upstream: Upstream) -> None:
    """An answer that reached its longest goes on in its place, and is one answer in the end."""

    @upstream.answers
    def begins(reply: Reply) -> None:
        reply.text("One, two,")
        reply.finish("length")

    exchange(page, "Count.")
    expect(conversation(page)).to_contain_text("reached the longest length")

    @upstream.answers
    def goes_on(reply: Reply) -> None:
        reply.text(" three.")
        reply.finish()

    button(page, "Continue").click()
    expect(conversation(page)).to_contain_text("One, two, three.")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(button(page, "Continue")).to_have_count(0)
    sent = [message["content"] for message in upstream.requests[1]["messages"][-3:]]
    assert sent[:2] == ["Count.", "One, two,"]
    assert sent[2].startswith("Continue your last answer")


def test_a_draft(page: Page) -> None:
    """What was written and not asked is there after a reload, in the conversation it belongs to."""
    exchange(page, "Who are you?")
    question_field(page).fill("Half a questi")
    button(page, "New conversation").click()
    expect(question_field(page)).to_have_value("")
    question_field(page).fill("Another")
    page.reload()
    expect(question_field(page)).to_have_value("Another")
    listed(page).click()
    expect(question_field(page)).to_have_value("Half a questi")


def test_the_draft_of_an_edit(page: Page) -> None:
    """What was changed in an asked question, and not asked, is there after a reload."""
    exchange(page, "Who are you?")
    button(page, "Edit the question").click()
    field = page.get_by_role("textbox", name="Edited question")
    field.fill("Who are you, and what can you do?")
    page.reload()
    button(page, "Edit the question").click()
    expect(field).to_have_value("Who are you, and what can you do?")
    button(page, "Cancel").click()
    button(page, "Edit the question").click()
    expect(field).to_have_value("Who are you?")


@pytest.mark.browser_context_args(permissions=["clipboard-read", "clipboard-write"])
def test_copying(page: Page, upstream: Upstream) -> None:
    """An answer is copied as the Markdown it is, and code without its fence."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("**Bold**\n\n```py\nx = 1\n```\n")
        reply.finish()

    exchange(page, "How?")
    with stopped_clock(page):
        for name, text in [
            ("Copy the answer", "**Bold**\n\n```py\nx = 1\n```\n"),
            ("Copy the code", "x = 1"),
        ]:
            button(page, name).click()
            expect(page.get_by_text("Copied")).to_be_visible()
            assert page.evaluate("navigator.clipboard.readText()") == text
            page.clock.run_for("00:10")
            expect(page.get_by_text("Copied")).to_have_count(0)


def test_a_persona(page: Page, upstream: Upstream) -> None:
    """Each persona greets and suggests; the one chosen answers in that conversation, and stays."""
    greeting = conversation(page)
    expect(greeting).to_contain_text("Yo! I'm Askbot.")
    page.get_by_role("radio", name="Secretary").check()
    expect(greeting).to_contain_text("I am the secretary of Hong Gildong.")
    suggestion = page.get_by_role("list", name="Suggestions").get_by_role("button").first
    question = suggestion.inner_text()
    suggestion.click()
    expect(page.get_by_role("heading", name="Secretary answered")).to_be_attached()
    expect(button(page, "Ask")).to_be_visible()
    assert upstream.requests[0]["messages"][-1]["content"] == question
    assert "secretary" in upstream.requests[0]["messages"][0]["content"]
    button(page, "New conversation").click()
    expect(page.get_by_role("radio", name="Secretary")).to_be_checked()
    page.get_by_role("radio", name="Askbot").check()
    listed(page).click()
    expect(page.get_by_role("heading", name="Secretary answered")).to_be_attached()
    exchange(page, "And then?")
    assert upstream.requests[1]["messages"][0] == upstream.requests[0]["messages"][0]


def test_nothing_but_the_question_leaves_the_browser(page: Page, upstream: Upstream) -> None:
    """All requests of a whole conversation go to the page's own host, and few of them."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(f"{request.method} {request.url}"))
    exchange(page, "Who are you?")
    own = re.match(r"\w+://[^/]+/", page.url)
    assert own is not None
    assert all(request.partition(" ")[2].startswith(own[0]) for request in seen), seen
    assert len([request for request in seen if request.startswith("POST")]) == 1
    assert upstream.requests[0]["messages"][-1] == {"role": "user", "content": "Who are you?"}


def test_an_address_that_leads_nowhere(page: Page) -> None:
    """A conversation that is not here is a new one, and "back" is no trap."""
    exchange(page, "Who are you?")
    shown = page.url
    page.goto("/#nowhere")
    expect(page).to_have_title("Askbot")
    expect(page).not_to_have_url(re.compile("nowhere"))
    page.go_back()
    expect(page).to_have_url(shown)
    expect(conversation(page)).to_contain_text("Hello there.")


def test_an_edit_while_something_else_is_answered(page: Page, upstream: Upstream) -> None:
    """It stays open with what was written, and is asked once that is possible."""
    exchange(page, "Who are you?")
    question_field(page).press("ArrowUp")
    field = page.get_by_role("textbox", name="Edited question")
    field.fill("Who are they?")
    paused = Paused(upstream)
    ask(page, "And who am I?")
    expect(conversation(page)).to_contain_text("햇빛은")
    field.press("Enter")
    expect(field).to_have_value("Who are they?")
    paused.go_on.set()
    expect(button(page, "Ask")).to_be_visible()
    field.press("Enter")
    expect(page.get_by_role("article")).to_have_count(1)
    assert upstream.wait_until(lambda server: len(server.requests) == 3)
    assert upstream.requests[2]["messages"][-1]["content"] == "Who are they?"
