"""A completion on its own: every way from its question to its end, and who is told what."""

import gc
import random
import sys
import threading
import types
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from helpers.sources import END, Made, ScriptedSource, Task, waited_for
from relay.completions import Completion, Receipt, Thought
from relay.completions.completion import MAX_ANSWER_BYTES, UNREAD_SECONDS
from relay.completions.reading import MAX_PIECE_BYTES
from relay.completions.source import Source, Stopped
from relay.errors import (
    Abandoned,
    ContentFiltered,
    NoAnswer,
    RelayError,
    ShuttingDown,
    UpstreamError,
    UpstreamRateLimited,
)
from relay.intervals import HEAD_SECONDS, READ_ELSEWHERE_SECONDS
from relay.upstream import Cancellation, Cancelled, Outcome, Thoughts, Usage


def text_of(pieces: Iterator[bytes]) -> str:
    return b"".join(pieces).decode()


def test_from_the_first_text_to_the_end() -> None:
    """It waits, answers, finishes, and hands out all of its text."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    asking = Task(made.begun)
    waited_for(source.asked)
    assert made.completion.receipt() == Receipt("running", 0, duration_ms=0, phase="waiting")
    made.clock.advance(1.5)
    source.give("안녕".encode())
    asking.result()
    pieces = reading.pieces()
    assert next(pieces).decode() == "안녕"
    receipt = made.completion.receipt()
    assert (receipt.phase, receipt.first_token_ms) == ("answering", 1500)
    usage = Usage(1, 2, 3)
    source.give(b"!", Outcome("stop", usage, "a-model"))
    made.clock.advance(1)
    assert text_of(pieces) == "!"
    ending = Receipt("finished", 7, Outcome("stop", usage, "a-model"), None, 1500, 2500)
    assert made.completion.receipt() == ending
    assert made.ends == [(ending, None)]
    assert source.is_closed


def thoughts_of(*texts: str) -> list[Thoughts]:
    """A sign of thinking for each text, with all thoughts so far."""
    return [Thoughts(count, "".join(texts[:count])) for count in range(1, len(texts) + 1)]


def test_thoughts_before_the_text() -> None:
    """A reader who hears them gets each once, and then the text; the receipt has phase and time."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    asking = Task(lambda: reading.begin(with_thoughts=True))
    waited_for(source.asked)
    first, second = thoughts_of("Hm. ", "Yes.")
    source.give(first)
    asking.result()
    made.clock.advance(2)
    receipt = made.completion.receipt()
    assert (receipt.phase, receipt.thinking, receipt.first_token_ms) == ("thinking", "Hm. ", None)
    assert receipt.thinking_ms == 2000
    pieces = reading.pieces_and_thoughts()
    assert next(pieces) == Thought("Hm. ")
    source.give(second, b"Hello", END)
    assert list(pieces) == [Thought("Yes."), b"Hello"]
    receipt = made.completion.receipt()
    assert (receipt.phase, receipt.thinking, receipt.thinking_ms) == (None, None, 2000)
    assert receipt.first_token_ms == 2000


def test_the_last_thoughts() -> None:
    """They come before the text, also if the answer has ended by then, but not to a new reader."""
    source = ScriptedSource(*thoughts_of("Hm. "))
    made = Made(source.begin)
    reading = made.completion.join()
    reading.begin(with_thoughts=True)
    pieces = reading.pieces_and_thoughts()
    assert next(pieces) == Thought("Hm. ")
    source.give(*thoughts_of("Hm. ", "Yes.")[1:], b"Hello", END)
    assert text_of(made.begun().pieces()) == "Hello"
    made.wait_for_end()
    late = made.completion.join()
    late.begin(with_thoughts=True)
    assert list(late.pieces_and_thoughts()) == [b"Hello"]
    assert list(pieces) == [Thought("Yes."), b"Hello"]


