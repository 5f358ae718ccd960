"""What the doctor concludes from what it has seen."""

import pytest

from doctor.background_reader import Arrival
from doctor.deployment import Seen, origin_of
from doctor.last_proxy import HTTP, PROXIES, check_http, check_proxies
from doctor.streaming import HELD_SECONDS, Claim, judge

LATE = HELD_SECONDS + 1


def seen(
    forwarded_for: str = "",
    proxies: int = 0,
    *,
    is_believed: bool = False,
    protocol: str = "HTTP/1.1",
) -> Seen:
    return Seen(protocol, forwarded_for, is_believed, proxies, 0)


def test_text_that_is_missing_for_long() -> None:
    """Text that a receipt has told of, and that does not come, is held back."""
    verdict = judge([Claim(1, 10, 0.1)], [], now=1 + LATE)
    assert verdict is not None
    assert verdict.is_held


def test_text_that_came_late() -> None:
    """Text that came long after a receipt told of it was held back, also if it is there by now."""
    verdict = judge([Claim(1, 10, 0.1)], [Arrival(1 + LATE, 10)], now=2 + LATE)
    assert verdict is not None
    assert verdict.is_held


def test_text_that_came_in_time() -> None:
    """Text that was there before its receipt is not held back."""
    arrivals = [Arrival(0.5, 5), Arrival(0.9, 10)]
    verdict = judge([Claim(1, 10, 0.1)], arrivals, now=1 + LATE)
    assert verdict is not None
    assert not verdict.is_held


def test_an_answer_that_was_too_short() -> None:
    """There is no verdict as long as a proxy might still hold the text back for a good reason."""
    arrivals = [Arrival(1, 10)]
    assert judge([Claim(1, 10, 0.1)], arrivals, now=1.5) is None
    assert judge([], arrivals, now=100) is None
    assert judge([Claim(1, 0, 0.1)], arrivals, now=100) is None


def test_a_slow_machine() -> None:
    """Where receipts themselves are late, late text is no proof."""
    assert judge([Claim(1, 10, 5)], [Arrival(1 + LATE, 10)], now=2 + LATE) is None


@pytest.mark.parametrize(
    ("plain", "invented", "is_direct"),
    [
        (seen(), seen("192.0.2.77", 1), True),
        (seen("203.0.113.9", 1, is_believed=True), seen("192.0.2.77", 2), False),
        (seen("203.0.113.9", 2, is_believed=True), None, False),
    ],
)
def test_clients_that_are_named(plain: Seen, invented: Seen | None, is_direct: bool) -> None:
    """Nothing is wrong if the relay knows the client, with and without a proxy."""
    assert check_proxies(plain, invented, is_direct=is_direct).result == "fine"


@pytest.mark.parametrize(
    ("plain", "invented", "is_direct", "fix"),
    [
        (seen("203.0.113.9", 1), seen(), False, "TRUSTED_PROXIES=1"),
        (seen("203.0.113.9", 2), seen(), False, "TRUSTED_PROXIES=2"),
        (seen(), seen(), False, "proxy_add_x_forwarded_for"),
        (seen(), seen("192.0.2.77", 1, is_believed=True), True, "TRUSTED_PROXIES"),
    ],
)
def test_clients_that_are_mistaken(plain: Seen, invented: Seen, is_direct: bool, fix: str) -> None:
    """The fix names the number of proxies, or what the proxy has to send."""
    finding = check_proxies(plain, invented, is_direct=is_direct)
    assert (finding.check, finding.result) == (PROXIES, "wrong")
    assert fix in finding.fix


def test_http_1_0_in_replies() -> None:
    """A proxy that speaks HTTP/1.0 to the reader is found, whatever it speaks to the relay."""
    assert [(each.check, each.result) for each in check_http("HTTP/1.0", seen("::1"))] == [
        (HTTP, "wrong")
    ]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Page.example:443/chat/", "https://page.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    """An origin is written as browsers write it."""
    assert origin_of(url) == origin
