"""Who may ask, through a real gunicorn: origins, access tokens, and proxies before the relay."""

import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.client import Exchange, ask, raw_exchange
from helpers.completions import keyed, new_key
from helpers.nginx_process import start_nginx
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Upstream

FOREIGN = "https://elsewhere.example"
PAGE = "https://page.example"
TOKEN = "a-token-of-ana-0001"
ID = "6a7b3c1e-5d0f-4c55-9a53-0c8c6f0f6a11"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

ROUTES = [
    ("POST", "/aiCompletion"),
    ("GET", "/aiCompletion"),
    ("GET", f"/aiCompletion/{ID}"),
    ("DELETE", f"/aiCompletion/{ID}"),
    ("POST", "/api/chat"),
    ("GET", f"/api/chat/{ID}/stream"),
    ("POST", "/api/completion"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/askbot"),
    ("GET", "/personas"),
    ("GET", "/nowhere"),
    ("POST", "/"),
    ("OPTIONS", "/aiCompletion"),
]
OPEN = ["/", "/ready"]


def send(url: str, method: str, path: str, **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"userPrompt": "Hi"} if method == "POST" else None
    return Exchange(url, body, method=method, path=path, headers=named)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": FOREIGN}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["foreign", "null", "no origin"],
)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_foreign_pages(
    relay: RelayProcess, upstream: Upstream, method: str, path: str, headers: dict[str, str]
) -> None:
    """They are refused at every address, cannot read the refusal, and cost nothing."""
    reply = send(relay.url, method, path, **headers)
    assert reply.status == 403
    assert "Access-Control-Allow-Origin" not in reply.headers
    if path.startswith("/v1"):
        assert reply.json()["error"]["code"] == "origin_not_allowed"
    elif path.startswith("/api"):
        assert reply.text() == "This server does not answer pages of this origin."
    else:
        assert reply.error() == (403, "origin_not_allowed")
    assert not upstream.requests


@pytest.mark.parametrize("path", OPEN)
def test_open_addresses(relay: RelayProcess, path: str) -> None:
    """What monitors ask is answered to everybody, but foreign pages cannot read it."""
    reply = send(relay.url, "GET", path, Origin=FOREIGN)
    assert reply.status == 200
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_before_the_body(relay: RelayProcess, upstream: Upstream) -> None:
    """A foreign page is refused when the head is there: its body is neither read nor looked at."""
    reply = raw_exchange(
        relay.url,
        b"POST /aiCompletion HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: %b\r\n"
        b"Content-Type: nonsense\r\nContent-Length: 99999999999\r\n\r\n" % FOREIGN.encode(),
    )
    assert reply.startswith(b"HTTP/1.1 403 ")
    assert not upstream.requests


def test_a_form_in_a_foreign_page(relay: RelayProcess, upstream: Upstream) -> None:
    """The request that browsers send without asking first spends nothing."""
    headers = {
        "Origin": FOREIGN,
        "Sec-Fetch-Site": "cross-site",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert Exchange(relay.url, b"userPrompt=Hi", headers=headers).status == 403
    assert not upstream.requests


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1:5174", "http://[::1]:8080", "https://localhost"],
)
def test_local_pages(relay: RelayProcess, origin: str) -> None:
    """While CORS_ORIGINS names nobody, a page may come from any port of this machine."""
    reply = ask(relay.url, Origin=origin)
    assert reply.headers["Access-Control-Allow-Origin"] == origin
    assert reply.text()


def test_listed_pages(start_relay: StartRelay) -> None:
    """A page on a listed origin may ask and read, and no longer one of this machine."""
    relay = start_relay(CORS_ORIGINS=PAGE)
    reply = ask(relay.url, Origin=PAGE, Sec_Fetch_Site="cross-site")
    assert reply.text() == "Hello there."
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE
    assert ask(relay.url, Origin="http://localhost:5173").status == 403