def test_thoughts_for_whoever_wants_only_the_text() -> None:
    """They wait for the text, and are sent nothing of the thoughts."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    asking = Task(reading.begin)
    waited_for(source.asked)
    source.give(*thoughts_of("Hm. ", "Yes."))
    for _ in range(2):
        waited_for(source.asked)
        assert asking.is_running
    source.give(b"Hello", END)
    asking.result()
    assert list(reading.pieces()) == [b"Hello"]


def test_a_long_thought() -> None:
    """After HEAD_SECONDS a reader of the text need not wait for it: the head can leave."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    asking = Task(reading.begin)
    waited_for(source.asked)
    made.clock.advance(HEAD_SECONDS)
    assert asking.is_running
    source.give(*thoughts_of("Hm. "))
    asking.result()
    assert made.completion.receipt().phase == "thinking"
    silence = reading.pieces(heartbeat=0.01)
    assert next(silence) == b""
    source.give(*thoughts_of("Hm. ", "Yes."), b"Hello", END)
    assert text_of(silence) == "Hello"


def test_two_readers_of_a_thinking_model() -> None:
    """The one who does not pull hears each thought too, and a late one all that were shown."""
    source = ScriptedSource()
    made = Made(source.begin)
    source.give(*thoughts_of("Hm. "))
    readings = [made.completion.join() for _ in range(2)]
    for reading in readings:
        reading.begin(with_thoughts=True)
    waited_for(source.asked)
    heard = [Task(partial(list, reading.pieces_and_thoughts())) for reading in readings]
    waited_for(source.asked)
    source.give(Thoughts(2, "Hm. Yes."))
    waited_for(source.asked)
    late = made.completion.join()
    late.begin(with_thoughts=True)
    assert next(late.pieces_and_thoughts()) == Thought("Hm. Yes.")
    source.give(b"Hello", END)
    for each in heard:
        assert [piece for piece in each.result() if piece] == [
            Thought("Hm. "),
            Thought("Yes."),
            b"Hello",
        ]


def test_thoughts_that_are_not_shown() -> None:
    """Each is a sign without text, and the receipt has none either."""
    made = Made(ScriptedSource(Thoughts(1), Thoughts(2), b"Hello", END).begin)
    reading = made.completion.join()
    reading.begin(with_thoughts=True)
    assert made.completion.receipt().thinking is None
    assert list(reading.pieces_and_thoughts()) == [Thought(""), Thought(""), b"Hello"]


def test_thoughts_and_no_answer() -> None:
    """The head may have left; the failure is raised where the text would have come."""
    made = Made(ScriptedSource(Thoughts(1), NoAnswer()).begin)
    reading = made.completion.join()
    reading.begin(with_thoughts=True)
    pieces = reading.pieces_and_thoughts()
    assert next(pieces) == Thought("")
    with pytest.raises(RelayError) as caught:
        next(pieces)
    assert caught.value.code == "no_answer"
    assert made.completion.is_free
    with pytest.raises(RelayError) as caught:
        made.begun()
    assert caught.value.code == "no_answer"


def test_thoughts_for_other_workers() -> None:
    """Each new sign is written down with the phase, and the last is the first text."""
    source = ScriptedSource(*thoughts_of("Hm. "))
    made = Made(source.begin)
    completion, reading = made.completion, made.completion.join()
    assert completion.addition(None).progress is None
    reading.begin(with_thoughts=True)
    pieces = reading.pieces_and_thoughts()
    next(pieces)

    def progress() -> tuple[str | None, str | None] | None:
        written = completion.addition(0).progress
        receipt = Receipt.decode(written) if written else None
        return (receipt.phase, receipt.thinking) if receipt else None

    assert [progress(), progress()] == [("thinking", "Hm. "), None]
    source.give(Thoughts(2, "Hm. Yes."))
    next(pieces)
    assert [progress(), progress()] == [("thinking", "Hm. Yes."), None]
    source.give(b"Hello")
    next(pieces)
    assert [progress(), progress()] == [("answering", None), None]


def test_thoughts_without_a_key() -> None:
    """Nobody can ask for them, so they are not written down, like the text."""
    made = Made(ScriptedSource(*thoughts_of("Hm.")).begin, key=False)
    made.completion.join().begin(with_thoughts=True)
    progress = made.completion.addition(None).progress
    assert progress is not None
    assert Receipt.decode(progress).thinking is None


