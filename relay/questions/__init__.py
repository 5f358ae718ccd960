"""From the bytes of a request to a `Question`, and the `Prompt` that the model is sent for it.

There is a parser for each protocol that clients speak. Past it no raw JSON exists.
"""

from relay.questions.ai_sdk import Chat, parse_chat
from relay.questions.chat_completion import ChatCompletion, parse_chat_completion
from relay.questions.conversation import Limits
from relay.questions.message import Message, Role
from relay.questions.parser import parse_question
from relay.questions.prompt import Prompt, turns_of
from relay.questions.question import Question

__all__ = [
    "Chat",
    "ChatCompletion",
    "Limits",
    "Message",
    "Prompt",
    "Question",
    "Role",
    "parse_chat",
    "parse_chat_completion",
    "parse_question",
    "turns_of",
]
