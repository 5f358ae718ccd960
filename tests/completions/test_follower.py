"""The text of another worker's answer, as records of the journal bring it."""

import pytest

from helpers.sources import Clock, Task
from relay.completions import Failure, Receipt
from relay.completions.follower import Follower
from relay.completions.source import Stopped
from relay.errors import RelayError, UpstreamError
from relay.intervals import LOST_SECONDS
from relay.journal import Journal, Record, Writing
from relay.journal.sqlite import SqliteBackend
from relay.upstream import Cancellation, Cancelled, Outcome, Thoughts

WRITING = Writing("a digest", "an etag", "there", b"a question")
FINISHED = Receipt("finished", 5, Outcome("stop"))
FAILED = Receipt("failed", 5, failure=Failure.of(UpstreamError()))


def record(data: bytes = b"", receipt: Receipt | None = None, *, is_alive: bool = True) -> Record:
    return Record(WRITING, receipt.encode() if receipt else None, is_alive, data)


class Followed:
    """A follower to whom the test brings records, and how it settles them."""

    def __init__(self, first: Record) -> None:
        backend = SqliteBackend(":memory:", ttl_seconds=0, max_bytes=0)
        self.journal = Journal(backend, "here")
        self.clock = Clock()
        self.sizes: list[int] = []
        self.cancellation = Cancellation()
        self.source = Follower(self.journal, first, self._settle, clock=self.clock)

    def begun(self) -> Follower:
        return self.source.begin(self.cancellation)

    @property
    def is_followed(self) -> bool:
        return bool(self.journal._followed)

    def _settle(self, record: Record, size: int) -> Receipt | None:
        self.sizes.append(size)
        if record.receipt is not None:
            return Receipt.decode(record.receipt)
        return None if record.is_alive else FAILED


def test_piece_by_piece() -> None:
    """What each record brings is handed out once, then the end."""
    followed = Followed(record(b"Hel"))
    source = followed.begun()
    assert source.next_bytes() == b"Hel"
    assert (source.offset, source.ended) == (3, False)
    waiting = Task(source.next_bytes)
    source.take(record())
    source.take(record(b"l"))
    assert waiting.result() == b"l"
    source.take(record(b"o", FINISHED))
    assert not source.ended
    assert (source.next_bytes(), source.ended) == (b"o", True)
    assert source.outcome == Outcome("stop")
    assert followed.sizes == [3, 3, 4, 5]
    source.close()
    assert not followed.is_followed


def test_the_first_text() -> None:
    """It is waited for, and the journal is asked for it meanwhile."""
    followed = Followed(record())
    waiting = Task(followed.begun)
    while not followed.is_followed:
        assert waiting.is_running
    followed.source.take(record(b"Hello"))
    assert waiting.result().next_bytes() == b"Hello"
    followed.source.close()


def progress(signs: int, text: str | None) -> Record:
    receipt = Receipt("running", 0, phase="thinking", thinking_ms=signs, thinking=text)
    return record()._replace(progress=receipt.encode())


def test_thoughts_elsewhere() -> None:
    """Whoever waits is told of each new sign, once."""
    followed = Followed(record())
    waiting = Task(followed.begun)
    while not followed.is_followed:
        assert waiting.is_running
    followed.source.take(progress(1, "Hm. "))
    source = waiting.result()
    assert (source.next_bytes(), source.thoughts) == (b"", Thoughts(1, "Hm. "))
    waiting = Task(source.next_bytes)
    source.take(progress(1, "Hm. "))
    source.take(progress(2, None))
    assert (waiting.result(), source.thoughts) == (b"", Thoughts(2, ""))
    source.take(record(b"Hello", Receipt("finished", 5)))
    assert (source.next_bytes(), source.ended) == (b"Hello", True)
    source.close()


def test_another_writing_after_thoughts() -> None:
    """A reader who got thoughts of one writing never gets the text of another."""
    followed = Followed(progress(1, "Hm. "))
    source = followed.begun()
    assert source.next_bytes() == b""
    other = WRITING._replace(etag="another etag")
    source.take(Record(other, None, is_alive=True, data=b"Hello"))
    with pytest.raises(UpstreamError):
        source.next_bytes()
    source.close()


