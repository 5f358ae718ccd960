"""Requests of the AI SDK's `useChat`: a conversation and its id."""

from dataclasses import dataclass

from relay.questions.ai_completion_request import question_in
from relay.questions.conversation import Limits
from relay.questions.json_or_form import read_fields
from relay.questions.question import Question


@dataclass(frozen=True, slots=True)
class Chat:
    """The client chooses `id`, and keeps it for all questions of the conversation."""

    question: Question
    id: str | None


def parse_chat(body: bytes, *, content_type: str, limits: Limits | None = None) -> Chat:
    """Raises the errors of `parse_question`."""
    fields = read_fields(body, content_type)
    id = fields.get("id")
    return Chat(question_in(fields, limits or Limits()), id if isinstance(id, str) else None)
