"""Facts that the model's server reports about an answer, besides its text."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of an answer, as the upstream counts them.

    `completion_tokens` includes the `reasoning_tokens`, which only some upstreams tell.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    reasoning_tokens: int | None = None

    def body(self) -> dict[str, int]:
        """The usage as JSON, without what the upstream did not tell."""
        return {name: count for name, count in asdict(self).items() if count is not None}


@dataclass(frozen=True, slots=True)
class Thoughts:
    """The thoughts of a model so far, before its answer.

    `signs` counts the news of them, about one a second. `text` is "" unless SHOW_THINKING is set.
    """

    signs: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The facts so far: why the answer ended, what it cost, which model wrote it."""

    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
