"""Debian's nginx, HAProxy and Caddy before relays, with lines of a test in a bare configuration."""

import contextlib
import getpass
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.process import free_port
from helpers.relay_process import RelayProcess

NGINX = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log stderr info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream relays {{ {servers} }}
    server {{
        listen {listen};
        {server}
        location / {{
            proxy_pass http://relays;
            {more}
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
frontend askbot
    bind 127.0.0.1:{port} {tls}
    default_backend relays
backend relays
    balance roundrobin
    {more}
    {servers}
"""

CADDY = """
{{
    admin off
    auto_https off
    grace_period 1s
    {options}
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    {site}
    reverse_proxy {servers} {{
        # Without it Caddy sometimes cuts an answer that begins at once.
        buffer_requests
        lb_policy round_robin
        {more}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """nginx, with lines in its location and in its server.

    With the file of a certificate and its key it speaks HTTP/2.
    """

    more: str = ""
    server: str = ""
    certificate: Path | None = None

    @contextlib.contextmanager
    def before(self, relays: Sequence[str], folder: Path) -> Iterator[str]:
        """Starts it. Returns its address."""
        port = free_port()
        servers = "".join(f"server {_place(relay)};" for relay in relays)
        # Its worker would otherwise have a user who cannot read the test's folder.
        user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
        server, listen = self.server, f"127.0.0.1:{port}"
        if self.certificate:
            listen += " ssl http2"
            server += f"ssl_certificate {self.certificate}; ssl_certificate_key {self.certificate};"
        text = NGINX.format(
            user=user, folder=folder, servers=servers, more=self.more, server=server, listen=listen
        )
        file = _written(folder / "nginx.conf", text)
        command = [_program("nginx"), "-p", str(folder), "-c", str(file)]
        with _running(command, folder, "start worker process "):
            yield _url(port, self.certificate)


@dataclass(frozen=True, slots=True)
class HAProxy:
    """HAProxy, with lines in its backend.

    With the file of a certificate and its key it speaks HTTP/2.
    """

    more: str = ""
    certificate: Path | None = None

    @contextlib.contextmanager
    def before(self, relays: Sequence[str], folder: Path) -> Iterator[str]:
        """Starts it. Returns its address."""
        servers = "\n    ".join(
            f"server relay{number} {_place(relay)}" for number, relay in enumerate(relays)
        )
        port = free_port()
        tls = f"ssl crt {self.certificate} alpn h2" if self.certificate else ""
        text = HAPROXY.format(port=port, tls=tls, servers=servers, more=self.more)
        file = _written(folder / "haproxy.cfg", text)
        command = [_program("haproxy"), "-W", "-V", "-f", str(file)]
        with _running(command, folder, "Loading success"):
            yield _url(port, self.certificate)


@dataclass(frozen=True, slots=True)
class Caddy:
    """Caddy, with lines in its reverse_proxy, in its site and in its global options."""

    more: str = ""
    site: str = ""
    options: str = ""

    @contextlib.contextmanager
    def before(self, relays: Sequence[str], folder: Path) -> Iterator[str]:
        """Starts it. Returns its address."""
        port = free_port()
        text = CADDY.format(
            port=port,
            servers=" ".join(map(_place, relays)),
            more=self.more,
            site=self.site,
            options=self.options,
        )
        file = _written(folder / "Caddyfile", text)
        command = [_program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
        with _running(command, folder, "serving initial configuration"):
            yield f"http://127.0.0.1:{port}"


Proxy = Nginx | HAProxy | Caddy


@contextlib.contextmanager
def _running(command: list[str], folder: Path, ready: str) -> Iterator[None]:
    """Runs a program, from the line of its log on that contains `ready`."""
    state = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = RelayProcess(state, command=command)
    try:
        process.wait_for_line(ready)
        yield
    finally:
        process.stop()


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if found is None:
        pytest.skip(f"needs Debian's package {name}")
    return found


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="ascii")
    return path


def _place(relay_url: str) -> str:
    return urlsplit(relay_url).netloc


def _url(port: int, certificate: Path | None) -> str:
    return f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"
