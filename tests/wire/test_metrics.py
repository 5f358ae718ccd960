"""`GET /metrics` of a real server: right over its workers, also after one was killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import image
from helpers.client import Cut, Exchange, ask, raw_exchange
from helpers.completions import Gated, eventually, keyed, new_key
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import PROJECT, RelayProcess, StartRelay
from helpers.telemetry import Samples, scrape
from helpers.upstream import Reply, Upstream, chunk
from relay.metrics_folder import VARIABLE

ANSWERS, RUNNING, READERS = "askbot_answers_total", "askbot_running_answers", "askbot_readers"
TOKEN = "a-token-of-somebody"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the relay makes its folder."""
    path = tmp_path / "temporary"
    path.mkdir()
    return path


@pytest.fixture
def two(start_relay: StartRelay, folder: Path) -> RelayProcess:
    return start_relay(WEB_CONCURRENCY="2", TMPDIR=str(folder))


def workers_that_answered(relay: RelayProcess) -> set[int]:
    return {record["pid"] for record in relay.records_of("answer")}


def workers_started(relay: RelayProcess) -> list[int]:
    records = relay.records
    return [each["pid"] for each in records if each["event"].startswith("Booting worker")]


def ask_until_both_have_answered(relay: RelayProcess) -> int:
    """Returns how many questions that took."""
    asked = 0
    while len(workers_that_answered(relay)) < 2:
        reply = ask(relay.url)
        assert reply.text() == "Hello there."
        asked += 1
        relay.wait_for_record("answer", request_id=reply.headers["X-Request-Id"])
    return asked


def test_counts_add_up(two: RelayProcess) -> None:
    """Whichever worker is asked tells the counts of all, in every metric of an answer."""
    asked = ask_until_both_have_answered(two)
    for _ in range(3):
        samples = scrape(two.url)
        assert samples.value(ANSWERS, door="ai_completion", state="finished") == asked
        assert samples.value("gen_ai_client_operation_duration_seconds_count") == asked
        first_chunk = "gen_ai_client_operation_time_to_first_chunk_seconds_count"
        assert samples.value(first_chunk) == asked
        usage = "gen_ai_client_token_usage_sum"
        assert samples.value(usage, gen_ai_token_type="input") == 7 * asked
        assert samples.value(usage, gen_ai_token_type="output") == 3 * asked
    assert not samples.label_values("pid")
    assert samples.value(RUNNING) == 0
    # The first sample is taken a while after the start.
    eventually(lambda: bool(scrape(two.url).value("askbot_event_loop_lateness_seconds_count")))


def test_who_runs_and_reads(two: RelayProcess, upstream: Upstream) -> None:
    """Both are counted over the workers, and go back to nothing."""
    all_read = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        assert all_read.wait(WAIT_SECONDS)
        reply.text("there")
        reply.finish()

    replies = [ask(two.url) for _ in range(4)]
    assert [reply.piece() for reply in replies] == ["Hello "] * 4
    assert scrape(two.url).value(RUNNING) == 4
    eventually(lambda: scrape(two.url).value(READERS) == 4)
    all_read.set()
    assert [reply.text() for reply in replies] == ["there"] * 4
    eventually(lambda: scrape(two.url).value(RUNNING) == 0)
    eventually(lambda: scrape(two.url).value(READERS) == 0)


def test_a_killed_worker(two: RelayProcess, upstream: Upstream) -> None:
    """What it has counted stays. What it was doing is forgotten."""
    asked = ask_until_both_have_answered(two)
    gated = Gated(upstream, "Hello ", "there")
    gated.let(1)
    reply = ask(two.url)
    assert reply.piece() == "Hello "
    assert scrape(two.url).value(RUNNING) == 1
    eventually(lambda: scrape(two.url).value(READERS) == 1)
    for pid in workers_that_answered(two):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(Cut):
        reply.text()

    def found() -> Samples | None:
        with contextlib.suppress(ConnectionError):
            return scrape(two.url)
        return None

    eventually(lambda: (samples := found()) is not None and samples.value(RUNNING) == 0)
    samples = scrape(two.url)
    assert samples.value(READERS) == 0
    assert samples.value(ANSWERS, state="finished") == asked
    gated.let(2)
    upstream.forget()
    assert ask(two.url).text() == "Hello there."
    eventually(lambda: scrape(two.url).value(ANSWERS, state="finished") == asked + 1)


def test_a_restart(start_relay: StartRelay, folder: Path) -> None:
    """Counts begin anew, and nothing is left of the last run, nor of a start that was refused."""
    for _ in range(2):
        relay = start_relay(TMPDIR=str(folder))
        assert scrape(relay.url).value(ANSWERS) is None
        assert ask(relay.url).text() == "Hello there."
        eventually(lambda: scrape(relay.url).value(ANSWERS) == 1)  # noqa: B023
        assert relay.stop() == 0
        assert not list(folder.glob("askbot-metrics-*"))
    refused = RelayProcess({"TMPDIR": str(folder), "HOST": "0.0.0.0"})
    assert refused.wait_for_exit() != 0
    assert not list(folder.glob("askbot-metrics-*"))


