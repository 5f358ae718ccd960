"""The figures that are compared, their targets, and whether they are reached."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.peers import (
    ASKBOT,
    ASKBOT_REDIS,
    ASKBOT_TWO_WORKERS,
    EXPRESS,
    NO_RELAY,
    PEERS,
    Peer,
)
from bench.scenarios import (
    Figures,
    Size,
    burst,
    capacity,
    first_byte,
    journal,
    keyed,
    memory,
    short,
    steady,
)
from bench.stage import Cores


@dataclass(frozen=True)
class Scenario:
    """One measurement and whom it is taken of."""

    name: str
    measure: Callable[[Peer, Cores, Size], Figures]
    of: tuple[Peer, ...]


SCENARIOS = (
    Scenario("burst", burst, (*PEERS, NO_RELAY)),
    Scenario("short", short, PEERS),
    Scenario("capacity", capacity, PEERS),
    Scenario("memory", memory, PEERS),
    Scenario("first-byte", first_byte, PEERS),
    Scenario("keyed", keyed, (ASKBOT,)),
    Scenario("journal", journal, (ASKBOT, ASKBOT_REDIS)),
    Scenario("workers", steady, (ASKBOT, ASKBOT_TWO_WORKERS)),
)


@dataclass(frozen=True)
class Sample:
    """One scenario's figures for one relay in one round."""

    scenario: str
    peer: str
    round: int
    figures: Figures
    error: str | None = None
    """Why there are no figures."""


@dataclass(frozen=True)
class Range:
    """A figure over the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, samples: list[Sample], scenario: str, name: str, peer: str) -> "Range | None":
        """The range of the figure called `name`, when it was measured."""
        values = [
            sample.figures[name]
            for sample in samples
            if (sample.scenario, sample.peer) == (scenario, peer) and name in sample.figures
        ]
        if not values:
            return None
        return cls(min(values), statistics.median(values), max(values))


@dataclass(frozen=True)
class Figure:
    """A figure with its target: a limit for Askbot's own value, or for its ratio to another's."""

    name: str
    scenario: str
    title: str
    unit: str
    limit: float
    over: Peer | None = None
    """The target is for the ratio of medians: `of` divided by this."""
    of: Peer = ASKBOT
    among: tuple[Peer, ...] = PEERS
    """Whose values are shown."""
    at_least: bool = False
    """Whether `limit` is to be reached from below; otherwise it is a maximum."""

    def range(self, samples: list[Sample], peer: str) -> Range | None:
        """The figure of this peer over the rounds, when it has any."""
        return Range.of(samples, self.scenario, self.name, peer)

    def result(self, samples: list[Sample]) -> float | None:
        """What is held against the limit."""
        own = self.range(samples, self.of.name)
        if own is None:
            return None
        if self.over is None:
            return own.median
        other = self.range(samples, self.over.name)
        return own.median / other.median if other and other.median else None

    def reached(self, samples: list[Sample]) -> bool | None:
        """Whether the limit is kept; None when it was not measured."""
        result = self.result(samples)
        if result is None:
            return None
        return result >= self.limit if self.at_least else result <= self.limit


FIGURES = (
    Figure(
        "cpu_us_per_token",
        "burst",
        "Relay CPU per token, 20 readers x 1,000 tokens at full speed",
        "us",
        limit=0.25,
        over=EXPRESS,
    ),
    Figure(
        "cpu_ms_per_request",
        "short",
        "Relay CPU per request, answers of one token",
        "ms",
        limit=0.7,
        over=EXPRESS,
    ),
    Figure(
        "readers",
        "capacity",
        "Readers at 50 tokens/s each, p99 token age < 250 ms, p99 first byte < 500 ms",
        "readers",
        limit=4,
        over=EXPRESS,
        at_least=True,
    ),
    Figure(
        "kilobytes_per_reader",
        "memory",
        "Memory per reader waiting for the first token, 1,000 readers",
        "KB",
        limit=60,
    ),
    Figure(
        "added_ms",
        "first-byte",
        "First-byte time added to the upstream's own, 10 readers",
        "ms",
        limit=5,
    ),
    Figure(
        "ratio",
        "keyed",
        "Resumable answers instead of others: CPU per token, at full speed",
        "",
        limit=1.05,
        among=(ASKBOT,),
    ),
    Figure(
        "ratio",
        "journal",
        "Answers written down in a file instead of not: CPU per token, 400 readers at 50 tokens/s",
        "",
        limit=1.06,
        among=(ASKBOT,),
    ),
    Figure(
        "ratio",
        "journal",
        "Answers written down in Redis instead of not: CPU per token, 400 readers at 50 tokens/s",
        "",
        limit=1.1,
        of=ASKBOT_REDIS,
        among=(ASKBOT_REDIS,),
    ),
    Figure(
        "cpu_us_per_token",
        "workers",
        "Two workers instead of one: CPU per token, 400 readers at 50 tokens/s",
        "us",
        limit=1.1,
        of=ASKBOT_TWO_WORKERS,
        over=ASKBOT,
        among=(ASKBOT, ASKBOT_TWO_WORKERS),
    ),
    Figure(
        "cpu_ms_per_request",
        "workers",
        "Two workers instead of one: CPU per request, answers of one token",
        "ms",
        limit=1.1,
        of=ASKBOT_TWO_WORKERS,
        over=ASKBOT,
        among=(ASKBOT, ASKBOT_TWO_WORKERS),
    ),
)
