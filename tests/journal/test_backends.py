"""The journal in SQLite, in a file and in memory: what every backend promises, and more."""

import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.backends import (
    FAILED,
    RECEIPT,
    TEXT,
    BackendPromises,
    File,
    Place,
    SharedBackendPromises,
    bucket,
    record_of,
    running,
    take,
    writing,
)
from relay.intervals import ALIVE_SECONDS
from relay.journal import (
    MEMORY,
    Addition,
    Backend,
    Letter,
    Position,
    Record,
    Settlement,
    Unavailable,
)
from relay.journal.backend import ENTRY_BYTES
from relay.journal.sqlite import SqliteBackend


class Memory:
    """A journal that only one process has."""

    def __init__(self) -> None:
        self._backend = SqliteBackend(MEMORY, ttl_seconds=600, max_bytes=0)

    def open(self) -> Backend:
        return self._backend

    def kill(self, worker: str) -> None:
        raise NotImplementedError

    def lose(self) -> None:
        raise NotImplementedError


class TestFile(SharedBackendPromises):
    """The promises, kept in a file."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return File(tmp_path / "state.sqlite3")

    def to_open(self, place: Place) -> tuple[str, str]:
        assert isinstance(place, File)
        return (
            "from relay.journal.sqlite import SqliteBackend",
            f"SqliteBackend({place.path!r}, ttl_seconds=0, max_bytes=0)",
        )


class TestMemory(BackendPromises):
    """The promises, kept in memory."""

    @pytest.fixture
    def place(self) -> Place:
        return Memory()


def ended(backend: Backend, *numbers: int) -> None:
    for number in numbers:
        backend.write("here", [Addition(writing(number), 0, TEXT, RECEIPT)])


def numbers_in(file: File) -> list[int]:
    return sorted(int(str(digest), 16) for (digest,) in file.do("SELECT digest FROM answers"))


def test_an_ended_answer_is_kept_for_its_time(tmp_path: Path) -> None:
    """Then nobody finds it, and its text goes from the file."""
    file = File(tmp_path / "state.sqlite3", ttl_seconds=600)
    backend = file.open()
    ended(backend, 1, 2)
    backend.write("here", [Addition(writing(3), 0, TEXT)])
    file.do("UPDATE answers SET ended = ended - 601 WHERE digest = ?", writing(1).digest)
    assert backend.read([Position(writing(1).digest)]) == [None]
    file.open().write("here", [])
    assert numbers_in(file) == [2, 3]


@pytest.mark.parametrize("ttl_seconds", [600, 0])
def test_the_oldest_make_room(tmp_path: Path, ttl_seconds: float) -> None:
    """Of the ended answers the newest are kept that fit, and all that are being written."""
    size = ENTRY_BYTES + len(TEXT)
    file = File(tmp_path / "state.sqlite3", ttl_seconds=ttl_seconds, max_bytes=3 * size)
    backend = file.open()
    backend.write("here", [Addition(writing(9), 0, TEXT)])
    ended(backend, 4, 1, 3, 2, 5)
    file.open().write("here", [])
    assert numbers_in(file) == [2, 3, 5, 9]


def test_a_long_answer(tmp_path: Path) -> None:
    """It is read whole while it is written, and the file does not keep every beat of it."""
    file = File(tmp_path / "state.sqlite3")
    backend, text = file.open(), TEXT * 40
    for begin in range(len(text)):
        backend.write("here", [Addition(writing(), begin, text[begin : begin + 1])])
        if begin % 300 == 0:
            file.open().write("there", [])
            for offset in (0, begin // 2, begin, begin + 1):
                assert record_of(backend, writing(), offset).data == text[offset : begin + 1]
    assert file.count("pieces") != len(text)
    backend.write("here", [Addition(writing(), len(text), b"", RECEIPT)])
    assert record_of(backend, writing(), 1) == Record(writing(), RECEIPT, True, text[1:])
    file.open().write("there", [])
    assert file.count("pieces") == 0


def test_an_end_after_a_gap(tmp_path: Path) -> None:
    """Whoever was taken for dead meanwhile is told to write all of it again."""
    file = File(tmp_path / "state.sqlite3")
    here, there = file.open(), file.open()
    here.write("here", [Addition(writing(), 0, TEXT[:7])])
    there.write("there", [Addition(writing(), 7, b"", FAILED)])
    here.write("here", [Addition(writing(), 7, TEXT[7:20])])
    assert here.write("here", [Addition(writing(), 20, TEXT[20:], RECEIPT)])[0] is False
    assert record_of(there, writing()) == Record(writing(), FAILED, True, TEXT[:7])
    assert here.write("here", [Addition(writing(), 0, TEXT, RECEIPT)])[0] is True
    assert record_of(there, writing()) == Record(writing(), RECEIPT, True, TEXT)


def test_no_limits(tmp_path: Path) -> None:
    """Without them everything is kept."""
    file = File(tmp_path / "state.sqlite3", ttl_seconds=0, max_bytes=0)
    ended(file.open(), *range(20))
    file.open().write("here", [])
    assert len(numbers_in(file)) == 20


def test_orphans_are_forgotten(tmp_path: Path) -> None:
    """What a dead worker left is kept as long as an ended answer, and its letters go with it."""
    file = File(tmp_path / "state.sqlite3", ttl_seconds=600)
    backend = file.open()
    backend.write("dead", [Addition(writing(1, worker="dead"), 0, TEXT)])
    backend.send([Letter("dead", writing(1).etag, "stop")])
    file.do("UPDATE workers SET seen = seen - 590")
    file.open().write("here", [])
    assert numbers_in(file) == [1]
    file.do("UPDATE workers SET seen = seen - 11 WHERE worker = 'dead'")
    file.open().write("here", [])
    assert (file.count("answers"), file.count("pieces"), file.count("letters")) == (0, 0, 0)
    assert file.do("SELECT worker FROM workers") == [("here",)]


def test_marks_of_before_the_machine_started(tmp_path: Path) -> None:
    """The clock begins anew then: whoever was seen long after now is dead."""
    file = File(tmp_path / "state.sqlite3")
    backend = file.open()
    backend.write("dead", [Addition(writing(worker="dead"), 0, TEXT)])
    file.do("UPDATE workers SET seen = seen + 10000")
    assert not record_of(backend, writing()).is_alive
    file.open().write("here", [])
    assert file.do("SELECT worker FROM workers") == [("here",)]


def test_seen_while_we_look(tmp_path: Path) -> None:
    """A worker that writes in the moment in which another looks is not dead."""
    file = File(tmp_path / "state.sqlite3")
    backend = file.open()
    backend.write("here", [Addition(writing(), 0, TEXT)])
    file.do("UPDATE workers SET seen = ?", time.monotonic() + ALIVE_SECONDS / 2)
    assert record_of(backend, writing()).is_alive


def test_counts_are_kept_for_their_time(tmp_path: Path) -> None:
    """A count goes from the file after its time, but not while answers run that it counts."""
    file = File(tmp_path / "state.sqlite3")
    backend = file.open()
    take(backend, "here", "1", [bucket("minute", seconds=60), bucket("day"), running()])
    take(backend, "here", "2", [running("other")])
    backend.give_back("here", Settlement([("running", "1")]))
    file.do("UPDATE counts SET until = until - 61")
    file.do("UPDATE counts SET until = 0 WHERE worker <> ''")
    file.open().write("here", [])
    assert file.do("SELECT key, count FROM counts") == [("day", 1), ("other", 1)]


def test_a_file_of_another_version(tmp_path: Path) -> None:
    """It is not touched, and cannot be used."""
    file = File(tmp_path / "state.sqlite3")
    file.open()
    file.do("PRAGMA user_version = 99")
    with pytest.raises(Unavailable):
        file.open()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """Something else's file is left as it is."""
    path = tmp_path / "state.sqlite3"
    path.write_bytes(b"a letter, and no database" * 100)
    with pytest.raises(Unavailable):
        File(path).open()
    assert path.read_bytes().startswith(b"a letter")


