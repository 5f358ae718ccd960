"""The log of a real server, as an operator's collector gets it."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from helpers.client import Cut, Exchange, ask, raw_exchange
from helpers.completions import Gated, eventually, keyed, new_key, stop
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import PROJECT, RelayProcess, StartRelay
from helpers.telemetry import scrape
from helpers.upstream import Reply, Script, Upstream, hello, silent_after

QUESTION = {"userPrompt": "Hi"}


def told(relay: RelayProcess, since: int = 0) -> list[dict[str, Any]]:
    """The lines about answers and refusals, after so many lines of any kind."""
    return [each for each in relay.records[since:] if each["event"] in ("answer", "refusal")]


def test_every_line_is_an_object(start_relay: StartRelay) -> None:
    """From the start to the end, gunicorn's own lines and traces included."""
    relay = start_relay(WEB_CONCURRENCY="2", LOG_LEVEL="debug")
    assert ask(relay.url).text() == "Hello there."
    raw_exchange(relay.url, b"hostile\r\n\r\n")
    relay.wait_for_record("refusal", door="gunicorn")
    relay.stop()
    relay.wait_for_exit()
    for record in relay.records:
        assert record.keys() >= {"event", "level", "timestamp", "pid"}
    assert len({record["pid"] for record in relay.records}) > 2


@pytest.mark.parametrize(
    ("door", "form", "path", "headers", "body"),
    [
        ("ai_completion", "text", "/aiCompletion", {}, QUESTION),
        ("ai_completion", "events", "/aiCompletion", {"Accept": "text/event-stream"}, QUESTION),
        ("ai_completion", "json", "/aiCompletion", {}, QUESTION | {"stream": False}),
        ("ai_sdk", "ui_messages", "/api/completion", {}, {"prompt": "Hi"}),
        (
            "openai_api",
            "chunks",
            "/v1/chat/completions",
            {},
            {"messages": [{"role": "user", "content": "Hi"}], "stream": True},
        ),
    ],
)
def test_an_answer(
    relay: RelayProcess,
    door: str,
    form: str,
    path: str,
    headers: dict[str, str],
    body: dict[str, Any],
) -> None:
    """One line has its request, its door and form, its times, and what it has used."""
    reply = Exchange(relay.url, body, path=path, headers=headers)
    assert reply.text()
    record = relay.wait_for_record("answer", request_id=reply.headers["X-Request-Id"])
    expected = {
        "level": "info",
        "door": door,
        "form": form,
        "persona": "askbot",
        "state": "finished",
        "finish_reason": "stop",
        "bytes": len("Hello there."),
        "tokens": 10,
        "tokens_estimated": False,
    }
    assert record.items() >= expected.items()
    assert 0 <= record["first_sign_ms"] <= record["first_text_ms"] <= record["duration_ms"]
    assert record["client"].startswith("address:")
    assert "code" not in record


def refused(status: str) -> Script:
    return lambda reply: reply.refuse(status, {"message": "No."})


def broken_after_a_text(reply: Reply) -> None:
    reply.text("Hello")
    reply.end()


def left(relay: RelayProcess) -> None:
    reply = ask(relay.url)
    assert reply.piece() == "Hello"
    reply.leave()


def stopped(relay: RelayProcess) -> None:
    key = new_key()
    reply = keyed(relay.url, key)
    assert reply.piece() == "Hello"
    assert stop(relay.url, key) == 204
    assert reply.text() == ""


def read(relay: RelayProcess) -> None:
    """Reads an answer or its refusal to the end."""
    reply = ask(relay.url)
    try:
        reply.text()
    except Cut:
        assert reply.status == 200


def sent(body: Any, path: str = "/aiCompletion", method: str = "POST") -> Callable[[Any], None]:
    def send(relay: RelayProcess) -> None:
        Exchange(relay.url, body, path=path, method=method).text()

    return send


FAILURES: list[tuple[str, Script, Callable[[RelayProcess], None], dict[str, Any]]] = [
    (
        "refused by the upstream",
        refused("500 Oops"),
        read,
        {"event": "answer", "level": "warning", "code": "upstream_error", "status": 502},
    ),
    (
        "refused for its limits",
        refused("429 Slow"),
        read,
        {"event": "answer", "level": "info", "code": "upstream_rate_limited"},
    ),
    (
        "broken off",
        broken_after_a_text,
        read,
        {"event": "answer", "level": "warning", "code": "upstream_error", "bytes": 5},
    ),
    (
        "the reader left",
        silent_after("Hello"),
        left,
        {"event": "answer", "level": "info", "code": "abandoned", "tokens_estimated": True},
    ),
    (
        "stopped",
        silent_after("Hello"),
        stopped,
        {"event": "answer", "level": "info", "state": "stopped"},
    ),
    (
        "an empty question",
        hello,
        sent({"userPrompt": " "}),
        {"event": "refusal", "level": "info", "code": "invalid_request", "status": 400},
    ),
    (
        "an unknown address",
        hello,
        sent(None, "/nowhere", "GET"),
        {"event": "refusal", "level": "info", "code": "not_found", "door": "unknown"},
    ),
    (
        "another method",
        hello,
        sent(None, "/v1/models", "DELETE"),
        {"event": "refusal", "code": "method_not_allowed", "door": "openai_api"},
    ),
    (
        "an unknown answer",
        hello,
        sent(None, f"/aiCompletion/{new_key()}", "GET"),
        {"event": "refusal", "code": "not_found", "door": "ai_completion"},
    ),
]