def test_every_page(start_relay: StartRelay) -> None:
    """`*` has to be written; then every page may ask, one from a file too."""
    relay = start_relay(CORS_ORIGINS="*")
    for headers in ({"Origin": FOREIGN}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
        reply = ask(relay.url, **headers)
        assert reply.text() == "Hello there."
        assert "Origin" not in headers or "Access-Control-Allow-Origin" in reply.headers


def test_refused_origins_are_told(start_relay: StartRelay) -> None:
    """The log names each origin that was refused once, with the setting that would let it in."""
    relay = start_relay()
    for origin in ("https://a.example", "http://localhost:1", "https://a.example"):
        ask(relay.url, Origin=origin).text()
    assert ask(relay.url, Origin="https://b.example").status == 403
    relay.wait_for_line("https://b.example")
    told = [line for line in relay.log.splitlines() if "CORS_ORIGINS" in line]
    assert len(told) == 2
    assert "https://a.example" in told[0]


PASSING_ON = "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;"


@pytest.mark.parametrize(
    ("configuration", "headers", "status"),
    [
        (PASSING_ON, {"Host": "page.example", "Origin": PAGE}, 200),
        (PASSING_ON, {"Host": "page.example", "Origin": FOREIGN}, 403),
        ("", {"Host": "page.example", "Origin": PAGE, "Sec-Fetch-Site": "same-origin"}, 200),
        ("", {"Host": "page.example", "Origin": PAGE, "Sec-Fetch-Site": "same-site"}, 403),
        # DNS rebinding: an attacker's name leads to this machine, without TLS.
        ("proxy_set_header Host $host;", {"Host": "evil.test", "Origin": "http://evil.test"}, 403),
    ],
)
def test_a_page_behind_the_same_proxy(
    relay: RelayProcess, tmp_path: Path, configuration: str, headers: dict[str, str], status: int
) -> None:
    """nginx serves the page and passes questions on: the page needs no setting under https."""
    with start_nginx(relay.url, tmp_path, configuration) as url:
        reply = Exchange(url, {"userPrompt": "Hi"}, headers=headers)
        assert reply.status == status
        reply.text()


def test_rebinding(relay: RelayProcess, upstream: Upstream) -> None:
    """A page whose name was led to the relay itself has its own name in both headers."""
    headers = {"Host": "evil.test:2000", "Origin": "http://evil.test:2000"}
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost"}
    assert Exchange(relay.url, {"userPrompt": "Hi"}, headers=headers | forged).status == 403
    assert not upstream.requests


@pytest.fixture
def guarded(start_relay: StartRelay) -> RelayProcess:
    """A relay that asks for a token."""
    return start_relay(ACCESS_TOKENS=f"ana:{TOKEN},bo:a-token-of-bo-00002", CORS_ORIGINS=PAGE)


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, 'Bearer realm="askbot"'),
        ("Bearer a-token-of-ana-0002", 'Bearer realm="askbot", error="invalid_token"'),
        (f"Basic {TOKEN}", 'Bearer realm="askbot", error="invalid_token"'),
    ],
    ids=["none", "a wrong one", "another scheme"],
)
def test_without_a_token(
    guarded: RelayProcess, upstream: Upstream, authorization: str | None, challenge: str
) -> None:
    """Every address but those of monitors asks for one, in the form of each protocol."""
    headers = {"Authorization": authorization} if authorization else {}
    for method, path in ROUTES:
        reply = send(guarded.url, method, path, Origin=PAGE, **headers)
        assert reply.status == 401, path
        assert reply.headers["WWW-Authenticate"] == challenge
        assert reply.headers["Access-Control-Allow-Origin"] == PAGE
        if path.startswith("/v1"):
            error = reply.json()["error"]
            assert (error["code"], error["type"]) == ("invalid_api_key", "invalid_request_error")
        elif path.startswith("/api"):
            assert "access token" in reply.text()
            assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        else:
            assert reply.error() == (401, "unauthorized")
    for path in OPEN:
        assert send(guarded.url, "GET", path, **headers).status == 200
    assert not upstream.requests
    assert TOKEN not in guarded.log


@pytest.mark.parametrize("token", [TOKEN, "a-token-of-bo-00002"])
def test_with_a_token(guarded: RelayProcess, token: str) -> None:
    """Any of the tokens opens all addresses."""
    headers = {"Authorization": f"Bearer {token}"}
    assert ask(guarded.url, **headers).text() == "Hello there."
    assert send(guarded.url, "GET", "/personas", **headers).status == 200
    assert send(guarded.url, "GET", "/v1/models", **headers).status == 200


def test_an_origin_comes_first(guarded: RelayProcess) -> None:
    """A foreign page is refused for what it is, also with a token."""
    assert ask(guarded.url, Origin=FOREIGN).error() == (403, "origin_not_allowed")
    assert ask(guarded.url, Origin=FOREIGN, **BEARER).error() == (403, "origin_not_allowed")


