"""An answer's deadlines and its end, under a clock that goes on only where somebody waits."""

import json
import math

import httpx2
import pytest

from helpers.upstream import chunk
from relay.deadline import Deadline
from relay.errors import ContentFiltered, NoAnswer, UpstreamError, UpstreamTimeout
from relay.intervals import TAIL_SECONDS
from relay.settings import Settings
from relay.upstream.outcome import Thoughts
from relay.upstream.stream import AnswerStream

IDLE_SECONDS, ANSWER_SECONDS = 10, 1000
DONE = b"data: [DONE]\n\n"
RESET = httpx2.RemoteProtocolError("reset inside the response")
USAGE_WITH_REASONING = (
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":8,"total_tokens":9,'
    b'"completion_tokens_details":{"reasoning_tokens":8}}}\n\n'
)
END = b""


def event(text: str = "", reason: str | None = None) -> bytes:
    return f"data: {json.dumps(chunk({'content': text}, reason))}\n\n".encode()


def thought(text: str) -> bytes:
    return f"data: {json.dumps(chunk({'reasoning_content': text}))}\n\n".encode()


class Exchange:
    """What arrives when, in seconds from the start; `now` is moved by waiting for it.

    As with the real one, a read takes all that has arrived, and a fault comes after it.
    """

    def __init__(self, *arrivals: tuple[float, bytes | httpx2.TransportError]) -> None:
        self._arrivals = list(arrivals)
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def read(self, deadline: Deadline) -> bytes:
        left = deadline.left()
        due = math.inf if left is None else self.now + left
        arrives = self._arrivals[0][0] if self._arrivals else math.inf
        assert min(due, arrives) < math.inf, "this would wait for ever"
        self.now = max(self.now, min(due, arrives))
        if arrives > self.now:
            raise httpx2.ReadTimeout("nothing arrived in time")
        pieces: list[bytes] = []
        while self._arrivals and self._arrivals[0][0] <= self.now:
            arrived = self._arrivals[0][1]
            if pieces and (isinstance(arrived, httpx2.TransportError) or not arrived):
                break
            del self._arrivals[0]
            if isinstance(arrived, httpx2.TransportError):
                raise arrived
            pieces.append(arrived)
        return b"".join(pieces)


def answer(
    exchange: Exchange, first_sign: float = 10, *, show_thinking: bool = False
) -> AnswerStream:
    settings = Settings(
        idle_timeout=IDLE_SECONDS, answer_timeout=ANSWER_SECONDS, show_thinking=show_thinking
    )
    return AnswerStream(
        exchange,  # type: ignore[arg-type]  # It has what the stream uses.
        settings,
        Deadline(first_sign, exchange.clock),
        clock=exchange.clock,
    )


def rest(stream: AnswerStream) -> str:
    """All that is still to come, to the end."""
    text = ""
    while not stream.ended:
        text += stream.next_bytes().decode()
    return text


def test_a_readers_pause_is_not_the_models() -> None:
    """However long a reader stays away, the model has its whole time once they wait again."""
    exchange = Exchange((0, event("a")), (508, event("b")), (509, DONE))
    stream = answer(exchange)
    assert stream.next_bytes() == b"a"
    exchange.now = 500
    assert rest(stream) == "b"


def test_waiting_adds_up() -> None:
    """A model that stalls is given up after IDLE_TIMEOUT, in however many waits it passes."""
    exchange = Exchange((0, event("a")))
    stream = answer(exchange)
    assert stream.next_bytes() == b"a"
    for pause in (3, 100, 3):
        exchange.now += pause
        assert stream.next_bytes(patience=3) == b""
    began = exchange.now
    with pytest.raises(UpstreamTimeout):
        stream.next_bytes()
    assert exchange.now == began + 1


def test_each_text_is_a_new_beginning() -> None:
    """Time spent on one text is not taken from the next, and comments are no text."""
    texts = [(9 * step, event(str(step))) for step in range(1, 6)]
    comments = [(46 + step, b": wait\n\n") for step in range(30)]
    exchange = Exchange(*texts, *comments)
    stream = answer(exchange)
    assert "".join(stream.next_bytes().decode() for _ in range(5)) == "12345"
    with pytest.raises(UpstreamTimeout):
        stream.next_bytes()
    assert exchange.now <= 45 + IDLE_SECONDS + 1