def test_another_program_holds_the_file(tmp_path: Path) -> None:
    """Nobody waits for it for longer than a moment; afterwards all is well."""
    file = File(tmp_path / "state.sqlite3")
    backend = file.open(locked_seconds=0.01)
    with closing(sqlite3.connect(file.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            backend.claim(writing())
        assert backend.read([Position(writing().digest)]) == [None]
        with pytest.raises(Unavailable):
            take(backend, "here", "1", [bucket()])
    assert backend.claim(writing()) is None
    assert take(backend, "here", "1", [bucket()]) == (True, [0])


CUTS = st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, len(TEXT))), max_size=12)


@settings(deadline=None)
@given(CUTS, st.integers(0, len(TEXT)))
def test_no_byte_is_ever_wrong(cuts: list[tuple[int, int]], offset: int) -> None:
    """Whatever of a text is written down in whatever order, what is read is its text."""
    backend = SqliteBackend(MEMORY, ttl_seconds=math.inf, max_bytes=0)
    backend.claim(writing())
    for begin, end in cuts:
        backend.write("here", [Addition(writing(), begin, TEXT[begin:end])])
    assert TEXT[offset:].startswith(record_of(backend, writing(), offset).data)
    backend.write("here", [Addition(writing(), 0, TEXT)])
    assert record_of(backend, writing(), offset).data == TEXT[offset:]
