"""What a journal keeps of an answer: its bytes, each at its offset, and in the end its receipt."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

# What is kept of an answer besides its text, roughly.
ENTRY_BYTES = 2048

Verb = Literal["read", "stop"]


class Unavailable(Exception):
    """The journal cannot be used now. The message is for the log."""


class Letter(NamedTuple):
    """To the worker that writes an answer: it is read elsewhere, or is to stop."""

    worker: str
    etag: str
    verb: Verb


class Writing(NamedTuple):
    """One writing of an answer by one worker; the same question asked again is another one.

    The digest stands for the answer's id, which is the capability to read it and never written
    down. Without a fingerprint of the question only the receipt is kept, and no text.
    """

    digest: str
    etag: str
    worker: str
    fingerprint: bytes


class Addition(NamedTuple):
    """What is new of a writing: `data` at byte `offset`, and the receipt if it has ended."""

    writing: Writing
    offset: int
    data: bytes
    receipt: bytes | None = None


class Record(NamedTuple):
    """What is known of a digest. `data` is the text from the offset that was asked for on."""

    writing: Writing
    receipt: bytes | None
    is_alive: bool
    data: bytes = b""


class Backend(Protocol):
    """Every method raises Unavailable. `name` is what the log calls it."""

    name: str
    # Whether it is a server of its own, which other hosts may share.
    is_remote: bool

    def claim(self, writing: Writing, replaced: str = "") -> Record | None:
        """Takes the digest, if nobody has it or if the writing with the etag `replaced` has it.

        Marks the worker alive. Returns None, or the record of the writing that has the digest. Of
        claims that race, in whatever process, one succeeds.
        """

    def write(self, worker: str, additions: Sequence[Addition]) -> tuple[bool, list[Letter]]:
        """Marks the worker alive, writes all additions down, and takes the letters to it.

        Also returns whether the worker's last mark was still there: if not, the journal may have
        lost what was written before. The receipt of another worker's answer is written only if the
        answer has none.
        """

    def read(self, places: Sequence[tuple[str, int]]) -> list[Record | None]:
        """The records of these digests, each with the text from its offset on."""

    def send(self, letters: Sequence[Letter]) -> None:
        """Leaves letters for other workers."""
