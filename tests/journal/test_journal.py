"""One worker's journal over a backend that the test scripts: what the beat does, and when."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from helpers.completions import eventually
from helpers.limits import WAIT_SECONDS
from helpers.sources import Clock, Task, waited_for
from relay.intervals import ALIVE_SECONDS, IDLE_SECONDS
from relay.journal import (
    Addition,
    Bucket,
    Change,
    Journal,
    Letter,
    Position,
    Record,
    Settlement,
    Taken,
    Taking,
    Unavailable,
    Verb,
    Writing,
)
from relay.journal.backend import ENTRY_BYTES
from relay.journal.journal import LETTER_BEATS, MAX_BEAT_BYTES

GONE = "The script cannot be used"
BACK = "The script can be used again"


class ScriptedBackend:
    """Remembers what it is asked; says what the test has put there."""

    name = "The script"
    is_remote = True

    def __init__(self) -> None:
        self.is_gone = False
        self.is_known = True
        self.letters: list[Letter] = []
        self.records: dict[str, Record] = {}
        self.written: list[list[Addition]] = []
        self.read_from: list[list[tuple[str, int]]] = []
        self.sent: list[Letter] = []
        self.fails_to_settle = False
        self.settled: list[Settlement] = []
        self.refusals = threading.Semaphore(0)
        self.while_settling: Callable[[], None] = lambda: None
        self.while_reading: Callable[[], None] = lambda: None

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        self._check()
        assert replaced == ""
        return self.records.get(writing.digest)

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        self._check()
        assert worker == "here"
        self.written.append(list(additions))
        was_known, self.is_known = self.is_known, True
        letters, self.letters = self.letters, []
        return was_known, letters

    def read(self, positions: Sequence[Position]) -> list[Record | None]:
        self._check()
        self.read_from.append([(each.digest, each.offset) for each in positions])
        self.while_reading()
        return [self.records.get(each.digest) for each in positions]

    def send(self, letters: Sequence[Letter]) -> None:
        self._check()
        self.sent += letters

    def take(self, worker: str, takings: Sequence[Taking]) -> list[Taken]:
        self._check()
        assert worker == "here"
        # Full until something is given back.
        if not self.settled:
            self.refusals.release()
        return [Taken(bool(self.settled), [0] * len(buckets)) for _, buckets in takings]

    def give_back(self, worker: str, settlement: Settlement) -> None:
        assert worker == "here"
        self.while_settling()
        self.settled.append(settlement)
        if self.fails_to_settle:
            raise Unavailable("a reason")

    def _check(self) -> None:
        if self.is_gone:
            raise Unavailable("a reason")


class Answer:
    """What this worker writes."""

    def __init__(self, name: str, text: bytes = b"", receipt: bytes | None = None) -> None:
        self.writing = Writing(name, f"etag of {name}", "here", b"")
        self.text = text
        self.receipt = receipt
        self.progress: bytes | None = None
        self.received: list[Verb] = []
        self.tended = 0
        self.saved_times = 0

    def addition(self, offset: int | None) -> Addition:
        data = self.text[offset or 0 :]
        return Addition(self.writing, offset or 0, data, self.receipt, self.progress)

    def receive(self, verb: Verb) -> None:
        self.received.append(verb)

    def tend(self) -> None:
        self.tended += 1

    def saved(self) -> None:
        self.saved_times += 1


class Other:
    """What another worker writes and somebody reads here."""

    def __init__(self, name: str) -> None:
        self.writing = Writing(name, f"etag of {name}", "there", b"")
        self.offset = 0
        self.taken: list[Record | None] = []

    @property
    def position(self) -> Position:
        return Position(self.writing.digest, self.offset)

    def take(self, record: Record | None) -> None:
        self.taken.append(record)
        self.offset += len(record.data) if record is not None else 0


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(backend: ScriptedBackend, clock: Clock) -> Journal:
    return Journal(backend, "here", clock=clock)


def parts(additions: list[Addition]) -> list[tuple[str, int, bytes, bytes | None]]:
    return [(each.writing.digest, *each[1:4]) for each in additions]


def test_progress_without_text(journal: Journal, backend: ScriptedBackend) -> None:
    """What an answer says of itself is written although there is no new text."""
    thinking = Answer("thinking")
    journal.add(thinking)
    journal.beat()
    thinking.progress = b"it thinks"
    journal.beat()
    assert [[each.progress for each in written] for written in backend.written] == [
        [None],
        [b"it thinks"],
    ]


def test_only_what_is_new_is_written(journal: Journal, backend: ScriptedBackend) -> None:
    """Every beat writes each answer on from where the last one ended, and the mark in any case."""
    one, silent = Answer("one", b"Hel"), Answer("silent")
    journal.add(one)
    journal.add(silent)
    journal.beat()
    one.text = b"Hello"
    journal.beat()
    journal.beat()
    one.receipt = b"whole"
    journal.beat()
    journal.beat()
    assert list(map(parts, backend.written)) == [
        [("one", 0, b"Hel", None), ("silent", 0, b"", None)],
        [("one", 3, b"lo", None)],
        [],
        [("one", 5, b"", b"whole")],
        [],
    ]
    assert (one.saved_times, silent.saved_times) == (1, 0)
    assert (one.tended, silent.tended) == (3, 5)


def test_a_lost_journal_is_written_again(journal: Journal, backend: ScriptedBackend) -> None:
    """All of it, from the start, those without a word included; nothing counts as kept before."""
    one, silent, ended = Answer("one", b"Hel"), Answer("silent"), Answer("ended", b"E")
    for each in (one, silent, ended):
        journal.add(each)
    journal.beat()
    one.text, ended.receipt = b"Hello", b"whole"
    backend.is_known = False
    backend.written.clear()
    journal.beat()
    assert parts(backend.written[1]) == [
        ("one", 0, b"Hello", None),
        ("silent", 0, b"", None),
        ("ended", 0, b"E", b"whole"),
    ]
    assert (len(backend.written), ended.saved_times) == (2, 1)
    journal.beat()
    assert backend.written[2] == []


def test_a_worker_that_begins(journal: Journal, backend: ScriptedBackend) -> None:
    """It was not known before, and has nothing to write again."""
    backend.is_known = False
    journal.add(Answer("one", b"Hello"))
    journal.beat()
    assert len(backend.written) == 1


def test_letters(journal: Journal, backend: ScriptedBackend) -> None:
    """Each reaches the answer that it is about; others are for answers that are gone."""
    one, two = Answer("one"), Answer("two")
    journal.add(one)
    journal.add(two)
    backend.letters = [
        Letter("here", "etag of two", "read"),
        Letter("here", "etag of gone", "stop"),
        Letter("here", "etag of two", "stop"),
    ]
    journal.beat()
    assert (one.received, two.received) == ([], ["read", "stop"])


def test_letters_to_whoever_lost_the_journal(journal: Journal, backend: ScriptedBackend) -> None:
    """They are not lost with it."""
    one = Answer("one", b"Hello")
    journal.add(one)
    journal.beat()
    backend.is_known = False
    backend.letters = [Letter("here", "etag of one", "stop")]
    journal.beat()
    assert one.received == ["stop"]


def test_the_end_of_another_workers_answer(journal: Journal, backend: ScriptedBackend) -> None:
    """It is written down with the next beat, once, and costs neither letters nor a lost mark."""
    one = Answer("one", b"Hello")
    journal.add(one)
    journal.beat()
    backend.is_known = False
    backend.letters = [Letter("here", "etag of one", "stop")]
    orphan = Addition(Writing("orphan", "its etag", "dead", b""), 7, b"", b"failed")
    journal.settle(orphan)
    journal.settle(orphan)
    assert len(backend.written) == 1
    journal.beat()
    assert orphan in backend.written[1]
    assert parts(backend.written[2])[-1] == ("one", 0, b"Hello", None)
    assert one.received == ["stop"]
    journal.beat()
    assert backend.written[3] == []


def test_what_is_followed(journal: Journal, backend: ScriptedBackend) -> None:
    """Every beat brings what comes after what was brought before, until nobody wants it."""
    other, unknown = Other("other"), Other("unknown")
    record = Record(other.writing, None, is_alive=True, data=b"Hel")
    backend.records["other"] = record
    journal.follow(other)
    journal.follow(unknown)
    journal.beat()
    journal.unfollow(unknown)
    journal.beat()
    journal.unfollow(other)
    journal.unfollow(other)
    journal.beat()
    assert backend.read_from == [[("other", 0), ("unknown", 0)], [("other", 3)]]
    assert (other.taken, unknown.taken) == ([record, record], [None])


def test_the_writer_is_told(journal: Journal, backend: ScriptedBackend) -> None:
    """At once, and then now and again, that its answer is read elsewhere."""
    journal.follow(Other("one"))
    journal.beat()
    assert backend.sent == [Letter("there", "etag of one", "read")]
    journal.follow(Other("two"))
    for _ in range(LETTER_BEATS):
        journal.beat()
    assert sorted(backend.sent) == [
        Letter("there", "etag of one", "read"),
        Letter("there", "etag of one", "read"),
        Letter("there", "etag of two", "read"),
    ]


def test_one_beat_at_a_time(journal: Journal, backend: ScriptedBackend) -> None:
    """A server that ends beats too: nothing is brought twice."""
    other = Other("other")
    backend.records["other"] = Record(other.writing, None, is_alive=True, data=b"Hel")
    journal.follow(other)
    beats = []

    def beat_too() -> None:
        backend.while_reading = lambda: None
        beats.append(Task(journal.beat))

    backend.while_reading = beat_too
    journal.beat()
    beats[0].result()
    assert backend.read_from == [[("other", 0)], [("other", 3)]]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_gone_and_back(
    journal: Journal, backend: ScriptedBackend, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so, and one that it is over; in between nobody but the beat tries it."""
    one, other = Answer("one", b"Hello"), Other("other")
    journal.add(one)
    journal.follow(other)
    backend.is_gone = True
    with pytest.raises(Unavailable):
        journal.read("digest")
    with pytest.raises(Unavailable):
        journal.claim(one.writing)
    with pytest.raises(Unavailable):
        journal.send(Letter("there", "etag of one", "stop"))
    journal.beat()
    assert (one.tended, other.taken) == (1, [None])
    backend.is_gone = False
    with pytest.raises(Unavailable):
        journal.ping()
    journal.beat()
    assert backend.written == []
    clock.advance(IDLE_SECONDS)
    journal.beat()
    journal.ping()
    assert parts(backend.written[0]) == [("one", 0, b"Hello", None)]
    journal.beat()
    told = warnings_of(caplog)
    assert len(told) == 2
    assert told[0].startswith(f"{GONE} (a reason)")
    assert told[1] == BACK


