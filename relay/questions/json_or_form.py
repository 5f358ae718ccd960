"""The fields of a request's body, which is JSON or a form."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from relay.errors import InvalidRequest, UnsupportedMediaType

Fields = Mapping[str, Any]


def read_fields(body: bytes, content_type: str) -> Fields:
    """The fields of a body, given the value of its `Content-Type` header.

    Raises UnsupportedMediaType or InvalidRequest.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _json_fields(body)
    if body.lstrip().startswith(b"{"):
        # `curl -d` labels any body as a form, and `fetch` labels a string as plain text.
        raise UnsupportedMediaType(
            "The body looks like JSON: send it with the header Content-Type: application/json."
        )
    if media_type == "application/x-www-form-urlencoded":
        return _form_fields(body)
    raise UnsupportedMediaType()


def optional(fields: Fields, name: str, kind: type) -> Any:
    """A field's value, or None where it is missing or null. Raises InvalidRequest."""
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise InvalidRequest(f"{name} must be {'true or false' if kind is bool else 'a string'}.")
    return value


def _json_fields(body: bytes) -> Fields:
    if not body.strip():
        raise InvalidRequest('The body is empty; send {"userPrompt": "..."}.')
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON in UTF-8.") from error
    if not isinstance(fields, dict):
        raise InvalidRequest('The body must be a JSON object such as {"userPrompt": "..."}.')
    return fields


def _form_fields(body: bytes) -> Fields:
    try:
        fields: dict[str, Any] = dict(
            parse_qsl(body.decode("ascii"), errors="strict", keep_blank_values=True)
        )
    except ValueError as error:
        raise InvalidRequest("The body is not a valid form in UTF-8.") from error
    if "messages" in fields:
        raise InvalidRequest("Send messages as application/json.")
    if "stream" in fields:
        fields["stream"] = {"true": True, "false": False}.get(fields["stream"], fields["stream"])
    return fields
