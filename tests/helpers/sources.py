"""A scripted source of text, and a completion that reads it, without any server."""

import contextlib
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from relay.completions import Ask, Completion, Reading, Receipt
from relay.errors import RelayError
from relay.journal import Writing
from relay.upstream import Cancellation, Outcome, Thoughts

LIMIT_SECONDS = 20.0

END = Outcome("stop")
FINGERPRINT = b"a question"


Step = bytes | Exception | Thoughts | Outcome


class ScriptedSource:
    """Gives one item of its script at each call. Without items it waits, as a socket does.

    A text is returned, an exception is raised, thoughts are news, and an outcome is the end.
    `asked` is released each time a call begins to wait. The fixture `leave_nothing_open` closes it.
    """

    opened: ClassVar[list["ScriptedSource"]] = []

    def __init__(self, *script: Step) -> None:
        self.ended = False
        self.outcome = Outcome()
        self.thoughts: Thoughts | None = None
        self.asked = threading.Semaphore(0)
        self.is_closed = False
        self._script: deque[Step] = deque()
        # A cancellation wakes a wait, as it wakes a request to the model.
        self._near, self._far = socket.socketpair()
        self._is_waited_for = False
        self.opened.append(self)
        self.give(*script)

    def give(self, *script: Step) -> None:
        for step in script:
            self._script.append(step)
            # The source may be closed by now. A model's server does not know that either.
            with contextlib.suppress(OSError):
                self._far.send(b".")

    @property
    def is_whole(self) -> bool:
        return self.ended

    def begin(self, cancellation: Cancellation) -> "ScriptedSource":
        """The `ask` of a completion: waits for the first text or thought."""
        self._cancellation = cancellation
        try:
            cancellation.attach(self._near)
            self._wait(LIMIT_SECONDS)
            self._raise_next()
            if self._think():
                self._near.recv(1)
        except BaseException:
            self.close()
            raise
        return self

    def next_bytes(self, patience: float = 0) -> bytes:
        if not self._wait(patience or LIMIT_SECONDS):
            assert patience, "the script is over, and whoever reads it waits"
            return b""
        self._near.recv(1)
        self._raise_next()
        if self._think():
            return b""
        step = self._script.popleft()
        if isinstance(step, bytes):
            return step
        assert isinstance(step, Outcome)
        self.ended, self.outcome = True, step
        return b""

    def close(self) -> None:
        assert not self._is_waited_for, "the source is closed under whoever waits for it"
        assert not self.is_closed, "the source is closed twice"
        self.is_closed = True
        self.close_sockets()

    def close_sockets(self) -> None:
        self._near.close()
        self._far.close()

    def _raise_next(self) -> None:
        # In a variable, the exception would form a cycle with this frame.
        if isinstance(self._script[0], Exception):
            raise self._script.popleft()  # type: ignore[misc]

    def _think(self) -> bool:
        if not isinstance(self._script[0], Thoughts):
            return False
        self.thoughts = self._script.popleft()  # type: ignore[assignment]  # See above.
        return True

    def _wait(self, seconds: float) -> bool:
        assert not self.is_closed, "a closed source is read"
        assert not self._is_waited_for, "two wait for the source at the same time"
        self._is_waited_for = True
        try:
            self.asked.release()
            readable, _, _ = select.select([self._near], [], [], seconds)
            self._cancellation.check()
            return bool(readable)
        finally:
            self._is_waited_for = False


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Made:
    """A completion for a test, and the calls that it made."""

    def __init__(self, ask: Ask, *, key: bool = True, grace_seconds: float = 0) -> None:
        self.clock = Clock()
        self.ends: list[tuple[Receipt, RelayError | None]] = []
        self._has_ended = threading.Event()
        writing = Writing("d" * 64, "e" * 32, "worker", FINGERPRINT if key else b"")
        self.completion = Completion(
            "an id",
            writing,
            ask,
            grace_seconds=grace_seconds,
            on_end=self._on_end,
            clock=self.clock,
        )

    @property
    def state(self) -> str:
        return self.completion.receipt().state

    def wait_for_end(self) -> None:
        assert self._has_ended.wait(LIMIT_SECONDS), "it does not end"

    def begun(self) -> Reading:
        """A reading, after the first text."""
        reading = self.completion.join()
        reading.begin()
        return reading

    def _on_end(self, receipt: Receipt, error: RelayError | None) -> None:
        self.ends.append((receipt, error))
        self._has_ended.set()


class Task:
    """A function in a thread, and its result."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> Any:
        """The function's result. Raises its exception."""
        self._thread.join(LIMIT_SECONDS)
        assert not self._thread.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error


def waited_for(event: threading.Semaphore) -> None:
    assert event.acquire(timeout=LIMIT_SECONDS), "nobody came"


def close_sources() -> None:
    """Closes the sources that a test has left open."""
    while ScriptedSource.opened:
        ScriptedSource.opened.pop().close_sockets()
