"""Content negotiation (RFC 9110, 12): the `Accept` header chooses the form of a reply."""

from enum import Enum


class Form(Enum):
    """The form of a reply. The value is its `Content-Type`."""

    TEXT = "text/plain; charset=utf-8"
    EVENTS = "text/event-stream"
    JSON = "application/json"


def reply_form(accept: str, *, is_streamed: bool = True, is_whole_by_default: bool = False) -> Form:
    """The form for an `Accept` header. A client that does not stream always gets JSON."""
    named = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not is_streamed:
        return Form.JSON
    if "application/json" in named and not named & {"text/plain", "*/*"}:
        return Form.JSON
    if "text/event-stream" in named:
        return Form.EVENTS
    return Form.JSON if is_whole_by_default else Form.TEXT