def test_a_reload(two: RelayProcess, folder: Path) -> None:
    """New workers take over the counts, and nothing else counts in their place."""
    asked = ask_until_both_have_answered(two)
    old = workers_that_answered(two)
    two.process.send_signal(signal.SIGHUP)
    for _ in old:
        two.wait_for_line("Worker exiting")
    assert ask(two.url).text() == "Hello there."
    eventually(lambda: scrape(two.url).value(ANSWERS) == asked + 1)
    counting = {int(path.stem.rpartition("_")[2]) for path in folder.rglob("*.db")}
    booted = "Booting worker with pid: "
    events = [record["event"] for record in two.records]
    assert counting <= {int(each.removeprefix(booted)) for each in events if booted in each}


def test_failures(start_relay: StartRelay, upstream: Upstream) -> None:
    """Each has its code, and its door or its limit."""
    relay = start_relay(
        QUESTIONS_PER_DAY="3", OPENAI_FALLBACK_MODELS="second", UPSTREAM_RETRIES="0"
    )

    @upstream.answers
    def refuse_the_first(reply: Reply) -> None:
        if reply.body["model"] == "second":
            reply.text("Hello.")
            reply.finish()
        else:
            reply.refuse("500 Oops", {"message": "No."})

    assert ask(relay.url).text() == "Hello."
    upstream.answers(lambda reply: reply.refuse("429 Slow", {"message": "No."}))
    assert ask(relay.url).status == 429
    assert Exchange(relay.url, {"userPrompt": " "}).status == 400
    assert ask(relay.url).status == 429
    assert ask(relay.url).error() == (429, "rate_limited")
    assert Exchange(relay.url, method="GET", path="/nowhere").status == 404
    raw_exchange(relay.url, b"hostile\r\n\r\n")
    samples = scrape(relay.url)
    failures = "askbot_upstream_failures_total"
    assert samples.value(failures, code="upstream_error") == 1
    # Both models are asked, twice.
    assert samples.value(failures, code="upstream_rate_limited") == 4
    assert samples.value("askbot_limits_hit_total", limit="questions_per_day") == 1
    refusals = "askbot_refusals_total"
    assert samples.value(refusals, door="ai_completion", code="upstream_rate_limited") == 2
    assert samples.value(refusals, door="ai_completion", code="invalid_request") == 1
    assert samples.value(refusals, door="ai_completion", code="rate_limited") == 1
    assert samples.value(refusals, door="unknown", code="not_found") == 1
    assert samples.value(refusals, door="gunicorn", code="invalid_request") == 1
    assert samples.value(ANSWERS, state="failed", code="upstream_rate_limited") == 2


def test_names_that_a_server_invents(start_relay: StartRelay, upstream: Upstream) -> None:
    """They do not become labels: the model's server could invent any number."""
    relay = start_relay(OPENAI_MODEL="small")
    names = iter(["model-1", "small-2026-01-01", "small" * 100])

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.event(chunk({"content": "Hi."}, "stop") | {"model": next(names)})
        reply.end()

    for count in (1, 2, 3):
        assert ask(relay.url).text() == "Hi."
        eventually(lambda: scrape(relay.url).total(ANSWERS) == count)  # noqa: B023
    assert scrape(relay.url).label_values("gen_ai_response_model") == {"small", "other"}


def test_tokens_that_are_left(start_relay: StartRelay) -> None:
    """Every worker tells the same of what all have used together."""
    # Enough for all that is reserved until a worker reports the ends of its answers.
    budget = 100_000_000
    relay = start_relay(WEB_CONCURRENCY="2", DAILY_TOKENS=str(budget))
    asked = ask_until_both_have_answered(relay)
    left = budget - 10 * asked
    eventually(lambda: scrape(relay.url).value("askbot_tokens_left") == left)
    assert [scrape(relay.url).value("askbot_tokens_left") for _ in range(4)] == [left] * 4


def test_a_journal_that_cannot_be_written(start_relay: StartRelay, tmp_path: Path) -> None:
    """Its age grows until it can be written again."""
    place = tmp_path / "state"
    place.mkdir()
    relay = start_relay(STATE_FILE=str(place / "answers.sqlite3"))
    assert keyed(relay.url, new_key()).text() == "Hello there."
    assert scrape(relay.url).value("askbot_journal_age_seconds") is not None
    lock = place / "answers.sqlite3"
    with locked(lock):
        relay.wait_for_line("cannot be used")
        eventually(lambda: (age := scrape(relay.url).value(AGE)) is not None and age > 3)
    relay.wait_for_line("can be used again")
    eventually(lambda: (age := scrape(relay.url).value(AGE)) is not None and age < 3)


