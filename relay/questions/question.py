"""A parsed question, without any raw JSON."""

import hashlib
from dataclasses import dataclass

import msgspec

from relay.questions.message import Message


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation, oldest message first. The last message is the user's.

    `is_streamed` is false if the client asked for the whole answer at once. With
    `is_whole_by_default` it also gets the whole answer if its headers name no form.
    """

    messages: tuple[Message, ...]
    persona: str | None = None
    is_streamed: bool = True
    is_whole_by_default: bool = False

    @property
    def has_pictures(self) -> bool:
        return any(message.pictures for message in self.messages)

    @property
    def fingerprint(self) -> bytes:
        """A hash of the question. It does not depend on the form of the reply."""
        turns = [(each.role, each.content, *each.pictures) for each in self.messages]
        return hashlib.sha256(msgspec.json.encode((self.persona, turns))).digest()
