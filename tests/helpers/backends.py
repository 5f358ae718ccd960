"""The promises of a journal's backend: tests that each kind of backend has to pass."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

from helpers.limits import WAIT_SECONDS
from helpers.sources import Task
from relay.intervals import ALIVE_SECONDS, LOCKED_SECONDS
from relay.journal import (
    Addition,
    Backend,
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
    Writing,
)
from relay.journal.sqlite import SqliteBackend

TEXT = "이 편지는 영국에서 최초로 시작되어, and so on.".encode()
RECEIPT = b'{"state":"finished"}'
FAILED = b'{"state":"failed"}'


class Place(Protocol):
    """The shared storage of several workers."""

    def open(self) -> Backend:
        """Opens the backend as one more worker."""

    def kill(self, worker: str) -> None:
        """Lets so much time pass that the worker counts as dead."""

    def lose(self) -> None:
        """Loses all of the journal."""


def writing(number: int = 0, *, etag: str = "", worker: str = "here") -> Writing:
    """A writing of the answer with that number."""
    return Writing(f"{number:064x}", etag or f"etag-{number}", worker, b"\x00\xff a question")


def record_of(backend: Backend, of: Writing, offset: int = 0) -> Record:
    """The record, without the beat, which depends on what else was written."""
    (record,) = backend.read([Position(of.digest, offset)])
    assert record is not None
    return record._replace(beat=0)


DAY = 86_400


def bucket(key: str = "day", amount: int = 1, *, most: int = 10, seconds: int = DAY) -> Bucket:
    """A bucket that counts."""
    return Bucket(key, amount, most, seconds)


def running(key: str = "running", *, most: int = 3) -> Bucket:
    """A bucket of running answers."""
    return Bucket(key, 1, most, 0)


def take(backend: Backend, worker: str, id: str, buckets: Sequence[Bucket]) -> Taken:
    """Takes for one question."""
    [taken] = backend.take(worker, [Taking(id, buckets)])
    return taken


class File:
    """A journal in a file."""

    def __init__(self, path: Path, *, ttl_seconds: float = 600, max_bytes: int = 0) -> None:
        self.path = str(path)
        self._ttl_seconds = ttl_seconds
        self._max_bytes = max_bytes

    def open(self, *, locked_seconds: float = LOCKED_SECONDS) -> Backend:
        return SqliteBackend(
            self.path,
            ttl_seconds=self._ttl_seconds,
            max_bytes=self._max_bytes,
            locked_seconds=locked_seconds,
        )

    def kill(self, worker: str) -> None:
        self.do("UPDATE workers SET seen = seen - ? WHERE worker = ?", ALIVE_SECONDS + 1, worker)

    def lose(self) -> None:
        for table in ("answers", "pieces", "workers", "letters", "counts"):
            self.do(f"DELETE FROM {table}")

    def do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path)) as database, database:
            return list(database.execute(statement, values))

    def count(self, table: str) -> object:
        return self.do(f"SELECT count(*) FROM {table}")[0][0]


class Line:
    """A backend that the test can cut off."""

    name = "The file"
    is_remote = True

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.is_cut = False

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        return self._reached().claim(writing, replaced)

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        return self._reached().write(worker, additions)

    def read(self, positions: Sequence[Position]) -> list[Record | None]:
        return self._reached().read(positions)

    def send(self, letters: Sequence[Letter]) -> None:
        self._reached().send(letters)

    def take(self, worker: str, takings: Sequence[Taking]) -> list[Taken]:
        return self._reached().take(worker, takings)

    def give_back(self, worker: str, settlement: Settlement) -> None:
        self._reached().give_back(worker, settlement)

    def _reached(self) -> Backend:
        if self.is_cut:
            raise Unavailable("a reason")
        return self._backend


class Unhurried(Journal):
    """Beats when the test says so, and not by itself."""

    def start(self) -> None: ...


class BackendPromises:
    """Promises that hold for a single worker too."""

    def test_a_claim(self, place: Place) -> None:
        """A free digest can be claimed, and other workers then see the claim."""
        here, there = place.open(), place.open()
        assert there.read([Position(writing().digest)]) == [None]
        assert here.claim(writing()) is None
        assert there.claim(writing(etag="other", worker="there")) == Record(
            writing(), None, is_alive=True
        )

    def test_a_claim_whose_reply_was_lost(self, place: Place) -> None:
        """A worker that repeats its claim still has the digest."""
        here = place.open()
        assert here.claim(writing()) is None
        assert here.claim(writing()) is None

    def test_claims_race(self, place: Place) -> None:
        """One of several simultaneous claims succeeds, and the others learn which."""
        everyone = threading.Barrier(6)

        def claim(etag: str) -> str:
            backend = place.open()
            everyone.wait(20)
            record = backend.claim(writing(etag=etag))
            return record.writing.etag if record is not None else etag

        claims = [Task(partial(claim, f"etag {number}")) for number in range(6)]
        assert len({each.result() for each in claims}) == 1

    def test_a_claim_in_place_of_another(self, place: Place) -> None:
        """A claim that names the current writing replaces it, once, and deletes its text."""
        here, there = place.open(), place.open()
        here.claim(writing())
        here.write("here", [Addition(writing(), 0, TEXT, RECEIPT)])
        second, third = (writing(etag=etag, worker="there") for etag in ("second", "third"))
        assert there.claim(second, "another") == Record(writing(), RECEIPT, True, TEXT)
        assert there.claim(second, writing().etag) is None
        assert there.claim(third, writing().etag) == Record(second, None, is_alive=True)
        assert there.claim(third, second.etag) is None

    def test_whoever_was_replaced(self, place: Place) -> None:
        """A replaced writer may write on, changes nothing, and is not told to begin anew."""
        here, there = place.open(), place.open()
        here.claim(writing())
        here.write("here", [Addition(writing(), 0, TEXT[:10])])
        second = writing(etag="second", worker="there")
        there.claim(second, writing().etag)
        for addition in (
            Addition(writing(), 10, TEXT[10:], RECEIPT),
            Addition(writing(), 0, TEXT, RECEIPT),
        ):
            assert here.write("here", [addition]) == (True, [])
        assert record_of(there, second) == Record(second, None, is_alive=True)

    def test_without_a_claim(self, place: Place) -> None:
        """An answer without a claim is found if it was written from its start."""
        backend = place.open()
        backend.write("here", [Addition(writing(), 0, b"")])
        assert record_of(backend, writing()) == Record(writing(), None, is_alive=True)

    def test_progress(self, place: Place) -> None:
        """The last one is found until the end; one of a replaced writing is not."""
        backend = place.open()
        backend.claim(writing())
        for progress in (b"waiting", b"thinking"):
            backend.write("here", [Addition(writing(), 0, b"", progress=progress)])
        assert record_of(backend, writing()).progress == b"thinking"
        backend.write("here", [Addition(writing(), 0, TEXT)])
        assert record_of(backend, writing()).progress == b"thinking"
        backend.write("here", [Addition(writing(etag="other"), 0, b"", progress=b"another's")])
        assert record_of(backend, writing()).progress == b"thinking"
        backend.write("here", [Addition(writing(), len(TEXT), b"", RECEIPT)])
        assert record_of(backend, writing()) == Record(writing(), RECEIPT, True, TEXT)

    def test_text_from_any_byte_on(self, place: Place) -> None:
        """Text can be read from any byte on, in whatever pieces it was written."""
        backend = place.open()
        backend.claim(writing())
        for begin, end in ((0, 0), (0, 3), (3, 20), (20, 21), (21, len(TEXT))):
            backend.write("here", [Addition(writing(), begin, TEXT[begin:end])])
        for offset in range(len(TEXT) + 1):
            assert record_of(backend, writing(), offset).data == TEXT[offset:]
        assert record_of(backend, writing(), len(TEXT) + 5).data == b""

    def test_written_again(self, place: Place) -> None:
        """Bytes that are written again, or overlap, change nothing."""
        backend = place.open()
        backend.claim(writing())
        for begin, end in ((0, 5), (0, 5), (5, 20), (3, 12), (12, 30), (0, 40), (40, len(TEXT))):
            backend.write("here", [Addition(writing(), begin, TEXT[begin:end])])
            for offset in (0, 1, 4, 7, 12, 29):
                assert TEXT[offset:].startswith(record_of(backend, writing(), offset).data)
        assert record_of(backend, writing()).data == TEXT

    def test_a_gap(self, place: Place) -> None:
        """Text after a gap is never read as if it had no gap."""
        backend = place.open()
        backend.claim(writing())
        backend.write("here", [Addition(writing(), 0, TEXT[:10])])
        backend.write("here", [Addition(writing(), 20, TEXT[20:])])
        assert record_of(backend, writing()).data == TEXT[:10]
        assert record_of(backend, writing(), 15).data in (b"", TEXT[15:])
        backend.write("here", [Addition(writing(), 0, TEXT)])
        assert record_of(backend, writing(), 15).data == TEXT[15:]

    def test_reading_on(self, place: Place) -> None:
        """Whoever gives the beat that they have read gets the rest, and all of another writing."""
        here, there = place.open(), place.open()
        here.claim(writing())
        position = Position(writing().digest)
        text = b""
        for begin in range(0, len(TEXT), 7):
            here.write("here", [Addition(writing(), begin, TEXT[begin : begin + 7])])
            here.write("here", [Addition(writing(1), begin, TEXT[begin : begin + 7])])
            if begin % 2:
                continue
            (record,) = there.read([position])
            assert record is not None
            text += record.data
            position = Position(writing().digest, len(text), writing().etag, record.beat)
        (record,) = there.read([position])
        assert record is not None
        assert text + record.data == TEXT
        second = writing(etag="second")
        here.claim(second, writing().etag)
        here.write("here", [Addition(second, 0, TEXT)])
        (record,) = there.read([position._replace(offset=0)])
        assert record is not None
        assert (record.writing, record.data) == (second, TEXT)

    def test_many_at_once(self, place: Place) -> None:
        """One call writes and reads for many answers, in their order."""
        backend = place.open()
        numbers = range(30)
        additions = [Addition(writing(number), 0, TEXT[:number]) for number in numbers]
        backend.write("here", additions)
        positions = [Position(writing(number).digest) for number in (*reversed(numbers), 99)]
        records = backend.read(positions)
        assert records.pop() is None
        assert [record and record.data for record in reversed(records)] == [
            TEXT[:number] for number in numbers
        ]
        assert backend.read([]) == []

    def test_the_end(self, place: Place) -> None:
        """The receipt is found together with the whole text."""
        backend = place.open()
        backend.claim(writing())
        backend.write("here", [Addition(writing(), 0, TEXT, RECEIPT)])
        assert record_of(backend, writing(), 3) == Record(writing(), RECEIPT, True, TEXT[3:])

    def test_the_end_as_others_see_it(self, place: Place) -> None:
        """Another worker's receipt counts only if there is none; the writer's always counts."""
        here, there = place.open(), place.open()
        here.claim(writing())
        here.write("here", [Addition(writing(), 0, TEXT[:7])])
        there.write("there", [Addition(writing(), 7, b"", FAILED)])
        assert record_of(here, writing()) == Record(writing(), FAILED, True, TEXT[:7])
        here.write("here", [Addition(writing(), 7, TEXT[7:], RECEIPT)])
        there.write("there", [Addition(writing(), 7, b"", FAILED)])
        assert record_of(there, writing()) == Record(writing(), RECEIPT, True, TEXT)

    def test_others_see_nothing_yet(self, place: Place) -> None:
        """A receipt for an answer that seemed lost takes no text from it."""
        here, there = place.open(), place.open()
        here.claim(writing())
        here.write("here", [Addition(writing(), 0, TEXT)])
        there.write("there", [Addition(writing(), 0, b"", FAILED)])
        assert record_of(there, writing()).data == TEXT

    def test_letters(self, place: Place) -> None:
        """A letter reaches its worker once, however often it was sent."""
        here, there = place.open(), place.open()
        here.write("here", [])
        letters = [Letter("here", writing(number).etag, "read") for number in range(3)]
        there.send([*letters, Letter("there", writing().etag, "stop")])
        there.send([letters[0], Letter("here", writing().etag, "stop")])
        _, taken = here.write("here", [])
        assert sorted(taken) == sorted([*letters, Letter("here", writing().etag, "stop")])
        assert here.write("here", []) == (True, [])
        assert there.write("there", [])[1] == [Letter("there", writing().etag, "stop")]

    def test_the_mark(self, place: Place) -> None:
        """Each worker learns at its first write that its mark was not there."""
        backend = place.open()
        assert [backend.write(worker, [])[0] for worker in ("here", "there", "here")] == [
            False,
            False,
            True,
        ]

    def test_a_claim_marks_the_worker(self, place: Place) -> None:
        """A claim marks its worker alive, so that its answer does not count as lost."""
        backend = place.open()
        backend.claim(writing(worker="new"))
        assert record_of(backend, writing()).is_alive

    def test_a_bucket(self, place: Place) -> None:
        """A bucket gives until it would hold too much, and says what it held before."""
        here, there = place.open(), place.open()
        assert take(here, "here", "1", [bucket(amount=4)]) == (True, [0])
        assert take(there, "there", "2", [bucket(amount=6)]) == (True, [4])
        assert take(here, "here", "3", [bucket(amount=1)]) == (False, [10])
        assert take(here, "here", "4", [bucket("another day", amount=10)]) == (True, [0])

    def test_all_or_nothing(self, place: Place) -> None:
        """If one of several buckets refuses, none of them gives anything."""
        backend = place.open()
        take(backend, "here", "1", [bucket("full", 10)])
        both = [bucket("free"), running(), bucket("full")]
        assert take(backend, "here", "2", both) == (False, [0, 0, 10])
        assert take(backend, "here", "3", [bucket("free"), running()]) == (True, [0, 0])

    def test_several_questions(self, place: Place) -> None:
        """They take in turn, as if each had come alone. One that is refused takes nothing."""
        backend = place.open()
        both, half = [bucket(amount=8), running(most=2)], [bucket(amount=4), running(most=2)]
        rest, none = [bucket(amount=2), running(most=2)], [running(most=2)]
        takings = [Taking("1", both), Taking("2", half), Taking("3", rest), Taking("4", none)]
        assert backend.take("here", takings) == [
            (True, [0, 0]),
            (False, [8, 1]),
            (True, [8, 1]),
            (False, [2]),
        ]
        assert take(backend, "here", "5", [bucket(amount=0), running(most=3)]) == (True, [10, 2])
        backend.give_back("here", Settlement([("running", id) for id in "135"]))
        assert take(backend, "here", "6", [running(most=1)]) == (True, [0])

    def test_running_answers(self, place: Place) -> None:
        """A running answer holds its place until its end, however often that is reported."""
        here, there = place.open(), place.open()
        for id in "123":
            assert take(here, "here", id, [running()])[0]
        assert take(there, "there", "4", [running()]) == (False, [3])
        end = Settlement([("running", "2")])
        here.give_back("here", end)
        here.give_back("here", end)
        assert take(there, "there", "5", [running()]) == (True, [2])
        assert take(here, "here", "6", [running()]) == (False, [3])

    def test_a_settlement(self, place: Place) -> None:
        """What is given back can be taken again; no count falls below 0."""
        backend = place.open()
        take(backend, "here", "1", [bucket(amount=10), running(most=1)])
        end = Settlement([("running", "1")], [Change("day", -7, DAY), Change("other", 3, DAY)])
        backend.give_back("here", end)
        taken = [bucket(amount=7), running(most=1), bucket("other")]
        assert take(backend, "here", "2", taken) == (True, [3, 0, 3])
        too_much = Settlement(changes=[Change("day", -11, DAY), Change("none", -1, DAY)])
        backend.give_back("here", too_much)
        everything = [bucket(amount=10), bucket("none", 10)]
        assert take(backend, "here", "4", everything) == (True, [0, 0])

    def test_takes_race(self, place: Place) -> None:
        """Of many at the same time, as many take as fit."""
        everyone = threading.Barrier(5)

        def take_often(name: str) -> int:
            backend = place.open()
            everyone.wait(20)
            takes = (
                take(backend, name, f"{name} {number}", [bucket(most=37), running(most=41)])
                for number in range(20)
            )
            return sum(has_taken for has_taken, _ in takes)

        takers = [Task(partial(take_often, f"worker {number}")) for number in range(5)]
        assert sum(each.result() for each in takers) == 37


class SharedBackendPromises(BackendPromises):
    """Further promises, between several workers."""

    def test_running_answers_of_a_dead_worker(self, place: Place) -> None:
        """They do not count any more, but what they took from counts stays taken."""
        here, there = place.open(), place.open()
        for id in "123":
            take(here, "here", id, [running(), bucket()])
        place.kill("here")
        assert take(there, "there", "4", [running(), bucket()]) == (True, [0, 3])
        assert take(there, "there", "5", [running()]) == (True, [1])

    def test_buckets_of_a_lost_journal(self, place: Place) -> None:
        """They are empty, and the end of an answer from before the loss changes nothing."""
        here = place.open()
        take(here, "here", "1", [running(), bucket(amount=9)])
        place.lose()
        end = Settlement([("running", "1")], [Change("day", -9, DAY)])
        here.give_back("here", end)
        assert take(here, "here", "2", [running(), bucket()]) == (True, [0, 0])

    def test_a_dead_worker(self, place: Place) -> None:
        """The answers of a dead worker are marked as such until it writes again."""
        here, there = place.open(), place.open()
        here.claim(writing())
        here.write("here", [Addition(writing(), 0, TEXT)])
        place.kill("here")
        assert record_of(there, writing()) == Record(writing(), None, False, TEXT)
        here.write("here", [])
        assert record_of(there, writing()).is_alive

    def test_a_lost_journal(self, place: Place) -> None:
        """After a loss a writer is told so, and what it writes from the start is found again."""
        here, there = place.open(), place.open()
        here.claim(writing())
        here.write("here", [Addition(writing(), 0, TEXT[:10])])
        place.lose()
        assert here.write("here", [Addition(writing(), 10, TEXT[10:])])[0] is False
        assert there.read([Position(writing().digest)]) == [None]
        here.write("here", [Addition(writing(), 0, TEXT)])
        assert record_of(there, writing()) == Record(writing(), None, True, TEXT)

    def test_claims_of_processes_race(self, place: Place) -> None:
        """Of several processes, one has each answer."""
        program = (
            "import sys; from relay.journal import Backend, Writing; {imports}\n"
            "backend = {call}\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            "for number in range(50):\n"
            "    writing = Writing(str(number), sys.argv[1], sys.argv[1], b'')\n"
            "    if backend.claim(writing) is None: print(number)\n"
        )
        imports, call = self.to_open(place)
        command = [sys.executable, "-c", program.format(imports=imports, call=call)]
        processes = [
            subprocess.Popen(
                [*command, f"worker-{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(3)
        ]
        for each in processes:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        claimed = []
        for each in processes:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        for each in processes:
            claimed += each.communicate(timeout=WAIT_SECONDS)[0].split()
            assert each.returncode == 0
        assert sorted(map(int, claimed)) == list(range(50))

    def to_open(self, place: Place) -> tuple[str, str]:
        """The import and the call that open the backend in another process."""
        raise NotImplementedError
