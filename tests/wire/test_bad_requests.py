"""Requests that gunicorn cannot read, or that HTTP forbids: they never reach the app."""

import email.parser
import json
import socket
from urllib.parse import urlsplit

import pytest

from helpers.client import close_exchanges, raw_exchange
from helpers.completions import get, keyed, new_key
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Upstream

# In every request, where it is not understood; to be found in no reply and no log.
HOSTILE = b"<script>hostile"

# What was sent, then the status and the code that it gets.
REFUSED = {
    "no host": (b"GET /%b HTTP/1.1\r\n\r\n" % HOSTILE, 400, "invalid_request"),
    "two hosts": (
        b"GET / HTTP/1.1\r\nHost: %b\r\nHost: a\r\n\r\n" % HOSTILE,
        400,
        "invalid_request",
    ),
    "a host that cannot be": (
        b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % HOSTILE,
        400,
        "invalid_request",
    ),
    "no request line": (b"%b\r\n\r\n" % HOSTILE, 400, "invalid_request"),
    "an unknown version": (b"GET / %b\r\n\r\n" % HOSTILE, 400, "invalid_request"),
    "an unknown method": (b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % HOSTILE, 400, "invalid_request"),
    "no header": (b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % HOSTILE, 400, "invalid_request"),
    "two lengths": (
        b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" % HOSTILE,
        400,
        "invalid_request",
    ),
    "a long address": (
        b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (HOSTILE * 1000),
        414,
        "request_too_large",
    ),
    "a long header": (
        b"GET / HTTP/1.1\r\nHost: a\r\nCookie: %b\r\n\r\n" % (HOSTILE * 1000),
        431,
        "request_too_large",
    ),
    "many headers": (
        b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (b"X: %b\r\n" % HOSTILE * 200),
        431,
        "request_too_large",
    ),
    "an unknown expectation": (
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: %b\r\n\r\n" % HOSTILE,
        417,
        "invalid_request",
    ),
    "an unknown coding": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %b\r\n\r\n" % HOSTILE,
        501,
        "invalid_request",
    ),
}


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(relay: RelayProcess, sent: bytes, status: int, code: str) -> None:
    """They get the JSON body of every refusal and nothing of theirs back, and are hung up on."""
    # What nobody reads any more must not break the connection before the reply is there.
    reply = raw_exchange(relay.url, sent + b"x" * 20_000)
    head, _, body = reply.partition(b"\r\n\r\n")
    status_line, _, fields = head.decode("ascii").partition("\r\n")
    headers = email.parser.HeaderParser().parsestr(fields)
    assert status_line.startswith(f"HTTP/1.1 {status} ")
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Cache-Control"] == "no-store, no-transform"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Connection"] == "close"
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert (error["code"], error["request_id"]) == (code, headers["X-Request-Id"])
    relay.wait_for_line(error["request_id"])
    assert b"hostile" not in reply
    assert "hostile" not in relay.log


def test_an_address_that_is_not_too_long(relay: RelayProcess) -> None:
    """Up to 8 KB it reaches the app."""
    reply = raw_exchange(
        relay.url, b"GET /%b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (b"a" * 8000)
    )
    assert reply.startswith(b"HTTP/1.1 404 ")


# A second request, which a server before the relay would take for a part of the first one's body.
HIDDEN = b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HIDDEN += b'Content-Length: 20\r\n\r\n{"userPrompt": "Hi"}'
AMBIGUOUS = {
    "both framings": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
    "both, the other way": b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n",
    "a space before the colon": b"Content-Length: %d\r\nTransfer-Encoding : chunked\r\n",
    "a tab before the value": b"Content-Length: %d\r\nTransfer-Encoding:\tchunked\r\n",
    "a vertical tab": b"Content-Length: %d\r\nTransfer-Encoding: \x0bchunked\r\n",
    "another case": b"Content-Length: %d\r\ntransfer-ENCODING: CHUNKED\r\n",
    "in quotes": b'Content-Length: %d\r\nTransfer-Encoding: "chunked"\r\n',
    "twice chunked": b"X: %d\r\nTransfer-Encoding: chunked, chunked\r\n",
    "chunked is not last": b"Content-Length: %d\r\nTransfer-Encoding: chunked, identity\r\n",
    "two codings": b"X: %d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "a folded line": b"Content-Length: %d\r\nTransfer-Encoding:\r\n chunked\r\n",
    "a bare line feed": b"Content-Length: %d\r\nX: y\nTransfer-Encoding: chunked\r\n",
    "a bare carriage return": b"Content-Length: %d\r\nX: y\rTransfer-Encoding: chunked\r\n",
    "a NUL": b"Content-Length: %d\r\nX: y\x00\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n",
    "two equal lengths": b"Content-Length: %d\r\nContent-Length: 0\r\n",
    "a list of lengths": b"Content-Length: %d, 0\r\n",
    "a sign": b"Content-Length: +%d\r\n",
    "an underscore": b"Content-Length: 1_%d\r\n",
    "hexadecimal": b"Content-Length: 0x%d\r\n",
    "a negative length": b"Content-Length: -%d\r\n",
    "an empty name": b": %d\r\nTransfer-Encoding: chunked\r\n",
}


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_smuggling(relay: RelayProcess, upstream: Upstream, framing: bytes, version: bytes) -> None:
    """A request of which two servers could see different ends is refused, and nothing after it."""
    body = b"0\r\n\r\n" + HIDDEN
    head = b"POST /aiCompletion HTTP/%b\r\nHost: x\r\nContent-Type: text/plain\r\n" % version
    reply = raw_exchange(relay.url, head + framing % len(body) + b"\r\n" + body)
    assert reply.split(b" ", 2)[1] in (b"400", b"501")
    assert reply.count(b"HTTP/1.1 ") == 1
    assert not upstream.requests


