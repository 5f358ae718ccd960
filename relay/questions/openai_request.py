"""Requests of OpenAI's clients to `/chat/completions`.

Most clients send options, and messages of the roles `system` and `developer`. Here the server
chooses both: the parser leaves them out and keeps their names.
"""

import re
from dataclasses import dataclass

from relay.questions.conversation import Limits, parse_conversation
from relay.questions.json_or_form import Fields, optional, read_fields
from relay.questions.message import FORBIDDEN_ROLES
from relay.questions.question import Question

UNDERSTOOD = ("model", "messages", "stream", "stream_options")

# The names go into a header, so only plain words are kept.
TOLD = re.compile(r"[A-Za-z_]{1,40}")
MAX_TOLD = 30


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """`ignored` are the names of fields and roles that have no effect."""

    question: Question
    includes_usage: bool
    ignored: tuple[str, ...]


def parse_chat_completion(
    body: bytes, *, content_type: str, limits: Limits | None = None
) -> ChatCompletion:
    """Raises the errors of `parse_question`."""
    fields = read_fields(body, content_type)
    messages = parse_conversation(
        fields.get("messages"), limits or Limits(), ignored_roles=FORBIDDEN_ROLES
    )
    model = optional(fields, "model", str)
    is_streamed = optional(fields, "stream", bool) is True
    options = fields.get("stream_options")
    return ChatCompletion(
        Question(messages, model, is_streamed),
        includes_usage=isinstance(options, dict) and options.get("include_usage") is True,
        ignored=_ignored(fields),
    )


def _ignored(fields: Fields) -> tuple[str, ...]:
    given = {name for name, value in fields.items() if value is not None} - set(UNDERSTOOD)
    names = sorted(filter(TOLD.fullmatch, given))
    roles = {item["role"] for item in fields["messages"] if item["role"] in FORBIDDEN_ROLES}
    return (*sorted(roles), *names)[:MAX_TOLD]
