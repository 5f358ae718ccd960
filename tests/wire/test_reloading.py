"""SIGHUP: settings and personas are loaded anew, and no answer is lost by it."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.client import QUESTION, Exchange, close_exchanges, connected, half_sent, received_until
from helpers.completions import eventually, get, keyed, new_key, receipt, stop
from helpers.relay_process import PROJECT, RelayProcess, StartRelay, worker_of, workers_of
from helpers.upstream import WHOLE, Paused, Upstream, saying

SERVED = ("app.py", "openai_client.py", "gunicorn.conf.py", "pyproject.toml", "relay", "doors")
PERSONA = "---\nname: {}\ndescription: B\ngreeting: C\nsuggestions: []\n---\nBe odd.\n"


class Installed:
    """A relay in a folder of its own, with an `.env`, and with a persona of its operator's."""

    def __init__(self, folder: Path, start_relay: StartRelay) -> None:
        self._folder = folder
        self._start_relay = start_relay
        for name in SERVED:
            copy: Any = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
            copy(PROJECT / name, folder / name)
        self.personas = folder / "personas"
        self.personas.mkdir()
        self.name_persona("Before")

    def configure(self, **settings: str) -> None:
        """Writes `.env`."""
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (self._folder / ".env").write_text("".join(lines), encoding="utf-8")

    def name_persona(self, name: str) -> None:
        (self.personas / "odd.md").write_text(PERSONA.format(name), encoding="utf-8")

    def start(self, **settings: str) -> RelayProcess:
        gunicorn = [sys.executable, "-m", "gunicorn", "app:app"]
        relay = self._start_relay(
            command=["sh", "-c", 'cd "$0" && exec "$@"', str(self._folder), *gunicorn],
            FLASK_SKIP_DOTENV="0",
            PERSONAS_DIR=str(self.personas),
            GRACEFUL_TIMEOUT="1000",
            IDLE_TIMEOUT="1000",
            RESUME_GRACE_SECONDS="1000",
            **settings,
        )
        eventually(relay.is_ready)
        return relay

    def reload(self, relay: RelayProcess, most: str) -> None:
        """Loads another MAX_MESSAGES by SIGHUP, and waits until it is in force."""
        self.configure(MAX_MESSAGES=most)
        relay.process.send_signal(signal.SIGHUP)
        eventually(lambda: known(relay) == ("Before", int(most)))


@pytest.fixture
def installed(tmp_path: Path, start_relay: StartRelay) -> Installed:
    return Installed(tmp_path, start_relay)


def known(relay: RelayProcess) -> tuple[str, int]:
    """The name of the operator's persona, and MAX_MESSAGES, as pages get them."""
    reply = Exchange(relay.url, method="GET", path="/personas")
    found = reply.json()
    # A worker that is replaced waits for its open connections.
    reply.leave()
    return found["personas"][-1]["name"], found["limits"]["max_messages"]


def replace_worker(relay: RelayProcess) -> None:
    """Kills the worker, and waits for the next one."""
    old = worker_of(relay)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: worker_of(relay) != old)


def test_settings_and_personas(installed: Installed) -> None:
    """Both are in force after SIGHUP, and the relay listens where it did."""
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start()
    assert known(relay) == ("Before", 11)
    installed.configure(MAX_MESSAGES="22", PORT="1")
    installed.name_persona("After")
    # Only SIGHUP has them read.
    replace_worker(relay)
    assert known(relay) == ("Before", 11)
    relay.process.send_signal(signal.SIGHUP)
    eventually(lambda: known(relay) == ("After", 22))


def test_running_answers(installed: Installed, upstream: Upstream) -> None:
    """They go on, and can be read and stopped by way of the new workers, which take new ones."""
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start(WEB_CONCURRENCY="2")
    paused = Paused(upstream)
    read, left, stopped = new_key(), new_key(), new_key()
    replies = [keyed(relay.url, key) for key in (read, left, stopped)]
    first, *_ = [reply.piece() for reply in replies]
    replies[1].leave()
    for most in ("22", "33"):
        installed.reload(relay, most)
    assert receipt(relay.url, read)["state"] == "running"
    assert stop(relay.url, stopped) == 204
    assert replies[2].text() == ""
    eventually(lambda: receipt(relay.url, stopped)["state"] == "stopped")
    resumed = get(relay.url, left, start=len(first.encode()))
    paused.go_on.set()
    assert first + replies[0].text() == WHOLE
    assert first + resumed.text() == WHOLE
    assert keyed(relay.url, read).text() == WHOLE
    assert len(upstream.requests) == 3