PAGE = b"http://localhost:5173"


@pytest.mark.parametrize(
    ("sent", "readable"),
    [
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: %b\r\nCookie: %b\r\n\r\n" % (PAGE, b"a" * 9000),
            True,
        ),
        (b"GET / HTTP/1.1\r\nHost: a\r\n%borigin:%b \r\n\r\n" % (b"X: y\r\n" * 200, PAGE), True),
        (b"GET / HTTP/1.1\r\nOrigin: %b\r\n\r\n" % PAGE, True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nOrigin: %b\r\nExpect: x\r\n\r\n" % PAGE, True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nOrigin: %b\r\nTransfer-Encoding: x\r\n\r\n" % PAGE, True),
        (b"GET / HTTP/1.1\r\nOrigin: https://elsewhere.example\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nOrigin: %b\r\nOrigin: %b\r\n\r\n" % (PAGE, PAGE), False),
        (b"GET / HTTP/1.1\r\nOrigin: null\r\n\r\n", False),
        # The head does not arrive: its first line is refused before.
        (b"GET /%b HTTP/1.1\r\nOrigin: %b\r\n\r\n" % (b"a" * 9000, PAGE), False),
    ],
)
def test_pages_read_refusals(relay: RelayProcess, sent: bytes, readable: bool) -> None:
    """A page that may ask can read why its request was not valid, if its headers could be read."""
    head = raw_exchange(relay.url, sent + b"x" * 20_000).partition(b"\r\n\r\n")[0]
    assert (b"\r\nAccess-Control-Allow-Origin: %b\r\n" % PAGE in head + b"\r\n") is readable
    assert (b"Access-Control" in head) is readable
    assert (b"\r\nVary: Origin" in head) is readable


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n",
    ],
    ids=["none in HTTP/1.0", "an empty one", "an IPv6 address"],
)
def test_hosts(relay: RelayProcess, head: bytes) -> None:
    """Unusual hosts that HTTP allows are served."""
    assert b" 200 OK\r\n" in raw_exchange(relay.url, head + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("prefix", [b"/x", b"/zz"])
def test_a_client_cannot_move_an_address(relay: RelayProcess, prefix: bytes) -> None:
    """Headers with the names of a server's own variables are like any others."""
    head = b"GET /x/ready HTTP/1.1\r\nHost: a\r\nSCRIPT_NAME: %b\r\nConnection: close\r\n\r\n"
    assert raw_exchange(relay.url, head % prefix).startswith(b"HTTP/1.1 404 ")


def test_ids_stay(start_relay: StartRelay) -> None:
    """The id of a completion, with which anybody could read it, is not logged at any level."""
    relay = start_relay(LOG_LEVEL="debug")
    key = new_key()
    assert keyed(relay.url, key).text() == "Hello there."
    assert get(relay.url, key).text() == "Hello there."
    head = f"GET /aiCompletion/{key} HTTP/1.1\r\n".encode()
    assert raw_exchange(relay.url, head + b"\r\n").startswith(b"HTTP/1.1 400 ")
    parts = urlsplit(relay.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=WAIT_SECONDS) as leaving:
        leaving.sendall(head)
        leaving.shutdown(socket.SHUT_WR)
        assert leaving.recv(1) == b""
    close_exchanges()
    relay.stop()
    relay.wait_for_exit()
    assert key not in relay.log
