"""How many tokens a question may use, and how many its answer has used."""

from dataclasses import replace

import pytest
from httpx2 import ConnectTimeout, ReadTimeout

from relay.completions import Receipt
from relay.errors import (
    Abandoned,
    ContentFiltered,
    NoAnswer,
    RelayError,
    ShuttingDown,
    UpstreamError,
    UpstreamTimeout,
)
from relay.limits.tokens import (
    TOKENS_PER_PICTURE,
    Tokens,
    answer_tokens,
    prompt_tokens,
    spent,
)
from relay.questions import Message, Picture, Prompt, turns_of
from relay.upstream import Outcome, Usage
from relay.upstream.refusal import translated

ZEROS = Usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
USAGE = Usage(prompt_tokens=7, completion_tokens=3, total_tokens=10)


def prompt(*texts: str, most: int = 100) -> Prompt:
    opening = (Message("system", "Answer."),)
    return Prompt(
        opening, turns_of([Message("user", text) for text in texts]), "m", most, None, None
    )


def test_a_prompt() -> None:
    """All that the model reads is estimated: instructions, turns, pictures, and what is around."""
    short, long = prompt("Hi"), prompt("Hi", "그리고 하나 더")
    assert 0 < prompt_tokens(short) < prompt_tokens(long)
    assert prompt_tokens(prompt("한" * 1000)) == prompt_tokens(prompt("a" * 3000))
    pictures = (Picture("image/png", "AA=="),) * 2
    shown = replace(short, turns=turns_of([Message("user", "Hi", pictures)]))
    assert prompt_tokens(shown) == prompt_tokens(short) + 2 * TOKENS_PER_PICTURE


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
        (Receipt("finished", 300, Outcome(usage=USAGE)), None, Tokens(10)),
        (Receipt("failed", 0, Outcome(usage=USAGE)), NoAnswer(), Tokens(10)),
        (Receipt("finished", 300), None, Tokens(150, is_estimate=True)),
        (Receipt("finished", 300, Outcome(usage=ZEROS)), None, Tokens(150, is_estimate=True)),
        (Receipt("finished", 0, Outcome(usage=ZEROS)), None, Tokens(0)),
        (Receipt("failed", 0, Outcome(usage=ZEROS)), NoAnswer(), Tokens(1050, is_estimate=True)),
        (Receipt("stopped", 300), None, Tokens(150, is_estimate=True)),
        (Receipt("stopped", 0), None, Tokens(50, is_estimate=True)),
        (Receipt("failed", 31), UpstreamError(), Tokens(61, is_estimate=True)),
        (Receipt("failed", 0), UpstreamTimeout(), Tokens(50, is_estimate=True)),
        (Receipt("failed", 0), Abandoned(), Tokens(50, is_estimate=True)),
        (Receipt("failed", 0), ShuttingDown(), Tokens(50, is_estimate=True)),
        (Receipt("failed", 0), translated(ReadTimeout("")), Tokens(50, is_estimate=True)),
        (Receipt("failed", 0), translated(ConnectTimeout("")), Tokens(0)),
        (Receipt("failed", 0), begun(ContentFiltered()), Tokens(50, is_estimate=True)),
        (Receipt("failed", 0), ContentFiltered(), Tokens(0)),
        (Receipt("failed", 0), UpstreamError(), Tokens(0)),
        (Receipt("failed", 0), NoAnswer(), Tokens(1050, is_estimate=True)),
        (Receipt("stopped", 0, thinking_ms=5.0), None, Tokens(1050, is_estimate=True)),
        (Receipt("finished", 3, thinking_ms=5.0), None, Tokens(1050, is_estimate=True)),
    ],
)
def test_used(receipt: Receipt, error: RelayError | None, used: Tokens) -> None:
    """What was reported, else an estimate that says so; a refusal by the provider costs nothing."""
    assert spent(receipt, error, read=50, may_write=1000) == used
