"""A real Redis of the test's own, on a free port."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from redis import Redis

from bench.process import free_port
from helpers.limits import WAIT_SECONDS


class RedisServer:
    """Can be started and stopped repeatedly, at the same `url`.

    It comes back empty, or with its data if it `keeps` them.
    """

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("there is no redis-server here: install Debian's package redis-server")
        self.port = port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        # For a relay that must not take this Redis for dead when the machine stands still.
        self.patient_url = f"{self.url}?socket_timeout={WAIT_SECONDS:g}"
        self._command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "yes" if keeps else "no"]
        # It writes before it replies, which is enough for one that is killed.
        self._command += ["--appendfsync", "no"]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "Ready to accept connections" in line:
                return
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait(WAIT_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def freeze(self) -> None:
        """Accepts connections but does not reply, as behind a broken network."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> Redis:
        return Redis.from_url(self.url)