def test_a_beat_finds_it_gone(
    journal: Journal, backend: ScriptedBackend, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It tries again now and then, and what could not be written is written when it is back."""
    one = Answer("one", b"Hello", b"whole")
    journal.add(one)
    backend.is_gone = True
    for _ in range(3):
        journal.beat()
        clock.advance(IDLE_SECONDS)
    assert len(warnings_of(caplog)) == 1
    backend.is_gone = False
    journal.beat()
    assert parts(backend.written[0]) == [("one", 0, b"Hello", b"whole")]
    assert one.saved_times == 1


def test_its_age(journal: Journal, backend: ScriptedBackend, clock: Clock) -> None:
    """It grows while nothing can be written, also if there is nothing to write."""
    assert journal.age_seconds == 0
    journal.beat()
    clock.advance(1)
    assert journal.age_seconds == 1
    backend.is_gone = True
    journal.beat()
    clock.advance(IDLE_SECONDS)
    assert journal.age_seconds == 1 + IDLE_SECONDS
    backend.is_gone = False
    journal.beat()
    assert journal.age_seconds == 0


def test_nobody_is_dead_who_could_not_write(
    journal: Journal, backend: ScriptedBackend, clock: Clock
) -> None:
    """When the journal is back, other workers have a moment to say that they live."""
    other = Other("other")
    record = Record(other.writing, None, is_alive=False)
    backend.records["other"] = record
    journal.follow(other)
    assert journal.read("other") == record
    backend.is_gone = True
    journal.beat()
    backend.is_gone = False
    clock.advance(IDLE_SECONDS)
    journal.beat()
    for found in (journal.read("other"), journal.claim(other.writing), other.taken[-1]):
        assert found is not None
        assert found.is_alive
    clock.advance(ALIVE_SECONDS + 0.1)
    journal.beat()
    assert journal.read("other") == journal.claim(other.writing) == other.taken[-1] == record


def test_what_waits_is_bounded(backend: ScriptedBackend, clock: Clock) -> None:
    """While it is gone the oldest ended answers are given up, those that run never."""
    size = ENTRY_BYTES + 100
    journal = Journal(backend, "here", max_unsaved_bytes=2 * size, clock=clock)
    running = Answer("running", b"x" * 10_000)
    ended = [Answer(f"ended {number}", b"x" * 100, b"whole") for number in range(4)]
    backend.is_gone = True
    for each in (running, *ended):
        journal.add(each)
    journal.beat()
    assert [each.saved_times for each in (running, *ended)] == [0, 1, 1, 0, 0]
    backend.is_gone = False
    clock.advance(IDLE_SECONDS)
    journal.beat()
    assert [addition.writing for addition in backend.written[0]] == [
        each.writing for each in (running, *ended[2:])
    ]


def test_a_beat_is_bounded(journal: Journal, backend: ScriptedBackend) -> None:
    """The mark of the worker does not wait for all that has to be written."""
    answers = [Answer(str(number), b"x" * (MAX_BEAT_BYTES // 2 + 1)) for number in range(5)]
    for each in answers:
        journal.add(each)
    for _ in range(4):
        journal.beat()
    names = [[name for name, *_ in parts(written)] for written in backend.written]
    assert names == [["0", "1"], ["2", "3"], ["4"], []]


def test_nobody_waits_for_others_for_ever(journal: Journal, backend: ScriptedBackend) -> None:
    """Where one beat has no room for all that is new, those come next that waited longest."""
    answers = [Answer(str(number)) for number in range(5)]
    for each in answers:
        journal.add(each)
    for _ in range(5):
        for each in answers:
            each.text += b"x" * (MAX_BEAT_BYTES // 2)
        journal.beat()
    names = {name for written in backend.written for name, *_ in parts(written)}
    assert names == {"0", "1", "2", "3", "4"}


def test_all_is_written_before_a_server_ends(journal: Journal) -> None:
    """However many beats that takes."""
    answers = [Answer(str(number), b"x" * MAX_BEAT_BYTES, b"whole") for number in range(5)]
    for each in answers:
        journal.add(each)
    journal.close()
    assert [each.saved_times for each in answers] == [1] * 5


def test_a_server_ends_without_a_journal(journal: Journal, backend: ScriptedBackend) -> None:
    """It does not wait for one that is gone."""
    journal.add(Answer("one", b"Hello", b"whole"))
    backend.is_gone = True
    journal.close()
    assert backend.written == []


def ends(*ids: str, amount: int = -5) -> Settlement:
    left = [("running", id) for id in ids]
    return Settlement(left, [Change("day", amount, 60)])


def test_what_is_given_back(journal: Journal, backend: ScriptedBackend) -> None:
    """The next beat settles all ends together, once."""
    journal.beat()
    journal.give_back(ends("1"))
    journal.give_back(ends("2", amount=-7))
    journal.beat()
    journal.beat()
    assert backend.settled == [ends("1", "2", amount=-12)]


def test_what_is_given_back_can_be_taken(journal: Journal, backend: ScriptedBackend) -> None:
    """An answer that is refused before the beat gets what others have given back."""
    buckets = [Bucket("day", 1, 10, 60)]
    assert journal.take(Taking("2", buckets)) == (False, [0])
    journal.give_back(ends("1"))
    assert journal.take(Taking("2", buckets)) == (True, [0])
    journal.beat()
    assert backend.settled == [ends("1")]


def test_a_question_meets_a_settlement(journal: Journal, backend: ScriptedBackend) -> None:
    """It is not refused for what a beat is giving back at that moment."""
    asked = []

    def ask() -> None:
        backend.while_settling = lambda: None
        asked.append(Task(lambda: journal.take(Taking("2", [Bucket("day", 1, 10, 60)]))))
        assert backend.refusals.acquire(timeout=WAIT_SECONDS)

    backend.while_settling = ask
    journal.give_back(ends("1"))
    journal.beat()
    assert asked[0].result() == (True, [0])


def test_a_settlement_that_fails(journal: Journal, backend: ScriptedBackend, clock: Clock) -> None:
    """Nobody knows what has become of it: only what cannot be settled twice is tried again."""
    journal.give_back(ends("1"))
    journal.give_back(Settlement(changes=[Change("another day", 3, 60)]))
    backend.fails_to_settle = True
    journal.beat()
    journal.give_back(ends("3"))
    backend.fails_to_settle = False
    clock.advance(IDLE_SECONDS)
    journal.beat()
    left = [("running", id) for id in "13"]
    changes = [Change("another day", 3, 60), Change("day", -5, 60)]
    assert backend.settled[1:] == [Settlement(left, changes)]


def test_a_take_that_fails(journal: Journal, backend: ScriptedBackend, clock: Clock) -> None:
    """The answer may have got a place all the same, and leaves it."""
    backend.is_gone = True
    with pytest.raises(Unavailable):
        journal.take(Taking("2", [Bucket("day", 1, 10, 60), Bucket("running", 1, 10, 0)]))
    backend.is_gone = False
    clock.advance(IDLE_SECONDS)
    journal.beat()
    assert backend.settled == [Settlement([("running", "2")], [])]


def test_takes_that_wait_for_one_that_fails(journal: Journal, backend: ScriptedBackend) -> None:
    """They fail with it. Each would wait as long for the same."""
    begun, may_fail = threading.Semaphore(0), threading.Semaphore(0)
    tried = []

    def take(_worker: str, takings: Sequence[Taking]) -> list[Taken]:
        tried.append(len(takings))
        begun.release()
        waited_for(may_fail)
        raise Unavailable("a reason")

    backend.take = take  # type: ignore[method-assign, assignment]
    first = Task(lambda: journal.take(Taking("1", [])))
    waited_for(begun)
    others = [Task(partial(journal.take, Taking(id, []))) for id in "23"]
    group = journal._take_together
    eventually(lambda: group._gathering is not None and len(group._gathering.arguments) == 2)
    may_fail.release(2)
    for each in (first, *others):
        with pytest.raises(Unavailable):
            each.result()
    assert tried == [1]


def test_a_server_that_ends_gives_back(journal: Journal, backend: ScriptedBackend) -> None:
    """What its last answers have not used is there for the next process."""
    journal.give_back(ends("1"))
    journal.close()
    assert backend.settled == [ends("1")]


def test_a_fault_of_our_own(journal: Journal) -> None:
    """An answer that cannot be told what it should be does not keep others from it."""

    class Faulty(Answer):
        def tend(self) -> None:
            raise ZeroDivisionError

    one = Answer("one")
    journal.add(Faulty("faulty"))
    journal.add(one)
    journal.beat()
    assert one.tended == 1


def test_its_own_thread(journal: Journal, backend: ScriptedBackend) -> None:
    """Once started it beats by itself, however often it is started."""
    is_saved = threading.Event()

    class Waiting(Answer):
        def saved(self) -> None:
            is_saved.set()

    threads = set(threading.enumerate())
    journal.start()
    journal.start()
    assert len(set(threading.enumerate()) - threads) == 1
    journal.add(Waiting("one", b"Hello", b"whole"))
    assert is_saved.wait(WAIT_SECONDS)
    assert [("one", 0, b"Hello", b"whole")] in [parts(each) for each in backend.written]
