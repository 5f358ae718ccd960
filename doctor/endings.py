"""What ends an answer on the way: a silence, its length. And is a failure seen?

None of this can be had from a real model. The scripted one does it on command. Who ended an answer
is told by the receipt, not by the clock: if the relay still writes, it was somebody on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from doctor.background_reader import READABLE_ENCODINGS, Reading
from doctor.deployment import Deployment, Receipt, new_id
from doctor.report import Finding, fine, not_checked, wrong
from doctor.scripted_model import Model, Reply, Script

# Common hosts end a request after 30 s without a byte. The relay's own deadlines are shorter.
SILENT_SECONDS = 29.0

# A limit on silence would not end this.
WORD_SECONDS = 0.5

# For everything that is not the script's own time: connecting, and coming to an end.
MARGIN_SECONDS = 60.0

FIRST_SILENCE, SILENCE, DURATION, CUT = (
    "silence before the text",
    "silence in the text",
    "duration",
    "hidden cut",
)
CHECKS = (DURATION, FIRST_SILENCE, SILENCE, CUT)

WITHOUT_MODEL = (
    "No real model does it on command. Start a copy of the relay with OPENAI_BASE_URL set to this "
    "machine, and name the same port with --as-model: see docs/doctor.md."
)
NOT_ASKED = (
    "The relay asks another model than this program: set its OPENAI_BASE_URL to the address that "
    "--as-model names."
)


def say_late(reply: Reply) -> None:
    reply.wait(SILENT_SECONDS)
    reply.text("late")
    reply.finish()


def pause(reply: Reply) -> None:
    reply.text("a word, ")
    reply.wait(SILENT_SECONDS)
    reply.text("and another")
    reply.finish()


def break_off(reply: Reply) -> None:
    reply.text("a word, ")
    reply.wait(1)


@dataclass(frozen=True, slots=True)
class Long:
    """Writes a word now and then, for so many seconds."""

    seconds: float

    def __call__(self, reply: Reply) -> None:
        for _ in range(round(self.seconds / WORD_SECONDS)):
            reply.text("word ")
            reply.wait(WORD_SECONDS)
        reply.finish()


@dataclass(frozen=True, slots=True)
class Ended:
    """How an answer ended. `by_relay` is whether the relay ended it, None if that is unknown."""

    reading: Reading
    by_relay: bool | None

    @property
    def seconds(self) -> float:
        return self.reading.ended_after


class Trial:
    """A question that the scripted model answers in its own way."""

    def __init__(self, deployment: Deployment, model: Model, name: str, script: Script) -> None:
        self._deployment = deployment
        self._id = new_id()
        question = f"{name} {self._id}"
        model.answers(question, script)
        self._reading = deployment.ask(question, self._id)

    def end(self, seconds: float) -> Ended:
        """Waits for the end."""
        is_over = self._reading.wait(seconds + MARGIN_SECONDS)
        receipt = self._deployment.settled_receipt(self._id)
        self._deployment.stop(self._id)
        by_relay = _was_ended_by_relay(self._reading, receipt) if is_over else None
        return Ended(self._reading, by_relay)


def check_endings(deployment: Deployment, model: Model, seconds: float) -> Iterator[Finding]:
    """Three answers at the same time, because each takes a while."""
    long = Trial(deployment, model, DURATION, Long(seconds))
    late = Trial(deployment, model, FIRST_SILENCE, say_late)
    paused = Trial(deployment, model, SILENCE, pause)
    duration = _duration(long.end(seconds))
    yield duration
    for name, trial in ((FIRST_SILENCE, late), (SILENCE, paused)):
        ended = trial.end(SILENT_SECONDS)
        if duration.result == "wrong":
            yield not_checked(name, "First fix what ends answers after a while, silent or not.")
        else:
            yield _silence(name, ended)
    yield _cut(Trial(deployment, model, CUT, break_off).end(0))


def unchecked(why: str) -> list[Finding]:
    return [not_checked(check, why) for check in CHECKS]


def _duration(ended: Ended) -> Finding:
    if ended.by_relay is None:
        return _unknown(DURATION, ended)
    if ended.by_relay:
        return fine(DURATION, f"Nothing on the way ends an answer of {ended.seconds:.0f} s.")
    return wrong(
        DURATION,
        f"Something on the way ended an answer after {ended.seconds:.0f} s, while it was "
        "written. The relay gives an answer ANSWER_TIMEOUT, 300 s.",
        "Raise the proxy's or the host's limit on a whole reply: in Caddy servers > timeouts > "
        "write. Or lower ANSWER_TIMEOUT, so that the relay's own failure comes first.",
    )


def _silence(name: str, ended: Ended) -> Finding:
    if ended.by_relay is None:
        return _unknown(name, ended)
    if ended.by_relay:
        return fine(name, f"Nothing on the way ends a silence of {ended.seconds:.0f} s.")
    status = (
        ""
        if ended.reading.is_answer or ended.reading.response is None
        else (f" with the status {ended.reading.response.status_code}")
    )
    return wrong(
        name,
        f"Something on the way ended an answer{status} {ended.seconds:.0f} s after the question, "
        "because it was silent. A model may think for longer.",
        "Allow at least 30 s of silence: in nginx proxy_read_timeout, in HAProxy timeout "
        "server, in Caddy transport http > read_timeout and response_header_timeout. If a host "
        "does not let you, set FIRST_TEXT_TIMEOUT and IDLE_TIMEOUT below its limit.",
    )


def _cut(ended: Ended) -> Finding:
    if ended.by_relay is None or not ended.reading.is_answer:
        return _unknown(CUT, ended)
    if not ended.by_relay:
        return not_checked(CUT, "Something on the way ended the answer before it broke off.")
    if ended.reading.was_cut:
        return fine(CUT, "An answer that breaks off is seen to break off.")
    return wrong(
        CUT,
        "An answer that broke off ended as if it were whole: something on the way hides the cut. "
        "Askbot's page asks the receipt and is not deceived, other clients are.",
        "In nginx: proxy_http_version 1.1; on every hop. HAProxy 2.6 hides it over HTTP/2: alpn "
        "http/1.1. Caddy 2.6 always hides it: behind it, let clients ask for the receipt, or for "
        "events, which end in [DONE].",
    )


def _unknown(check: str, ended: Ended) -> Finding:
    if not ended.reading.is_over:
        return not_checked(check, "The answer did not come to an end here.")
    response = ended.reading.response
    if response is not None and response.status_code != 200:
        return not_checked(check, f"The question was refused with {response.status_code}.")
    return not_checked(check, "No worker that was met had a receipt of the answer.")


def _was_ended_by_relay(reading: Reading, receipt: Receipt | None) -> bool | None:
    if receipt is None:
        # A refusal of the relay's own needs no receipt.
        is_relays = reading.response is not None and "X-Request-Id" in reading.response.headers
        return True if is_relays and not reading.is_answer else None
    received = len(reading.text) if reading.is_answer else 0
    if receipt.state == "finished" and reading.encoding in READABLE_ENCODINGS:
        # It may have gone on to its end after somebody on the way had ended the reply.
        return received >= receipt.size
    return not receipt.was_left
