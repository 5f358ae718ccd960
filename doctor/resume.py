"""Can an answer be read on, whichever worker is met?"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from doctor.deployment import Beginning, Deployment, Unreachable
from doctor.report import Finding, fine, wrong
from doctor.streaming import Asked

CHECK = "resume"

# At the same time, so that workers who take turns and workers who are idle are all met.
READERS = 8


def check_resume(deployment: Deployment, asked: Asked) -> Iterator[Finding]:
    """Reads the answer on from its middle, over several connections."""
    offset = len(asked.text) // 2
    expected = asked.text[offset:]

    def read_on(_: int) -> Beginning | None:
        path, rest = f"/aiCompletion/{asked.id}", f"bytes={offset}-"
        try:
            return deployment.begin(path, len(expected), Range=rest)
        except Unreachable:
            return None

    with ThreadPoolExecutor(READERS) as pool:
        replies = list(pool.map(read_on, range(READERS)))
    found = [each for each in replies if each is not None and each.status != 404]
    lost = READERS - len(found)
    if lost:
        yield wrong(
            CHECK,
            f"{lost} of {READERS} requests for an answer did not find it: it is not known to all "
            "workers.",
            "Workers of one host share answers in STATE_FILE: the log says if it cannot be used. "
            "Hosts share them in a Redis: set the same REDIS_URL for all. If none finds it, see "
            "that ANSWER_TTL_SECONDS is long enough.",
        )
    mistake = next(filter(None, (_mistake(each, expected) for each in found)), "")
    if mistake:
        yield wrong(
            CHECK,
            f"An answer cannot be read on: {mistake}",
            "Pass the headers Range, If-Range and Content-Range on, and cache nothing of the "
            "relay's.",
        )
    elif not lost:
        yield fine(CHECK, f"{READERS} readers read an answer on from its middle.")


def _mistake(reply: Beginning, expected: bytes) -> str:
    if reply.status == 200:
        return "the reply begins at the start of the answer, as if nothing had been said of a part."
    if reply.status != 206:
        return f"the reply has the status {reply.status}."
    if "Content-Encoding" not in reply.headers and not reply.text.startswith(expected):
        return "the reply has other text."
    return ""
