"""A receipt on its way into the journal and out again, and as the client gets it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.completions import Failure, Receipt
from relay.errors import RelayError, UpstreamError, UpstreamRateLimited
from relay.upstream import Outcome, Usage

COUNT = st.integers(0, 2**53)
MILLISECONDS = st.none() | st.floats(0, 1e9)
WORDS = st.none() | st.text(st.characters(codec="utf-8"))
RECEIPTS = st.builds(
    Receipt,
    state=st.sampled_from(["running", "finished", "stopped", "failed"]),
    size=COUNT,
    outcome=st.builds(Outcome, WORDS, st.none() | st.builds(Usage, COUNT, COUNT, COUNT), WORDS),
    failure=st.none() | st.builds(Failure, st.text("ab_"), st.text("ab c"), COUNT, COUNT),
    first_token_ms=MILLISECONDS,
    duration_ms=MILLISECONDS,
)


@given(RECEIPTS)
def test_what_is_written_down_is_read(receipt: Receipt) -> None:
    """A receipt from the journal is the one that was written there."""
    assert Receipt.decode(receipt.encode()) == receipt


def test_what_other_versions_wrote() -> None:
    """Fields that we do not know, and such as they did not, change nothing."""
    data = b'{"state":"stopped","size":3,"a_new_one":{"x":1}}'
    assert Receipt.decode(data) == Receipt("stopped", 3)


@pytest.mark.parametrize(
    ("receipt", "is_free"),
    [
        (Receipt("failed", 0), True),
        (Receipt("failed", 1), False),
        (Receipt("stopped", 0), False),
        (Receipt("finished", 0), False),
        (Receipt("running", 0), False),
    ],
)
def test_when_a_key_is_free(receipt: Receipt, is_free: bool) -> None:
    """Only where a question was answered with nothing but a failure."""
    assert receipt.is_free is is_free


def test_a_failure_told_once_more() -> None:
    """The client is told the same again; what was for the log is not kept."""
    failure = Failure.of(UpstreamRateLimited(detail="a secret", retry_after_seconds=3))
    assert "secret" not in repr(failure)
    again = failure.error(detail="a completion")
    assert isinstance(again, RelayError)
    assert (again.code, again.status) == ("upstream_rate_limited", 429)
    assert (again.message, again.detail) == (UpstreamRateLimited.message, "a completion")
    assert again.headers == {"Retry-After": "3"}
    assert (RelayError.code, RelayError.status) == ("internal_error", 500)


def test_what_the_client_gets() -> None:
    """Every field is there in every state."""
    running = Receipt("running", 3, first_token_ms=1.5, phase="answering").body("an id")
    assert running == {
        "id": "an id",
        "state": "running",
        "phase": "answering",
        "bytes": 3,
        "finish_reason": None,
        "usage": None,
        "error": None,
        "first_token_ms": 1.5,
        "thinking_ms": None,
        "duration_ms": None,
        "model": None,
    }
    thinking = Receipt("running", 0, phase="thinking", thinking_ms=3, thinking="Hm.").body("an id")
    assert (thinking["phase"], thinking["thinking_ms"]) == ("thinking", 3)
    assert thinking["thinking"] == "Hm."
    outcome = Outcome("stop", Usage(1, 2, 3), "a-model")
    failed = Receipt("failed", 3, outcome, Failure.of(UpstreamError()), 1.5, 20).body("an id")
    assert failed.keys() == running.keys()
    assert failed["error"] == {"code": "upstream_error", "message": UpstreamError.message}
    assert failed["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert (failed["finish_reason"], failed["model"]) == ("stop", "a-model")
    usage = Receipt("finished", 3, Outcome("stop", Usage(1, 2, 3, 1))).body("an id")["usage"]
    assert usage["reasoning_tokens"] == 1


def test_an_answer_that_runs_elsewhere() -> None:
    """Its phase is the last that was written down, and at the latest its text shows the next."""
    assert Receipt.running(0, None) == Receipt("running", 0, phase="waiting")
    thinking = Receipt("running", 0, duration_ms=9, phase="thinking", thinking_ms=4)
    known = thinking.encode()
    assert Receipt.running(0, known) == Receipt("running", 0, phase="thinking", thinking_ms=4)
    shown = Receipt("running", 0, phase="thinking", thinking="Hm.").encode()
    assert Receipt.running(5, shown) == Receipt("running", 5, phase="answering")
    assert Receipt.running(5, None) == Receipt("running", 5, phase="answering")
