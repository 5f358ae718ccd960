"""One answer on its way from the model: its text as it arrives, its deadlines, how it ended."""

import time

import httpx2

from relay.deadline import Deadline
from relay.errors import ContentFiltered, RelayError, UpstreamError, UpstreamTimeout
from relay.settings import Settings
from relay.upstream.decoder import ChunkDecoder
from relay.upstream.exchange import Exchange
from relay.upstream.outcome import Outcome

# Once the model has said why it ended, the text is whole: what may follow is the usage.
TAIL_SECONDS = 2.0


class AnswerStream:
    """`next_bytes` until `ended`; `close` in every case."""

    def __init__(
        self,
        response: httpx2.Response,
        settings: Settings,
        first_text: Deadline,
    ) -> None:
        self._response = response
        self._exchange: Exchange = response.extensions["exchange"]
        self._settings = settings
        self._decoder = ChunkDecoder()
        self._whole = Deadline(settings.answer_timeout)
        self._text_due = first_text.or_sooner(self._whole)
        self._started = False
        self._first = b""
        self._tail: Deadline | None = None
        self._at_end = False

    @property
    def ended(self) -> bool:
        """Whether `next_bytes` has nothing more to give."""
        return self._at_end and not self._first

    @property
    def outcome(self) -> Outcome:
        """What the upstream has said so far besides the text."""
        return self._decoder.outcome

    def begin(self) -> None:
        """Waits for the first text, for `next_bytes` to return; raises what that does."""
        self._first = self.next_bytes()

    def next_bytes(self, patience: float = 0) -> bytes:
        """All the text that has arrived since the last call, waiting for some if there is none.

        It is UTF-8, in whole characters; b"" when the answer has ended, or when `patience` seconds
        (0: no limit) have passed. Raises UpstreamError, UpstreamTimeout, ContentFiltered or
        Cancelled; never before the text that arrived ahead of the fault was returned.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        wake = Deadline(patience)
        while not self._at_end:
            text = b"" if self._decoder.failure else self._advance(wake)
            if text:
                self._started = True
                self._text_due = Deadline(self._settings.idle_timeout).or_sooner(self._whole)
                return text
            if self._decoder.failure is not None:
                self._fail(UpstreamError(detail=str(self._decoder.failure)))
            elif wake.passed:
                return b""
            elif not self._at_end:
                # An upstream that is never silent must not keep the others waiting for their turn.
                time.sleep(0)
        if self.outcome.finish_reason == "content_filter" and not self._started:
            raise ContentFiltered()
        return b""

    def close(self) -> None:
        """Ends the request to the model, if it still runs."""
        self._response.close()

    def _advance(self, wake: Deadline) -> bytes:
        due = self._tail or self._text_due
        if due.passed:
            # Not only where a read would block: there may always be something to read.
            self._fail(UpstreamTimeout(detail="the answer stalled, or took too long"))
            return b""
        try:
            data = self._exchange.read(due.or_sooner(wake))
        except httpx2.ReadTimeout:
            # Either it is due, which the next turn sees, or the caller's patience has ended.
            return b""
        except httpx2.TransportError as error:
            self._fail(UpstreamError(detail=f"{type(error).__name__}: {error}"))
            return b""
        text = self._decoder.feed(data) if data else self._at_end_of_body()
        if self._decoder.done:
            self._at_end = True
        elif self.outcome.finish_reason is not None and self._tail is None:
            self._tail = Deadline(TAIL_SECONDS)
        return text

    def _at_end_of_body(self) -> bytes:
        text = self._decoder.end()
        whole = not self._settings.require_finish_reason and self._decoder.chunks > 0
        if whole:
            self._at_end = True
        else:
            self._fail(UpstreamError(detail="the stream ended without a finish_reason"))
        return text

    def _fail(self, error: RelayError) -> None:
        """A fault after the model has said why it ended takes nothing from the text."""
        if self.outcome.finish_reason is not None:
            self._at_end = True
        else:
            raise error
