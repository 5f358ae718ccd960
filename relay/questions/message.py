"""One message of a conversation, read from the shapes that chat pages send.

Pictures are read where they are accepted. Anything else but text is refused: if it were left out,
only a wrong answer would show it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from relay.errors import InvalidRequest, UnsupportedContent
from relay.questions.picture import Picture, PictureLimits, parse_picture

Role = Literal["system", "user", "assistant"]

ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "ai": "assistant"}
FORBIDDEN_ROLES = ("system", "developer", "tool", "function")

# Parts that front ends add to a message beside its text. The model does not need them.
NOTES = ("step-start", "reasoning", "refusal", "source-url", "source-document", "dynamic-tool")
NOTE_PREFIXES = ("data-", "tool-")

# The fields with files in messages of deep-chat, and of the AI SDK before version 5.
ATTACHMENTS = ("files", "experimental_attachments")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `content` has no NUL. Only a user's has `pictures`."""

    role: Role
    content: str
    pictures: tuple[Picture, ...] = ()


def plain(text: str) -> str:
    """The text without NUL characters, which mean nothing, and at which some servers fail."""
    return text.replace("\0", "")


def parse_message(item: Any, position: int, limits: PictureLimits | None) -> Message:
    """The message `item`, which stands at `position`. Without `limits` it may have no picture.

    Raises InvalidRequest or UnsupportedContent.
    """
    role = role_of(item, position)
    if role in FORBIDDEN_ROLES:
        raise InvalidRequest(f"messages[{position}] has the role {role}, which is the server's.")
    parts = _parts(item, position, limits)
    text = "".join(part for part in parts if isinstance(part, str))
    pictures = tuple(part for part in parts if isinstance(part, Picture))
    if pictures and ROLES[role] != "user":
        raise UnsupportedContent(
            f"messages[{position}] has a picture, and only the user's messages may have pictures."
        )
    return Message(ROLES[role], plain(text), pictures)


def role_of(item: Any, position: int) -> str:
    """The role that a message names, known or forbidden. Raises InvalidRequest."""
    if not isinstance(item, dict):
        raise InvalidRequest(f"messages[{position}] must be an object.")
    role = item.get("role")
    if not isinstance(role, str) or not (role in ROLES or role in FORBIDDEN_ROLES):
        raise InvalidRequest(f"messages[{position}].role must be user or assistant.")
    return role


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
