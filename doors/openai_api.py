"""/v1: the interface of OpenAI's server, for its clients. The models are the personas."""

from flask import Response, jsonify, request

from doors.serving import open_answer, reader_language, reply, request_body, serving
from relay.clients import Reader, Reply, chunked_reply, openai_error, whole_reply
from relay.errors import RelayError, UnknownPersona
from relay.personas import Language, Persona
from relay.questions import parse_chat_completion


def complete_chat() -> Response:
    """The answer in OpenAI's chunks, or as one object without `stream`. Raises RelayError."""
    asked = parse_chat_completion(
        request_body(),
        content_type=request.headers.get("Content-Type", ""),
        limits=serving().limits,
    )
    question = asked.question
    model = question.persona or serving().personas.default.id

    def make(reader: Reader, interval: float) -> Reply:
        if question.is_streamed:
            return chunked_reply(
                reader, interval=interval, model=model, includes_usage=asked.includes_usage
            )
        return whole_reply(reader, interval=interval, model=model)

    form = "chunks" if question.is_streamed else "json"
    reading = open_answer(question, request.headers.get("Idempotency-Key"), form)
    response = reply(reading, make, with_thoughts=question.is_streamed)
    if asked.ignored:
        response.headers["Askbot-Ignored"] = ", ".join(asked.ignored)
    return response


def list_models() -> Response:
    """The personas, as OpenAI's list of models."""
    language = reader_language()
    models = [model(persona, language) for persona in serving().personas]
    response = jsonify({"object": "list", "data": models})
    response.vary.add("Accept-Language")
    return response


def show_model(id: str) -> Response:
    """A persona, as OpenAI's model. Raises UnknownPersona."""
    persona = serving().personas.get(id)
    if persona is None:
        raise UnknownPersona()
    response = jsonify(model(persona, reader_language()))
    response.vary.add("Accept-Language")
    return response


def model(persona: Persona, language: Language) -> dict[str, object]:
    """Adds `name` and `description`: OpenAI does not have them, but many front ends show them."""
    card = persona.card(language)
    return {
        "id": persona.id,
        "object": "model",
        "created": 0,
        "owned_by": "askbot",
        "name": card["name"],
        "description": card["description"],
    }


def refusal(error: RelayError) -> Response:
    """The error in OpenAI's form, with OpenAI's status where it has one of its own."""
    status, body = openai_error(error)
    response = jsonify(body)
    response.status_code = status
    return response
