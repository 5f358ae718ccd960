"""The limits over a real journal in a file, with a clock that the test moves: no server."""

import threading
from functools import partial
from pathlib import Path

import pytest

from helpers.backends import File, Line, Unhurried
from helpers.sources import Clock, Task
from relay.access import Client
from relay.errors import BudgetExhausted, LimitReached, RateLimited, TooManyStreams
from relay.intervals import IDLE_SECONDS
from relay.limits import Reservations
from relay.limits.reservations import Reservation
from relay.settings import Settings

ANA, BO = Client("token:ana"), Client("192.0.2.7")
MINUTE_MS, DAY_MS = 60_000, 86_400_000
# Midnight UTC on some day.
MIDNIGHT_MS = 20_000 * DAY_MS

NONE = {
    "questions_per_minute": 0,
    "questions_per_day": 0,
    "max_streams_per_client": 0,
    "max_streams": 0,
    "daily_tokens_per_client": 0,
    "daily_tokens": 0,
}


class World:
    """Workers that share a file and a clock in milliseconds."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.now_ms = MIDNIGHT_MS
        self.naps: list[float] = []

    def pair(self, **limits: int) -> tuple["Worker", "Worker"]:
        return self.worker("here", **limits), self.worker("there", **limits)

    def worker(self, name: str = "here", **limits: int) -> "Worker":
        return Worker(self, name, Settings(**(NONE | limits)))  # type: ignore[arg-type]


class Worker:
    def __init__(self, world: World, name: str, settings: Settings) -> None:
        self.line = Line(world.file.open())
        self.clock = Clock()
        self.journal = Unhurried(self.line, name, clock=self.clock)
        self.reservations = Reservations(
            settings, self.journal, now_ms=lambda: world.now_ms, sleep=world.naps.append
        )

    def take(self, client: Client = ANA, tokens: int = 1) -> Reservation:
        return self.reservations.take(client, tokens)

    def end(self, reservation: Reservation, spent: int = 0) -> None:
        self.reservations.settle(reservation, spent)

    def refused(self, client: Client = ANA, tokens: int = 1) -> LimitReached:
        """The refusal of a question. Fails if it is not refused."""
        with pytest.raises(LimitReached) as raised:
            self.take(client, tokens)
        return raised.value

    def mend(self) -> None:
        """Ends an outage of the journal."""
        self.line.is_cut = False
        self.clock.advance(IDLE_SECONDS)
        self.journal.beat()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(File(tmp_path / "state.sqlite3"))


def test_questions_per_minute(world: World) -> None:
    """A client has so many questions in each minute of the clock, and learns when it ends."""
    worker = world.worker(questions_per_minute=2)
    world.now_ms += MINUTE_MS - 1501
    worker.take()
    worker.take()
    refusal = worker.refused()
    assert (type(refusal), refusal.retry_after_seconds) == (RateLimited, 2)
    assert refusal.fields == {
        "RateLimit-Policy": '"minute";q=2;w=60',
        "RateLimit": '"minute";r=0;t=2',
    }
    worker.take(BO)
    world.now_ms += 1500
    assert worker.refused().retry_after_seconds == 1
    world.now_ms += 1
    worker.take()


def test_questions_per_day(world: World) -> None:
    """A day begins at midnight UTC, whatever was asked in the minutes before."""
    worker = world.worker(questions_per_minute=2, questions_per_day=3)
    world.now_ms += DAY_MS - 2 * MINUTE_MS
    assert worker.take().fields == {
        "RateLimit-Policy": '"minute";q=2;w=60, "day";q=3;w=86400',
        "RateLimit": '"minute";r=1;t=60, "day";r=2;t=120',
    }
    worker.take()
    world.now_ms += MINUTE_MS
    worker.take()
    assert worker.refused().fields["RateLimit"] == '"day";r=0;t=60'
    world.now_ms += MINUTE_MS
    worker.take()


def test_tokens_that_are_left(world: World) -> None:
    """Each worker knows what all have used today; while the journal is down, what it has itself."""
    here, there = world.pair(daily_tokens=1000)
    assert here.reservations.tokens_left() == there.reservations.tokens_left() == 1000
    reservation = here.take(tokens=600)
    assert here.reservations.tokens_left() == there.reservations.tokens_left() == 400
    here.end(reservation, 100)
    here.journal.beat()
    assert here.reservations.tokens_left() == there.reservations.tokens_left() == 900
    there.line.is_cut = True
    assert there.reservations.tokens_left() == 1000
    there.mend()
    world.now_ms += DAY_MS
    assert here.reservations.tokens_left() == there.reservations.tokens_left() == 1000
    assert world.worker().reservations.tokens_left() is None


def test_all_workers_count_together(world: World) -> None:
    """A limit is one limit, however many workers there are, and after a restart too."""
    here, there = world.pair(questions_per_minute=3)
    here.take()
    there.take()
    here.take()
    assert isinstance(there.refused(), RateLimited)
    assert isinstance(world.worker("new", questions_per_minute=3).refused(), RateLimited)


def test_a_client_far_beyond_its_rate(world: World) -> None:
    """A worker remembers whose questions are used up, until they are not; others it asks for."""
    here, there = world.pair(questions_per_minute=2)
    here.take()
    here.take()
    assert there.reservations.known_refusal(ANA) is None
    there.refused()
    for worker in (here, there):
        worker.line.is_cut = True
        refusal = worker.reservations.known_refusal(ANA)
        assert refusal is not None
        assert (type(refusal), refusal.retry_after_seconds) == (RateLimited, 60)
        assert worker.reservations.known_refusal(BO) is None
    world.now_ms += MINUTE_MS
    assert there.reservations.known_refusal(ANA) is None


def test_running_answers_of_a_client(world: World) -> None:
    """A place is free when an answer has ended, at once here, and elsewhere at the next beat."""
    here, there = world.pair(max_streams_per_client=2)
    first, second = here.take(), here.take()
    assert second.fields["RateLimit"] == '"streams";r=0'
    refusal = here.refused()
    assert (type(refusal), refusal.retry_after_seconds) == (TooManyStreams, 5)
    assert refusal.fields["RateLimit-Policy"] == '"streams";q=2;qu="concurrent-requests"'
    assert world.naps == []
    here.take(BO)
    here.end(first)
    third = here.take()
    here.end(second)
    here.end(third)
    here.journal.beat()
    there.take()
    there.take()
    assert isinstance(there.refused(), TooManyStreams)


def test_an_end_elsewhere(world: World) -> None:
    """A question waits a moment for a place whose answer may have ended on another worker."""
    here, there = world.pair(max_streams=1)
    first = here.take()

    def nap(seconds: float) -> None:
        assert seconds > 0
        here.end(first)
        here.journal.beat()

    there.reservations._sleep = nap
    there.take(BO)


def test_running_answers_of_a_dead_worker(world: World) -> None:
    """They do not count, but what they reserved is spent."""
    here = world.worker("here", max_streams=1, daily_tokens=100)
    here.take(tokens=60)
    world.file.kill("here")
    there = world.worker("there", max_streams=1, daily_tokens=100)
    there.take(tokens=40)
    third = world.worker("third", daily_tokens=100)
    assert isinstance(third.refused(), BudgetExhausted)


def test_tokens_are_reserved(world: World) -> None:
    """Until answers have ended, all that they may use counts; then what they have used."""
    here, there = world.pair(daily_tokens=100)
    first, second = here.take(tokens=50), there.take(BO, tokens=50)
    refusal = here.refused(tokens=1)
    assert isinstance(refusal, BudgetExhausted)
    here.end(first, spent=10)
    there.end(second, spent=60)
    there.journal.beat()
    here.take(tokens=30)
    assert isinstance(here.refused(tokens=1), BudgetExhausted)
    assert refusal.fields == {}


def test_when_tokens_come_back(world: World) -> None:
    """Whoever has to wait for running answers waits a moment, and otherwise until midnight."""
    worker = world.worker(daily_tokens_per_client=100)
    world.now_ms += DAY_MS - 7 * MINUTE_MS
    reservation = worker.take(tokens=90)
    assert worker.refused(tokens=20).retry_after_seconds == 5
    worker.end(reservation, spent=90)
    refusal = worker.refused(tokens=20)
    assert refusal.retry_after_seconds == 7 * 60
    assert refusal.message.endswith("Try again in 7 minutes.")
    worker.take(BO, tokens=100)
    world.now_ms += 7 * MINUTE_MS
    worker.take(tokens=100)


@pytest.mark.parametrize("scope", ["", "_per_client"])
def test_when_tokens_come_back_from_another_worker(world: World, scope: str) -> None:
    """Running answers of other workers may give tokens back as well."""
    limits = {f"daily_tokens{scope}": 100, f"max_streams{scope}": 3}
    here, there = world.pair(**limits)
    reservation = here.take(tokens=90)
    assert there.refused(tokens=20).retry_after_seconds == 5
    here.end(reservation, spent=90)
    here.journal.beat()
    assert there.refused(tokens=20).retry_after_seconds > 60


def test_an_answer_over_midnight(world: World) -> None:
    """It counts in the day of its question, and takes nothing from the next."""
    worker = world.worker(daily_tokens=100)
    world.now_ms += DAY_MS - 1
    reservation = worker.take(tokens=100)
    world.now_ms += 1
    worker.take(tokens=100)
    worker.end(reservation, spent=0)
    assert isinstance(worker.refused(tokens=1), BudgetExhausted)


def test_the_place_of_a_refused_question(world: World) -> None:
    """Too many answers or tokens cost a place in the rate; too many questions cost nothing."""
    worker = world.worker(questions_per_minute=3, questions_per_day=10, max_streams_per_client=1)
    worker.take()
    assert isinstance(worker.refused(), TooManyStreams)
    assert isinstance(worker.refused(), TooManyStreams)
    for _ in range(3):
        assert isinstance(worker.refused(), RateLimited)
    world.now_ms += MINUTE_MS
    there = world.worker("there", questions_per_minute=3, questions_per_day=10)
    assert there.take().fields["RateLimit"] == '"minute";r=2;t=60, "day";r=6;t=86340'


@pytest.mark.parametrize(
    ("limit", "fits"),
    [
        ({"daily_tokens": 5000}, 5),
        ({"daily_tokens_per_client": 5999}, 5),
        ({"max_streams": 5}, 5),
        ({"max_streams_per_client": 3, "questions_per_minute": 20}, 3),
        ({"questions_per_minute": 20, "questions_per_day": 7}, 7),
    ],
)
def test_fifty_at_once(world: World, limit: dict[str, int], fits: int) -> None:
    """Of fifty questions in the same moment, at two workers, as many are asked as fit."""
    workers = world.pair(**limit)
    everyone = threading.Barrier(50)

    def asked(worker: Worker) -> bool:
        everyone.wait(20)
        try:
            worker.take(tokens=1000)
        except LimitReached:
            return False
        return True

    tasks = [Task(partial(asked, workers[number % 2])) for number in range(50)]
    assert sum(task.result() for task in tasks) == fits


def test_the_journal_is_down(world: World) -> None:
    """Each process counts for itself, what it spent before too; afterwards all is counted."""
    here, there = world.pair(daily_tokens=100, max_streams=2)
    here.end(here.take(tokens=50), spent=40)
    here.journal.beat()
    here.line.is_cut = True
    during = here.take(tokens=60)
    assert during.in_journal is False
    assert isinstance(here.refused(tokens=1), BudgetExhausted)
    here.end(during, spent=20)
    here.mend()
    there.take(tokens=40)
    assert isinstance(there.refused(tokens=1), BudgetExhausted)


def test_the_journal_fails_during_an_answer(world: World) -> None:
    """The end of the answer is settled when the journal is back."""
    here, there = world.pair(daily_tokens=100, max_streams=1)
    reservation = here.take(tokens=100)
    here.line.is_cut = True
    here.journal.beat()
    here.end(reservation, spent=30)
    here.mend()
    there.take(tokens=70)


def test_the_journal_has_forgotten(world: World) -> None:
    """A process does not forget with it what it has spent itself."""
    here = world.worker(daily_tokens=100)
    here.end(here.take(tokens=80), spent=80)
    here.journal.beat()
    world.file.lose()
    assert isinstance(here.refused(tokens=30), BudgetExhausted)


def test_no_limits(world: World) -> None:
    """Then nothing is counted or announced, and the journal is not touched."""
    worker = world.worker()
    worker.line.is_cut = True
    reservation = worker.take(tokens=10**9)
    assert reservation.fields == {}
    worker.end(reservation)
    assert worker.reservations.known_refusal(ANA) is None
    assert world.file.count("counts") == 0


def test_nobody_stands_in_the_file(world: World) -> None:
    """Neither an address nor a token's name is written down."""
    worker = world.worker(questions_per_minute=2, daily_tokens_per_client=10, max_streams=2)
    for client in (ANA, BO):
        worker.take(client)
    written = Path(world.file.path).read_bytes() + Path(f"{world.file.path}-wal").read_bytes()
    assert b"minute:" in written
    for name in (b"ana", b"192.0.2"):
        assert name not in written
