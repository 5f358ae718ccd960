"""The store over a real journal in a file, whose beats the test makes: two workers, no server."""

import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.backends import File, Line, Unhurried
from helpers.sources import END, Clock, ScriptedSource, Task, waited_for
from relay.completions import Reading, Source, Store
from relay.completions.idempotency_key import digest_of
from relay.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    RelayError,
    ShuttingDown,
    StoreUnreachable,
    UnknownCompletion,
    UpstreamError,
)
from relay.intervals import IDLE_SECONDS
from relay.upstream import Cancellation, Outcome

QUESTION, ANOTHER = b"a question", b"another question"


class Worker:
    """A worker's store and journal."""

    def __init__(self, name: str, file: File, *, grace_seconds: float = 30) -> None:
        self.line = Line(file.open())
        self.clock = Clock()
        self.journal = Unhurried(self.line, name, clock=self.clock)
        self.store = Store(self.journal, grace_seconds=grace_seconds)

    def receipt(self, id: str) -> dict[str, Any]:
        """As the client gets it."""
        receipt, _ = self.store.receipt(id)
        return receipt.body(id)

    def beat(self) -> None:
        self.journal.beat()

    def ask(self, key: str, source: ScriptedSource, question: bytes = QUESTION) -> Reading:
        """A reader with the first text there."""
        reading = self.store.open(key, question, source.begin)
        reading.begin()
        return reading

    def answer(self, key: str, *texts: bytes) -> str:
        """The whole answer, and its end written down."""
        text = text_of(self.ask(key, ScriptedSource(*texts, END)))
        self.beat()
        return text

    def replace(self, key: str, *script: bytes | Outcome) -> Reading:
        """A reader of a new answer, with the first text there."""
        reading = self.store.replace(key, QUESTION, ScriptedSource(*script).begin)
        reading.begin()
        return reading

    def read(self, key: str) -> str:
        return begun_text_of(self.store.get(key))

    def keeps_nothing(self) -> bool:
        """Neither an answer that it writes nor one that it follows."""
        return not (
            self.store._written
            or self.store._followed
            or self.journal._written
            or self.journal._followed
            or self.journal._settled
        )


def text_of(reading: Reading) -> str:
    return b"".join(reading.pieces()).decode()


def begun_text_of(reading: Reading) -> str:
    reading.begin()
    return text_of(reading)


def unasked(_: Cancellation) -> Source:
    pytest.fail("the model is asked")


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "state.sqlite3")


@pytest.fixture
def here(file: File) -> Iterator[Worker]:
    worker = Worker("here", file)
    yield worker
    worker.beat()
    assert worker.keeps_nothing()


@pytest.fixture
def there(file: File) -> Iterator[Worker]:
    worker = Worker("there", file)
    yield worker
    worker.beat()
    assert worker.keeps_nothing()


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


def test_the_same_key_twice(here: Worker, key: str) -> None:
    """The model is asked once; who asks again reads the same, also after the end."""
    source = ScriptedSource(b"Hello", END)
    first = here.ask(key, source)
    second = here.store.open(f' "{key.upper()}" ', QUESTION, unasked)
    assert [text_of(each) for each in (first, second)] == ["Hello"] * 2
    assert text_of(here.store.open(key, QUESTION, unasked)) == "Hello"
    here.beat()
    assert here.keeps_nothing()
    third = here.store.open(key, QUESTION, unasked)
    assert (text_of(third), third.answer.etag) == ("Hello", first.answer.etag)
    assert here.read(key) == "Hello"


def test_the_same_key_in_the_same_moment(here: Worker, there: Worker, key: str) -> None:
    """However many ask on however many workers, one asks the model."""
    sources = [ScriptedSource(b"Hello", END) for _ in range(8)]
    everyone = threading.Barrier(8)

    def ask(worker: Worker, source: ScriptedSource) -> Reading:
        everyone.wait(20)
        return worker.store.open(key, QUESTION, source.begin)

    workers = [here, there] * 4
    asking = [Task(partial(ask, *each)) for each in zip(workers, sources, strict=True)]
    readings = [each.result() for each in asking]
    assert len({reading.answer.etag for reading in readings}) == 1
    reading = [Task(partial(begun_text_of, each)) for each in readings]
    while any(each.is_running for each in reading):
        here.beat()
        there.beat()
    assert [each.result() for each in reading] == ["Hello"] * 8
    assert sum(source.asked.acquire(blocking=False) for source in sources) == 1


