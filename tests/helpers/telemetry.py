"""Records for observers, and what Prometheus reads."""

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from helpers.client import Exchange
from relay.completions import Receipt
from relay.errors import RelayError
from relay.limits import NO_TOKENS, Tokens
from relay.telemetry import Asked, EndedAnswer, Refusal

Labels = frozenset[tuple[str, str]]


def ended(
    receipt: Receipt,
    error: RelayError | None = None,
    *,
    tokens: Tokens = NO_TOKENS,
    client: str = "192.0.2.7",
    was_asked: bool = True,
) -> EndedAnswer:
    asked = Asked("r1", "ai_completion", "text", client, "askbot", "small")
    return EndedAnswer(asked, "0123abcd", receipt, error, tokens, was_asked)


def refusal(
    error: RelayError, *, fault: BaseException | None = None, ended: bool = False
) -> Refusal:
    return Refusal("r1", "personas", "192.0.2.7", error, fault, ended)


def scrape(url: str, **headers: str) -> "Samples":
    """What the relay tells Prometheus."""
    reply = Exchange(url, method="GET", path="/metrics", headers=headers)
    assert reply.status == 200
    return Samples(reply.text())


class Samples:
    """All samples of a scrape."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self._samples = [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the only sample with the name and these labels; None without one."""
        found = [
            sample.value
            for sample in self._samples
            if sample.name == name and sample.labels.items() >= labels.items()
        ]
        assert len(found) < 2, f"{name} {labels} is not one series"
        return found[0] if found else None

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples with the name and these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and sample.labels.items() >= labels.items()
        )

    def label_values(self, label: str) -> set[str]:
        return {each.labels[label] for each in self._samples if label in each.labels}

    @property
    def names(self) -> Iterable[str]:
        return [family.name for family in self.families]
