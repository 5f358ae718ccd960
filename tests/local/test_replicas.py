"""Two servers of one model behind nginx, by deploy/nginx-models.conf, and a relay before them.

The embedded model runs twice, as two replicas of a model on two hosts would.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.process import free_port
from helpers.client import Cut, Exchange, close_exchanges
from helpers.limits import WORK_SECONDS
from helpers.nginx_process import run_nginx
from helpers.proxy_process import changed
from helpers.relay_process import KEY, RelayProcess
from local.fetch import weights_path
from local.model_process import LocalModel, start_model

COUNT = "Write the numbers from one to one hundred in words, one below the other."


@pytest.fixture
def replicas() -> Iterator[list[LocalModel]]:
    if not weights_path().is_file():
        pytest.skip("the model is not there: python -m local.fetch")
    with start_model(api_key=KEY) as first, start_model(api_key=KEY) as second:
        yield [first, second]


@pytest.fixture
def relay(replicas: list[LocalModel], tmp_path: Path) -> Iterator[RelayProcess]:
    """A relay before nginx with both."""
    port = free_port()
    addresses = [urlsplit(each.base_url).netloc for each in replicas]
    changes = {"listen 127.0.0.1:8000": f"listen 127.0.0.1:{port}"}
    changes |= dict(zip(("10.0.0.11:8000", "10.0.0.12:8000"), addresses, strict=True))
    with run_nginx(changed("nginx-models.conf", changes), tmp_path):
        relay = RelayProcess(
            {
                "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
                "OPENAI_API_KEY": KEY,
                "OPENAI_MODEL": replicas[0].name,
                "MAX_ANSWER_TOKENS": "128",
                "FIRST_TEXT_TIMEOUT": "0",
                "IDLE_TIMEOUT": "0",
            }
        )
        relay.wait_for_url()
        yield relay
        close_exchanges()
        relay.stop()


def ask(relay: RelayProcess) -> Exchange:
    reply = Exchange(relay.url, {"userPrompt": COUNT})
    reply.socket.settimeout(WORK_SECONDS)
    return reply


def is_whole(reply: Exchange) -> bool:
    """Reads the answer to its end."""
    try:
        reply.text()
    except Cut:
        return False
    return True


def test_one_of_two_dies(relay: RelayProcess, replicas: list[LocalModel]) -> None:
    """Each of them writes one of two answers. When one is killed, its reader is cut and the other
    reads on to the end. Who asks then is answered, as if nothing had happened."""
    replies = [ask(relay), ask(relay)]
    assert all(reply.piece() for reply in replies)
    replicas[0].stop()
    assert sorted(map(is_whole, replies)) == [False, True]
    assert [is_whole(ask(relay)) for _ in range(2)] == [True, True]
