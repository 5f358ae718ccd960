"""One answer being written: its text at a pace for the eye, how it ended, what it cost."""

import logging
import time
from collections.abc import Iterator
from typing import Literal

from relay.answer import Answer
from relay.cancellation import Cancelled
from relay.decoder import Usage
from relay.errors import RelayError

log = logging.getLogger("askbot")

State = Literal["running", "finished", "stopped", "failed"]


class Completion:
    """Made from an answer that has begun. `texts` once; `close` in every case."""

    def __init__(self, id: str, answer: Answer, asked_at: float) -> None:
        self.id = id
        self._answer = answer
        self._asked_at = asked_at
        self.first_token_seconds = time.monotonic() - asked_at
        self.characters = 0
        self.state: State = "running"
        self.error: RelayError | None = None

    @property
    def finish_reason(self) -> str | None:
        return self._answer.finish_reason

    @property
    def usage(self) -> Usage | None:
        return self._answer.usage

    def texts(self, *, interval: float, heartbeat: float = 0) -> Iterator[str]:
        """The text in the pieces to be written, the first at once.

        Between two of them at least `interval` seconds pass, and what arrives meanwhile is
        gathered: nobody reads faster, and every write costs. With a `heartbeat`, "" stands for
        each so many seconds of silence. Raises RelayError or Cancelled where the answer breaks.
        """
        while not self._answer.ended:
            text = self._next(heartbeat)
            if text or not self._answer.ended:
                yield text
                if interval and not self._answer.ended:
                    time.sleep(interval)
        self._end("finished")

    def close(self) -> None:
        """Ends the request to the model. An answer not read to its end counts as stopped."""
        self._answer.close()
        self._end("stopped")

    def _next(self, patience: float) -> str:
        try:
            text = self._answer.next_text(patience)
        except RelayError as error:
            self.error = error
            self._end("failed")
            raise
        except Cancelled:
            self._end("stopped")
            raise
        self.characters += len(text)
        return text

    def _end(self, state: State) -> None:
        if self.state != "running":
            return
        self.state = state
        log.log(
            logging.WARNING if state == "failed" else logging.INFO,
            "completion %s %s: %s characters, first text after %.3f s, end after %.3f s, %s%s",
            self.id,
            state,
            self.characters,
            self.first_token_seconds,
            time.monotonic() - self._asked_at,
            f"finish_reason {self.finish_reason}",
            f", {self.error.code}: {self.error.detail}" if self.error else "",
        )