def test_an_answer_without_text() -> None:
    """A model that ends without a word has finished: the answer is empty."""
    made = Made(ScriptedSource(END).begin)
    assert text_of(made.begun().pieces()) == ""
    assert (made.state, made.completion.is_free) == ("finished", False)


def test_a_failure_before_the_first_text() -> None:
    """All who ask are told the same: its code, words, status and when to come back."""
    error = UpstreamRateLimited(detail="for the log", retry_after_seconds=7)
    source = ScriptedSource()
    made = Made(source.begin)
    asking = [Task(made.begun) for _ in range(3)]
    waited_for(source.asked)
    source.give(error)
    for each in [*asking, Task(made.begun)]:
        with pytest.raises(RelayError) as caught:
            each.result()
        told = caught.value
        assert (told.code, told.status) == ("upstream_rate_limited", 429)
        assert (told.message, told.headers) == (error.message, {"Retry-After": "7"})
        assert "for the log" not in told.detail
    assert made.completion.is_free
    assert [error for _, error in made.ends] == [error]


def test_a_failure_after_the_first_text() -> None:
    """What there is is read, then the failure is raised; the key is not free."""
    made = Made(ScriptedSource(b"Hel", b"lo", UpstreamError(detail="for the log")).begin)
    reading = made.begun()
    pieces = reading.pieces()
    assert [next(pieces), next(pieces)] == [b"Hel", b"lo"]
    with pytest.raises(RelayError) as caught:
        next(pieces)
    assert (caught.value.code, caught.value.detail) == ("upstream_error", "")
    receipt = made.completion.receipt()
    assert (receipt.state, receipt.size, made.completion.is_free) == ("failed", 5, False)
    late = made.begun().pieces()
    assert next(late) == b"Hello"
    with pytest.raises(RelayError):
        next(late)


def test_a_fault_while_asking() -> None:
    """A fault of our own reaches whoever asked as it is, and others as a failed answer."""

    def ask(_: Cancellation) -> Source:
        raise ZeroDivisionError

    made = Made(ask)
    with pytest.raises(ZeroDivisionError):
        made.begun()
    with pytest.raises(RelayError) as caught:
        made.begun()
    assert (caught.value.code, made.state) == ("internal_error", "failed")


def test_a_fault_while_answering() -> None:
    """A fault of our own ends the answer: nobody waits for more of it."""
    source = ScriptedSource(b"Hello", ZeroDivisionError())
    made = Made(source.begin, grace_seconds=30)
    pieces = made.begun().pieces()
    assert next(pieces) == b"Hello"
    with pytest.raises(ZeroDivisionError):
        next(pieces)
    assert (made.state, source.is_closed) == ("failed", True)
    other = made.begun().pieces()
    assert next(other) == b"Hello"
    with pytest.raises(RelayError) as caught:
        next(other)
    assert caught.value.code == "internal_error"


def test_stopped_before_it_was_asked() -> None:
    """The model is not asked any more, and the answer is empty."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    made.completion.stop()
    reading.begin()
    assert (made.state, text_of(reading.pieces())) == ("stopped", "")
    assert not source.asked.acquire(blocking=False)


def test_stopped_before_the_first_text() -> None:
    """Whoever waits for the model is woken, and finds an empty answer."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    asking = [Task(made.begun) for _ in range(2)]
    waited_for(source.asked)
    made.completion.stop()
    for each in asking:
        each.result()
    assert (made.state, text_of(reading.pieces())) == ("stopped", "")
    assert made.ends == [(made.completion.receipt(), None)]


def test_stopped_too_late_for_the_model_to_notice() -> None:
    """A source that came all the same is closed at once."""
    source = ScriptedSource(b"Hello")
    may_return = threading.Event()

    def ask(cancellation: Cancellation) -> Source:
        begun = source.begin(cancellation)
        assert may_return.wait(20)
        return begun

    made = Made(ask)
    asking = Task(made.begun)
    waited_for(source.asked)
    made.completion.stop()
    may_return.set()
    asking.result()
    assert (made.state, source.is_closed) == ("stopped", True)


