"""What `GET /metrics` answers: the metrics of all processes in Prometheus's text format.

With gunicorn each worker writes its counts into files of one folder, which outlive it. The reply
adds them up. Without a folder there is one process, which knows everything.
"""

import os
from collections.abc import Callable, Iterable

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from relay.version import version

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


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
        # The package's own variable. It must be set before the package is imported.
        if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            yield from _of_all_processes(folder)
        else:
            yield from self._registry.collect()


def _of_all_processes(folder: str) -> Iterable[Metric]:
    """The package gives this collector no types."""
    collector: Collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
    return collector.collect()
