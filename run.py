"""`make run`: the model, the relay and the page, as one program that ends as one.

They are three child processes. This one starts them, says when all of them answer, and waits:
for a signal, or for one of them to end, and then ends the others.
"""

import contextlib
import ctypes
import errno
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import local_model
from local_model import LocalModel, LocalModelError
from relay.settings import Settings, SettingsError, load_environ

ROOT = Path(__file__).resolve().parent
VITE = "node_modules/vite/bin/vite.js"
READY_SECONDS = 60.0
# Running answers are cut at once on Ctrl-C; this is for the processes to notice.
END_SECONDS = 3.0
POLL_SECONDS = 0.1


class RunError(Exception):
    """Askbot cannot be run, or cannot run on. The message says what to do."""


class Part:
    """A child process in a session of its own, and what it prints.

    The session keeps the terminal's Ctrl-C away from it, and lets nothing it started outlive it.
    """

    def __init__(
        self, command: list[str], folder: Path, environ: dict[str, str], stop_signal: signal.Signals
    ) -> None:
        self.stop_signal = stop_signal
        self.lines: deque[str] = deque(maxlen=5)
        self.shown = threading.Event()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=partial(_end_with_parent, stop_signal),
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if self.shown.is_set():
                # The terminal may be gone; the pipe has to be emptied all the same.
                with contextlib.suppress(OSError):
                    sys.stderr.write(line)

    def last_words(self) -> str:
        """The last lines it printed."""
        return "\n  ".join(line for line in self.lines if line)

    def ask_to_stop(self) -> None:
        """Sends the signal that ends it without delay."""
        self.shown.clear()
        self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Waits for its end a moment, then ends it and whatever it started."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def _end_with_parent(stop_signal: signal.Signals) -> None:
    """Runs in a new child: asks Linux for a signal when this program is killed outright."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, stop_signal)


Parts = dict[str, Part | LocalModel]


def run(environ: dict[str, str]) -> NoReturn:
    """Starts what the settings in `environ` ask for and stays until it is to end.

    Raises SettingsError, LocalModelError or RunError, and KeyboardInterrupt for any signal.
    """
    settings = Settings.from_environ(environ)
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "localhost") else settings.host
    relay_port = _free_port("PORT", settings.port, settings.host)
    page_port = _free_port("PAGE_PORT", _page_port(environ), "127.0.0.1")
    node = _node(environ)
    environ = environ | {"PORT": str(relay_port), "RELAY_URL": f"http://{host}:{relay_port}"}
    if not settings.configured:
        local_model.fetch(weights=not settings.local_model)
    with _ending_together() as parts:
        preview = [node, VITE, "preview", "--strictPort", "--host", "127.0.0.1"]
        preview += ["--port", str(page_port)]
        parts["page"] = page = Part(preview, ROOT / "frontend", environ, signal.SIGTERM)
        if not settings.configured:
            parts["model"] = model = _start_model(settings)
            environ |= _pointing_to(model, environ)
        gunicorn = [sys.executable, "-m", "gunicorn", "app:app"]
        # gunicorn lets running answers end on SIGTERM, and cuts them on SIGINT.
        parts["relay"] = relay = Part(gunicorn, ROOT, environ, signal.SIGINT)
        _wait_for_answer(parts, host, relay_port, "/")
        _wait_for_answer(parts, "127.0.0.1", page_port, "/")
        # The page's own way to the relay, which fails with a 502 of its own.
        _wait_for_answer(parts, "127.0.0.1", page_port, "/ready")
        relay.shown.set()
        page.shown.set()
        print(f"Askbot is ready: http://localhost:{page_port}  (Ctrl-C ends it)", flush=True)
        while True:
            _check_alive(parts)
            time.sleep(POLL_SECONDS)


def _page_port(environ: dict[str, str]) -> int:
    text = environ.get("PAGE_PORT", "").strip() or "5173"
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise SettingsError(f"PAGE_PORT must be a port number from 0 to 65535, not {text!r}.")
    return int(text)


def _free_port(variable: str, port: int, host: str) -> int:
    """The port itself if nobody listens there; for 0, any free one."""
    # "localhost" is ::1 first to a browser: another program there would be seen instead of ours.
    for name in (host, "::1"):
        try:
            family, _, _, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
            with socket.create_server(address[:2], family=family) as probe:
                port = int(probe.getsockname()[1])
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise RunError(
                    f"Port {port} is in use: end the program that listens there, or set "
                    f"{variable} to another port."
                ) from error
            if name != host:
                continue
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                message = f"HOST must be an address of this machine, not {host!r}."
                raise SettingsError(message) from error
            raise RunError(f"{variable} cannot be {port}: {error.strerror}.") from error
    return port


def _node(environ: dict[str, str]) -> str:
    # `make` puts a Node into the environment's folder where the machine has none.
    folders = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", "")])
    node = shutil.which("node", path=folders)
    if node is None:
        raise RunError("The page needs Node: start with `make run`, which installs it.")
    for file in (VITE, "dist/index.html"):
        if not (ROOT / "frontend" / file).exists():
            raise RunError("The page is not built yet: start with `make run`, which builds it.")
    return node


def _start_model(settings: Settings) -> LocalModel:
    print("Neither OPENAI_API_KEY nor OPENAI_BASE_URL is set: starting the embedded model ...")
    return local_model.start(settings.local_model)


def _pointing_to(model: LocalModel, environ: dict[str, str]) -> dict[str, str]:
    """The variables that make the relay ask this model."""
    # A proxy that the machine uses for the internet cannot reach it.
    direct = ",".join(filter(None, [environ.get("no_proxy"), "127.0.0.1"]))
    return {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": model.api_key,
        "OPENAI_MODEL": model.name,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _wait_for_answer(parts: Parts, host: str, port: int, path: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(host, port, path):
        _check_alive(parts)
        if time.monotonic() > deadline:
            raise RunError(f"http://{host}:{port}{path} did not answer in {READY_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _check_alive(parts: Parts) -> None:
    for name, part in parts.items():
        status = part.process.poll()
        if status is not None:
            raise RunError(f"The {name} ended (status {status}):\n  {part.last_words()}")


@contextlib.contextmanager
def _ending_together() -> Iterator[Parts]:
    parts: Parts = {}
    try:
        yield parts
    finally:
        _ignore_signals()
        for part in parts.values():
            if isinstance(part, Part):
                part.ask_to_stop()
        for part in parts.values():
            part.stop()


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(*_: object) -> NoReturn:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    # A second Ctrl-C must not disturb the ending, which is bounded anyway.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """The program; ends with status 0 when it was asked to end, otherwise with 1 and a reason."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        run(load_environ())
    except (SettingsError, LocalModelError, RunError) as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
