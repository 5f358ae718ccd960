"""The file that answers are kept in: who can read it, what becomes of it, what it cannot stop."""

import os
import socket
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.process import free_port
from helpers.client import Exchange, ask, close_exchanges
from helpers.completions import Gated, eventually, get, keyed, new_key, receipt
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import KEY, RelayProcess, StartRelay
from helpers.upstream import Upstream, saying
from relay.intervals import ALIVE_SECONDS, LOST_SECONDS
from relay.journal import Position, Writing
from relay.journal.sqlite import SqliteBackend

GUNICORN = [sys.executable, "-m", "gunicorn", "app:app"]
GONE, BACK = "The state file cannot be used", "The state file can be used again"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_it(start_relay: StartRelay, tmp_path: Path) -> None:
    """The file, those that SQLite puts beside it, and their folder are their owner's alone; they
    hold the text, and neither the id that is the right to read it nor the model provider's key."""
    relay = start_relay(XDG_STATE_HOME=str(tmp_path))
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    folder = tmp_path / "askbot"

    def kept() -> bytes:
        return b"".join(file.read_bytes() for file in folder.iterdir())

    eventually(lambda: b"Hello there." in kept())
    files = sorted(folder.iterdir())
    assert [file.name.rpartition(".")[2] for file in files] == [
        "sqlite3",
        "sqlite3-shm",
        "sqlite3-wal",
    ]
    assert mode(folder) == 0o700
    assert {mode(file) for file in files} == {0o600}
    for secret in (key, key.upper(), key.replace("-", ""), KEY):
        assert secret.encode() not in kept()