AGE = "askbot_journal_age_seconds"
# Two processes of one server tell the ages of their journals.
TWO_AGES = """
import os
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from relay.telemetry.metrics import Metrics, ModelNames
age = Metrics(ModelNames([]), CollectorRegistry()).journal_age
if (child := os.fork()) == 0:
    age.set(7)
    os._exit(0)
os.waitpid(child, 0)
age.set(1)
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_a_journal_that_one_worker_cannot_write(tmp_path: Path) -> None:
    """The worker that is furthest behind counts."""
    environ = os.environ | {VARIABLE: str(tmp_path)}
    command = [sys.executable, "-c", TWO_AGES]
    printed = subprocess.run(
        command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=True
    )
    assert Samples(printed.stdout).value(AGE) == 7


@pytest.mark.parametrize("kilobytes", [64, 1024])
def test_a_full_disk(start_relay: StartRelay, kilobytes: int, tmp_path: Path) -> None:
    """Where there is no room for the files of the counts, or none any more, answers go on."""
    if lack := image.missing():
        pytest.skip(lack)
    disk = tmp_path / "disk"
    disk.mkdir()
    wrapped = ["bwrap", "--dev-bind", "/", "/", "--die-with-parent"]
    wrapped += ["--size", str(kilobytes * 1024), "--tmpfs", str(disk)]
    gunicorn = [sys.executable, "-m", "gunicorn", "app:app"]
    relay = start_relay(command=[*wrapped, *gunicorn], TMPDIR=str(disk))
    assert Exchange(relay.url, method="GET", path="/").status == 200
    inside = Path(f"/proc/{workers_started(relay)[0]}/root{disk}")
    with pytest.raises(OSError, match="No space left"):
        (inside / "fill").write_bytes(bytes((kilobytes + 4) * 1024))
    for _ in range(3):
        assert ask(relay.url).text() == "Hello there."
    eventually(lambda: scrape(relay.url).value(ANSWERS, state="finished") == 3)
    assert Exchange(relay.url, method="GET", path="/nothing").status == 404
    # A worker that takes the place of another has no room either.
    first = workers_started(relay)
    assert len(first) == 1
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: len(workers_started(relay)) == 2)
    assert ask(relay.url).text() == "Hello there."
    os.kill(workers_started(relay)[1], signal.SIGKILL)
    eventually(lambda: len(workers_started(relay)) == 3)
    assert ask(relay.url).text() == "Hello there."


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another process has locked the file."""
    code = (
        "import sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "d.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.kill()


def status(relay: RelayProcess, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(relay.url, method="GET", path="/metrics", headers=named).status


def test_who_may_read(start_relay: StartRelay) -> None:
    """Programs of this machine, and whoever has a token. Not who comes through a proxy."""
    relay = start_relay()
    assert status(relay) == 200
    assert status(relay, Origin="https://a.example") == 200
    for header in ("X_Forwarded_For", "Forwarded", "Via", "X_Real_IP"):
        assert status(relay, **{header: "127.0.0.1"}) == 404
    behind = start_relay(TRUSTED_PROXIES="1")
    assert status(behind, X_Forwarded_For="127.0.0.1") == 404
    assert status(behind) == 404
    guarded = start_relay(ACCESS_TOKENS=f"ana:{TOKEN}", TRUSTED_PROXIES="1")
    assert status(guarded, X_Forwarded_For="192.0.2.7") == 401
    assert status(guarded, X_Forwarded_For="192.0.2.7", **BEARER) == 200
    opened = start_relay(METRICS_PUBLIC="true", TRUSTED_PROXIES="1")
    assert status(opened, X_Forwarded_For="192.0.2.7") == 200


def test_in_development(start_relay: StartRelay) -> None:
    """A single process needs no folder."""
    relay = start_relay(command=[sys.executable, "app.py"])
    assert ask(relay.url).text() == "Hello there."
    eventually(lambda: scrape(relay.url).value(ANSWERS) == 1)
    eventually(lambda: bool(scrape(relay.url).value("askbot_event_loop_lateness_seconds_count")))
    eventually(lambda: scrape(relay.url).value(RUNNING) == 0)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's prometheus is not installed")
def test_prometheus_likes_them(start_relay: StartRelay, upstream: Upstream) -> None:
    """Its own checker finds no fault with names, types, units and texts."""
    relay = start_relay(WEB_CONCURRENCY="2", QUESTIONS_PER_DAY="2")
    assert ask(relay.url).text() == "Hello there."
    upstream.answers(lambda reply: reply.refuse("500 Oops", {"message": "No."}))
    for _ in range(2):
        ask(relay.url).text()
    text = Exchange(relay.url, method="GET", path="/metrics").text()
    samples = Samples(text)
    assert samples.value("askbot_limits_hit_total") == 1
    check = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "")
