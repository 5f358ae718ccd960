"""Debian's Prometheus of the test's own, on a free port, which scrapes a relay."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest

from bench.process import free_port
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import RelayProcess

CONFIGURATION = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 200ms }}
rule_files: [{rules}]
scrape_configs:
  - job_name: askbot
    static_configs: [{{ targets: ["{relay}"] }}]
"""
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, expression: str) -> list[Any]:
        """The series of the expression now. Raises HTTPError if it is none."""
        reply = self._get("query", query=expression)
        found: list[Any] = reply["data"]["result"]
        return found

    def wait_for_series(self, expression: str) -> list[Any]:
        """The series, as soon as there is one with a number in it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            found = [each for each in self.query(expression) if each["value"][1] != "NaN"]
            if found:
                return found
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"no series in time: {expression}")

    def rules(self) -> list[Any]:
        """The loaded rules, with their health."""
        groups = self._get("rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _get(self, name: str, **parameters: str) -> Any:
        with urlopen(
            f"{self.url}/api/v1/{name}?{urlencode(parameters)}", timeout=WAIT_SECONDS
        ) as reply:
            return json.load(reply)


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip("needs Debian's package prometheus")
    return found


def promtool(*arguments: str, folder: Path) -> None:
    """Runs promtool. Fails the test if promtool fails."""
    done = subprocess.run(
        [program("promtool"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def start_prometheus(relay_url: str, rules: Path, folder: Path) -> Iterator[Prometheus]:
    """Runs Prometheus with these rules, before the relay. Yields when it has scraped."""
    file, port = folder / "prometheus.yml", free_port()
    relay = urlsplit(relay_url).netloc
    file.write_text(CONFIGURATION.format(rules=rules, relay=relay), encoding="utf-8")
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = RelayProcess({}, command=command)
    try:
        process.wait_for_line("Server is ready to receive web requests")
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        prometheus.wait_for_series("askbot_info")
        yield prometheus
    finally:
        process.stop()
