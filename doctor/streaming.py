"""One streamed question: is it compressed, and is it held back on the way?

Times of arrival alone cannot tell a proxy that holds an answer back from a model that is slow, or
from a machine that is busy. The receipt can: it says how much text the relay has got. It goes the
same way as the answer, and is never held back, because it is whole at once. So text that is still
missing long after a receipt has told of it, is held back. "Long" is several times what the receipts
themselves take, so that on a slow or busy machine it is longer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctor.background_reader import READABLE_ENCODINGS, Arrival, Reading
from doctor.deployment import Deployment, Unreachable, new_id
from doctor.refusal import refusal
from doctor.report import Finding, fine, not_checked, wrong
from doctor.scripted_model import Reply

# About 500 tokens if nobody stops it, enough for some seconds of a fast model. Small models tell
# stories at length too, while they give up lists.
QUESTION = "Tell a story of about 300 words about a lighthouse keeper and the sea."

# For the first text, and for all of the answer.
ANSWER_SECONDS = 120.0
POLL_SECONDS = 0.2
END_SECONDS = 10.0

# Text that arrives later than this after its receipt was held back.
HELD_SECONDS = 1.5
HELD_DELAYS = 10

ANSWER, COMPRESSION, BUFFERING = "answer", "compression", "buffering"


def write_steadily(reply: Reply) -> None:
    """The script for `QUESTION`: words until the answer is stopped, or long enough."""
    for _ in range(round(ANSWER_SECONDS / POLL_SECONDS)):
        reply.text("word ")
        reply.wait(POLL_SECONDS)
    reply.finish()


@dataclass(frozen=True, slots=True)
class Claim:
    """A receipt: so much text the relay has got, at the latest when the receipt arrived.

    `delay` is how long the receipt took, and how late this program was to ask for it.
    """

    seconds: float
    size: int
    delay: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How long text was missing. `limit` is what counts as held back."""

    missing_seconds: float
    limit: float

    @property
    def is_held(self) -> bool:
        return self.missing_seconds > self.limit


def judge(claims: Sequence[Claim], arrivals: Sequence[Arrival], now: float) -> Verdict | None:
    """None if the answer has not run long enough to tell."""
    claims = [claim for claim in claims if claim.size]
    limit = max([HELD_SECONDS, *(HELD_DELAYS * claim.delay for claim in claims)])
    missing = [_missing_seconds(claim, arrivals, now) for claim in claims]
    if max(missing, default=0) > limit:
        return Verdict(max(missing), limit)
    if claims and now - claims[0].seconds > limit:
        return Verdict(max(missing), limit)
    return None


def _missing_seconds(claim: Claim, arrivals: Sequence[Arrival], now: float) -> float:
    arrived = next((each.seconds for each in arrivals if each.size >= claim.size), now)
    return max(0.0, arrived - claim.seconds)


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to the question: stopped as soon as it has shown what there is to see."""

    id: str
    text: bytes
    stop_status: int


def ask(deployment: Deployment) -> tuple[Asked | None, list[Finding]]:
    """Asks, and stops the answer when all is known. None if there is no answer."""
    id = new_id()
    reading = deployment.ask(QUESTION, id)
    claims: list[Claim] = []
    verdict: Verdict | None = None
    asked_at = reading.seconds
    while not reading.wait(POLL_SECONDS) and reading.seconds < ANSWER_SECONDS:
        receipt = deployment.receipt(id)
        now = reading.seconds
        if receipt is not None:
            claims.append(Claim(now, receipt.size, now - asked_at - POLL_SECONDS))
        verdict = judge(claims, list(reading.arrivals), now)
        if verdict is not None:
            break
        asked_at = now
    if reading.is_over:
        verdict = judge(claims, reading.arrivals, reading.ended_after)
    stop_status = deployment.stop(id)
    reading.wait(END_SECONDS)
    if (mistake := _no_answer(reading)) is not None:
        return None, [mistake]
    findings = [
        _compression(deployment, reading, id),
        _buffering(reading, verdict, knows_receipts=bool(claims)),
    ]
    return Asked(id, reading.text, stop_status), findings


def _no_answer(reading: Reading) -> Finding | None:
    response = reading.response
    if response is None:
        why = reading.why_cut or f"nothing in {reading.seconds:.0f} s"
        return wrong(
            ANSWER,
            f"No reply came to a question: {why}.",
            "See whether the relay's log has an answer for it. If it has, a proxy ended the "
            "request or holds the reply back.",
        )
    if response.status_code == 200:
        return None
    said = refusal(reading.text, response.status_code)
    if "X-Request-Id" not in response.headers:
        fix = "A proxy has refused it: look into its log."
    elif response.status_code == 401:
        fix = "Put an access token into the environment variable ASKBOT_TOKEN."
    elif response.status_code == 403:
        fix = "Add the page's origin to CORS_ORIGINS."
    else:
        fix = f"Look for request {response.headers['X-Request-Id']} in the relay's log."
    return wrong(ANSWER, f"The question was refused: {said}", fix)


def _compression(deployment: Deployment, reading: Reading, id: str) -> Finding:
    encodings = {reading.encoding}
    for form in ("text/plain", "text/event-stream"):
        try:
            reply = deployment.begin(f"/aiCompletion/{id}", 0, Accept=form)
        except Unreachable:
            continue
        encodings.add(reply.headers.get("Content-Encoding", ""))
    used = sorted(encodings - {"", "identity"})
    if not used:
        return fine(COMPRESSION, "Answers are not compressed.")
    return wrong(
        COMPRESSION,
        f"Answers are compressed ({', '.join(used)}). A compressor waits for more text before it "
        "lets any out, and its bytes are not those that Range counts.",
        "Do not compress text/plain and text/event-stream: in nginx take them out of "
        "gzip_types, in Caddy encode only what is not the relay's.",
    )


def _buffering(reading: Reading, verdict: Verdict | None, *, knows_receipts: bool) -> Finding:
    if reading.encoding not in READABLE_ENCODINGS:
        return not_checked(BUFFERING, f"The answer is compressed with {reading.encoding}.")
    if verdict is None:
        if not knows_receipts:
            return not_checked(BUFFERING, "The relay gave no receipt of the answer meanwhile.")
        return not_checked(
            BUFFERING,
            "The answer was written too fast to tell. A longer or slower one shows it: ask again, "
            "or use --as-model.",
        )
    if not verdict.is_held:
        return fine(BUFFERING, "Text arrives as it is written.")
    return wrong(
        BUFFERING,
        f"The answer is held back on the way: text was missing {verdict.missing_seconds:.1f} s "
        "after the relay had got it.",
        "In nginx: proxy_buffering off; or do not ignore the header X-Accel-Buffering. In "
        "HAProxy: no http-response wait-for-body. In Caddy: no response_buffers or "
        "buffer_responses. A CDN: turn off caching and buffering for the relay's addresses.",
    )


def check_stop(asked: Asked) -> Iterator[Finding]:
    """A worker that does not know the answer is the matter of another check."""
    if asked.stop_status == 204:
        yield fine("stop", "Stopping an answer works.")
    elif asked.stop_status != 404:
        yield wrong(
            "stop",
            f"An answer cannot be stopped: DELETE has the status {asked.stop_status}.",
            "Let DELETE pass to /aiCompletion/.",
        )
