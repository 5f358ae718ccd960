"""Samples what no event tells: how late the event loop is, how old the journal is, who reads."""

import threading
import time
from collections.abc import Callable, Sized

from relay.telemetry.metrics import Metrics

# Often enough to meet a loop that stands still now and then.
PULSE_SECONDS = 0.25


class Pulse:
    """A thread of the process, or under gevent a greenlet, that samples until the process ends."""

    def __init__(
        self, metrics: Metrics, readers: Sized, journal_age_seconds: Callable[[], float]
    ) -> None:
        self._metrics = metrics
        self._readers = readers
        self._journal_age_seconds = journal_age_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts it. A second call does nothing."""
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="askbot-pulse", daemon=True)
            self._thread.start()

    def sample(self, lateness_seconds: float) -> None:
        self._metrics.lateness.observe(lateness_seconds)
        self._metrics.readers.set(len(self._readers))
        self._metrics.journal_age.set(self._journal_age_seconds())

    def _run(self) -> None:
        while True:
            due = time.monotonic() + PULSE_SECONDS
            time.sleep(PULSE_SECONDS)
            self.sample(max(0.0, time.monotonic() - due))