@pytest.mark.parametrize("is_saved", [False, True])
def test_the_same_key_for_another_question(
    here: Worker, there: Worker, key: str, is_saved: bool
) -> None:
    """It is refused, wherever and whenever it is asked."""
    here.ask(key, ScriptedSource(b"Hello", END))
    if is_saved:
        text_of(here.store.get(key))
        here.beat()
    for worker in (here, there):
        with pytest.raises(IdempotencyKeyReused):
            worker.store.open(key, ANOTHER, unasked)
    here.store.stop(key)


def test_a_key_that_is_none(here: Worker) -> None:
    """A key is a UUID."""
    with pytest.raises(InvalidRequest):
        here.store.open("my key", QUESTION, unasked)


def test_replaced(here: Worker, there: Worker, key: str) -> None:
    """A new answer under a key that has one: from then on everybody is given the new one."""
    assert here.answer(key, b"the old one") == "the old one"
    assert text_of(here.replace(key, b"the new one", END)) == "the new one"
    here.beat()
    assert there.read(key) == here.read(key) == "the new one"
    assert text_of(there.replace(key, b"a newer one", END)) == "a newer one"
    there.beat()
    assert there.read(key) == here.read(key) == "a newer one"


def test_replaced_while_it_is_written(here: Worker, there: Worker, key: str) -> None:
    """The old answer is stopped, here and elsewhere, and its readers see an end."""
    first = here.ask(key, ScriptedSource(b"one")).pieces()
    assert next(first) == b"one"
    here.beat()
    joined = there.store.get(key)
    joined.begin()
    elsewhere = joined.pieces()
    assert next(elsewhere) == b"one"
    second = there.replace(key, b"two").pieces()
    assert next(second) == b"two"
    assert list(elsewhere) == []
    here.beat()
    assert list(first) == []
    third = there.replace(key, b"three", END)
    assert list(second) == []
    assert text_of(third) == "three"
    there.beat()
    here.beat()
    assert here.read(key) == there.read(key) == "three"
    assert here.receipt(key)["state"] == "finished"


def test_a_stop_is_for_one_writing(here: Worker, there: Worker, key: str) -> None:
    """What was meant for an answer does not stop the one that has taken its place."""
    here.ask(key, ScriptedSource(b"one"))
    here.beat()
    there.replace(key, b"two")
    there.beat()
    third = here.replace(key, b"three", END)
    here.beat()
    assert text_of(third) == "three"
    assert here.receipt(key)["state"] == "finished"
    there.beat()


def test_another_question_is_not_followed(here: Worker, there: Worker, key: str) -> None:
    """Who waits for the first text of an answer is not given the answer to another question."""
    source = ScriptedSource()
    writing = Task(partial(here.ask, key, source))
    waited_for(source.asked)
    waiting = Task(partial(there.read, key))
    while not there.journal._followed:
        assert waiting.is_running
    other = here.store.replace(key, ANOTHER, ScriptedSource(b"another answer", END).begin)
    assert begun_text_of(other) == "another answer"
    here.beat()
    there.beat()
    with pytest.raises(RelayError):
        waiting.result()
    # The first one was stopped: an end without text.
    assert text_of(writing.result()) == ""


def test_a_failure_is_known_at_once(here: Worker, key: str) -> None:
    """Whoever looks before it is written down sees it, and who asks again asks the model."""
    with pytest.raises(RelayError):
        here.ask(key, ScriptedSource(UpstreamError()))
    for _ in range(2):
        assert here.receipt(key)["error"]["code"] == "upstream_error"
        with pytest.raises(RelayError) as caught:
            here.store.get(key).begin()
        assert caught.value.code == "upstream_error"
        # It has been claimed, but its end is not there yet.
        here.store.stop(key)
    assert here.answer(key, b"Hello") == "Hello"


