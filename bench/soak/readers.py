"""The readers: each asks again and again, and checks what arrives against the order."""

import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from bench.soak.exchange import End, Read, Relay
from bench.soak.order import REFUSALS, Order, Way

# Readers mostly meet a model that writes at a pace.
WAYS = {Way.SLOW: 8, Way.QUICK: 4} | dict.fromkeys(
    (Way.CUT, Way.GARBLED, Way.SILENT, Way.REFUSED, Way.PAGE, Way.MUTE), 1
)
MOST_PIECES = 40
# Before a reader comes back, and before the next question.
AWAY_SECONDS = 1.0
RECEIPT_SECONDS = 30.0


class Wrong(Exception):
    """A text, an end or a receipt differs from what the upstream wrote."""


@dataclass(frozen=True)
class Tally:
    """What happened, counted by all readers."""

    habits: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, habit: str, order: Order) -> None:
        with self.lock:
            self.habits[habit] += 1
            self.ways[order.way.value] += 1

    def note_wrong(self, sentence: str) -> None:
        with self.lock:
            self.wrong.append(sentence)


@dataclass(frozen=True)
class Reader:
    """One reader. Its habits are the methods that a visit may be."""

    relay: Relay
    dice: random.Random

    @property
    def habits(self) -> Sequence[Callable[[Order, str], None]]:
        """What a visit may be. Each raises Wrong, OSError, HTTPException or ValueError."""
        return (
            self.reads,
            self.reads_without_key,
            self.leaves,
            self.leaves_without_key,
            self.comes_back_by_range,
            self.comes_back_by_event,
            self.reloads,
            self.asks_again,
            self.stops,
        )

    def reads(self, order: Order, key: str) -> None:
        check(order, self.relay.ask(order.question(), key))
        self.check_receipt(order, key)

    def reads_without_key(self, order: Order, _: str) -> None:
        check(order, self.relay.ask(order.question()))

    def leaves(self, order: Order, key: str) -> None:
        check(order, self.relay.ask(order.question(), key, leaves=True))

    def leaves_without_key(self, order: Order, _: str) -> None:
        check(order, self.relay.ask(order.question(), leaves=True))

    def comes_back_by_range(self, order: Order, key: str) -> None:
        self.comes_back(order, key, self.relay.read)

    def comes_back_by_event(self, order: Order, key: str) -> None:
        self.comes_back(order, key, self.relay.read_events)

    def comes_back(self, order: Order, key: str, read_on: Callable[[str, int], Read]) -> None:
        first = self.relay.ask(order.question(), key, leaves=True)
        check(order, first)
        if first.end is End.LEFT:
            self.stay_away()
            rest = read_on(key, len(first.text))
            # 416 says that a finished answer has no more than the reader has.
            end = End.WHOLE if rest.status == 416 else rest.end
            check(order, Read(rest.status, first.text + rest.text, end))
            self.check_receipt(order, key)

    def reloads(self, order: Order, key: str) -> None:
        first = self.relay.ask(order.question(), key, leaves=True)
        check(order, first)
        if first.end is End.LEFT:
            self.stay_away()
            check(order, self.relay.read(key))
            self.check_receipt(order, key)

    def asks_again(self, order: Order, key: str) -> None:
        check(order, self.relay.ask(order.question(), key, leaves=self.dice.random() < 0.5))
        self.stay_away()
        check(order, self.relay.ask(order.question(), key))
        self.check_receipt(order, key)

    def stops(self, order: Order, key: str) -> None:
        read = self.relay.ask_and_stop(order.question(), key)
        if read.end is not End.WHOLE:
            check(order, read)
            return
        if not order.text().startswith(read.text):
            raise Wrong("a stopped answer has another text")
        receipt = self.ended_receipt(key)
        # It may have ended by itself before the stop.
        if receipt["state"] != "stopped":
            check(order, read)
            check_receipt(order, receipt)

    def stay_away(self) -> None:
        time.sleep(self.dice.uniform(0, AWAY_SECONDS))

    def check_receipt(self, order: Order, key: str) -> None:
        if order.way not in REFUSALS:
            check_receipt(order, self.ended_receipt(key))

    def ended_receipt(self, key: str) -> dict[str, Any]:
        """The other worker hears of the end a moment later."""
        limit = time.monotonic() + RECEIPT_SECONDS
        while (receipt := self.relay.receipt(key)).get("state") == "running":
            if time.monotonic() > limit:
                raise Wrong("the receipt of an ended answer says that it is running")
            time.sleep(0.1)
        return receipt


def check(order: Order, read: Read) -> None:
    """Raises Wrong if this is not what the upstream wrote, or has another end."""
    written = order.text()
    if order.way in REFUSALS:
        if (read.end, read.status) != (End.REFUSED, REFUSALS[order.way]):
            raise Wrong(f"status {read.status}, {read.end.value}, instead of a refusal")
        return
    if read.end is End.REFUSED:
        raise Wrong(f"status {read.status} instead of an answer")
    if not written.startswith(read.text):
        raise Wrong(f"another text than the upstream wrote: {read.text[-80:]!r}")
    if read.end is End.WHOLE and not (order.is_whole and read.text == written):
        raise Wrong(f"whole with {len(read.text)} bytes of {len(written)}")
    if read.end is End.CUT and order.is_whole:
        raise Wrong(f"cut after {len(read.text)} bytes of {len(written)}")


def check_receipt(order: Order, receipt: dict[str, Any]) -> None:
    """Raises Wrong if the receipt of an ended answer that nobody stopped does not fit."""
    state, size = receipt.get("state"), receipt.get("bytes")
    expected = "finished" if order.is_whole else "failed"
    if (state, size) != (expected, len(order.text())):
        raise Wrong(f"the receipt says {state} with {size} bytes of {len(order.text())}")


def read_until(over: threading.Event, port: int, count: int, tally: Tally) -> None:
    """So many readers at once. When it is over, visits that have begun go on to their end."""
    numbers = itertools.count()

    def be_one(seed: int) -> None:
        dice = random.Random(seed)
        reader = Reader(Relay(port), dice)
        while not over.is_set():
            habit = dice.choice(reader.habits)
            (way,) = dice.choices(list(WAYS), list(WAYS.values()))
            order = Order(way, dice.randint(1, MOST_PIECES), next(numbers))
            name = habit.__name__.replace("_", " ")
            tally.note(name, order)
            try:
                habit(order, str(uuid.UUID(int=dice.getrandbits(128), version=4)))
            except (Wrong, OSError, HTTPException, ValueError) as error:
                tally.note_wrong(f"{name}, {order.question()}: {type(error).__name__}: {error}")
            reader.stay_away()

    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(be_one, range(count)):
            pass
