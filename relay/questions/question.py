"""A question, as the relay understands it: past here no raw JSON exists."""

import hashlib
from dataclasses import dataclass

import msgspec

from relay.questions.message import Message


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the turns, oldest first, of which the last is the user's.

    `is_streamed` says whether the client wants the answer as it is written, or whole. By default,
    if its headers name no form either, a client such as deep-chat reads it whole.
    """

    messages: tuple[Message, ...]
    persona: str | None = None
    is_streamed: bool = True
    is_whole_by_default: bool = False

    @property
    def fingerprint(self) -> bytes:
        """The same for the same question, in whatever form its answer is wanted."""
        turns = [(message.role, message.content) for message in self.messages]
        return hashlib.sha256(msgspec.json.encode((self.persona, turns))).digest()