def test_the_first_text() -> None:
    """It has its own deadline, from the question on."""
    exchange = Exchange((0, event("")))
    stream = answer(exchange, first_sign=5)
    with pytest.raises(UpstreamTimeout):
        stream.begin()
    assert exchange.now == 5


def test_thinking_is_progress() -> None:
    """A thought is a first sign, and each gives the model IDLE_TIMEOUT more for the next."""
    thoughts = [(9 * step, thought("Hm. ")) for step in range(1, 8)]
    exchange = Exchange(*thoughts, (70, event("a", "stop")), (71, DONE))
    stream = answer(exchange)
    stream.begin()
    assert exchange.now == 9
    assert stream.thoughts == Thoughts(1, "")
    assert rest(stream) == "a"
    assert stream.thoughts is not None
    assert stream.thoughts.text == ""


def test_a_model_that_stops_thinking() -> None:
    """Silence after a thought is a model that stalls."""
    exchange = Exchange((0, event("")), (5, thought("Hm.")))
    stream = answer(exchange)
    stream.begin()
    with pytest.raises(UpstreamTimeout):
        rest(stream)
    assert exchange.now == 5 + IDLE_SECONDS


def test_news_of_thoughts() -> None:
    """They are told at once, then once a second, and the last of them too; shown if wanted."""
    moments = [0, 0.1, 0.2, 0.9, 1.5, 1.6]
    exchange = Exchange(
        *[(moment, thought(f"{moment} ")) for moment in moments],
        (9, event("a", "stop")),
        (9, DONE),
    )
    stream = answer(exchange, show_thinking=True)
    told = []
    while not (text := stream.next_bytes()):
        assert stream.thoughts is not None
        told.append((exchange.now, stream.thoughts.text))
    assert told == [
        (0, "0 "),
        (1.0, "0 0.1 0.2 0.9 "),
        (2.0, "0 0.1 0.2 0.9 1.5 1.6 "),
    ]
    assert text == b"a"


def test_a_reason_with_every_thought() -> None:
    """Some servers send one with every chunk: a thought with a reason is not the end."""
    thoughts = [
        (step, f"data: {json.dumps(chunk({'reasoning': 'Hm. '}, 'stop'))}\n\n".encode())
        for step in range(8)
    ]
    exchange = Exchange(*thoughts, (8, event("a", "stop")), (9, DONE))
    assert rest(answer(exchange)) == "a"


@pytest.mark.parametrize(
    ("arrivals", "raised"),
    [
        ([thought("Hm."), event("", "length")], NoAnswer),
        ([thought("Hm."), event("", "stop")], NoAnswer),
        ([event("", "length")], NoAnswer),
        ([event("<think>Hm."), event("", "length")], NoAnswer),
        ([event("", "stop"), USAGE_WITH_REASONING], NoAnswer),
        ([thought("Hm."), event("", "content_filter")], ContentFiltered),
    ],
)
def test_thoughts_and_nothing_else(arrivals: list[bytes], raised: type[Exception]) -> None:
    """An end without a character is an error after thoughts or at `length`."""
    stream = answer(Exchange((0, b"".join(arrivals)), (1, DONE)))
    with pytest.raises(raised) as caught:
        rest(stream)
    assert type(caught.value) is raised


def test_an_empty_answer() -> None:
    """A model that says nothing, and did not think, has answered."""
    assert rest(answer(Exchange((0, event("", "stop")), (1, DONE)))) == ""


def test_what_has_arrived_is_read_before_it_is_judged() -> None:
    """An answer that was there by its deadline is whole, though its reader comes after it."""
    exchange = Exchange((0, event("a")), (1, event("b")), (2, event("c")), (3, DONE))
    stream = answer(exchange)
    assert stream.next_bytes() == b"a"
    exchange.now = ANSWER_SECONDS + 1
    assert rest(stream) == "bc"


def test_comments_that_never_end() -> None:
    """What comes after the deadline is not read any more, though there always is something."""
    exchange = Exchange(*[(second, b": wait\n\n") for second in range(2 * ANSWER_SECONDS)])
    stream = answer(exchange, first_sign=5)
    with pytest.raises(UpstreamTimeout):
        stream.next_bytes()
    assert exchange.now <= 6


