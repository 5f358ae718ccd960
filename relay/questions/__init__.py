"""From the bytes of a request to a `Question`, and to the `Prompt` that is sent to the model.

Each protocol of the clients has a parser. Only the parsers see raw JSON.
"""

from relay.questions.ai_completion_request import parse_question
from relay.questions.ai_sdk_request import Chat, parse_chat
from relay.questions.conversation import Limits
from relay.questions.history import newest_turns, turns_of, with_newest_pictures
from relay.questions.message import Message, Role
from relay.questions.openai_request import ChatCompletion, parse_chat_completion
from relay.questions.picture import Picture, PictureLimits
from relay.questions.prompt import Prompt
from relay.questions.question import Question

__all__ = [
    "Chat",
    "ChatCompletion",
    "Limits",
    "Message",
    "Picture",
    "PictureLimits",
    "Prompt",
    "Question",
    "Role",
    "newest_turns",
    "parse_chat",
    "parse_chat_completion",
    "parse_question",
    "turns_of",
    "with_newest_pictures",
]
