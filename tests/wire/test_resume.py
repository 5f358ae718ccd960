"""Reading on: what a failed answer looks like from there, and which writing of it is meant."""

import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.client import Exchange, ask
from helpers.completions import eventually, get, keyed, new_key
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Reply, Upstream, saying

CLIENT_SECONDS = 60


@pytest.fixture
def failed(relay: RelayProcess, upstream: Upstream) -> str:
    """The address of an answer that broke off after "Hello there"."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello there")
        reply.event("{broken")

    key = new_key()
    assert keyed(relay.url, key).text_before_cut() == "Hello there"
    return f"{relay.url}/aiCompletion/{key}"


@pytest.fixture
def broken_file(tmp_path: Path) -> Path:
    """What a download of it left behind."""
    file = tmp_path / "answer"
    file.write_bytes(b"Hello there")
    return file


def test_curl_reports_a_failed_answer(failed: str, broken_file: Path) -> None:
    """`curl -C -` from where the answer broke off does not end as if all were there."""
    command = ["curl", "-sS", "-C", "-", "-o", str(broken_file), failed]
    curl = subprocess.run(command, timeout=CLIENT_SECONDS, capture_output=True, check=False)
    assert curl.returncode != 0
    assert broken_file.read_bytes() == b"Hello there"


def test_wget_reports_a_failed_answer(failed: str, broken_file: Path) -> None:
    """Nor does `wget -c`."""
    if shutil.which("wget") is None:
        pytest.skip("needs Debian's package wget")
    command = ["wget", "--no-verbose", "--tries=2", "-c", "-O", str(broken_file), failed]
    wget = subprocess.run(command, timeout=CLIENT_SECONDS, capture_output=True, check=False)
    assert wget.returncode != 0
    assert broken_file.read_bytes() == b"Hello there"


READ_ON = """
fetch(process.argv[1], { headers: { Range: 'bytes=11-' } })
  .then((response) => response.text())
  .then((text) => console.log('whole:', text), () => console.log('rejected'))
"""


def test_fetch_rejects_a_failed_answer(failed: str) -> None:
    """A page that reads on with `fetch` is told too."""
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    command = ["node", "-e", READ_ON, failed]
    node = subprocess.run(command, timeout=CLIENT_SECONDS, capture_output=True, check=True)
    assert node.stdout == b"rejected\n"


def test_the_same_writing(relay: RelayProcess) -> None:
    """Its ETag is the same for every reader, and with it in If-Range one reads on."""
    key = new_key()
    first = keyed(relay.url, key)
    etag = first.headers["ETag"]
    assert first.text() == "Hello there."
    assert etag.startswith('"')
    assert get(relay.url, key).headers["ETag"] == etag
    part = get(relay.url, key, start=6, If_Range=etag)
    assert (part.status, part.text(), part.headers["ETag"]) == (206, "there.", etag)
    other = keyed(relay.url, new_key())
    assert other.headers["ETag"] != etag


@pytest.mark.parametrize(
    "if_range", ['"another"', "Thu, 26 Nov 2026 00:00:00 GMT", "W/{etag}", "nonsense"]
)
def test_what_is_not_the_same_writing(relay: RelayProcess, if_range: str) -> None:
    """With another tag, a weak one or a date in If-Range the answer comes whole."""
    key = new_key()
    etag = keyed(relay.url, key).headers["ETag"]
    whole = get(relay.url, key, start=6, If_Range=if_range.format(etag=etag))
    assert (whole.status, whole.text()) == (200, "Hello there.")
    assert "Content-Range" not in whole.headers


def test_two_writings_are_not_spliced(start_relay: StartRelay, upstream: Upstream) -> None:
    """Whoever has read half of an answer that was forgotten, and asked for anew by another client,
    gets the new one whole."""
    relay = start_relay(ANSWER_TTL_SECONDS="0.2")
    key = new_key()
    first = keyed(relay.url, key)
    assert first.text() == "Hello there."
    eventually(lambda: get(relay.url, key).status == 404)
    upstream.answers(saying("Something else, and longer."))
    second = keyed(relay.url, key)
    assert second.headers["ETag"] != first.headers["ETag"]
    whole = get(relay.url, key, start=6, If_Range=first.headers["ETag"])
    assert (whole.status, whole.text()) == (200, "Something else, and longer.")


def test_pages_can_see_it(relay: RelayProcess) -> None:
    """A page of another origin may read the tag and send it back."""
    origin = "http://localhost:5173"
    reply = ask(relay.url, Origin=origin)
    exposed = {name.strip() for name in reply.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"ETag", "Content-Range", "Completion-Id"} <= exposed
    preflight = Exchange(
        relay.url,
        method="OPTIONS",
        path=f"/aiCompletion/{new_key()}",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range, if-range",
        },
    )
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    assert {"range", "if-range"} <= {name.strip() for name in allowed.split(",")}


def test_overtaking_ones_own_question(relay: RelayProcess) -> None:
    """Whoever reads on may be quicker than the question on its way: they are waited for."""

    def overtakes() -> bool:
        key = new_key()
        reading = get(relay.url, key)
        asking = keyed(relay.url, key)
        assert asking.text() == "Hello there."
        return reading.status == 200 and reading.text() == "Hello there."

    # The time for it is short: on a busy machine not every question arrives within.
    assert any(overtakes() for _ in range(20))
