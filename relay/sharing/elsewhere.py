"""The completions that other workers are writing or have written, and what can be done to them."""

from functools import partial

from relay.completions.completion import Completion, digest_of
from relay.completions.receipt import Failure, Receipt
from relay.errors import StoreUnreachable, UnknownCompletion, UpstreamError
from relay.sharing.background import Background
from relay.sharing.directory import Directory, Ended, Record
from relay.sharing.messages import Messages, Verb
from relay.sharing.mirror import Mirror
from relay.sharing.redis_link import Link
from relay.sharing.stream import Stream
from relay.upstream import Outcome


class Elsewhere:
    """Every method raises StoreUnreachable, and UnknownCompletion where there is no record."""

    def __init__(
        self, link: Link, directory: Directory, messages: Messages, background: Background
    ) -> None:
        self._link = link
        self._directory = directory
        self._messages = messages
        self._background = background
        self._mirrors: dict[Mirror, str] = {}

    def find(self, digest: str, *, text: bool = True) -> Record:
        """See `Directory.find`."""
        record = self._directory.find(digest, text=text)
        if record is None:
            raise UnknownCompletion()
        return record

    def follow(self, completion: Completion) -> Mirror:
        """A mirror of it with the first text there. Raises, too, what the answer failed with."""
        digest = digest_of(completion.id)
        mirror = Mirror(
            Stream(self._link, digest),
            completion.cancellation,
            say_reading=partial(self._tell, digest, "read"),
            on_close=self._has_left,
        )
        self._mirrors[mirror] = digest
        mirror.begin()
        return mirror

    def keep_reading(self) -> None:
        """Tells the owners that there still are readers here."""
        for mirror, digest in list(self._mirrors.items()):
            self._messages.tell(mirror.owner, digest, "read", mirror.name)

    def receipt(self, digest: str) -> Receipt:
        """Of a running answer as its owner has it now."""
        ended = self.find(digest, text=False).ended
        if ended is not None:
            return ended.receipt
        reply = self._messages.ask_owner(digest)
        return Receipt.decode(reply) if reply else self._end(digest).receipt

    def stop(self, digest: str) -> None:
        """Has the owner stop it, if it is running."""
        if self.find(digest, text=False).ended is None:
            self._tell(digest, "stop", "-")

    def settle(self, digest: str) -> None:
        """Of an answer without an owner: waits for one to show up, or takes it for lost."""
        self._tell(digest, "left", "-")

    def _tell(self, digest: str, verb: Verb, word: str) -> str | Ended:
        """The owner, who has been told; or what there is of an answer that has ended or is lost."""
        return self._messages.tell_owner(digest, verb, word) or self._end(digest)

    def _end(self, digest: str) -> Ended:
        ended = self.find(digest).ended
        if ended is None:
            text = Stream(self._link, digest).text()
            self._directory.bury(digest, text, lost(len(text)))
            ended = self.find(digest).ended
        if ended is None:
            raise StoreUnreachable(detail="an owner was missing and is back", retry_after_seconds=1)
        return ended

    def _has_left(self, mirror: Mirror) -> None:
        digest = self._mirrors.pop(mirror, None)
        if digest is not None:
            tell = partial(self._messages.tell, mirror.owner, digest, "left", mirror.name)
            self._background.soon(tell)


def lost(size: int) -> Receipt:
    """Of an answer whose owner is dead, and of which so many bytes were published."""
    error = UpstreamError("The server that was writing this answer has failed.")
    return Receipt(
        state="failed",
        size=size,
        outcome=Outcome(),
        failure=Failure.of(error),
        first_token_ms=None,
        duration_ms=None,
    )