def test_preflights_need_no_token(guarded: RelayProcess) -> None:
    """Browsers cannot send one with them."""
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "a"}
    asked = Exchange(guarded.url, method="OPTIONS", headers=headers | {"Origin": PAGE})
    assert asked.status == 200
    assert asked.headers["Access-Control-Allow-Origin"] == PAGE
    foreign = Exchange(guarded.url, method="OPTIONS", headers=headers | {"Origin": FOREIGN})
    assert foreign.status == 403
    assert "Access-Control-Allow-Origin" not in foreign.headers


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (["app.py"], {"HOST": "0.0.0.0"}),
        (["-m", "flask", "run", "--host", "0.0.0.0", "--port", "0"], {}),
        (["-m", "gunicorn", "app:app"], {"HOST": "0.0.0.0"}),
        (["-m", "gunicorn", "app:app", "--bind", "0.0.0.0:0"], {}),
        (["-m", "gunicorn", "app:app", "-b", "127.0.0.1:0", "-b", "0.0.0.0:0"], {}),
        (["-m", "gunicorn", "app:app", "--bind", "unix:{folder}/relay.sock"], {}),
    ],
    ids=["app.py", "flask run", "gunicorn", "--bind", "two addresses", "a unix socket"],
)
def test_open_to_others(
    command: list[str], more: dict[str, str], tmp_path: Path, start_relay: StartRelay
) -> None:
    """A relay that others can reach starts only if somebody has decided who may ask."""
    command = [sys.executable, *(each.format(folder=tmp_path) for each in command)]
    undecided = RelayProcess(more, command=command)
    assert undecided.wait_for_exit() != 0
    sentence = undecided.log.splitlines()[-1]
    assert sentence.startswith("askbot: The relay would listen on ")
    assert sentence.endswith("set ACCESS_TOKENS, CORS_ORIGINS or PUBLIC=1.")
    assert "Traceback" not in undecided.log
    if "unix" not in command[-1] and command.count("-b") < 2:
        decided = start_relay(command=command, **more, PUBLIC="1")
        assert ask(decided.url.replace("0.0.0.0", "127.0.0.1")).text() == "Hello there."


# What the app takes for the client's address, told by a page of its own.
SHOWN = """
import app
from relay.access import client_of
from relay.settings import Settings
from flask import request
app = app.create_app()
app.add_url_rule("/me", view_func=lambda: client_of(request.environ, Settings()).name)
"""


@pytest.mark.parametrize(
    ("hops", "through", "expected"),
    [
        # Nobody is believed.
        (0, 0, "127.0.0.1"),
        (0, 1, "127.0.0.1"),
        # One proxy is believed, and the address that it saw: nginx is asked from 127.0.0.1 here.
        (1, 1, "127.0.0.1"),
        # The trap: nobody stands before the relay, so the client chooses.
        (1, 0, "203.0.113.66"),
        # Two are believed, and the address that the first of them saw.
        (2, 2, "127.0.0.1"),
        (2, 1, "203.0.113.66"),
    ],
)
def test_forged_addresses(
    start_relay: StartRelay, tmp_path: Path, hops: int, through: int, expected: str
) -> None:
    """With the right count of proxies no client can choose its address."""
    (tmp_path / "shown.py").write_text(SHOWN)
    paths: dict[str, Any] = {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "gunicorn", "shown:app"]
    relay = start_relay(command=command, TRUSTED_PROXIES=str(hops), **paths)
    adding = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    forged = {
        "X-Forwarded-For": "203.0.113.66",
        "X_Forwarded_For": "203.0.113.66",
        "X-Real-IP": "203.0.113.66",
        "Forwarded": "for=203.0.113.66",
        "Client-IP": "203.0.113.66",
    }
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        start_nginx(relay.url, tmp_path / "one", adding) as first,
        start_nginx(first, tmp_path / "two", adding) as second,
    ):
        url = (relay.url, first, second)[through]
        assert Exchange(url, method="GET", path="/me", headers=forged).text() == expected


def test_a_proxy_that_nobody_named(start_relay: StartRelay) -> None:
    """The log says once that all clients count as one."""
    relay = start_relay()
    for _ in range(3):
        assert ask(relay.url, X_Forwarded_For="203.0.113.66").text()
    relay.wait_for_line("TRUSTED_PROXIES is 0")
    assert relay.log.count("TRUSTED_PROXIES") == 1
    named = start_relay(TRUSTED_PROXIES="1")
    assert ask(named.url, X_Forwarded_For="203.0.113.66").text()
    assert "TRUSTED_PROXIES" not in named.log


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store, no-transform",
}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("POST", "/aiCompletion", {}),
        ("POST", "/v1/chat/completions", {}),
        ("GET", "/nowhere", {}),
        ("GET", "/personas", {"Origin": FOREIGN}),
        ("OPTIONS", "/aiCompletion", {"Access-Control-Request-Method": "POST"}),
        ("GET", "/", {"Cookie": "a" * 10_000}),
    ],
)
def test_headers_for_browsers(
    relay: RelayProcess, method: str, path: str, headers: dict[str, str]
) -> None:
    """Every reply, a refusal too, can be opened, framed, sniffed or embedded by nobody."""
    reply = send(relay.url, method, path, **headers)
    assert {name: reply.headers[name] for name in HEADERS} == HEADERS
    # gunicorn writes its name, and nobody adds a version.
    assert reply.headers["Server"] in ("gunicorn", None)
    assert "X-Powered-By" not in reply.headers
    reply.text()


def test_a_receipt_needs_the_token_too(guarded: RelayProcess) -> None:
    """An id that leaked opens nothing without a token."""
    key = new_key()
    assert keyed(guarded.url, key).status == 401
    reply = Exchange(guarded.url, {"userPrompt": "Hi"}, headers=BEARER | {"Idempotency-Key": key})
    assert reply.text() == "Hello there."
    assert Exchange(guarded.url, method="GET", path=f"/aiCompletion/{key}").status == 401
