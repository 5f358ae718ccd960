"""A store that finds the completions of other workers too, through a Redis between them.

While Redis is gone it is a store like any other: what was begun goes on, what is asked is answered,
and only what others have cannot be found.
"""

import atexit
import contextlib
import logging
import threading
import time
from typing import Any

from relay.completions.completion import Ask, Completion, digest_of
from relay.completions.source import Source
from relay.completions.store import Store
from relay.errors import IdempotencyKeyReused, StoreUnreachable, UnknownCompletion
from relay.sharing.background import Background
from relay.sharing.directory import Directory
from relay.sharing.elsewhere import Elsewhere
from relay.sharing.messages import Messages
from relay.sharing.owner import Owner
from relay.sharing.redis_link import Link

log = logging.getLogger("askbot")

# A lease outlives two renewals that failed.
RENEW_SECONDS = 2.0
LISTEN_AGAIN_SECONDS = 0.2


class SharedStore(Store):
    """See `Store`; `url` is that of the Redis. Raises ValueError for one that cannot be."""

    def __init__(
        self, url: str, *, grace_seconds: float, ttl_seconds: float, max_bytes: int
    ) -> None:
        super().__init__(grace_seconds=grace_seconds, ttl_seconds=ttl_seconds, max_bytes=max_bytes)
        self._link = Link(url)
        self._messages = Messages(self._link)
        self._background = Background(self._round, RENEW_SECONDS)
        directory = Directory(self._link, ttl_seconds)
        self._owner = Owner(self._link, directory, self._messages, self._background)
        self._elsewhere = Elsewhere(self._link, directory, self._messages, self._background)
        self._started = False

    def open(self, key: str | None, fingerprint: bytes, ask: Ask) -> Completion:
        """See `Store.open`. A key that names another worker's completion gives a mirror of it."""
        self._start()
        return super().open(key, fingerprint, lambda completion: self._begin(completion, ask))

    def get(self, id: str) -> Completion:
        """To be begun by whoever reads it. Raises UnknownCompletion or StoreUnreachable."""
        known = self._known(id)
        if known is not None and not known.is_free:
            return known
        self._start()
        try:
            return self._get_elsewhere(id.lower())
        except (UnknownCompletion, StoreUnreachable):
            if known is None:
                raise
            return known

    def receipt(self, id: str) -> dict[str, Any]:
        """See `Receipt.body`. Raises UnknownCompletion or StoreUnreachable."""
        known = self._known(id)
        if known is not None and not known.is_free and not known.is_mirror:
            return known.receipt().body(known.id)
        self._start()
        try:
            return self._elsewhere.receipt(digest_of(id.lower())).body(id.lower())
        except (UnknownCompletion, StoreUnreachable):
            if known is None:
                raise
            return known.receipt().body(known.id)

    def stop(self, id: str) -> None:
        """Wherever it is being written. Raises UnknownCompletion or StoreUnreachable."""
        known = self._known(id)
        if known is not None and not known.is_free and not known.is_mirror:
            known.stop()
            if known.state != "running" or self._owner.has(known):
                return
        self._start()
        try:
            self._elsewhere.stop(digest_of(id.lower()))
        except (UnknownCompletion, StoreUnreachable):
            # One that is still being claimed is known nowhere else, and will not begin.
            if known is None or known.is_mirror:
                raise

    def check(self) -> None:
        """Raises StoreUnreachable."""
        self._start()
        self._link.do(lambda redis: redis.ping())

    def _begin(self, completion: Completion, ask: Ask) -> Source:
        """Asks the model, unless another worker has the completion already."""
        claim = self._owner.claim(completion)
        if claim == "orphaned":
            with contextlib.suppress(UnknownCompletion, StoreUnreachable):
                self._elsewhere.settle(digest_of(completion.id))
            claim = self._owner.claim(completion)
        if claim == "claimed":
            return ask(completion)
        completion.become_mirror()
        if claim == "other question":
            raise IdempotencyKeyReused()
        return self._elsewhere.follow(completion)

    def _get_elsewhere(self, id: str) -> Completion:
        record = self._elsewhere.find(digest_of(id))
        if record.ended is not None:
            text, receipt = record.ended.text, record.ended.receipt
            return Completion.restored(id, record.fingerprint, text, receipt)
        mirror = Completion(
            id, record.fingerprint, self._elsewhere.follow, grace_seconds=0, on_end=self._keep
        )
        mirror.become_mirror()
        with self._lock:
            # Another reader may have been faster.
            known = self._find(digest_of(id))
            if known is not None and not known.is_free:
                return known
            self._running[digest_of(id)] = mirror
        return mirror

    def _find(self, digest: str) -> Completion | None:
        found = super()._find(digest)
        # A mirror that its readers have left is about to end, though the answer is not.
        if found is not None and found.is_mirror and found.cancellation.cancelled:
            return None
        return found

    def _keep(self, completion: Completion) -> None:
        if not completion.is_mirror:
            self._owner.ended(completion)
            super()._keep(completion)
            return
        with self._lock:
            if self._running.get(digest_of(completion.id)) is completion:
                del self._running[digest_of(completion.id)]

    def _forget(self, digest: str) -> None:
        super()._forget(digest)
        self._owner.forget(digest)

    def _start(self) -> None:
        """With the first request: threads do not survive the fork of a server's workers."""
        if self._started:
            return
        with self._lock:
            if self._started:
                return
            self._started = True
        self._background.start()
        threading.Thread(target=self._listen, name="askbot-listen", daemon=True).start()
        # What has ended just before the process does is saved too.
        atexit.register(self._background.run_round)

    def _round(self) -> None:
        if self._link.up or self._link.probe():
            self._owner.renew()
            self._elsewhere.keep_reading()

    def _listen(self) -> None:
        while True:
            try:
                self._messages.listen(self._owner.worker, self._owner.heed)
            except StoreUnreachable:
                time.sleep(LISTEN_AGAIN_SECONDS)
            except Exception:
                log.exception("a message between workers failed by a fault of our own")
