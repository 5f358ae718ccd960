"""From the bytes of a request to a `Question`.

Three ways to ask are understood, because the clients in use send three: `userPrompt` or `prompt`
(one question), or `messages` (the conversation so far, oldest first).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from relay.errors import InvalidRequest, QuestionTooLong, UnsupportedMediaType
from relay.questions.message import Message, Role
from relay.questions.question import Question

ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "ai": "assistant"}
FORBIDDEN_ROLES = ("system", "developer", "tool")
WAYS_TO_ASK = ("userPrompt", "prompt", "messages")


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest question that is passed on; 0 is no limit."""

    question_chars: int = 0
    messages: int = 0


def parse_question(body: bytes, *, content_type: str, limits: Limits | None = None) -> Question:
    """Reads a request body, given the value of its `Content-Type` header.

    Raises UnsupportedMediaType, InvalidRequest or QuestionTooLong.
    """
    fields = _fields(body, content_type)
    messages = _messages(fields, limits or Limits())
    persona = _optional(fields, "persona", str)
    stream = _optional(fields, "stream", bool)
    return Question(messages, persona, stream is not False)


def _fields(body: bytes, content_type: str) -> Mapping[str, Any]:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _json_fields(body)
    if media_type == "application/x-www-form-urlencoded":
        return _form_fields(body)
    raise UnsupportedMediaType()


def _json_fields(body: bytes) -> Mapping[str, Any]:
    if not body.strip():
        raise InvalidRequest('The body is empty; send {"userPrompt": "..."}.')
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON in UTF-8.") from error
    if not isinstance(fields, dict):
        raise InvalidRequest('The body must be a JSON object such as {"userPrompt": "..."}.')
    return fields


def _form_fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields: dict[str, Any] = dict(
            parse_qsl(body.decode("ascii"), errors="strict", keep_blank_values=True)
        )
    except ValueError as error:
        raise InvalidRequest("The body is not a valid form in UTF-8.") from error
    if "messages" in fields:
        raise InvalidRequest("Send messages as application/json.")
    if "stream" in fields:
        fields["stream"] = {"true": True, "false": False}.get(fields["stream"], fields["stream"])
    return fields


def _optional(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise InvalidRequest(f"{name} must be {'true or false' if kind is bool else 'a string'}.")
    return value


def _messages(fields: Mapping[str, Any], limits: Limits) -> tuple[Message, ...]:
    asked = [name for name in WAYS_TO_ASK if fields.get(name) is not None]
    if len(asked) != 1:
        raise InvalidRequest("Ask by one of userPrompt, prompt or messages.")
    value = fields[asked[0]]
    if asked == ["messages"]:
        messages = _conversation(value, limits)
    else:
        messages = (Message("user", _optional(fields, asked[0], str)),)
    question = messages[-1].content if messages else ""
    if not question.strip():
        raise InvalidRequest("The question is empty.")
    if limits.question_chars and len(question) > limits.question_chars:
        raise QuestionTooLong(f"A question may have {limits.question_chars} characters at most.")
    return messages


def _conversation(items: Any, limits: Limits) -> tuple[Message, ...]:
    if not isinstance(items, list):
        raise InvalidRequest("messages must be a list.")
    if limits.messages and len(items) > limits.messages:
        raise QuestionTooLong(f"A conversation may have {limits.messages} messages at most.")
    messages = [_message(item, position) for position, item in enumerate(items)]
    if not messages or messages[-1].role != "user":
        raise InvalidRequest("The last message must be the user's.")
    # A stopped answer stays in a chat page's list as an empty turn, which models reject.
    earlier = [message for message in messages[:-1] if message.content.strip()]
    return (*earlier, messages[-1])


def _message(item: Any, position: int) -> Message:
    if not isinstance(item, dict):
        raise InvalidRequest(f"messages[{position}] must be an object.")
    role = item.get("role")
    if role in FORBIDDEN_ROLES:
        raise InvalidRequest(f"messages[{position}] has the role {role}, which is the server's.")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidRequest(f"messages[{position}].role must be user or assistant.")
    return Message(ROLES[role], _content(item, position))


def _content(item: Mapping[str, Any], position: int) -> str:
    for name in ("content", "text"):
        if isinstance(item.get(name), str):
            return str(item[name])
    parts = item.get("parts")
    if isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
        return _joined(parts, position)
    if "files" in item:
        # deep-chat sends attachments as turns of their own; this relay carries text alone.
        return ""
    raise InvalidRequest(f"messages[{position}] needs content, parts or text.")


def _joined(parts: Sequence[Mapping[str, Any]], position: int) -> str:
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(f"messages[{position}] has a text part without text.")
    return "".join(str(text) for text in texts)
