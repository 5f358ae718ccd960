"""The parts that `run` runs: child processes that start, answer and end together."""

import contextlib
import ctypes
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

from local.model_process import LocalModel

READY_SECONDS = 60.0
# The time for the processes to end. Running answers are cut at once on Ctrl-C.
END_SECONDS = 3.0
POLL_SECONDS = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class RunError(Exception):
    """Askbot cannot start, or cannot go on. The message says what to do."""


class Part:
    """A child process in a session of its own, and what it prints.

    The session keeps the terminal's Ctrl-C away from it. Its own children end with it.
    """

    def __init__(
        self,
        command: list[str],
        folder: Path,
        environ: dict[str, str],
        *,
        stop_signal: signal.Signals,
        shown: bool,
        inherited: tuple[int, ...] = (),
    ) -> None:
        self.stop_signal = stop_signal
        self.shown = shown
        self.lines: deque[str] = deque(maxlen=5)
        self.process = subprocess.Popen(  # nosec B603  # The commands are those of `make run`.
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=inherited,
            preexec_fn=partial(_end_with_parent, stop_signal),
        )
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if self.shown:
                # The terminal may be gone; the pipe has to be emptied all the same.
                with contextlib.suppress(OSError):
                    sys.stderr.write(line)

    def said(self, pattern: str) -> re.Match[str] | None:
        """The match of the pattern in one of the last lines that it printed."""
        return next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None)

    def last_words(self) -> str:
        """The last lines it printed before it ended."""
        # Not for ever: something that it started may hold the pipe open.
        self.reading.join(timeout=1.0)
        return "\n  ".join(line for line in self.lines if line)

    def ask_to_stop(self) -> None:
        """Sends the signal for an immediate end."""
        self.shown = False
        self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Waits a moment for its end, then kills it and its children."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _end_with_parent(stop_signal: signal.Signals) -> None:
    """Runs in a new child: asks Linux for a signal when this program is killed outright."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, stop_signal)


Parts = dict[str, Part | LocalModel]
Found = TypeVar("Found")


def wait_for(parts: Parts, failure: str, look: Callable[[], Found | None]) -> Found:
    """The first result of `look`. Raises RunError if a part ends before it, or after a limit."""
    deadline = time.monotonic() + READY_SECONDS
    while not (found := look()):
        check_alive(parts)
        if time.monotonic() > deadline:
            raise RunError(f"{failure} in {READY_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    return found


def answers(url: str) -> bool:
    """Whether a server answers at the address, and without a failure."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=5)
    try:
        connection.request("GET", where.path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check_alive(parts: Parts) -> None:
    """Raises RunError when one of the parts has ended."""
    for name, part in parts.items():
        status = part.process.poll()
        if status is not None:
            raise RunError(f"The {name} ended (status {status}):\n  {part.last_words()}")


@contextlib.contextmanager
def ending_together() -> Iterator[Parts]:
    """A list for the parts. They end when the block is left, in any way."""
    parts: Parts = {}
    try:
        yield parts
    finally:
        _ignore_signals()
        for part in parts.values():
            if isinstance(part, Part):
                part.ask_to_stop()
        for part in parts.values():
            part.stop()


def interrupt(*_: object) -> NoReturn:
    """The handler of all signals that end the program. Raises KeyboardInterrupt once."""
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    # A second Ctrl-C must not disturb the shutdown, which has a time limit.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
