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
from relay.limits import LimitedQuestion, Quotas, Tokens
from relay.questions import Message, Prompt, turns_of
from relay.settings import Settings
from relay.upstream import Cancellation, Cancelled, Outcome, Usage

ANA = Client("token:ana")
MOST = 100_000


def prompt() -> Prompt:
    return Prompt((), turns_of([Message("user", "Hi")]), "m", MOST, None, None)


@pytest.fixture
def quotas(tmp_path: Path) -> Quotas:
    """A budget for one question at a time."""
    journal = Unhurried(File(tmp_path / "state.sqlite3").open(), "here")
    settings = Settings(daily_tokens=MOST + 1000, daily_tokens_per_client=0)
    return Quotas(settings, journal)


def asked(quotas: Quotas) -> LimitedQuestion:
    asking = LimitedQuestion(quotas, ANA, prompt(), ScriptedSource(b"Hello", END).begin)
    asking(Cancellation())
    return asking


def test_an_answer(quotas: Quotas) -> None:
    """What was reserved and not used is there for the next question; each knows what is left."""
    first = asked(quotas)
    refused = LimitedQuestion(quotas, ANA, prompt(), ScriptedSource(b"Hello", END).begin)
    with pytest.raises(BudgetExhausted) as raised:
        refused(Cancellation())
    assert first.fields.keys() == {"RateLimit", "RateLimit-Policy"}
    assert refused.fields.keys() == {"RateLimit-Policy"}
    used = first.settle(Receipt("finished", 5, Outcome(usage=Usage(7, 3, 10))), None)
    assert used == Tokens(10)
    assert refused.settle(Receipt("failed", 0), raised.value) == Tokens(0)
    asked(quotas)


def test_a_request_that_fails(quotas: Quotas) -> None:
    """The question was not answered, and costs nothing."""
    error = UpstreamError()
    asking = LimitedQuestion(quotas, ANA, prompt(), ScriptedSource(error).begin)
    with pytest.raises(UpstreamError):
        asking(Cancellation())
    assert asking.settle(Receipt("failed", 0), error) == Tokens(0)
    asked(quotas)


def test_a_reader_who_left_before(quotas: Quotas) -> None:
    """Whoever leaves while the limits are looked up has asked nothing."""
    source, cancellation = ScriptedSource(b"Hello", END), Cancellation()
    asking = LimitedQuestion(quotas, ANA, prompt(), source.begin)
    cancellation.cancel()
    with pytest.raises(Cancelled):
        asking(cancellation)
    assert not source.asked.acquire(blocking=False)
    assert asking.settle(Receipt("failed", 0), None) == Tokens(0)
    asked(quotas)


def test_a_running_answer_forgets_the_question(quotas: Quotas) -> None:
    """A conversation may be long, and is not kept until the end of its answer."""
    source = ScriptedSource(b"Hello", END)

    class Asker:
        def __call__(self, cancellation: Cancellation) -> ScriptedSource:
            return source.begin(cancellation)

    asker = Asker()
    kept = weakref.ref(asker)
    asking = LimitedQuestion(quotas, ANA, prompt(), asker)
    asking(Cancellation())
    del asker
    gc.collect()
    assert kept() is None
    asking.settle(Receipt("finished", 5), None)
