"""The relay as an operator runs it: a real gunicorn, or another server, in its own process."""

import contextlib
import json
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, ClassVar

from bench.limits import HIGH
from helpers.client import Exchange
from helpers.limits import HELD_SECONDS, WAIT_SECONDS
from helpers.upstream import Upstream
from relay.settings import Settings, variable

PROJECT = Path(__file__).resolve().parents[2]

# Must appear in no log and no reply. Several tests check that.
KEY = "sk-test-key-of-nobody"

# Long enough that no held-back answer ends by one of these on a slow machine.
PATIENT = {
    "FIRST_TEXT_TIMEOUT": f"{2 * HELD_SECONDS:g}",
    "IDLE_TIMEOUT": f"{2 * HELD_SECONDS:g}",
    "RESUME_GRACE_SECONDS": f"{2 * HELD_SECONDS:g}",
}


def with_intervals(**seconds: float) -> dict[str, Any]:
    """Arguments of `start_relay` for a relay with other values for some of `relay.intervals`."""
    settings = str(PROJECT / "tests/helpers/intervals.conf.py")
    return {
        "command": [sys.executable, "-m", "gunicorn", "-c", settings, "app:app"],
        "TEST_INTERVALS": json.dumps(seconds),
    }


# A server that is told to stop cuts answers after 4.5 s, leaves readers after 6 s, and is killed
# after 9 s. Otherwise half a second is between the last two, for which a machine may stand still.
LATE_KILL = with_intervals(CLOSING_SECONDS=5.0, LEAVING_SECONDS=3.0) | {"GRACEFUL_TIMEOUT": "9"}

# How much of each log a failed test shows.
SHOWN_LINES = 40

_ADDRESS = re.compile(r"""(?:Listening at:|Running on) (http://[^\s"]+:[0-9]+)""")
# Each relay of the test run keeps its answers in a folder of its own in here.
_STATE = TemporaryDirectory(prefix="askbot-")
# Variables of a developer's shell that must not reach a test.
_SETTINGS = {variable(each) for each in fields(Settings)}
_FOREIGN = re.compile(r"OPENAI_|.*_PROXY$|.*_proxy$|SSL_CERT|PAGE_PORT$|GUNICORN")


class RelayProcess:
    """A relay with the given settings only, with high limits unless they set others.

    `url` is its address. It inherits the descriptors `pass_fds`.
    """

    # Those that run, and those that have ended in this test.
    started: ClassVar[list["RelayProcess"]] = []

    def __init__(
        self,
        settings: dict[str, str],
        *,
        command: list[str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        environ = {
            name: value
            for name, value in os.environ.items()
            if name not in _SETTINGS and not _FOREIGN.match(name)
        }
        environ |= {"PORT": "0", "PYTHONUNBUFFERED": "1", "FLASK_SKIP_DOTENV": "1"}
        # A state file is named after its port, which an earlier relay may have had.
        environ |= {"XDG_STATE_HOME": mkdtemp(dir=_STATE.name)} | HIGH | settings
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._log: list[str] = []
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "gunicorn", "app:app"],
            cwd=PROJECT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.started.append(self)

    @property
    def log(self) -> str:
        """Its output so far."""
        return "".join(self._log)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of its log so far, which are JSON where it does not write to a terminal."""
        return [json.loads(line) for line in list(self._log)]

    def records_of(self, event: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["event"] == event]

    def is_ready(self) -> bool:
        """Whether it says that it can serve. A server that stops does not."""
        try:
            return Exchange(self.url, method="GET", path="/ready").status == 200
        except ConnectionError:
            return False

    def wait_for_url(self) -> str:
        match = self.wait_for_line(_ADDRESS)
        self.url = match[1]
        return self.url

    def wait_for_line(
        self, pattern: "str | re.Pattern[str]", seconds: float = WAIT_SECONDS
    ) -> re.Match[str]:
        """The first line that matches, after the line of the last wait."""
        with contextlib.suppress(queue.Empty):
            while (line := self._lines.get(timeout=seconds)) is not None:
                if match := re.search(pattern, line):
                    return match
        raise AssertionError(f"no line like {pattern!r} in time; the log:\n{self.log}")

    def wait_for_record(self, event: str, **fields: object) -> dict[str, Any]:
        """The first line with this event and these fields, after the line of the last wait."""
        while True:
            record: dict[str, Any] = json.loads(self.wait_for_line("^{").string)
            if record.items() >= ({"event": event} | fields).items():
                return record

    def wait_for_exit(self) -> int:
        """Waits for its own end and for the rest of its log. Returns the exit status."""
        status = self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        return status

    def stop(self) -> int:
        """Sends SIGTERM. Returns the exit status."""
        if self.process.returncode is not None:
            # Its process group may be another's by now.
            return self.process.returncode
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(WAIT_SECONDS)
        finally:
            # A reloader does not end the server that it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._log.append(line)
                self._lines.put(line)
        self._lines.put(None)


def forget_ended() -> None:
    """Forgets the processes that have ended, for the next test."""
    RelayProcess.started[:] = [
        each for each in RelayProcess.started if each.process.returncode is None
    ]


def last_lines() -> Iterator[tuple[str, str]]:
    """The command, and the end of the log, of each process of this test."""
    for each in RelayProcess.started:
        command = each.process.args
        named = shlex.join(map(str, command)) if isinstance(command, list) else str(command)
        yield named, "".join(each.log.splitlines(keepends=True)[-SHOWN_LINES:])


StartRelay = Callable[..., RelayProcess]
ServePage = Callable[..., RelayProcess]


def start(upstream: Upstream, settings: dict[str, str], command: list[str] | None) -> RelayProcess:
    defaults = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": KEY}
    relay = RelayProcess(defaults | settings, command=command)
    relay.wait_for_url()
    return relay


def workers_of(relay: RelayProcess) -> set[int]:
    """The process ids of the workers."""
    children = Path(f"/proc/{relay.process.pid}/task/{relay.process.pid}/children")
    return set(map(int, children.read_text(encoding="ascii").split()))


def worker_of(relay: RelayProcess) -> int:
    """The process id of the only worker."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if found := workers_of(relay):
            return found.pop()
    raise AssertionError("gunicorn has no worker")
