"""Where completions are found again: in this process, for a while, within a bound of memory."""

import hmac
import re
import threading
import time
import uuid
from collections import OrderedDict
from typing import Any

from relay.completions.completion import Ask, Completion, digest_of
from relay.errors import IdempotencyKeyReused, InvalidRequest, UnknownCompletion

SWEEP_SECONDS = 1.0

# What is kept of a completion besides its text, roughly.
ENTRY_BYTES = 2048

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Store:
    """Running completions are never forgotten; of the ended ones the least recent goes first.

    `grace_seconds` is how long a completion with a key of the client's goes on without readers,
    `ttl_seconds` how long one is kept after its end, `max_bytes` how much text of ended ones is
    kept altogether (0: no limit).
    """

    def __init__(self, *, grace_seconds: float, ttl_seconds: float, max_bytes: int) -> None:
        self._grace_seconds = grace_seconds
        self._ttl_seconds = ttl_seconds
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        # By the digests of their ids.
        self._running: dict[str, Completion] = {}
        self._ended: OrderedDict[str, Completion] = OrderedDict()
        self._ended_bytes = 0
        self._sweeper: threading.Thread | None = None

    def open(self, key: str | None, fingerprint: bytes, ask: Ask) -> Completion:
        """The completion that `key` names, or a new one for `ask` to begin.

        One that failed without a word is made anew: asking again is what the key is for. Without
        a key it is new and ends with its reader. Raises InvalidRequest for a key that is no UUID,
        and IdempotencyKeyReused if it named another question.
        """
        id = str(uuid.uuid4()) if key is None else _parsed(key)
        with self._lock:
            known = self._find(digest_of(id))
            if known is not None and not hmac.compare_digest(known.fingerprint, fingerprint):
                raise IdempotencyKeyReused()
            if known is not None and not known.is_free:
                return known
            self._forget(digest_of(id))
            completion = Completion(
                id,
                fingerprint,
                ask,
                grace_seconds=self._grace_seconds if key is not None else 0,
                on_end=self._keep,
            )
            self._running[digest_of(id)] = completion
        if key is not None:
            self._sweep_from_now_on()
        return completion

    def get(self, id: str) -> Completion:
        """Raises UnknownCompletion."""
        completion = self._known(id)
        if completion is None:
            raise UnknownCompletion()
        return completion

    def receipt(self, id: str) -> dict[str, Any]:
        """See `Receipt.body`. Raises UnknownCompletion."""
        completion = self.get(id)
        return completion.receipt().body(completion.id)

    def stop(self, id: str) -> None:
        """Raises UnknownCompletion."""
        self.get(id).stop()

    def check(self) -> None:
        """Raises StoreUnreachable if completions cannot be found where they ought to be."""

    def _known(self, id: str) -> Completion | None:
        with self._lock:
            self._forget_old()
            return self._find(digest_of(id.lower()))

    def _find(self, digest: str) -> Completion | None:
        return self._running.get(digest) or self._ended.get(digest)

    def _keep(self, completion: Completion) -> None:
        digest = digest_of(completion.id)
        with self._lock:
            # A failed one may have been replaced under its key by now.
            if self._running.get(digest) is not completion:
                return
            del self._running[digest]
            self._ended[digest] = completion
            self._ended_bytes += completion.size + ENTRY_BYTES
            self._forget_old()

    def _forget_old(self) -> None:
        now = time.monotonic()
        while self._ended:
            digest, oldest = next(iter(self._ended.items()))
            too_old = self._ttl_seconds and now - (oldest.ended_at or now) > self._ttl_seconds
            too_much = self._max_bytes and self._ended_bytes > self._max_bytes
            if not too_old and not too_much:
                return
            self._forget(digest)

    def _forget(self, digest: str) -> None:
        completion = self._ended.pop(digest, None)
        if completion is not None:
            self._ended_bytes -= completion.size + ENTRY_BYTES

    def _sweep_from_now_on(self) -> None:
        with self._lock:
            if self._sweeper is not None:
                return
            self._sweeper = threading.Thread(target=self._sweep, name="askbot-sweep", daemon=True)
        self._sweeper.start()

    def _sweep(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            with self._lock:
                self._forget_old()
                running = list(self._running.values())
            for completion in running:
                completion.give_up_if_alone()


def _parsed(key: str) -> str:
    """A key in one spelling; some clients quote it, as the draft of the header field does."""
    id = key.strip().strip('"').lower()
    if not _UUID.fullmatch(id):
        raise InvalidRequest("Idempotency-Key must be a UUID.")
    return id
