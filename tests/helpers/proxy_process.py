"""Debian's nginx, Caddy or HAProxy with its file in deploy/, before a relay.

The files are used as they are, but for what their own comments say is to be changed.
"""

import contextlib
import getpass
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.process import free_port
from helpers.certificates import NAME, write_certificate
from helpers.relay_process import PROJECT, RelayProcess

FILES = PROJECT / "deploy"
PROGRAMS = "/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin"

# What surrounds the file in /etc/nginx/nginx.conf, with every path in a folder of the test.
AROUND_NGINX = """
daemon off;
{user}
pid nginx.pid;
error_log stderr info;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include {file};
}}
"""

AROUND_CADDY = """
{{
    admin off
    auto_https disable_redirects
}}
import {file}
"""


@dataclass(frozen=True)
class Place:
    """What the comments of the files say is to be changed, for one test."""

    folder: Path
    relay: str
    page: Path
    port: int
    plain_port: int


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs: its https address, the one of its plain port, and its process."""

    name: str
    url: str
    plain_url: str
    process: RelayProcess


def changed(name: str, changes: Mapping[str, str]) -> str:
    """The text of a file in deploy/ with these changes. Each must find what it changes."""
    text = (FILES / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def nginx(place: Place) -> tuple[list[str], str]:
    chain, key, _ = write_certificate(place.folder)
    file = place.folder / "askbot.conf"
    file.write_text(
        changed(
            "nginx.conf",
            {
                "/etc/letsencrypt/live/askbot.example/fullchain.pem": str(chain),
                "/etc/letsencrypt/live/askbot.example/privkey.pem": str(key),
                "https://askbot.example": f"https://{NAME}:{place.port}",
                "askbot.example": NAME,
                "/var/www/askbot": str(place.page),
                "127.0.0.1:2000": place.relay,
                "listen 80": f"listen 127.0.0.1:{place.plain_port}",
                "listen 443": f"listen 127.0.0.1:{place.port}",
            },
        ),
        encoding="utf-8",
    )
    around = place.folder / "nginx.conf"
    # Its workers would otherwise have a user who cannot read the test's folder.
    user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
    around.write_text(AROUND_NGINX.format(user=user, file=file), encoding="ascii")
    command = ["nginx", "-p", str(place.folder), "-c", str(around)]
    return command, "start worker process "


def caddy(place: Place) -> tuple[list[str], str]:
    chain, key, _ = write_certificate(place.folder)
    file = place.folder / "askbot.caddy"
    file.write_text(
        changed(
            "Caddyfile",
            {
                "#tls /etc/askbot/fullchain.pem /etc/askbot/privkey.pem": f"tls {chain} {key}",
                "\naskbot.example": f"\nhttps://{NAME}:{place.port}",
                "/var/www/askbot": str(place.page),
                "127.0.0.1:2000": place.relay,
            },
        ),
        encoding="utf-8",
    )
    around = place.folder / "Caddyfile"
    around.write_text(AROUND_CADDY.format(file=file), encoding="ascii")
    command = ["caddy", "run", "--config", str(around), "--adapter", "caddyfile"]
    return command, "serving initial configuration"


def haproxy(place: Place) -> tuple[list[str], str]:
    _, _, both = write_certificate(place.folder)
    changes = {
        "/etc/haproxy/askbot.pem": str(both),
        "127.0.0.1:2000": place.relay,
        "bind :80": f"bind 127.0.0.1:{place.plain_port}",
        "bind :443": f"bind 127.0.0.1:{place.port}",
    }
    if os.getuid() != 0:
        changes |= {"    user haproxy\n": "", "    group haproxy\n": ""}
    file = place.folder / "haproxy.cfg"
    file.write_text(changed("haproxy.cfg", changes), encoding="utf-8")
    return ["haproxy", "-W", "-V", "-f", str(file)], "Loading success"


PROXIES: dict[str, Callable[[Place], tuple[list[str], str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "haproxy": haproxy,
}


@contextlib.contextmanager
def deployed(name: str, relay_url: str, page: Path, folder: Path) -> Iterator[Proxy]:
    """Runs the proxy of that name before a relay and the page in a folder."""
    program = shutil.which(name, path=PROGRAMS)
    if program is None:
        pytest.skip(f"needs Debian's package {name}")
    port, plain_port = free_port(), free_port()
    place = Place(folder, urlsplit(relay_url).netloc, page, port, plain_port)
    command, running = PROXIES[name](place)
    state = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = RelayProcess(state, command=[program, *command[1:]])
    try:
        process.wait_for_line(running)
        yield Proxy(name, f"https://{NAME}:{port}", f"http://{NAME}:{plain_port}", process)
    finally:
        process.stop()
