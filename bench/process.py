"""The processes of the benchmark: start on one core, end, and the kernel's counts."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60.0
_END_SECONDS = 3.0


class Failed(Exception):
    """A process did not do what it is there for."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = said
        """The end of its log, which may hold paths of this machine: for the eye, not for a file."""


class Process:
    """A command in a process group of its own, pinned to one core together with its children."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int,
        environ: Mapping[str, str],
        cwd: Path,
        log: IO[bytes],
        stdout: int | None = None,
    ) -> None:
        self._log = log
        # Children inherit the affinity: no code has to run between fork and exec.
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        try:
            self.popen = subprocess.Popen(
                command,
                env=environ,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.sched_setaffinity(0, before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the process and whatever it started."""
        self.popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(_END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()

    def wait_for_port(self, port: int) -> None:
        """Return when something accepts connections on the port."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.popen.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise Failed("did not start", self.said())

    def said(self) -> str:
        """The end of what it wrote to its log."""
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")

    def cpu_seconds(self) -> float:
        """User and system time so far of the process and its living descendants."""
        ticks = 0
        for pid in self._family():
            fields = _stat(pid)
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS_PER_SECOND

    def memory_kilobytes(self) -> int:
        """Proportional set size of the process and its descendants, in units of 1,024 bytes."""
        total = 0
        for pid in self._family():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def _family(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int(_stat(int(entry.name))[1])
                except (FileNotFoundError, ProcessLookupError):
                    continue
                children.setdefault(parent, []).append(int(entry.name))
        family = [self.popen.pid]
        for pid in family:
            family += children.get(pid, ())
        return family


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command's name (proc_pid_stat(5), from field 3)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> list[int]:
    """The processes that this one started and that live."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# Bound to the ports that were given away.
_held: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1, for one server, which cannot be told to take any free one.

    Linux gives it to nobody else: a socket stays bound to it. As that does not listen, the server
    can bind it too, and nobody is connected before.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    _held.append(probe)
    return port
