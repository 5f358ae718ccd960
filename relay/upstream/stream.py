"""One answer as it arrives from the model: its text, its deadlines and its end."""

import time

import httpx2

from relay.deadline import Allowance, Clock, Deadline
from relay.errors import ContentFiltered, NoAnswer, RelayError, UpstreamError, UpstreamTimeout
from relay.intervals import TAIL_SECONDS, THOUGHT_SECONDS
from relay.settings import Settings
from relay.upstream.decoder import ChunkDecoder, joined
from relay.upstream.exchange import Exchange
from relay.upstream.outcome import Outcome, Thoughts

# More than a reader reads. The rest is not shown.
MAX_THOUGHT_CHARS = 64 * 1024


class AnswerStream:
    """Call `next_bytes` until `ended`, and `close` in every case.

    A sign of the answer is a text or a thought. The limits are `first_sign` for the first one,
    IDLE_TIMEOUT between two, and ANSWER_TIMEOUT for the whole answer. IDLE_TIMEOUT counts only
    while `next_bytes` waits, so that a reader's pause is not charged to the model. Text that
    arrived before a deadline is always delivered.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
        first_sign: Deadline,
        clock: Clock = time.monotonic,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._decoder = ChunkDecoder()
        self._whole = Deadline(settings.answer_timeout, clock)
        self._first_sign: Deadline | None = first_sign
        self._silence = Allowance(settings.idle_timeout, clock)
        self._was_late = False
        self._thoughts: Thoughts | None = None
        self._thought_text = ""
        self._has_news = False
        self._news_due = Deadline.at(clock(), clock)
        self._started = False
        self._first = b""
        self._at_end = False

    @property
    def ended(self) -> bool:
        """Whether `next_bytes` has nothing more to give."""
        return self._at_end and not self._first

    @property
    def is_whole(self) -> bool:
        """Whether the model has said for certain that no text will follow."""
        return self._at_end or self._decoder.ending == "certain"

    @property
    def outcome(self) -> Outcome:
        """The facts that the upstream has reported so far."""
        return self._decoder.outcome

    @property
    def thoughts(self) -> Thoughts | None:
        """The thoughts of which `next_bytes` has told; None if there were none."""
        return self._thoughts

    def begin(self) -> None:
        """Waits for the first sign. Raises the errors of `next_bytes`, which then returns it."""
        self._first = self.next_bytes()

    def next_bytes(self, patience: float = 0) -> bytes:
        """The text that has arrived since the last call. If there is none, waits for some.

        The text is UTF-8, in whole characters. It is b"" at the end of the answer, after `patience`
        seconds (0: no limit), and when there are new thoughts, at most once in THOUGHT_SECONDS.
        Raises UpstreamError, UpstreamTimeout, NoAnswer, ContentFiltered or Cancelled, but first
        returns the text that arrived before the fault.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        with self._silence.spending():
            text = self._wait(Deadline(patience, self._clock))
        self._started = self._started or bool(text)
        if self._at_end and not self._started:
            self._check_silence()
        return text

    def close(self) -> None:
        """Ends the request to the model if it is still running."""
        if self._decoder.done:
            self._exchange.finish()
        else:
            self._exchange.close()

    def _wait(self, wake: Deadline) -> bytes:
        while not self._at_end:
            text = self._advance(wake)
            if text:
                if self._has_news and self._settings.show_thinking:
                    self._tell_news()
                return text
            if not self._at_end:
                if self._has_news:
                    wake = wake.or_sooner(self._news_due)
                if wake.passed:
                    if self._has_news and self._news_due.passed:
                        self._tell_news()
                    return b""
                # Lets the other greenlets run, even if this upstream is never silent.
                time.sleep(0)
        return self._decoder.end()

    def _advance(self, wake: Deadline) -> bytes:
        """One read, and the text that it completes."""
        if self._decoder.failure is not None:
            return self._fail(UpstreamError(detail=self._decoder.failure))
        due = (self._first_sign or self._silence.due).or_sooner(self._whole)
        was_late, self._was_late = self._was_late, due.passed
        if was_late and self._was_late:
            # Checked here and not only at a read, which need not block.
            return self._fail(UpstreamTimeout(detail=f"{self._passed} passed"))
        try:
            return self._text_of(self._exchange.read(due.or_sooner(wake)))
        except httpx2.ReadTimeout:
            # The caller's patience has ended, or the next turn finds the deadline passed.
            return b""
        except httpx2.TransportError as error:
            return self._fail(UpstreamError(detail=f"{type(error).__name__}: {error}"))

    @property
    def _passed(self) -> str:
        """The setting whose time is over."""
        if self._whole.passed:
            return "ANSWER_TIMEOUT"
        return "IDLE_TIMEOUT" if self._first_sign is None else "FIRST_TEXT_TIMEOUT"

    def _text_of(self, data: bytes) -> bytes:
        decoder, ending = self._decoder, self._decoder.ending
        text = decoder.feed(data) if data else self._at_end_of_body()
        has_thought = bool(decoder.thoughts)
        if has_thought:
            self._take_thoughts()
        if decoder.ending == "certain":
            # Only the usage may still follow.
            if ending != "certain":
                self._first_sign = None
                self._silence.renew(TAIL_SECONDS)
        elif text or has_thought:
            self._first_sign = None
            self._silence.renew(self._settings.idle_timeout)
        if decoder.done:
            self._at_end = True
        return text

    def _take_thoughts(self) -> None:
        if self._settings.show_thinking:
            text = joined("".join(self._decoder.thoughts)).decode()
            self._thought_text = (self._thought_text + text)[:MAX_THOUGHT_CHARS]
        self._decoder.thoughts.clear()
        self._has_news = True

    def _tell_news(self) -> None:
        signs = self._thoughts.signs if self._thoughts else 0
        self._thoughts = Thoughts(signs + 1, self._thought_text)
        self._has_news = False
        self._news_due = Deadline(THOUGHT_SECONDS, self._clock)

    def _check_silence(self) -> None:
        """Raises the error of an answer that has ended without text; an empty one may be whole."""
        reason, usage = self.outcome.finish_reason, self.outcome.usage
        if reason == "content_filter":
            raise ContentFiltered()
        has_thought = self._has_news or self._thoughts is not None
        if reason == "length" or has_thought or (usage is not None and usage.reasoning_tokens):
            raise NoAnswer(detail=f"no text, finish_reason {reason}")

    def _at_end_of_body(self) -> bytes:
        text = self._decoder.end()
        if text:
            # The next turn comes here again, without text, and decides.
            return text
        if self._decoder.chunks and not self._settings.require_finish_reason:
            self._at_end = True
            return b""
        return self._fail(UpstreamError(detail="the stream ended without a finish_reason"))

    def _fail(self, error: RelayError) -> bytes:
        """Raises `error`, but takes it for the end if the model has already given a reason."""
        if self._decoder.ending not in ("likely", "certain"):
            raise error
        self._at_end = True
        return b""