def other_program(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE answers (id TEXT)")
    database.close()


def other_version(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE answers (id TEXT)")
        database.execute("PRAGMA user_version = 99")
    database.close()


def no_database(path: Path) -> None:
    path.write_text("dear diary, " * 1000, encoding="ascii")


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("a file", encoding="ascii")


@pytest.mark.parametrize(
    "make", [other_program, other_version, no_database, folder, pipe, below_a_file]
)
def test_a_file_that_cannot_be_used(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """The log says so in one sentence, answers are kept in memory, and what is there stays as it
    was."""
    path = tmp_path / "place" / "state.sqlite3"
    path.parent.mkdir()
    make(path)
    if path.exists():
        path.chmod(0o644)
    content = path.read_bytes() if path.is_file() else b""
    relay = start_relay(STATE_FILE=str(path))
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    eventually(lambda: receipt(relay.url, key)["state"] == "finished")
    assert keyed(relay.url, key).text() == "Hello there."
    assert len(upstream.requests) == 1
    assert relay.log.count("cannot be used") == 1
    assert f"The state file {path} cannot be used (" in relay.log
    assert "Traceback" not in relay.log
    if path.exists():
        assert mode(path) == 0o644
    assert content == (path.read_bytes() if path.is_file() else b"")


def test_locked_by_another_process(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path
) -> None:
    """A backup that locks the file for long holds up no answer, and takes none from its readers at
    another server; when it is done they are written down."""
    path = tmp_path / "state.sqlite3"
    hosts = [start_relay(STATE_FILE=str(path)) for _ in range(2)]
    gates, near, far = [], [], []
    for here, there in (hosts, reversed(hosts)):
        gates.append(Gated(upstream, "one ", "two ", "three"))
        gates[-1].let()
        key = new_key()
        near.append(keyed(here.url, key))
        assert near[-1].piece() == "one "
        far.append(get(there.url, key))
        assert far[-1].piece() == "one "
    lock = sqlite3.connect(path, isolation_level=None)
    gone_at = time.monotonic()
    lock.execute("BEGIN EXCLUSIVE")
    for relay in hosts:
        relay.wait_for_line(GONE)
    for gated in gates:
        gated.let()
    assert {reply.piece() for reply in near} == {"two "}
    upstream.answers(saying("Hello."))
    meanwhile = [new_key() for _ in range(10)]
    assert {keyed(hosts[0].url, key).text() for key in meanwhile} == {"Hello."}

    def seconds_locked() -> float:
        seen = lock.execute("SELECT max(seen) FROM workers").fetchone()[0]
        return time.monotonic() - float(seen)

    # From then on each could take the other for dead.
    eventually(lambda: seconds_locked() > ALIVE_SECONDS)
    lock.execute("ROLLBACK")
    lock.close()
    for relay in hosts:
        relay.wait_for_line(BACK)
    # Had this machine taken so long, those who read elsewhere would have been cut off.
    is_in_time = time.monotonic() - gone_at < LOST_SECONDS - 1
    for gated in gates:
        gated.let(2)
    assert [reply.text() for reply in near] == ["three"] * 2
    if is_in_time:
        assert [reply.text() for reply in far] == ["two three"] * 2
    for key in meanwhile:
        eventually(lambda: get(hosts[1].url, key).status == 200)  # noqa: B023
    for relay in hosts:
        assert relay.log.count("cannot be used") == 1
        assert "Traceback" not in relay.log


def test_a_lock_that_comes_suddenly(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path
) -> None:
    """Those who asked just before it was noticed do not wait for it one after the other."""
    path = tmp_path / "state.sqlite3"
    relay = start_relay(STATE_FILE=str(path))
    assert keyed(relay.url, new_key()).text() == "Hello there."
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    crowd = [keyed(relay.url, new_key()) for _ in range(100)]
    # The last first: it has as long as any of them.
    assert {each.text() for each in reversed(crowd)} == {"Hello there."}
    assert relay.log.count("cannot be used") == 1
    lock.execute("ROLLBACK")
    lock.close()
    assert len(upstream.requests) == 101


def test_locked_at_the_start(start_relay: StartRelay, tmp_path: Path) -> None:
    """A server that starts meanwhile waits for the file instead of doing without it."""
    path = tmp_path / "state.sqlite3"
    first = start_relay(STATE_FILE=str(path))
    assert ask(first.url).text() == "Hello there."
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(3, lock.execute, ["ROLLBACK"])
    release.start()
    second = start_relay(STATE_FILE=str(path))
    key = new_key()
    assert keyed(second.url, key).text() == "Hello there."
    release.join()
    lock.close()
    eventually(lambda: get(first.url, key).status == 200)


def test_many_begin_at_once(tmp_path: Path) -> None:
    """Of workers that start together on a new file each can use it."""
    for number in range(30):
        path = str(tmp_path / f"{number}.sqlite3")
        together = threading.Barrier(8)
        failed: list[Exception] = []

        def begin(path: str = path, start: threading.Barrier = together) -> None:
            start.wait(20)
            try:
                SqliteBackend(path, ttl_seconds=60, max_bytes=0).write("worker", [])
            except Exception as error:
                failed.append(error)  # noqa: B023

        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


def test_whoever_writes_is_alive(tmp_path: Path) -> None:
    """A worker that marks itself just while another reads is not taken for dead."""
    path = str(tmp_path / "state.sqlite3")
    writer, reader = (SqliteBackend(path, ttl_seconds=60, max_bytes=0) for _ in range(2))
    assert writer.claim(Writing("digest", "etag", "worker", b"question")) is None
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            writer.write("worker", [])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20_000):
            record = reader.read([Position("digest")])[0]
            assert record is not None
            assert record.is_alive
    finally:
        is_over.set()
        thread.join()


def test_a_full_disk(start_relay: StartRelay, upstream: Upstream, tmp_path: Path) -> None:
    """What finds no room is answered all the same, and can be read again from memory."""
    text = "x" * 100_000
    upstream.answers(saying(text))
    # In blocks of 512 bytes; the log goes through a pipe.
    limited = ["sh", "-c", 'ulimit -f 1024; exec "$@"', "sh", *GUNICORN]
    relay = start_relay(command=limited, STATE_FILE=str(tmp_path / "state.sqlite3"))
    keys = [new_key() for _ in range(20)]
    for key in keys:
        assert keyed(relay.url, key).text() == text
    relay.wait_for_line(GONE)
    assert keyed(relay.url, keys[-1]).text() == text
    assert len(upstream.requests) == 20
    assert ask(relay.url).text() == text
    assert relay.log.count("cannot be used") == 1
    assert "Traceback" not in relay.log


def test_two_relays_on_a_machine(start_relay: StartRelay, tmp_path: Path) -> None:
    """Without a setting each has a file of its own: the answers of one are not the other's."""
    one, other = (start_relay(XDG_STATE_HOME=str(tmp_path)) for _ in range(2))
    key = new_key()
    assert keyed(one.url, key).text() == "Hello there."
    eventually(lambda: receipt(one.url, key)["state"] == "finished")
    assert ask(other.url).text() == "Hello there."
    assert get(other.url, key).status == 404
    assert len(list((tmp_path / "askbot").glob("*.sqlite3"))) == 2


def test_two_relays_at_unix_sockets(tmp_path: Path) -> None:
    """So has each that listens at a socket in the file system, behind a proxy."""
    settings = {"XDG_STATE_HOME": str(tmp_path), "PUBLIC": "1"}
    for name in ("one", "two"):
        command = [*GUNICORN, "--bind", f"unix:{tmp_path / name}.sock"]
        relay = RelayProcess(settings, command=command)
        relay.wait_for_line("Listening at: unix:")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(WAIT_SECONDS)
            sock.connect(str(tmp_path / f"{name}.sock"))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        assert relay.stop() == 0
    assert len(list((tmp_path / "askbot").glob("*.sqlite3"))) == 2


def test_two_workers_and_no_setting(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path
) -> None:
    """Whichever of them a request meets, it finds the answer: in the file of their server."""
    relay = start_relay(WEB_CONCURRENCY="2", XDG_STATE_HOME=str(tmp_path))
    gated = Gated(upstream, "안녕", "하세요")
    gated.let()
    key = new_key()
    crowd = [keyed(relay.url, key) for _ in range(8)]
    assert {reply.piece() for reply in crowd} == {"안녕"}
    crowd += [get(relay.url, key) for _ in range(8)]
    gated.let(2)
    assert {reply.text() for reply in crowd} == {"하세요", "안녕하세요"}
    assert len(upstream.requests) == 1
    assert len(list((tmp_path / "askbot").glob("*.sqlite3"))) == 1


def test_started_again(start_relay: StartRelay, upstream: Upstream, tmp_path: Path) -> None:
    """A server that is started again at its port knows the answers of the one before it."""
    port = str(free_port())
    relay = start_relay(PORT=port, XDG_STATE_HOME=str(tmp_path))
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    etag = get(relay.url, key).headers["ETag"]
    close_exchanges()
    assert relay.stop() == 0
    relay = start_relay(PORT=port, XDG_STATE_HOME=str(tmp_path))
    again = get(relay.url, key, start=6, If_Range=etag)
    assert (again.status, again.text()) == (206, "there.")
    assert keyed(relay.url, key).text() == "Hello there."
    assert len(upstream.requests) == 1


def test_it_is_no_part_of_being_ready(start_relay: StartRelay, tmp_path: Path) -> None:
    """While the file is locked the server can still serve."""
    path = tmp_path / "state.sqlite3"
    relay = start_relay(STATE_FILE=str(path))
    assert ask(relay.url).text() == "Hello there."
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    relay.wait_for_line(GONE)
    assert Exchange(relay.url, method="GET", path="/ready").status == 200
    lock.execute("ROLLBACK")
    lock.close()
