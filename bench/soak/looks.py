"""Looks at the relay from outside: what all its processes hold."""

import os
import signal
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from bench.process import Failed, Process, children

# At this a worker counts its greenlets; see bench/soak/counted.py.
SIGNAL = signal.SIGRTMIN
COUNT_SECONDS = 120.0


@dataclass(frozen=True)
class Look:
    """Sums over all processes of the relay."""

    second: float
    """From the start of the run."""
    rss_megabytes: float
    pss_megabytes: float
    """As RSS, but what processes share counts once."""
    descriptors: float
    threads: float
    greenlets: float
    """Of the workers; the one that counts is among them."""
    file_megabytes: float
    """The state file with its WAL. It keeps the size of the busiest moment."""
    kept_megabytes: float
    """What of the file is in use."""
    running_answers: float
    readers: float
    """These two as the relay itself counts them, at /metrics."""

    def figures(self) -> dict[str, float]:
        """All but the time."""
        figures: dict[str, float] = asdict(self)
        del figures["second"]
        return figures


@dataclass(frozen=True)
class Watch:
    """A running relay. Its workers put their counts of greenlets into `folder`."""

    relay: Process
    port: int
    workers: int
    state_file: Path
    folder: Path

    def wait_for_workers(self) -> None:
        """Returns when all can count. Before that the signal would end them. Raises Failed."""
        limit = time.monotonic() + COUNT_SECONDS
        while len(list(self.folder.glob("[0-9]*[0-9]"))) < self.workers:
            if time.monotonic() > limit:
                raise Failed("the workers did not start", self.relay.said())
            time.sleep(0.05)

    def look(self, second: float) -> Look:
        """Raises Failed if a worker does not say how many greenlets it has."""
        pids = self._workers()
        counts = self._counts()
        greenlets = sum(map(self._greenlets, pids))
        family = [Path("/proc", str(pid)) for pid in (self.relay.popen.pid, *pids)]
        return Look(
            second=round(second, 1),
            rss_megabytes=sum(kilobytes(each, "Rss:") for each in family) / 1024,
            pss_megabytes=sum(kilobytes(each, "Pss:") for each in family) / 1024,
            descriptors=sum(len(list((each / "fd").iterdir())) for each in family),
            threads=sum(len(list((each / "task").iterdir())) for each in family),
            greenlets=greenlets,
            file_megabytes=self._file_bytes() / 2**20,
            kept_megabytes=self._kept_bytes() / 2**20,
            running_answers=counts["askbot_running_answers"],
            readers=counts["askbot_readers"],
        )

    def _workers(self) -> list[int]:
        """Raises Failed if there are not as many as there were."""
        pids = children(self.relay.popen.pid)
        if len(pids) != self.workers:
            raise Failed(f"{len(pids)} workers of {self.workers} are there", self.relay.said())
        return pids

    def _greenlets(self, pid: int) -> int:
        path = self.folder / str(pid)
        path.unlink(missing_ok=True)
        os.kill(pid, SIGNAL)
        limit = time.monotonic() + COUNT_SECONDS
        while time.monotonic() < limit:
            with suppress(FileNotFoundError):
                return int(path.read_text())
            time.sleep(0.02)
        raise Failed("a worker does not count its greenlets", self.relay.said())

    def _counts(self) -> dict[str, float]:
        """What the relay counts without labels, by name."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=COUNT_SECONDS) as reply:
            families = text_string_to_metric_families(reply.read().decode())
            samples = [sample for family in families for sample in family.samples]
        return {sample.name: sample.value for sample in samples if not sample.labels}

    def _file_bytes(self) -> int:
        files = (self.state_file, self.state_file.with_name(self.state_file.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _kept_bytes(self) -> int:
        address = f"{self.state_file.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=COUNT_SECONDS)) as database:
            pages, free, size = (
                database.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * size)


def kilobytes(process: Path, name: str) -> int:
    """What a process in /proc has of this kind of memory."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(name))
