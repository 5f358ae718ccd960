"""A reply that is read in the background while it arrives."""

import contextlib
import threading
import time
from dataclasses import dataclass

import httpx2

# These can be read without other packages than the project has.
READABLE_ENCODINGS = ("", "identity", "gzip", "deflate")


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the text had reached this size."""

    seconds: float
    size: int


class Reading:
    """A request over a client of its own, and its reply so far. `seconds` count from the request.

    `was_cut` is about the whole reply: the connection broke, or no reply came at all.
    """

    def __init__(self, client: httpx2.Client, request: httpx2.Request) -> None:
        self._client, self._request = client, request
        self._began = time.monotonic()
        self._over = threading.Event()
        self.response: httpx2.Response | None = None
        self.arrivals: list[Arrival] = []
        self.text = b""
        self.was_cut = False
        self.why_cut = ""
        self.ended_after = 0.0
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    @property
    def is_answer(self) -> bool:
        """Whether the reply has an answer, and no refusal."""
        return self.response is not None and self.response.status_code == 200

    @property
    def encoding(self) -> str:
        """The reply's compression; "" without one."""
        if self.response is None:
            return ""
        encoding: str = self.response.headers.get("Content-Encoding", "").lower()
        return "" if encoding == "identity" else encoding

    def wait(self, seconds: float) -> bool:
        """Waits for the end of the reply. False if it is not there in time."""
        return self._over.wait(seconds)

    def _read(self) -> None:
        try:
            with (
                self._client as client,
                contextlib.closing(client.send(self._request, stream=True)) as response,
            ):
                self.response = response
                for piece in response.iter_bytes():
                    self.text += piece
                    self.arrivals.append(Arrival(self.seconds, len(self.text)))
        except httpx2.RequestError as error:
            self.was_cut = True
            self.why_cut = str(error) or type(error).__name__
        finally:
            self.ended_after = self.seconds
            self._over.set()
