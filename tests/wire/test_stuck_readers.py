"""Readers who read slowly, pause, or do not read at all: what they cost, and what they get."""

import json
import os
import select
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers.client import Exchange, ask
from helpers.completions import eventually, get, keyed, new_key, receipt
from helpers.limits import HELD_SECONDS
from helpers.page_files import write_page
from helpers.relay_process import PATIENT, StartRelay, worker_of
from helpers.upstream import Reply, Script, Upstream

# As large as an answer may be, nearly; and a window that takes in little of it by itself.
TEXT = "0123456789abcde\n" * 250_000
EVENT_BYTES = 16_000
WINDOW_BYTES = 16 * 1024
CROWD = 100


def write(reply: Reply) -> None:
    """The text, in events of a usual size."""
    for begin in range(0, len(TEXT), EVENT_BYTES):
        reply.text(TEXT[begin : begin + EVENT_BYTES])


def answer(reply: Reply) -> None:
    write(reply)
    reply.finish()


class Slow:
    """A client with a small window, who reads when the test has them read."""

    def __init__(self, url: str, method: str, path: str, body: str = "", **headers: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        self._socket.settimeout(60)
        self._socket.connect((parts.hostname or "", parts.port or 0))
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", body]
        self._socket.sendall("\r\n".join(lines).encode())
        self.received = bytearray()

    def read(self) -> bool:
        """Whether something more came."""
        data = self._socket.recv(WINDOW_BYTES)
        self.received += data
        return bool(data)

    def read_for(self, seconds: float) -> None:
        """Takes all that comes in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                assert self.read()

    def text(self) -> str:
        """All that came, to its last chunk."""
        while self.read():
            pass
        self.close()
        begin = self.received.index(b"\r\n\r\n") + 4
        chunks: list[bytes] = []
        while True:
            line_end = self.received.index(b"\r\n", begin)
            size = int(self.received[begin:line_end], 16)
            if not size:
                return b"".join(chunks).decode()
            chunks.append(bytes(self.received[line_end + 2 : line_end + 2 + size]))
            begin = line_end + 2 + size + 2

    def close(self) -> None:
        self._socket.close()


def slowly(url: str, key: str) -> Slow:
    return Slow(url, "POST", "/aiCompletion", '{"userPrompt": "Hi"}', Idempotency_Key=key)


def large_events(count: int) -> Script:
    """A script of 20,000 characters at a time, each of which takes six bytes in an event.

    No buffer on the way holds all of that.
    """

    def script(reply: Reply) -> None:
        for _ in range(count):
            reply.text("\x01" * 20_000)
        reply.finish()

    return script


def slow_events(url: str, **headers: str) -> Slow:
    body = '{"userPrompt": "Hi"}'
    return Slow(url, "POST", "/aiCompletion", body, Accept="text/event-stream", **headers)


def memory_megabytes(pid: int) -> float:
    """The process's own share of the memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@pytest.mark.parametrize("form", ["text/plain", "text/event-stream", "application/json"])
@pytest.mark.parametrize("is_ended", [False, True], ids=["while it is written", "afterwards"])
def test_what_a_crowd_costs(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path, form: str, is_ended: bool
) -> None:
    """A hundred who do not read the same 4 MB hold one copy of it, in every form."""
    settings = {"STATE_FILE": str(tmp_path / "state.sqlite3"), "SEND_TIMEOUT": "600", **PATIENT}
    relay = start_relay(**settings)
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        write(reply)
        assert gate.wait(HELD_SECONDS)
        reply.finish()

    key = new_key()
    first = keyed(relay.url, key)
    assert first.piece()
    eventually(lambda: receipt(relay.url, key)["bytes"] == len(TEXT))
    if is_ended:
        gate.set()
        assert first.text().endswith(TEXT[-1000:])
        # One who did not write it has to take it from the journal.
        relay = start_relay(**settings)
        eventually(lambda: receipt(relay.url, key)["state"] == "finished")
    worker = worker_of(relay)
    before = memory_megabytes(worker)
    body = json.dumps({"userPrompt": "Hi", "stream": form != "application/json"})
    crowd = [
        Slow(relay.url, "POST", "/aiCompletion", body, Accept=form, Idempotency_Key=key)
        for _ in range(CROWD)
    ]
    if form != "application/json" or is_ended:
        for reader in crowd:
            assert reader.read()
    gate.set()
    for reader in crowd:
        assert reader.read()
    eventually(lambda: receipt(relay.url, key)["state"] == "finished")
    assert memory_megabytes(worker) < before + 150
    for reader in crowd:
        reader.close()


def test_a_crowd_that_leaves_in_a_silence(start_relay: StartRelay, upstream: Upstream) -> None:
    """A hundred readers of a key that leave before its next text take their connections along."""
    relay = start_relay(**PATIENT)

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    key = new_key()
    first = keyed(relay.url, key)
    assert first.piece() == "Hello "
    folder = Path(f"/proc/{worker_of(relay)}/fd")
    before = len(list(folder.iterdir()))
    crowd = [get(relay.url, key) for _ in range(CROWD)]
    assert {reply.piece() for reply in crowd} == {"Hello "}
    assert len(list(folder.iterdir())) >= before + CROWD
    for reply in crowd:
        reply.leave()
    eventually(lambda: len(list(folder.iterdir())) <= before + 3)
    assert receipt(relay.url, key)["state"] == "running"
    first.leave()
    assert Exchange(relay.url, method="DELETE", path=f"/aiCompletion/{key}").status == 204


def test_a_slow_reader(start_relay: StartRelay, upstream: Upstream) -> None:
    """One who takes several times SEND_TIMEOUT for all of a long answer, and always some of it,
    is not cut off."""
    relay = start_relay(SEND_TIMEOUT="5")
    upstream.answers(large_events(200))
    reader = slow_events(relay.url, Idempotency_Key=new_key())
    begin, is_more = time.monotonic(), True
    while is_more:
        is_more = reader.read()
        # A megabyte a second, so that the buffers on the way take a second or two.
        due = begin + len(reader.received) / 1_000_000
        time.sleep(max(due - time.monotonic(), 0))
    assert len(reader.received) > 4 * 5 * 1_000_000
    events = reader.text()
    assert events.count("\\u0001") == 4_000_000
    assert events.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("has_key", [True, False], ids=["with a key", "without"])
def test_a_pause(start_relay: StartRelay, upstream: Upstream, has_key: bool) -> None:
    """A reader may pause for longer than the model may, and the answer is theirs when they go on.
    With a key the model has written it to its end by then."""
    relay = start_relay(IDLE_TIMEOUT="2", SEND_TIMEOUT="60")
    upstream.answers(large_events(100))
    key = new_key()
    reader = slow_events(relay.url, **({"Idempotency_Key": key} if has_key else {}))
    assert reader.read()
    if has_key:
        eventually(lambda: receipt(relay.url, key)["state"] == "finished", 60)
        assert upstream.open == 0
    # In this time others are answered.
    begin = time.monotonic()
    while time.monotonic() < begin + 4:
        assert Exchange(relay.url, method="GET", path="/").status == 200
    events = reader.text()
    assert events.count("\\u0001") == 2_000_000
    assert events.endswith("data: [DONE]\n\n")


def test_a_reader_who_vanished(start_relay: StartRelay, upstream: Upstream) -> None:
    """Whoever is gone without a word, as a phone without a network, is cut off at last; the answer
    was written to its end long before, and is there when they are back."""
    relay = start_relay(IDLE_TIMEOUT="2", SEND_TIMEOUT="20")
    upstream.answers(answer)
    key = new_key()
    reader = slowly(relay.url, key)
    relay.wait_for_line("a reader took nothing for too long")
    assert receipt(relay.url, key)["state"] == "finished"
    assert get(relay.url, key).text() == TEXT
    reader.close()
    assert ask(relay.url).text() == TEXT


def is_asleep(pid: int) -> bool:
    return (
        Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "S"
    )


@pytest.mark.parametrize("what", ["an answer", "a file"])
def test_a_worker_that_stands_still(
    start_relay: StartRelay, upstream: Upstream, tmp_path: Path, what: str
) -> None:
    """A worker is stopped for longer than SEND_TIMEOUT in the middle of a write. Its reader takes
    all there is meanwhile, and gets the rest."""
    send_timeout, size = 3, 20_000_000
    folder = write_page(tmp_path)
    (folder / "large.bin").write_bytes(bytes(size))
    relay = start_relay(PAGE_DIR=str(folder), SEND_TIMEOUT=str(send_timeout))
    if what == "a file":
        reader = Slow(relay.url, "GET", "/large.bin")
    else:
        upstream.answers(large_events(200))
        key = new_key()
        assert keyed(relay.url, key).text()
        reader = Slow(relay.url, "GET", f"/aiCompletion/{key}", Accept="text/event-stream")
    assert reader.read()
    # The worker's loop turns to others when a write has to wait, and sleeps when all have to.
    assert Exchange(relay.url, method="GET", path="/").status == 200
    worker = worker_of(relay)
    eventually(lambda: is_asleep(worker))
    os.kill(worker, signal.SIGSTOP)
    try:
        reader.read_for(1.5 * send_timeout)
    finally:
        os.kill(worker, signal.SIGCONT)
    if what == "a file":
        while reader.read():
            pass
        reader.close()
        assert len(reader.received.partition(b"\r\n\r\n")[2]) == size
    else:
        events = reader.text()
        assert events.count("\\u0001") == 4_000_000
        assert events.endswith("data: [DONE]\n\n")
    assert "a reader took nothing" not in relay.log
