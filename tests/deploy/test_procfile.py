"""The Procfile, run as hosts that read one do: Heroku, Render, Dokku and others."""

import os
import shlex
import signal
import sys
from pathlib import Path

from bench.process import free_port
from helpers.client import Exchange, ask
from helpers.completions import Gated
from helpers.relay_process import PROJECT, StartRelay
from helpers.upstream import Upstream


def test_the_procfile(start_relay: StartRelay, upstream: Upstream) -> None:
    """The host chooses port and workers. Told to end, all processes at once, answers end first."""
    kind, _, command = (PROJECT / "Procfile").read_text(encoding="ascii").partition(":")
    assert kind == "web"
    port = free_port()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    relay = start_relay(
        command=["bash", "-c", f"PATH={shlex.quote(path)} exec {command.strip()}"],
        PORT=str(port),
        WEB_CONCURRENCY="2",
        # What docs/deploy.md says to set there.
        HOST="0.0.0.0",
        PUBLIC="1",
        TRUSTED_PROXIES="1",
        GRACEFUL_TIMEOUT="25",
    )
    url = f"http://127.0.0.1:{port}"
    assert Exchange(url, method="GET", path="/ready").status == 200
    answer = Gated(upstream, "Hello ", "there.")
    reply = ask(url)
    answer.let()
    assert reply.piece() == "Hello "
    os.killpg(relay.process.pid, signal.SIGTERM)
    relay.wait_for_line("Handling signal: term")
    answer.let(2)
    assert reply.text() == "there."
    assert relay.wait_for_exit() == 0
