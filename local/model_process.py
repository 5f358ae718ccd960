"""The embedded model: a small language model that answers when no other is configured.

It runs in a process of its own (`local.model_server`). The library's threads do not survive
gunicorn's fork, and while a stream is open its server can only be ended with its process.
"""

import contextlib
import http.client
import json
import secrets
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from local.fetch import LocalModelError

PROJECT = Path(__file__).resolve().parent.parent
# Three seconds are usual; a cold disk or a large LOCAL_MODEL takes longer.
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A running model. `with` stops it at the end of the block."""

    base_url: str
    api_key: str = field(repr=False)
    name: str
    process: subprocess.Popen[str]
    log: IO[str]

    def stop(self) -> None:
        """Ends the child process now, and with it the answers it is writing."""
        _end(self.process, self.log)

    def last_words(self) -> str:
        """The last line of the child's log, which is the likely reason for an unexpected end."""
        return _last_line(self.log)

    def __enter__(self) -> "LocalModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_model(local_model: str = "", api_key: str = "") -> LocalModel:
    """Starts the model and returns when it answers. The model ends with this process.

    `local_model` is the path of a GGUF file to use instead of the embedded model's. Without
    `api_key` it has a new key of its own. Raises LocalModelError.
    """
    # An unnamed file needs no removal, and unlike a pipe it cannot fill up.
    log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - lives with the child
    process = subprocess.Popen(  # nosec B603  # The command is our own, and the path its user's.
        [sys.executable, "-m", "local.model_server", local_model],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        # A Ctrl-C in the terminal is the parent's to handle.
        start_new_session=True,
    )
    api_key = api_key or secrets.token_urlsafe(32)
    try:
        report = _first_report(process, api_key, log)
        _check_health(report["address"])
    except BaseException:
        _end(process, log)
        raise
    return LocalModel(f"{report['address']}/v1", api_key, report["name"], process, log)


def _first_report(process: subprocess.Popen[str], api_key: str, log: IO[str]) -> dict[str, str]:
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(BrokenPipeError):
        # Through the pipe, since other programs can read a command line.
        process.stdin.write(f"{api_key}\n")
        process.stdin.flush()
    if not select.select([process.stdout], [], [], START_SECONDS)[0]:
        raise LocalModelError(f"The model was not ready after {START_SECONDS:.0f} s.")
    line = process.stdout.readline()
    if not line:
        status = process.wait()
        raise LocalModelError(f"The model ended with status {status}: {_last_line(log)}")
    report: dict[str, str] = json.loads(line)
    if "error" in report:
        raise LocalModelError(report["error"])
    return report


def _check_health(address: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except OSError as error:
        raise LocalModelError(f"The model does not answer ({error}).") from error
    finally:
        connection.close()
    if status != 200:
        raise LocalModelError(f"The model is not well: it answers with status {status}.")


def _end(process: subprocess.Popen[str], log: IO[str]) -> None:
    process.kill()
    process.wait()
    for file in (process.stdin, process.stdout, log):
        if file:
            # A key that a child which died at once did not read is still in the buffer.
            with contextlib.suppress(BrokenPipeError):
                file.close()


def _last_line(log: IO[str]) -> str:
    log.seek(0)
    lines = [line.strip() for line in log if line.strip()]
    return lines[-1] if lines else "it left no message."
