"""What of a conversation the model is sent."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from relay.personas import Personas
from relay.questions import Message, Prompt
from relay.settings import Settings

PERSONA = Personas.load().default
TURNS = st.lists(st.tuples(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=2)))


def said(prompt: Prompt) -> list[str]:
    return [message.content for turn in prompt.turns for message in turn]


def conversation(*texts: str) -> list[Message]:
    """User and assistant by turns, the user first."""
    roles = ("user", "assistant")
    return [Message(roles[place % 2], text) for place, text in enumerate(texts)]  # type: ignore[arg-type]


@given(TURNS, st.text(), st.integers(0, 60), st.integers(0, 5))
def test_history_is_cut_in_whole_turns(
    turns: list[tuple[str, list[str]]], question: str, characters: int, count: int
) -> None:
    """The newest turns are kept, each with its answers, the question and the opening always."""
    messages = [
        message
        for asked, answers in turns
        for message in (Message("user", asked), *(Message("assistant", each) for each in answers))
    ]
    messages.append(Message("user", question))
    settings = Settings(history_chars=characters, history_turns=count)
    prompt = PERSONA.prompt(messages, settings)
    kept = said(prompt)
    assert kept == [message.content for message in messages][-len(kept) :]
    assert kept[-1] == question
    assert prompt.turns[0][0].role == "user"
    assert not count or len(prompt.turns) <= count
    assert not characters or len(prompt.turns) == 1 or len("".join(kept)) <= characters
    opening = PERSONA.opening(question)
    assert prompt.messages[: len(opening)] == [
        {"role": each.role, "content": each.content} for each in opening
    ]


def test_nothing_is_cut_without_need() -> None:
    """A conversation within the limits is sent whole, a page's greeting included."""
    messages = [Message("assistant", "Hello!"), *conversation("a", "b", "c")]
    assert said(PERSONA.prompt(messages, Settings())) == ["Hello!", "a", "b", "c"]


def test_shorter() -> None:
    """Each time half of the history goes, until only the question is left."""
    prompt = PERSONA.prompt(conversation(*"abcdefghi"), Settings())
    shorter = prompt.shorter()
    assert shorter is not None
    assert said(shorter) == list("efghi")
    only = replace(prompt, turns=prompt.turns[-1:])
    assert only.shorter() is None


def test_the_tighter_limit_of_tokens_counts() -> None:
    """A persona may ask for shorter answers than the operator allows, never for longer ones."""
    question = conversation("a")
    for persona_limit, operator_limit, expected in [(5, 9, 5), (9, 5, 5), (None, 5, 5), (5, 0, 5)]:
        persona = replace(PERSONA, max_answer_tokens=persona_limit)
        settings = Settings(max_answer_tokens=operator_limit)
        assert persona.prompt(question, settings).max_answer_tokens == expected
    no_limit = replace(PERSONA, max_answer_tokens=None)
    assert no_limit.prompt(question, Settings(max_answer_tokens=0)).max_answer_tokens == 0
