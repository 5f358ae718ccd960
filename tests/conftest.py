"""Fixtures: the scripted upstream, a relay before it, and the page in a browser."""

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from helpers import page_process
from helpers.client import close_exchanges
from helpers.image import FORBIDDEN_HERE
from helpers.limits import DAY_SECONDS, TEST_SECONDS, WAIT_SECONDS, wait_for_room
from helpers.relay_process import (
    PATIENT,
    RelayProcess,
    ServePage,
    StartRelay,
    forget_ended,
    last_lines,
    start,
)
from helpers.slow_browser import slow_down
from helpers.sources import close_sources
from helpers.upstream import Upstream

# The machine's speed must not fail a test.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # Set before the plugin reads it. `--timeout` still overrides it.
    if config.option.timeout is None:
        config.option.timeout = TEST_SECONDS
    expect.set_options(timeout=1000 * WAIT_SECONDS)
    # A shell's background job ignores these signals, and the tested processes would inherit that.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    forget_ended()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the logs of its servers to a failed test. Under CI a skipped test counts as failed.

    One that the machine cannot run does not. A package can be installed, but a container may forbid
    namespaces to all that runs in it.
    """
    report = yield
    reason = str(call.excinfo.value) if call.excinfo else ""
    is_missed = report.skipped and not reason.startswith(FORBIDDEN_HERE)
    if os.environ.get("CI") == "true" and is_missed:
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {reason}"
    if report.failed:
        report.sections += [(f"The log of {command}", log) for command, log in last_lines()]
    return report


@pytest.fixture(autouse=True)
def within_a_day() -> None:
    """Limits count by UTC days: a test does not begin at the end of one."""
    wait_for_room(DAY_SECONDS, WAIT_SECONDS)


def pytest_xdist_auto_num_workers() -> int:
    """Twice the cores: most tests wait for servers, and a core is idle meanwhile."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def leave_nothing_open() -> Iterator[None]:
    yield
    close_exchanges()
    close_sources()


@pytest.fixture(scope="session")
def upstream_server() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def upstream(upstream_server: Upstream) -> Iterator[Upstream]:
    """The scripted model's server. At the end of a test no request may be open."""
    upstream_server.forget()
    yield upstream_server
    assert upstream_server.wait_until(lambda server: server.open == 0), "a request was left open"
    assert not upstream_server.faults, f"the script itself failed: {upstream_server.faults}"


@pytest.fixture(scope="session")
def shared_relay(upstream_server: Upstream) -> Iterator[RelayProcess]:
    relay = start(upstream_server, PATIENT, None)
    yield relay
    assert relay.stop() == 0


@pytest.fixture
def relay(shared_relay: RelayProcess, upstream: Upstream) -> RelayProcess:
    """A relay with long deadlines before the scripted upstream, shared by all tests."""
    assert upstream
    return shared_relay


@pytest.fixture
def start_relay(upstream: Upstream) -> Iterator[StartRelay]:
    """Starts a relay of the test's own, with settings by name: `start_relay(IDLE_TIMEOUT="1")`."""
    started: list[RelayProcess] = []

    def start_one(*, command: list[str] | None = None, **settings: str) -> RelayProcess:
        started.append(start(upstream, settings, command))
        return started[-1]

    yield start_one
    # A server that stops waits for its readers.
    close_exchanges()
    for relay in started:
        relay.stop()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    if reason := page_process.missing():
        pytest.skip(reason)
    return {
        "executable_path": page_process.CHROMIUM,
        "args": page_process.CHROMIUM_ARGS,
        "timeout": 1000 * WAIT_SECONDS,
    }


@pytest.fixture(scope="session")
def built_page() -> None:
    if reason := page_process.missing():
        pytest.skip(reason)
    page_process.build()


@pytest.fixture(scope="session")
def base_url(shared_relay: RelayProcess, built_page: None) -> Iterator[str]:
    """The page's address, before the shared relay."""
    assert built_page is None
    server = page_process.serve(shared_relay.url)
    yield server.url
    server.stop()


@pytest.fixture
def serve_page(built_page: None) -> Iterator[ServePage]:
    """Serves the page before a relay of the test's own: `serve_page(relay_url, folder)`."""
    assert built_page is None
    servers: list[RelayProcess] = []

    def serve(relay_url: str, built: Path = page_process.BUILT.parent) -> RelayProcess:
        servers.append(page_process.serve(relay_url, built))
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """The browser context, with the limits of the other tests."""
    context.set_default_timeout(1000 * WAIT_SECONDS)
    if os.environ.get("TEST_SLOW_BROWSER"):
        slow_down(context)
    return context


# The browser reports these as events, not only on the console.
WATCH_POLICY = """
window.violations = []
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
  window.violations.push(`${violatedDirective} ${blockedURI} ${sample}`))
"""


@pytest.fixture
def opened_url(request: pytest.FixtureRequest) -> str | None:
    """What `page` opens: the shared relay's page, or nothing for a test that serves its own."""
    return None if "serve_page" in request.fixturenames else "/"


@pytest.fixture
def page(page: Page, opened_url: str | None) -> Iterator[Page]:
    """Askbot's page, open. At the end it must have no errors and no breaches of its policy."""
    complaints: list[str] = []

    def on_console(kind: str, text: str) -> None:
        # The browser itself logs an error for each refused request.
        if kind == "error" and not text.startswith("Failed to load resource"):
            complaints.append(text)

    page.context.add_init_script(WATCH_POLICY)
    page.on("console", lambda message: on_console(message.type, message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if opened_url is not None:
        page.goto(opened_url)
    yield page
    assert not complaints
    # A test that was skipped, or failed at once, has opened nothing.
    assert page.url == "about:blank" or page.evaluate("window.violations") == []
