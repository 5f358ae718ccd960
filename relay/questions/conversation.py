"""The messages of a conversation, in the shapes that chat pages send.

Pictures and files are refused. If they were left out, only a wrong answer would show it.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from relay.errors import InvalidRequest, QuestionTooLong, UnsupportedContent
from relay.questions.message import Message, Role

ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "ai": "assistant"}
FORBIDDEN_ROLES = ("system", "developer", "tool", "function")

# Parts that front ends add to a message beside its text. The model does not need them.
NOTES = ("step-start", "reasoning", "refusal", "source-url", "source-document", "dynamic-tool")
NOTE_PREFIXES = ("data-", "tool-")

# The fields with files in messages of deep-chat, and of the AI SDK before version 5.
ATTACHMENTS = ("files", "experimental_attachments")


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest question that is passed on; 0 is no limit."""

    question_chars: int = 0
    messages: int = 0


def parse_conversation(
    items: Any, limits: Limits, *, ignored_roles: Container[str] = ()
) -> tuple[Message, ...]:
    """The messages in the value of `messages`, oldest first, without those of `ignored_roles`.

    Raises InvalidRequest or QuestionTooLong.
    """
    if not isinstance(items, list):
        raise InvalidRequest("messages must be a list.")
    if limits.messages and len(items) > limits.messages:
        raise QuestionTooLong(f"A conversation may have {limits.messages} messages at most.")
    messages = [
        _message(item, role, position)
        for position, item in enumerate(items)
        if (role := _role(item, position)) not in ignored_roles
    ]
    if not messages or messages[-1].role != "user":
        raise InvalidRequest("The last message must be the user's.")
    # Chat pages keep a stopped answer as an empty message, which models reject.
    earlier = [message for message in messages[:-1] if message.content.strip()]
    return (*earlier, checked(messages[-1], limits))


def has_texts(items: Any) -> bool:
    """Whether the last message has deep-chat's shape, with its text in `text`."""
    return isinstance(items, list) and "content" not in items[-1] and "text" in items[-1]


def checked(question: Message, limits: Limits) -> Message:
    """The question, if it may be asked. Raises InvalidRequest or QuestionTooLong."""
    if not question.content.strip():
        raise InvalidRequest("The question is empty.")
    if limits.question_chars and len(question.content) > limits.question_chars:
        raise QuestionTooLong(f"A question may have {limits.question_chars} characters at most.")
    return question


def _role(item: Any, position: int) -> str:
    if not isinstance(item, dict):
        raise InvalidRequest(f"messages[{position}] must be an object.")
    role = item.get("role")
    if not isinstance(role, str) or not (role in ROLES or role in FORBIDDEN_ROLES):
        raise InvalidRequest(f"messages[{position}].role must be user or assistant.")
    return role


def _message(item: Mapping[str, Any], role: str, position: int) -> Message:
    if role in FORBIDDEN_ROLES:
        raise InvalidRequest(f"messages[{position}] has the role {role}, which is the server's.")
    return Message(ROLES[role], _content(item, position))


def _content(item: Mapping[str, Any], position: int) -> str:
    if any(item.get(name) for name in ATTACHMENTS):
        raise _no_text(position)
    for name in ("content", "text"):
        if isinstance(item.get(name), str):
            return str(item[name])
    for name in ("content", "parts"):
        if isinstance(item.get(name), list):
            return "".join(_part(part, position) for part in item[name])
    if item.get("tool_calls"):
        # An answer of another server that only calls tools.
        return ""
    raise InvalidRequest(f"messages[{position}] needs content, parts or text.")


def _part(part: Any, position: int) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        raise InvalidRequest(f"messages[{position}] has a part without a type.")
    if kind in NOTES or kind.startswith(NOTE_PREFIXES):
        return ""
    if kind != "text":
        raise _no_text(position)
    if not isinstance(part.get("text"), str):
        raise InvalidRequest(f"messages[{position}] has a text part without text.")
    return str(part["text"])


def _no_text(position: int) -> UnsupportedContent:
    return UnsupportedContent(
        f"messages[{position}] holds something other than text, and only text can be asked here: "
        "leave pictures and files out."
    )
