"""The measurements: scenario(peer) -> figures. Each has a new upstream and a new relay."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import mean

from bench.answer import Answer
from bench.load.plan import Plan
from bench.peers import NO_RELAY, Peer
from bench.process import Failed
from bench.stage import Cores, Run, Stage, staged

CAPACITY_PACE = 50
"""Tokens a second and reader."""
CAPACITY_FIRST_BYTE_MS = 500
CAPACITY_TOKEN_AGE_MS = 250
CAPACITY_RAMP_SECONDS = 2.0
CAPACITY_UPSTREAM_LAG_MS = 100
"""Later than this, the upstream did not write 50 tokens a second: the run would prove nothing."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Size:
    """How much of everything; `FULL` is what counts, `QUICK` shows that all of it works."""

    burst_answers_each: int
    short_answers_each: int
    first_byte_answers_each: int
    paced_seconds: int
    """How long each answer is written where it is written at a pace."""
    capacity_start: int
    """The readers of the first try."""
    capacity_precision: float
    """The search ends when what fits and what does not are this near, relative to what fits."""
    waiting_readers: int
    steady_readers: int
    keyed_turns: int
    """How often answers with and without a key take turns, in one order and then in the other."""


FULL = Size(
    burst_answers_each=5,
    short_answers_each=100,
    first_byte_answers_each=20,
    paced_seconds=5,
    capacity_start=50,
    capacity_precision=0.1,
    waiting_readers=1000,
    steady_readers=400,
    keyed_turns=2,
)
QUICK = Size(
    burst_answers_each=1,
    short_answers_each=20,
    first_byte_answers_each=3,
    paced_seconds=2,
    capacity_start=100,
    capacity_precision=0.5,
    waiting_readers=200,
    steady_readers=50,
    keyed_turns=1,
)


def burst(peer: Peer, cores: Cores, size: Size) -> Figures:
    """20 readers, answers of 1,000 tokens at full speed."""
    plan = Plan(0, readers=20, answer=Answer(1000), answers_each=size.burst_answers_each)
    with staged(peer, cores) as stage:
        # Asked directly, the upstream has its core to itself: this is how fast it can be.
        run = whole(stage.run(plan, readers_core=cores.relay if peer is NO_RELAY else None))
    return _per_token(run) | {"tokens_per_second": run.outcome.tokens / run.outcome.seconds}


def short(peer: Peer, cores: Cores, size: Size) -> Figures:
    """Answers of one token, 10 readers at a time."""
    with staged(peer, cores) as stage:
        return _short(stage, size)


def capacity(peer: Peer, cores: Cores, size: Size) -> Figures:
    """The most readers that are served in time, at 50 tokens a second each."""
    fitting: Figures = {}

    def fits(readers: int) -> bool:
        with staged(peer, cores) as stage:
            run = stage.run(_paced(readers, size))
        outcome = run.outcome
        in_time = (
            outcome.complete == outcome.answers
            and outcome.first_byte_ms.p99 < CAPACITY_FIRST_BYTE_MS
            and outcome.token_age_ms.p99 < CAPACITY_TOKEN_AGE_MS
            and run.upstream_lag_p99_ms < CAPACITY_UPSTREAM_LAG_MS
        )
        print(
            f"  {peer.title}, {readers} readers: {outcome.complete} whole,"
            f" p99 of first byte {outcome.first_byte_ms.p99:.0f} ms,"
            f" of token age {outcome.token_age_ms.p99:.0f} ms",
            file=sys.stderr,
        )
        if in_time:
            fitting.update(_per_token(run))
        return in_time

    readers = most(fits, start=size.capacity_start, precision=size.capacity_precision)
    return fitting | {"readers": readers}


def most(fits: Callable[[int], bool], *, start: int, precision: float) -> int:
    """The largest number that fits, found by doubling and then bisection."""
    low, high = 0, start
    while fits(high):
        low, high = high, high * 2
    while high - low > max(1, low * precision):
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def memory(peer: Peer, cores: Cores, size: Size) -> Figures:
    """What one more reader holds while the model has not begun to answer."""
    wait_seconds = 20
    plan = Plan(
        port=0,
        readers=size.waiting_readers,
        answer=Answer(1, wait_seconds=wait_seconds),
        ramp_seconds=CAPACITY_RAMP_SECONDS,
        limit_seconds=wait_seconds,
    )
    with staged(peer, cores) as stage:
        idle = stage.relay_memory_kilobytes()
        with stage.readers(plan):
            deadline = time.monotonic() + wait_seconds - 5
            while stage.upstream_stats()["answering"] < plan.readers:
                if time.monotonic() > deadline:
                    raise Failed(f"does not ask for {plan.readers} readers at once")
                time.sleep(0.2)
            time.sleep(1)
            waiting = stage.relay_memory_kilobytes()
    return {
        "kilobytes_per_reader": (waiting - idle) / plan.readers,
        "idle_megabytes": idle / 1024,
    }


