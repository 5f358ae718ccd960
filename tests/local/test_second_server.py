"""The relay before two OpenAI-compatible servers that it shares no line with, as real processes.

One is aimock, a server for Node that answers by a script and counts what became of its replies;
the other is the embedded model, by llama.cpp's own server.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.client import Cut, Exchange, ask, close_exchanges
from helpers.limits import GONE_SECONDS, WORK_SECONDS
from helpers.relay_process import KEY, PATIENT, RelayProcess
from local.fetch import weights_path
from local.model_process import start_model

AIMOCK = Path(__file__).with_name("second_server") / "node_modules/@copilotkit/aimock/dist/cli.js"
ANSWER = "안녕하세요! I am not the server that you expected. 🙂"
SCRIPT = {
    "fixtures": [
        {"match": {"userMessage": "Who are you?"}, "response": {"content": ANSWER}},
        {
            "match": {"userMessage": "Too fast?"},
            "response": {
                "error": {"message": "Slow down.", "type": "rate_limit_error"},
                "status": 429,
                "retryAfter": 7,
            },
        },
        {
            "match": {"userMessage": "Half?"},
            "response": {"content": "Half an answer, and not a letter more."},
            "streamingProfile": {"tps": 20},
            "chunkSize": 4,
            "truncateAfterChunks": 3,
        },
        {
            "match": {"userMessage": "For ever?"},
            "response": {"content": "and on " * 100},
            "streamingProfile": {"tps": 5},
            "chunkSize": 7,
        },
        {
            "match": {"userMessage": "Anyone?", "model": "a-busy-model"},
            "response": {
                "error": {"message": "Overloaded.", "type": "server_error"},
                "status": 503,
            },
        },
        {"match": {"userMessage": "Anyone?"}, "response": {"content": "Me."}},
    ]
}

MODEL_TOKENS = 24


class Aimock:
    """aimock running by the script above, for those who have the key."""

    def __init__(self, node: str, script: Path) -> None:
        options = ["--port", "0", "--fixtures", str(script), "--validate-on-load", "--metrics"]
        self._process = RelayProcess(
            {"AIMOCK_API_KEYS": KEY}, command=[node, str(AIMOCK), *options]
        )
        self._url = self._process.wait_for_line(r"listening on (http://\S+)")[1]
        self.api_url = f"{self._url}/v1"

    def destroyed(self) -> int:
        """How many of its replies were over before their end."""
        page = Exchange(self._url, method="GET", path="/metrics")
        counts = re.findall(r'aimock_requests_total{.*status="destroyed"} (\d+)', page.text())
        page.leave()
        return sum(map(int, counts))

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    node = shutil.which("node")
    if node is None or not AIMOCK.is_file():
        pytest.skip("aimock is not there: npm ci --prefix tests/local/second_server")
    script = tmp_path_factory.mktemp("aimock") / "script.json"
    script.write_text(json.dumps(SCRIPT), encoding="utf-8")
    server = Aimock(node, script)
    yield server
    server.stop()


def start_relay(base_url: str, key: str, **settings: str) -> RelayProcess:
    relay = RelayProcess({"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": key, **settings})
    relay.wait_for_url()
    return relay


@pytest.fixture(scope="module")
def relay(aimock: Aimock) -> Iterator[RelayProcess]:
    """A relay before aimock."""
    relay = start_relay(
        aimock.api_url, KEY, OPENAI_MODEL="a-busy-model", OPENAI_FALLBACK_MODELS="another-model"
    )
    yield relay
    relay.stop()


def test_streams(relay: RelayProcess) -> None:
    """Another server's stream is read to its end."""
    assert ask(relay.url, "Who are you?").text() == ANSWER


