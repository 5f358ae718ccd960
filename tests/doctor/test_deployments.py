"""Real proxies, set up right, and set up wrongly in each way that the doctor looks for."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import trustme

from doctor.clock import CLOCK
from doctor.cors import CHECK as CORS
from doctor.cors import check_cors
from doctor.deployment import Deployment
from doctor.endings import CUT, DURATION, FIRST_SILENCE, SILENCE
from doctor.examination import Examination
from doctor.last_proxy import HTTP, PROXIES, check_last_proxy
from doctor.report import Finding
from doctor.resume import CHECK as RESUME
from doctor.scripted_model import Model
from doctor.streaming import BUFFERING, COMPRESSION
from helpers.bare_proxy_process import Caddy, HAProxy, Nginx, Proxy
from helpers.deployed_relay import ORIGIN, deployed, scripted_model

FORWARDED = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
NGINX = f"proxy_http_version 1.1; {FORWARDED}"
HAPROXY = "option forwardfor"


def nginx(more: str) -> Nginx:
    """nginx set up right, and something wrong beside it."""
    return Nginx(f"{NGINX}{more}")


def haproxy(more: str) -> HAProxy:
    """HAProxy set up right, and something wrong beside it."""
    return HAProxy(f"{HAPROXY}\n    {more}")


# Debian's Caddy 2.6 hides a cut, however it is set up.
RIGHT: list[tuple[Proxy, set[str]]] = [
    (nginx(""), set()),
    (haproxy(""), set()),
    (Caddy(), {CUT}),
]


def name_of(case: object) -> str | None:
    return type(case).__name__ if isinstance(case, Proxy) else None


def wrong(findings: Iterable[Finding]) -> set[str]:
    return {finding.check for finding in findings if finding.result == "wrong"}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with scripted_model() as model:
        yield model


@pytest.fixture(scope="module")
def relay(model: Model) -> Iterator[str]:
    """With the deadlines that a relay has by default."""
    with deployed(model) as url:
        yield url


@pytest.fixture(scope="module")
def hasty_relay(model: Model) -> Iterator[str]:
    """Ends silent answers itself, long before anybody on the way does."""
    with deployed(model, FIRST_TEXT_TIMEOUT="5", IDLE_TIMEOUT="5") as url:
        yield url


@pytest.fixture(scope="module")
def distrustful_relay(model: Model) -> Iterator[str]:
    """Trusts no proxy."""
    with deployed(model, TRUSTED_PROXIES="0") as url:
        yield url


@pytest.mark.parametrize(("proxy", "expected"), RIGHT, ids=name_of)
def test_set_up_right(
    proxy: Proxy, expected: set[str], hasty_relay: str, model: Model, tmp_path: Path
) -> None:
    """Nothing is wrong, and everything is checked but what needs a page."""
    with proxy.before([hasty_relay], tmp_path) as url:
        report = Examination(url, model=model, seconds=1).report()
    assert wrong(report.findings) == expected, report.words()
    unchecked = {each.check for each in report.findings if each.result == "not checked"}
    assert unchecked == {CORS}


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        # Over HTTP/1.0 nginx waits until a buffer is full.
        (Nginx(f"{FORWARDED} proxy_ignore_headers X-Accel-Buffering;"), {HTTP, BUFFERING}),
        (haproxy("http-response wait-for-body time 60s at-least 12000"), {BUFFERING}),
        (Caddy("buffer_responses"), {BUFFERING}),
        (nginx("gzip on; gzip_types text/plain;"), {COMPRESSION}),
        (nginx("gzip on; gzip_types text/event-stream;"), {COMPRESSION}),
        (Caddy(site="encode {\n gzip\n minimum_length 1\n}"), {COMPRESSION, BUFFERING}),
        (nginx('proxy_set_header Range "";'), {RESUME}),
        (haproxy("http-request del-header Range"), {RESUME}),
        (Caddy("header_up -Range"), {RESUME}),
        (nginx("limit_except GET POST OPTIONS { deny all; }"), {"stop"}),
        (haproxy("http-request deny if { method DELETE }"), {"stop"}),
        (Caddy(site="@stop method DELETE\n respond @stop 405"), {"stop"}),
    ],
    ids=name_of,
)
def test_answers(proxy: Proxy, expected: set[str], relay: str, tmp_path: Path) -> None:
    """What becomes of an answer on the way is found with one question to any model."""
    with proxy.before([relay], tmp_path) as url:
        report = Examination(url).report()
    assert wrong(report.findings) == expected, report.words()


@pytest.mark.parametrize(
    "proxy",
    [
        nginx("proxy_read_timeout 4s;"),
        haproxy("timeout server 4s"),
        Caddy("transport http {\n read_timeout 4s\n response_header_timeout 4s\n}"),
    ],
    ids=name_of,
)
def test_silence(proxy: Proxy, relay: str, model: Model, tmp_path: Path) -> None:
    """A limit on silence is found, before the first text and after it."""
    with proxy.before([relay], tmp_path) as url:
        report = Examination(url, model=model, seconds=1).report()
    assert wrong(report.findings) - {CUT} == {FIRST_SILENCE, SILENCE}, report.words()


def test_duration(relay: str, model: Model, tmp_path: Path) -> None:
    """A limit on the time of a whole answer is found, and is not taken for one on silence."""
    proxy = Caddy(options="servers {\n timeouts {\n write 3s\n }\n}")
    with proxy.before([relay], tmp_path) as url:
        report = Examination(url, model=model, seconds=60).report()
    assert wrong(report.findings) - {CUT} == {DURATION}, report.words()


def test_a_hidden_cut(hasty_relay: str, model: Model, tmp_path: Path) -> None:
    """An nginx that speaks HTTP/1.0 to another nginx takes a cut for an end."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.mkdir()
    outer.mkdir()
    forwarded = "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"
    with (
        Nginx(f"proxy_http_version 1.1; {forwarded}").before([hasty_relay], inner) as between,
        # The inner one takes X-Accel-Buffering out of the replies.
        Nginx("proxy_buffering off; proxy_set_header X-Forwarded-For $remote_addr;").before(
            [between], outer
        ) as url,
    ):
        report = Examination(url, model=model, seconds=1).report()
    assert wrong(report.findings) == {CUT}, report.words()


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        (Nginx, NGINX, set()),
        # HAProxy 2.6 ends the stream of HTTP/2 as if nothing had happened.
        (HAProxy, HAPROXY, {CUT}),
    ],
)
def test_http_2(
    kind: type[Nginx] | type[HAProxy],
    more: str,
    expected: set[str],
    hasty_relay: str,
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over https the doctor speaks what browsers speak, and finds what is wrong only there."""
    pytest.importorskip("h2")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    proxy = kind(more, certificate=tmp_path / "server.pem")
    with proxy.before([hasty_relay], tmp_path) as url:
        report = Examination(url, model=model, seconds=1).report()
    assert wrong(report.findings) == expected, report.words()
    assert any("HTTP/2 here" in finding.what for finding in report.findings)


@pytest.mark.parametrize("proxy", [nginx(""), haproxy(""), Caddy()], ids=name_of)
def test_answers_that_are_not_shared(proxy: Proxy, model: Model, tmp_path: Path) -> None:
    """Two relays that do not know of each other's answers are found behind one proxy."""
    with (
        deployed(model, STATE_FILE=str(tmp_path / "one")) as one,
        deployed(model, STATE_FILE=str(tmp_path / "other")) as other,
        proxy.before([one, other], tmp_path) as url,
    ):
        report = Examination(url).report()
    assert wrong(report.findings) == {RESUME}, report.words()


@pytest.mark.parametrize(
    "proxy",
    [
        nginx("proxy_hide_header Access-Control-Expose-Headers;"),
        nginx("proxy_hide_header Access-Control-Allow-Origin;"),
        nginx("add_header Access-Control-Allow-Origin * always;"),
        # Without "always" it is missing in refusals.
        nginx(
            "proxy_hide_header Access-Control-Allow-Origin;"
            f"add_header Access-Control-Allow-Origin {ORIGIN};"
        ),
        nginx("limit_except GET POST { deny all; }"),
        nginx("if ($request_method = OPTIONS) { return 204; }"),
        haproxy("http-response del-header Access-Control-Expose-Headers"),
        haproxy("http-response del-header Access-Control-Allow-Origin"),
        haproxy("http-response add-header Access-Control-Allow-Origin *"),
        haproxy("http-response del-header Access-Control-Allow-Headers"),
        haproxy("http-response set-header Access-Control-Allow-Methods GET,POST"),
        Caddy("header_down -Access-Control-Expose-Headers"),
        Caddy("header_down -Access-Control-Allow-Origin"),
        Caddy("header_down +Access-Control-Allow-Origin *"),
    ],
    ids=name_of,
)
def test_cors(proxy: Proxy, relay: str, tmp_path: Path) -> None:
    """What keeps a page from asking or from reading the replies is found."""
    with proxy.before([relay], tmp_path) as url:
        assert wrong(check_cors(Deployment(url, origin=ORIGIN))) == {CORS}


@pytest.mark.parametrize("proxy", [nginx(""), haproxy(""), Caddy()], ids=name_of)
def test_cors_set_up_right(proxy: Proxy, relay: str, tmp_path: Path) -> None:
    """A page of an allowed origin may do all that its client does. Another one may not."""
    with proxy.before([relay], tmp_path) as url:
        assert not wrong(check_cors(Deployment(url, origin=ORIGIN)))
        assert wrong(check_cors(Deployment(url, origin="https://other.example"))) == {CORS}


def test_a_page_of_the_same_origin(relay: str, tmp_path: Path) -> None:
    """It may ask, unless somebody on the way refuses it."""
    (tmp_path / "refusing").mkdir()
    with nginx("").before([relay], tmp_path) as url:
        assert not wrong(check_cors(Deployment(url, origin=url)))
    refusing = nginx("if ($http_origin) { return 403; }")
    with refusing.before([relay], tmp_path / "refusing") as url:
        assert wrong(check_cors(Deployment(url, origin=url))) == {CORS}


def test_http_1_0(relay: str, tmp_path: Path) -> None:
    """nginx as it comes speaks HTTP/1.0 to the relay."""
    with Nginx().before([relay], tmp_path) as url:
        assert HTTP in wrong(check_last_proxy(Deployment(url)))


@pytest.mark.parametrize(
    "proxy",
    [
        # These do not say whom they ask for.
        Nginx("proxy_http_version 1.1;"),
        # These hand on what the client says of itself.
        Nginx("proxy_http_version 1.1; proxy_set_header X-Forwarded-For $http_x_forwarded_for;"),
        HAProxy(),
        Caddy("header_up X-Forwarded-For {http.request.header.X-Forwarded-For}"),
    ],
    ids=name_of,
)
def test_a_client_that_is_not_named(proxy: Proxy, relay: str, tmp_path: Path) -> None:
    """A proxy that does not say whom it asks for is found, also if it believes its clients."""
    with proxy.before([relay], tmp_path) as url:
        assert wrong(check_last_proxy(Deployment(url))) == {PROXIES}


# The address of a client that is not on this machine (RFC 5737).
ELSEWHERE = "203.0.113.9"


@pytest.mark.parametrize(
    "proxy",
    [
        Nginx(f"proxy_http_version 1.1; proxy_set_header X-Forwarded-For {ELSEWHERE};"),
        HAProxy(f"http-request set-header X-Forwarded-For {ELSEWHERE}"),
        Caddy(f"header_up X-Forwarded-For {ELSEWHERE}"),
    ],
    ids=name_of,
)
def test_a_proxy_that_is_not_trusted(
    proxy: Proxy, relay: str, distrustful_relay: str, tmp_path: Path
) -> None:
    """It is found if the relay takes the proxy for the client, and is fine if it does not."""
    with proxy.before([distrustful_relay], tmp_path) as url:
        assert wrong(check_last_proxy(Deployment(url))) == {PROXIES}
    with proxy.before([relay], tmp_path) as url:
        assert not wrong(check_last_proxy(Deployment(url)))


def test_one_proxy_too_many(relay: str) -> None:
    """A relay that trusts a proxy where there is none believes what clients say of themselves."""
    deployment = Deployment(relay)
    assert wrong(check_last_proxy(deployment)) == {PROXIES}


@pytest.mark.parametrize("hours", [-1, 1])
def test_clocks(hours: int, distrustful_relay: str) -> None:
    """A clock that is an hour off is found, and one that is right is not."""
    deployment = Deployment(distrustful_relay)
    assert wrong(check_last_proxy(deployment, lambda: time.time() + 3600 * hours)) == {CLOCK}
    assert not wrong(check_last_proxy(deployment))
