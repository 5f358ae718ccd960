"""The journals of the measured Askbots: a new one for each."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.process import Failed, Process, free_port


@contextmanager
def state_file(core: int) -> Iterator[dict[str, str]]:
    """The settings for a new file. Askbot's own choice would outlive the benchmark."""
    del core
    with tempfile.TemporaryDirectory() as folder:
        yield {"STATE_FILE": str(Path(folder) / "answers.sqlite3")}


@contextmanager
def redis(core: int) -> Iterator[dict[str, str]]:
    """The settings for a new Redis that runs on this core. Raises Failed."""
    program = shutil.which("redis-server")
    if program is None:
        raise Failed("there is no redis-server here: install Debian's package redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile() as log,
        Process(command, core=core, environ=os.environ, cwd=Path(folder), log=log) as server,
    ):
        server.wait_for_port(port)
        yield {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