def test_a_question_that_is_half_sent(installed: Installed, upstream: Upstream) -> None:
    """It is answered, although its worker is replaced before the rest arrives."""
    upstream.answers(saying(WHOLE))
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start(SEND_TIMEOUT="1000")
    with half_sent(relay.url) as finish:
        close_exchanges()
        installed.reload(relay, "22")
        assert WHOLE.encode() in finish()


def test_a_question_behind_another(installed: Installed, upstream: Upstream) -> None:
    """One that waits in its connection is answered, although the connection ends after that."""
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start()
    paused = Paused(upstream)
    with connected(relay.url) as line:
        line.sendall(QUESTION)
        received = received_until(line, b"\r\n\r\n")
        line.sendall(QUESTION)
        close_exchanges()
        installed.reload(relay, "22")
        paused.go_on.set()
        while piece := line.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200 ") == received.count(b"\r\n0\r\n\r\n") == 2


def test_a_new_worker_that_crashes(installed: Installed, upstream: Upstream) -> None:
    """Another takes its place, also while the replaced one still has an answer."""
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start()
    paused = Paused(upstream)
    replaced = worker_of(relay)
    reply = keyed(relay.url, new_key())
    first = reply.piece()
    installed.reload(relay, "22")
    [new] = workers_of(relay) - {replaced}
    os.kill(new, signal.SIGKILL)
    eventually(lambda: new not in workers_of(relay))
    assert known(relay) == ("Before", 22)
    paused.go_on.set()
    assert first + reply.text() == WHOLE


def test_stopping_while_replaced_workers_finish(installed: Installed, upstream: Upstream) -> None:
    """A server that is told to stop then waits for their answers too."""
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start()
    paused = Paused(upstream)
    reply = keyed(relay.url, new_key())
    first = reply.piece()
    installed.reload(relay, "22")
    relay.process.terminate()
    relay.wait_for_line("Handling signal: term")
    paused.go_on.set()
    assert first + reply.text() == WHOLE
    assert relay.wait_for_exit() == 0


def test_stopping_while_new_settings_are_tried(installed: Installed) -> None:
    """A server that is told to stop then does not try them to the end."""
    installed.configure(MAX_MESSAGES="11")
    relay = installed.start()
    relay.process.send_signal(signal.SIGHUP)
    relay.wait_for_line("Handling signal: hup")
    relay.process.terminate()
    assert relay.wait_for_exit() == 0


def break_setting(installed: Installed) -> None:
    installed.configure(MAX_MESSAGES="many")


def break_file(installed: Installed) -> None:
    installed.configure(MAX_MESSAGES="\0")


def break_persona(installed: Installed) -> None:
    (installed.personas / "odd.md").write_text(
        "---\nname: Odd\ncolour: red\n---\nBe odd.\n", encoding="utf-8"
    )


def break_proxy(installed: Installed) -> None:
    """Only a worker would notice."""
    installed.configure(HTTPS_PROXY="socks5://nowhere")


def expose(installed: Installed) -> None:
    """With these settings the relay must not listen where it does."""
    installed.configure(MAX_MESSAGES="22")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (break_setting, "MAX_MESSAGES must be a whole number"),
        (break_file, "is not in UTF-8"),
        (break_persona, "line 3: "),
        (break_proxy, "HTTPS_PROXY"),
        (expose, "PUBLIC"),
    ],
)
def test_mistakes(
    installed: Installed, upstream: Upstream, harm: Callable[[Installed], None], reason: str
) -> None:
    """All goes on with what was in force, new workers included, and one line says why."""
    installed.configure(MAX_MESSAGES="11", PUBLIC="1")
    relay = installed.start(HOST="0.0.0.0")
    relay.url = relay.url.replace("0.0.0.0", "127.0.0.1")
    paused = Paused(upstream)
    reply = keyed(relay.url, new_key())
    first = reply.piece()
    harm(installed)
    before = relay.log
    relay.process.send_signal(signal.SIGHUP)
    relay.wait_for_line(f"Nothing is reloaded, .*{reason}")
    assert "Traceback" not in relay.log
    assert "Booting" not in relay.log.removeprefix(before)
    paused.go_on.set()
    assert first + reply.text() == WHOLE
    replace_worker(relay)
    assert known(relay) == ("Before", 11)
    installed.configure(MAX_MESSAGES="22", PUBLIC="1")
    installed.name_persona("After")
    relay.process.send_signal(signal.SIGHUP)
    eventually(lambda: known(relay) == ("After", 22))
