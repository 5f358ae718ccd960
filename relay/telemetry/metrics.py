"""The observer that counts, for Prometheus, and the reply of `GET /metrics`.

With gunicorn each worker writes its counts into files of one folder, which outlive it. The reply
adds them up. Without a folder there is one process, which knows everything.

What is asked of the model has the names of OpenTelemetry's conventions for generative AI, in
Prometheus's spelling. docs/operation.md lists all metrics. A label has few values: none of them is
chosen by a client or by the model's server.
"""

import os
import re
from collections.abc import Callable, Iterable

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from relay.errors import (
    LimitReached,
    RelayError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from relay.metrics_folder import VARIABLE
from relay.telemetry.records import Asked, EndedAnswer, Refusal
from relay.version import version

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# The conventions' own buckets, up to the longest answer (ANSWER_TIMEOUT).
SECONDS = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    *(163.84, 300),
)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
LATENESS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

OTHER_MODEL = "other"
GEN_AI = (
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "gen_ai_response_model",
)
# The interface that is spoken, whoever speaks it (see gen_ai.provider.name).
CHAT_OF_OPENAI = ("chat", "openai")

UPSTREAM_FAILURES = (UpstreamError, UpstreamRateLimited, UpstreamTimeout)


class ModelNames:
    """The names of the configured models. All others are one, because servers may send any."""

    def __init__(self, names: Iterable[str]) -> None:
        # The longest first: one name may begin with another.
        self._names = sorted(set(names), key=len, reverse=True)

    def bounded(self, name: str | None) -> str:
        """The configured name that this is, or is a dated version of; "" for none."""
        if not name:
            return ""
        versions = (known for known in self._names if _is_version(name, known))
        return next(versions, OTHER_MODEL)


def _is_version(name: str, known: str) -> bool:
    return name == known or (
        name.startswith(known) and re.fullmatch(r"[-@:][0-9.-]+", name[len(known) :]) is not None
    )


class Metrics:
    """See `Observer`. With several processes, each counts for itself; see `Scrape`."""

    def __init__(self, models: ModelNames, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # As all of the package's switches.
        self.registry = registry
        self._models = models
        self._duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "From the question to the end of its answer, if the model was asked.",
            [*GEN_AI, "error_type"],
            buckets=SECONDS,
            registry=registry,
        )
        self._first_chunk = Histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "From the question to the model's first thought or text.",
            GEN_AI,
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of an answer, if the model's server has told them.",
            [*GEN_AI, "gen_ai_token_type"],
            buckets=TOKENS,
            registry=registry,
        )
        self._running = Gauge(
            "askbot_running_answers",
            "Answers that the model is asked for or writes.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.readers = Gauge(
            "askbot_readers",
            "Clients that are connected and read an answer.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._answers = Counter(
            "askbot_answers",
            "Answers that have ended. A question that a limit refused is a failed one.",
            ["door", "state", "code"],
            registry=registry,
        )
        self._refusals = Counter(
            "askbot_refusals",
            "Replies with a status of 400 or more.",
            ["door", "code"],
            registry=registry,
        )
        self._limits_hit = Counter(
            "askbot_limits_hit",
            "Questions that one of the relay's limits refused.",
            ["limit"],
            registry=registry,
        )
        self._upstream_failures = Counter(
            "askbot_upstream_failures",
            "Failures of the model's server, those after which a fallback answered included.",
            ["code"],
            registry=registry,
        )
        self.journal_age = Gauge(
            "askbot_journal_age_seconds",
            "Seconds since the journal was last written; the worker that is furthest behind.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.lateness = Histogram(
            "askbot_event_loop_lateness_seconds",
            "How late a sleeping task is woken.",
            buckets=LATENESS_SECONDS,
            registry=registry,
        )

    def asks(self, asked: Asked) -> None:
        del asked
        self._running.inc()

    def ended(self, answer: EndedAnswer) -> None:
        asked, receipt, error = answer.asked, answer.receipt, answer.error
        code = error.code if error is not None else ""
        self._answers.labels(asked.door, receipt.state, code).inc()
        if isinstance(error, LimitReached):
            self._limits_hit.labels(error.limit).inc()
        if not answer.was_asked:
            return
        self._running.dec()
        if isinstance(error, UPSTREAM_FAILURES):
            self._upstream_failures.labels(code).inc()
        response_model = self._models.bounded(receipt.outcome.model)
        operation = (*CHAT_OF_OPENAI, self._models.bounded(asked.model), response_model)
        if receipt.duration_ms is not None:
            self._duration.labels(*operation, code).observe(receipt.duration_ms / 1000)
        if (first_ms := answer.first_sign_ms) is not None:
            self._first_chunk.labels(*operation).observe(first_ms / 1000)
        if (usage := receipt.outcome.usage) is not None:
            self._tokens.labels(*operation, "input").observe(usage.prompt_tokens)
            self._tokens.labels(*operation, "output").observe(usage.completion_tokens)

    def refused(self, refusal: Refusal) -> None:
        self._refusals.labels(refusal.door, refusal.error.code).inc()
        if isinstance(refusal.error, LimitReached):
            self._limits_hit.labels(refusal.error.limit).inc()

    def passed_over(self, error: RelayError) -> None:
        self._upstream_failures.labels(error.code).inc()


class Scrape(Collector):
    """All metrics. Those that all processes share are found out when it is asked."""

    def __init__(self, registry: CollectorRegistry, tokens_left: Callable[[], int | None]) -> None:
        self._registry = registry
        self._tokens_left = tokens_left

    def text(self) -> bytes:
        return generate_latest(self)

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("askbot", "The version of the relay.", value={"version": version()})
        if (left := self._tokens_left()) is not None:
            yield GaugeMetricFamily(
                "askbot_tokens_left", "Tokens of today that are left, for all clients.", value=left
            )
        if folder := os.environ.get(VARIABLE):
            yield from _of_all_processes(folder)
        else:
            yield from self._registry.collect()


def _of_all_processes(folder: str) -> Iterable[Metric]:
    """The package gives this collector no types."""
    collector: Collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
    return collector.collect()