def test_stopped_while_somebody_waits_for_more() -> None:
    """They are woken, have read what there is, and see an end."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    readers = [Task(lambda: text_of(made.begun().pieces())) for _ in range(3)]
    for _ in range(3):
        # The first text was waited for, then taken, then more was waited for.
        waited_for(source.asked)
    made.completion.stop()
    assert [each.result() for each in readers] == ["Hello"] * 3
    assert (made.state, source.is_closed, len(made.ends)) == ("stopped", True, 1)


def test_stopped_while_nobody_waits() -> None:
    """The request is closed at once, and what was written stays."""
    source = ScriptedSource(b"Hello", b" there")
    made = Made(source.begin)
    pieces = made.begun().pieces()
    assert next(pieces) == b"Hello"
    made.completion.stop()
    assert source.is_closed
    assert text_of(pieces) == ""
    assert made.completion.receipt().size == 5


def test_the_first_reason_counts() -> None:
    """An end that was decided is not changed by what comes after it."""
    made = Made(ScriptedSource(b"Hello").begin)
    made.begun()
    made.completion.stop()
    made.completion.fail(ShuttingDown())
    made.completion.stop()
    assert [receipt.state for receipt, _ in made.ends] == ["stopped"]


def test_a_server_that_ends() -> None:
    """The answer fails with the reason that it was given."""
    made = Made(ScriptedSource(b"Hello").begin)
    pieces = made.begun().pieces()
    assert next(pieces) == b"Hello"
    made.completion.fail(ShuttingDown())
    with pytest.raises(RelayError) as caught:
        next(pieces)
    assert caught.value.code == "shutting_down"


def test_stopped_on_another_worker() -> None:
    """A source that says so ends the answer here as it ended there."""
    made = Made(ScriptedSource(b"Hello", Stopped()).begin)
    assert text_of(made.begun().pieces()) == "Hello"
    assert made.state == "stopped"


def test_the_last_reader_leaves() -> None:
    """Without a time of grace the answer is given up as they leave."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    first, second = made.begun(), made.completion.join()
    first.leave()
    first.leave()
    assert made.state == "running"
    second.leave()
    assert source.is_closed
    failure = made.completion.receipt().failure
    assert failure is not None
    assert (made.state, failure.code) == ("failed", "abandoned")


def test_the_last_reader_leaves_before_the_first_text() -> None:
    """The request to the model ends, and the key is free."""
    source = ScriptedSource()
    made = Made(source.begin)
    reading = made.completion.join()
    asking = Task(reading.begin)
    waited_for(source.asked)
    reading.leave()
    with pytest.raises(RelayError) as caught:
        asking.result()
    assert caught.value.code == "abandoned"
    assert made.completion.is_free


def test_a_time_of_grace() -> None:
    """The answer goes on without readers, and is given up when the time is over."""
    made = Made(ScriptedSource(b"Hello").begin, grace_seconds=30)
    made.begun().leave()
    made.clock.advance(29)
    made.completion.tend()
    assert made.state == "running"
    made.clock.advance(1)
    made.completion.tend()
    made.wait_for_end()
    assert [type(error) for _, error in made.ends] == [Abandoned]


def test_a_reader_comes_back() -> None:
    """The time of grace is counted from when the last of them left."""
    source = ScriptedSource(b"Hello", END)
    made = Made(source.begin, grace_seconds=30)
    made.begun().leave()
    made.clock.advance(29)
    reading = made.completion.join()
    made.clock.advance(60)
    made.completion.tend()
    assert text_of(reading.pieces()) == "Hello"
    assert made.state == "finished"


