"""`make run`: the model, the relay and the page as one program.

They are three child processes. This process starts them and says when all of them answer. After a
signal, or when one of them ends, it ends all.
"""

import contextlib
import errno
import ipaddress
import os
import shutil
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

from local.child_processes import (
    POLL_SECONDS,
    SIGNALS,
    Part,
    Parts,
    RunError,
    answers,
    check_alive,
    ending_together,
    interrupt,
    wait_for,
)
from local.fetch import LocalModelError, fetch_model
from local.model_process import LocalModel, start_model
from relay.access import check_address
from relay.settings import PROJECT, Settings, SettingsError, in_address, load_environ

FRONTEND = PROJECT / "frontend"
VITE = "node_modules/vite/bin/vite.js"
# The same backlog as gunicorn's own socket.
BACKLOG = 2048


def run(environ: dict[str, str]) -> NoReturn:
    """Starts the parts for the settings in `environ`, and returns when they end.

    Raises SettingsError, LocalModelError or RunError, and KeyboardInterrupt for any signal.
    """
    settings = Settings.from_environ(environ)
    page_port = _page_port(environ)
    _check_localhost("PORT", settings.port)
    with _listen("PORT", settings.host, settings.port) as listener:
        check_address(listener.getsockname()[0], settings)
        _check_page_port(page_port, listener)
        node = _node(environ)
        if not settings.configured:
            fetch_model(weights=not settings.local_model)
        with ending_together() as parts:
            relay_url = _url(listener)
            parts["page"] = page = _start_page(node, page_port, relay_url)
            if not settings.configured:
                parts["model"] = model = _start_model(settings)
                environ = environ | _pointing_to(model, environ)
            parts["relay"] = _start_relay(environ, listener)
            # The relay has inherited the socket. Closed here, it closes when the relay ends.
            listener.close()
            page_url = _page_url(parts, page, page_port)
            # By the page's own way to the relay, which fails with a 502 of its own.
            for url in (f"{relay_url}/", f"{page_url}/ready"):
                wait_for(parts, f"{url} did not answer", partial(answers, url))
            page.shown = True
            print(f"Askbot is ready: {page_url}  (Ctrl-C ends it)", flush=True)
            while True:
                check_alive(parts)
                time.sleep(POLL_SECONDS)


def _page_port(environ: dict[str, str]) -> int:
    text = environ.get("PAGE_PORT", "").strip() or "5173"
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise SettingsError(f"PAGE_PORT must be a port number from 0 to 65535, not {text!r}.")
    return int(text)


def _listen(variable: str, host: str, port: int) -> socket.socket:
    """A socket that listens on the address, so that no other program can. Port 0 is any free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _port_in_use(variable, port) from error
        absent = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
        if absent or isinstance(error, socket.gaierror):
            message = f"HOST must be an address of this machine, not {host!r}."
            raise SettingsError(message) from error
        raise RunError(f"{variable} cannot be {port}: {os.strerror(error.errno or 0)}.") from error


def _port_in_use(variable: str, port: int) -> RunError:
    return RunError(
        f"Port {port} is in use: end the program that listens there, or set {variable} to another "
        "port."
    )


def _check_localhost(variable: str, port: int) -> None:
    """Checks that no other server listens on ::1, which browsers try first for "localhost"."""
    # Without IPv6 no server can.
    with contextlib.suppress(SettingsError):
        _listen(variable, "::1", port).close()


def _check_page_port(port: int, listener: socket.socket) -> None:
    if port and port == listener.getsockname()[1]:
        raise SettingsError(f"PAGE_PORT must be another port than PORT, not {port}.")
    _check_localhost("PAGE_PORT", port)
    _listen("PAGE_PORT", "127.0.0.1", port).close()


def _url(listener: socket.socket) -> str:
    """The URL at which this machine reaches a server on the address."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://{in_address(host)}:{port}"


def _node(environ: dict[str, str]) -> str:
    # If the machine has no Node, `make` installs one into the environment's folder.
    folders = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", "")])
    node = shutil.which("node", path=folders)
    if node is None:
        raise RunError("The page needs Node: start with `make run`, which installs it.")
    for file in (VITE, "dist/index.html"):
        if not (FRONTEND / file).exists():
            raise RunError("The page is not built yet: start with `make run`, which builds it.")
    return node


def _start_page(node: str, port: int, relay_url: str) -> Part:
    command = [node, VITE, "preview", "--strictPort", "--host", "127.0.0.1", "--port", str(port)]
    # Only the relay gets the key.
    environ = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    environ |= {"RELAY_URL": relay_url, "NO_COLOR": "1"}
    return Part(command, FRONTEND, environ, stop_signal=signal.SIGTERM, shown=False)


def _page_url(parts: Parts, page: Part, port: int) -> str:
    """The page's address as its server printed it: another server may answer at the usual port."""
    try:
        found = wait_for(
            parts, "The page did not start", lambda: page.said(r"Local: +http://[0-9.]+:([0-9]+)/")
        )
    except RunError as error:
        # Another program took the port after our check.
        if "is already in use" in page.last_words():
            raise _port_in_use("PAGE_PORT", port) from error
        raise
    return f"http://localhost:{found[1]}"


def _start_relay(environ: dict[str, str], listener: socket.socket) -> Part:
    # Shows the relay's log without gunicorn's messages about its start and end.
    environ = {"GUNICORN_CMD_ARGS": "--log-level=warning"} | environ
    if sys.stderr.isatty():
        # The relay writes into a pipe, but its lines are shown in the terminal.
        environ = {"FORCE_COLOR": "1"} | environ
    bind = f"fd://{listener.fileno()}"
    command = [sys.executable, "-m", "gunicorn", "--bind", bind, "app:app"]
    return Part(
        command,
        PROJECT,
        environ,
        # gunicorn lets running answers end on SIGTERM, and cuts them on SIGINT.
        stop_signal=signal.SIGINT,
        shown=True,
        inherited=(listener.fileno(),),
    )


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
    """The program. Exits with 0 after a signal, otherwise with 1 and a reason."""
    try:
        for number in SIGNALS:
            # `nohup make run &` must outlive its terminal.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, interrupt)
        run(load_environ())
    except (SettingsError, LocalModelError, RunError) as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        pass
