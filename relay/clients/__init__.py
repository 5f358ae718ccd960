"""The client's connection: reading its request, noticing that it left, and the forms of a reply.

A `Reader` is one connected client. A `Reply` has a form for each protocol of the clients.
"""

from relay.clients.ai_sdk_reply import ui_message_reply
from relay.clients.body import read_body
from relay.clients.byte_range import first_byte, first_byte_after, quoted
from relay.clients.content_negotiation import Form, reply_form
from relay.clients.openai_reply import chunked_reply, openai_error, whole_reply
from relay.clients.reader import Reader
from relay.clients.reply import Reply, make_reply

__all__ = [
    "Form",
    "Reader",
    "Reply",
    "chunked_reply",
    "first_byte",
    "first_byte_after",
    "make_reply",
    "openai_error",
    "quoted",
    "read_body",
    "reply_form",
    "ui_message_reply",
    "whole_reply",
]