def test_a_key_is_free_after_a_failure(here: Worker, there: Worker, key: str) -> None:
    """Who asks again asks the model, wherever that is; whoever looks sees what came of it last."""
    for worker, other in ((here, there), (there, here)):
        with pytest.raises(RelayError):
            worker.ask(key, ScriptedSource(UpstreamError()))
        worker.beat()
        assert other.receipt(key)["error"]["code"] == "upstream_error"
    assert here.answer(key, b"Hello") == "Hello"
    assert there.read(key) == "Hello"


def test_followed(here: Worker, there: Worker, key: str) -> None:
    """What one worker writes another reads live, by the key and by the id, to its end."""
    source = ScriptedSource(b"Hel")
    pieces = here.ask(key, source).pieces()
    assert next(pieces) == b"Hel"
    here.beat()
    by_key = there.store.open(key, QUESTION, unasked)
    by_id = there.store.get(key)
    reading = [Task(partial(begun_text_of, each)) for each in (by_key, by_id)]
    assert there.receipt(key)["state"] == "running"
    source.give(b"lo", END)
    assert next(pieces) == b"lo"
    here.beat()
    assert b"".join(pieces) == b""
    here.beat()
    while any(each.is_running for each in reading):
        there.beat()
    assert [each.result() for each in reading] == ["Hello"] * 2
    assert there.receipt(key) == here.receipt(key)
    assert there.receipt(key)["state"] == "finished"


def test_followed_by_somebody_who_leaves(here: Worker, there: Worker, key: str) -> None:
    """Nothing is kept of it, whenever they leave; and the answer goes on."""
    source = ScriptedSource()
    asking = Task(lambda: here.ask(key, source))
    waited_for(source.asked)
    here.beat()
    before = there.store.get(key)
    waiting = Task(before.begin)
    while not there.journal._followed:
        assert waiting.is_running
    before.leave()
    there.beat()
    with pytest.raises(RelayError) as caught:
        waiting.result()
    assert caught.value.code == "abandoned"
    assert there.keeps_nothing()
    source.give(b"Hello")
    reading = asking.result()
    assert next(reading.pieces()) == b"Hello"
    here.beat()
    after = there.store.get(key)
    after.begin()
    assert next(after.pieces()) == b"Hello"
    after.leave()
    assert there.keeps_nothing()
    source.give(END)
    assert text_of(reading) == "Hello"


def test_asked_again_while_somebody_follows(here: Worker, there: Worker, key: str) -> None:
    """Who waits elsewhere for the first text gets it from whoever asked again."""
    source = ScriptedSource()
    asking = Task(lambda: here.ask(key, source))
    waited_for(source.asked)
    follower = there.store.open(key, QUESTION, unasked)
    following = Task(partial(begun_text_of, follower))
    while not there.journal._followed:
        assert following.is_running
    source.give(UpstreamError())
    with pytest.raises(RelayError):
        asking.result()
    reading = here.ask(key, ScriptedSource(b"Hello", END))
    assert text_of(reading) == "Hello"
    there.beat()
    here.beat()
    there.beat()
    assert following.result() == "Hello"
    assert follower.answer.etag == reading.answer.etag


def test_stopped_elsewhere(here: Worker, there: Worker, key: str) -> None:
    """The worker that writes it ends it, and whoever follows it sees an end."""
    reading = here.ask(key, ScriptedSource(b"Hello"))
    assert next(reading.pieces()) == b"Hello"
    here.beat()
    follower = there.store.get(key)
    follower.begin()
    following = Task(lambda: text_of(follower))
    there.store.stop(key)
    here.beat()
    here.beat()
    while following.is_running:
        there.beat()
    assert (following.result(), text_of(reading)) == ("Hello", "Hello")
    for worker in (here, there):
        assert worker.receipt(key)["state"] == "stopped"
        worker.store.stop(key)


