"""The client's connection: taking in its request, noticing that it left, and the forms of a reply.

A `Reader` is the client as far as the server shows it; `make_reply` is what it is answered with.
"""

from relay.clients.accept import Form, reply_form
from relay.clients.body import read_body
from relay.clients.byte_range import first_byte, first_byte_after, quoted
from relay.clients.reader import Reader
from relay.clients.reply import Reply, make_reply

__all__ = [
    "Form",
    "Reader",
    "Reply",
    "first_byte",
    "first_byte_after",
    "make_reply",
    "quoted",
    "read_body",
    "reply_form",
]
