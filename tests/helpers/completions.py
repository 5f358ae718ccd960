"""Requests about completions with a key, and a script that goes on when the test says so."""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from helpers.client import LIMIT_SECONDS, Exchange
from helpers.limits import HELD_SECONDS
from helpers.upstream import Reply, Upstream


def keyed(url: str, key: str, question: str = "Hi", **fields: Any) -> Exchange:
    return Exchange(url, {"userPrompt": question, **fields}, headers={"Idempotency-Key": key})


def get(url: str, id: str, *, start: int | None = None, **headers: str) -> Exchange:
    """Headers by name: `If_Range="..."`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if start is not None:
        named["Range"] = f"bytes={start}-"
    return Exchange(url, method="GET", path=f"/aiCompletion/{id}", headers=named)


def receipt(url: str, id: str, **headers: Any) -> dict[str, Any]:
    reply = get(url, id, Accept="application/json", **headers)
    assert reply.status == 200
    found: dict[str, Any] = reply.json()
    return found


def stop(url: str, id: str) -> int:
    return Exchange(url, method="DELETE", path=f"/aiCompletion/{id}").status


def new_key() -> str:
    return str(uuid.uuid4())


class Gated:
    """A script that writes one of `texts` at each release by the test, then finishes."""

    def __init__(self, upstream: Upstream, *texts: str) -> None:
        self._turns = threading.Semaphore(0)
        upstream.answers(lambda reply: self._answer(reply, texts))

    def let(self, count: int = 1) -> None:
        for _ in range(count):
            self._turns.release()

    def _answer(self, reply: Reply, texts: tuple[str, ...]) -> None:
        for text in texts:
            assert self._turns.acquire(timeout=HELD_SECONDS)
            reply.text(text)
        assert self._turns.acquire(timeout=HELD_SECONDS)
        reply.finish()


def eventually(condition: Callable[[], bool], seconds: float = LIMIT_SECONDS) -> None:
    """Waits for `condition`, which usually asks the relay. Has a limit."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come true in time"
