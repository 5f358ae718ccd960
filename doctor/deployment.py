"""Requests to a deployed relay, as a page's browser would send them."""

import contextlib
import importlib.util
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from doctor.background_reader import Reading
from relay.doctor_header import ASKING_HEADER, SEEN_HEADER

CONNECT_SECONDS = 10.0
# For a reply that no model has to be asked for.
REPLY_SECONDS = 30.0
# For the next piece of an answer. Every limit that is looked for is shorter.
SILENT_SECONDS = 90.0

# For all workers to hear of the end of an answer, and the pause between two questions about it.
SETTLE_SECONDS, POLL_SECONDS = 3.0, 0.2

# Over https, as browsers do. The package is optional.
SPEAKS_HTTP_2 = importlib.util.find_spec("h2") is not None

# What browsers offer.
ENCODINGS = "gzip, deflate, br, zstd"


class Unreachable(Exception):
    """No reply came. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a request arrived at the relay."""

    protocol: str
    forwarded_for: str
    is_believed: bool
    proxies: int
    time: float

    @classmethod
    def in_reply(cls, headers: httpx2.Headers) -> "Seen | None":
        """None if no relay wrote the reply, or one that does not say."""
        try:
            fields = json.loads(headers.get(SEEN_HEADER, ""))
            return cls(
                protocol=str(fields["protocol"]),
                forwarded_for=str(fields["forwarded_for"]),
                is_believed=bool(fields["is_believed"]),
                proxies=int(fields["proxies"]),
                time=float(fields["time"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The relay's own word on an answer."""

    state: str
    size: int
    error_code: str

    @property
    def was_left(self) -> bool:
        """Whether the answer still runs, or was given up because its reader had left."""
        return self.state == "running" or self.error_code == "abandoned"


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first bytes of a reply."""

    status: int
    headers: httpx2.Headers
    text: bytes


class Deployment:
    """The relay behind an address. Each request has a connection of its own.

    With an `origin` the requests are those of a page there, with a `token` those of its holder.
    """

    def __init__(self, url: str, *, origin: str = "", token: str = "") -> None:
        self.url = url.rstrip("/")
        self.origin = origin
        self.needs_token = bool(token)
        self._headers = {
            "Accept-Encoding": ENCODINGS,
            ASKING_HEADER: "1",
            "User-Agent": "askbot-doctor",
        }
        if origin:
            site = "same-origin" if origin == origin_of(url) else "cross-site"
            self._headers |= {"Origin": origin, "Sec-Fetch-Site": site}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = httpx2.create_ssl_context()

    def request(self, method: str, path: str, **headers: str) -> httpx2.Response:
        """Headers by name: `Last_Event_ID="0"`. Raises Unreachable."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with self._client() as client:
                return client.request(method, self.url + path, headers=named)
        except httpx2.RequestError as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    def begin(self, path: str, size: int, **headers: str) -> Beginning:
        """Reads the first `size` bytes of a reply, which may go on for long. Raises Unreachable."""
        text = b""
        try:
            with (
                self._client() as client,
                client.stream("GET", self.url + path, headers=headers) as response,
            ):
                pieces = response.iter_bytes()
                while len(text) < size and (piece := next(pieces, b"")):
                    text += piece
        except httpx2.RequestError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return Beginning(response.status_code, response.headers, text)

    def ask(self, question: str, id: str) -> Reading:
        """Asks, and reads the answer in the background."""
        client = self._client()
        request = client.build_request(
            "POST",
            f"{self.url}/aiCompletion",
            json={"userPrompt": question},
            headers={"Idempotency-Key": id},
            timeout=httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
        )
        return Reading(client, request)

    def _client(self) -> httpx2.Client:
        """A client for one request."""
        return httpx2.Client(
            headers=self._headers,
            timeout=httpx2.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS),
            verify=self._tls,
            http2=SPEAKS_HTTP_2,
        )

    def receipt(self, id: str) -> Receipt | None:
        """None if the worker that was met does not know the answer, or nothing came."""
        with contextlib.suppress(Unreachable, ValueError, KeyError, TypeError):
            response = self.request("GET", f"/aiCompletion/{id}", Accept="application/json")
            if response.status_code == 200:
                return _receipt(response.json())
        return None

    def settled_receipt(self, id: str) -> Receipt | None:
        """The receipt of an answer that has ended here.

        The worker that is met may hear of the end later, and may not know the answer at all.
        """
        settled_by = time.monotonic() + SETTLE_SECONDS
        found: Receipt | None = None
        while (found is None or found.was_left) and time.monotonic() < settled_by:
            time.sleep(POLL_SECONDS)
            found = self.receipt(id) or found
        return found

    def stop(self, id: str, tries: int = 8) -> int:
        """Stops an answer. Returns the status of the last reply, 0 if there was none."""
        status = 0
        for _ in range(tries):
            with contextlib.suppress(Unreachable):
                status = self.request("DELETE", f"/aiCompletion/{id}").status_code
            if status == 204:
                break
        return status


def origin_of(url: str) -> str:
    """As browsers write it: without the usual port."""
    parts = urlsplit(url)
    host, usual = parts.hostname or "", {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def new_id() -> str:
    return str(uuid.uuid4())


def _receipt(body: Any) -> Receipt:
    return Receipt(str(body["state"]), int(body["bytes"]), (body["error"] or {}).get("code", ""))
