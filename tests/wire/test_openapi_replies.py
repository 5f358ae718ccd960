"""The relay's replies are as docs/openapi.yaml says, whatever is asked."""

import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from helpers.client import ask
from helpers.limits import WAIT_SECONDS, WORK_SECONDS
from helpers.relay_process import PROJECT, RelayProcess, StartRelay
from helpers.thinker import Thinker
from helpers.upstream import Reply, Upstream, chunk

DOCUMENT = PROJECT / "docs/openapi.yaml"
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SCHEMA = schemathesis.openapi.from_path(DOCUMENT)
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

ASKING = [
    "POST /aiCompletion",
    "POST /api/chat",
    "POST /api/completion",
    "POST /v1/chat/completions",
]
DOORS = pytest.mark.parametrize("door", ASKING)
QUESTION = {"messages": [{"role": "user", "content": "Hi"}]}
TEXT: dict[str, str] = {}
EVENTS, JSON = {"Accept": "text/event-stream"}, {"Accept": "application/json"}
FORMS = pytest.mark.parametrize("form", [TEXT, EVENTS, JSON], ids=["text", "events", "JSON"])


def send(
    relay: RelayProcess,
    operation: str,
    body: Any = None,
    headers: Mapping[str, str] = TEXT,
    **in_path: str,
) -> schemathesis.Response:
    """The reply to a request, which must be as the document says."""
    method, path = operation.split(" ")
    given: dict[str, Any] = {"path_parameters": in_path, "headers": dict(headers)}
    if body is not None:
        given |= {"body": body, "media_type": "application/json"}
    case = SCHEMA[path][method].Case(**given)
    reply = case.call(base_url=relay.url, timeout=WAIT_SECONDS)
    case.validate_response(reply, checks=CHECKS)
    return reply


