"""The measured relays, each started as its documentation recommends for production."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from bench import journals, limits

ROOT = Path(__file__).parents[1]
_EXPRESS = ROOT / "bench" / "express"

# As many as the scenarios have readers: a peer is not to fail for want of threads.
_THREADS = 2048


@dataclass(frozen=True)
class Peer:
    """A relay that answers `POST /aiCompletion`."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    """The command line for a port."""
    environ: dict[str, str]
    """What it needs besides PORT and the OPENAI_ variables."""
    made_of: Callable[[], str]
    """Its parts with their versions."""
    beside: Callable[[int], AbstractContextManager[dict[str, str]]] = lambda _core: nullcontext({})
    """What is there while it runs, on a core that is not its own, with the settings that say so."""


def _python(*packages: str) -> str:
    named = [f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages)]
    return ", ".join(named)


def _node(*packages: str) -> str:
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    named = [f"Node {node.stdout.strip().removeprefix('v')}"]
    for package in packages:
        manifest = json.loads((_EXPRESS / "node_modules" / package / "package.json").read_text())
        named.append(f"{package} {manifest['version']}")
    return ", ".join(named)


def _gunicorn(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gunicorn", *arguments]


ASKBOT = Peer(
    name="askbot",
    title="Askbot",
    command=lambda _port: _gunicorn("app:app"),
    environ={"HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"} | limits.HIGH,
    made_of=lambda: _python("flask", "gunicorn", "gevent", "httptools", "openai"),
    beside=journals.state_file,
)
ASKBOT_TWO_WORKERS = replace(
    ASKBOT,
    name="askbot-2",
    title="Askbot, two workers",
    environ=ASKBOT.environ | {"WEB_CONCURRENCY": "2"},
)
ASKBOT_REDIS = replace(
    ASKBOT, name="askbot-redis", title="Askbot with Redis", beside=journals.redis
)
EXPRESS = Peer(
    name="express",
    title="Express",
    command=lambda _port: ["node", str(_EXPRESS / "server.js")],
    environ={"NODE_ENV": "production"},
    made_of=lambda: _node("express", "openai"),
)
FLASK = Peer(
    name="flask",
    title="Flask, threads",
    command=lambda port: _gunicorn(
        "bench.relays.flask_threads:app",
        # Names a module without settings: gunicorn would find Askbot's own by itself.
        "--config=python:bench.relays",
        f"--bind=127.0.0.1:{port}",
        "--worker-class=gthread",
        f"--threads={_THREADS}",
        f"--worker-connections={_THREADS}",
        "--keep-alive=5",
        "--no-control-socket",
    ),
    environ={},
    made_of=lambda: _python("flask", "gunicorn", "openai"),
)
FASTAPI = Peer(
    name="fastapi",
    title="FastAPI",
    command=lambda port: [
        *(sys.executable, "-m", "uvicorn", "bench.relays.fastapi_stream:app"),
        *("--port", str(port), "--no-access-log"),
    ],
    environ={},
    made_of=lambda: _python("fastapi", "uvicorn", "uvloop", "httptools", "openai"),
)
NO_RELAY = Peer(
    name="none",
    title="No relay",
    command=lambda _port: [],
    environ={},
    made_of=_python,
)
"""The upstream asked directly: the most that any relay could reach."""

PEERS = (ASKBOT, EXPRESS, FASTAPI, FLASK)
"""The relays that are held against one another."""
