"""One turn of a conversation, as the chat completions API has it."""

from dataclasses import dataclass
from typing import Literal

from relay.questions.picture import Picture

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str
    pictures: tuple[Picture, ...] = ()


def plain(text: str) -> str:
    """The text without NUL characters, which mean nothing, and at which some servers fail."""
    return text.replace("\0", "")
