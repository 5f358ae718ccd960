"""What is written about answers and refusals: the fields of their lines, and no more."""

import logging
from typing import Any

import pytest

from helpers.telemetry import ended, refusal
from relay.completions import Failure, Receipt
from relay.errors import InvalidRequest, NoAnswer, RelayError, UpstreamError
from relay.limits import Tokens
from relay.telemetry.lines import LogLines, Pseudonyms
from relay.upstream import Outcome

KEY = b"a key of this process"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> LogLines:
    # An app that another test has made keeps its lines to itself.
    monkeypatch.setattr(logging.getLogger("askbot"), "propagate", True)
    caplog.set_level(logging.INFO, logger="askbot")
    return LogLines(Pseudonyms(KEY))


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the line has beside what every record has."""
    known = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
    return {name: value for name, value in vars(record).items() if name not in known}


def test_a_whole_answer(lines: LogLines, caplog: pytest.LogCaptureFixture) -> None:
    """One line says who was asked, how long it took and what it has used."""
    receipt = Receipt(
        "finished", 12, Outcome("stop"), first_token_ms=40.0, thinking_ms=30.0, duration_ms=90.0
    )
    lines.ended(ended(receipt, tokens=Tokens(10, is_estimate=True), client="token:ana"))
    [record] = caplog.records
    assert (record.msg, record.levelno) == ("answer", logging.INFO)
    assert fields(record) == {
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


def test_a_failed_answer(lines: LogLines, caplog: pytest.LogCaptureFixture) -> None:
    """The line has the code, the status, and the detail that the client does not get."""
    error = UpstreamError(detail="the upstream answered 500")
    receipt = Receipt("failed", 0, failure=Failure.of(error), duration_ms=5.0)
    lines.ended(ended(receipt, error))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    told = fields(record)
    assert (told["code"], told["status"]) == ("upstream_error", 502)
    assert told["detail"] == "the upstream answered 500"
    assert "first_text_ms" not in told


def test_thoughts_without_text(lines: LogLines, caplog: pytest.LogCaptureFixture) -> None:
    """The first sign of an answer may be its only one."""
    lines.ended(ended(Receipt("failed", 0, thinking_ms=70.0, duration_ms=90.0), NoAnswer()))
    assert fields(caplog.records[0])["first_sign_ms"] == 20.0


@pytest.mark.parametrize(
    ("error", "level"), [(InvalidRequest("No."), logging.INFO), (NoAnswer(), logging.WARNING)]
)
def test_a_refusal(
    lines: LogLines, caplog: pytest.LogCaptureFixture, error: RelayError, level: int
) -> None:
    """Whoever was refused for a reason of their own is no warning."""
    lines.refused(refusal(error))
    [record] = caplog.records
    assert (record.msg, record.levelno) == ("refusal", level)
    assert fields(record) == {
        "request_id": "r1",
        "door": "personas",
        "code": error.code,
        "status": error.status,
        "detail": error.message,
        "client": Pseudonyms(KEY).of("192.0.2.7"),
    }


def test_the_end_of_an_answer_is_told_once(
    lines: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal that ended an answer has no line of its own."""
    lines.refused(refusal(UpstreamError(), ended=True))
    assert not caplog.records


def test_a_bug(lines: LogLines, caplog: pytest.LogCaptureFixture) -> None:
    """It is an error, with the trace, also if an answer ended by it."""
    for is_told in (False, True):
        lines.refused(refusal(RelayError(), fault=KeyError("x"), ended=is_told))
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert all("KeyError" in (record.exc_text or "") for record in caplog.records)


def test_names_of_clients() -> None:
    """An address is the same client in every line, and cannot be found without the key."""
    names = Pseudonyms(KEY)
    assert names.of("192.0.2.7") == Pseudonyms(KEY).of("192.0.2.7") != names.of("192.0.2.8")
    assert "192.0.2.7" not in names.of("192.0.2.7")
    assert Pseudonyms(b"another").of("192.0.2.7") != names.of("192.0.2.7")
    assert names.of("token:ana") == "token:ana"
