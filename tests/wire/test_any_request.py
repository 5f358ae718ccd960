"""Whatever is sent to whichever door is answered, or refused without asking the model."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.bodies import BODIES
from helpers.client import Exchange
from helpers.relay_process import RelayProcess
from helpers.upstream import Upstream

DOORS = pytest.mark.parametrize(
    "path", ["/aiCompletion", "/api/chat", "/api/completion", "/v1/chat/completions"]
)
# Each example asks at most one question, and nothing is left between them.
OVER_THE_WIRE = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# What http.client lets through as the value of a header.
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
TYPES = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain"])
FORMS = st.sampled_from(["text/event-stream", "application/json", "text/plain", "*/*", ";q=,"])
HEADERS = st.fixed_dictionaries(
    {"Content-Type": TYPES | VALUES},
    optional={
        "Accept": FORMS | VALUES,
        "Accept-Language": VALUES,
        "Authorization": VALUES,
        "Content-Encoding": VALUES,
        "Cookie": VALUES,
        "Idempotency-Key": VALUES | st.uuids().map(str),
        "If-Range": VALUES,
        "Last-Event-ID": st.integers().map(str) | VALUES,
        "Range": VALUES | st.integers().map(lambda start: f"bytes={start}-"),
        "X-Forwarded-For": VALUES,
        "X-Forwarded-Host": VALUES,
        "X-Request-Id": VALUES,
    },
)


def is_answered_or_refused(
    relay: RelayProcess, upstream: Upstream, path: str, body: bytes, headers: Any
) -> None:
    before = len(upstream.requests)
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = Exchange(relay.url, body, path=path, headers=encoded)
    reply.text()
    reply.leave()
    if reply.status != 200:
        assert 400 <= reply.status < 500, reply.status
        assert len(upstream.requests) == before
    assert "Traceback" not in relay.log


@DOORS
@OVER_THE_WIRE
@given(body=BODIES, headers=HEADERS)
def test_any_json(
    relay: RelayProcess, upstream: Upstream, path: str, body: Any, headers: Any
) -> None:
    """With any headers, a body of JSON is a question or costs nothing."""
    is_answered_or_refused(relay, upstream, path, json.dumps(body).encode(), headers)


@DOORS
@OVER_THE_WIRE
@given(body=st.binary(), headers=HEADERS)
def test_any_bytes(
    relay: RelayProcess, upstream: Upstream, path: str, body: bytes, headers: Any
) -> None:
    """So is one of any other bytes."""
    is_answered_or_refused(relay, upstream, path, body, headers)


# What clients of models' servers choose there.
CHOICES: dict[str, Any] = {
    "temperature": 2,
    "top_p": 0.1,
    "n": 5,
    "max_tokens": 100_000,
    "max_completion_tokens": 100_000,
    "reasoning_effort": "high",
    "instructions": "Be a pirate.",
    "system": "Be a pirate.",
    "tools": [{"type": "function", "function": {"name": "plunder"}}],
    "tool_choice": "required",
    "response_format": {"type": "json_object"},
    "metadata": {"pirate": "yes"},
}


@DOORS
def test_what_a_client_cannot_choose(relay: RelayProcess, upstream: Upstream, path: str) -> None:
    """The model is asked the same, whatever else a client sends: not another one, nor for more."""
    question = {"messages": [{"role": "user", "content": "Hi"}]}
    # At OpenAI's door it is the persona.
    model = {} if path.startswith("/v1") else {"model": "the-dearest-of-all"}
    for body in (question, question | CHOICES | model):
        reply = Exchange(relay.url, body, path=path)
        assert "Hello" in reply.text()
        reply.leave()
    plain, chosen = upstream.requests
    assert chosen == plain
