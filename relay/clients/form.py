"""What a client's headers ask for: the form of the reply, and from which byte on."""

import re
from enum import Enum


class Form(Enum):
    """How the client wants to read the answer; the value is the `Content-Type`."""

    TEXT = "text/plain; charset=utf-8"
    EVENTS = "text/event-stream"
    JSON = "application/json"


def reply_form(accept: str, *, is_streamed: bool = True) -> Form:
    """The form that an `Accept` header asks for."""
    named = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not is_streamed:
        return Form.JSON
    if "application/json" in named and not named & {"text/plain", "*/*"}:
        return Form.JSON
    if "text/event-stream" in named:
        return Form.EVENTS
    return Form.TEXT


def first_byte(range_header: str, if_range: str, etag: str) -> int | None:
    """N of `Range: bytes=N-`, or None for the whole answer.

    A server may ignore other ranges (RFC 9110, 14.2), and has to ignore one whose `If-Range` names
    another writing of the answer (RFC 9110, 13.1.5).
    """
    match = re.fullmatch(r"bytes=([0-9]{1,15})-", range_header.strip())
    if match is None or (if_range and if_range.strip() != etag):
        return None
    return int(match[1])
