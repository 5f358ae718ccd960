"""What the model's server says of an answer besides its text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens, as the upstream counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has been said so far: why the answer ended, what it cost, which model wrote it."""

    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
