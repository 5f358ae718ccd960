"""A real nginx before a relay."""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.process import free_port
from helpers.limits import WAIT_SECONDS

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr info;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""
SERVER = """
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{relay};
            {more}
        }}
    }}
"""


@contextlib.contextmanager
def start_nginx(relay_url: str, folder: Path, more: str) -> Iterator[str]:
    """Starts nginx before a relay, with `more` in its location. Returns its address."""
    port = free_port()
    with run_nginx(SERVER.format(port=port, relay=urlsplit(relay_url).netloc, more=more), folder):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def run_nginx(servers: str, folder: Path) -> Iterator[None]:
    """Runs nginx with some `server` blocks."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if nginx is None:
        pytest.skip("needs Debian's package nginx")
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, servers=servers), encoding="ascii")
    process = subprocess.Popen(
        [nginx, "-p", str(folder), "-c", str(file)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        # nginx logs this when it listens and its worker runs.
        assert any("start worker process " in line for line in process.stderr)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield
    finally:
        process.terminate()
        process.wait(WAIT_SECONDS)
        process.stderr.close()
