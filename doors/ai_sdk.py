"""/api/chat and /api/completion, the default addresses of the AI SDK's hooks."""

from flask import Response, request

from doors.serving import open_answer, replace_answer, reply, request_body, serving
from relay.clients import Reader, Reply, ui_message_reply
from relay.completions import Reading, is_key
from relay.errors import RelayError
from relay.questions import parse_chat, parse_question

FORM = "ui_messages"


def chat() -> Response:
    """The answer as a UI message stream. Raises RelayError.

    A chat id that is a UUID names the answer to the chat's latest question.
    """
    asked = parse_chat(
        request_body(),
        content_type=request.headers.get("Content-Type", ""),
        limits=serving().limits,
    )
    question, key = asked.question, request.headers.get("Idempotency-Key")
    if key is None and asked.id is not None and is_key(asked.id):
        return answer(replace_answer(question, asked.id, FORM))
    return answer(open_answer(question, key, FORM))


def complete() -> Response:
    """The answer to one question as a UI message stream. Raises RelayError."""
    question = parse_question(
        request_body(),
        content_type=request.headers.get("Content-Type", ""),
        limits=serving().limits,
    )
    return answer(open_answer(question, request.headers.get("Idempotency-Key"), FORM))


def take_up(chat_id: str) -> Response:
    """The running answer of a chat, from its start; 204 if there is none.

    The SDK asks at every start of a page, and takes any other status for an error.
    """
    reading = running(chat_id) if is_key(chat_id) else None
    return Response(status=204) if reading is None else answer(reading)


def running(chat_id: str) -> Reading | None:
    # Answers at once: a late 204 would clear the error of the page's next answer.
    reading = serving().store.find(chat_id)
    if reading is None or reading.answer.receipt().state == "running":
        return reading
    reading.leave()
    return None


def refusal(error: RelayError) -> Response:
    """One sentence, because the SDK shows the body as it is."""
    return Response(error.message, error.status, content_type="text/plain; charset=utf-8")


def answer(reading: Reading) -> Response:
    def make(reader: Reader, interval: float) -> Reply:
        return ui_message_reply(reader, interval=interval)

    return reply(reading, make, with_thoughts=True)
