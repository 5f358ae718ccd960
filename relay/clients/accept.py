"""`Accept`: the form in which a client wants to read the answer."""

from enum import Enum


class Form(Enum):
    """How the client wants to read the answer; the value is the `Content-Type`."""

    TEXT = "text/plain; charset=utf-8"
    EVENTS = "text/event-stream"
    JSON = "application/json"


def reply_form(accept: str, *, is_streamed: bool = True, is_whole_by_default: bool = False) -> Form:
    """The form that an `Accept` header asks for."""
    named = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not is_streamed:
        return Form.JSON
    if "application/json" in named and not named & {"text/plain", "*/*"}:
        return Form.JSON
    if "text/event-stream" in named:
        return Form.EVENTS
    return Form.JSON if is_whole_by_default else Form.TEXT
