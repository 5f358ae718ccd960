"""What is written about answers and refusals: the fields of their lines, and no more."""

import io
import json
import logging
from typing import Any

import pytest

from helpers.telemetry import ended, refusal
from relay.completions import Failure, Receipt
from relay.errors import InvalidRequest, NoAnswer, RelayError, UpstreamError
from relay.limits import Tokens
from relay.log import Lines
from relay.telemetry.log_lines import LogLines, Pseudonyms
from relay.upstream import Outcome

KEY = b"a key of this process"


class Log(LogLines):
    """An observer whose lines can be read."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        super().__init__(Pseudonyms(KEY), Lines(self._stream))

    def told(self) -> list[dict[str, Any]]:
        """The fields of each line, without those that every line of the log has."""
        told = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        for fields in told:
            assert fields.pop("timestamp")
            assert fields.pop("pid") > 0
        return told


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.INFO, logger="askbot")
    return Log()


def test_a_whole_answer(lines: Log) -> None:
    """One line says who was asked, how long it took and what it has used."""
    receipt = Receipt(
        "finished", 12, Outcome("stop"), first_token_ms=40.0, thinking_ms=30.0, duration_ms=90.0
    )
    lines.ended(ended(receipt, tokens=Tokens(10, is_estimate=True), client="token:ana"))
    assert lines.told() == [
        {
            "event": "answer",
            "level": "info",
            "request_id": "r1",
            "completion": "0123abcd",
            "door": "ai_completion",
            "form": "text",
            "persona": "askbot",
            "model": "small",
            "state": "finished",
            "finish_reason": "stop",
            "first_sign_ms": 10.0,
            "first_text_ms": 40.0,
            "duration_ms": 90.0,
            "bytes": 12,
            "tokens": 10,
            "tokens_estimated": True,
            "client": "token:ana",
        }
    ]


def test_a_failed_answer(lines: Log) -> None:
    """The line has the code, the status, and the detail that the client does not get."""
    error = UpstreamError(detail="the upstream answered 500")
    receipt = Receipt("failed", 0, failure=Failure.of(error), duration_ms=5.0)
    lines.ended(ended(receipt, error))
    [told] = lines.told()
    assert told["level"] == "warning"
    assert (told["code"], told["status"]) == ("upstream_error", 502)
    assert told["detail"] == "the upstream answered 500"
    assert "first_text_ms" not in told


def test_thoughts_without_text(lines: Log) -> None:
    """The first sign of an answer may be its only one."""
    lines.ended(ended(Receipt("failed", 0, thinking_ms=70.0, duration_ms=90.0), NoAnswer()))
    assert lines.told()[0]["first_sign_ms"] == 20.0


@pytest.mark.parametrize(
    ("error", "level"), [(InvalidRequest("No."), "info"), (NoAnswer(), "warning")]
)
def test_a_refusal(lines: Log, error: RelayError, level: str) -> None:
    """Whoever was refused for a reason of their own is no warning."""
    lines.refused(refusal(error))
    assert lines.told() == [
        {
            "event": "refusal",
            "level": level,
            "request_id": "r1",
            "door": "personas",
            "code": error.code,
            "status": error.status,
            "detail": error.message,
            "client": Pseudonyms(KEY).of("192.0.2.7"),
        }
    ]


def test_the_end_of_an_answer_is_told_once(lines: Log) -> None:
    """A refusal that ended an answer has no line of its own."""
    lines.refused(refusal(UpstreamError(), ended=True))
    assert not lines.told()


def test_a_bug(lines: Log) -> None:
    """It is an error, with the trace, also if an answer ended by it."""
    for is_told in (False, True):
        lines.refused(refusal(RelayError(), fault=KeyError("x"), ended=is_told))
    told = lines.told()
    assert [each["level"] for each in told] == ["error"] * 2
    assert all("KeyError" in each["exception"] for each in told)


def test_names_of_clients() -> None:
    """An address is the same client in every line, and cannot be found without the key."""
    names = Pseudonyms(KEY)
    assert names.of("192.0.2.7") == Pseudonyms(KEY).of("192.0.2.7") != names.of("192.0.2.8")
    assert "192.0.2.7" not in names.of("192.0.2.7")
    assert Pseudonyms(b"another").of("192.0.2.7") != names.of("192.0.2.7")
    assert names.of("token:ana") == "token:ana"
