"""The processes of one measurement: a new upstream, a new relay, and the readers."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from bench.answer import Answer
from bench.limits import HIGH
from bench.load.plan import Outcome, Plan
from bench.peers import NO_RELAY, ROOT, Peer
from bench.process import Failed, Process, free_port

_WARM_UP = (
    Plan(port=0, readers=10, answer=Answer(tokens=200), answers_each=2),
    Plan(port=0, readers=10, answer=Answer(tokens=1), answers_each=30),
)
# The readers end by themselves at their plan's limit; this is for taking apart what they read.
_AFTER_LIMIT_SECONDS = 60
_AFTERWORK_SECONDS = 0.3


@dataclass(frozen=True)
class Cores:
    """Which core runs what: the relay has one alone, everything else shares the other."""

    relay: int
    others: int

    @classmethod
    def available(cls) -> "Cores":
        """The first and the last core that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("The benchmark needs two cores: one for the relay, one for the rest.")
        return cls(relay=cores[-1], others=cores[0])


@dataclass(frozen=True)
class Run:
    """What one plan cost."""

    outcome: Outcome
    relay_cpu_seconds: float
    """0 when there was no relay."""
    upstream_cpu_seconds: float
    upstream_lag_p99_ms: float
    """How late the upstream itself was with its paced tokens, from its start."""

    @property
    def others_cpu_share(self) -> float:
        """How much of their core the readers and the upstream used together; 1 is all of it."""
        used = self.outcome.cpu_seconds + self.upstream_cpu_seconds
        return used / self.outcome.seconds


@dataclass(frozen=True)
class Stage:
    """A running upstream and, unless it is asked directly, a relay before it."""

    cores: Cores
    upstream: Process
    upstream_port: int
    relay: Process | None
    port: int

    def run(self, plan: Plan, *, readers_core: int | None = None) -> Run:
        """Send the plan's readers and wait for them."""
        upstream_before, relay_before = self._cpu_seconds()
        with self.readers(plan, core=readers_core) as readers:
            said, _ = readers.popen.communicate(timeout=plan.limit_seconds + _AFTER_LIMIT_SECONDS)
            if readers.popen.returncode:
                raise Failed("the readers failed", readers.said())
        # What a relay does when its readers are gone is their cost too, and not the next ones'.
        time.sleep(_AFTERWORK_SECONDS)
        upstream_after, relay_after = self._cpu_seconds()
        return Run(
            outcome=msgspec.json.decode(said, type=Outcome),
            relay_cpu_seconds=relay_after - relay_before,
            upstream_cpu_seconds=upstream_after - upstream_before,
            upstream_lag_p99_ms=self.upstream_stats()["lag_p99_ms"],
        )

    @contextmanager
    def readers(self, plan: Plan, *, core: int | None = None) -> Iterator[Process]:
        """The plan's readers as a running process; they are sent home at the end."""
        plan = replace(plan, port=self.port, direct=self.relay is None)
        command = [sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode()]
        with (
            tempfile.TemporaryFile() as log,
            Process(
                command,
                core=self.cores.others if core is None else core,
                environ=os.environ,
                cwd=ROOT,
                log=log,
                stdout=subprocess.PIPE,
            ) as readers,
        ):
            yield readers

    def upstream_stats(self) -> dict[str, float]:
        """The upstream's own counts."""
        url = f"http://127.0.0.1:{self.upstream_port}/stats"
        with urllib.request.urlopen(url, timeout=10) as response:
            stats: dict[str, float] = json.load(response)
        return stats

    def relay_memory_kilobytes(self) -> int:
        """See `Process.memory_kilobytes`."""
        return self.relay.memory_kilobytes() if self.relay else 0

    def _cpu_seconds(self) -> tuple[float, float]:
        relay = self.relay.cpu_seconds() if self.relay else 0.0
        return self.upstream.cpu_seconds(), relay


@contextmanager
def started_upstream(module: str, core: int) -> Iterator[tuple[Process, int]]:
    """`python -m <module>`, a model's server that prints its port; and the port."""
    with (
        tempfile.TemporaryFile() as log,
        Process(
            [sys.executable, "-m", module],
            core=core,
            environ=os.environ,
            cwd=ROOT,
            log=log,
            stdout=subprocess.PIPE,
        ) as upstream,
    ):
        assert upstream.popen.stdout
        yield upstream, int(upstream.popen.stdout.readline())


@contextmanager
def started_askbot(
    app: str, upstream: str, cores: Cores, settings: dict[str, str]
) -> Iterator[tuple[Process, int]]:
    """Askbot, which gunicorn finds at `app`, before the module `upstream`; and its port.

    It accepts connections, but perhaps no worker serves yet.
    """
    port = free_port()
    with (
        started_upstream(upstream, cores.others) as (_, upstream_port),
        tempfile.TemporaryFile() as log,
        Process(
            [sys.executable, "-m", "gunicorn", app],
            core=cores.relay,
            environ=_environ(port, upstream_port) | HIGH | settings,
            cwd=ROOT,
            log=log,
        ) as relay,
    ):
        relay.wait_for_port(port)
        yield relay, port


@contextmanager
def staged(peer: Peer, cores: Cores) -> Iterator[Stage]:
    """A stage with this relay on it, warmed up."""
    with started_upstream("bench.upstream", cores.others) as (upstream, upstream_port):
        if peer is NO_RELAY:
            yield Stage(cores, upstream, upstream_port, None, upstream_port)
            return
        port = free_port()
        with (
            peer.beside(cores.others) as beside,
            tempfile.TemporaryFile() as relay_log,
            Process(
                peer.command(port),
                core=cores.relay,
                environ=_environ(port, upstream_port) | peer.environ | beside,
                cwd=ROOT,
                log=relay_log,
            ) as relay,
        ):
            relay.wait_for_port(port)
            stage = Stage(cores, upstream, upstream_port, relay, port)
            for plan in _WARM_UP:
                outcome = stage.run(plan).outcome
                if outcome.complete < outcome.answers:
                    raise Failed(f"does not relay: {outcome.failures}", relay.said())
            yield stage


def _environ(port: int, upstream_port: int) -> dict[str, str]:
    """A clean environment, without the settings of the developer's shell."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    openai = {
        "OPENAI_API_KEY": "benchmark",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
        "OPENAI_MODEL": "gpt-4o-mini",
    }
    return inherited | openai | {"PORT": str(port)}
