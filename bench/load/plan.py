"""The readers' plan, and its outcome. Both cross the process boundary as JSON."""

from dataclasses import dataclass

from bench.answer import Answer


@dataclass(frozen=True)
class Plan:
    """So many readers, each of whom asks for the same answer, several times in a row."""

    port: int
    readers: int
    answer: Answer
    answers_each: int = 1
    ramp_seconds: float = 0.0
    """The readers' first questions are spread evenly over this time."""
    limit_seconds: float = 60.0
    """After this time what is not finished counts as not complete."""
    keyed: bool = False
    """Give every question an `Idempotency-Key`, so that its answer can be resumed."""
    direct: bool = False
    """Ask the upstream itself instead of a relay."""

    @property
    def answers(self) -> int:
        """All answers together."""
        return self.readers * self.answers_each


@dataclass(frozen=True)
class Spread:
    """Of a set of times, in milliseconds."""

    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        """The spread of these times. Of none it is 0: `Outcome.complete` says that none came."""
        if not seconds:
            return cls(0, 0, 0)
        ordered = sorted(seconds)
        last = len(ordered) - 1
        at = [ordered[round(last * share)] * 1000 for share in (0.5, 0.99, 1)]
        return cls(*at)


@dataclass(frozen=True)
class Outcome:
    """What the readers saw."""

    answers: int
    complete: int
    """Answers with every token in its place and a clean end."""
    tokens: int
    seconds: float
    """From the first question to the last byte."""
    cpu_seconds: float
    """The readers' own CPU time within `seconds`."""
    first_byte_ms: Spread
    token_age_ms: Spread
    failures: dict[str, int]
    """How the others ended, and how many of each."""
