"""The messages for the model: the persona's opening, and as much of the conversation as fits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.questions.message import Message
from relay.questions.picture import MAX_PICTURES

Turn = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The opening and the last turn, which is the question, are always sent.

    A turn is a user's message with the answers to it. History is cut at turns, so that no answer
    is sent without its question.
    """

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

    def fitting(self, *, characters: int, turns: int) -> "Prompt":
        """The prompt without the oldest turns, as far as the limits demand; 0 is no limit."""
        kept = self.turns[-turns:] if turns else self.turns
        while characters and len(kept) > 1 and _characters(kept) > characters:
            kept = kept[1:]
        return replace(self, turns=kept)

    def shorter(self) -> "Prompt | None":
        """The prompt with half of its history; None if it has no history."""
        history = len(self.turns) - 1
        return replace(self, turns=self.turns[-(history // 2 + 1) :]) if history else None


def turns_of(conversation: Sequence[Message]) -> tuple[Turn, ...]:
    """Groups a conversation, oldest message first, into turns."""
    turns: list[Turn] = []
    for message in conversation:
        # A greeting of the page, before the first question, is a turn of its own.
        if message.role == "user" or not turns:
            turns.append((message,))
        else:
            turns[-1] += (message,)
    return tuple(turns)


def with_newest_pictures(conversation: Sequence[Message]) -> list[Message]:
    """The conversation with at most MAX_PICTURES pictures, those of its newest messages.

    A model is paid for each picture of each request. The pictures of one message stay together.
    """
    kept: list[Message] = []
    room = MAX_PICTURES
    for message in reversed(conversation):
        room -= len(message.pictures)
        fits = room >= 0 or not message.pictures
        kept.append(message if fits else _without_pictures(message))
    return kept[::-1]


def _without_pictures(message: Message) -> Message:
    # The model is told, so that it does not answer as if there had been none.
    note = f"[pictures that are no longer sent: {len(message.pictures)}]"
    return replace(message, content=f"{message.content}\n\n{note}".strip(), pictures=())


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.pictures:
        return message.content
    pictures = [
        {"type": "image_url", "image_url": {"url": each.address}} for each in message.pictures
    ]
    has_text = bool(message.content.strip())
    return [{"type": "text", "text": message.content}, *pictures] if has_text else pictures


def _characters(turns: Sequence[Turn]) -> int:
    return sum(len(message.content) for turn in turns for message in turn)
