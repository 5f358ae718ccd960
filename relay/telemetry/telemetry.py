"""All observers as one, and what is sampled and scraped beside them."""

import logging
import secrets
import sys
from collections.abc import Callable, Hashable, Iterable

from prometheus_client import CollectorRegistry

from relay.access import address_name
from relay.errors import RelayError
from relay.journal import Journal
from relay.limits import Reservations
from relay.log import Lines
from relay.telemetry.log_lines import LogLines, Pseudonyms
from relay.telemetry.metrics import Metrics, ModelNames, Scrape
from relay.telemetry.pulse import Pulse
from relay.telemetry.records import Asked, EndedAnswer, Observer, Refusal

log = logging.getLogger("askbot")


class Telemetry:
    """See `Observer`. Made once for each process.

    `models` are the names of the configured models. `readers` are those who are connected.
    """

    def __init__(self, models: Iterable[str], journal: Journal, reservations: Reservations) -> None:
        self.readers: set[Hashable] = set()
        self.pseudonyms = Pseudonyms(secrets.token_bytes(16))
        metrics = Metrics(ModelNames(models), CollectorRegistry())
        self.pulse = Pulse(metrics, self.readers, lambda: journal.age_seconds)
        self.scrape = Scrape(metrics.registry, reservations.tokens_left)
        self._observers: tuple[Observer, ...] = (
            LogLines(self.pseudonyms, Lines(sys.stderr)),
            metrics,
        )

    def asks(self, asked: Asked) -> None:
        self._tell(lambda observer: observer.asks(asked))

    def ended(self, answer: EndedAnswer) -> None:
        self._tell(lambda observer: observer.ended(answer))

    def refused(self, refusal: Refusal) -> None:
        self._tell(lambda observer: observer.refused(refusal))

    def passed_over(self, error: RelayError) -> None:
        self._tell(lambda observer: observer.passed_over(error))

    def refused_by_server(
        self, request_id: str, address: str, error: RelayError, fault: BaseException | None
    ) -> None:
        """A refusal of a request that did not reach the app."""
        client = address_name(address)
        self.refused(Refusal(request_id, "gunicorn", client, error, fault))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        """Tells all observers. A bug in one ends no answer and keeps nothing from the others."""
        for observer in self._observers:
            try:
                tell(observer)
            except Exception:
                log.exception("an observer failed: a bug of the relay")