def test_answers_whole(relay: RelayProcess) -> None:
    """The JSON form has its finish reason, and its count of tokens for having been asked for it."""
    answer = Exchange(relay.url, {"userPrompt": "Who are you?", "stream": False}).json()
    assert answer["text"] == ANSWER
    assert answer["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_refuses(relay: RelayProcess) -> None:
    """Its rate limit is passed on, with the time to wait, and without its words."""
    reply = ask(relay.url, "Too fast?")
    assert reply.error() == (429, "upstream_rate_limited")
    assert reply.headers["Retry-After"] == "7"


def test_refuses_the_key(aimock: Aimock) -> None:
    """That it does not know the key is for the operator: the log says so, the reply does not."""
    relay = start_relay(aimock.api_url, "sk-a-strangers-key")
    assert ask(relay.url, "Who are you?").error() == (502, "upstream_error")
    relay.wait_for_line("did not accept OPENAI_API_KEY")
    close_exchanges()
    relay.stop()


def test_falls_back(relay: RelayProcess) -> None:
    """While its first model is overloaded the next one answers."""
    assert ask(relay.url, "Anyone?").text() == "Me."


def test_breaks_off(relay: RelayProcess) -> None:
    """When it drops the connection in mid answer, the reader's is cut too."""
    reply = ask(relay.url, "Half?")
    assert "Half an answer".startswith(reply.piece())
    with pytest.raises(Cut):
        reply.text()


def test_hears_that_the_reader_left(relay: RelayProcess, aimock: Aimock) -> None:
    """Its reply is over as soon as the reader has left."""
    reply = ask(relay.url, "For ever?")
    assert reply.piece()
    destroyed = aimock.destroyed()
    reply.leave()
    deadline = time.monotonic() + GONE_SECONDS
    while aimock.destroyed() == destroyed:
        assert time.monotonic() < deadline, "the reply is still being written"


@pytest.fixture(scope="module")
def embedded_relay() -> Iterator[RelayProcess]:
    """A relay before the embedded model, for short answers."""
    if not weights_path().is_file():
        pytest.skip("the model is not there: python -m local.fetch")
    with start_model() as model:
        relay = start_relay(
            model.base_url,
            model.api_key,
            OPENAI_MODEL=model.name,
            MAX_ANSWER_TOKENS=str(MODEL_TOKENS),
            # It reads a persona's message once, which takes a small machine ten seconds.
            **PATIENT,
        )
        yield relay
        close_exchanges()
        relay.stop()


def ask_embedded(relay: RelayProcess, fields: dict[str, object]) -> Exchange:
    reply = Exchange(relay.url, fields)
    reply.socket.settimeout(WORK_SECONDS)
    return reply


HANGUL = re.compile("[가-힣]")
LATIN = re.compile("[A-Za-z]")


@pytest.mark.parametrize(
    ("persona", "question"),
    [
        ("askbot", "What is the capital of France?"),
        ("askbot", "대한민국의 수도는 어디예요?"),
        ("secretary", "What does your boss do for a living?"),
        ("secretary", "주인은 무슨 일을 하세요?"),
    ],
)
def test_embedded_streams(embedded_relay: RelayProcess, persona: str, question: str) -> None:
    """As either persona the embedded model answers bit by bit, in the question's language."""
    reply = ask_embedded(embedded_relay, {"userPrompt": question, "persona": persona})
    assert reply.status == 200
    pieces = list(iter(reply.piece, ""))
    assert len(pieces) > 1
    answer = "".join(pieces)
    if HANGUL.search(question):
        assert HANGUL.search(answer)
    else:
        assert LATIN.search(answer)
        assert not HANGUL.search(answer)


@pytest.mark.parametrize("persona", ["askbot", "secretary"])
def test_embedded_answers_whole(embedded_relay: RelayProcess, persona: str) -> None:
    """As either persona it says why its answer ended, and how many tokens it took."""
    fields: dict[str, object] = {"userPrompt": "Who are you?", "persona": persona, "stream": False}
    answer = ask_embedded(embedded_relay, fields).json()
    assert answer["text"].strip()
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 0
    assert 0 < usage["completion_tokens"] <= MODEL_TOKENS
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    if answer["finish_reason"] == "length":
        assert usage["completion_tokens"] == MODEL_TOKENS
    else:
        assert answer["finish_reason"] == "stop"
