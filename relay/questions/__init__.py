"""From the bytes of a request to a `Question`, and the `Prompt` that the model is sent for it.

Past `parse_question` no raw JSON exists.
"""

from relay.questions.conversation import Limits
from relay.questions.message import Message, Role
from relay.questions.parser import parse_question
from relay.questions.prompt import Prompt, turns_of
from relay.questions.question import Question

__all__ = ["Limits", "Message", "Prompt", "Question", "Role", "parse_question", "turns_of"]
