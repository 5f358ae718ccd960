"""At the debug level the log says when each piece came from the model."""

import logging
import time

import pytest

from helpers.sources import END, ScriptedSource
from relay.telemetry import timed
from relay.upstream import Cancellation


def test_pieces(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a line with its time and its size, and not its text."""
    # An app that another test has made keeps its lines to itself.
    monkeypatch.setattr(logging.getLogger("askbot"), "propagate", True)
    caplog.set_level(logging.DEBUG, logger="askbot")
    source = timed(ScriptedSource(b"Hello", END).begin(Cancellation()), "r1", time.monotonic())
    while not source.ended:
        source.next_bytes()
    source.close()
    pieces = [record for record in caplog.records if record.msg == "piece"]
    assert vars(pieces[0])["bytes"] == 5
    assert vars(pieces[0])["request_id"] == "r1"
    assert vars(pieces[0])["after_ms"] >= 0
    assert not any("Hello" in str(vars(record)) for record in pieces)


def test_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    """At any other level nothing stands between the answer and its source."""
    caplog.set_level(logging.INFO, logger="askbot")
    source = ScriptedSource(b"Hello", END).begin(Cancellation())
    assert timed(source, "r1", time.monotonic()) is source
