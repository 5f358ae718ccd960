"""How many tokens a question may use, and how many its answer has used."""

import math
from dataclasses import dataclass

from relay.completions import Receipt
from relay.errors import NoAnswer, RelayError
from relay.questions import Prompt

# Tokenizers of today make a token of four bytes of English, and of three to five of Korean.
BYTES_PER_TOKEN = 3
# What servers add to each message: its role, and marks around it.
TOKENS_PER_MESSAGE = 8
# Providers make up to so many of a large picture.
TOKENS_PER_PICTURE = 2500
# For an answer without a limit: longer than nearly all.
UNLIMITED_ANSWER_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class Tokens:
    """A number of tokens, and whether it is an estimate."""

    count: int
    is_estimate: bool = False


NO_TOKENS = Tokens(0)


def prompt_tokens(prompt: Prompt) -> int:
    """An estimate of what the model reads."""
    messages = [*prompt.opening, *(message for turn in prompt.turns for message in turn)]
    size = sum(len(message.content.encode()) for message in messages)
    pictures = sum(len(message.pictures) for message in messages)
    return _in_bytes(size) + TOKENS_PER_MESSAGE * len(messages) + TOKENS_PER_PICTURE * pictures


def answer_tokens(prompt: Prompt) -> int:
    """The most that the model may write."""
    return prompt.max_answer_tokens or UNLIMITED_ANSWER_TOKENS


def spent(receipt: Receipt, error: RelayError | None, *, read: int, may_write: int) -> Tokens:
    """What an answer has used, of `read` tokens of the prompt and `may_write` of the answer.

    Where the model's server reports nothing, the size of the text says how much was written. The
    size of thoughts is not known, so they count as all that the model was allowed to write.
    """
    usage = receipt.outcome.usage
    has_thought = receipt.thinking_ms is not None or isinstance(error, NoAnswer)
    # Some servers report zeros, or report before they have written anything.
    if usage is not None and (usage.completion_tokens or not (receipt.size or has_thought)):
        return Tokens(usage.total_tokens)
    if error is not None and not (receipt.size or has_thought or error.may_cost):
        # Providers do not charge for questions that they refuse.
        return NO_TOKENS
    written = may_write if has_thought else _in_bytes(receipt.size)
    return Tokens(read + written, is_estimate=True)


def _in_bytes(size: int) -> int:
    return math.ceil(size / BYTES_PER_TOKEN)