@pytest.mark.parametrize("grace_seconds", [0, 30])
def test_read_elsewhere(grace_seconds: float) -> None:
    """Letters of other workers keep an answer from being alone, and only for a while."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin, grace_seconds=grace_seconds)
    reading = made.begun()
    made.completion.receive("read")
    reading.leave()
    assert made.state == "running"
    made.clock.advance(grace_seconds + READ_ELSEWHERE_SECONDS - 0.1)
    made.completion.receive("read")
    made.clock.advance(grace_seconds + READ_ELSEWHERE_SECONDS - 0.1)
    made.completion.tend()
    assert made.state == "running"
    made.completion.stop()
    made.wait_for_end()


def test_a_reader_elsewhere_leaves() -> None:
    """When the letters stop, the answer is given up."""
    made = Made(ScriptedSource(b"Hello").begin)
    reading = made.begun()
    made.completion.receive("read")
    reading.leave()
    made.clock.advance(READ_ELSEWHERE_SECONDS)
    made.completion.tend()
    assert [type(error) for _, error in made.ends] == [Abandoned]


def test_a_letter_to_stop() -> None:
    """Another worker's client ends the answer as one of this worker's does."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    made.begun()
    made.completion.receive("stop")
    assert (made.state, source.is_closed) == ("stopped", True)


def test_never_asked() -> None:
    """An answer that nobody has begun is given up as well."""
    source = ScriptedSource()
    made = Made(source.begin, grace_seconds=30)
    made.completion.join().leave()
    made.clock.advance(30)
    made.completion.tend()
    assert made.completion.is_free


def test_two_readers() -> None:
    """Whenever they come, and wherever they begin, they read the same bytes."""
    words = [f"{number} ".encode() for number in range(200)]
    source = ScriptedSource()
    made = Made(source.begin)
    readers = [Task(lambda: text_of(made.begun().pieces())) for _ in range(3)]
    for word in words:
        source.give(word)
    source.give(END)
    whole = b"".join(words).decode()
    assert [each.result() for each in readers] == [whole] * 3
    assert text_of(made.begun().pieces(100)) == whole[100:]


def test_what_has_come_is_read_at_once() -> None:
    """Who joins late is not kept waiting for the source, though another reader waits for it."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    first = Task(lambda: text_of(made.begun().pieces()))
    for _ in range(3):
        waited_for(source.asked)
    assert next(made.begun().pieces()) == b"Hello"
    source.give(END)
    first.result()


def test_a_reader_that_left_waits_no_more() -> None:
    """Another reader may wait for the source in the meantime, for however long."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    waiting = Task(lambda: text_of(made.begun().pieces()))
    for _ in range(3):
        waited_for(source.asked)
    reading = made.begun()
    pieces = reading.pieces(5)
    leaving = Task(lambda: next(pieces))
    reading.leave()
    with pytest.raises(Abandoned):
        leaving.result()
    source.give(END)
    assert waiting.result() == "Hello"


def test_who_left_waits_no_more_for_the_first_text() -> None:
    """Whoever asked goes on waiting for it, and whoever left does not."""
    source = ScriptedSource()
    made = Made(source.begin)
    asking = Task(lambda: text_of(made.begun().pieces()))
    waited_for(source.asked)
    reading = made.completion.join()
    leaving = Task(reading.begin)
    reading.leave()
    with pytest.raises(Abandoned):
        leaving.result()
    source.give(b"Hello", END)
    assert asking.result() == "Hello"