def test_whatever_is_asked(start_relay: StartRelay) -> None:
    """schemathesis finds nothing: every check over every operation, with 1,300 requests or so."""
    relay = start_relay(ACCEPT_IMAGES="true")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)]
    run = subprocess.run(
        [*command, "run", str(DOCUMENT), "--url", relay.url],
        capture_output=True,
        text=True,
        timeout=WORK_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Tested: 13" in run.stdout
    assert "Traceback" not in relay.log


@pytest.mark.parametrize("path", ["/", "/ready", "/personas", "/v1/models"])
def test_what_needs_no_question(relay: RelayProcess, path: str) -> None:
    """What is only read."""
    assert send(relay, f"GET {path}").status_code == 200


def test_the_page_at_the_same_address(start_relay: StartRelay, tmp_path: Path) -> None:
    """A relay that serves the page too."""
    (tmp_path / "index.html").write_text("<!doctype html><title>A page</title>")
    relay = start_relay(PAGE_DIR=str(tmp_path))
    assert "A page" in send(relay, "GET /", None, {"Accept": "text/html"}).text
    assert "success" in send(relay, "GET /").text


def test_a_model_is_described(relay: RelayProcess) -> None:
    """A persona as a model, and one that is not there."""
    assert send(relay, "GET /v1/models/{id}", id="askbot").status_code == 200
    assert send(relay, "GET /v1/models/{id}", id="nobody").status_code == 404


@FORMS
def test_an_answer(relay: RelayProcess, form: dict[str, str]) -> None:
    """The answer, the answer again, its rest, what is past its end, and its stop."""
    key = str(uuid.uuid4())
    for _ in range(2):
        reply = send(relay, "POST /aiCompletion", QUESTION, form | {"Idempotency-Key": key})
        assert "Hello" in reply.text
    for offset, statuses in {0: (200, 206), 3: (200, 206), 100: (200, 204, 416)}.items():
        rest = form | {"Range": f"bytes={offset}-", "Last-Event-ID": str(offset)}
        assert send(relay, "GET /aiCompletion/{id}", None, rest, id=key).status_code in statuses
    assert send(relay, "GET /aiCompletion/{id}", None, form, id=key).status_code == 200
    assert send(relay, "DELETE /aiCompletion/{id}", id=key).status_code == 204


@DOORS
@pytest.mark.parametrize("is_streamed", [True, False])
def test_an_answer_at_each_door(relay: RelayProcess, door: str, is_streamed: bool) -> None:
    """The answer in each protocol, streamed or whole."""
    asked = QUESTION | {"stream": is_streamed, "stream_options": {"include_usage": True}}
    assert "Hello" in send(relay, door, asked).text


@DOORS
def test_thoughts(upstream: Upstream, start_relay: StartRelay, door: str) -> None:
    """The answer of a model that thinks, and shows it."""

    @upstream.answers
    def script(reply: Reply) -> None:
        for text in ("Hm. ", "Well. "):
            reply.event(chunk({"reasoning": text}))
        reply.text("Hello")
        reply.finish()

    relay = start_relay(SHOW_THINKING="true")
    reply = send(relay, door, QUESTION | {"stream": True}, EVENTS)
    assert "Hm." in reply.text
    assert "Hello" in reply.text


def test_receipts(upstream: Upstream, start_relay: StartRelay) -> None:
    """The receipt of an answer in each state and phase."""
    relay = start_relay(SHOW_THINKING="true", RESUME_GRACE_SECONDS="0")

    def receipt(key: str) -> Any:
        return send(relay, "GET /aiCompletion/{id}", None, JSON, id=key).json()

    thinker, key = Thinker(upstream, is_silent=True), str(uuid.uuid4())
    reader = ask(relay.url, Idempotency_Key=key, Accept="text/event-stream")
    assert thinker.is_asked.wait(WAIT_SECONDS)
    assert receipt(key)["phase"] == "waiting"
    thinker.thinks.set()
    assert "thinking" in reader.piece()
    assert receipt(key)["phase"] == "thinking"
    thinker.speaks.set()
    reader.text()
    assert receipt(key)["state"] == "finished"

    @upstream.answers
    def half(reply: Reply) -> None:
        reply.text("Hel")
        reply.reset()

    key = str(uuid.uuid4())
    failed = send(relay, "POST /aiCompletion", QUESTION, EVENTS | {"Idempotency-Key": key})
    assert "upstream_error" in failed.text
    assert receipt(key)["state"] == "failed"

    @upstream.answers
    def endless(reply: Reply) -> None:
        reply.text("Hel")
        reply.until_gone()

    key = str(uuid.uuid4())
    reader = ask(relay.url, Idempotency_Key=key)
    assert reader.piece() == "Hel"
    assert receipt(key)["phase"] == "answering"
    assert send(relay, "DELETE /aiCompletion/{id}", id=key).status_code == 204
    assert receipt(key)["state"] == "stopped"


@FORMS
def test_an_answer_that_was_given_up(
    upstream: Upstream, start_relay: StartRelay, form: dict[str, str]
) -> None:
    """The refusal of an answer whose reader left before its first character, or its receipt."""
    relay = start_relay(RESUME_GRACE_SECONDS="0.1")
    upstream.answers(lambda reply: reply.until_gone())
    key = str(uuid.uuid4())
    reader = ask(relay.url, Idempotency_Key=key)
    assert upstream.wait_until(lambda server: server.open == 1)
    reader.leave()
    assert upstream.wait_until(lambda server: server.open == 0)
    reply = send(relay, "GET /aiCompletion/{id}", None, form, id=key)
    assert reply.status_code == (200 if form == JSON else 499)
    assert "abandoned" in reply.text


# What a client gets wrong, with the statuses of the relay's own refusal and of OpenAI's.
WRONG: dict[str, tuple[Any, dict[str, str], int, int]] = {
    "nothing": ({}, {}, 400, 400),
    "a list": ([], {}, 400, 400),
    "a persona": (QUESTION | {"persona": "nobody", "model": "nobody"}, {}, 400, 404),
    "a sound": ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, {}, 400, 400),
    "too long": ({"messages": [{"role": "user", "content": "a" * 20_000}]}, {}, 413, 400),
    "too large": ({"messages": [{"role": "user", "content": "a" * 2_000_000}]}, {}, 413, 413),
    "coding": (QUESTION, {"Content-Encoding": "gzip"}, 415, 415),
    "origin": (QUESTION, {"Origin": "https://elsewhere.example"}, 403, 403),
    "expectation": (QUESTION, {"Expect": "a-miracle"}, 417, 417),
    "long head": (QUESTION, {"Cookie": "a" * 10_000}, 431, 431),
    "not HTTP": (QUESTION, {"Host": "a b"}, 400, 400),
}


