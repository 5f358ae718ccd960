"""Behind a real nginx, with the configuration it comes with and with the one line we recommend."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client import Cut, ask
from relay_process import RelayProcess
from upstream import Reply, Upstream

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{relay};
            {more}
        }}
    }}
}}
"""


@pytest.fixture(params=["", "proxy_http_version 1.1;"], ids=["as it comes", "HTTP/1.1"])
def proxied(request: pytest.FixtureRequest, relay: RelayProcess, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx before the relay."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if nginx is None:
        pytest.skip("needs Debian's package nginx")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    file = tmp_path / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(
            folder=tmp_path, port=port, relay=urlsplit(relay.url).netloc, more=request.param
        ),
        encoding="ascii",
    )
    process = subprocess.Popen(
        [nginx, "-p", str(tmp_path), "-c", str(file)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    # It says so once it listens and has its worker.
    assert any("start worker process " in line for line in process.stderr)
    threading.Thread(target=process.stderr.read, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)
    process.stderr.close()


def test_nothing_is_held_back(proxied: str, upstream: Upstream) -> None:
    """The first text passes nginx before the model has written the second."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("안녕")
        gate.wait(10)
        reply.text("하세요")
        reply.finish()

    reply = ask(proxied)
    assert reply.piece() == "안녕"
    gate.set()
    assert reply.text() == "하세요"


def test_a_cut_is_seen(proxied: str, upstream: Upstream) -> None:
    """An answer that breaks off looks broken behind nginx as well."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        gate.wait(10)
        reply.reset()

    reply = ask(proxied)
    assert reply.piece() == "Hello "
    gate.set()
    with pytest.raises(Cut):
        reply.text()


def test_leaving(proxied: str, upstream: Upstream) -> None:
    """nginx passes a reader's departure on, and the request to the model ends."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = ask(proxied)
    assert reply.piece() == "Hello "
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, 1)
