"""The program: what it prints, its exit status, and what it asks."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bench.limits import HIGH
from bench.process import free_port
from doctor.command import main
from doctor.endings import CHECKS
from doctor.examination import Examination
from doctor.scripted_model import Model
from helpers.bare_proxy_process import Nginx
from helpers.client import Exchange
from helpers.deployed_relay import deployed, scripted_model
from helpers.ipv6 import has_ipv6
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import PROJECT, RelayProcess, StartRelay
from helpers.upstream import Reply, Upstream
from relay.settings import Settings, variable, written


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with scripted_model() as model:
        yield model


def say_it_all(reply: Reply) -> None:
    reply.text("one two three")
    reply.finish()


def test_as_a_program(start_relay: StartRelay, upstream: Upstream) -> None:
    """`python -m doctor` says what it costs, asks one question, prints JSON, and succeeds."""
    upstream.answers(say_it_all)
    relay = start_relay()
    command = [sys.executable, "-m", "doctor", relay.url, "--json"]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=WAIT_SECONDS)
    report = json.loads(ran.stdout)
    assert report["ok"] is True
    assert {each["result"] for each in report["findings"]} == {"fine", "not checked"}
    assert ran.returncode == 0
    assert "one question" in ran.stderr
    assert len(upstream.requests) == 1


def test_no_question(
    start_relay: StartRelay, upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --no-question the model is not asked, and the report says what that leaves out."""
    relay = start_relay()
    assert main([relay.url, "--no-question"]) == 0
    assert "not checked: answer" in capsys.readouterr().out
    assert upstream.requests == []


def test_what_a_real_model_cannot_show(
    start_relay: StartRelay, upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    """Limits and cuts that no real model shows are reported as not checked."""
    upstream.answers(say_it_all)
    assert main([start_relay().url]) == 0
    words = capsys.readouterr().out
    assert "not checked: buffering. " in words
    assert f"not checked: {', '.join(CHECKS)}. " in words.replace("\n  ", " ")


def test_a_wrong_deployment(start_relay: StartRelay, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong stands first, with its fix, and the status is 1."""
    relay = start_relay(TRUSTED_PROXIES="1")
    assert main([relay.url, "--no-question"]) == 1
    first, _, rest = capsys.readouterr().out.partition("\n\n")
    assert first == f"{relay.url}: One thing is wrong."
    assert rest.startswith("WRONG: client's address. ")
    assert "\nFix: Set TRUSTED_PROXIES" in rest


def test_nothing_there(capsys: pytest.CaptureFixture[str]) -> None:
    """An address where nothing answers is one sentence and its fix, and no traceback."""
    assert main([f"http://127.0.0.1:{free_port()}"]) == 1
    assert "Nothing answers" in capsys.readouterr().out


def test_not_the_relay(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """Another server than the relay is recognised before it is asked anything."""
    assert main([model.url]) == 1
    assert "is not the relay's" in capsys.readouterr().out


def test_no_relay_behind_a_proxy(tmp_path: Path) -> None:
    """A proxy that does not reach the relay is told from a relay that is not ready."""
    with Nginx().before(["http://127.0.0.1:9"], tmp_path) as url:
        (mistake,) = Examination(url).report().findings
    assert "does not reach the relay" in mistake.what


def test_a_relay_that_is_not_ready(start_relay: StartRelay) -> None:
    """The relay's own sentence is reported."""
    relay = start_relay(OPENAI_BASE_URL="", OPENAI_API_KEY="")
    (mistake,) = Examination(relay.url).report().findings
    assert "503 not_configured" in mistake.what


def test_a_refused_question(start_relay: StartRelay, upstream: Upstream) -> None:
    """The relay's own sentence is reported, and what needs an answer is left out."""
    upstream.answers(lambda reply: reply.refuse("500 Oops", "no"))
    report = Examination(start_relay().url).report()
    (mistake,) = report.wrong
    assert mistake.check == "answer"
    assert "502 upstream_error" in mistake.what


def test_an_access_token(
    start_relay: StartRelay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that asks for tokens is examined with the one in ASKBOT_TOKEN."""
    relay = start_relay(ACCESS_TOKENS="doctor:a-token-of-the-doctor")
    assert main([relay.url]) == 1
    assert "ASKBOT_TOKEN" in capsys.readouterr().out
    monkeypatch.setenv("ASKBOT_TOKEN", "a-token-of-the-doctor")
    assert main([relay.url]) == 0


def test_limits(model: Model) -> None:
    """The doctor keeps within the limits that a relay has by default."""
    limits = {variable(each): written(each.default) for each in fields(Settings)}
    settings = {name: limits[name] for name in HIGH} | {"TRUSTED_PROXIES": "0"}
    settings |= {"FIRST_TEXT_TIMEOUT": "5", "IDLE_TIMEOUT": "5"}
    with deployed(model, **settings) as url:
        report = Examination(url, model=model, seconds=1).report()
    assert {each.check for each in report.findings if each.result != "fine"} == {"CORS"}


def test_another_model(relay: RelayProcess) -> None:
    """If the relay asks another model than the doctor, the report says so."""
    with scripted_model() as unasked:
        report = Examination(relay.url, model=unasked).report()
    assert any("OPENAI_BASE_URL" in each.what for each in report.findings)
    assert not report.wrong


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["relay.example"],
        ["http://relay.example", "--page", "page.example"],
        ["http://relay.example", "--as-model", "9000"],
    ],
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments that cannot be used are status 2, and a sentence."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m doctor" in capsys.readouterr().err


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that another program has is status 2, and a sentence."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["http://127.0.0.1:9", "--as-model", f"127.0.0.1:{port}"]) == 2
    assert (
        capsys.readouterr().err == "doctor: cannot listen at --as-model: Address already in use.\n"
    )


def test_the_same_origin(model: Model) -> None:
    """A page that a proxy serves under the relay's own address needs no CORS."""
    with deployed(model, TRUSTED_PROXIES="0") as url:
        report = Examination(url, page=f"{url}/", asks=False).report()
    assert not [each for each in report.wrong if each.check == "CORS"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"])
def test_where_its_model_listens(address: str) -> None:
    """An address of --as-model may be one of IPv6."""
    model = Model(address, 0)
    model.answers("Hi", lambda reply: reply.finish())
    question = {"messages": [{"role": "user", "content": "Hi"}]}
    assert Exchange(model.url, question, path="/v1/chat/completions").text().endswith("[DONE]\n\n")
    model.close()
