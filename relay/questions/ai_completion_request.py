"""From the bytes of a request to a `Question`.

A client asks with `userPrompt` or `prompt` (one question), or with `messages` (the conversation so
far, oldest first).
"""

from relay.errors import InvalidRequest
from relay.questions.conversation import Limits, checked, has_texts, parse_conversation
from relay.questions.json_or_form import Fields, optional, read_fields
from relay.questions.message import Message, plain
from relay.questions.question import Question

WAYS_TO_ASK = ("userPrompt", "prompt", "messages")


def parse_question(body: bytes, *, content_type: str, limits: Limits | None = None) -> Question:
    """Reads a request body, given the value of its `Content-Type` header.

    Raises UnsupportedMediaType, InvalidRequest, UnsupportedContent or QuestionTooLong.
    """
    return question_in(read_fields(body, content_type), limits or Limits())


def question_in(fields: Fields, limits: Limits) -> Question:
    """Raises InvalidRequest, UnsupportedContent or QuestionTooLong."""
    messages = _messages(fields, limits)
    persona = optional(fields, "persona", str)
    stream = optional(fields, "stream", bool)
    # This shape is the only sign of a deep-chat that cannot read a stream.
    is_whole_by_default = stream is None and has_texts(fields.get("messages"))
    return Question(messages, persona, stream is not False, is_whole_by_default)


def _messages(fields: Fields, limits: Limits) -> tuple[Message, ...]:
    asked = [name for name in WAYS_TO_ASK if fields.get(name) is not None]
    if len(asked) != 1:
        raise InvalidRequest("Ask by one of userPrompt, prompt or messages.")
    if asked == ["messages"]:
        return parse_conversation(fields["messages"], limits)
    return (checked(Message("user", plain(optional(fields, asked[0], str))), limits),)