def test_stopped_here(here: Worker, there: Worker, key: str) -> None:
    """What was written can still be read, here and elsewhere."""
    reading = here.ask(key, ScriptedSource(b"Hello"))
    assert next(reading.pieces()) == b"Hello"
    here.store.stop(key)
    assert text_of(reading) == "Hello"
    here.beat()
    assert here.read(key) == there.read(key) == "Hello"


def test_a_killed_worker(file: File, there: Worker, key: str) -> None:
    """What it had written down can be read, as something that broke; all are told the same."""
    dead = Worker("dead", file)
    reading = dead.ask(key, ScriptedSource(b"Hello"))
    next(reading.pieces())
    dead.beat()
    following = there.store.get(key)
    following.begin()
    file.kill("dead")
    there.beat()
    pieces = following.pieces()
    assert next(pieces) == b"Hello"
    with pytest.raises(RelayError) as caught:
        next(pieces)
    assert caught.value.code == "upstream_error"
    late = Worker("late", file)
    for worker in (there, late):
        receipt = worker.receipt(key)
        assert (receipt["state"], receipt["bytes"]) == ("failed", 5)
        again = worker.store.open(key, QUESTION, unasked)
        again.begin()
        with pytest.raises(RelayError):
            text_of(again)
    there.beat()
    late.beat()
    assert file.do("SELECT count(*) FROM answers WHERE receipt IS NOT NULL") == [(1,)]


def test_a_worker_killed_before_the_first_text(file: File, there: Worker, key: str) -> None:
    """The key is free: who asks again asks the model."""
    dead = Worker("dead", file)
    dead.store.open(key, QUESTION, unasked)
    dead.beat()
    assert there.receipt(key)["state"] == "running"
    file.kill("dead")
    assert there.receipt(key)["state"] == "failed"
    assert there.answer(key, b"Hello") == "Hello"
    dead.beat()
    assert there.read(key) == "Hello"


def test_a_worker_that_was_taken_for_dead(
    file: File, here: Worker, there: Worker, key: str
) -> None:
    """It was only slow: in the end its own word counts."""
    reading = here.ask(key, ScriptedSource(b"Hello", END))
    here.beat()
    file.kill("here")
    assert there.receipt(key)["state"] == "failed"
    there.beat()
    assert text_of(reading) == "Hello"
    here.beat()
    assert there.receipt(key)["state"] == "finished"
    assert there.read(key) == "Hello"


def test_without_a_key(here: Worker, there: Worker) -> None:
    """There is a receipt for all, and after the end a text for nobody."""
    reading = here.store.open(None, QUESTION, ScriptedSource(b"Hello", END).begin)
    reading.begin()
    id = reading.answer.id
    here.beat()
    assert there.receipt(id)["state"] == "running"
    assert text_of(reading) == "Hello"
    here.beat()
    for worker in (here, there):
        receipt = worker.receipt(id)
        assert (receipt["id"], receipt["state"], receipt["bytes"]) == (id, "finished", 5)
        with pytest.raises(UnknownCompletion):
            worker.store.get(id)


def test_without_a_key_it_ends_with_its_reader(here: Worker) -> None:
    """Nobody can come back for it."""
    reading = here.store.open(None, QUESTION, ScriptedSource(b"Hello").begin)
    reading.begin()
    reading.leave()
    assert here.receipt(reading.answer.id)["error"]["code"] == "abandoned"


def test_unknown(here: Worker) -> None:
    """What nobody has asked cannot be read, stopped or looked at."""
    id = str(uuid.uuid4())
    for call in (here.store.get, here.store.receipt, here.store.stop):
        with pytest.raises(UnknownCompletion):
            call(id)


