"""A question under the limits, from the take to the settlement."""

import gc
import weakref
from pathlib import Path

import pytest

from helpers.backends import File, Unhurried
from helpers.sources import END, ScriptedSource
from relay.access import Client
from relay.completions import Receipt
from relay.errors import BudgetExhausted, UpstreamError
from relay.limits import LimitedQuestion, Reservations, Tokens
from relay.questions import Message, Prompt, turns_of
from relay.settings import Settings
from relay.upstream import Cancellation, Cancelled, Outcome, Usage

ANA = Client("token:ana")
MOST = 100_000


def prompt(text: str = "Hi") -> Prompt:
    return Prompt((), turns_of([Message("user", text)]), "m", MOST, None, None)


@pytest.fixture
def reservations(tmp_path: Path) -> Reservations:
    """A budget for one question at a time."""
    journal = Unhurried(File(tmp_path / "state.sqlite3").open(), "here")
    settings = Settings(daily_tokens=MOST + 1000, daily_tokens_per_client=0)
    return Reservations(settings, journal)


def asked(reservations: Reservations) -> LimitedQuestion:
    asking = LimitedQuestion(reservations, ANA, prompt(), ScriptedSource(b"Hello", END).begin)
    asking(Cancellation())
    return asking


def test_an_answer(reservations: Reservations) -> None:
    """What was reserved and not used is there for the next question; each knows what is left."""
    first = asked(reservations)
    refused = LimitedQuestion(reservations, ANA, prompt(), ScriptedSource(b"Hello", END).begin)
    with pytest.raises(BudgetExhausted) as raised:
        refused(Cancellation())
    assert first.fields.keys() == {"RateLimit", "RateLimit-Policy"}
    assert refused.fields.keys() == {"RateLimit-Policy"}
    used = first.settle(Receipt("finished", 5, Outcome(usage=Usage(7, 3, 10))), None)
    assert used == Tokens(10)
    assert refused.settle(Receipt("failed", 0), raised.value) == Tokens(0)
    asked(reservations)


def test_a_long_question(reservations: Reservations) -> None:
    """What the model would read is reserved as well."""
    source = ScriptedSource(b"Hello", END)
    asking = LimitedQuestion(reservations, ANA, prompt("a" * 3000), source.begin)
    with pytest.raises(BudgetExhausted):
        asking(Cancellation())
    assert not source.asked.acquire(blocking=False)


def test_a_request_that_fails(reservations: Reservations) -> None:
    """The question was not answered, and costs nothing."""
    error = UpstreamError()
    asking = LimitedQuestion(reservations, ANA, prompt(), ScriptedSource(error).begin)
    with pytest.raises(UpstreamError):
        asking(Cancellation())
    assert asking.settle(Receipt("failed", 0), error) == Tokens(0)
    asked(reservations)


def test_a_reader_who_left_before(reservations: Reservations) -> None:
    """Whoever leaves while the limits are looked up has asked nothing."""
    source, cancellation = ScriptedSource(b"Hello", END), Cancellation()
    asking = LimitedQuestion(reservations, ANA, prompt(), source.begin)
    cancellation.cancel()
    with pytest.raises(Cancelled):
        asking(cancellation)
    assert not source.asked.acquire(blocking=False)
    assert asking.settle(Receipt("failed", 0), None) == Tokens(0)
    asked(reservations)


def test_a_running_answer_forgets_the_question(reservations: Reservations) -> None:
    """A conversation may be long, and is not kept until the end of its answer."""
    source = ScriptedSource(b"Hello", END)

    class Asker:
        def __call__(self, cancellation: Cancellation) -> ScriptedSource:
            return source.begin(cancellation)

    asker = Asker()
    kept = weakref.ref(asker)
    asking = LimitedQuestion(reservations, ANA, prompt(), asker)
    asking(Cancellation())
    del asker
    gc.collect()
    assert kept() is None
    asking.settle(Receipt("finished", 5), None)
