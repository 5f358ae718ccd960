"""Behind a real nginx, with the configuration it comes with and with the one line we recommend."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.client import Cut, ask
from helpers.limits import GONE_SECONDS
from helpers.nginx_process import start_nginx
from helpers.relay_process import RelayProcess
from helpers.upstream import Reply, Upstream


@pytest.fixture(params=["", "proxy_http_version 1.1;"], ids=["as it comes", "HTTP/1.1"])
def proxied(request: pytest.FixtureRequest, relay: RelayProcess, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx before the relay."""
    with start_nginx(relay.url, tmp_path, request.param) as url:
        yield url


def test_nothing_is_held_back(proxied: str, upstream: Upstream) -> None:
    """The first text passes nginx before the model has written the second."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("안녕")
        gate.wait(10)
        reply.text("하세요")
        reply.finish()

    reply = ask(proxied)
    assert reply.piece() == "안녕"
    gate.set()
    assert reply.text() == "하세요"


def test_a_cut_is_seen(proxied: str, upstream: Upstream) -> None:
    """An answer that breaks off looks broken behind nginx as well."""
    gate = threading.Event()

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        gate.wait(10)
        reply.reset()

    reply = ask(proxied)
    assert reply.piece() == "Hello "
    gate.set()
    with pytest.raises(Cut):
        reply.text()


def test_leaving(proxied: str, upstream: Upstream) -> None:
    """nginx passes a reader's departure on, and the request to the model ends."""

    @upstream.answers
    def script(reply: Reply) -> None:
        reply.text("Hello ")
        reply.until_gone()

    reply = ask(proxied)
    assert reply.piece() == "Hello "
    reply.leave()
    assert upstream.wait_until(lambda server: server.open == 0, GONE_SECONDS)
