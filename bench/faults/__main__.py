"""`python -m bench.faults`: ask for every outcome, and print what it leaves in the relay.

Exits with 1 if a question leaves too much memory, or descriptors stay open.
"""

import argparse
import math
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.faults.client import KINDS, Kind, Surprise
from bench.process import Failed, children
from bench.stage import Cores, started_askbot

CLIENTS = 20
# For a first question of each kind: what is loaded and laid out then stays for good.
WARM_UP = 200
# How long one that was abandoned with a key goes on.
GRACE_SECONDS = 1
SETTLE_SECONDS = 60
# A question that fails may leave a receipt. Python itself gives memory back late.
ALLOWED_KILOBYTES = 5.0
SLACK_KILOBYTES = 2048


@dataclass(frozen=True)
class Look:
    """The worker, as the kernel sees it."""

    memory_kilobytes: int
    descriptors: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory_kilobytes / 1024:7.1f} {self.descriptors:5} {self.threads:4}"


@dataclass(frozen=True)
class Worker:
    """The relay's only worker; `port` is where it is asked."""

    port: int
    pid: int

    def look(self) -> Look:
        folder = Path(f"/proc/{self.pid}")
        lines = (folder / "smaps_rollup").read_text().splitlines()
        return Look(
            sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")),
            len(list((folder / "fd").iterdir())),
            len(list((folder / "task").iterdir())),
        )

    def ask(self, kind: Kind, count: int) -> None:
        """Raises Surprise."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(lambda _: kind.ask(self.port), range(count)):
                pass

    def settled(self, descriptors: float = math.inf) -> Look:
        """When no more descriptors than so many are left, or the time for it is over."""
        limit = time.monotonic() + SETTLE_SECONDS
        # What has just ended is still to be written down, and what was abandoned to be given up.
        time.sleep(GRACE_SECONDS + 1)
        while self.look().descriptors > descriptors and time.monotonic() < limit:
            time.sleep(0.1)
        return self.look()


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--each", type=int, default=3000, help="questions of each kind")
    each: int = parser.parse_args().each
    try:
        with started() as worker:
            complaints = list(measure(worker, each))
    except (Surprise, Failed) as error:
        sys.exit(f"{error}\n{getattr(error, 'said', '')}")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(bool(complaints))


def measure(worker: Worker, each: int) -> Iterator[str]:
    """Prints a line for each kind; gives what is wrong with it."""
    for kind in KINDS:
        worker.ask(kind, min(each, WARM_UP))
    # Connections to the model's server are kept for a while.
    first = before = worker.settled()
    allowed = before.descriptors + CLIENTS
    print(f"{each} questions of each kind, {CLIENTS} at a time; the worker before and after:")
    print(f"{'':32} memory MB, descriptors, threads".ljust(76) + "KB a question")
    for kind in KINDS:
        worker.ask(kind, each)
        after = worker.settled(allowed)
        yield from line(kind.title, before, after, each, allowed)
        before = after
    yield from line("altogether", first, before, each * len(KINDS), allowed)


def line(title: str, before: Look, after: Look, count: int, allowed: int) -> Iterator[str]:
    grown = after.memory_kilobytes - before.memory_kilobytes
    print(f"{title:32} {before}  ->  {after}   {grown / count:8.2f}", flush=True)
    if grown > ALLOWED_KILOBYTES * count + SLACK_KILOBYTES:
        yield f"{title}: {grown / count:.1f} KB a question, {ALLOWED_KILOBYTES:g} are allowed"
    if after.descriptors > allowed:
        yield f"{title}: {after.descriptors} descriptors, {allowed} are allowed"


@contextmanager
def started() -> Iterator[Worker]:
    """A relay with its one worker before the upstream, each on a core of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "STATE_FILE": f"{folder}/state.sqlite3",
            "LOG_LEVEL": "error",
            "RESUME_GRACE_SECONDS": str(GRACE_SECONDS),
        }
        with started_askbot("app:app", "bench.faults.upstream", Cores.available(), settings) as (
            relay,
            port,
        ):
            # gunicorn listens before it has a worker.
            urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
            yield Worker(port, children(relay.popen.pid)[0])


if __name__ == "__main__":
    main()