def test_text_that_never_ends() -> None:
    """The whole answer has its limit, however much of it there is."""
    exchange = Exchange(*[(second, event("more ")) for second in range(2 * ANSWER_SECONDS)])
    stream = answer(exchange)
    while exchange.now < ANSWER_SECONDS:
        assert stream.next_bytes()
        exchange.now += 1
    assert stream.next_bytes()
    exchange.now += 1
    with pytest.raises(UpstreamTimeout):
        stream.next_bytes()


def test_the_tail() -> None:
    """After the reason only the usage is waited for, briefly, and by who waits."""
    exchange = Exchange((0, event("a")), (1, event("", "stop")), (2, b": wait\n\n"))
    stream = answer(exchange)
    assert stream.next_bytes() == b"a"
    assert stream.next_bytes(patience=2) == b""
    exchange.now = 100
    assert rest(stream) == ""
    assert exchange.now == 100 + TAIL_SECONDS - 1
    assert stream.outcome.finish_reason == "stop"


@pytest.mark.parametrize("gap", [0, TAIL_SECONDS + 1, IDLE_SECONDS - 1])
def test_a_reason_with_every_chunk(gap: float) -> None:
    """Where the reason comes with text it is not taken for the end."""
    words = [(gap * step, event(f"{step} ", "stop")) for step in range(4)]
    exchange = Exchange(*words, (gap * 4, DONE))
    assert rest(answer(exchange)) == "0 1 2 3 "


def test_text_after_the_reason() -> None:
    """It belongs to the answer."""
    exchange = Exchange((0, event("a")), (1, event("", "stop")), (2, event("b")), (9, DONE))
    assert rest(answer(exchange)) == "ab"


@pytest.mark.parametrize("fault", [None, (3, RESET), (3, END), (3, b"data: {broken\n\n")])
def test_a_reason_that_was_wrong(fault: tuple[float, bytes] | None) -> None:
    """One that text has followed makes nothing of a stall or a break: the answer has failed."""
    arrivals = [(0, event("a", "stop")), (1, event("b", "stop")), *filter(None, [fault])]
    stream = answer(Exchange(*arrivals))
    assert [stream.next_bytes(), stream.next_bytes()] == [b"a", b"b"]
    with pytest.raises((UpstreamError, UpstreamTimeout)):
        rest(stream)


@pytest.mark.parametrize("fault", [None, (3, RESET), (3, END), (3, b"data: {broken\n\n")])
@pytest.mark.parametrize("last", [[event("b", "stop")], [event("b"), event("", "stop")]])
def test_after_the_reason_nothing_is_lost(
    last: list[bytes], fault: tuple[float, bytes] | None
) -> None:
    """Once the model has said why it ended, a stall or a break changes nothing."""
    arrivals = [(0, event("a")), *((1, each) for each in last), *filter(None, [fault])]
    assert rest(answer(Exchange(*arrivals))) == "ab"


@pytest.mark.parametrize("end", [(0, DONE), (1, DONE), (1, END), (1, event("", "stop"))])
def test_half_a_character_at_the_end(end: tuple[float, bytes]) -> None:
    """It is replaced, however the answer ends."""
    half = b'data: {"choices":[{"delta":{"content":"a\\ud83d"},"finish_reason":"stop"}]}\n\n'
    assert rest(answer(Exchange((0, half), end))) == "a\ufffd"


def test_text_held_back_before_a_failure() -> None:
    """A last line that ends in a lone CR is read before the missing end is judged."""
    stream = answer(Exchange((0, event("a").replace(b"\n", b"\r")), (1, END), (1, END)))
    assert stream.next_bytes() == b"a"
    with pytest.raises(UpstreamError):
        rest(stream)


def test_filtered() -> None:
    """A question that is refused without a word is the question's fault; half an answer is not."""
    with pytest.raises(ContentFiltered):
        answer(Exchange((0, event("", "content_filter")), (0, DONE))).begin()
    assert rest(answer(Exchange((0, event("a", "content_filter")), (1, DONE)))) == "a"
