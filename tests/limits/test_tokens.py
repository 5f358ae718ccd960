"""How many tokens a question may use, and how many its answer has used."""

import pytest

from relay.completions import Receipt
from relay.errors import ContentFiltered, NoAnswer, RelayError, UpstreamError, UpstreamTimeout
from relay.limits.tokens import answer_tokens, prompt_tokens, spent
from relay.questions import Message, Prompt, turns_of
from relay.upstream import Outcome, Usage

USAGE = Usage(prompt_tokens=7, completion_tokens=3, total_tokens=10)


def prompt(*texts: str, most: int = 100) -> Prompt:
    opening = (Message("system", "Answer."),)
    return Prompt(
        opening, turns_of([Message("user", text) for text in texts]), "m", most, None, None
    )


def test_a_prompt() -> None:
    """All that the model reads is estimated: the instructions, every turn, and what is around."""
    short, long = prompt("Hi"), prompt("Hi", "그리고 하나 더")
    assert 0 < prompt_tokens(short) < prompt_tokens(long)
    assert prompt_tokens(prompt("한" * 1000)) == prompt_tokens(prompt("a" * 3000))


def test_an_answer() -> None:
    """It takes as much as it may have; without a limit, more than nearly any answer has."""
    assert answer_tokens(prompt("Hi", most=100)) == 100
    assert answer_tokens(prompt("Hi", most=0)) > 10_000


def begun(error: RelayError) -> RelayError:
    error.may_cost = True
    return error


@pytest.mark.parametrize(
    ("receipt", "error", "used"),
    [
        (Receipt("finished", 300, Outcome(usage=USAGE)), None, "10 tokens"),
        (Receipt("failed", 0, Outcome(usage=USAGE)), NoAnswer(), "10 tokens"),
        (Receipt("finished", 300), None, "about 150 tokens (estimated)"),
        (Receipt("stopped", 300), None, "about 150 tokens (estimated)"),
        (Receipt("stopped", 0), None, "about 50 tokens (estimated)"),
        (Receipt("failed", 31), UpstreamError(), "about 61 tokens (estimated)"),
        (Receipt("failed", 0), UpstreamTimeout(), "about 50 tokens (estimated)"),
        (Receipt("failed", 0), begun(ContentFiltered()), "about 50 tokens (estimated)"),
        (Receipt("failed", 0), ContentFiltered(), "0 tokens"),
        (Receipt("failed", 0), UpstreamError(), "0 tokens"),
        (Receipt("failed", 0), NoAnswer(), "about 1050 tokens (estimated)"),
        (Receipt("stopped", 0, thinking_ms=5.0), None, "about 1050 tokens (estimated)"),
        (Receipt("finished", 3, thinking_ms=5.0), None, "about 1050 tokens (estimated)"),
    ],
)
def test_used(receipt: Receipt, error: RelayError | None, used: str) -> None:
    """What was reported, else an estimate that says so; a refusal by the provider costs nothing."""
    assert str(spent(receipt, error, read=50, may_write=1000)) == used