def test_a_reader_overtakes_the_question(
    here: Worker, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes a moment before it waits for it."""
    asked: list[Reading] = []

    def sleep(seconds: float) -> None:
        assert seconds > 0
        asked.append(here.ask(key, ScriptedSource(b"Hello", END)))

    monkeypatch.setattr("relay.completions.store.time", SimpleNamespace(sleep=sleep))
    reading = here.store.get(key)
    assert text_of(reading) == text_of(asked[0]) == "Hello"


def test_text_that_the_journal_has_lost(file: File, here: Worker, there: Worker, key: str) -> None:
    """An answer without its text is not taken for an empty one: the model is asked again."""
    here.answer(key, b"Hello")
    file.do("UPDATE answers SET text = NULL")
    assert there.receipt(key)["state"] == "failed"
    with pytest.raises(RelayError):
        there.read(key)
    assert there.answer(key, b"Hello") == "Hello"


def test_the_journal_is_gone(here: Worker, there: Worker, key: str) -> None:
    """What is known here goes on; what only others may know cannot be said."""
    reading = here.ask(key, ScriptedSource(b"Hello", END))
    for worker in (here, there):
        worker.line.is_cut = True
        worker.beat()
    assert here.receipt(key)["state"] == "running"
    assert text_of(here.store.open(key, QUESTION, unasked)) == text_of(reading) == "Hello"
    for call in (there.store.get, there.store.receipt, there.store.stop):
        with pytest.raises(StoreUnreachable):
            call(key)
    with pytest.raises(StoreUnreachable):
        there.store.check()
    assert text_of(there.ask(str(uuid.uuid4()), ScriptedSource(b"Hi", END))) == "Hi"
    for worker in (here, there):
        worker.line.is_cut = False
        worker.clock.advance(IDLE_SECONDS)
        worker.beat()
    assert there.read(key) == "Hello"


def test_a_server_ends(here: Worker, there: Worker, key: str) -> None:
    """What runs gets its time, what is left then fails, and all of it is written down."""
    other = str(uuid.uuid4())
    here.ask(key, ScriptedSource(b"Hello")).leave()
    source = ScriptedSource(b"Hi", END)
    assert text_of(here.ask(other, source)) == "Hi"
    here.store.close(lambda: True)
    assert here.keeps_nothing()
    assert there.receipt(key)["error"]["code"] == "shutting_down"
    assert there.read(other) == "Hi"


def test_a_question_that_is_being_opened_when_the_server_ends(
    here: Worker, there: Worker, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut like the others when the worker closes for the last time."""
    claim, claiming, go_on = here.line.claim, threading.Semaphore(0), threading.Semaphore(0)

    def slow_claim(*args: Any) -> Any:
        claiming.release()
        waited_for(go_on)
        return claim(*args)

    monkeypatch.setattr(here.line, "claim", slow_claim)
    asked = Task(partial(here.ask, key, ScriptedSource(b"Hello")))
    waited_for(claiming)
    here.store.close(lambda: True)
    go_on.release()
    asked.result()
    here.store.close(lambda: True)
    assert here.keeps_nothing()
    assert there.receipt(key)["error"]["code"] == "shutting_down"


def test_a_server_that_drains(here: Worker, key: str) -> None:
    """It says that it is about to stop, and takes questions until it closes."""
    here.store.check()
    here.store.drain()
    with pytest.raises(ShuttingDown):
        here.store.check()
    assert here.answer(key, b"Hello") == "Hello"
    here.store.close(lambda: True)
    with pytest.raises(ShuttingDown):
        here.ask(str(uuid.uuid4()), ScriptedSource(b"Hi", END))


def test_looked_up_by_what_is_no_secret(here: Worker, file: File, key: str) -> None:
    """Neither the key nor the question is in the file."""
    here.answer(key, b"Hello")
    assert file.do("SELECT digest FROM answers") == [(digest_of(key),)]
    for path in Path(file.path).parent.iterdir():
        assert key.encode() not in path.read_bytes()


def test_an_ask_that_is_never_begun(here: Worker, key: str) -> None:
    """A client that is gone before its question was asked leaves nothing."""
    here.store.open(None, QUESTION, unasked).leave()
    here.store.open(key, QUESTION, unasked).leave()
    here.store.stop(key)
