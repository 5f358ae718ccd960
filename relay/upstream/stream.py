"""One answer on its way from the model: its text as it arrives, its deadlines, how it ended."""

import time

import httpx2

from relay.deadline import Deadline
from relay.errors import ContentFiltered, RelayError, UpstreamError, UpstreamTimeout
from relay.settings import Settings
from relay.upstream.decoder import ChunkDecoder, Usage
from relay.upstream.exchange import Body

# Once the model has said why it ended, the text is whole: what may follow is the usage.
TAIL_SECONDS = 2.0


class Answer:
    """`next_text` until `ended`; `close` in every case.

    `finish_reason`, `usage` and `model` are what the upstream has said so far.
    """

    def __init__(
        self,
        response: httpx2.Response,
        settings: Settings,
        first_text: Deadline,
    ) -> None:
        self._response = response
        self._body: Body = response.extensions["body"]
        self._settings = settings
        self._decoder = ChunkDecoder()
        self._whole = Deadline(settings.answer_timeout)
        self._text_due = first_text.or_sooner(self._whole)
        self._started = False
        self._first = ""
        self._tail: Deadline | None = None
        self._at_end = False

    @property
    def ended(self) -> bool:
        """Whether `next_text` has nothing more to give."""
        return self._at_end and not self._first

    @property
    def finish_reason(self) -> str | None:
        return self._decoder.finish_reason

    @property
    def usage(self) -> Usage | None:
        return self._decoder.usage

    @property
    def model(self) -> str | None:
        return self._decoder.model

    def begin(self) -> None:
        """Waits for the first text, for `next_text` to return; raises what that does."""
        self._first = self.next_text()

    def next_text(self, patience: float = 0) -> str:
        """All the text that has arrived since the last call, waiting for some if there is none.

        "" when the answer has ended, or when `patience` seconds (0: no limit) have passed.
        Raises UpstreamError, UpstreamTimeout, ContentFiltered or Cancelled; never before the text
        that arrived ahead of the fault was returned.
        """
        if self._first:
            first, self._first = self._first, ""
            return first
        wake = Deadline(patience)
        while not self._at_end:
            text = "" if self._decoder.failure else self._advance(wake)
            if text:
                self._started = True
                self._text_due = Deadline(self._settings.idle_timeout).or_sooner(self._whole)
                return text
            if self._decoder.failure is not None:
                self._fail(UpstreamError(detail=str(self._decoder.failure)))
            elif wake.passed:
                return ""
            elif not self._at_end:
                # An upstream that is never silent must not keep the others waiting for their turn.
                time.sleep(0)
        if self.finish_reason == "content_filter" and not self._started:
            raise ContentFiltered()
        return ""

    def close(self) -> None:
        """Ends the request to the model, if it still runs."""
        self._response.close()

    def _advance(self, wake: Deadline) -> str:
        due = self._tail or self._text_due
        if due.passed:
            # Not only where a read would block: there may always be something to read.
            self._fail(UpstreamTimeout(detail="the answer stalled, or took too long"))
            return ""
        try:
            data = self._body.read(due.or_sooner(wake))
        except httpx2.ReadTimeout:
            # Either it is due, which the next turn sees, or the caller's patience has ended.
            return ""
        except httpx2.TransportError as error:
            self._fail(UpstreamError(detail=f"{type(error).__name__}: {error}"))
            return ""
        text = self._decoder.feed(data) if data else self._at_end_of_body()
        if self._decoder.done:
            self._at_end = True
        elif self.finish_reason is not None and self._tail is None:
            self._tail = Deadline(TAIL_SECONDS)
        return text

    def _at_end_of_body(self) -> str:
        text = self._decoder.end()
        whole = not self._settings.require_finish_reason and self._decoder.chunks > 0
        if whole:
            self._at_end = True
        else:
            self._fail(UpstreamError(detail="the stream ended without a finish_reason"))
        return text

    def _fail(self, error: RelayError) -> None:
        """A fault after the model has said why it ended takes nothing from the text."""
        if self.finish_reason is not None:
            self._at_end = True
        else:
            raise error
