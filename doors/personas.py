"""The personas that can be asked, and the limits of a question: what a page reads first."""

from flask import Response, jsonify

from doors.serving import reader_language, serving


def list_personas() -> Response:
    """The personas' cards, in Korean or English by the reader's `Accept-Language`.

    The limits stand beside them, so that a page knows them before it asks.
    """
    relay = serving()
    cards = [
        persona.card(reader_language()) | {"accepts_images": persona.takes_pictures(relay.settings)}
        for persona in relay.personas
    ]
    pictures = relay.picture_limits
    limits = {
        "max_question_chars": relay.limits.question_chars,
        "max_messages": relay.limits.messages,
        "images": pictures and {"max": pictures.count, "max_bytes": pictures.bytes},
    }
    default = relay.personas.default.id
    response = jsonify({"default": default, "personas": cards, "limits": limits})
    response.vary.add("Accept-Language")
    return response
