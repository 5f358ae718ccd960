"""The messages of a conversation: which are asked, and how many and how long they may be."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from relay.errors import InvalidRequest, QuestionTooLong, UnsupportedContent
from relay.questions.message import Message, parse_message, role_of
from relay.questions.picture import PictureLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest question that is passed on; 0 is no limit. Without `pictures` none are."""

    question_chars: int = 0
    messages: int = 0
    pictures: PictureLimits | None = None


def parse_conversation(
    items: Any, limits: Limits, *, ignored_roles: Container[str] = ()
) -> tuple[Message, ...]:
    """The messages in the value of `messages`, oldest first, without those of `ignored_roles`.

    Raises InvalidRequest, UnsupportedContent or QuestionTooLong.
    """
    if not isinstance(items, list):
        raise InvalidRequest("messages must be a list.")
    if limits.messages and len(items) > limits.messages:
        raise QuestionTooLong(f"A conversation may have {limits.messages} messages at most.")
    messages = [
        parse_message(item, position, limits.pictures)
        for position, item in enumerate(items)
        if role_of(item, position) not in ignored_roles
    ]
    if not messages or messages[-1].role != "user":
        raise InvalidRequest("The last message must be the user's.")
    # Chat pages keep a stopped answer as an empty message, which models reject.
    earlier = [message for message in messages[:-1] if not _is_empty(message)]
    return (*earlier, checked(messages[-1], limits))


def has_texts(items: Any) -> bool:
    """Whether the last message has deep-chat's shape, with its text in `text`."""
    return isinstance(items, list) and "content" not in items[-1] and "text" in items[-1]


def checked(question: Message, limits: Limits) -> Message:
    """The question, if it may be asked.

    Raises InvalidRequest, UnsupportedContent or QuestionTooLong.
    """
    if _is_empty(question):
        raise InvalidRequest("The question is empty.")
    if limits.question_chars and len(question.content) > limits.question_chars:
        raise QuestionTooLong(f"A question may have {limits.question_chars} characters at most.")
    if limits.pictures and len(question.pictures) > limits.pictures.count:
        raise UnsupportedContent(f"A question may have {limits.pictures.count} pictures at most.")
    return question


def _is_empty(message: Message) -> bool:
    return not message.content.strip() and not message.pictures