def test_silence() -> None:
    """With a heartbeat nothing stands for each time of silence, for all who read."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    one, other = (made.begun().pieces(heartbeat=0.001) for _ in range(2))
    assert [next(one), next(other)] == [b"Hello", b"Hello"]
    assert [next(one), next(other)] == [b"", b""]
    while source.asked.acquire(blocking=False):
        pass
    waiting = Task(lambda: text_of(made.begun().pieces()))
    waited_for(source.asked)
    assert next(one) == b""
    source.give(b" there", END)
    assert waiting.result() == "Hello there"
    assert text_of(one) == text_of(other) == " there"


def test_large_pieces() -> None:
    """What is written at once is bounded, and ends with a whole character."""
    text = "한글 abc" * MAX_PIECE_BYTES
    made = Made(ScriptedSource(text.encode(), END).begin)
    pieces = list(made.begun().pieces())
    assert max(map(len, pieces)) <= MAX_PIECE_BYTES
    assert "".join(piece.decode() for piece in pieces) == text


def test_an_answer_without_end() -> None:
    """What is kept of it is bounded: then it fails."""
    script = [b"x" * MAX_ANSWER_BYTES, b"x", b"x"]
    source = ScriptedSource(*script)
    made = Made(source.begin)
    with pytest.raises(RelayError) as caught:
        text_of(made.begun().pieces())
    assert caught.value.code == "upstream_error"
    assert made.completion.receipt().size == MAX_ANSWER_BYTES + 1
    assert source.is_closed


def test_seen_on_another_worker() -> None:
    """Who has read further elsewhere finds that much here too, before the head of the reply."""
    source = ScriptedSource(b"Hel", b"lo", b" there", END)
    made = Made(source.begin)
    reading = made.completion.join()
    reading.begin(5)
    assert made.completion.receipt().size >= 5
    assert text_of(reading.pieces(5)) == " there"


def test_further_than_the_end() -> None:
    """Who has read further than the answer goes is not kept waiting for more."""
    made = Made(ScriptedSource(b"Hello", END).begin)
    made.completion.join().begin(100)
    assert made.completion.receipt().size == 5


def test_a_pump() -> None:
    """Where nobody pulls, the text of an answer with a key comes all the same."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin, grace_seconds=30)
    made.begun().leave()
    waited_for(source.asked)
    made.completion.tend()
    source.give(b" there", END)
    for _ in range(3):
        waited_for(source.asked)
    assert text_of(made.begun().pieces()) == "Hello there"


def test_a_pump_beside_a_reader_who_takes_nothing() -> None:
    """They hold up neither the model nor who reads elsewhere."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin)
    reading = made.begun()
    threads = set(threading.enumerate())
    made.completion.tend()
    assert set(threading.enumerate()) <= threads
    waited_for(source.asked)
    made.clock.advance(UNREAD_SECONDS + 0.1)
    made.completion.tend()
    source.give(b" there", END)
    for _ in range(3):
        waited_for(source.asked)
    assert text_of(reading.pieces()) == "Hello there"


def test_only_one_pump() -> None:
    """However often nobody pulls, one thread does, and it stops for a reader."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin, grace_seconds=30)
    made.begun().leave()
    threads = set(threading.enumerate())
    made.completion.tend()
    made.completion.tend()
    assert len(set(threading.enumerate()) - threads) == 1
    for _ in range(3):
        waited_for(source.asked)
    reading = made.begun()
    source.give(b" there")
    pieces = reading.pieces(5)
    assert next(pieces) == b" there"
    source.give(END)
    assert text_of(pieces) == ""


def test_no_pump_without_a_key() -> None:
    """A reader who takes nothing holds up nobody else there, and costs no memory."""
    source = ScriptedSource(b"Hello")
    made = Made(source.begin, key=False)
    made.begun()
    made.clock.advance(100)
    threads = set(threading.enumerate())
    made.completion.tend()
    assert set(threading.enumerate()) <= threads


def test_what_is_written_down() -> None:
    """What is new after a byte; at the end all of the text, with the receipt."""
    source = ScriptedSource(b"Hello", b" there", END)
    made = Made(source.begin)
    pieces = made.begun().pieces()
    assert next(pieces) == b"Hello"
    progress = made.completion.receipt().encode()
    assert made.completion.addition(None)[1:] == (0, b"Hello", None, progress)
    assert made.completion.addition(5)[1:] == (5, b"", None, None)
    assert text_of(pieces) == " there"
    receipt = made.completion.receipt().encode()
    for offset in (None, 5, 11):
        assert made.completion.addition(offset)[1:] == (0, b"Hello there", receipt, None)