@pytest.mark.parametrize(
    ("last", "raised"),
    [(record(receipt=FAILED), RelayError), (record(receipt=Receipt("stopped", 0)), Stopped)],
)
def test_an_end_before_the_first_text(last: Record, raised: type[Exception]) -> None:
    """Whoever waits is told how it ended, and nothing is followed any more."""
    followed = Followed(record())
    waiting = Task(followed.begun)
    while not followed.is_followed:
        assert waiting.is_running
    followed.source.take(last)
    with pytest.raises(raised):
        waiting.result()
    assert not followed.is_followed


def test_an_empty_answer() -> None:
    """It has an end, and no text."""
    source = Followed(record(receipt=Receipt("finished", 0))).begun()
    assert (source.ended, source.next_bytes()) == (True, b"")


def test_a_failure() -> None:
    """What came with it is handed out first."""
    source = Followed(record(b"Hello", FAILED)).begun()
    assert (source.next_bytes(), source.ended) == (b"Hello", False)
    with pytest.raises(RelayError) as caught:
        source.next_bytes()
    assert caught.value.code == "upstream_error"


def test_stopped() -> None:
    """That is no failure."""
    source = Followed(record(b"Hello", Receipt("stopped", 5))).begun()
    assert source.next_bytes() == b"Hello"
    with pytest.raises(Stopped):
        source.next_bytes()


def test_an_orphan() -> None:
    """An answer whose worker has died ends as it is settled."""
    source = Followed(record(b"Hello")).begun()
    assert source.next_bytes() == b"Hello"
    waiting = Task(source.next_bytes)
    source.take(record(is_alive=False))
    with pytest.raises(RelayError):
        waiting.result()


def test_another_text_in_its_place() -> None:
    """It is never read on in another writing of the answer."""
    source = Followed(record(b"Hel")).begun()
    assert source.next_bytes() == b"Hel"
    waiting = Task(source.next_bytes)
    other = Writing("a digest", "another etag", "there", b"a question")
    source.take(Record(other, None, is_alive=True, data=b"another text"))
    with pytest.raises(RelayError) as caught:
        waiting.result()
    assert caught.value.code == "upstream_error"


def test_asked_again_before_the_first_text() -> None:
    """Nothing was read yet, so the next writing of the answer is as good."""
    followed = Followed(record())
    waiting = Task(followed.begun)
    while not followed.is_followed:
        assert waiting.is_running
    other = Writing("a digest", "another etag", "elsewhere", b"a question")
    followed.source.take(Record(other, None, is_alive=True))
    followed.source.take(Record(other, None, is_alive=True, data=b"Hello"))
    source = waiting.result()
    assert (source.next_bytes(), source.writing) == (b"Hello", other)
    source.close()


def test_a_journal_that_is_gone() -> None:
    """It is waited for, for a while."""
    followed = Followed(record(b"Hel"))
    source = followed.begun()
    assert source.next_bytes() == b"Hel"
    followed.clock.advance(LOST_SECONDS)
    source.take(None)
    assert source.next_bytes(0.001) == b""
    source.take(record(b"lo"))
    assert source.next_bytes() == b"lo"
    followed.clock.advance(LOST_SECONDS)
    source.take(None)
    assert source.next_bytes(0.001) == b""
    followed.clock.advance(0.1)
    source.take(None)
    with pytest.raises(RelayError):
        source.next_bytes()


def test_nobody_reads_it_any_more() -> None:
    """Whoever waits is woken by the next record at the latest."""
    followed = Followed(record(b"Hel"))
    source = followed.begun()
    assert source.next_bytes() == b"Hel"
    waiting = Task(source.next_bytes)
    followed.cancellation.cancel()
    source.take(record())
    with pytest.raises(Cancelled):
        waiting.result()


def test_called_off_before_it_began() -> None:
    """Nothing is followed, and nobody waits."""
    followed = Followed(record())
    followed.cancellation.cancel()
    with pytest.raises(Cancelled):
        followed.begun()
    assert not followed.is_followed


def test_patience() -> None:
    """After so long nothing stands for nothing new."""
    source = Followed(record(b"Hel")).begun()
    assert source.next_bytes(0.001) == b"Hel"
    assert source.next_bytes(0.001) == b""
