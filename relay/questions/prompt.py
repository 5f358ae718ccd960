"""The messages for the model: the persona's opening, then the turns of the conversation."""

from dataclasses import dataclass, replace
from typing import Any

from relay.questions.history import Turn, newer_half
from relay.questions.message import Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """The opening and the last turn, which is the question, are always sent."""

    opening: tuple[Message, ...]
    turns: tuple[Turn, ...]
    model: str
    max_answer_tokens: int
    temperature: float | None
    reasoning_effort: str | None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages in the shape of the chat completions API."""
        conversation = [message for turn in self.turns for message in turn]
        return [
            {"role": each.role, "content": _content(each)}
            for each in (*self.opening, *conversation)
        ]

    def shorter(self) -> "Prompt | None":
        """The prompt with half of its history; None if it has no history."""
        turns = newer_half(self.turns)
        return replace(self, turns=turns) if turns else None


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.pictures:
        return message.content
    pictures = [
        {"type": "image_url", "image_url": {"url": each.address}} for each in message.pictures
    ]
    has_text = bool(message.content.strip())
    return [{"type": "text", "text": message.content}, *pictures] if has_text else pictures