def test_what_is_written_down_without_a_key() -> None:
    """Nobody can ask for the text again, so only the receipt is kept."""
    made = Made(ScriptedSource(b"Hello", END).begin, key=False)
    text_of(made.begun().pieces())
    addition = made.completion.addition(None)
    assert (addition.data, addition.receipt) == (b"", made.completion.receipt().encode())


class Witness:
    """Lives as long as the frame that it is a local variable of."""


@pytest.mark.parametrize("script", [(), (b"Hello",)], ids=["before", "after"])
def test_a_failure_is_data(script: tuple[bytes, ...]) -> None:
    """An answer that has failed keeps nothing of where: no exception, no frame, no source."""
    witnesses: list[weakref.ref[Witness]] = []

    class Failing(ScriptedSource):
        def begin(self, cancellation: Cancellation) -> ScriptedSource:
            witness = Witness()
            witnesses.append(weakref.ref(witness))
            return super().begin(cancellation)

        def next_bytes(self, patience: float = 0) -> bytes:
            witness = Witness()
            witnesses.append(weakref.ref(witness))
            return super().next_bytes(patience)

    made = Made(Failing(*script, ContentFiltered()).begin)
    # Nor may it take the garbage collector to see that.
    gc.disable()
    try:
        with pytest.raises(RelayError):
            text_of(made.begun().pieces())
        made.ends.clear()
        assert [witness() for witness in witnesses] == [None] * len(witnesses)
    finally:
        gc.enable()
    assert made.state == "failed"
    kept = {type(each) for each in reachable(made.completion)}
    assert not [kind for kind in kept if issubclass(kind, BaseException)]
    assert not kept & {types.FrameType, types.TracebackType, Failing}


def reachable(root: object) -> list[object]:
    """All that an object keeps alive, but for code and classes."""
    found: dict[int, object] = {}
    todo: list[object] = [root]
    while todo:
        each = todo.pop()
        if id(each) in found or isinstance(each, type | types.ModuleType | types.FunctionType):
            continue
        found[id(each)] = each
        todo += gc.get_referents(each)
    return list(found.values())


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """They take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty_threads")
@pytest.mark.parametrize("seed", range(40))
def test_races(seed: int) -> None:
    """Readers, a stop, and whoever leaves may meet at any moment: there is one end, seen by all."""
    chance = random.Random(seed)
    source = ScriptedSource()
    made = Made(source.begin, grace_seconds=chance.choice([0, 30]))
    everyone = threading.Barrier(5)

    def read() -> str:
        reading = made.completion.join()
        everyone.wait(20)
        read = b""
        try:
            reading.begin()
            for piece in reading.pieces():
                read += piece
                if chance.random() < 0.2:
                    reading.leave()
        except RelayError:
            pass
        return read.decode()

    def write() -> None:
        everyone.wait(20)
        for word in (b"one ", b"two ", b"three "):
            source.give(word)
        if chance.random() < 0.5:
            source.give(END)
        made.completion.tend()

    def stop() -> None:
        everyone.wait(20)
        if chance.random() < 0.8:
            made.completion.stop()
        made.completion.fail(ShuttingDown())

    readers = [Task(read), Task(read), Task(read)]
    stopping = Task(stop)
    write()
    stopping.result()
    made.wait_for_end()
    texts = [each.result() for each in readers]
    assert all("one two three ".startswith(text) for text in texts)
    receipt = made.completion.receipt()
    assert [told for told, _ in made.ends] == [receipt]
    assert receipt.state != "running"


def test_cancelled_without_a_reason() -> None:
    """A request that was called off by nobody we know of counts as given up."""

    def ask(_: Cancellation) -> Source:
        raise Cancelled

    made = Made(ask)
    with pytest.raises(RelayError) as caught:
        made.begun()
    assert caught.value.code == "abandoned"


def test_saved() -> None:
    """Whoever keeps it is told that the journal has all of it."""
    told: list[bool] = []
    made = Made(ScriptedSource(b"Hello").begin)
    completion = Completion(
        "an id",
        made.completion.writing,
        ScriptedSource(END).begin,
        on_saved=lambda: told.append(True),
    )
    completion.saved()
    assert told == [True]
