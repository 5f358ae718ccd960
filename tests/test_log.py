"""The form of a line: readable in a terminal, JSON everywhere else."""

import io
import json
import logging

import pytest

from relay.log import line_format


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")


def written(stream: io.StringIO, message: str, *args: object, **options: object) -> str:
    """A logged line."""
    log = logging.Logger("a test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(line_format(stream))
    log.addHandler(handler)
    log.warning(message, *args, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def test_json() -> None:
    """A program reads an object from each line, with the fields as they were given."""
    line = written(io.StringIO(), "answer", extra={"bytes": 12, "client": "한\nforged"})
    assert line.count("\n") == 1
    record = json.loads(line)
    assert record.pop("timestamp").endswith("Z")
    assert record.pop("pid") > 0
    assert record == {"event": "answer", "level": "warning", "bytes": 12, "client": "한\nforged"}


def test_sentences() -> None:
    """What has no fields is told as it was."""
    line = written(io.StringIO(), "pages of %r may not ask", "https://a.example")
    assert json.loads(line)["event"] == "pages of 'https://a.example' may not ask"


def test_an_exception() -> None:
    """A trace is a field of its line, and does not break into lines of its own."""
    line = written(io.StringIO(), "a fault", exc_info=KeyError("x"))
    assert line.count("\n") == 1
    assert "KeyError" in json.loads(line)["exception"]


def test_a_terminal() -> None:
    """A person reads the sentence and its fields, and forges no line by a field."""
    line = written(Terminal(), "answer", extra={"bytes": 12, "client": "a\nforged"})
    assert line.count("\n") == 1
    assert "answer" in line
    assert "bytes=12" in line
    assert "warning" in line


def test_a_pipe_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shows the lines in a terminal can ask for the readable ones."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "bytes=12" in written(io.StringIO(), "answer", extra={"bytes": 12})
