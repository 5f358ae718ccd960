"""`python -m bench.soak`: minutes of mixed traffic, and whether the relay's memory stays flat.

Exits with 1 if an answer was wrong, or if what the relay holds is not flat: if the median of a
figure in the last third of the run is more than 5 % over that in the middle third, or if the relay
still counts a reader or a running answer when all have left. What goes with the readers may grow as
much as the running answers; the state file may be twice as large as what was in use of it.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.machine import commit, machine
from bench.peers import ASKBOT, ROOT
from bench.process import Failed
from bench.soak.looks import Look, Watch
from bench.soak.readers import Tally, read_until
from bench.soak.verdict import ALLOWED_GROWTH, Course, complaints, courses, table
from bench.stage import Cores, started_askbot

RESULTS = ROOT / "bench" / "results" / "soak.json"
WORKERS = 2
SHOWN_WRONG = 20
# Short, so that the store is full long before the run ends, and silence does not fill the run.
SETTINGS = {
    "WEB_CONCURRENCY": str(WORKERS),
    "ANSWER_TTL_SECONDS": "30",
    "RESUME_GRACE_SECONDS": "10",
    "FIRST_TEXT_TIMEOUT": "8",
    "IDLE_TIMEOUT": "8",
    "LOG_LEVEL": "error",
}


@dataclass(frozen=True)
class Size:
    minutes: float
    readers: int
    look_seconds: float
    settle_seconds: float
    """After the last reader has left: some leave answers that go on for the grace time."""


@dataclass(frozen=True)
class Soak:
    """The outcome of a run."""

    looks: list[Look]
    afterwards: Look
    tally: Tally

    @property
    def courses(self) -> list[Course]:
        return courses(self.looks, self.afterwards)

    @property
    def visits(self) -> int:
        return sum(self.tally.habits.values())

    @property
    def complaints(self) -> list[str]:
        return list(complaints(self.courses))


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds, which prove nothing of growth"
    )
    arguments = parser.parse_args()
    size = Size(arguments.minutes, arguments.readers, look_seconds=5, settle_seconds=20)
    if arguments.quick:
        size = Size(minutes=0.1, readers=30, look_seconds=1, settle_seconds=0)
    # Before the relay's cores are set apart, and before anybody changes the code.
    subject = {
        "machine": machine(),
        "versions": {ASKBOT.title: ASKBOT.made_of(), "commit": commit()},
    }
    try:
        with started() as watch:
            soak = run(watch, size)
    except Failed as error:
        sys.exit(f"{error}\n{error.said}")
    for sentence in soak.tally.wrong[:SHOWN_WRONG]:
        print(sentence, file=sys.stderr)
    print(f"{table(soak.courses)}\n\n{soak.visits} visits, {len(soak.tally.wrong)} wrong answers")
    if arguments.quick:
        sys.exit(bool(soak.tally.wrong))
    print(verdict(soak))
    RESULTS.write_text(json.dumps(subject | report(soak, size), indent=1) + "\n")
    sys.exit(bool(soak.tally.wrong or soak.complaints))


def run(watch: Watch, size: Size) -> Soak:
    """Raises Failed if a worker ended."""
    tally, looks, over = Tally(), [], threading.Event()
    seconds, started_at = size.minutes * 60, time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        crowd = pool.submit(read_until, over, watch.port, size.readers, tally)
        try:
            while (second := time.monotonic() - started_at) < seconds and not crowd.done():
                looks.append(watch.look(second))
                print(looks[-1], len(tally.wrong), file=sys.stderr)
                next_at = started_at + len(looks) * size.look_seconds
                wait([crowd], max(0, next_at - time.monotonic()))
        finally:
            over.set()
        crowd.result()
    time.sleep(size.settle_seconds)
    return Soak(looks, watch.look(time.monotonic() - started_at), tally)


def verdict(soak: Soak) -> str:
    return "; ".join(soak.complaints) or "flat"


def report(soak: Soak, size: Size) -> dict[str, Any]:
    return {
        "command": " ".join(["python -m bench.soak", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "size": asdict(size),
        "settings": SETTINGS,
        "allowed growth": ALLOWED_GROWTH,
        "verdict": verdict(soak),
        "courses": [asdict(each) | {"growth": each.growth} for each in soak.courses],
        "visits": {"by habit": soak.tally.habits, "by the upstream's way": soak.tally.ways},
        "wrong": len(soak.tally.wrong),
        "first of the wrong": soak.tally.wrong[:SHOWN_WRONG],
        "looks": [asdict(look) for look in soak.looks],
    }


@contextmanager
def started() -> Iterator[Watch]:
    """A relay with two workers on one core, and its upstream and readers on another."""
    cores = Cores.available()
    with tempfile.TemporaryDirectory() as folder:
        state_file = Path(folder, "state.sqlite3")
        settings = SETTINGS | {"STATE_FILE": str(state_file), "SOAK_FOLDER": folder}
        with started_askbot("bench.soak.counted:app", "bench.soak.upstream", cores, settings) as (
            relay,
            port,
        ):
            os.sched_setaffinity(0, {cores.others})
            watch = Watch(relay, port, WORKERS, state_file, Path(folder))
            watch.wait_for_workers()
            yield watch


if __name__ == "__main__":
    main()
