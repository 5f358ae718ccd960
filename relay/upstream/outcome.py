"""Facts that the model's server reports about an answer, besides its text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of an answer, as the upstream counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The facts so far: why the answer ended, what it cost, which model wrote it."""

    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
