"""All readers of a plan in one epoll loop."""

import json
import select
import time
import uuid
from collections import Counter, deque

from bench.load.plan import Outcome, Plan, Spread
from bench.load.reader import Reader, Reading


def _request(plan: Plan, key: str = "") -> bytes:
    question = plan.answer.question()
    if plan.direct:
        path = "/v1/chat/completions"
        message = {"role": "user", "content": question}
        body = json.dumps({"model": "fake", "stream": True, "messages": [message]}).encode()
    else:
        path = "/aiCompletion"
        body = json.dumps({"userPrompt": question}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    if key:
        head += f"Idempotency-Key: {key}\r\n"
    return f"{head}\r\n".encode() + body


class Crowd:
    """Every question goes over a new connection: readers are different people."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = _request(plan)
        self._poll = select.epoll()
        self._reading: dict[int, Reader] = {}
        self._finished: list[Reader] = []
        self._answers_left: dict[int, int] = {}

    def run(self) -> Outcome:
        """Let everybody ask and read, then say what they saw."""
        plan = self._plan
        started, cpu_started = time.monotonic(), time.process_time()
        gap = plan.ramp_seconds / plan.readers
        starts = deque(started + number * gap for number in range(plan.readers))
        limit = started + plan.limit_seconds
        now = started
        while (starts or self._reading) and now < limit:
            while starts and starts[0] <= now:
                starts.popleft()
                self._ask(now, plan.answers_each - 1)
            wake = min(starts[0], limit) if starts else limit
            for fd, events in self._poll.poll(max(wake - now, 0)):
                self._attend(fd, events)
            now = time.monotonic()
        return self._outcome(now - started, time.process_time() - cpu_started)

    def _ask(self, now: float, answers_left: int) -> None:
        request = _request(self._plan, str(uuid.uuid4())) if self._plan.keyed else self._request
        reader = Reader(self._plan.port, request, now)
        fd = reader.sock.fileno()
        self._reading[fd] = reader
        self._answers_left[fd] = answers_left
        self._poll.register(fd, select.EPOLLOUT)

    def _attend(self, fd: int, events: int) -> None:
        reader = self._reading[fd]
        if events & select.EPOLLOUT:
            reader.ask()
            self._poll.modify(fd, select.EPOLLIN)
            return
        if reader.read():
            return
        reader.sock.close()
        del self._reading[fd]
        self._finished.append(reader)
        if self._answers_left[fd]:
            self._ask(time.monotonic(), self._answers_left[fd] - 1)

    def _outcome(self, seconds: float, cpu_seconds: float) -> Outcome:
        failures = Counter(reader.failure for reader in self._finished if reader.failure)
        for reader in self._reading.values():
            reader.failure = "not finished in time"
            failures[reader.failure] += 1
        asked = [*self._finished, *self._reading.values()]
        readings = [Reading.of(reader, self._plan.answer.tokens) for reader in asked]
        ages = [age for reading in readings for age in reading.ages_seconds]
        first = [r.first_byte_seconds for r in readings if r.first_byte_seconds is not None]
        return Outcome(
            answers=self._plan.answers,
            complete=sum(reading.complete for reading in readings),
            tokens=len(ages),
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            first_byte_ms=Spread.of(first),
            token_age_ms=Spread.of(ages),
            failures=dict(failures),
        )