@pytest.mark.parametrize(
    ("script", "act", "expected"),
    [failure[1:] for failure in FAILURES],
    ids=[failure[0] for failure in FAILURES],
)
def test_a_failure(
    relay: RelayProcess,
    upstream: Upstream,
    script: Script,
    act: Callable[[RelayProcess], None],
    expected: dict[str, Any],
) -> None:
    """Each failure has one line, and nothing else in the log is about it."""
    since = len(relay.records)
    upstream.answers(script)
    act(relay)
    eventually(lambda: bool(told(relay, since)))
    # The line of a later question shows that the failure has no other.
    upstream.forget()
    later = ask(relay.url)
    assert later.text() == "Hello there."
    relay.wait_for_record("answer", request_id=later.headers["X-Request-Id"])
    line, _ = told(relay, since)
    assert line.items() >= expected.items()
    assert not [each for each in relay.records if each["level"] == "error"]
    assert relay.log.count(line["request_id"]) == 1


def test_a_limit(start_relay: StartRelay) -> None:
    """A question beyond a limit has one line, which names the limit, wherever it was noticed."""
    relay = start_relay(QUESTIONS_PER_DAY="1")
    assert ask(relay.url).text() == "Hello there."
    # The first is noticed where the model would be asked, the others at the door.
    for _ in range(3):
        reply = ask(relay.url)
        assert reply.status == 429
        record = relay.wait_for_line(reply.headers["X-Request-Id"]).string
        assert '"detail":"questions_per_day"' in record
    assert len(told(relay)) == 4


def test_an_answer_that_two_wait_for(relay: RelayProcess, upstream: Upstream) -> None:
    """The answer has one line, and the other request that was refused by its end has one too."""
    both_wait = threading.Event()

    @upstream.answers
    def refuse(reply: Reply) -> None:
        assert both_wait.wait(WAIT_SECONDS)
        reply.refuse("500 Oops", {"message": "No."})

    key, since = new_key(), len(relay.records)
    first = keyed(relay.url, key)
    assert upstream.wait_until(lambda seen: len(seen.requests) == 1)
    second = keyed(relay.url, key)
    eventually(lambda: scrape(relay.url).value("askbot_readers") == 2)
    both_wait.set()
    assert first.error() == second.error() == (502, "upstream_error")
    eventually(lambda: len(told(relay, since)) == 2)
    lines = {each["event"]: each for each in told(relay, since)}
    assert lines["answer"]["request_id"] == first.headers["X-Request-Id"]
    assert lines["refusal"]["request_id"] == second.headers["X-Request-Id"]
    assert lines["refusal"]["detail"] == f"completion {lines['answer']['completion']}"


def test_clients_are_the_same_in_all_workers(start_relay: StartRelay) -> None:
    """An address has one name in the log of a server, and other addresses have others."""
    relay = start_relay(WEB_CONCURRENCY="2", TRUSTED_PROXIES="1")

    def names(address: str) -> set[str]:
        reply = ask(relay.url, X_Forwarded_For=address)
        assert reply.text() == "Hello there."
        relay.wait_for_record("answer", request_id=reply.headers["X-Request-Id"])
        return {each["client"] for each in told(relay)}

    assert len(names("203.0.113.7")) == 1
    while len({each["pid"] for each in told(relay)}) < 2:
        assert len(names("203.0.113.7")) == 1
    assert len(names("203.0.113.8")) == 2
    assert "203.0.113" not in relay.log


def test_a_token_has_its_name(start_relay: StartRelay) -> None:
    """Whoever has a token is named as the operator did."""
    token = "a-token-of-somebody"
    relay = start_relay(ACCESS_TOKENS=f"ana:{token}")
    assert ask(relay.url, Authorization=f"Bearer {token}").text() == "Hello there."
    relay.wait_for_record("answer", client="token:ana")


def test_pieces_at_the_debug_level(start_relay: StartRelay, upstream: Upstream) -> None:
    """They have their times, so that one sees whether the model is slow."""
    relay = start_relay(LOG_LEVEL="debug", FLUSH_INTERVAL_MS="0")
    gated = Gated(upstream, "Hello ", "there")
    gated.let(1)
    reply = ask(relay.url)
    assert reply.piece() == "Hello "
    first = relay.wait_for_record("piece", bytes=6)
    gated.let(2)
    assert reply.text() == "there"
    second = relay.wait_for_record("piece", bytes=5)
    assert first["request_id"] == second["request_id"] == reply.headers["X-Request-Id"]
    assert first["after_ms"] <= second["after_ms"]
    assert '"there' not in relay.log


def test_in_a_terminal(upstream: Upstream) -> None:
    """A person gets readable lines, gunicorn's too."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "app:app"],
        cwd=PROJECT,
        env=os.environ
        | {"OPENAI_BASE_URL": upstream.url, "FLASK_SKIP_DOTENV": "1", "NO_COLOR": "1", "PORT": "0"},
        stderr=terminal,
        stdin=subprocess.DEVNULL,
    )
    os.close(terminal)
    with os.fdopen(master, encoding="utf-8", errors="replace") as lines:
        url = ""
        for line in lines:
            if "Listening at: " in line:
                url = line.partition("Listening at: ")[2].split()[0]
                break
        assert not line.startswith("{")
        assert ask(url).text() == "Hello there."
        line = next(each for each in lines if "answer" in each)
        assert "state=finished" in line
        assert "door=ai_completion" in line
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0