@DOORS
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_requests(relay: RelayProcess, door: str, wrong: str) -> None:
    """Each door's refusal of each mistake."""
    body, headers, own, for_openai = WRONG[wrong]
    reply = send(relay, door, body, headers)
    assert reply.status_code == (for_openai if "/v1" in door else own)


@FORMS
def test_wrong_requests_of_each_form(relay: RelayProcess, form: dict[str, str]) -> None:
    """A refusal in the form that the client reads."""
    assert send(relay, "POST /aiCompletion", {}, form).status_code == 400
    key = form | {"Idempotency-Key": str(uuid.uuid4())}
    assert send(relay, "POST /aiCompletion", QUESTION, key).status_code == 200
    assert send(relay, "POST /aiCompletion", {"prompt": "No"}, key).status_code == 422
    unknown = str(uuid.uuid4())
    assert send(relay, "GET /aiCompletion/{id}", None, form, id=unknown).status_code == 404
    assert send(relay, "DELETE /aiCompletion/{id}", None, form, id=unknown).status_code == 404


# What the model's server does, with the statuses of the relay's own refusal and of OpenAI's.
TROUBLE: dict[str, tuple[str, dict[str, str], int, int]] = {
    "limit": ("429 Too Many Requests", {"code": "rate_limit_exceeded"}, 429, 429),
    "filter": ("400 Bad Request", {"code": "content_filter"}, 422, 400),
    "length": ("400 Bad Request", {"code": "context_length_exceeded"}, 413, 400),
    "fault": ("500 Internal Server Error", {"code": "oops"}, 502, 502),
}


@DOORS
@pytest.mark.parametrize("trouble", TROUBLE)
def test_refusals_of_the_model(
    relay: RelayProcess, upstream: Upstream, door: str, trouble: str
) -> None:
    """Each door's word for what the model's server refuses."""
    status, error, own, for_openai = TROUBLE[trouble]
    upstream.answers(lambda reply: reply.refuse(status, error, Retry_After="7"))
    assert send(relay, door, QUESTION).status_code == (for_openai if "/v1" in door else own)


@DOORS
def test_a_model_that_says_nothing(upstream: Upstream, start_relay: StartRelay, door: str) -> None:
    """The refusal when the model's server is silent for too long."""
    relay = start_relay(FIRST_TEXT_TIMEOUT="0.5")
    upstream.answers(lambda reply: reply.until_gone())
    assert send(relay, door, QUESTION).status_code == 504


@DOORS
def test_limits(start_relay: StartRelay, door: str) -> None:
    """The refusal of a client that has asked enough."""
    relay = start_relay(QUESTIONS_PER_DAY="1")
    assert send(relay, door, QUESTION).status_code == 200
    refusal = send(relay, door, QUESTION)
    assert refusal.status_code == 429
    assert refusal.headers["retry-after"]


def test_tokens(start_relay: StartRelay) -> None:
    """Every operation that needs a token says so, and takes it."""
    relay = start_relay(ACCESS_TOKENS="ana:0123456789abcdef0123456789abcdef")
    token = {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}
    for door in ASKING:
        assert send(relay, door, QUESTION).status_code == 401
        assert send(relay, door, QUESTION, {"Authorization": "Bearer no"}).status_code == 401
        assert send(relay, door, QUESTION, token).status_code == 200
    for path, status in {"/": 200, "/ready": 200, "/personas": 401, "/v1/models": 401}.items():
        assert send(relay, f"GET {path}").status_code == status


def test_no_model(start_relay: StartRelay) -> None:
    """The refusal of a relay that has no model to ask."""
    relay = start_relay(OPENAI_API_KEY="", OPENAI_BASE_URL="")
    assert send(relay, "GET /ready").status_code == 503
    for door in ASKING:
        assert send(relay, door, QUESTION).status_code == 503


@pytest.mark.parametrize("is_uuid", [True, False])
def test_a_chat_that_is_not_running(relay: RelayProcess, is_uuid: bool) -> None:
    """A chat's answer that has ended or never was."""
    chat = str(uuid.uuid4()) if is_uuid else "a chat"
    assert send(relay, "POST /api/chat", QUESTION | {"id": chat}).status_code == 200
    assert send(relay, "GET /api/chat/{chat_id}/stream", chat_id=chat).status_code == 204
