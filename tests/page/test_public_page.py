"""docs/public.md leads to a page that works, and costs no more than it says.

What needs a host on the internet is not tried: its packages, its name, its certificate, systemd.
"""

import configparser
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.sync_api import BrowserType, expect

from bench.process import free_port
from helpers import page_process
from helpers.limits import MINUTE_SECONDS, WAIT_SECONDS, wait_for_room
from helpers.nginx_process import run_nginx
from helpers.relay_process import KEY, PROJECT, RelayProcess, StartRelay
from relay.settings import Settings, variable

DOCUMENT = (PROJECT / "docs/public.md").read_text(encoding="utf-8")
NAME, HOME = "ask.example", "/srv/askbot/app"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def settings() -> dict[str, str]:
    lines = blocks("ini")[0].splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(blocks("ini")[1])
    return parser


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """The text with what is different on this machine. Each change must be of something."""
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


@dataclass(frozen=True, slots=True)
class Host:
    """The host of the document, on this machine."""

    relay: RelayProcess
    port: int
    folder: Path

    def run(self, script: str) -> str:
        """What a reader's shell prints."""
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            env={"PATH": "/usr/bin:/bin", "CURL_HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def host(start_relay: StartRelay, built_page: None, tmp_path: Path) -> Iterator[Host]:
    """The relay and nginx, as the document starts them."""
    assert built_page is None
    command = shlex.split(unit()["Service"]["ExecStart"])
    assert command[:2] == [f"{HOME}/.venv/bin/python", "-m"]
    # The other limits of a test are high: here they are those of a host.
    untouched = {
        "MAX_STREAMS": str(Settings().max_streams),
        "MAX_STREAMS_PER_CLIENT": str(Settings().max_streams_per_client),
    }
    here = {"STATE_FILE": str(tmp_path / "answers.db"), "OPENAI_API_KEY": KEY}
    relay = start_relay(command=[sys.executable, *command[1:]], **settings() | untouched | here)

    certificate = trustme.CA()
    certificate.cert_pem.write_to_path(tmp_path / "authority.pem")
    issued = certificate.issue_cert(NAME)
    issued.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(tmp_path / "fullchain.pem", append=True)
    port, plain = free_port(), free_port()
    servers = replaced(
        blocks("nginx")[0],
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        (f"/etc/letsencrypt/live/{NAME}", str(tmp_path)),
        (HOME, str(PROJECT)),
        ("http://127.0.0.1:2000", relay.url),
    )
    (tmp_path / ".curlrc").write_text(
        f'connect-to = "{NAME}:443:127.0.0.1:{port}"\n'
        f'connect-to = "{NAME}:80:127.0.0.1:{plain}"\n'
        f'cacert = "{tmp_path}/authority.pem"\n'
        'noproxy = "*"\n'
    )
    with run_nginx(servers, tmp_path):
        yield Host(relay, port, tmp_path)


def test_what_is_tried(host: Host) -> None:
    """The commands of the document print what it says of them."""
    answers, elsewhere, questions = re.findall(
        r"^# .*?\n(.*?)(?=^# |\Z)", blocks("sh")[-1], re.DOTALL | re.MULTILINE
    )
    assert host.run(answers).split("\n")[1:] == ["Hello there."]
    assert host.run(elsewhere) == "403\n"
    wait_for_room(MINUTE_SECONDS, MINUTE_SECONDS / 2)
    statuses = host.run(questions).split()
    assert set(statuses) == {"200", "429"}
    assert statuses[-1] == "429"
    # Another address is another client.
    other = f"curl -sS -f --interface 127.0.0.2 https://{NAME}/aiCompletion -d userPrompt=hello"
    assert host.run(other) == "Hello there."


def test_the_page(
    host: Host, browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> None:
    """A visitor opens the page at its name, asks and reads the answer."""
    rule = f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{host.port}"
    launch = browser_type_launch_args | {"args": [*page_process.CHROMIUM_ARGS, rule]}
    with browser_type.launch(**launch) as browser:
        page = browser.new_context(ignore_https_errors=True, locale="en").new_page()
        page.goto(f"https://{NAME}/")
        page.get_by_role("textbox").fill("Hi")
        page.get_by_role("textbox").press("Enter")
        expect(page.get_by_text("Hello there.")).to_be_visible()


def test_what_is_typed_without_https(host: Host) -> None:
    """Who types the name alone is led to https, and both the page and replies ask to stay there."""
    led = host.run(f"curl -sS -o /dev/null -w '%{{redirect_url}}' http://{NAME}/")
    assert led == f"https://{NAME}/"
    for path in ("/", "/personas"):
        head = host.run(f"curl -sS -I https://{NAME}{path}").lower()
        assert head.count("strict-transport-security: max-age=31536000") == 1
        assert head.count("nosniff") == 1
        assert head.count("frame-ancestors 'none'") == 1


def test_the_sum() -> None:
    """What the worst day costs follows from the settings and the price."""
    given = settings()
    tokens = int(given["DAILY_TOKENS"])
    price = float(re.search(r"output price of ([0-9.]+) dollars", DOCUMENT)[1])  # type: ignore[index]
    rows = re.findall(r"^\|.*\| ([0-9,]+) \| ([0-9.]+) \|$", DOCUMENT, re.MULTILINE)
    for (counted, dollars), times in zip(rows, (1, 3, 3 * 31), strict=True):
        assert int(counted.replace(",", "")) == times * tokens
        assert float(dollars) == pytest.approx(times * tokens / 1_000_000 * price)
    assert f"**{rows[1][1]} dollars**" in DOCUMENT


def test_its_settings() -> None:
    """Each is one of the relay's: it would ignore any other."""
    assert set(settings()) <= {variable(each) for each in fields(Settings)}


def test_its_targets() -> None:
    """make knows how to make what the document has it make."""
    (command,) = re.findall(r"^make .*$", blocks("sh")[0], re.MULTILINE)
    subprocess.run([*shlex.split(command), "--dry-run"], cwd=PROJECT, check=True)
