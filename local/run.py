"""`make run`: the model, the relay and the page, as one program that ends as one.

They are three child processes. This one starts them, says when all of them answer, and waits:
for a signal, or for one of them to end, and then ends the others.
"""

import errno
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from local.fetch import LocalModelError, fetch_model
from local.model import LocalModel, start_model
from local.parts import (
    POLL_SECONDS,
    SIGNALS,
    Part,
    RunError,
    check_alive,
    ending_together,
    interrupt,
    wait_for_answer,
)
from relay.settings import Settings, SettingsError, load_environ

ROOT = Path(__file__).resolve().parent.parent
VITE = "node_modules/vite/bin/vite.js"


def run(environ: dict[str, str]) -> NoReturn:
    """Starts what the settings in `environ` ask for and stays until it is to end.

    Raises SettingsError, LocalModelError or RunError, and KeyboardInterrupt for any signal.
    """
    settings = Settings.from_environ(environ)
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "localhost") else settings.host
    relay_port = _free_port("PORT", settings.port, settings.host)
    page_port = _free_port("PAGE_PORT", _page_port(environ), "127.0.0.1")
    node = _node(environ)
    environ = environ | {"PORT": str(relay_port)}
    if not settings.configured:
        fetch_model(weights=not settings.local_model)
    with ending_together() as parts:
        parts["page"] = page = _start_page(node, page_port, f"http://{host}:{relay_port}")
        if not settings.configured:
            parts["model"] = model = _start_model(settings)
            environ |= _pointing_to(model, environ)
        parts["relay"] = _start_relay(environ)
        wait_for_answer(parts, host, relay_port, "/")
        wait_for_answer(parts, "127.0.0.1", page_port, "/")
        # The page's own way to the relay, which fails with a 502 of its own.
        wait_for_answer(parts, "127.0.0.1", page_port, "/ready")
        page.shown = True
        print(f"Askbot is ready: http://localhost:{page_port}  (Ctrl-C ends it)", flush=True)
        while True:
            check_alive(parts)
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


def _start_page(node: str, port: int, relay_url: str) -> Part:
    command = [node, VITE, "preview", "--strictPort", "--host", "127.0.0.1", "--port", str(port)]
    # The key is the relay's alone, wherever it was set.
    environ = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    environ["RELAY_URL"] = relay_url
    return Part(command, ROOT / "frontend", environ, stop_signal=signal.SIGTERM, shown=False)


def _start_relay(environ: dict[str, str]) -> Part:
    # What the relay has to say is shown, without gunicorn's account of its own start and end.
    environ = {"GUNICORN_CMD_ARGS": "--log-level=warning"} | environ
    command = [sys.executable, "-m", "gunicorn", "app:app"]
    # gunicorn lets running answers end on SIGTERM, and cuts them on SIGINT.
    return Part(command, ROOT, environ, stop_signal=signal.SIGINT, shown=True)


def _start_model(settings: Settings) -> LocalModel:
    print("OPENAI_API_KEY is not set: starting the embedded model ...", flush=True)
    return start_model(settings.local_model)


def _pointing_to(model: LocalModel, environ: dict[str, str]) -> dict[str, str]:
    """The variables that make the relay ask this model."""
    # A proxy that the machine uses for the internet cannot reach it.
    known = environ.get("no_proxy") or environ.get("NO_PROXY")
    direct = f"{known},127.0.0.1" if known else "127.0.0.1"
    return {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": model.api_key,
        "OPENAI_MODEL": model.name,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def main() -> None:
    """The program; ends with status 0 when it was asked to end, otherwise with 1 and a reason."""
    for number in SIGNALS:
        # `nohup make run &` is to outlive its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        run(load_environ())
    except (SettingsError, LocalModelError, RunError) as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        pass
