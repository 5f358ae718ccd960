"""A timer wheel in milliseconds: which connection has to write next."""

from collections import defaultdict

from bench.upstream.connection import Connection

TOOTH_SECONDS = 0.001


class Calendar:
    """Connections by the millisecond in which they are due; putting in and taking out is O(1)."""

    def __init__(self, now: float) -> None:
        self._teeth: defaultdict[int, list[Connection]] = defaultdict(list)
        self._next = int(now / TOOTH_SECONDS)

    def __bool__(self) -> bool:
        return bool(self._teeth)

    def add(self, connection: Connection) -> None:
        """Take the connection up for its `due`; what is already late comes up at once."""
        self._teeth[max(int(connection.due / TOOTH_SECONDS), self._next)].append(connection)

    def due(self, now: float) -> list[Connection]:
        """Take out all that is due at `now`, in order."""
        last = int(now / TOOTH_SECONDS)
        if not self._teeth:
            self._next = last
            return []
        due: list[Connection] = []
        for tooth in range(self._next, last):
            due += self._teeth.pop(tooth, ())
        self._next = last
        return due
