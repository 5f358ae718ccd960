"""/aiCompletion: the relay's own interface, in text, events or JSON."""

from flask import Response, jsonify, request

from doors.serving import open_answer, reply, request_body, serving
from relay.clients import (
    Form,
    Reader,
    Reply,
    first_byte,
    first_byte_after,
    make_reply,
    quoted,
    reply_form,
)
from relay.completions import Reading
from relay.errors import RelayError
from relay.middleware import in_json
from relay.questions import parse_question


def ask() -> Response:
    """Asks the model and streams the answer. Returns when it has begun; see `Reading.begin`."""
    content_type = request.headers.get("Content-Type", "")
    question = parse_question(request_body(), content_type=content_type, limits=serving().limits)
    form = reply_form(
        request.headers.get("Accept", ""),
        is_streamed=question.is_streamed,
        is_whole_by_default=question.is_whole_by_default,
    )
    key = request.headers.get("Idempotency-Key")
    offset = offset_in_events()
    if key and form is Form.EVENTS and offset is not None:
        # The client has a part of this answer: it reads on, and never starts another one.
        return answer(serving().store.get(key), form, offset)
    return answer(open_answer(question, key, form.name.lower()), form)


def show_completion(id: str) -> Response:
    """The answer from its start or from a byte on, or its receipt: see `Range` and `Accept`."""
    store = serving().store
    form = reply_form(request.headers.get("Accept", ""))
    if form is Form.JSON:
        receipt, etag = store.receipt(id)
        response = jsonify(receipt.body(id.lower()))
        # Weak, because this is the same writing in another form (RFC 9110, 8.8.1).
        response.headers["ETag"] = f"W/{quoted(etag)}"
        response.vary.add("Accept")
        return response
    reading = store.get(id)
    if form is Form.EVENTS:
        return answer(reading, form, offset_in_events())
    if_range = request.headers.get("If-Range", "")
    etag = quoted(reading.answer.etag)
    return answer(reading, form, first_byte(request.headers.get("Range", ""), if_range, etag))


def stop_completion(id: str) -> Response:
    """A 204. Raises UnknownCompletion or StoreUnreachable."""
    serving().store.stop(id)
    return Response(status=204)


def refusal(error: RelayError) -> Response:
    """A client of the event stream gets the body that the stream has for an error."""
    if reply_form(request.headers.get("Accept", "")) is Form.EVENTS:
        response = jsonify(error=error.message, code=error.code)
        response.status_code = error.status
    else:
        response = in_json(error)
    response.vary.add("Accept")
    return response


def offset_in_events() -> int | None:
    return first_byte_after(request.headers.get("Last-Event-ID", ""))


def answer(reading: Reading, form: Form, offset: int | None = None) -> Response:
    """The response with the answer, from byte `offset` on if it is given."""

    def make(reader: Reader, interval: float) -> Reply:
        return make_reply(reader, form, interval=interval, offset=offset)

    response = reply(reading, make, offset=offset or 0, with_thoughts=form is Form.EVENTS)
    response.vary.add("Accept")
    return response