def first_byte(peer: Peer, cores: Cores, size: Size) -> Figures:
    """How much later the first text comes than from the upstream itself, with 10 readers."""
    plan = Plan(
        port=0,
        readers=10,
        answer=Answer(20, tokens_per_second=CAPACITY_PACE),
        answers_each=size.first_byte_answers_each,
        ramp_seconds=0.4,
    )
    with staged(NO_RELAY, cores) as stage:
        direct = whole(stage.run(plan)).outcome.first_byte_ms.p50
    with staged(peer, cores) as stage:
        relayed = whole(stage.run(plan)).outcome.first_byte_ms.p50
    return {"added_ms": relayed - direct, "direct_ms": direct}


def keyed(peer: Peer, cores: Cores, size: Size) -> Figures:
    """What being resumable costs at full speed: `burst` with keys over `burst` without."""
    plan = Plan(0, readers=20, answer=Answer(1000), answers_each=size.burst_answers_each)
    return _with_and_without_keys(peer, cores, plan, size.keyed_turns)


def journal(peer: Peer, cores: Cores, size: Size) -> Figures:
    """What writing every answer down costs while 400 readers read 50 tokens a second each."""
    plan = _paced(size.steady_readers, size)
    return _with_and_without_keys(peer, cores, plan, size.keyed_turns)


def steady(peer: Peer, cores: Cores, size: Size) -> Figures:
    """400 readers at 50 tokens a second, then answers of one token."""
    with staged(peer, cores) as stage:
        paced = _per_token(whole(stage.run(_paced(size.steady_readers, size))))
        return paced | _short(stage, size)


def _with_and_without_keys(peer: Peer, cores: Cores, plan: Plan, turns: int) -> Figures:
    """CPU per token of the plan with keys and without, and the ratio, in one process.

    The order changes from turn to turn: a process grows faster with time, or slower.
    """
    samples: dict[bool, list[float]] = {False: [], True: []}
    with staged(peer, cores) as stage:
        for turn in range(turns):
            for is_keyed in (False, True) if turn % 2 == 0 else (True, False):
                run = whole(stage.run(replace(plan, keyed=is_keyed)))
                samples[is_keyed].append(_per_token(run)["cpu_us_per_token"])
    without, with_keys = mean(samples[False]), mean(samples[True])
    return {"without_us": without, "with_us": with_keys, "ratio": with_keys / without}


def _short(stage: Stage, size: Size) -> Figures:
    plan = Plan(0, readers=10, answer=Answer(1), answers_each=size.short_answers_each)
    run = whole(stage.run(plan))
    return {"cpu_ms_per_request": run.relay_cpu_seconds / run.outcome.answers * 1e3}


def _paced(readers: int, size: Size) -> Plan:
    answer = Answer(size.paced_seconds * CAPACITY_PACE, tokens_per_second=CAPACITY_PACE)
    return Plan(
        port=0,
        readers=readers,
        answer=answer,
        ramp_seconds=CAPACITY_RAMP_SECONDS,
        limit_seconds=CAPACITY_RAMP_SECONDS + answer.seconds + 2,
    )


def _per_token(run: Run) -> Figures:
    outcome = run.outcome
    return {
        "cpu_us_per_token": run.relay_cpu_seconds / outcome.tokens * 1e6,
        "upstream_cpu_us_per_token": run.upstream_cpu_seconds / outcome.tokens * 1e6,
        "others_cpu_share": run.others_cpu_share,
        "upstream_lag_p99_ms": run.upstream_lag_p99_ms,
        "first_byte_p99_ms": outcome.first_byte_ms.p99,
        "token_age_p50_ms": outcome.token_age_ms.p50,
        "token_age_p99_ms": outcome.token_age_ms.p99,
    }


def whole(run: Run) -> Run:
    """The run. Raises Failed if an answer was incomplete."""
    if run.outcome.complete < run.outcome.answers:
        raise Failed(f"{run.outcome.complete} of {run.outcome.answers} answers were whole")
    return run
