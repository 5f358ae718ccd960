"""Who is taken for a reader who has left."""

import socket
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from helpers.limits import WAIT_SECONDS
from relay.clients.socket_watch import watch

# The server's end of a connection, and the client's.
Pair = tuple[socket.socket, socket.socket]


def tcp_pair() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        return listening.accept()[0], client


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux tells who has closed")
@pytest.mark.parametrize("pair", [tcp_pair, socket.socketpair], ids=["TCP", "unix"])
def test_an_input_that_the_server_has_ended(pair: Callable[[], Pair]) -> None:
    """Its reader is there until they close the connection themselves."""
    (server, client), (other, leaving) = pair(), pair()
    gone, other_gone = threading.Event(), threading.Event()
    with closing(server), closing(other):
        server.shutdown(socket.SHUT_RD)
        watches = [watch(server, gone.set, 0), watch(other, other_gone.set, 0)]
        leaving.close()
        assert other_gone.wait(WAIT_SECONDS)
        assert not gone.is_set()
        client.close()
        assert gone.wait(WAIT_SECONDS)
        for each in watches:
            each.stop()
