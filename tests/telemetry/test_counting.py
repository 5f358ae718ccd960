"""What is counted, in one process and without a server."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from helpers.telemetry import Samples, ended, refusal
from relay.completions import Receipt
from relay.errors import BudgetExhausted, InvalidRequest, RelayError, UpstreamError, UpstreamTimeout
from relay.telemetry.metrics import Metrics, ModelNames, Scrape
from relay.telemetry.pulse import Pulse
from relay.upstream import Outcome, Usage

DURATION = "gen_ai_client_operation_duration_seconds"
FIRST_CHUNK = "gen_ai_client_operation_time_to_first_chunk_seconds"
TOKENS = "gen_ai_client_token_usage"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(ModelNames(["small", "small-large"]), CollectorRegistry())


def counted(metrics: Metrics) -> Samples:
    return Samples(generate_latest(metrics.registry).decode())


def exhausted() -> RelayError:
    return BudgetExhausted("No.", retry_after_seconds=5, fields={}, limit="daily_tokens")


def test_an_answer(metrics: Metrics) -> None:
    """It runs until it has ended, and then is in every histogram."""
    answer = ended(
        Receipt(
            "finished",
            12,
            Outcome("stop", Usage(7, 3, 10), "small-2026-01-01"),
            first_token_ms=1500.0,
            duration_ms=4000.0,
        )
    )
    metrics.asks(answer.asked)
    assert counted(metrics).value("askbot_running_answers") == 1
    metrics.ended(answer)
    samples = counted(metrics)
    assert samples.value("askbot_running_answers") == 0
    assert (
        samples.value("askbot_answers_total", door="ai_completion", state="finished", code="") == 1
    )
    model = {"gen_ai_request_model": "small", "gen_ai_response_model": "small"}
    assert samples.value(f"{DURATION}_sum", **model, error_type="") == 4
    assert samples.value(f"{FIRST_CHUNK}_sum", **model) == 1.5
    assert samples.value(f"{TOKENS}_sum", **model, gen_ai_token_type="input") == 7
    assert samples.value(f"{TOKENS}_sum", **model, gen_ai_token_type="output") == 3


def test_a_failure_of_the_model(metrics: Metrics) -> None:
    """It is told by its code, and what never came is in no histogram."""
    answer = ended(Receipt("failed", 0, duration_ms=25_000.0), UpstreamTimeout())
    metrics.asks(answer.asked)
    metrics.ended(answer)
    metrics.passed_over(UpstreamError())
    samples = counted(metrics)
    assert samples.value("askbot_upstream_failures_total", code="upstream_timeout") == 1
    assert samples.value("askbot_upstream_failures_total", code="upstream_error") == 1
    assert samples.value(f"{DURATION}_count", error_type="upstream_timeout") == 1
    assert samples.value(f"{FIRST_CHUNK}_count") is None
    assert samples.value(f"{TOKENS}_count") is None


def test_a_question_beyond_a_limit(metrics: Metrics) -> None:
    """The limit is counted once, wherever it was noticed, and the model not at all."""
    metrics.ended(ended(Receipt("failed", 0, duration_ms=1.0), exhausted(), was_asked=False))
    # The same refusal as its client gets it: made again from the receipt.
    metrics.refused(refusal(RelayError(), ended=True))
    assert counted(metrics).value("askbot_limits_hit_total", limit="daily_tokens") == 1
    metrics.refused(refusal(exhausted()))
    samples = counted(metrics)
    assert samples.value("askbot_limits_hit_total", limit="daily_tokens") == 2
    assert samples.value("askbot_running_answers") == 0
    assert samples.value(f"{DURATION}_count") is None


def test_a_refusal(metrics: Metrics) -> None:
    """It is counted at its door, by its code."""
    metrics.refused(refusal(InvalidRequest()))
    counts = {"door": "personas", "code": "invalid_request"}
    assert counted(metrics).value("askbot_refusals_total", **counts) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("small", "small"),
        ("small-2026-01-01", "small"),
        ("small@001", "small"),
        ("small-large", "small-large"),
        ("small-large-0613", "small-large"),
        ("small-other", "other"),
        ("smaller", "other"),
        ("x" * 500, "other"),
        (None, ""),
    ],
)
def test_names_of_models(name: str | None, shown: str) -> None:
    """A server can invent names as it likes, and they do not become series."""
    assert ModelNames(["small", "small-large"]).bounded(name) == shown


def test_the_pulse(metrics: Metrics) -> None:
    """It samples what no event tells."""
    readers = {"ana", "bo"}
    Pulse(metrics, readers, lambda: 1.5).sample(0.3)
    samples = counted(metrics)
    assert samples.value("askbot_readers") == 2
    assert samples.value("askbot_journal_age_seconds") == 1.5
    assert samples.value("askbot_event_loop_lateness_seconds_sum") == 0.3


def test_a_scrape(metrics: Metrics) -> None:
    """What is found out when it is asked stands beside what was counted."""
    text = Scrape(metrics.registry, lambda: 700).text()
    samples = Samples(text.decode())
    assert samples.value("askbot_tokens_left") == 700
    assert samples.value("askbot_info") == 1
    assert samples.value("askbot_running_answers") == 0
    # When a series began is no use to anybody here.
    assert b"_created" not in text


def test_without_a_budget(metrics: Metrics) -> None:
    """Where there is no limit, nothing is left of it."""
    assert (
        Samples(Scrape(metrics.registry, lambda: None).text().decode()).value("askbot_tokens_left")
        is None
    )
