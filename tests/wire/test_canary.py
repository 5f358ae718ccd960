"""Secrets stay where they belong: words that are searched for wherever they could come out."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.client import Cut, Exchange, close_exchanges, raw_exchange
from helpers.completions import eventually, get, new_key, receipt
from helpers.redis_server import RedisServer
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Reply, Script, Upstream, chunk, hello

KEY = "sk-canary-of-the-provider"
TOKEN = "canary-of-a-reader-0001"
QUESTION = "canary in the question"
ANSWER = "canary in the answer"
UPSTREAM = "canary of the upstream"
ADDRESS = "203.0.113.77"

# Words that may come out nowhere: not in a log, a reply or a journal.
SECRETS = [KEY, TOKEN, QUESTION, UPSTREAM, ADDRESS]
ERROR = {"message": f"{UPSTREAM} {KEY}", "type": UPSTREAM, "code": UPSTREAM, "param": UPSTREAM}


def refusing(status: str, error: Any = None, **headers: str) -> Script:
    return lambda reply: reply.refuse(status, ERROR if error is None else error, **headers)


def sending(*events: Any) -> Script:
    def script(reply: Reply) -> None:
        for event in events:
            reply.event(event)
        reply.end()

    return script


def after_a_text(script: Script) -> Script:
    def both(reply: Reply) -> None:
        reply.text(ANSWER)
        script(reply)

    return both


def raw(data: str) -> Script:
    return lambda reply: reply.raw(data.encode())


BROKEN: dict[str, Script] = {
    "an error event": sending({"error": ERROR}),
    "an error in words": sending({"error": UPSTREAM}),
    "a broken frame": sending("{" + UPSTREAM),
    "a frame of another type": sending({"choices": UPSTREAM}),
    "not chunked": raw(f"{UPSTREAM}\r\n"),
    "a reset": lambda reply: reply.reset(),
    "an end": lambda reply: reply.end(),
}
BEFORE: dict[str, Script] = {
    **{
        status: refusing(status)
        for status in (
            *("400 Bad", "401 No", "403 No", "404 No", "413 Large", "422 No", "429 Slow"),
            *("500 Oops", "503 Busy"),
        )
    },
    "context length": refusing("400 Bad", ERROR | {"code": "context_length_exceeded"}),
    "content policy": refusing("400 Bad", ERROR | {"code": "content_policy_violation"}),
    "HTML": refusing("502 Bad", f"<html>{UPSTREAM} {KEY}</html>"),
    "headers": refusing("429 Slow", Retry_After=UPSTREAM, Set_Cookie=UPSTREAM, Location=UPSTREAM),
    "a redirect": refusing("302 Found", Location=f"http://127.0.0.1:1/{UPSTREAM}"),
    "a status in words": raw(f"HTTP/1.1 500 {UPSTREAM}\r\n{UPSTREAM}: x\r\n\r\n"),
    "not HTTP": raw(f"{UPSTREAM}\r\n\r\n"),
    "half a refusal": raw(f"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\n{UPSTREAM}"),
    **BROKEN,
}
AFTER: dict[str, Script] = {
    **{f"{name} after a text": after_a_text(script) for name, script in BROKEN.items()},
    "a whole answer": after_a_text(lambda reply: reply.finish()),
    "an odd reason": after_a_text(lambda reply: reply.finish(UPSTREAM)),
    "an odd model": after_a_text(sending({**chunk({}, "stop"), "model": UPSTREAM, "id": UPSTREAM})),
}

MESSAGES = [{"role": "user", "content": QUESTION}]
# The door, and the headers and the body for each form that it has.
FORMS: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("/aiCompletion", {}, {"userPrompt": QUESTION}),
    ("/aiCompletion", {"Accept": "text/event-stream"}, {"prompt": QUESTION}),
    ("/aiCompletion", {"Accept": "application/json"}, {"messages": MESSAGES}),
    ("/api/chat", {}, {"id": "a chat", "messages": MESSAGES}),
    ("/api/completion", {}, {"prompt": QUESTION}),
    ("/v1/chat/completions", {}, {"messages": MESSAGES, "stream": True}),
    ("/v1/chat/completions", {}, {"messages": MESSAGES}),
]
CLIENT: dict[str, Any] = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": ADDRESS}


class Outputs:
    """All that clients have read, and the ids of their answers."""

    def __init__(self) -> None:
        self.replies = ""
        self.ids: set[str] = set()

    def take(self, exchange: Exchange) -> None:
        self.replies += f"{exchange.status} {exchange.headers}\n"
        if id := exchange.headers["Completion-Id"]:
            self.ids.add(id)
        with contextlib.suppress(Cut):
            while piece := exchange.piece():
                self.replies += piece
        exchange.leave()


@pytest.fixture(params=["SQLite", "Redis"])
def journal(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[dict[str, str], Callable[[], bytes]]]:
    """The setting of each backend, and a function that reads all that was ever written to it."""

    def written() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    if request.param == "SQLite":
        yield {"STATE_FILE": str(tmp_path / "state.sqlite3")}, written
        return
    server = RedisServer(tmp_path, keeps=True)
    yield {"REDIS_URL": server.patient_url}, written
    server.stop()


def ask_everything(relay: RelayProcess, upstream: Upstream, outputs: Outputs) -> None:
    """Lets every fault meet every door and form, and refuses what can be refused."""
    for script in [*BEFORE.values(), *AFTER.values()]:
        upstream.answers(script)
        for path, headers, body in FORMS:
            outputs.take(Exchange(relay.url, body, path=path, headers=CLIENT | headers))
    upstream.answers(hello)
    for path, headers, body in FORMS:
        for wrong in (
            {"persona": QUESTION, "model": QUESTION},
            {"messages": [{"role": QUESTION, "content": QUESTION}]},
            {"messages": [{"role": "user", "content": [{"type": QUESTION}]}]},
            {"stream": QUESTION},
        ):
            for more in (CLIENT, {"X-Forwarded-For": ADDRESS}, {"Idempotency-Key": QUESTION}):
                outputs.take(Exchange(relay.url, body | wrong, path=path, headers=more | headers))
        outputs.take(
            Exchange(relay.url, f"{{{QUESTION}".encode(), path=path, headers=CLIENT | headers)
        )
    path = f"/nowhere/{QUESTION}?{QUESTION}".replace(" ", "%20")
    outputs.take(Exchange(relay.url, method="GET", path=path, headers=CLIENT))
    head = f"GET /{TOKEN} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nX: {QUESTION}\r\n\r\n"
    outputs.replies += raw_exchange(relay.url, head.encode()).decode("latin-1")


@pytest.mark.parametrize("by", ["token", "address"])
def test_secrets_stay(
    start_relay: StartRelay,
    upstream: Upstream,
    journal: tuple[dict[str, str], Callable[[], bytes]],
    by: str,
) -> None:
    """No key, question, answer, id or address is in a log, a refusal, or in clear in a journal."""
    place, written = journal
    who = {"ACCESS_TOKENS": f"ana:{TOKEN}"} if by == "token" else {"TRUSTED_PROXIES": "1"}
    relay = start_relay(OPENAI_API_KEY=KEY, LOG_LEVEL="debug", UPSTREAM_RETRIES="0", **place, **who)
    outputs = Outputs()
    ask_everything(relay, upstream, outputs)
    key = new_key()
    keyed = {"Idempotency-Key": key}
    outputs.take(Exchange(relay.url, {"userPrompt": QUESTION}, headers=CLIENT | keyed))
    outputs.take(Exchange(relay.url, {"userPrompt": "another"}, headers=CLIENT | keyed))
    outputs.take(get(relay.url, key, **CLIENT))
    outputs.take(get(relay.url, key, **CLIENT, Accept="application/json"))
    eventually(lambda: receipt(relay.url, key, **CLIENT)["state"] == "finished")
    close_exchanges()
    relay.stop()
    relay.wait_for_exit()
    kept = written().decode("latin-1")
    assert key in outputs.ids
    assert ANSWER in outputs.replies
    # The text of an answer with a key is kept, so this is the place to look.
    assert "Hello there." in kept
    for secret in SECRETS:
        assert secret not in relay.log
        assert secret not in outputs.replies.replace(f"/{TOKEN}", "")
        assert secret not in kept
    for hidden in (ANSWER, *outputs.ids):
        assert hidden not in relay.log
        assert hidden not in kept


def test_questions_in_the_log(start_relay: StartRelay) -> None:
    """For development the log may hold questions. Its start says so, and no line can be forged."""
    relay = start_relay(LOG_QUESTIONS="1")
    reply = Exchange(relay.url, {"userPrompt": f"{QUESTION}\nforged"})
    assert reply.text() == "Hello there."
    relay.wait_for_line("LOG_QUESTIONS IS ON")
    relay.wait_for_record(f"a question: '{QUESTION}\\nforged'")


def test_the_key_follows_no_redirect(start_relay: StartRelay, upstream: Upstream) -> None:
    """Another server to which the model's server sends the relay gets no request."""
    relay, elsewhere = start_relay(), Upstream()
    try:
        for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
            upstream.answers(refusing(status, Location=f"{elsewhere.url}/chat/completions"))
            assert Exchange(relay.url, {"userPrompt": "Hi"}).status == 502
        assert upstream.headers[0]["authorization"]
        assert elsewhere.connections == 0
    finally:
        elsewhere.close()
