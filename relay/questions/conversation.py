"""The messages of a conversation, in the shapes that chat pages send.

Pictures are read where they are accepted. Anything else but text is refused: if it were left out,
only a wrong answer would show it.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from relay.errors import InvalidRequest, QuestionTooLong, UnsupportedContent
from relay.questions.message import Message, Role, plain
from relay.questions.picture import Picture, PictureLimits, parse_picture

ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "ai": "assistant"}
FORBIDDEN_ROLES = ("system", "developer", "tool", "function")

# Parts that front ends add to a message beside its text. The model does not need them.
NOTES = ("step-start", "reasoning", "refusal", "source-url", "source-document", "dynamic-tool")
NOTE_PREFIXES = ("data-", "tool-")

# The fields with files in messages of deep-chat, and of the AI SDK before version 5.
ATTACHMENTS = ("files", "experimental_attachments")


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
        _message(item, role, position, limits)
        for position, item in enumerate(items)
        if (role := _role(item, position)) not in ignored_roles
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


def _role(item: Any, position: int) -> str:
    if not isinstance(item, dict):
        raise InvalidRequest(f"messages[{position}] must be an object.")
    role = item.get("role")
    if not isinstance(role, str) or not (role in ROLES or role in FORBIDDEN_ROLES):
        raise InvalidRequest(f"messages[{position}].role must be user or assistant.")
    return role


def _is_empty(message: Message) -> bool:
    return not message.content.strip() and not message.pictures


def _message(item: Mapping[str, Any], role: str, position: int, limits: Limits) -> Message:
    if role in FORBIDDEN_ROLES:
        raise InvalidRequest(f"messages[{position}] has the role {role}, which is the server's.")
    parts = _parts(item, position, limits.pictures)
    text = "".join(part for part in parts if isinstance(part, str))
    pictures = tuple(part for part in parts if isinstance(part, Picture))
    if pictures and ROLES[role] != "user":
        raise UnsupportedContent(
            f"messages[{position}] has a picture, and only the user's messages may have pictures."
        )
    return Message(ROLES[role], plain(text), pictures)


def _parts(
    item: Mapping[str, Any], position: int, limits: PictureLimits | None
) -> list[str | Picture]:
    if any(item.get(name) for name in ATTACHMENTS):
        raise _unsupported(position, limits)
    for name in ("content", "text"):
        if isinstance(item.get(name), str):
            return [item[name]]
    for name in ("content", "parts"):
        if isinstance(item.get(name), list):
            return [_part(part, position, limits) for part in item[name]]
    if item.get("tool_calls"):
        # An answer of another server that only calls tools.
        return []
    raise InvalidRequest(f"messages[{position}] needs content, parts or text.")


def _part(part: Any, position: int, limits: PictureLimits | None) -> str | Picture:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        raise InvalidRequest(f"messages[{position}] has a part without a type.")
    if kind in NOTES or kind.startswith(NOTE_PREFIXES):
        return ""
    if kind != "text":
        address = _picture_address(part)
        if address is None or limits is None:
            raise _unsupported(position, limits)
        return parse_picture(address, limits, place=f"messages[{position}]")
    if not isinstance(part.get("text"), str):
        raise InvalidRequest(f"messages[{position}] has a text part without text.")
    return str(part["text"])


def _picture_address(part: Mapping[str, Any]) -> str | None:
    """The address in a picture of OpenAI's clients or of the AI SDK; None for any other part."""
    match part:
        case {"type": "image_url", "image_url": {"url": str(address)}}:
            return address
        case {"type": "file", "mediaType": str(media_type), "url": str(address)}:
            return address if media_type.lower().startswith("image/") else None
    return None


def _unsupported(position: int, limits: PictureLimits | None) -> UnsupportedContent:
    if limits is None:
        return UnsupportedContent(
            f"messages[{position}] holds something other than text, and only text can be asked "
            "here: leave pictures and files out."
        )
    return UnsupportedContent(
        f"messages[{position}] holds something other than text and pictures: leave it out."
    )
