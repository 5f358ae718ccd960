"""The files for hosts give a server the time to end that its settings promise."""

import os
import re
import subprocess
import sys

import yaml

from helpers.relay_process import PROJECT
from relay.settings import Settings

_settings = Settings()
SECONDS = _settings.drain_seconds + _settings.graceful_timeout


def found(pattern: str, file: str) -> list[int]:
    text = (PROJECT / file).read_text(encoding="utf-8")
    return [int(seconds) for seconds in re.findall(pattern, text)]


def test_gunicorn() -> None:
    """The master gives workers the time to drain, and then all of GRACEFUL_TIMEOUT."""
    command = [sys.executable, "-m", "gunicorn", "--print-config", "app:app"]
    environ = os.environ | {"DRAIN_SECONDS": "10", "GRACEFUL_TIMEOUT": "30"}
    printed = subprocess.run(
        command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=True
    )
    assert re.search(r"^graceful_timeout +(?:= )?40$", printed.stdout, re.MULTILINE)


def test_systemd() -> None:
    """systemd kills only after that, and tells the workers nothing by itself."""
    for file in ("deploy/askbot.service", "docs/public.md"):
        [timeout] = found(r"\nTimeoutStopSec=(\d+)\n", file)
        assert timeout > SECONDS
    assert "\nKillMode=mixed\n" in (PROJECT / "deploy/askbot.service").read_text(encoding="utf-8")


def test_docker() -> None:
    """So does Docker, with the number that the files name."""
    for file in ("deploy/Dockerfile", "docs/deploy.md"):
        assert min(found(r"(?:docker stop |give it more with `)-t (\d+)", file)) > SECONDS
    compose = yaml.safe_load((PROJECT / "deploy/compose.yaml").read_text(encoding="utf-8"))
    assert int(compose["services"]["relay"]["stop_grace_period"].removesuffix("s")) > SECONDS
