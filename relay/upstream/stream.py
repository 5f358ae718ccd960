"""One answer as it arrives from the model: its text, its deadlines and its end."""

import time

import httpx2

from relay.deadline import Allowance, Clock, Deadline
from relay.errors import ContentFiltered, RelayError, UpstreamError, UpstreamTimeout
from relay.settings import Settings
from relay.timing import TAIL_SECONDS
from relay.upstream.decoder import ChunkDecoder
from relay.upstream.exchange import Exchange
from relay.upstream.outcome import Outcome


class AnswerStream:
    """Call `next_bytes` until `ended`, and `close` in every case.

    The limits are `first_text` for the first text, IDLE_TIMEOUT between two texts, and
    ANSWER_TIMEOUT for the whole answer. IDLE_TIMEOUT counts only while `next_bytes` waits, so that
    a reader's pause is not charged to the model. Text that arrived before a deadline is always
    delivered.
    """

    def __init__(
        self,
        response: httpx2.Response,
        settings: Settings,
        first_text: Deadline,
        clock: Clock = time.monotonic,
    ) -> None:
        self._exchange: Exchange = response.extensions["exchange"]
        self._settings = settings
        self._clock = clock
        self._decoder = ChunkDecoder()
        self._whole = Deadline(settings.answer_timeout, clock)
        self._first_text: Deadline | None = first_text
        self._silence = Allowance(settings.idle_timeout, clock)
        self._was_late = False
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

    def begin(self) -> None:
        """Waits for the first text. Raises the errors of `next_bytes`, which then returns it."""
        self._first = self.next_bytes()

    def next_bytes(self, patience: float = 0) -> bytes:
        """The text that has arrived since the last call. If there is none, waits for some.

        The text is UTF-8, in whole characters. It is b"" at the end of the answer, or after
        `patience` seconds (0: no limit). Raises UpstreamError, UpstreamTimeout, ContentFiltered or
        Cancelled, but first returns the text that arrived before the fault.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        with self._silence.spending():
            text = self._wait(Deadline(patience, self._clock))
        filtered = self._at_end and self.outcome.finish_reason == "content_filter"
        if filtered and not text and not self._started:
            raise ContentFiltered()
        self._started = self._started or bool(text)
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
                return text
            if not self._at_end:
                if wake.passed:
                    return b""
                # Lets the other greenlets run, even if this upstream is never silent.
                time.sleep(0)
        return self._decoder.end()

    def _advance(self, wake: Deadline) -> bytes:
        """One read, and the text that it completes."""
        if self._decoder.failure is not None:
            return self._fail(UpstreamError(detail=self._decoder.failure))
        due = (self._first_text or self._silence.due).or_sooner(self._whole)
        was_late, self._was_late = self._was_late, due.passed
        if was_late and self._was_late:
            # Checked here and not only at a read, which need not block.
            return self._fail(UpstreamTimeout(detail="the answer stalled, or took too long"))
        try:
            return self._text_of(self._exchange.read(due.or_sooner(wake)))
        except httpx2.ReadTimeout:
            # The caller's patience has ended, or the next turn finds the deadline passed.
            return b""
        except httpx2.TransportError as error:
            return self._fail(UpstreamError(detail=f"{type(error).__name__}: {error}"))

    def _text_of(self, data: bytes) -> bytes:
        decoder, ending = self._decoder, self._decoder.ending
        text = decoder.feed(data) if data else self._at_end_of_body()
        if decoder.ending == "certain":
            # Only the usage may still follow.
            if ending != "certain":
                self._first_text = None
                self._silence.renew(TAIL_SECONDS)
        elif text:
            self._first_text = None
            self._silence.renew(self._settings.idle_timeout)
        if decoder.done:
            self._at_end = True
        return text

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
