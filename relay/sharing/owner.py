"""The completions that this worker writes, as far as other workers are concerned with them.

Their leases are renewed, messages about them heeded, and when they have ended they are saved. While
somebody on another worker reads one, a publisher is one reader more, and passes its text on.
"""

import itertools
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from functools import partial

from relay.completions.completion import Completion, digest_of
from relay.errors import RelayError, StoreUnreachable
from relay.sharing.background import Background
from relay.sharing.directory import Claim, Directory, Title
from relay.sharing.messages import Messages
from relay.sharing.redis_link import Link
from relay.sharing.stream import Entry, Stream
from relay.upstream import Cancelled

log = logging.getLogger("askbot")

# Readers on other workers are heard of every RENEW_SECONDS; those who are not are gone.
READER_SECONDS = 6.0

# As often as a reader is written to, see FLUSH_INTERVAL_MS.
PUBLISH_SECONDS = 0.033

# How soon a publisher notices, in silence, that nobody reads it any more.
LOOK_UP_SECONDS = 0.5


@dataclass(eq=False, slots=True)
class Owned:
    """`readers` are those on other workers, and when they were last heard of."""

    completion: Completion
    title: Title
    readers: dict[str, float] = field(default_factory=dict)
    is_published: bool = False

    @property
    def is_read(self) -> bool:
        limit = time.monotonic() - READER_SECONDS
        return any(heard > limit for heard in list(self.readers.values()))


class Owner:
    """One for the process. Nothing in it raises StoreUnreachable but `renew`."""

    def __init__(
        self, link: Link, directory: Directory, messages: Messages, background: Background
    ) -> None:
        self.worker = uuid.uuid4().hex
        self._link = link
        self._directory = directory
        self._messages = messages
        self._background = background
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._owned: dict[str, Owned] = {}

    def claim(self, completion: Completion) -> Claim:
        """See `Directory.claim`. With Redis gone everything can be claimed."""
        title = Title(
            digest_of(completion.id),
            f"{self.worker}:{next(self._numbers)}",
            completion.fingerprint,
        )
        try:
            outcome = self._directory.claim(title)
        except StoreUnreachable:
            outcome = "claimed"
        if outcome == "claimed":
            with self._lock:
                self._owned[title.digest] = Owned(completion, title)
        return outcome

    def has(self, completion: Completion) -> bool:
        """Whether it was claimed, and is not saved yet."""
        owned = self._owned.get(digest_of(completion.id))
        return owned is not None and owned.completion is completion

    def ended(self, completion: Completion) -> None:
        """It is to be saved. Does not wait."""
        owned = self._owned.get(digest_of(completion.id))
        if owned is not None and owned.completion is completion:
            self._background.soon(partial(self._save, owned))

    def forget(self, digest: str) -> None:
        """An ended one that could not be saved so far need not be any more."""
        with self._lock:
            self._owned.pop(digest, None)

    def renew(self) -> None:
        """The leases of all that are running; what has ended and is not saved yet is."""
        with self._lock:
            all_owned = list(self._owned.values())
        running = [owned for owned in all_owned if owned.completion.state == "running"]
        self._directory.renew(owned.title for owned in running)
        for owned in all_owned:
            if owned.completion.state != "running":
                self._save(owned)

    def heed(self, verb: str, digest: str, word: str) -> None:
        """A message from another worker, see `relay/messages.py`."""
        owned = self._owned.get(digest)
        if owned is None:
            return
        match verb:
            case "read":
                owned.readers[word] = time.monotonic()
                self._publish(owned)
            case "left":
                owned.readers.pop(word, None)
            case "stop":
                owned.completion.stop()
            case "receipt":
                receipt = owned.completion.receipt().encode()
                self._background.soon(partial(self._messages.reply, word, receipt))

    def _save(self, owned: Owned) -> None:
        completion = owned.completion
        self._directory.save(owned.title, completion.text, completion.receipt())
        with self._lock:
            if self._owned.get(owned.title.digest) is owned:
                del self._owned[owned.title.digest]

    def _publish(self, owned: Owned) -> None:
        with self._lock:
            if owned.is_published:
                return
            owned.is_published = True
        threading.Thread(
            target=self._run_publisher, args=(owned,), name="askbot-publisher", daemon=True
        ).start()

    def _run_publisher(self, owned: Owned) -> None:
        reading = owned.completion.join()
        try:
            publish(owned, Stream(self._link, owned.title.digest))
        except StoreUnreachable:
            log.debug("those who read elsewhere will ask again")
        finally:
            owned.is_published = False
            reading.close()


def publish(owned: Owned, stream: Stream) -> None:
    """Writes the answer into the stream, from its first byte to its receipt, while it is read.

    Raises StoreUnreachable.
    """
    completion, owner = owned.completion, owned.title.owner
    offset = 0
    try:
        while not completion.wait_until_begun(LOOK_UP_SECONDS):
            if not owned.is_read:
                return
        for piece in completion.read(interval=PUBLISH_SECONDS, heartbeat=LOOK_UP_SECONDS):
            if not owned.is_read:
                return
            if piece:
                stream.add(Entry(owner, offset, piece), anew=offset == 0)
                offset += len(piece)
    except StoreUnreachable:
        raise
    except (RelayError, Cancelled):
        log.debug("a published answer failed, as its receipt will say")
    stream.add(Entry(owner, offset, receipt=completion.receipt()), anew=offset == 0)
