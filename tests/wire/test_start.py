"""What an operator sees when a setting is wrong, or the server is started the wrong way."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.client import Exchange, ask, raw_exchange
from helpers.completions import get, keyed, new_key
from helpers.ipv6 import IPV6_HOSTS
from helpers.relay_process import PROJECT, RelayProcess, StartRelay
from helpers.upstream import Upstream
from relay.version import version

GUNICORN = [sys.executable, "-m", "gunicorn", "app:app"]
DEVELOPMENT = [sys.executable, "app.py"]
BOTH = pytest.mark.parametrize(
    "command", [GUNICORN, DEVELOPMENT], ids=["gunicorn", "python app.py"]
)


def refused(command: list[str], **settings: str) -> str:
    """What a server that must not start prints."""
    relay = RelayProcess(settings, command=command)
    assert relay.wait_for_exit() != 0
    return relay.log


@BOTH
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("HOST", "http://localhost"),
        ("IDLE_TIMEOUT", "soon"),
        ("PERSONA", "nobody"),
        ("PERSONAS_DIR", "/none"),
        ("PAGE_DIR", "/none"),
    ],
)
def test_a_wrong_setting(command: list[str], name: str, value: str) -> None:
    """The server does not start, and says in one line which setting and why."""
    log = refused(command, **{name: value})
    assert f"askbot: {name} " in log
    assert "Traceback" not in log
    assert len(log.splitlines()) == 1


@BOTH
def test_a_wrong_persona(command: list[str], tmp_path: Path) -> None:
    """A mistake in a persona file is told with file and line."""
    file = tmp_path / "odd.md"
    file.write_text("---\nname: Odd\ncolour: red\n---\nHello.\n", encoding="utf-8")
    log = refused(command, PERSONAS_DIR=str(tmp_path))
    assert f"{file}, line 3: " in log
    assert len(log.splitlines()) == 1


@pytest.mark.parametrize("setting", ["HTTPS_PROXY", "SSL_CERT_FILE"])
def test_what_the_transport_cannot_use(setting: str) -> None:
    """So are a proxy and a certificate file that cannot be used."""
    log = refused(GUNICORN, **{setting: "socks5://nowhere"})
    assert setting in log
    assert "Traceback" not in log


def test_a_header_that_cannot_be_sent() -> None:
    """The settings of the openai package that go into headers are named, without their values."""
    log = refused(GUNICORN, OPENAI_ORG_ID="an\norganization")
    assert "OPENAI_ORG_ID" in log
    assert "organization" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_another_worker(worker: str) -> None:
    """One that serves few readers at a time, or does not end as ours does, is refused."""
    log = refused([*GUNICORN, "-k", worker])
    assert f"leave out -k {worker}." in log
    assert "Traceback" not in log


def test_the_app_loaded_before_its_workers() -> None:
    """gevent could no longer make the standard library wait its way, so that is refused."""
    log = refused([*GUNICORN, "--preload"])
    assert "leave out --preload" in log
    assert "Traceback" not in log


def limited(descriptors: int, command: list[str]) -> list[str]:
    """The command with that limit on open files."""
    return ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]


@BOTH
def test_too_few_descriptors(command: list[str]) -> None:
    """Where not one answer could be given, the server does not start, and says what to raise."""
    log = refused(limited(128, command))
    assert "askbot: The limit on open files (ulimit -n) is 128, " in log
    assert len(log.splitlines()) == 1


@BOTH
def test_few_descriptors(start_relay: StartRelay, upstream: Upstream, command: list[str]) -> None:
    """Where there could be two answers, the third question is told to come back."""
    upstream.answers(lambda reply: reply.until_gone())
    relay = start_relay(command=limited(132, command))
    first = [ask(relay.url) for _ in range(2)]
    assert upstream.wait_until(lambda server: server.open == 2)
    refusal = ask(relay.url)
    assert refusal.error() == (503, "overloaded")
    assert refusal.headers["Retry-After"] == "1"
    for reply in first:
        reply.leave()


@BOTH
@pytest.mark.parametrize("host", ["127.0.0.1", *IPV6_HOSTS])
def test_hosts(start_relay: StartRelay, command: list[str], host: str) -> None:
    """The server listens at any address of the machine, also at one of IPv6."""
    relay = start_relay(command=command, HOST=host, PUBLIC="1")
    assert Exchange(relay.url, method="GET", path="/").status == 200


def test_the_development_server(start_relay: StartRelay) -> None:
    """`python app.py` answers too, with threads and a reloader."""
    relay = start_relay(command=DEVELOPMENT)
    assert ask(relay.url).text() == "Hello there."


@pytest.mark.parametrize(
    "command",
    [DEVELOPMENT, [sys.executable, "-m", "flask", "run", "--port", "0"]],
    ids=["python app.py", "flask run"],
)
def test_ids_stay_in_development(start_relay: StartRelay, command: list[str]) -> None:
    """These servers log each request, with so much of an id as nobody could read an answer with."""
    relay = start_relay(command=command, LOG_LEVEL="debug")
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    assert get(relay.url, key).text() == "Hello there."
    raw_exchange(relay.url, f"GET /aiCompletion/{key} HTTP/none\r\n\r\n".encode())
    for status in (200, 400):
        relay.wait_for_line(f"/aiCompletion/{key[:8]}[.][.][.].* {status} ")
    assert key not in relay.log


def test_the_version(start_relay: StartRelay) -> None:
    """The relay says which it is, and its log does before anything else of the relay's."""
    relay = start_relay()
    assert Exchange(relay.url, method="GET", path="/ready").json()["version"] == version()
    events = [record["event"] for record in relay.records]
    listening = next(event for event in events if event.startswith("Listening at"))
    assert events.index(f"This is Askbot {version()}") < events.index(listening)


def test_personas_are_reloaded(start_relay: StartRelay, tmp_path: Path) -> None:
    """In development an edited persona is in force without anybody restarting the server."""
    file = tmp_path / "odd.md"
    front = "---\nname: {}\ndescription: B\ngreeting: C\nsuggestions: []\n---\nBe odd.\n"
    file.write_text(front.format("Before"), encoding="utf-8")
    relay = start_relay(command=DEVELOPMENT, PERSONAS_DIR=str(tmp_path), PERSONA="odd")

    def name() -> str:
        cards = Exchange(relay.url, method="GET", path="/personas").json()["personas"]
        return str(cards[-1]["name"])

    assert name() == "Before"
    file.write_text(front.format("After"), encoding="utf-8")
    relay.wait_for_line("Detected change")
    relay.wait_for_line("Restarting")
    assert name() == "After"


# Imports what gunicorn's master does, patches the standard library as a worker does, and prints the
# functions of ours that have kept something unpatched as a default.
UNPATCHED = """
import gc, runpy, types
runpy.run_path("gunicorn.conf.py")
from gevent import monkey
monkey.patch_all()
patched = {id(item) for names in monkey.saved.values() for item in names.values()}
for each in gc.get_objects():
    if isinstance(each, types.FunctionType) and str(each.__module__).startswith("relay."):
        defaults = [*(each.__defaults__ or ()), *(each.__kwdefaults__ or {}).values()]
        if any(callable(default) and id(default) in patched for default in defaults):
            print(each.__module__, each.__qualname__)
"""


def test_no_default_is_older_than_the_patch() -> None:
    """A native `time.sleep` would stop the event loop, and all readers with it."""
    command = [sys.executable, "-c", UNPATCHED]
    found = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("", "")
