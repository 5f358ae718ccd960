"""The interface of a journal's storage, and the records in it: bytes at offsets, and receipts."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

# The approximate size of an answer's record without its text.
ENTRY_BYTES = 2048

Verb = Literal["read", "stop"]


class Unavailable(Exception):
    """The journal cannot be used now. The message is for the log."""


class Letter(NamedTuple):
    """A message to the worker that writes an answer: it is read elsewhere, or must stop."""

    worker: str
    etag: str
    verb: Verb


class Writing(NamedTuple):
    """One writing of an answer by one worker. The same question asked again is another writing.

    The digest stands for the answer's id. The id itself is never written down, because it allows to
    read the answer. Without a fingerprint of the question only the receipt is kept, and no text.
    """

    digest: str
    etag: str
    worker: str
    fingerprint: bytes


class Addition(NamedTuple):
    """New bytes of a writing: `data` at byte `offset`, and the receipt if it has ended.

    `progress` is the receipt so far, if it says more than the text.
    """

    writing: Writing
    offset: int
    data: bytes
    receipt: bytes | None = None
    progress: bytes | None = None


class Position(NamedTuple):
    """Where to read an answer: from byte `offset` on.

    Whoever has read the text before it gives the `etag` and the `beat` of the record that they had.
    The search for the rest then goes back only that far.
    """

    digest: str
    offset: int = 0
    etag: str = ""
    beat: int = 0


class Record(NamedTuple):
    """The stored state of a digest. `data` is the text from the requested offset on.

    `progress` is the last one of an answer that has not ended. All of the text is from `beat` or
    before.
    """

    writing: Writing
    receipt: bytes | None
    is_alive: bool
    data: bytes = b""
    progress: bytes | None = None
    beat: int = 0


class Bucket(NamedTuple):
    """One limit of a question: it takes `amount`, if the bucket then holds no more than `most`.

    A bucket is a count, which is kept for `seconds` at least. With 0 seconds it is the set of
    running answers, each for as long as its worker is alive.
    """

    key: str
    amount: int
    most: int
    seconds: int

    def lacks(self, held: int) -> bool:
        """Whether it holds so much that it cannot give the amount."""
        return held + self.amount > self.most


class Taking(NamedTuple):
    """What a question takes: from all of its buckets or from none. `id` is that of its answer."""

    id: str
    buckets: Sequence[Bucket]


class Taken(NamedTuple):
    """Whether a question could take, and what each of its buckets held before."""

    has_taken: bool
    held: Sequence[int]


class Change(NamedTuple):
    """An amount to add to a count, or to take from it if it is negative."""

    key: str
    amount: int
    seconds: int


class Settlement(NamedTuple):
    """The ends of answers: each leaves a bucket of running ones, and some counts change.

    `left` has the bucket's key and the answer's id. An answer that has left may leave again.
    """

    left: Sequence[tuple[str, str]] = ()
    changes: Sequence[Change] = ()


class Backend(Protocol):
    """Stores the journal. Every method raises Unavailable. `name` is its name in the log."""

    name: str
    # Whether the backend is a server, which several hosts may share.
    is_remote: bool

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        """Takes the digest, if nobody has it or if the writing with the etag `replaced` has it.

        Marks the worker alive. Returns None, or the record of the writing that has the digest. One
        of several simultaneous claims succeeds, also between processes.
        """

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        """Marks the worker alive, writes all additions, and returns the letters to the worker.

        Also returns whether the worker's last mark was still there. If not, the journal may have
        lost earlier additions. The receipt of another worker's answer is written only if the answer
        has none.
        """

    def read(self, positions: Sequence[Position]) -> list[Record | None]:
        """The record at each of these positions."""

    def send(self, letters: Sequence[Letter]) -> None:
        """Leaves letters for other workers."""

    def take(self, worker: str, takings: Sequence[Taking]) -> list[Taken]:
        """Takes for each in turn, as far as there is enough, and marks the worker alive.

        Several simultaneous calls never take more than `most` together, also between processes.
        """

    def give_back(self, worker: str, settlement: Settlement) -> None:
        """Settles ended answers of the worker."""
