"""What the tests share: the scripted upstream and the relay in front of it."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from relay_process import RelayProcess  # noqa: E402  # The path has to be there first.
from upstream import Upstream  # noqa: E402

StartRelay = Callable[..., RelayProcess]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A skipped test is a choice on a developer's machine, and a hole under CI."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {call.excinfo and call.excinfo.value}"
    return report


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted model's server; see tests/upstream.py."""
    server = Upstream()
    yield server
    server.close()
    assert not server.faults, f"the script itself failed: {server.faults}"


@pytest.fixture
def start_relay(upstream: Upstream) -> Iterator[StartRelay]:
    """Starts a relay before the scripted upstream, with settings by name: `PORT="0"`."""
    started: list[RelayProcess] = []

    def start(*, command: list[str] | None = None, **settings: str) -> RelayProcess:
        defaults = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "sk-test-key-of-nobody"}
        relay = RelayProcess(defaults | settings, command=command)
        started.append(relay)
        relay.wait_for_url()
        return relay

    yield start
    for relay in started:
        relay.stop()


@pytest.fixture
def relay(start_relay: StartRelay) -> RelayProcess:
    """A relay with default settings."""
    return start_relay()
