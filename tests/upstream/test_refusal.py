"""What the relay reads in a response of the model's server that is no answer."""

import json
import time
from email.utils import formatdate

import pytest

from relay.upstream.refusal import UpstreamRefusal


def read(status: int, body: object, **headers: str) -> UpstreamRefusal:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return UpstreamRefusal.read(status, fields, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (401, {"code": "invalid_api_key"}, "upstream_error"),
        (429, {"type": "tokens"}, "upstream_rate_limited"),
        (413, {}, "question_too_long"),
        (400, {"code": "context_length_exceeded"}, "question_too_long"),
        (400, {"type": "exceed_context_size_error"}, "question_too_long"),
        (400, {"code": "content_filter"}, "content_filtered"),
        (400, {"code": "invalid_image"}, "unsupported_content"),
        (500, {"code": ["not", "a", "string"], "type": {"nor": "this"}}, "upstream_error"),
    ],
)
def test_its_error(status: int, error: dict[str, object], expected: str) -> None:
    """The relay's error follows from status, code and type, in the body or below `error`."""
    assert read(status, {"error": error}).error().code == expected
    assert read(status, error).error().code == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[1]", b"[" * 100_000, b'{"error": 1}'])
def test_what_is_no_error_of_the_api(body: bytes) -> None:
    """Whatever a proxy writes in place of an error, the status counts."""
    refusal = UpstreamRefusal.read(502, [], body)
    assert refusal.error().code == "upstream_error"
    assert refusal.error().detail == "the upstream answered 502"


def test_what_it_quotes_stays_here() -> None:
    """The log gets words of the API, but no text, which may hold the question or the key."""
    error = {"message": "sk-secret", "code": "sk-secret 1", "type": "invalid_request_error"}
    detail = read(400, {"error": error}).error().detail
    assert detail == "the upstream answered 400 invalid_request_error"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"param": "reasoning_effort"}, "reasoning_effort"),
        (400, {"param": "stream_options.include_usage"}, "stream_options"),
        (422, {"message": "Extra inputs: temperature"}, "temperature"),
        (400, {"param": "messages", "message": "temperature"}, None),
        (400, {"param": ["messages"], "message": "temperature"}, None),
        (500, {"message": "temperature"}, None),
        (400, {"message": "no"}, None),
    ],
)
def test_the_parameter(status: int, error: dict[str, object], expected: str | None) -> None:
    """A parameter that may be left out is named by `param`, or else in the message."""
    assert read(status, {"error": error}).parameter == expected


def test_when_to_ask_again() -> None:
    """Retry-After is a number of seconds or a date, and a day at most."""
    assert read(429, {}, Retry_After=" 7 ").retry_after_seconds == 7
    assert read(429, {}, Retry_After="9" * 18).retry_after_seconds == 86_400
    later = formatdate(time.time() + 10**9, usegmt=True)
    assert read(429, {}, Retry_After=later).retry_after_seconds == 86_400
    assert read(429, {}, Retry_After=formatdate(0, usegmt=True)).retry_after_seconds == 0
    assert read(429, {}, Retry_After="soon").retry_after_seconds is None
    assert read(429, {}).retry_after_seconds is None
