"""`make run` as a user meets it: it comes up, it answers, it ends, and it says what is wrong."""

import contextlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.process import free_port
from helpers.ipv6 import IPV6_HOSTS, has_ipv6
from helpers.limits import WORK_SECONDS
from helpers.relay_process import PATIENT, PROJECT, RelayProcess
from local.fetch import weights_path

READY = re.compile(r"Askbot is ready: (http://localhost:[0-9]+)  \(Ctrl-C ends it\)")
# Nobody listens there, and nobody is asked in most of these tests.
ELSEWHERE = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}

Start = Callable[..., RelayProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts what `make run` runs, on free ports with the given settings, and ends it at last."""
    started: list[RelayProcess] = []

    def start(**settings: str) -> RelayProcess:
        command = [sys.executable, "-m", "local"]
        running = RelayProcess({"PAGE_PORT": "0"} | settings, command=command)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def built_page() -> None:
    """What the page needs, which `make` installs and builds."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if not shutil.which("node", path=path):
        pytest.skip("Node is missing: make test installs it")
    if not (PROJECT / "frontend/dist/index.html").is_file():
        pytest.skip("the page is not built: make test builds it")


class Family:
    """All processes that descend from one, held so that their end can be waited for."""

    def __init__(self, ancestor: int) -> None:
        self.commands: dict[int, str] = {}
        children: dict[int, list[int]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(folder.name))
        waiting = [ancestor]
        while waiting:
            pid = waiting.pop()
            waiting += children.get(pid, [])
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            self.commands[os.pidfd_open(pid)] = command
        self.all_commands = list(self.commands.values())

    def survivors(self, seconds: float = WORK_SECONDS) -> list[str]:
        """The commands of those that have not ended after this time at most."""
        deadline = time.monotonic() + seconds
        while self.commands and (left := deadline - time.monotonic()) > 0:
            for ended in select.select(list(self.commands), [], [], left)[0]:
                os.close(ended)
                del self.commands[ended]
        for descriptor in self.commands:
            os.close(descriptor)
        return list(self.commands.values())


def _ask(page_url: str, question: str) -> str:
    """The answer as the page gets it: through its own address."""
    address = urlsplit(page_url).netloc
    connection = http.client.HTTPConnection(address, timeout=WORK_SECONDS)
    body = json.dumps({"userPrompt": question})
    connection.request("POST", "/aiCompletion", body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    answer = reply.read().decode()
    connection.close()
    assert reply.status == 200, answer
    return answer


@pytest.mark.usefixtures("built_page")
def test_answers_and_ends(start: Start) -> None:
    """With no key it comes up, a real model answers on the page, and Ctrl-C leaves nothing."""
    if not weights_path().is_file():
        pytest.skip("the model is not there: python -m local.fetch")
    running = start(**PATIENT)
    url = running.wait_for_line(READY, WORK_SECONDS)[1]
    assert "Paris" in _ask(url, "What is the capital of France?")
    family = Family(running.process.pid)
    assert sum("local.model_server" in command for command in family.all_commands) == 1
    running.process.send_signal(signal.SIGINT)
    assert family.survivors() == []
    assert running.process.wait(WORK_SECONDS) == 0
    assert "Traceback" not in running.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("built_page")
def test_ends_quietly(start: Start, number: signal.Signals) -> None:
    """Each signal that asks it to end does, also when sent twice, with status 0 and no word."""
    running = start(**ELSEWHERE)
    running.wait_for_line(READY)
    said = running.log
    family = Family(running.process.pid)
    # With a model elsewhere, none is started here.
    assert not any("local.model_server" in command for command in family.all_commands)
    running.process.send_signal(number)
    running.process.send_signal(number)
    assert family.survivors() == []
    assert running.process.wait(WORK_SECONDS) == 0
    assert running.log == said


@pytest.mark.usefixtures("built_page")
def test_ends_when_killed(start: Start) -> None:
    """Killed outright, it leaves no relay and no page behind."""
    running = start(**ELSEWHERE)
    running.wait_for_line(READY)
    family = Family(running.process.pid)
    running.process.kill()
    assert family.survivors() == []


@pytest.mark.parametrize(("name", "command"), [("relay", "gunicorn"), ("page", "vite")])
@pytest.mark.usefixtures("built_page")
def test_ends_with_a_part(start: Start, name: str, command: str) -> None:
    """When one part ends the others do too, and it says which one it was."""
    running = start(**ELSEWHERE)
    running.wait_for_line(READY)
    family = Family(running.process.pid)
    os.kill(_child(running.process.pid, command), signal.SIGKILL)
    running.wait_for_line(f"The {name} ended \\(status -9\\)")
    assert family.survivors() == []
    assert running.process.wait(WORK_SECONDS) == 1
    assert "Traceback" not in running.log


def _child(parent: int, command: str) -> int:
    """The child of `parent` with this word in its command."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (found,) = (pid for pid in children if command in Path(f"/proc/{pid}/cmdline").read_text())
    return int(found)


@pytest.mark.parametrize("variable", ["PORT", "PAGE_PORT"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"])
def test_names_a_busy_port(start: Start, variable: str, address: str) -> None:
    """A port that another program has is one sentence, with the port and the setting."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as other:
        port = str(other.getsockname()[1])
        running = start(**ELSEWHERE, **{variable: port})
        assert running.process.wait(WORK_SECONDS) == 1
        running.wait_for_line(f"^Port {port} is in use: .* set {variable} to another port.$")
        assert len(running.log.splitlines()) == 1


def test_names_two_equal_ports(start: Start) -> None:
    """PORT and PAGE_PORT cannot be the same, which is one sentence too."""
    port = str(free_port())
    running = start(**ELSEWHERE, PORT=port, PAGE_PORT=port)
    assert running.process.wait(WORK_SECONDS) == 1
    running.wait_for_line(f"^PAGE_PORT must be another port than PORT, not {port}.$")
    assert len(running.log.splitlines()) == 1


@pytest.mark.parametrize("variable", ["PORT", "PAGE_PORT"])
@pytest.mark.usefixtures("built_page")
def test_started_twice(start: Start, variable: str) -> None:
    """Of two that are started at once one has the port; the other says so, and is never ready."""
    port = str(free_port())
    both = [start(**ELSEWHERE, **{variable: port}) for _ in range(2)]
    outcomes = [each.wait_for_line(f"{READY.pattern}|^Port {port} is in use: ")[0] for each in both]
    assert sorted(READY.match(outcome) is not None for outcome in outcomes) == [False, True]
    loser = next(each for each in both if READY.search(each.log) is None)
    assert loser.wait_for_exit() == 1
    assert len(loser.log.splitlines()) == 1


@pytest.mark.parametrize("host", IPV6_HOSTS)
@pytest.mark.usefixtures("built_page")
def test_ipv6(start: Start, host: str) -> None:
    """HOST may be an address of IPv6, however it is written."""
    running = start(**ELSEWHERE, HOST=host, PUBLIC="1")
    address = urlsplit(running.wait_for_line(READY)[1]).netloc
    connection = http.client.HTTPConnection(address, timeout=WORK_SECONDS)
    connection.request("GET", "/ready")
    assert json.load(connection.getresponse())["ready"] is True
    connection.close()


def test_ends_while_it_loads(start: Start, tmp_path: Path) -> None:
    """Ctrl-C right after the start, while modules are imported, ends it without a word."""
    slow = 'print("importing", flush=True)\nimport signal\nsignal.pause()\n'
    (tmp_path / "dotenv.py").write_text(slow)
    running = start(**ELSEWHERE, PYTHONPATH=str(tmp_path))
    running.wait_for_line("importing")
    running.process.send_signal(signal.SIGINT)
    running.wait_for_exit()
    assert running.log == "importing\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "two"), ("PAGE_PORT", "70000"), ("HOST", "300.0.0.1"), ("CONNECT_TIMEOUT", "-1")],
)
def test_names_a_wrong_setting(start: Start, variable: str, value: str) -> None:
    """A setting that cannot be used is one sentence that names it."""
    running = start(**ELSEWHERE, **{variable: value})
    assert running.process.wait(WORK_SECONDS) == 1
    running.wait_for_line(f"^{variable} must be .*{value}")
    assert len(running.log.splitlines()) == 1


@pytest.mark.usefixtures("built_page")
def test_names_a_wrong_model(start: Start) -> None:
    """A LOCAL_MODEL that is not there ends the start with its name, and ends the page too."""
    running = start(LOCAL_MODEL="/nowhere/my.gguf")
    assert running.process.wait(WORK_SECONDS) == 1
    running.wait_for_line("LOCAL_MODEL cannot be read: /nowhere/my.gguf")
    assert "Traceback" not in running.log
